//! What MMS variables are called and what they hold: domains, name plates, bilateral tables; questions that wait for their answers.
//!
//! Spec: ISO 9506-2 clauses 14 (variable access) and 16.1 (GetNameList); IEC 61850-7-3 (2010) clause 7.9 (name plates), IEC 61850-8-1
//! clause 6 (names); IEC 60870-6-503 clause 8 (ICCP).

use crate::asn1::{Reader, SEQUENCE, Tlv};
use crate::context::Context;
use crate::dissector::DissectError;
use observations::{Field, Kind, Span, Subject, Value};

/// Questions that are open at a time: servers allow some ten.
const ASKED_MAX: usize = 16;
/// PDUs until a question is given up: its answer was not captured.
const PATIENCE: u8 = 64;
/// Variables of one Read whose names are remembered.
const NAMES_MAX: usize = 64;
/// IEC 61850-7-2 (edition 2) clause 22.2: references have at most 129 characters.
const NAME_MAX: usize = 129;
/// Domains of one server that are told, and logical nodes whose types are remembered: large devices have some dozens.
const DOMAINS_MAX: usize = 128;
const TYPES_MAX: usize = 128;
/// Members of a structure: the largest functional constraint of a logical node has some hundred.
const MEMBERS_MAX: usize = 256;

const VISIBLE_STRING_NAME: u8 = 0x1a;
/// ObjectName: of the VMD, of a domain, of the association.
const VMD_SPECIFIC: u8 = 0x80;
const DOMAIN_SPECIFIC: u8 = 0xa1;
/// Data: structure, visible string, MMS string; a failure in place of one.
const STRUCTURE: u8 = 0xa2;
const BIT_STRING: u8 = 0x84;
const VISIBLE_STRING: u8 = 0x8a;
const MMS_STRING: u8 = 0x90;
const FAILURE: u8 = 0x80;
/// Members of services and types, context-specific.
const CONTEXT_0: u8 = 0xa0;
const CONTEXT_1: u8 = 0xa1;
const CONTEXT_2: u8 = 0xa2;
const NAME: u8 = 0x80;
/// Object class 9 of GetNameList: domain.
const DOMAIN_CLASS: u64 = 9;

/// Name plates: of a physical device in a logical node LPHD, of a logical device in LLN0.
const PHYSICAL: &[u8] = b"PhyNam";
const LOGICAL: &[u8] = b"NamPlt";

/// Attributes of name plates (7-3, 7.9.2 and 7.9.3).
const ATTRIBUTES: &[(&[u8], &[u8], Field)] = &[
    (PHYSICAL, b"vendor", Field::VendorName),
    (PHYSICAL, b"hwRev", Field::HardwareVersion),
    (PHYSICAL, b"swRev", Field::FirmwareVersion),
    (PHYSICAL, b"serNum", Field::SerialNumber),
    (PHYSICAL, b"model", Field::ModelName),
    (PHYSICAL, b"location", Field::Location),
    (LOGICAL, b"vendor", Field::VendorName),
    (LOGICAL, b"swRev", Field::SoftwareVersion),
    (LOGICAL, b"d", Field::Description),
    (LOGICAL, b"configRev", Field::ConfigurationRevision),
];

/// ICCP's own variables.
const BILATERAL_TABLE: &[u8] = b"Bilateral_Table_ID";
const FEATURES: &[u8] = b"Supported_Features";
const VERSION: &[u8] = b"TASE2_Version";
pub(super) const NEXT_TRANSFER_SET: &[u8] = b"Next_DSTransfer_Set";
const ICCP: &[&[u8]] = &[
    BILATERAL_TABLE,
    FEATURES,
    VERSION,
    NEXT_TRANSFER_SET,
    b"DSConditions_Detected",
    b"Event_Code_Detected",
    b"Transfer_Report_ACK",
    b"Transfer_Report_NACK",
    b"Transfer_Set_Name",
    b"Transfer_Set_Time_Stamp",
];

/// A variable's name where it stands: domain (empty without) and item.
#[derive(Clone, Copy)]
pub(super) struct Name<'a> {
    pub(super) domain: &'a [u8],
    pub(super) item: &'a [u8],
}

/// The same, remembered, with where the domain stands.
pub(super) struct Kept {
    domain: Vec<u8>,
    spans: Vec<Span>,
    item: Vec<u8>,
}

/// What was asked for.
pub(super) enum Asked {
    Domains,
    Values(Vec<Kept>),
    Type(Kept),
}

/// Open questions, what is told already, and types that are known.
#[derive(Default)]
pub(crate) struct Answers {
    asked: Vec<(u64, Asked)>,
    waited: u8,
    told: Vec<u32>,
    types: Vec<NodeType>,
}

/// The order of members below `DC` of a logical node: for each object, if it is a name plate, its attributes by row of [`ATTRIBUTES`].
struct NodeType {
    key: u32,
    objects: Vec<Option<Vec<Option<usize>>>>,
}

impl<'a> Name<'a> {
    fn of(name: &Tlv<'a>) -> Option<Self> {
        if name.tag == VMD_SPECIFIC {
            return Some(Self { domain: &[], item: name.content });
        }
        let mut parts = name.open().ok().filter(|_| name.tag == DOMAIN_SPECIFIC)?;
        let domain = parts.expect(VISIBLE_STRING_NAME, "domain").ok()?.content;
        let item = parts.expect(VISIBLE_STRING_NAME, "item").ok()?.content;
        Some(Self { domain, item })
    }

    /// Whether its value may tell what a device is.
    pub(super) fn identifies(&self) -> bool {
        let mut parts = self.item.split(|byte| *byte == b'$');
        let node = parts.next().unwrap_or_default();
        ICCP.contains(&self.item) || has_plate(node) && parts.next() == Some(b"DC")
    }

    /// Whether its type tells the order of a name plate's members: a logical node as a whole, or its descriptions.
    pub(super) fn has_plates(&self) -> bool {
        self.is_short() && (has_plate(self.item) || self.identifies())
    }

    /// Whether it is no longer than names may be.
    fn is_short(&self) -> bool {
        self.domain.len() <= NAME_MAX && self.item.len() <= NAME_MAX
    }

    pub(super) fn kept(&self, cx: &Context<'_>) -> Kept {
        Kept { domain: self.domain.to_vec(), spans: cx.spans_of(self.domain), item: self.item.to_vec() }
    }
}

fn has_plate(node: &[u8]) -> bool {
    node == b"LLN0" || node.starts_with(b"LPHD") && !node.contains(&b'$')
}

impl Kept {
    const fn name(&self) -> Name<'_> {
        Name { domain: self.domain.as_slice(), item: self.item.as_slice() }
    }

    pub(super) fn identifies(&self) -> bool {
        self.name().identifies()
    }
}

/// A number that is as good as never the same for two names: FNV-1a. Only what is read again depends on it.
pub(super) fn key(parts: &[&[u8]]) -> u32 {
    parts.iter().flat_map(|part| part.iter().chain(&[0xff])).fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

impl Answers {
    pub(super) fn ask(&mut self, id: u64, asked: Asked, cx: &mut Context<'_>) {
        self.asked.retain(|(open, _)| *open != id);
        if self.asked.len() >= ASKED_MAX {
            cx.limit("open questions of an MMS connection");
            return;
        }
        self.asked.push((id, asked));
        self.waited = 0;
    }

    pub(super) fn take(&mut self, id: u64) -> Option<Asked> {
        let at = self.asked.iter().position(|(open, _)| *open == id)?;
        Some(self.asked.swap_remove(at).1)
    }

    /// Whether an answer is still to come.
    pub(super) fn waits(&mut self) -> bool {
        self.waited = self.waited.saturating_add(1);
        if self.waited > PATIENCE {
            self.asked.clear();
        }
        !self.asked.is_empty()
    }

    /// Whether a variable's domain was not told yet.
    pub(super) fn is_new(&self, name: &Kept) -> bool {
        !name.domain.is_empty() && self.told.len() < DOMAINS_MAX && !self.told.contains(&key(&[&name.domain]))
    }

    /// GetVariableAccessAttributes-Response (14.8.4): the type of a logical node, of its descriptions, or of one name plate.
    pub(super) fn learn_type(&mut self, service: &Tlv<'_>, name: &Kept) -> Result<(), DissectError> {
        let Some(described) = member(service, CONTEXT_2)? else { return Ok(()) };
        let mut parts = name.item.split(|byte| *byte == b'$');
        let node = parts.next().unwrap_or_default();
        let depth = parts.count();
        let whole = described.open()?.next()?;
        let descriptions = match (depth, whole) {
            (0, Some(whole)) => component(&whole, b"DC")?,
            (1, whole) => whole,
            _ => None,
        };
        let Some(descriptions) = descriptions else { return Ok(()) };
        let mut objects = Vec::new();
        for (object, kind) in components(&descriptions)? {
            let plate = [PHYSICAL, LOGICAL].into_iter().find(|plate| *plate == object);
            objects.push(plate.map(|plate| attributes_of(plate, &kind)).transpose()?);
        }
        let key = key(&[&name.domain, node]);
        self.types.retain(|known| known.key != key);
        if self.types.len() < TYPES_MAX {
            self.types.push(NodeType { key, objects });
        }
        Ok(())
    }
}

/// The rows of a name plate's attributes in the order of its type.
fn attributes_of(plate: &[u8], kind: &Tlv<'_>) -> Result<Vec<Option<usize>>, DissectError> {
    let row = |name: &[u8]| ATTRIBUTES.iter().position(|row| row.0 == plate && row.1 == name);
    Ok(components(kind)?.into_iter().map(|(name, _)| row(name)).collect())
}

/// Components of a structure's type (14.4.2): name and type of each.
fn components<'a>(kind: &Tlv<'a>) -> Result<Vec<(&'a [u8], Tlv<'a>)>, DissectError> {
    let Some(list) = Some(kind).filter(|kind| kind.tag == STRUCTURE).map(|kind| member(kind, CONTEXT_1)).transpose()?.flatten() else {
        return Ok(Vec::new());
    };
    let (mut found, mut list) = (Vec::new(), list.open()?);
    while let Some(one) = list.next()?.filter(|_| found.len() < MEMBERS_MAX) {
        let (name, kind) = (member(&one, NAME)?, member(&one, CONTEXT_1)?);
        let kind = kind.map(|kind| kind.open()?.next()).transpose()?.flatten();
        if let (Some(name), Some(kind)) = (name, kind) {
            found.push((name.content, kind));
        }
    }
    Ok(found)
}

fn component<'a>(kind: &Tlv<'a>, name: &[u8]) -> Result<Option<Tlv<'a>>, DissectError> {
    Ok(components(kind)?.into_iter().find(|component| component.0 == name).map(|component| component.1))
}

/// The first member with a tag.
fn member<'a>(of: &Tlv<'a>, tag: u8) -> Result<Option<Tlv<'a>>, DissectError> {
    let mut members = of.open()?;
    for _ in 0..MEMBERS_MAX {
        match members.next()? {
            Some(member) if member.tag == tag => return Ok(Some(member)),
            Some(_) => {}
            None => break,
        }
    }
    Ok(None)
}

/// The list of variables in a Read or Write, or the one name in GetVariableAccessAttributes.
fn variables<'a>(service: &Tlv<'a>) -> Option<Reader<'a>> {
    // Read has its specification explicitly tagged [1]; Write has the choice itself, whose [0] is the list.
    const READ: u8 = 0xa4;
    let specification = if service.tag == READ { member(service, CONTEXT_1).ok()?? } else { *service };
    member(&specification, CONTEXT_0).ok()??.open().ok()
}

/// The first variable that a service names.
pub(super) fn first_name<'a>(service: &Tlv<'a>) -> Option<Name<'a>> {
    const GET_VARIABLE_ACCESS_ATTRIBUTES: u8 = 0xa6;
    let first = variables(service)?.next().ok()??;
    if service.tag == GET_VARIABLE_ACCESS_ATTRIBUTES { Name::of(&first) } else { name_of(&first) }
}

/// A variable of a list: SEQUENCE of its specification, whose [0] is a name.
fn name_of<'a>(variable: &Tlv<'a>) -> Option<Name<'a>> {
    let specification = variable.open().ok().filter(|_| variable.tag == SEQUENCE)?.next().ok()??;
    Name::of(&specification.open().ok().filter(|_| specification.tag == CONTEXT_0)?.next().ok()??)
}

/// Every variable that a Read names; what is no name stands as an empty one, so that values keep their places.
pub(super) fn names(service: &Tlv<'_>, cx: &Context<'_>) -> Vec<Kept> {
    let (mut names, Some(mut variables)) = (Vec::new(), variables(service)) else { return Vec::new() };
    while let Ok(Some(variable)) = variables.next() {
        if names.len() >= NAMES_MAX {
            break;
        }
        let name = name_of(&variable).filter(Name::is_short).unwrap_or(Name { domain: &[], item: &[] });
        // Of a variable that identifies nothing only the domain is of use.
        let item = if name.identifies() { name.item } else { &[] };
        names.push(Name { item, ..name }.kept(cx));
    }
    names
}

/// Whether a GetNameList asks for domains (16.1.2): [0] class, of which [0] is a number.
pub(super) fn asks_for_domains(service: &Tlv<'_>) -> bool {
    let class = member(service, CONTEXT_0).ok().flatten().and_then(|class| class.open().ok()?.next().ok()?);
    class.and_then(|class| class.number()) == Some(DOMAIN_CLASS)
}

/// GetNameList-Response: [0] identifiers. The server names its own domains.
pub(super) fn domains(service: &Tlv<'_>, state: &mut Answers, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let Some(list) = member(service, CONTEXT_0)? else { return Ok(()) };
    let (about, mut list) = (cx.sender(), list.open()?);
    while let Some(domain) = list.next()? {
        if state.told.len() >= DOMAINS_MAX {
            cx.limit("MMS domains of one connection");
            break;
        }
        cx.say(&about, Kind::Identity).text(Field::MmsDomain, domain.content);
        state.told.push(key(&[domain.content]));
    }
    Ok(())
}

/// Read-Response (14.6): [1] results, one for each variable that was asked for.
pub(super) fn values(service: &Tlv<'_>, names: &[Kept], state: &mut Answers, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let Some(list) = member(service, CONTEXT_1)? else { return Ok(()) };
    let (about, mut list, mut said) = (cx.sender(), list.open()?, Vec::new());
    let mut result = Ok(());
    for name in names {
        let value = match list.next() {
            Ok(Some(value)) if value.tag != FAILURE => value,
            Ok(Some(_)) => continue,
            Ok(None) => break,
            Err(error) => {
                result = Err(error);
                break;
            }
        };
        domain(name, state, &about, cx);
        iccp(name, &value, &about, cx);
        if let Some(types) = plates(name, &value, state) {
            said.extend(types.into_iter().map(|(row, text)| (name, row, text)));
        }
    }
    tell(&said, &about, cx);
    result
}

/// A domain that a server answers for, by the question that named it.
fn domain(name: &Kept, state: &mut Answers, about: &Subject, cx: &mut Context<'_>) {
    if !state.is_new(name) {
        return;
    }
    state.told.push(key(&[&name.domain]));
    cx.stitched(&name.domain, &[(name.domain.len(), name.spans.clone())], "request", |domain, cx| {
        cx.say(about, Kind::Identity).text(Field::MmsDomain, domain);
    });
}

fn iccp(name: &Kept, value: &Tlv<'_>, about: &Subject, cx: &mut Context<'_>) {
    if !ICCP.contains(&name.item.as_slice()) {
        return;
    }
    cx.say(about, Kind::Service).implied(Field::ServiceType, &Value::Text(b"iccp".to_vec()));
    match (name.item.as_slice(), value.tag) {
        (BILATERAL_TABLE, VISIBLE_STRING | MMS_STRING) => drop(cx.say(about, Kind::Identity).trimmed(Field::BilateralTableId, value.content)),
        (FEATURES, BIT_STRING) => {
            let blocks = blocks(value.content);
            cx.say(about, Kind::Service).decoded(Field::ConformanceBlocks, &Value::Text(blocks.into_bytes()), value.content, "tase2-features");
        }
        (VERSION, STRUCTURE) => {
            if let Some([major, minor]) = children(value).as_deref()
                && let (Some(major), Some(minor)) = (major.number(), minor.number())
            {
                let text = Value::Text(format!("{major}.{minor}").into_bytes());
                cx.say(about, Kind::Service).decoded(Field::ProtocolVersion, &text, value.content, "tase2-version");
            }
        }
        _ => {}
    }
}

/// IEC 60870-6-503, Supported_Features: the first bit is conformance block 1.
fn blocks(bits: &[u8]) -> String {
    const BLOCKS: usize = 9;
    let bit = |at: usize| bits.get(1 + at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1);
    let found: Vec<String> = (0..BLOCKS).filter(|at| bit(*at)).map(|at| (at + 1).to_string()).collect();
    found.join(", ")
}

/// The attributes of name plates in one value, by row of [`ATTRIBUTES`].
fn plates<'a>(name: &Kept, value: &Tlv<'a>, state: &Answers) -> Option<Vec<(usize, &'a [u8])>> {
    let parts: Vec<&[u8]> = name.item.splitn(5, |byte| *byte == b'$').collect();
    let (node, rest) = parts.split_first().filter(|(node, _)| has_plate(node))?;
    let known = || state.types.iter().find(|known| known.key == key(&[&name.domain, node])).map(|known| known.objects.as_slice());
    let found = match rest {
        [b"DC", plate, attribute] => {
            let row = ATTRIBUTES.iter().position(|row| row.0 == *plate && row.1 == *attribute)?;
            vec![(row, *value)]
        }
        // One plate of a node: it has one kind only.
        [b"DC", PHYSICAL | LOGICAL] => zip(known()?.iter().flatten().next()?, value)?,
        [b"DC"] => {
            let objects = children(value)?;
            objects.iter().zip(known()?).filter_map(|(object, plate)| zip(plate.as_ref()?, object)).flatten().collect()
        }
        _ => return None,
    };
    Some(found.into_iter().filter(|(_, value)| matches!(value.tag, VISIBLE_STRING | MMS_STRING)).map(|(row, value)| (row, value.content)).collect())
}

/// Attributes with their values, if there are as many of both.
fn zip<'a>(rows: &[Option<usize>], plate: &Tlv<'a>) -> Option<Vec<(usize, Tlv<'a>)>> {
    let values = children(plate).filter(|values| values.len() == rows.len())?;
    Some(rows.iter().zip(values).filter_map(|(row, value)| Some(((*row)?, value))).collect())
}

fn children<'a>(structure: &Tlv<'a>) -> Option<Vec<Tlv<'a>>> {
    let (mut found, mut members) = (Vec::new(), structure.open().ok().filter(|_| structure.tag == STRUCTURE)?);
    while let Some(member) = members.next().ok()?.filter(|_| found.len() < MEMBERS_MAX) {
        found.push(member);
    }
    Some(found)
}

/// Attributes of one plate stand in one observation: a serial number counts with its vendor.
fn tell(said: &[(&Kept, usize, &[u8])], about: &Subject, cx: &mut Context<'_>) {
    let plate = |row: usize| ATTRIBUTES.get(row).map(|row| row.0);
    let node = |name: &Kept| key(&[&name.domain, name.item.split(|byte| *byte == b'$').next().unwrap_or_default()]);
    for together in said.chunk_by(|a, b| plate(a.1) == plate(b.1) && node(a.0) == node(b.0)) {
        let mut saying = cx.say(about, Kind::Identity);
        for (_, row, text) in together {
            if let Some((_, _, field)) = ATTRIBUTES.get(*row) {
                saying = saying.trimmed(*field, text);
            }
        }
    }
}
