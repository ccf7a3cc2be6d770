//! DNP3: telecontrol of substations, water and pipelines: outstations and masters by address, device attributes, what is commanded.
//!
//! Spec: IEEE 1815-2012 clause 9 (data link), 8 (transport), 4 (application), 7 (secure authentication).
//! Tells us: data link addresses; maker, model, versions, serial number, name and location of an outstation that is asked for its
//! attributes (group 0); controls, restarts, files; internal indications; secure authentication or its absence.
//! Does not tell: anything of an outstation but its address where only data are polled.

use super::dnp3_application as application;
use crate::context::Context;
use crate::crc;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use observations::OperationClass::{Configure, Control, Diagnose, Program, Read, Session, Write};
use observations::{Field, Kind, OperationClass, Span, StepKind, Subject, Transport};

pub(crate) struct Dnp3;

/// 9.2.4.1: start, length, control, destination and source (little-endian), check.
const START: [u8; 2] = [0x05, 0x64];
const HEADER: usize = 10;
/// 9.2.4.1.2: the length counts control, addresses and user data.
const LENGTH_MIN: u8 = 5;
/// 9.2.4.3: user data stand in blocks of 16 bytes with a check each.
const BLOCK: usize = 16;
const CHECK: usize = 2;
/// 9.2.4.1.3: from a master; from the primary station; function.
const FROM_MASTER: u8 = 0x80;
const PRIMARY: u8 = 0x40;
const FUNCTION: u8 = 0x0f;
const CONFIRMED_USER_DATA: u8 = 3;
const UNCONFIRMED_USER_DATA: u8 = 4;
/// 9.2.5.2: from here on addresses are reserved or mean all outstations.
const RESERVED_ADDRESSES: u16 = 0xfff0;
/// 8.2.2: first and last segment of a fragment.
const FINAL: u8 = 0x80;
const FIRST: u8 = 0x40;
const SEQUENCE: u8 = 0x3f;

/// 4.2.2.1.2 recommends 2048 bytes for a fragment; some outstations send twice as many.
const FRAGMENT_MAX: usize = 4096;
/// Blocks of 16 bytes, the last of each segment shorter.
const PIECES_MAX: usize = FRAGMENT_MAX / 8;

/// Function codes 0 to 33 (4.4.2 to 4.4.12) by number, then what is none of them, then data link functions and refusals.
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("confirm", Session),
    ("read", Read),
    ("write", Write),
    ("select", Control),
    ("operate", Control),
    ("direct_operate", Control),
    ("direct_operate_nr", Control),
    ("immed_freeze", Write),
    ("immed_freeze_nr", Write),
    ("freeze_clear", Write),
    ("freeze_clear_nr", Write),
    ("freeze_at_time", Write),
    ("freeze_at_time_nr", Write),
    ("cold_restart", Control),
    ("warm_restart", Control),
    ("initialize_data", Configure),
    ("initialize_appl", Control),
    ("start_appl", Control),
    ("stop_appl", Control),
    ("save_config", Configure),
    ("enable_unsolicited", Configure),
    ("disable_unsolicited", Configure),
    ("assign_class", Configure),
    ("delay_measure", Session),
    ("record_current_time", Configure),
    ("open_file", Program),
    ("close_file", Session),
    ("delete_file", Program),
    ("get_file_info", Diagnose),
    ("authenticate_file", Session),
    ("abort_file", Session),
    ("activate_config", Configure),
    ("authenticate_req", Session),
    ("auth_req_no_ack", Session),
    ("other_function", Session),
    ("reset_link_states", Session),
    ("test_link_states", Session),
    ("request_link_status", Session),
    ("rejected_request", Session),
];
const OTHER: usize = 34;
const LINK: usize = 35;
const REJECTED: usize = 38;

/// A fragment of each direction that comes in several segments, and what is known of the two ends.
#[derive(Default)]
pub(crate) struct Conversation {
    fragments: [Fragment; 2],
    secured: bool,
    /// Of the last long answer of which only the beginning was read.
    known: u32,
}

#[derive(Default)]
struct Fragment {
    open: bool,
    next: u8,
    source: u16,
    bytes: Vec<u8>,
    parts: Vec<(usize, Vec<Span>)>,
}

const fn shape(over: Transport) -> Shape {
    Shape { over, bytes: &[(0, 0xff, 0x05), (1, 0xff, 0x64)], min: HEADER, max: usize::MAX }
}

impl Dissector for Dnp3 {
    type State = Conversation;

    const ROW: Row = Row {
        name: "dnp3",
        revision: 1,
        spec: "IEEE 1815-2012",
        tells: "addresses, maker, model, versions, serial number, name, location; controls, restarts, files; secure authentication",
        bindings: &[Binding::Tcp(20000), Binding::Udp(20000)],
        shapes: &[shape(Transport::Tcp), shape(Transport::Udp)],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        match Link::of(head) {
            Some(_) => Gate::Mine,
            None if head.len() < HEADER && head.iter().zip(START).all(|(is, should)| *is == should) => Gate::More,
            None => Gate::NotMine,
        }
    }

    fn side(&self, head: &[u8]) -> Side {
        match Link::of(head) {
            Some(link) if link.is_of_master() => Side::Client,
            Some(_) => Side::Server,
            None => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        if head.len() < HEADER {
            return Framing::Need(HEADER);
        }
        Link::of(head).map_or(Framing::Lost, |link| Framing::Pdu { len: link.length(), want: link.length() })
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some(link) = Link::of(head) else { return Glance::READ };
        let counted = |operation: usize, look| Glance { operation: u16::try_from(operation).ok(), look, inner: None };
        let (transport, rest) = match (link.has_user_data(), head.get(HEADER..).and_then(<[u8]>::split_first)) {
            (true, Some((transport, rest))) if transport & FIRST != 0 => (transport, rest),
            // What goes on a fragment is read if its beginning was.
            (true, Some(_)) => return Glance::READ,
            _ => return link_glance(&link),
        };
        let whole = transport & FINAL != 0;
        let Some([_, function]) = rest.first_chunk::<2>().copied() else { return Glance::READ };
        if link.is_of_master() {
            let known = usize::from(function).min(OTHER);
            let key = u32::from(function) << 16 | u32::from(link.destination);
            return counted(known, if application::is_always_read(function) { Look::Always } else { Look::Once(key) });
        }
        let Some(answer) = application::Answer::of(rest) else { return Glance::READ };
        // The beginning of a long one ends what was open before, so it is shown to the reader, which lets go of what is not new.
        let look = if answer.is_gathered() || !whole { Look::Always } else { Look::Once(answer.key(link.source)) };
        if answer.rejects() { counted(REJECTED, look) } else { Glance { operation: None, look, inner: None } }
    }

    fn read(&self, pdu: &[u8], state: &mut Conversation, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        // A datagram may hold several frames (13.2.3); of a stream each comes alone.
        let mut rest = pdu;
        while !rest.is_empty() {
            let link = Link::of(rest).ok_or(DissectError::Malformed { rule: "data link header", offset: pdu.len() - rest.len() })?;
            frame(&link, rest, state, cx)?;
            rest = rest.get(link.length()..).unwrap_or_default();
        }
        Ok(Next::Watch)
    }
}

/// One frame: who speaks, and its user data.
fn frame(link: &Link, bytes: &[u8], state: &mut Conversation, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let about = speaker(link, cx);
    if link.source < RESERVED_ADDRESSES {
        let kind = if link.is_of_master() { Kind::Identity } else { Kind::Part };
        cx.say(&about, kind).number(Field::LinkAddress, u64::from(link.source), bytes.get(6..8).unwrap_or_default());
    }
    if link.has_user_data() {
        segment(link, bytes.get(HEADER..link.length()).unwrap_or(bytes.get(HEADER..).unwrap_or_default()), &about, state, cx)?;
    }
    Ok(())
}

/// An outstation is a part of the endpoint that it answers at: a terminal server has several. A master is its host.
fn speaker(link: &Link, cx: &Context<'_>) -> Subject {
    if link.is_of_master() {
        cx.sender_host()
    } else if link.source < RESERVED_ADDRESSES {
        cx.part(&cx.sender(), StepKind::Dnp3Address, u64::from(link.source))
    } else {
        cx.sender()
    }
}

/// A data link header whose check is right.
struct Link {
    user_data: usize,
    control: u8,
    destination: u16,
    source: u16,
}

impl Link {
    fn of(head: &[u8]) -> Option<Self> {
        let &[a, b, length @ LENGTH_MIN..=u8::MAX, control, d0, d1, s0, s1, c0, c1] = head.first_chunk::<HEADER>()? else { return None };
        let fits = [a, b] == START && crc::dnp3(head.get(..HEADER - CHECK)?) == u16::from_le_bytes([c0, c1]);
        let user_data = usize::from(length - LENGTH_MIN);
        fits.then(|| Self { user_data, control, destination: u16::from_le_bytes([d0, d1]), source: u16::from_le_bytes([s0, s1]) })
    }

    const fn length(&self) -> usize {
        HEADER + self.user_data + CHECK * self.user_data.div_ceil(BLOCK)
    }

    const fn is_of_master(&self) -> bool {
        self.control & FROM_MASTER != 0
    }

    const fn has_user_data(&self) -> bool {
        self.control & PRIMARY != 0 && matches!(self.control & FUNCTION, CONFIRMED_USER_DATA | UNCONFIRMED_USER_DATA) && self.user_data > 0
    }
}

/// Functions of the data link alone: counted when a master asks, and read once an address.
fn link_glance(link: &Link) -> Glance {
    let operation = match (link.control & (FROM_MASTER | PRIMARY), link.control & FUNCTION) {
        (0xc0, 0) => Some(LINK),
        (0xc0, 2) => Some(LINK + 1),
        (0xc0, 9) => Some(LINK + 2),
        _ => None,
    };
    /// Above all keys of fragments.
    const LINK_KEY: u32 = 1 << 30;
    let key = LINK_KEY | u32::from(link.is_of_master()) << 16 | u32::from(link.source);
    Glance { operation: operation.and_then(|operation| u16::try_from(operation).ok()), look: Look::Once(key), inner: None }
}

/// One transport segment: blocks with their checks left out are put to the fragment, which is read when it is whole.
fn segment(link: &Link, blocks: &[u8], about: &Subject, state: &mut Conversation, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (Some(&transport), Some(fragment)) = (blocks.first(), state.fragments.get_mut(usize::from(link.is_of_master()))) else { return Ok(()) };
    if transport & FIRST != 0 {
        *fragment = Fragment { open: true, next: transport & SEQUENCE, source: link.source, ..Fragment::default() };
    }
    if !fragment.open || fragment.next != transport & SEQUENCE || fragment.source != link.source {
        fragment.open = false;
        return Ok(());
    }
    fragment.next = transport.wrapping_add(1) & SEQUENCE;
    let begins =
        application::Answer::of(blocks.get(1..).unwrap_or_default()).filter(|_| transport & (FIRST | FINAL) == FIRST && !link.is_of_master());
    let data = begins.filter(|answer| !answer.is_gathered()).map(|answer| answer.key(link.source));
    if data.is_some_and(|key| state.known == key) {
        *fragment = Fragment::default();
        return Ok(());
    }
    state.known = data.unwrap_or(state.known);
    let cut = gather(blocks, link.user_data, fragment, cx);
    if fragment.bytes.len() > FRAGMENT_MAX || fragment.parts.len() > PIECES_MAX {
        cx.limit("bytes of a DNP3 fragment");
        *fragment = Fragment::default();
        return Ok(());
    }
    // Of data of the process the beginning tells all.
    if transport & FINAL == 0 && cut.is_ok() && data.is_none() {
        return Ok(());
    }
    let whole = std::mem::take(fragment);
    let (from_master, secured) = (link.is_of_master(), &mut state.secured);
    let read = |bytes: &[u8], cx: &mut Context<'_>| {
        if from_master { application::request(bytes, secured, cx) } else { application::answer(bytes, about, secured, cx) }
    };
    // What stands before a cut or a wrong check is read.
    cx.stitched(&whole.bytes, &whole.parts, "dnp3", read).and(cut)
}

/// User data of a frame behind the transport octet, each block checked (9.2.4.3).
fn gather(blocks: &[u8], user_data: usize, fragment: &mut Fragment, cx: &Context<'_>) -> Result<(), DissectError> {
    let (mut rest, mut left, mut offset) = (blocks, user_data, HEADER);
    while left > 0 {
        let size = left.min(BLOCK);
        let (block, behind) = rest.split_at_checked(size).ok_or(DissectError::Truncated { needed: size.saturating_sub(rest.len()) })?;
        let (check, behind) = behind.split_first_chunk::<CHECK>().ok_or(DissectError::Truncated { needed: CHECK })?;
        if crc::dnp3(block) != u16::from_le_bytes(*check) {
            return Err(DissectError::Malformed { rule: "check of a block", offset });
        }
        let data = if left == user_data { block.get(1..).unwrap_or_default() } else { block };
        fragment.bytes.extend_from_slice(data);
        fragment.parts.push((data.len(), cx.spans_of(data)));
        (rest, left, offset) = (behind, left - size, offset + size + CHECK);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate};

    /// A frame with its checks: control, destination, source, user data.
    fn frame(control: u8, destination: u16, source: u16, user_data: &[u8]) -> Vec<u8> {
        let mut frame = vec![0x05, 0x64, 5 + u8::try_from(user_data.len()).unwrap(), control];
        frame.extend_from_slice(&destination.to_le_bytes());
        frame.extend_from_slice(&source.to_le_bytes());
        frame.extend_from_slice(&crc::dnp3(&frame).to_le_bytes());
        for block in user_data.chunks(BLOCK) {
            frame.extend_from_slice(block);
            frame.extend_from_slice(&crc::dnp3(block).to_le_bytes());
        }
        frame
    }

    fn attribute(variation: u8, text: &[u8]) -> Vec<u8> {
        [&[0, variation, 0, 0, 0, 1, u8::try_from(text.len()).unwrap()], text].concat()
    }

    /// An answer of outstation 10 with device attributes.
    fn attributes() -> Vec<u8> {
        let list =
            [attribute(242, b"7.14.2"), attribute(248, b"LW6000123456"), attribute(250, b"SCADAPack 575"), attribute(252, b"Example RTU Works")];
        [&[0xc3, 0x81, 0x80, 0x00], list.concat().as_slice()].concat()
    }

    fn said(payloads: &[(u16, u16, &[u8])]) -> Vec<observations::Observation> {
        conversation(&Dnp3, Transport::Tcp, payloads)
    }

    #[test]
    fn device_attributes_are_read_across_blocks_with_their_places() {
        let answer = frame(0x44, 1, 10, &[&[0xc0], attributes().as_slice()].concat());
        let said = said(&[(20000, 50000, &answer)]);
        assert_eq!(field(&said, Kind::Identity, Field::VendorName), ["Example RTU Works"]);
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["SCADAPack 575"]);
        assert_eq!(field(&said, Kind::Identity, Field::SerialNumber), ["LW6000123456"]);
        assert_eq!(field(&said, Kind::Part, Field::LinkAddress), ["10"]);
        let identity = said.iter().find(|said| said.kind == Kind::Identity && said.protocol == "dnp3").unwrap();
        let model = &identity.fields_first[2];
        let cut: Vec<u8> = model.spans.iter().flat_map(|span| answer[span.offset as usize..][..span.length as usize].to_vec()).collect();
        assert_eq!(cut, b"SCADAPack 575");
        assert_eq!(model.derivation.as_deref(), Some("dnp3"));
    }

    #[test]
    fn a_fragment_in_two_segments_is_put_together_and_one_that_lacks_its_first_is_not() {
        let whole = attributes();
        let (first, second) = whole.split_at(30);
        let first = frame(0x44, 1, 10, &[&[FIRST | 5], first].concat());
        let second = frame(0x44, 1, 10, &[&[FINAL | 6], second].concat());
        let both = said(&[(20000, 50000, &first), (20000, 50000, &second)]);
        assert_eq!(field(&both, Kind::Identity, Field::VendorName), ["Example RTU Works"]);
        assert!(field(&said(&[(20000, 50000, &second)]), Kind::Identity, Field::VendorName).is_empty());
    }

    #[test]
    fn a_datagram_with_two_frames_tells_of_both() {
        let both = [frame(0x0b, 1, 10, &[]), frame(0x44, 1, 10, &[&[0xc0], attributes().as_slice()].concat())].concat();
        let said = conversation(&Dnp3, Transport::Udp, &[(20000, 50000, &both)]);
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["SCADAPack 575"]);
    }

    #[test]
    fn a_block_whose_check_is_wrong_ends_the_reading() {
        let mut answer = frame(0x44, 1, 10, &[&[0xc0], attributes().as_slice()].concat());
        answer[60] ^= 1;
        let said = said(&[(20000, 50000, &answer)]);
        assert_eq!(field(&said, Kind::Identity, Field::SoftwareVersion), ["7.14.2"]);
        assert!(field(&said, Kind::Identity, Field::VendorName).is_empty());
    }

    #[test]
    fn a_master_is_known_by_its_address_and_whom_it_asks_is_not() {
        let said = said(&[(50000, 20000, &frame(0xc4, 10, 1, &[0xc0, 0xc1, 1, 60, 2, 6]))]);
        assert_eq!(field(&said, Kind::Identity, Field::LinkAddress), ["1"]);
        assert!(field(&said, Kind::Part, Field::LinkAddress).is_empty());
    }

    #[test]
    fn functions_have_their_names_and_restarts_are_seen_after_many_polls() {
        let at = At { transport: Transport::Tcp, src_port: 50000, dst_port: 20000, from_client: Some(true) };
        let name = |frame: &[u8]| Dnp3.glance(frame, &at).operation.map(|at| OPERATIONS[usize::from(at)].0);
        assert_eq!(name(&frame(0xc4, 10, 1, &[0xc0, 0xc1, 13])), Some("cold_restart"));
        assert_eq!(name(&frame(0xc4, 10, 1, &[0xc0, 0xc1, 33])), Some("auth_req_no_ack"));
        assert_eq!(name(&frame(0xc4, 10, 1, &[0xc0, 0xc1, 99])), Some("other_function"));
        assert_eq!(name(&frame(0xc9, 10, 1, &[])), Some("request_link_status"));
        assert_eq!(name(&frame(0x44, 1, 10, &[0xc0, 0xc1, 0x81, 0, 1])), Some("rejected_request"));
        assert_eq!(name(&frame(0x44, 1, 10, &[0xc0, 0xc1, 0x81, 0, 0])), None);
    }

    #[test]
    fn strangers_on_its_port_are_refused_and_its_frames_are_found_elsewhere() {
        let mut wrong = frame(0xc4, 10, 1, &[0xc0, 0xc1, 1]);
        assert_eq!(gate(&Dnp3, &wrong, 4711), Gate::Mine);
        wrong[8] ^= 1;
        for stranger in [&b"GET / HTTP/1.1\r\nHost: rtu\r\n\r\n"[..], &[5; 40], &[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3], &wrong] {
            assert_eq!(gate(&Dnp3, stranger, 20000), Gate::NotMine);
        }
        let said = said(&[(4711, 50000, &frame(0x0b, 1, 10, &[]))]);
        assert_eq!(field(&said, Kind::Part, Field::LinkAddress), ["10"]);
    }
}
