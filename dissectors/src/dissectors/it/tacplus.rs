//! TACACS+: how administrators of network equipment log in, and whether that is hidden.
//!
//! Spec: RFC 8907 §4 (packets), §5 (authentication), §10 (what obfuscation is worth).
//! Tells us: access servers and servers, whether bodies are obfuscated; without that methods, passwords and what became of them.
//! Does not tell: users, who are personal; commands.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::login;
use observations::{Field, Kind, OperationClass, Subject, Transport};

pub(crate) struct Tacplus;

/// RFC 8907 §4.1: version, type, sequence, flags, session, length.
const HEADER: usize = 12;
/// RFC 8907 §4.1 lets bodies have 2^32 bytes; those in use have hundreds.
const BODY_MAX: usize = 64 * 1024;
const MAJOR: u8 = 0xc0;
const AUTHENTICATION: u8 = 1;
const ACCOUNTING: u8 = 3;
/// §4.2.
const UNENCRYPTED: u8 = 1;
const SINGLE_CONNECT: u8 = 4;

/// §5.2: what a reply decides.
const PASS: u8 = 1;
const FAIL: u8 = 2;
const GET_PASS: u8 = 5;
/// §5.1: kinds of authentication.
const METHODS: &[(u8, &str)] = &[(1, "ascii"), (2, "pap"), (3, "chap"), (5, "ms-chap"), (6, "ms-chap-v2")];
const PAP: u8 = 2;

const OPERATIONS: &[(&str, OperationClass)] =
    &[("authentication", OperationClass::Session), ("authorization", OperationClass::Session), ("accounting", OperationClass::Session)];

impl Dissector for Tacplus {
    type State = Session;

    const ROW: Row = Row {
        name: "tacplus",
        revision: 1,
        spec: "RFC 8907",
        tells: "log-ins of administrators, and whether they are hidden",
        bindings: &[Binding::Tcp(49)],
        shapes: &[Shape {
            over: Transport::Tcp,
            bytes: &[(0, 0xfe, MAJOR), (1, 0xfc, 0), (2, 0xff, 1), (3, 0xfa, 0), (8, 0xff, 0), (9, 0xff, 0)],
            min: HEADER,
            max: usize::MAX,
        }],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some(&[version, kind, sequence, flags, .., l0, l1, l2, l3]) = head.first_chunk::<HEADER>() else {
            return if head.is_empty() || head.first().is_some_and(|version| version & 0xfe == MAJOR) { Gate::More } else { Gate::NotMine };
        };
        let length = usize::try_from(u32::from_be_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
        let ours = version & 0xfe == MAJOR
            && (AUTHENTICATION..=ACCOUNTING).contains(&kind)
            && sequence > 0
            && flags & !(UNENCRYPTED | SINGLE_CONNECT) == 0
            && (5..=BODY_MAX).contains(&length)
            // Nobody sends half a body and then something else.
            && (head.len() - HEADER <= length || head.get(HEADER + length).is_some_and(|next| next & 0xfe == MAJOR));
        if ours { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        // §4.1: clients count odd, servers even.
        match head.get(2) {
            Some(sequence) if sequence % 2 == 1 => Side::Client,
            Some(_) => Side::Server,
            None => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        let Some(&[version, .., l0, l1, l2, l3]) = head.first_chunk::<HEADER>() else { return Framing::Need(HEADER) };
        match usize::try_from(u32::from_be_bytes([l0, l1, l2, l3])) {
            Ok(length @ ..=BODY_MAX) if version & 0xfe == MAJOR => Framing::Pdu { len: HEADER + length, want: HEADER + length },
            _ => Framing::Lost,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let &[_, kind, sequence, flags, ..] = head else { return Glance::READ };
        let operation = (sequence == 1).then(|| u16::from(kind).saturating_sub(1));
        let look = if flags & UNENCRYPTED == 0 { Look::Once(u32::from(kind)) } else { Look::Always };
        Glance { operation, look, inner: None }
    }

    fn read(&self, pdu: &[u8], session: &mut Session, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let Some((&[_, kind, sequence, flags, ..], body)) = pdu.split_first_chunk::<HEADER>() else {
            return Err(DissectError::Truncated { needed: HEADER });
        };
        let server = if sequence % 2 == 1 { cx.receiver() } else { cx.sender() };
        let open = flags & UNENCRYPTED != 0;
        let level = if open { "none" } else { "md5-obfuscation" };
        cx.say(&server, Kind::Security).implied(Field::SecurityLevel, &login::word(level)).number(
            Field::Flags,
            u64::from(flags),
            pdu.get(3..4).unwrap_or_default(),
        );
        if !open || kind != AUTHENTICATION {
            return Ok(Next::Watch);
        }
        match sequence {
            1 => session.starts(body, &server, cx),
            _ if sequence % 2 == 1 => session.continues(body, &server, cx),
            _ => session.replied(body, &server, cx),
        }
        Ok(Next::Watch)
    }
}

/// A log-in whose bodies are not hidden.
#[derive(Default)]
pub(crate) struct Session {
    method: Option<&'static str>,
    user: Vec<u8>,
    password_next: bool,
}

impl Session {
    /// §5.1: action, privilege, kind, service, and four lengths before what they measure.
    fn starts(&mut self, body: &[u8], server: &Subject, cx: &mut Context<'_>) {
        let Some((&[_, _, kind, _, user, port, address, data], rest)) = body.split_first_chunk::<8>() else { return };
        let Some((_, method)) = METHODS.iter().find(|row| row.0 == kind) else { return };
        let (user, before) = (usize::from(user), usize::from(user) + usize::from(port) + usize::from(address));
        self.method = Some(method);
        self.user = rest.get(..user).unwrap_or_default().to_vec();
        drop(login::say(cx, server, method, login::ATTEMPTED));
        if kind == PAP {
            let secret = rest.get(before..before + usize::from(data)).unwrap_or_default();
            cx.secret(server, "tacacs+ pap", Some(&self.user), secret);
        }
    }

    /// §5.3: length of what the user typed, length of data, flags.
    fn continues(&mut self, body: &[u8], server: &Subject, cx: &mut Context<'_>) {
        let Some((&[high, low, _, _, _], rest)) = body.split_first_chunk::<5>() else { return };
        let typed = rest.get(..usize::from(u16::from_be_bytes([high, low]))).unwrap_or_default();
        if std::mem::take(&mut self.password_next) {
            cx.secret(server, "tacacs+ password", Some(&self.user), typed);
        } else {
            self.user = typed.to_vec();
        }
    }

    fn replied(&mut self, body: &[u8], server: &Subject, cx: &mut Context<'_>) {
        let Some(status) = body.first() else { return };
        self.password_next = *status == GET_PASS;
        if matches!(*status, PASS | FAIL) {
            let method = self.method.take().unwrap_or("tacacs+");
            login::say(cx, server, method, login::outcome(*status == PASS)).number(
                Field::ServiceResult,
                u64::from(*status),
                std::slice::from_ref(status),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, outcomes};
    use observations::Observation;

    fn packet(sequence: u8, flags: u8, body: &[u8]) -> Vec<u8> {
        [&[MAJOR, 1, sequence, flags, 1, 2, 3, 4][..], &u32::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
    }

    fn talk(port: u16, packets: &[Vec<u8>]) -> Vec<Observation> {
        let packets: Vec<_> = packets.iter().map(|p| if p[2] % 2 == 1 { (50000, port, &p[..]) } else { (port, 50000, &p[..]) }).collect();
        conversation(&Tacplus, Transport::Tcp, &packets)
    }

    #[test]
    fn what_is_hidden_is_told_as_hidden() {
        let said = talk(49, &[packet(1, 0, &[9; 30]), packet(2, 0, &[8; 20])]);
        assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["md5-obfuscation"]);
        assert!(outcomes(&said).is_empty());
    }

    #[test]
    fn a_log_in_in_the_clear_shows_its_password_to_the_tagger_alone() {
        let start = [&[1, 1, 1, 1, 3, 0, 0, 0][..], b"ann"].concat();
        let typed = [&[0, 8, 0, 0, 0][..], b"hunter22"].concat();
        let said = talk(4949, &[packet(1, 1, &start), packet(2, 1, &[5, 1, 0, 0, 0, 0]), packet(3, 1, &typed), packet(4, 1, &[1, 0, 0, 0, 0, 0])]);
        assert_eq!(outcomes(&said), ["ascii accepted", "ascii attempted"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["tacacs+ password"]);
        let pap = [&[1, 1, 2, 1, 3, 0, 0, 8][..], b"annhunter22"].concat();
        let said = talk(49, &[packet(1, 1, &pap), packet(2, 1, &[2, 0, 0, 0, 0, 0])]);
        assert_eq!(outcomes(&said), ["pap attempted", "pap refused"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["tacacs+ pap"]);
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [
            &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
            &[0xc0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 9],
            &[0xc0, 1, 1, 2, 0, 0, 0, 0, 0, 0, 0, 9],
            &[0xc0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9],
        ] {
            assert_eq!(gate(&Tacplus, stranger, 49), Gate::NotMine);
        }
        assert_eq!(gate(&Tacplus, &[0xc1, 1], 49), Gate::More);
    }
}
