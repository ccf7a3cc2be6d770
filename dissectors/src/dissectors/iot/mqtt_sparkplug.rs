//! Sparkplug B: what edge nodes and devices say of themselves when they are born.
//!
//! Spec: Eclipse Sparkplug 3.0.0 §4 (topics), §6.4 (payload), sparkplug_b.proto.

use crate::context::{Context, trim};
use crate::protobuf::{Fields, Wire};
use crate::tlv::hash;
use observations::{Field, Kind, StepKind, Subject};

/// §4.1: the name space of Sparkplug B.
const NAMESPACE: &[u8] = b"spBv1.0";
/// §6.4.1: numbers of fields in sparkplug_b.proto.
const METRICS: u64 = 2;
const NAME: u64 = 1;
const STRING_VALUE: u64 = 15;
/// Births list every tag of a plant's edge node; what it is stands among them anywhere.
const METRICS_MAX: usize = 4096;

/// A birth certificate, by its topic: `spBv1.0/group/NBIRTH/node` or `spBv1.0/group/DBIRTH/node/device`.
pub(super) struct Birth<'a> {
    group: &'a [u8],
    node: &'a [u8],
    device: Option<&'a [u8]>,
}

impl<'a> Birth<'a> {
    pub(super) fn of(topic: &'a [u8]) -> Option<Self> {
        let mut levels = topic.split(|byte| *byte == b'/');
        let (namespace, group, kind, node) = (levels.next()?, levels.next()?, levels.next()?, levels.next()?);
        let device = levels.next();
        let birth = match kind {
            b"NBIRTH" => device.is_none(),
            b"DBIRTH" => device.is_some() && levels.next().is_none(),
            _ => false,
        };
        (namespace == NAMESPACE && birth).then_some(Self { group, node, device })
    }

    /// What the payload says of the node that sends it, or of a device behind it.
    pub(super) fn read(&self, client: &Subject, payload: &[u8], cx: &mut Context<'_>) {
        let about = self.device.map_or_else(|| client.clone(), |device| cx.part(client, StepKind::SparkplugDevice, hash(device).into()));
        let saying = cx.say(&about, Kind::Identity).text(Field::SparkplugGroup, self.group).text(Field::SparkplugEdgeNode, self.node);
        let mut saying = saying.maybe(self.device, |s, device| s.text(Field::SparkplugDevice, device));
        for (field, value) in metrics(payload) {
            saying = saying.trimmed(field, value);
        }
    }
}

/// In MQTT 5 properties stand before the payload, as a length and so many bytes. A payload begins with one of three fields: with its time
/// stamp, a metric or its sequence number.
fn metrics(payload: &[u8]) -> impl Iterator<Item = (Field, &[u8])> {
    let payload = match payload.split_first() {
        Some((0x08 | 0x12 | 0x18, _)) | None => payload,
        Some((length, rest)) => rest.get(usize::from(*length)..).unwrap_or_default(),
    };
    let metric = |field| if let (METRICS, Wire::Bytes(metric)) = field { property(metric) } else { None };
    Fields(payload).take(METRICS_MAX).filter_map(metric)
}

/// A metric that says what its bearer is.
fn property(metric: &[u8]) -> Option<(Field, &[u8])> {
    let (mut name, mut value) = (None, None);
    for field in Fields(metric) {
        match field {
            (NAME, Wire::Bytes(bytes)) => name = Some(bytes),
            (STRING_VALUE, Wire::Bytes(bytes)) => value = Some(bytes),
            _ => {}
        }
    }
    let (name, value) = (name?.strip_prefix(b"Properties/")?, value.filter(|value| !trim(value).is_empty())?);
    Some((field_of(name)?, value))
}

/// §6.4.13 and its examples: names that the specification gives.
fn field_of(name: &[u8]) -> Option<Field> {
    Some(match name {
        b"Hardware Make" => Field::VendorName,
        b"Hardware Model" => Field::ModelName,
        b"FW" => Field::FirmwareVersion,
        b"OS" => Field::OperatingSystem,
        _ => return None,
    })
}
