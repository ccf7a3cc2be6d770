//! Certificates and other keys that were presented.

use crate::assemble::{View, evidence, time};
use crate::document;
use crate::gather::{ADDRESSES, Name, Presented};
use crate::key::Key;
use fingerprints::text::safe;
use observations::value::hex;
use observations::{Field, Observation, Value};
use std::collections::BTreeMap;

fn decode(presented: &Presented<'_>) -> Option<Observation> {
    let at = presented.at;
    Observation::decode(at.key, &at.entry.evidence, at.entry.first, at.entry.last, at.entry.revision).ok()
}

fn text(said: &Observation, field: Field) -> Option<String> {
    said.get(field).map(safe)
}

fn date(said: &Observation, field: Field) -> Option<String> {
    if let Some(Value::Time(seconds)) = said.get(field) { seconds.checked_mul(1_000_000_000).and_then(time) } else { None }
}

fn digest(said: &Observation, field: Field) -> Option<String> {
    match said.get(field)? {
        Value::Bytes(bytes) => Some(hex(bytes)),
        other => Some(safe(other)),
    }
}

fn bytes(said: &Observation, field: Field) -> Option<Vec<u8>> {
    if let Some(Value::Bytes(bytes)) = said.get(field) { Some(bytes.clone()) } else { None }
}

/// The keys that a device presented, each once.
pub(super) fn identities(view: &View<'_>, site: Name, presented: &[&Presented<'_>]) -> Vec<document::Identity> {
    let mut found: BTreeMap<(String, String), document::Identity> = BTreeMap::new();
    for one in presented {
        let Some(said) = decode(one) else { continue };
        let (field, of_key) = match one.kind {
            "x509" => (Field::CertificateSha256, bytes(&said, Field::SpkiSha256).map(Key::CertificateKey)),
            "ssh-host-key" => (Field::SshHostKey, None),
            "uuid" => (Field::Uuid, None),
            "opcua-application" => (Field::ApplicationUri, None),
            "niagara-host-id" => (Field::HostId, None),
            "ams-net-id" => (Field::AmsNetId, None),
            "mqtt-client-id" => (Field::MqttClientId, None),
            "lwm2m-endpoint" => (Field::Lwm2mEndpoint, None),
            "ocpp-charge-point" => (Field::ChargePointId, None),
            "dicom-ae-title" => (Field::DicomAeTitle, None),
            kind if let Some(row) = ADDRESSES.iter().find(|row| row.0 == kind) => (row.1, None),
            _ => (Field::EngineId, bytes(&said, Field::EngineId).map(Key::EngineId)),
        };
        let Some(value) = digest(&said, field) else { continue };
        let identity = document::Identity {
            kind: one.kind.into(),
            value: value.clone(),
            issuer: text(&said, Field::CertificateIssuer),
            not_after: date(&said, Field::NotAfter),
            proven: false,
            unique: of_key.is_none_or(|key| !view.resolved.shared.contains_key(&(site, key))),
        };
        found.insert((one.kind.to_owned(), value), identity);
    }
    found.into_values().collect()
}

/// Every certificate once, with who presented it.
pub(super) fn certificates(view: &View<'_>, presented: &[&[&Presented<'_>]], ids: &[Option<String>]) -> Vec<document::Certificate> {
    let mut found: BTreeMap<String, (i64, document::Certificate)> = BTreeMap::new();
    for (member, id) in presented.iter().zip(ids) {
        for one in member.iter().filter(|one| one.kind == "x509") {
            let Some(said) = decode(one) else { continue };
            let Some(sha256) = digest(&said, Field::CertificateSha256) else { continue };
            let first = one.at.entry.first.time;
            let (earliest, certificate) = found.entry(sha256.clone()).or_insert_with(|| (i64::MAX, document::Certificate::default()));
            if first < *earliest {
                *earliest = first;
                let (by, roles) = (std::mem::take(&mut certificate.presented_by), std::mem::take(&mut certificate.roles));
                *certificate = record(view, one, &said, sha256);
                (certificate.presented_by, certificate.roles) = (by, roles);
            }
            certificate.presented_by.extend(id.clone());
            certificate.roles.extend(text(&said, Field::CertificateRole));
        }
    }
    let tidy = |(_, mut certificate): (i64, document::Certificate)| {
        for list in [&mut certificate.presented_by, &mut certificate.roles] {
            list.sort();
            list.dedup();
        }
        certificate
    };
    found.into_values().map(tidy).collect()
}

fn record(view: &View<'_>, one: &Presented<'_>, said: &Observation, sha256: String) -> document::Certificate {
    let index = said.fields.iter().position(|said| said.field == Field::CertificateSha256);
    let bits = said.get(Field::KeyBits).map(|bits| format!(" {}", bits.display())).unwrap_or_default();
    document::Certificate {
        sha256,
        subject: text(said, Field::CertificateSubject).unwrap_or_default(),
        issuer: text(said, Field::CertificateIssuer).unwrap_or_default(),
        serial: digest(said, Field::CertificateSerial).unwrap_or_default(),
        not_before: date(said, Field::NotBefore),
        not_after: date(said, Field::NotAfter),
        key: text(said, Field::KeyAlgorithm).unwrap_or_default() + &bits,
        signature: text(said, Field::SignatureAlgorithm).unwrap_or_default(),
        self_signed: said.get(Field::SelfSigned).and_then(Value::number) == Some(1),
        subject_alt_names: said.all(Field::SubjectAltName).map(safe).collect(),
        evidence: vec![evidence(view.said, &view.facts, one.at, said, index)],
        ..document::Certificate::default()
    }
}
