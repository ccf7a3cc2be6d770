//! The engine's promise: a conversation that was open before the capture began is picked up, its polls cost a look-up and no memory, and
//! what happens after the millionth is seen as what happens after the first.

use crate::captures::document;
use crate::command;
use crate::packets::{Connection, Made, header, modbus, record};
use daemon::capture::{Settings, open_reader};
use daemon::pipeline::{self, Options};
use observations::Said;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::Stdio;

/// A million with `CI_FULL`; unoptimised tests make do with fewer.
fn polls() -> u32 {
    if std::env::var_os("CI_FULL").is_some() || !cfg!(debug_assertions) { 1_000_000 } else { 200_000 }
}

/// Unit of a server that is no gateway.
const UNIT: u8 = 0xff;

/// Request and response of one poll: mostly registers, now and then coils and input registers.
fn poll(connection: &mut Connection, number: u32) -> (&'static str, [Vec<u8>; 2]) {
    let (name, function) = match number {
        n if n % 10 == 3 => ("read_input_registers", 4),
        n if n % 7 == 2 => ("read_coils", 1),
        _ => ("read_holding_registers", 3),
    };
    let [.., high, low] = number.to_be_bytes();
    let transaction = u16::from_be_bytes([high, low]);
    let answer: &[u8] = if function == 1 { &[1, 1, high] } else { &[function, 4, 0, high, 0, low] };
    let request = connection.segment(true, &modbus(transaction, UNIT, &[function, 0, 16, 0, 2]));
    (name, [request, connection.segment(false, &modbus(transaction, UNIT, answer))])
}

/// One device identification and one write.
fn rarities(connection: &mut Connection) -> Vec<Vec<u8>> {
    let mut identity = vec![0x2b, 0x0e, 1, 1, 0, 0, 3];
    for (id, value) in [(0, "Schneider Electric"), (1, "BMXP342020"), (2, "V2.70")] {
        identity.extend([id, u8::try_from(value.len()).expect("short")]);
        identity.extend(value.as_bytes());
    }
    vec![
        connection.segment(true, &modbus(1, UNIT, &[0x2b, 0x0e, 1, 0])),
        connection.segment(false, &modbus(1, UNIT, &identity)),
        connection.segment(true, &modbus(2, UNIT, &[6, 0, 1, 0, 99])),
        connection.segment(false, &modbus(2, UNIT, &[6, 0, 1, 0, 99])),
    ]
}

#[test]
fn one_identification_and_one_write_are_found_after_a_million_polls_that_nobody_saw_begin() {
    let polls = polls();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for number in 0..polls {
        // Counted apart from what is read: a second connection, thrown away.
        *counts.entry(poll(&mut Connection::new(), number).0.to_owned()).or_default() += 1;
    }
    counts.insert("read_device_identification".into(), 1);
    counts.insert("write_single_register".into(), 1);

    let mut connection = Connection::new();
    let packets =
        (0..=polls).flat_map(move |number| if number < polls { poll(&mut connection, number).1.to_vec() } else { rarities(&mut connection) });
    let mut reader = open_reader("made", Box::new(Made::new(packets)), &Settings::default()).expect("a capture");
    let outcome = pipeline::read(&mut reader, &Options::new(), |_| {});
    assert!(outcome.damages.is_empty());
    assert_eq!(outcome.said.source.packets, u64::from(polls) * 2 + 4);
    assert_eq!(outcome.said.source.malformed, BTreeMap::new());
    assert_eq!(outcome.said.source.limits, BTreeMap::new());

    let document = document(&Said::of(outcome.said));
    let [talk] = document.conversations.as_slice() else { panic!("one conversation, not {}", document.conversations.len()) };
    assert_eq!((talk.protocol.as_str(), talk.port, talk.server.address.as_str()), ("modbus", 502, "10.1.0.11"));
    assert_eq!(talk.operations, counts);
    let server = document.devices.iter().find(|device| device.ips == ["10.1.0.11"]).expect("the server");
    for (attribute, value) in [("vendor", "Schneider Electric"), ("order_number", "BMXP342020"), ("firmware", "V2.70")] {
        assert_eq!(server.attributes.get(attribute).map(|record| record.value.as_str()), Some(value), "{attribute}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_conversation_takes_no_more_memory_after_as_many_polls_again() {
    /// What allocators and buffers may move; a byte a poll would be more.
    const SLACK_KB: u64 = 64;
    let polls = polls() / 4;
    let mut child = command::command(&["replay", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the command");
    let mut input = child.stdin.take().expect("a pipe");
    let mut connection = Connection::new();
    let mut feed = |from: u32, to: u32| {
        let mut bytes = if from == 0 { header() } else { Vec::new() };
        for number in from..to {
            for (half, packet) in (0u32..).zip(poll(&mut connection, number).1) {
                bytes.extend(record(number * 2 + half, &packet));
            }
            if bytes.len() > 1 << 20 || number + 1 == to {
                input.write_all(&bytes).expect("it reads");
                bytes.clear();
            }
        }
    };
    let id = child.id();
    feed(0, polls);
    let before = resident_kb(id);
    feed(polls, 2 * polls);
    let after = resident_kb(id);
    drop(input);
    assert!(child.wait().expect("it ends").success());
    assert!(after <= before + SLACK_KB, "{before} kB after {polls} polls, {after} kB after as many again");
}

/// Memory that a process holds.
#[cfg(target_os = "linux")]
fn resident_kb(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its memory");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("kilobytes")
}
