//! MMS: how IEC 61850 devices and ICCP control centres are asked: what an IED is, which logical devices it has, and what is operated.
//!
//! Spec: ISO 9506-2 (2003) clause 7 and annex A; IEC 61850-8-1 (2011); IEC 60870-6-503 (ICCP).
//! Tells us: vendor, model and revision (Identify); name plates of physical and logical devices that are read; MMS domains; of ICCP the
//! version, the conformance blocks, bilateral tables, transfer sets, devices that are selected and operated; operations, settings, files.
//! Does not tell: a name plate that nobody reads, or that is read as a structure whose type was not asked for before.

use super::mms_data::{self as data, Answers, Asked};
use crate::asn1::{INTEGER, Reader, SEQUENCE, Tlv};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Side};
use observations::OperationClass::{Configure, Control, Diagnose, Program, Read, Session, Write};
use observations::{Field, Kind, OperationClass};

pub(crate) struct Mms;

/// MMSpdu (7.2), context-specific.
const CONFIRMED_REQUEST: u8 = 0xa0;
const CONFIRMED_RESPONSE: u8 = 0xa1;
const CONFIRMED_ERROR: u8 = 0xa2;
const UNCONFIRMED: u8 = 0xa3;
const REJECT: u8 = 0xa4;
const CANCEL: std::ops::RangeInclusive<u8> = 0x85..=0x86;
const CANCEL_ERROR: u8 = 0xa7;
const INITIATE_REQUEST: u8 = 0xa8;
const INITIATE_RESPONSE: u8 = 0xa9;
const INITIATE_ERROR: u8 = 0xaa;
const CONCLUDE_REQUEST: u8 = 0x8b;
const CONCLUDE_RESPONSE: u8 = 0x8c;
const CONCLUDE_ERROR: u8 = 0xad;
/// An error names its request as [0].
const ERROR_INVOKE_ID: u8 = 0x80;

/// Services (7.3) that matter here, by number.
const GET_NAME_LIST: u8 = 1;
const IDENTIFY: u8 = 2;
const READ: u8 = 4;
const WRITE: u8 = 5;
const GET_VARIABLE_ACCESS_ATTRIBUTES: u8 = 6;

/// Services by number, then what is none of them, writes of IEC 61850-8-1 (clauses 17 and 20), and what is no confirmed service.
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("status", Diagnose),
    ("get_name_list", Diagnose),
    ("identify", Diagnose),
    ("rename", Configure),
    ("read", Read),
    ("write", Write),
    ("get_variable_access_attributes", Diagnose),
    ("define_named_variable", Configure),
    ("define_scattered_access", Configure),
    ("get_scattered_access_attributes", Diagnose),
    ("delete_variable_access", Configure),
    ("define_named_variable_list", Configure),
    ("get_named_variable_list_attributes", Diagnose),
    ("delete_named_variable_list", Configure),
    ("define_named_type", Configure),
    ("get_named_type_attributes", Diagnose),
    ("delete_named_type", Configure),
    ("input", Read),
    ("output", Write),
    ("take_control", Control),
    ("relinquish_control", Control),
    ("define_semaphore", Configure),
    ("delete_semaphore", Configure),
    ("report_semaphore_status", Diagnose),
    ("report_pool_semaphore_status", Diagnose),
    ("report_semaphore_entry_status", Diagnose),
    ("initiate_download_sequence", Program),
    ("download_segment", Program),
    ("terminate_download_sequence", Program),
    ("initiate_upload_sequence", Program),
    ("upload_segment", Program),
    ("terminate_upload_sequence", Program),
    ("request_domain_download", Program),
    ("request_domain_upload", Program),
    ("load_domain_content", Program),
    ("store_domain_content", Program),
    ("delete_domain", Program),
    ("get_domain_attributes", Diagnose),
    ("create_program_invocation", Control),
    ("delete_program_invocation", Control),
    ("start", Control),
    ("stop", Control),
    ("resume", Control),
    ("reset", Control),
    ("kill", Control),
    ("get_program_invocation_attributes", Diagnose),
    ("obtain_file", Program),
    ("define_event_condition", Configure),
    ("delete_event_condition", Configure),
    ("get_event_condition_attributes", Diagnose),
    ("report_event_condition_status", Diagnose),
    ("alter_event_condition_monitoring", Configure),
    ("trigger_event", Control),
    ("define_event_action", Configure),
    ("delete_event_action", Configure),
    ("get_event_action_attributes", Diagnose),
    ("report_event_action_status", Diagnose),
    ("define_event_enrollment", Configure),
    ("delete_event_enrollment", Configure),
    ("alter_event_enrollment", Configure),
    ("report_event_enrollment_status", Diagnose),
    ("get_event_enrollment_attributes", Diagnose),
    ("acknowledge_event_notification", Control),
    ("get_alarm_summary", Diagnose),
    ("get_alarm_enrollment_summary", Diagnose),
    ("read_journal", Read),
    ("write_journal", Write),
    ("initialize_journal", Configure),
    ("report_journal_status", Diagnose),
    ("create_journal", Configure),
    ("delete_journal", Configure),
    ("get_capability_list", Diagnose),
    ("file_open", Read),
    ("file_read", Read),
    ("file_close", Session),
    ("file_rename", Configure),
    ("file_delete", Program),
    ("file_directory", Diagnose),
    ("other_service", Session),
    ("operate", Control),
    ("select_with_value", Control),
    ("cancel_control", Control),
    ("write_setting", Configure),
    ("write_control_block", Configure),
    ("initiate", Session),
    ("conclude", Session),
    ("confirmed_error", Session),
    ("reject", Session),
    ("select", Control),
    ("next_ds_transfer_set", Session),
    ("write_transfer_set", Configure),
    ("set_tag", Control),
];
const OTHER: usize = 78;
const OPERATE: usize = 79;
const SELECT_WITH_VALUE: usize = 80;
const CANCEL_CONTROL: usize = 81;
const WRITE_SETTING: usize = 82;
const WRITE_CONTROL_BLOCK: usize = 83;
const INITIATE: usize = 84;
const CONCLUDE: usize = 85;
const ERROR: usize = 86;
const REJECTED: usize = 87;
const SELECT: usize = 88;
const NEXT_TRANSFER_SET: usize = 89;
const WRITE_TRANSFER_SET: usize = 90;
const SET_TAG: usize = 91;

/// How ICCP servers call their transfer sets; the standard leaves it to them.
const TRANSFER_SETS: &[&[u8]] = &[b"DSTrans", b"DSTransfer_Set", b"Transfer_Set_", b"TransferSet"];

impl Dissector for Mms {
    type State = Answers;

    const ROW: Row = Row {
        name: "mms",
        revision: 1,
        spec: "ISO 9506-2, IEC 61850-8-1, IEC 60870-6-503",
        tells: "vendor, model, revision, name plates, domains; version, blocks and bilateral tables of ICCP; controls, settings, files",
        bindings: &[Binding::Under("pres", 0), Binding::Under("acse", 0)],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Ok(Some(pdu)) = Reader::new(head).next() else { return Gate::NotMine };
        let mine = match pdu.tag {
            CONFIRMED_REQUEST | CONFIRMED_RESPONSE => service(&pdu).is_some(),
            CONFIRMED_ERROR | UNCONFIRMED | REJECT | CANCEL_ERROR | INITIATE_REQUEST | INITIATE_RESPONSE | INITIATE_ERROR | CONCLUDE_ERROR => true,
            CONCLUDE_REQUEST | CONCLUDE_RESPONSE => pdu.content.is_empty(),
            tag => CANCEL.contains(&tag) && pdu.number().is_some(),
        };
        if mine && pdu.whole.len() == head.len() && pdu.missing == 0 { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.first() {
            Some(&(CONFIRMED_REQUEST | INITIATE_REQUEST | CONCLUDE_REQUEST)) => Side::Client,
            Some(&(CONFIRMED_RESPONSE | CONFIRMED_ERROR | UNCONFIRMED | INITIATE_RESPONSE | INITIATE_ERROR | CONCLUDE_RESPONSE)) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Ok(Some(pdu)) = Reader::new(head).next() else { return Glance::READ };
        let counted = |operation: usize, look| Glance { operation: u16::try_from(operation).ok(), look, inner: None };
        match pdu.tag {
            CONFIRMED_REQUEST => match service(&pdu) {
                Some((_, service)) => counted(operation(&service), look(&service)),
                None => Glance::READ,
            },
            CONFIRMED_RESPONSE => match service(&pdu) {
                Some((_, service)) if number(&service) == Some(IDENTIFY) => Glance::READ,
                // Answers are read while one is waited for.
                _ => Glance { look: Look::Once(u32::from(CONFIRMED_RESPONSE)), ..Glance::SKIP },
            },
            CONFIRMED_ERROR => counted(ERROR, Look::Once(u32::from(CONFIRMED_ERROR))),
            REJECT => counted(REJECTED, Look::Never),
            INITIATE_REQUEST => counted(INITIATE, Look::Never),
            CONCLUDE_REQUEST => counted(CONCLUDE, Look::Never),
            _ => Glance::SKIP,
        }
    }

    fn read(&self, pdu: &[u8], state: &mut Answers, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let pdu = Reader::new(pdu).next()?.ok_or(DissectError::Truncated { needed: 1 })?;
        let result = match pdu.tag {
            CONFIRMED_REQUEST => service(&pdu).map_or(Ok(()), |(id, service)| request(id, &service, state, cx)),
            CONFIRMED_RESPONSE => service(&pdu).map_or(Ok(()), |(id, service)| response(id, &service, state, cx)),
            CONFIRMED_ERROR => {
                let id = pdu.open()?.next()?.filter(|id| id.tag == ERROR_INVOKE_ID).and_then(|id| id.number());
                state.take(id.unwrap_or(u64::MAX));
                Ok(())
            }
            _ => Ok(()),
        };
        let next = if state.waits() { Next::Read } else { Next::Watch };
        result.map(|()| next)
    }
}

/// 7.2: invoke identifier, perhaps modifiers, service.
fn service<'a>(pdu: &Tlv<'a>) -> Option<(u64, Tlv<'a>)> {
    let mut members = pdu.open().ok()?;
    let id = members.next().ok()?.filter(|id| id.tag == INTEGER && id.content.len() <= 5)?.number()?;
    let service = members.next().ok()??;
    let service = if service.tag == SEQUENCE { members.next().ok()?? } else { service };
    (service.tag & 0xc0 == 0x80).then_some((id, service))
}

/// A service's number: of a tag in one byte, or in the one behind it (X.690 8.1.2.4).
fn number(service: &Tlv<'_>) -> Option<u8> {
    const NUMBER: u8 = 0x1f;
    match service.tag & NUMBER {
        NUMBER => service.whole.get(1).copied().filter(|number| *number < 0x80),
        number => Some(number),
    }
}

fn operation(service: &Tlv<'_>) -> usize {
    let number = number(service).map_or(OTHER, usize::from).min(OTHER);
    if number != usize::from(WRITE) && number != usize::from(READ) {
        return number;
    }
    let item = data::first_name(service).map_or(&[][..], |name| name.item);
    if number == usize::from(READ) {
        // To read it is to select: IEC 61850-8-1 clause 20.2, IEC 60870-6-802 (device objects, check-back before operate).
        return match item {
            data::NEXT_TRANSFER_SET => NEXT_TRANSFER_SET,
            item if item.ends_with(b"$SBO") || item.ends_with(b"_SBO") => SELECT,
            _ => number,
        };
    }
    if !item.contains(&b'$') && item.ends_with(b"_TAG") {
        return SET_TAG;
    }
    if TRANSFER_SETS.iter().any(|begin| item.starts_with(begin)) {
        return WRITE_TRANSFER_SET;
    }
    let mut parts = item.split(|byte| *byte == b'$').skip(1);
    let constraint = parts.next().unwrap_or_default();
    match (constraint, parts.last().unwrap_or_default()) {
        (b"CO", b"Oper") => OPERATE,
        (b"CO", b"SBOw") => SELECT_WITH_VALUE,
        (b"CO", b"Cancel") => CANCEL_CONTROL,
        (b"SP" | b"SG" | b"SE" | b"CF" | b"DC", _) => WRITE_SETTING,
        (b"RP" | b"BR" | b"LG" | b"GO" | b"GS" | b"MS" | b"US", _) => WRITE_CONTROL_BLOCK,
        _ => usize::from(WRITE),
    }
}

/// What is new in a request: its operation; of reads a domain; questions that identify are always read, so that their answers are.
fn look(service: &Tlv<'_>) -> Look {
    let name = data::first_name(service);
    let identifies = match number(service) {
        Some(GET_NAME_LIST) => data::asks_for_domains(service),
        Some(READ) => name.is_some_and(|name| name.identifies()),
        Some(GET_VARIABLE_ACCESS_ATTRIBUTES) => name.is_some_and(|name| name.has_plates()),
        _ => false,
    };
    if identifies {
        return Look::Always;
    }
    let domain = if number(service) == Some(READ) { name.map_or(&[][..], |name| name.domain) } else { &[] };
    Look::Once(data::key(&[&operation(service).to_le_bytes(), domain]))
}

fn request(id: u64, service: &Tlv<'_>, state: &mut Answers, cx: &mut Context<'_>) -> Result<(), DissectError> {
    match number(service) {
        Some(GET_NAME_LIST) if data::asks_for_domains(service) => state.ask(id, Asked::Domains, cx),
        Some(READ) => {
            let names = data::names(service, cx);
            if names.iter().any(|name| name.identifies() || state.is_new(name)) {
                state.ask(id, Asked::Values(names), cx);
            }
        }
        Some(GET_VARIABLE_ACCESS_ATTRIBUTES) => {
            if let Some(name) = data::first_name(service).filter(data::Name::has_plates) {
                let name = name.kept(cx);
                state.ask(id, Asked::Type(name), cx);
            }
        }
        _ => {}
    }
    Ok(())
}

fn response(id: u64, service: &Tlv<'_>, state: &mut Answers, cx: &mut Context<'_>) -> Result<(), DissectError> {
    match (number(service), state.take(id)) {
        (Some(IDENTIFY), _) => identify(service, cx),
        (Some(GET_NAME_LIST), Some(Asked::Domains)) => data::domains(service, state, cx),
        (Some(READ), Some(Asked::Values(names))) => data::values(service, &names, state, cx),
        (Some(GET_VARIABLE_ACCESS_ATTRIBUTES), Some(Asked::Type(name))) => state.learn_type(service, &name),
        _ => Ok(()),
    }
}

/// Identify-Response (8.3.5): vendor, model and revision of the virtual manufacturing device.
fn identify(service: &Tlv<'_>, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let about = cx.sender();
    let mut members = service.open()?;
    let mut saying = cx.say(&about, Kind::Identity);
    while let Some(member) = members.next()? {
        let field = match member.tag {
            0x80 => Field::VendorName,
            0x81 => Field::ModelName,
            0x82 => Field::SoftwareVersion,
            _ => break,
        };
        saying = saying.trimmed(field, member.content);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
