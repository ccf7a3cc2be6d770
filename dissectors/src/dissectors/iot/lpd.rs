//! LPD: who prints into which queue.
//!
//! Spec: RFC 1179.
//! Tells us: names of queues that are used, commands, the name that a client calls itself.
//! Does not tell: what is printed and by whom; nobody proves who he is.

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Next, Row};
use observations::{Field, Kind, OperationClass};

pub(crate) struct Lpd;

const PORT: u16 = 515;
/// §3.1: a command is a byte, operands and a line feed.
const LINE_MAX: usize = 256;
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("print_waiting_jobs", OperationClass::Control),
    ("receive_job", OperationClass::Write),
    ("send_queue_state_short", OperationClass::Diagnose),
    ("send_queue_state_long", OperationClass::Diagnose),
    ("remove_jobs", OperationClass::Control),
];

impl Dissector for Lpd {
    type State = Job;

    const ROW: Row = Row {
        name: "lpd",
        revision: 1,
        spec: "RFC 1179",
        tells: "names of queues, commands, names of clients",
        bindings: &[Binding::Tcp(PORT)],
        // One byte and text is no mark.
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        // The printer acknowledges with a zero, or answers in plain text: only the client's side tells.
        if at.src_port == PORT {
            return Gate::NotMine;
        }
        let Some((code, line)) = line(head) else {
            return if head.len() < 2 && head.first().is_none_or(|code| (1..=5).contains(code)) { Gate::More } else { Gate::NotMine };
        };
        // A command comes alone: its answer is waited for.
        let queue = line.split(|byte| *byte == b' ').next().unwrap_or_default();
        let mine =
            (1..=5).contains(&code) && !queue.is_empty() && line.iter().all(|byte| (0x20..0x7f).contains(byte)) && head.len() == line.len() + 2;
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn frame_in(&self, head: &[u8], at: &At, _: Option<&Job>) -> Framing {
        if at.from_client == Some(false) {
            return Framing::datagram(head);
        }
        match head.iter().take(LINE_MAX).position(|byte| *byte == b'\n') {
            Some(end) => Framing::Pdu { len: end + 1, want: end + 1 },
            None if head.len() < LINE_MAX => Framing::Need(head.len() + 1),
            None => Framing::Lost,
        }
    }

    fn glance(&self, _: &[u8], at: &At) -> Glance {
        if at.from_client == Some(false) { Glance::SKIP } else { Glance::READ }
    }

    fn read(&self, pdu: &[u8], job: &mut Job, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if cx.from_client() == Some(false) {
            return Ok(Next::Read);
        }
        let (code, line) = line(pdu).ok_or(DissectError::Truncated { needed: 1 })?;
        if !job.receiving {
            let server = cx.receiver();
            let queue = line.split(|byte| *byte == b' ').next().unwrap_or_default();
            cx.operation(usize::from(code).saturating_sub(1));
            cx.say(&server, Kind::Request).text(Field::ServiceName, queue);
            job.receiving = code == 2;
            return Ok(if job.receiving { Next::Read } else { Next::Count });
        }
        // §6.2 and §7.3: the name of a control or data file ends with that of the host: cfA123host.
        let name = line.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        if matches!(name, [b'c' | b'd', b'f', ..]) {
            let client = cx.sender_host();
            cx.say(&client, Kind::Client).text(Field::ClientName, trim(name.get(6..).unwrap_or_default()));
        }
        // The job itself follows.
        Ok(Next::Count)
    }
}

/// What the client is about.
#[derive(Default)]
pub(crate) struct Job {
    receiving: bool,
}

/// Code and operands of a line.
fn line(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let end = bytes.iter().take(LINE_MAX).position(|byte| *byte == b'\n')?;
    let (&code, operands) = bytes.get(..end)?.split_first()?;
    Some((code, operands))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate};
    use observations::Transport;

    #[test]
    fn a_job_names_its_queue_and_its_client() {
        let said = conversation(
            &Lpd,
            Transport::Tcp,
            &[
                (50000, PORT, b"\x02raw\n"),
                (PORT, 50000, b"\0"),
                (50000, PORT, b"\x0270 cfA017mes-client\n"),
                (50000, PORT, b"Hmes-client\nPanna\n\0"),
            ],
        );
        assert_eq!(field(&said, Kind::Request, Field::ServiceName), ["raw"]);
        assert_eq!(field(&said, Kind::Client, Field::ClientName), ["mes-client"]);
        let all: String = said.iter().flat_map(|said| &said.fields_first).map(|field| String::from_utf8_lossy(&field.quote).into_owned()).collect();
        assert!(!all.contains("anna"), "{all}");
    }

    #[test]
    fn strangers_on_its_port_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..], b"\x02\n", b"\x09raw\n", b"\x02raw\nmore", &[0; 40], &[2; 300]] {
            assert_eq!(gate(&Lpd, stranger, PORT), Gate::NotMine, "{stranger:?}");
        }
    }
}
