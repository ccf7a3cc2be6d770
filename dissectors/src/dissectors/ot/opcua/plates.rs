//! Name plates of the devices that an OPC UA server shows: which node holds which property is learnt from how clients find it.
//!
//! Spec: OPC 10000-100 (Devices) sections 4.5.2 (IVendorNameplateType, ITagNameplateType) and 4.6 (DeviceType); OPC 10000-4 sections 5.9.2
//! (Browse) and 5.9.4 (TranslateBrowsePathsToNodeIds).

use super::binary::{Binary, NodeId, hash};
use super::services::{request_header, response_header};
use crate::context::Context;
use crate::dissector::DissectError;
use observations::{Field, Kind, StepKind, Subject};

/// Properties by their browse names; what they hold is text.
const PROPERTIES: &[(&[u8], Field)] = &[
    (b"Manufacturer", Field::VendorName),
    (b"Model", Field::ModelName),
    (SERIAL_NUMBER, Field::SerialNumber),
    (b"HardwareRevision", Field::HardwareVersion),
    (b"SoftwareRevision", Field::FirmwareVersion),
    (b"DeviceRevision", Field::EquipmentVersion),
    (b"ProductCode", Field::ProductCode),
    (b"DeviceManual", Field::Url),
    (b"DeviceClass", Field::DeviceType),
    (b"AssetId", Field::AssetId),
    (b"ComponentName", Field::FriendlyName),
];
const SERIAL_NUMBER: &[u8] = b"SerialNumber";
/// A name plate is known by so many of these properties of one object, its serial number among them: one word alone may mean a product.
const KNOWN_MIN: usize = 4;
/// Nodes that are remembered: eleven of each of some twenty devices.
const NODES_MAX: usize = 256;
/// Nodes of one request that are remembered until it is answered.
const ASKED_MAX: usize = 128;
/// Requests of one connection that are open at a time.
const OPEN_MAX: usize = 4;

/// An object and which of its properties: the index in [`PROPERTIES`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Plate {
    object: u64,
    property: usize,
}

/// What was learnt on one connection.
#[derive(Default)]
pub(super) struct Plates {
    nodes: Vec<(u64, Plate)>,
    browsed: Vec<(u32, Vec<u64>)>,
    translated: Vec<(u32, Vec<Option<Plate>>)>,
}

fn property(name: &[u8]) -> Option<usize> {
    PROPERTIES.iter().position(|row| row.0 == name)
}

/// Whether these are enough properties of one object.
fn is_plate(found: impl Iterator<Item = usize>) -> bool {
    let bits = found.fold(0u32, |bits, property| bits | 1 << property);
    let serial = property(SERIAL_NUMBER).is_some_and(|serial| bits >> serial & 1 == 1);
    serial && bits.count_ones() as usize >= KNOWN_MIN
}

/// Remembers what a request asks, until it is answered.
fn open<T>(open: &mut Vec<(u32, T)>, request: u32, asked: T) {
    if open.len() >= OPEN_MAX {
        open.remove(0);
    }
    open.push((request, asked));
}

fn close<T>(open: &mut Vec<(u32, T)>, request: u32) -> Option<T> {
    open.iter().position(|asked| asked.0 == request).map(|at| open.remove(at).1)
}

impl Plates {
    /// What a node holds, if that was learnt.
    pub(super) fn of(&self, node: NodeId<'_>) -> Option<Plate> {
        let NodeId::Other(node) = node else { return None };
        self.nodes.iter().find(|known| known.0 == node).map(|known| known.1)
    }

    fn learn(&mut self, node: NodeId<'_>, plate: Plate, cx: &mut Context<'_>) {
        let NodeId::Other(node) = node else { return };
        let room = self.nodes.len() < NODES_MAX;
        match self.nodes.iter_mut().find(|known| known.0 == node) {
            Some(known) => known.1 = plate,
            None if room => self.nodes.push((node, plate)),
            None => cx.limit("nodes of OPC UA name plates on one connection"),
        }
    }

    /// OPC 10000-4 §5.9.2, request: view, and for each node how it is browsed.
    pub(super) fn browse(&mut self, i: &mut Binary<'_>, request: u32) -> Result<(), DissectError> {
        request_header(i)?;
        let (_view, _time, _most) = (i.node_id()?, i.take(8 + 4)?, i.u32()?);
        let mut asked = Vec::new();
        for _ in 0..i.count()?.min(ASKED_MAX) {
            let node = i.node_id()?;
            let (_direction, _reference) = (i.u32()?, i.node_id()?);
            // Subtypes, classes, result mask.
            i.take(1 + 4 + 4)?;
            asked.push(node.key());
        }
        open(&mut self.browsed, request, asked);
        Ok(())
    }

    /// OPC 10000-4 §5.9.2, response: for each node the references that lead away from it.
    pub(super) fn browsed(&mut self, i: &mut Binary<'_>, request: u32, cx: &mut Context<'_>) -> Result<(), DissectError> {
        let Some(asked) = close(&mut self.browsed, request) else { return Ok(()) };
        response_header(i)?;
        let results = i.count()?;
        for object in asked.into_iter().take(results) {
            let (_status, _more) = (i.u32()?, i.string()?);
            let mut found = Vec::new();
            for _ in 0..i.count()? {
                let (_reference, _forward, node) = (i.node_id()?, i.byte()?, i.node_id()?);
                let (_namespace, name, _shown) = (i.u16()?, i.string()?, i.localized_text()?);
                let (_class, _kind) = (i.u32()?, i.node_id()?);
                if let Some(property) = property(name).filter(|_| found.len() < PROPERTIES.len()) {
                    found.push((node, Plate { object, property }));
                }
            }
            if is_plate(found.iter().map(|found| found.1.property)) {
                found.into_iter().for_each(|(node, plate)| self.learn(node, plate, cx));
            }
        }
        Ok(())
    }

    /// OPC 10000-4 §5.9.4, request: paths of names that begin at nodes.
    pub(super) fn translate(&mut self, i: &mut Binary<'_>, request: u32) -> Result<(), DissectError> {
        request_header(i)?;
        let mut asked = Vec::new();
        for _ in 0..i.count()?.min(ASKED_MAX) {
            let (mut object, mut last) = (i.node_id()?.key(), &[][..]);
            for step in 0..i.count()? {
                let (_reference, _inverse, _subtypes) = (i.node_id()?, i.byte()?, i.byte()?);
                let (_namespace, name) = (i.u16()?, i.string()?);
                if step > 0 {
                    object = hash(object, last);
                }
                last = name;
            }
            asked.push(property(last).map(|property| Plate { object, property }));
        }
        let of = |object| asked.iter().flatten().filter(move |plate| plate.object == object).map(|plate| plate.property);
        let plates = asked.iter().map(|plate| plate.filter(|plate| is_plate(of(plate.object)))).collect::<Vec<_>>();
        if plates.iter().any(Option::is_some) {
            open(&mut self.translated, request, plates);
        }
        Ok(())
    }

    /// OPC 10000-4 §5.9.4, response: the nodes at which the paths end.
    pub(super) fn translated(&mut self, i: &mut Binary<'_>, request: u32, cx: &mut Context<'_>) -> Result<(), DissectError> {
        let Some(asked) = close(&mut self.translated, request) else { return Ok(()) };
        response_header(i)?;
        let results = i.count()?;
        for plate in asked.into_iter().take(results) {
            let _status = i.u32()?;
            for target in 0..i.count()? {
                let (node, _rest) = (i.node_id()?, i.u32()?);
                if let (Some(plate), 0) = (plate, target) {
                    self.learn(node, plate, cx);
                }
            }
        }
        Ok(())
    }
}

/// What a server answered of name plates: each is of a part of it, as a server may show the devices of a whole line.
pub(super) fn say(values: &[(Plate, &[u8])], server: &Subject, cx: &mut Context<'_>) {
    let mut told: Vec<u64> = Vec::new();
    for (plate, _) in values {
        if told.contains(&plate.object) {
            continue;
        }
        told.push(plate.object);
        let part = cx.part(server, StepKind::OpcUaObject, plate.object >> 32);
        let of = values.iter().filter(|value| value.0.object == plate.object);
        let saying = cx.say(&part, Kind::Identity);
        drop(of.fold(saying, |saying, (plate, text)| match PROPERTIES.get(plate.property) {
            Some((_, field)) => saying.trimmed(*field, text),
            None => saying,
        }));
    }
}
