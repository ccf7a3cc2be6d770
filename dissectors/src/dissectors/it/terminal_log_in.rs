//! A log-in at a terminal, as telnet and rlogin carry it: prompts of the server, lines that a client types, what the server says then.
//!
//! Spec: none; prompts are those of getty, login(1), and of network equipment. Names and passwords that are typed are told nowhere.

use crate::context::{Context, trim};
use crate::login;
use observations::{Field, Kind, Subject};

/// What is kept of a line; longer names and passwords are cut, and prompts stand at a line's end.
const LINE_MAX: usize = 256;
/// Lines before a prompt that are told: the product stands in the first few, then come warnings to intruders.
const BANNER_LINES_MAX: usize = 6;
/// What a server sends before its log-in is over; more without a prompt is a session that was met in the middle.
pub(super) const LOG_IN_BYTES_MAX: usize = 64 * 1024;

const USER_PROMPTS: &[&str] = &["login:", "username:", "user name:", "user:", "login name:", "login id:", "user id:"];
const PASSWORD_PROMPTS: &[&str] = &["password:", "passwd:", "passcode:", "password", "pass:", "password for user:"];
/// What refuses, somewhere in a line.
const REFUSALS: &[&str] = &[
    "incorrect",
    "invalid",
    "failed",
    "failure",
    "denied",
    "bad password",
    "bad user",
    "wrong password",
    "not authorized",
    "authentication error",
    "unknown user",
    "refused",
    "bad secrets",
];
/// Words before `login:` that say what to type, and not on which host.
const NO_HOSTS: &[&str] = &[
    "account",
    "admin",
    "console",
    "device",
    "enter",
    "guest",
    "last",
    "operator",
    "please",
    "remote",
    "root",
    "router",
    "switch",
    "system",
    "telnet",
    "the",
    "to",
    "user",
    "user's",
    "web",
    "your",
    "localhost",
];

/// Where a log-in is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Phase {
    /// No prompt yet.
    #[default]
    Greeting,
    /// The client types its name.
    User,
    /// A name was typed, and a password may be asked for.
    Named,
    Password,
    /// A password was typed: the server decides.
    Deciding,
    Over,
}

/// A log-in so far.
#[derive(Default)]
pub(crate) struct LogIn {
    phase: Phase,
    /// The line that the server is writing, and whether it is the first since the client typed.
    line: Vec<u8>,
    typed: Vec<u8>,
    user: Option<Vec<u8>>,
    banner_lines: usize,
    bytes: usize,
}

impl LogIn {
    /// Whether the log-in is over, or so much was sent without one that none is to come.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over) || self.bytes > LOG_IN_BYTES_MAX
    }

    /// Text that the server writes.
    pub(super) fn written(&mut self, text: &[u8], server: &Subject, cx: &mut Context<'_>) {
        self.bytes = self.bytes.saturating_add(text.len());
        for piece in text.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let room = LINE_MAX.saturating_sub(self.line.len());
            let in_place = self.line.is_empty();
            self.line.extend_from_slice(piece.get(..room).unwrap_or(piece));
            if matches!(piece.last(), Some(b'\n' | b'\r')) {
                self.line_ends(if in_place { trim(piece) } else { &[] }, server, cx);
                self.line.clear();
            }
        }
        let prompt = String::from_utf8_lossy(trim(&self.line)).to_lowercase();
        if self.is_over() || prompt.is_empty() {
            return;
        }
        if PASSWORD_PROMPTS.iter().any(|end| prompt.ends_with(end)) {
            self.prompted(Phase::Password, server, cx);
        } else if USER_PROMPTS.iter().any(|end| prompt.ends_with(end)) {
            if self.phase == Phase::Greeting {
                let last = text.rsplit(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
                greeted(trim(last), server, cx);
            }
            self.prompted(Phase::User, server, cx);
        } else if matches!(self.phase, Phase::Named | Phase::Deciding) && prompt.ends_with(['$', '#', '>', '%']) {
            self.decided(true, server, cx);
        }
    }

    /// A line of the server is whole; `line` is empty where it came in pieces.
    fn line_ends(&mut self, line: &[u8], server: &Subject, cx: &mut Context<'_>) {
        let lower = String::from_utf8_lossy(&self.line).to_lowercase();
        match self.phase {
            Phase::Greeting if self.banner_lines < BANNER_LINES_MAX && is_telling(line) => {
                self.banner_lines += 1;
                cx.say(server, Kind::Service).text(Field::TelnetBanner, line);
            }
            Phase::Deciding if REFUSALS.iter().any(|word| lower.contains(word)) => self.decided(false, server, cx),
            Phase::Deciding if lower.contains("last login") || lower.contains("welcome") => self.decided(true, server, cx),
            _ => {}
        }
    }

    fn prompted(&mut self, phase: Phase, server: &Subject, cx: &mut Context<'_>) {
        // Who is asked again was refused.
        if self.phase == Phase::Deciding {
            self.decided(false, server, cx);
        }
        if phase == Phase::User {
            self.user = None;
        }
        self.phase = phase;
        self.typed.clear();
    }

    fn decided(&mut self, accepted: bool, server: &Subject, cx: &mut Context<'_>) {
        let method = if self.phase == Phase::Named { login::NONE } else { login::PASSWORD };
        drop(login::say(cx, server, method, login::outcome(accepted)));
        self.phase = if accepted { Phase::Over } else { Phase::Named };
    }

    /// What the client types, key by key or line by line.
    pub(super) fn typed(&mut self, keys: &[u8], server: &Subject, cx: &mut Context<'_>) {
        const BACKSPACE: u8 = 8;
        const DELETE: u8 = 127;
        for key in keys {
            match (*key, self.phase) {
                (b'\r' | b'\n', Phase::User) if !self.typed.is_empty() => {
                    self.user = Some(std::mem::take(&mut self.typed));
                    self.phase = Phase::Named;
                }
                (b'\r' | b'\n', Phase::Password) if !self.typed.is_empty() => {
                    let secret = std::mem::take(&mut self.typed);
                    drop(login::say(cx, server, login::PASSWORD, login::ATTEMPTED));
                    cx.secret(server, "telnet password", self.user.as_deref(), &secret);
                    self.phase = Phase::Deciding;
                }
                (BACKSPACE | DELETE, _) => drop(self.typed.pop()),
                (b' '.., Phase::User | Phase::Password) if self.typed.len() < LINE_MAX => self.typed.push(*key),
                _ => {}
            }
        }
    }

    /// The name that a client gave before anything was typed (rlogin).
    pub(super) fn named(&mut self, user: &[u8]) {
        self.user = Some(user.get(..LINE_MAX).unwrap_or(user).to_vec());
        self.phase = Phase::Named;
    }
}

/// A prompt, and the host that getty names before `login:`.
fn greeted(prompt: &[u8], server: &Subject, cx: &mut Context<'_>) {
    if is_telling(prompt) {
        cx.say(server, Kind::Service).text(Field::TelnetBanner, prompt);
    }
    let Some(host) = prompt.strip_suffix(b" login:") else { return };
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let known = std::str::from_utf8(host).is_ok_and(|host| NO_HOSTS.contains(&host.to_lowercase().as_str()));
    if !known && host.first().is_some_and(u8::is_ascii_alphanumeric) && host.iter().all(name) {
        cx.say(&Subject { endpoint: None, ..server.clone() }, Kind::Identity).text(Field::Hostname, host);
    }
}

/// Whether a line says something: letters, and no control characters.
fn is_telling(line: &[u8]) -> bool {
    line.len() > 2 && line.len() < LINE_MAX && crate::lines::is_text(line) && line.iter().any(u8::is_ascii_alphabetic)
}
