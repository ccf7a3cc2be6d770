//! Names made to harm a terminal, a page or a spreadsheet come out harmless in every format.

use crate::captures::{self, document, folder, said, text};
use crate::packets::{Host, pcap, records, udp};
use daemon::export::Format;
use inventory::Document;

const FORMATS: &[Format] = &[Format::Table, Format::Json, Format::Ndjson, Format::Csv, Format::Html];

/// Where a frame's addresses and ports end, in Ethernet, IPv4 and UDP.
const HEADERS: usize = 42;

/// A DHCP request: RFC 2131 §2, options of RFC 2132.
fn request(client: u8, hostname: &[u8], vendor_class: &[u8]) -> Vec<u8> {
    let mac = [0x00, 0x80, 0xf4, 0, 1, client];
    let mut message = vec![1, 1, 6, 0]; // BOOTREQUEST, Ethernet, 6 bytes, no hops
    message.extend([0, 0, 0, client, 0, 0, 0, 0]); // transaction, seconds, flags
    message.extend([10, 1, 0, client]); // ciaddr: it renews
    message.extend([0; 12]); // yiaddr, siaddr, giaddr
    message.extend(mac);
    message.extend([0; 10 + 64 + 128]); // rest of chaddr, sname, file
    message.extend([0x63, 0x82, 0x53, 0x63]); // magic cookie
    message.extend([53, 1, 3]); // DHCPREQUEST
    for (code, value) in [(12, hostname), (60, vendor_class)] {
        message.extend([code, u8::try_from(value.len()).expect("short")]);
        message.extend(value);
    }
    message.push(255);
    let from = Host { mac, ip: [10, 1, 0, client], port: 68 };
    udp(from, Host { mac: [0x00, 0x0c, 0x29, 0, 0, 1], ip: [10, 1, 0, 1], port: 67 }, client.into(), &message)
}

fn inventory_of(test: &str, packets: &[Vec<u8>]) -> Document {
    let path = folder(test).join("made.pcap");
    std::fs::write(&path, pcap(packets)).expect("a file");
    document(&said(&[&path], 1, false))
}

/// Nothing that writes to a terminal or turns text round. Line ends are the formats' own.
#[track_caller]
fn assert_harmless(what: &str, text: &str) {
    let turns = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{061c}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let hides = |c: char| matches!(c, '\u{feff}' | '\u{ad}' | '\u{e0000}'..='\u{e007f}');
    let harmful = |c: char| (c.is_control() && c != '\n') || turns(c) || hides(c);
    if let Some((at, c)) = text.char_indices().find(|(_, c)| harmful(*c)) {
        let from = text.floor_char_boundary(at.saturating_sub(100));
        panic!("{what}: {c:?} after {:?}", &text[from..at]);
    }
}

#[test]
fn a_host_name_with_escapes_and_markup_comes_out_escaped_in_every_format() {
    let name = "\u{1b}]0;owned\u{7}\u{202e}<script>alert(1)</script>";
    let document = inventory_of("markup", &[request(7, name.as_bytes(), b"MSFT 5.0\x1b[2J"), request(8, b"line\r\nbreak\xff", b"udhcp 1.35.0")]);
    for format in FORMATS {
        let text = text(&document, *format);
        assert_harmless(&format!("{format:?}"), &text);
        assert!(text.contains("owned"), "{format:?}: the name is shown, not dropped:\n{text}");
    }
    let json = text(&document, Format::Json);
    assert!(json.contains("u{1b}") && json.contains("u{202e}"), "{json}");
    assert_eq!(serde_json::from_str::<Document>(&json).expect("JSON"), document);
}

#[test]
fn a_formula_is_no_formula_in_a_spreadsheet() {
    let formulas = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1+1", " =1+1"];
    let packets: Vec<Vec<u8>> = (10..).zip(formulas).map(|(client, name)| request(client, name.as_bytes(), b"=HYPERLINK(1)")).collect();
    let csv = text(&inventory_of("formulas", &packets), Format::Csv);
    let mut rows = csv::Reader::from_reader(csv.as_bytes());
    let mut cells = 0;
    for row in rows.records() {
        for cell in &row.expect("a row") {
            cells += 1;
            assert!(!cell.trim_start().starts_with(['=', '+', '-', '@', '\t', '\r']), "a spreadsheet would run {cell:?}");
        }
    }
    assert!(cells > 100 && csv.contains("calc") && csv.contains("SUM(A1)"), "{csv}");
}

#[test]
fn whatever_names_turn_into_nothing_harmful_reaches_an_output() {
    /// What takes the place of ordinary characters, in names of every protocol: ESC, BEL, CSI of Latin-1, a quotation mark, a line's end,
    /// and what is no UTF-8.
    const INSTEAD: &[(u8, u8)] = &[(b'e', 0x1b), (b'a', 0x07), (b'o', 0x9b), (b'r', b'"'), (b't', b'\n'), (b'n', 0xff)];
    let folder = folder("turned");
    for (name, path) in captures::paths() {
        let (header, records) = records(&path);
        let turned = |change: &dyn Fn(&mut [u8])| {
            let mut file = header.clone();
            for record in &records {
                let mut record = record.clone();
                if let Some(payload) = record.get_mut(16 + HEADERS..) {
                    change(payload);
                }
                file.extend(record);
            }
            file
        };
        for (ordinary, instead) in INSTEAD {
            let change = |payload: &mut [u8]| payload.iter_mut().filter(|byte| *byte == ordinary).for_each(|byte| *byte = *instead);
            assert_all_harmless(&folder, &name, &turned(&change));
        }
        assert_all_harmless(&folder, &name, &turned(&turn_round));
    }
}

/// Three small letters of every nine become one character that turns text round.
fn turn_round(payload: &mut [u8]) {
    let mut at = 0;
    while let Some(letters) = payload.get_mut(at..at + 3) {
        if letters.iter().all(u8::is_ascii_lowercase) {
            letters.copy_from_slice("\u{202e}".as_bytes());
            at += 9;
        } else {
            at += 1;
        }
    }
}

fn assert_all_harmless(folder: &std::path::Path, name: &str, file: &[u8]) {
    let path = folder.join("turned.pcap");
    std::fs::write(&path, file).expect("a file");
    let document = document(&said(&[&path], 1, false));
    for format in FORMATS {
        assert_harmless(&format!("{name} as {format:?}"), &text(&document, *format));
    }
}
