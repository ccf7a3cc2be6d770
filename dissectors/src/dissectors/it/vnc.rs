//! VNC: screens that are shared, how a client must show who it is, and whether it is let in.
//!
//! Spec: RFC 6143 §7 (RFB), the community's RFB protocol (security types; VeNCrypt's subtypes).
//! Tells us: version, security types offered and chosen, whether the log-in was accepted, TLS, the desktop's name.
//! Does not tell: what the screen shows; passwords, which do not cross (of VNC's own only a challenge and its answer).

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Next, Row, Shape, Side};
use crate::{login, starttls};
use observations::{Field, Kind, Subject, Transport};

pub(crate) struct Vnc;

/// RFC 6143 §7.1.1: `RFB 003.008` and a line feed.
const VERSION: usize = 12;
/// RFC 6143 §7.2.2.
const CHALLENGE: usize = 16;
/// RFC 6143 §7.3.2: before the name.
const SERVER_INIT: usize = 24;
/// Reasons and names are a line; what is longer is cut.
const TEXT_MAX: usize = 1024;

const INVALID: u8 = 0;
const NO_AUTHENTICATION: u8 = 1;
const VNC_AUTHENTICATION: u8 = 2;
const TLS: u8 = 18;
const VENCRYPT: u8 = 19;
/// IANA's registry of RFB security types.
const TYPES: &[(u8, &str)] = &[
    (NO_AUTHENTICATION, login::NONE),
    (VNC_AUTHENTICATION, "vnc"),
    (5, "ra2"),
    (6, "ra2ne"),
    (16, "tight"),
    (17, "ultra"),
    (TLS, "tls"),
    (VENCRYPT, "vencrypt"),
    (20, "sasl"),
    (21, "md5-hash"),
    (22, "xvp"),
    (23, "secure-tunnel"),
    (24, "integrated-ssh"),
    (30, "apple-diffie-hellman"),
    (35, "apple-kerberos"),
    (113, "mslogon-ii"),
    (129, "ra2-256"),
    (130, "ra2ne-256"),
];
/// VeNCrypt 0.2: how to log in, below TLS with or without certificates.
const SUBTYPES: &[(u32, &str)] = &[
    (256, "plain"),
    (257, "tls-none"),
    (258, "tls-vnc"),
    (259, "tls-plain"),
    (260, "x509-none"),
    (261, "x509-vnc"),
    (262, "x509-plain"),
    (263, "tls-sasl"),
    (264, "x509-sasl"),
];

impl Dissector for Vnc {
    type State = Session;

    const ROW: Row = Row {
        name: "vnc",
        revision: 1,
        spec: "RFC 6143",
        tells: "security types offered and chosen, desktop names",
        bindings: &[Binding::Tcp(5900), Binding::Tcp(5901), Binding::Tcp(5902)],
        shapes: &[Shape {
            over: Transport::Tcp,
            bytes: &[(0, 0xff, b'R'), (1, 0xff, b'F'), (2, 0xff, b'B'), (3, 0xff, b' '), (7, 0xff, b'.'), (11, 0xff, b'\n')],
            min: VERSION,
            max: VERSION,
        }],
        operations: &[],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        match version(head) {
            Some(_) if head.len() == VERSION => Gate::Mine,
            None if head.len() < VERSION && b"RFB 003.008\n".starts_with(head.get(..4.min(head.len())).unwrap_or_default()) => Gate::More,
            _ => Gate::NotMine,
        }
    }

    fn frame_in(&self, head: &[u8], at: &At, state: Option<&Session>) -> Framing {
        let Some(session) = state else { return Framing::Pdu { len: VERSION, want: VERSION } };
        let half = if at.from_client == Some(false) { session.server } else { session.client };
        match half {
            Phase::Version => whole(VERSION, head),
            Phase::Types if session.minor == 3 => whole(4, head),
            Phase::Types => match head.first() {
                Some(&INVALID) => sized(head, 1),
                Some(&count) => whole(1 + usize::from(count), head),
                None => Framing::Need(1),
            },
            Phase::Choice => whole(1, head),
            Phase::Challenge => whole(CHALLENGE, head),
            Phase::Result if session.minor >= 8 && head.get(..4).is_some_and(|result| result != [0; 4]) => sized(head, 4),
            Phase::Result => whole(4, head),
            Phase::Init if at.from_client == Some(false) => sized(head, SERVER_INIT - 4),
            Phase::Init => whole(1, head),
            Phase::Inner if matches!(head, [20..=24, 3, ..]) => starttls::frame(head),
            Phase::Inner | Phase::Over => Framing::datagram(head),
        }
    }

    fn side(&self, _: &[u8]) -> Side {
        // The server speaks first, and its word is the first that is recognised, unless the capture shows only the client.
        Side::Unknown
    }

    fn read(&self, pdu: &[u8], session: &mut Session, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        match cx.from_client() {
            Some(false) => session.answered(pdu, cx),
            _ => session.asked(pdu, cx),
        }
    }
}

fn whole(len: usize, head: &[u8]) -> Framing {
    if head.len() < len { Framing::Need(len) } else { Framing::Pdu { len, want: len } }
}

/// Text behind its length of four bytes, which stands at `at`.
fn sized(head: &[u8], at: usize) -> Framing {
    match head.get(at..).and_then(|rest| rest.first_chunk::<4>()) {
        Some(length) => match usize::try_from(u32::from_be_bytes(*length)) {
            Ok(length @ ..=0xff_ffff) => Framing::Pdu { len: at + 4 + length, want: at + 4 + length.min(TEXT_MAX) },
            _ => Framing::Lost,
        },
        None => Framing::Need(at + 4),
    }
}

/// What a side says next.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Phase {
    #[default]
    Version,
    /// The server's security types, or in version 3.3 the one that it has chosen.
    Types,
    Choice,
    Challenge,
    Result,
    Init,
    /// A log-in of a security type's own.
    Inner,
    Over,
}

/// A connection until its log-in is over.
#[derive(Default)]
pub(crate) struct Session {
    client: Phase,
    server: Phase,
    minor: u8,
    chosen: u8,
    accepted: bool,
}

impl Session {
    fn answered(&mut self, pdu: &[u8], cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let server = cx.sender();
        match self.server {
            Phase::Version => {
                let minor = version(pdu).ok_or(DissectError::NotMine)?;
                self.minor = minor;
                cx.say(&server, Kind::Service).text(Field::ProtocolVersion, pdu.get(4..11).unwrap_or_default());
                self.server = Phase::Types;
            }
            Phase::Types if self.minor == 3 => {
                let code = pdu.get(3).copied().unwrap_or_default();
                self.offered(pdu.get(3..4).unwrap_or_default(), &server, cx);
                self.choose(code, pdu.get(3..4).unwrap_or_default(), &server, cx);
                self.client = if code == VNC_AUTHENTICATION { Phase::Challenge } else { Phase::Init };
            }
            Phase::Types => {
                self.offered(pdu.get(1..).unwrap_or_default(), &server, cx);
                // Nothing is offered, and the reason is given.
                self.server = if pdu.first() == Some(&INVALID) { Phase::Over } else { Phase::Types };
            }
            Phase::Challenge => self.server = Phase::Result,
            Phase::Result => {
                self.accepted = pdu.get(..4) == Some(&[0; 4]);
                self.decided(pdu.get(..4).unwrap_or_default(), &server, cx);
                self.server = if self.accepted { Phase::Init } else { Phase::Over };
            }
            Phase::Init => {
                if !self.accepted && self.chosen == NO_AUTHENTICATION {
                    self.accepted = true;
                    self.decided(&[], &server, cx);
                }
                let name = pdu.get(SERVER_INIT..).unwrap_or_default();
                cx.say(&server, Kind::Identity).trimmed(Field::DesktopName, name);
                self.server = Phase::Over;
            }
            Phase::Inner => return Ok(self.inner(pdu, cx)),
            Phase::Choice | Phase::Over => {}
        }
        Ok(if self.server == Phase::Over { Next::Count } else { Next::Read })
    }

    fn asked(&mut self, pdu: &[u8], cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let server = cx.receiver();
        match self.client {
            Phase::Version => {
                // RFC 6143 §7.1.1: the client's version is the one that is spoken.
                self.minor = version(pdu).ok_or(DissectError::NotMine)?;
                self.client = if self.minor == 3 { Phase::Challenge } else { Phase::Choice };
            }
            Phase::Choice => {
                let code = pdu.first().copied().unwrap_or_default();
                self.choose(code, pdu.get(..1).unwrap_or_default(), &server, cx);
            }
            Phase::Challenge => self.client = Phase::Init,
            Phase::Inner => return Ok(self.inner(pdu, cx)),
            _ => {}
        }
        Ok(Next::Read)
    }

    fn offered(&self, types: &[u8], server: &Subject, cx: &mut Context<'_>) {
        for code in types {
            if *code != INVALID {
                login::say(cx, server, name(*code), login::OFFERED).number(Field::RfbSecurityType, u64::from(*code), std::slice::from_ref(code));
            }
        }
    }

    fn choose(&mut self, code: u8, at: &[u8], server: &Subject, cx: &mut Context<'_>) {
        self.chosen = code;
        login::say(cx, server, name(code), login::ATTEMPTED).number(Field::RfbSecurityType, u64::from(code), at);
        (self.client, self.server) = match code {
            // RFC 6143 §7.2.1: a result only since version 3.8.
            NO_AUTHENTICATION if self.minor >= 8 => (Phase::Init, Phase::Result),
            NO_AUTHENTICATION => (Phase::Init, Phase::Init),
            VNC_AUTHENTICATION => (Phase::Challenge, Phase::Challenge),
            INVALID => (Phase::Over, Phase::Over),
            _ => (Phase::Inner, Phase::Inner),
        };
    }

    fn decided(&self, result: &[u8], server: &Subject, cx: &mut Context<'_>) {
        let code = result.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let saying = login::say(cx, server, name(self.chosen), login::outcome(self.accepted));
        drop(saying.maybe(Some(result).filter(|result| !result.is_empty()), |s, at| s.number(Field::ServiceResult, code, at)));
    }

    /// What a security type says of its own: VeNCrypt's choice, and TLS.
    fn inner(&mut self, pdu: &[u8], cx: &mut Context<'_>) -> Next {
        let from_client = cx.from_client() != Some(false);
        match self.chosen {
            TLS | VENCRYPT if matches!(pdu, [20..=24, 3, ..]) => return starttls::read(pdu, cx),
            VENCRYPT if from_client && pdu.len() == 4 => {
                let code = pdu.first_chunk().map_or(0, |code| u32::from_be_bytes(*code));
                if let Some((_, word)) = SUBTYPES.iter().find(|row| row.0 == code) {
                    let server = cx.receiver();
                    login::say(cx, &server, word, login::ATTEMPTED).number(Field::RfbSecurityType, u64::from(code), pdu);
                }
            }
            TLS | VENCRYPT => {}
            _ => return Next::Count,
        }
        Next::Read
    }
}

/// The minor version of `RFB 003.00x` (RFC 6143 §7.1.1); Apple says 889, RealVNC 4 and 5 as major, and mean 3.8.
fn version(head: &[u8]) -> Option<u8> {
    let &[b'R', b'F', b'B', b' ', a, b, c, b'.', d, e, f, b'\n'] = head.first_chunk::<VERSION>()? else { return None };
    if ![a, b, c, d, e, f].iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(match [a, b, c, d, e, f] {
        [b'0', b'0', b'3', b'0', b'0', b'7'] => 7,
        [b'0', b'0', b'3', b'0', b'0', b'3'..=b'6'] => 3,
        _ => 8,
    })
}

fn name(code: u8) -> &'static str {
    TYPES.iter().find(|row| row.0 == code).map_or("other", |row| row.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, outcomes};
    use observations::Observation;

    const V8: &[u8] = b"RFB 003.008\n";

    fn talk(port: u16, parts: &[(bool, &[u8])]) -> Vec<Observation> {
        let parts: Vec<_> = parts.iter().map(|(up, bytes)| if *up { (50000, port, *bytes) } else { (port, 50000, *bytes) }).collect();
        conversation(&Vnc, Transport::Tcp, &parts)
    }

    fn init(name: &str) -> Vec<u8> {
        [&[4, 0, 3, 0][..], &[0; 16], &u32::try_from(name.len()).unwrap().to_be_bytes(), name.as_bytes()].concat()
    }

    #[test]
    fn a_desktop_without_a_password_is_told() {
        let said = talk(
            5900,
            &[(false, V8), (true, V8), (false, &[2, 1, 2]), (true, &[1]), (false, &[0; 4]), (true, &[1]), (false, &init("hmi7 (operator)"))],
        );
        assert_eq!(outcomes(&said), ["none accepted", "none attempted", "none offered", "vnc offered"]);
        assert_eq!(field(&said, Kind::Identity, Field::DesktopName), ["hmi7 (operator)"]);
        assert_eq!(field(&said, Kind::Service, Field::ProtocolVersion), ["003.008"]);
    }

    #[test]
    fn a_challenge_is_answered_and_refused() {
        let refusal = [&[0, 0, 0, 1, 0, 0, 0, 6][..], b"denied"].concat();
        let said = talk(5900, &[(false, V8), (true, V8), (false, &[1, 2]), (true, &[2]), (false, &[7; 16]), (true, &[9; 16]), (false, &refusal)]);
        assert_eq!(outcomes(&said), ["vnc attempted", "vnc offered", "vnc refused"]);
    }

    #[test]
    fn in_the_first_version_the_server_chooses() {
        let v3 = b"RFB 003.003\n";
        let said = talk(
            5900,
            &[
                (false, v3),
                (true, v3),
                (false, &[0, 0, 0, 2]),
                (false, &[7; 16]),
                (true, &[9; 16]),
                (false, &[0; 4]),
                (true, &[1]),
                (false, &init("x")),
            ],
        );
        assert_eq!(outcomes(&said), ["vnc accepted", "vnc attempted", "vnc offered"]);
        let said = talk(5900, &[(false, v3), (true, v3), (false, &[0, 0, 0, 1]), (true, &[1]), (false, &init("panel"))]);
        assert_eq!(outcomes(&said), ["none accepted", "none attempted", "none offered"]);
    }

    #[test]
    fn vencrypt_names_what_it_protects_with() {
        let said = talk(
            5900,
            &[
                (false, V8),
                (true, V8),
                (false, &[1, 19]),
                (true, &[19]),
                (false, &[0, 2]),
                (true, &[0, 2]),
                (false, &[0]),
                (false, &[1, 0, 0, 1, 5]),
                (true, &[0, 0, 1, 5]),
            ],
        );
        assert_eq!(outcomes(&said), ["vencrypt attempted", "vencrypt offered", "x509-vnc attempted"]);
    }

    #[test]
    fn it_is_found_elsewhere_and_strangers_are_refused() {
        assert_eq!(gate(&Vnc, V8, 6080), Gate::Mine);
        for stranger in [&b"SSH-2.0-OpenSSH_9.2\r\n"[..], b"RFB is not what this is", b"RFB 00a.008\n", &[0x16, 3, 1, 2, 0, 1, 10]] {
            assert_eq!(gate(&Vnc, stranger, 5900), Gate::NotMine);
        }
        assert_eq!(gate(&Vnc, b"RFB 0", 5900), Gate::More);
    }
}
