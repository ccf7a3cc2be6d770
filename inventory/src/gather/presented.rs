//! What a statement presents as its host's: keys, and the numbers and names by which a device goes.

use observations::{Field, Kind, Statement, ValueRef};

/// By what a device goes in its protocol: numbers and names that its configuration gives it, and that join nothing.
pub(crate) const ADDRESSES: &[(&str, Field)] = &[
    ("iec60870-common-address", Field::CommonAddress),
    ("dnp3-address", Field::LinkAddress),
    ("goose-control-block", Field::GooseControlBlock),
    ("goose-id", Field::GooseId),
    ("sv-id", Field::SvId),
    ("mms-domain", Field::MmsDomain),
    ("iccp-bilateral-table", Field::BilateralTableId),
    ("ap-title", Field::ApTitle),
    ("bacnet-vmac", Field::BacnetVmac),
    ("pmu-idcode", Field::PmuIdCode),
    ("ptp-clock-identity", Field::ClockIdentity),
    ("dlms-system-title", Field::SystemTitle),
    ("cosem-device-name", Field::CosemDeviceName),
];

/// The sorts of keys that a statement presents: `x509`, `ssh-host-key`, `snmp-engine-id`, `uuid`, …
pub fn presents(said: &Statement<'_>) -> impl Iterator<Item = &'static str> {
    let goes_by = matches!(said.kind, Kind::Identity | Kind::Part) && said.of_itself();
    let addresses = ADDRESSES.iter().filter(move |(_, field)| goes_by && said.get(*field).is_some()).map(|row| row.0);
    addresses.chain(presents_key(said))
}

fn presents_key(said: &Statement<'_>) -> Option<&'static str> {
    let has = |field| said.get(field).is_some();
    Some(match said.kind {
        Kind::Certificate if is_leaf(said) => "x509",
        Kind::Key if has(Field::SshHostKey) => "ssh-host-key",
        Kind::Key | Kind::Identity if has(Field::EngineId) => "snmp-engine-id",
        Kind::Identity | Kind::Binding if has(Field::Uuid) && said.of_itself() => "uuid",
        Kind::Identity if has(Field::HostId) && said.of_itself() => "niagara-host-id",
        Kind::Identity if has(Field::ApplicationUri) && said.of_itself() => "opcua-application",
        Kind::Identity if has(Field::AmsNetId) && said.of_itself() => "ams-net-id",
        Kind::Client if has(Field::ApTitle) => "ap-title",
        Kind::Client if has(Field::MqttClientId) => "mqtt-client-id",
        Kind::Client if has(Field::Lwm2mEndpoint) => "lwm2m-endpoint",
        Kind::Client if has(Field::PskIdentity) && said.of_itself() => "psk-identity",
        Kind::Client if has(Field::KerberosPrincipal) && said.of_itself() => "kerberos-principal",
        Kind::Client if has(Field::ChargePointId) => "ocpp-charge-point",
        Kind::Client | Kind::Service if has(Field::DicomAeTitle) => "dicom-ae-title",
        _ => return None,
    })
}

pub(super) fn is_leaf(said: &Statement<'_>) -> bool {
    said.kind == Kind::Certificate && said.get(Field::ChainPosition).and_then(ValueRef::number).unwrap_or(0) == 0
}
