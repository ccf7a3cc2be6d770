//! IPP: printers say what they are to who prints.
//!
//! Spec: RFC 8010 (encoding), RFC 8011 (model and semantics), PWG 5100.13 and 5100.14 (printer attributes), IEEE 1284 §7.6 (device id).
//! Tells us: make and model, device id with maker, model and serial number, UUID, firmware version, name, place, which log-ins it offers.
//! Does not tell: who prints what; the printer behind a queue of a print server, which describes it as if it were one itself.

use crate::context::{Context, Saying, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Next, Row};
use crate::http_content;
use observations::{Field, Kind, OperationClass};

pub(crate) struct Ipp;

/// RFC 8010 §3.1.1: version, operation or status, request identifier.
const HEADER: usize = 8;
/// §3.5.1: delimiters below 0x10, of which these begin a group and end all.
const PRINTER_ATTRIBUTES: u8 = 4;
const END: u8 = 3;
/// Printers have some 150 attributes with some values each.
const ATTRIBUTES_MAX: usize = 2048;

/// RFC 8011 §5.4.15 and later registrations: operations by number; the index is that of [`OPERATIONS`].
const CODES: &[u16] = &[2, 4, 5, 6, 8, 9, 10, 11, 16, 17, 18, 0x0c, 0x0d, 0x0e, 0x13, 0x3b, 0x3c, 0x4002];
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("print_job", OperationClass::Write),
    ("validate_job", OperationClass::Read),
    ("create_job", OperationClass::Write),
    ("send_document", OperationClass::Write),
    ("cancel_job", OperationClass::Control),
    ("get_job_attributes", OperationClass::Read),
    ("get_jobs", OperationClass::Read),
    ("get_printer_attributes", OperationClass::Diagnose),
    ("pause_printer", OperationClass::Control),
    ("resume_printer", OperationClass::Control),
    ("purge_jobs", OperationClass::Control),
    ("hold_job", OperationClass::Control),
    ("release_job", OperationClass::Control),
    ("restart_job", OperationClass::Control),
    ("set_printer_attributes", OperationClass::Configure),
    ("close_job", OperationClass::Session),
    ("identify_printer", OperationClass::Control),
    ("cups_get_printers", OperationClass::Diagnose),
    ("other_operation", OperationClass::Session),
];

impl Dissector for Ipp {
    type State = ();

    const ROW: Row = Row {
        name: "ipp",
        revision: 1,
        spec: "RFC 8010, RFC 8011, PWG 5100.13",
        tells: "make and model, device id, UUID, firmware version, name, place",
        bindings: &[Binding::Under("http", http_content::IPP)],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        // RFC 8011 §4.1.4: the first attribute names the charset.
        let mine = match head {
            [1 | 2, 0..=2, _, _, _, _, _, _, 1, 0x47, 0, 18, rest @ ..] => rest.starts_with(b"attributes-charset"),
            _ => false,
        };
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let code = pdu.get(2..4).map_or(0, |code| u16::try_from(crate::tlv::number(code)).unwrap_or(0));
        if cx.from_client() == Some(true) {
            cx.operation(CODES.iter().position(|known| *known == code).unwrap_or(CODES.len()));
            return Ok(Next::Watch);
        }
        let all: Vec<Attribute<'_>> = attributes(pdu.get(HEADER..).unwrap_or_default()).take(ATTRIBUTES_MAX).collect();
        let own: Vec<&Attribute<'_>> = all.iter().filter(|attribute| attribute.group == 1).collect();
        // CUPS adds attributes of its queues (cups.org, "CUPS Implementation of IPP"); a server may list several.
        let queue = own.iter().any(|attribute| matches!(attribute.name, b"printer-type" | b"cups-version" | b"printer-is-shared"));
        let several = all.iter().any(|attribute| attribute.group > 1);
        let printer = cx.sender();
        if !several {
            protected(&own, cx);
        }
        if !queue && !several {
            own.iter().fold(cx.say(&printer, Kind::Identity), |saying, attribute| described(saying, attribute));
        }
        Ok(Next::Watch)
    }
}

/// One value of an attribute of a printer.
struct Attribute<'a> {
    /// Which printer of the answer it is of, from 1.
    group: usize,
    name: &'a [u8],
    value: &'a [u8],
}

/// §3.1.3 to §3.1.5: a tag, a name (none for a further value of the one before), a value; between groups a delimiter.
fn attributes(bytes: &[u8]) -> impl Iterator<Item = Attribute<'_>> {
    let (mut rest, mut group, mut is_printer, mut last) = (bytes, 0, false, &b""[..]);
    std::iter::from_fn(move || {
        loop {
            let (&tag, behind) = rest.split_first()?;
            if tag < 0x10 {
                is_printer = tag == PRINTER_ATTRIBUTES;
                group += usize::from(is_printer);
                rest = behind;
                if tag == END {
                    return None;
                }
                continue;
            }
            let (name, behind) = counted(behind)?;
            let (value, behind) = counted(behind)?;
            rest = behind;
            if !name.is_empty() {
                last = name;
            }
            if is_printer {
                // §3.9: text with a language is both, each with its length.
                let value =
                    if matches!(tag, 0x35 | 0x36) { counted(value).and_then(|(_, text)| counted(text)).map_or(value, |text| text.0) } else { value };
                return Some(Attribute { group, name: last, value });
            }
        }
    })
}

fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

fn described<'s, 'a>(saying: Saying<'s, 'a>, attribute: &Attribute<'_>) -> Saying<'s, 'a> {
    let value = trim(attribute.value);
    match attribute.name {
        b"printer-make-and-model" => saying.text(Field::ModelName, value),
        b"printer-firmware-string-version" => saying.text(Field::FirmwareVersion, value),
        b"printer-dns-sd-name" => saying.text(Field::FriendlyName, value),
        b"printer-info" => saying.text(Field::Description, value),
        b"printer-location" => saying.text(Field::Location, value),
        b"printer-uuid" => saying.text(Field::Uuid, value.strip_prefix(b"urn:uuid:").unwrap_or(value)),
        b"printer-device-id" => device_id(saying.text(Field::Ieee1284DeviceId, value), value),
        _ => saying,
    }
}

/// IEEE 1284 §7.6: `KEY:value;` again and again.
fn device_id<'s, 'a>(saying: Saying<'s, 'a>, text: &[u8]) -> Saying<'s, 'a> {
    text.split(|byte| *byte == b';').fold(saying, |saying, pair| {
        let Some(colon) = pair.iter().position(|byte| *byte == b':') else { return saying };
        let (key, value) = (trim(pair.get(..colon).unwrap_or_default()), trim(pair.get(colon + 1..).unwrap_or_default()));
        match key {
            b"MFG" | b"MANUFACTURER" => saying.text(Field::VendorName, value),
            b"MDL" | b"MODEL" => saying.text(Field::ModelName, value),
            b"SN" | b"SERN" | b"SERIALNUMBER" => saying.text(Field::SerialNumber, value),
            _ => saying,
        }
    })
}

/// RFC 8011 §5.4.2 and §5.4.3: how a printer lets itself be used, at each of its addresses.
fn protected(own: &[&Attribute<'_>], cx: &mut Context<'_>) {
    let printer = cx.sender();
    let mut saying = cx.say(&printer, Kind::Security);
    for attribute in own {
        saying = match attribute.name {
            b"uri-authentication-supported" => saying.text(Field::AuthenticationMethod, attribute.value),
            b"uri-security-supported" => saying.text(Field::SecurityLevel, attribute.value),
            _ => saying,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissectors::it::http::Http;
    use crate::testing::{conversation_of, field, gate};
    use observations::{Observation, Transport};

    fn attribute(tag: u8, name: &str, value: &[u8]) -> Vec<u8> {
        let length = |length: usize| u16::try_from(length).unwrap().to_be_bytes();
        [&[tag][..], &length(name.len()), name.as_bytes(), &length(value.len()), value].concat()
    }

    fn charset() -> Vec<u8> {
        [vec![2, 0, 0, 0, 0, 0, 0, 1, 1], attribute(0x47, "attributes-charset", b"utf-8")].concat()
    }

    fn answered(attributes: &[Vec<u8>]) -> Vec<Observation> {
        let body = [&charset()[..], &[PRINTER_ATTRIBUTES], &attributes.concat(), &[END]].concat();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/ipp\r\nContent-Length: {}\r\n\r\n", body.len());
        conversation_of(&[&Http, &Ipp], Transport::Tcp, &[(631, 50000, &[head.as_bytes(), &body].concat())])
    }

    #[test]
    fn a_printer_says_what_it_is() {
        let said = answered(&[
            attribute(0x41, "printer-make-and-model", b"Brother HL-L6400DW series"),
            attribute(0x41, "printer-device-id", b"MFG:Brother;CMD:PCL;MDL:HL-L6400DW series;SN:U64123;"),
            attribute(0x35, "printer-location", b"\0\x02en\0\x07Floor 2"),
            attribute(0x45, "printer-uuid", b"urn:uuid:e3248000-80ce-11db-8000-3c2af4aaaaaa"),
            attribute(0x44, "uri-authentication-supported", b"none"),
            attribute(0x44, "", b"basic"),
            attribute(0x44, "uri-security-supported", b"tls"),
        ]);
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["Brother HL-L6400DW series", "HL-L6400DW series"]);
        for (name, value) in [
            (Field::VendorName, "Brother"),
            (Field::SerialNumber, "U64123"),
            (Field::Location, "Floor 2"),
            (Field::Uuid, "e3248000-80ce-11db-8000-3c2af4aaaaaa"),
        ] {
            assert_eq!(field(&said, Kind::Identity, name), [value]);
        }
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["none", "basic"]);
        assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["tls"]);
    }

    #[test]
    fn a_queue_of_a_print_server_is_no_printer() {
        let said = answered(&[attribute(0x41, "printer-make-and-model", b"HP LaserJet 4200"), attribute(0x23, "printer-type", &[0, 0, 0, 4])]);
        assert!(field(&said, Kind::Identity, Field::ModelName).is_empty());
        let model = attribute(0x41, "printer-make-and-model", b"HP LaserJet 4200");
        assert!(field(&answered(&[model.clone(), vec![PRINTER_ATTRIBUTES], model]), Kind::Identity, Field::ModelName).is_empty());
    }

    #[test]
    fn a_cut_answer_keeps_what_came_before() {
        let cut = [attribute(0x41, "printer-make-and-model", b"HL-L6400DW"), vec![0x41, 0, 16, b'p']];
        assert_eq!(field(&answered(&cut), Kind::Identity, Field::ModelName), ["HL-L6400DW"]);
    }

    #[test]
    fn every_operation_has_its_name_and_strangers_are_refused() {
        assert_eq!(OPERATIONS.len(), CODES.len() + 1);
        assert_eq!(gate(&Ipp, &charset(), 631), Gate::Mine);
        for stranger in [&b"<html></html>"[..], &[2, 0, 0, 0, 0, 0, 0, 1, 1, 0x48], &[0; 40], b""] {
            assert_eq!(gate(&Ipp, stranger, 631), Gate::NotMine);
        }
    }
}
