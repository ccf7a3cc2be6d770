//! Certificates and other keys that were presented.

use crate::assemble::{View, time};
use crate::document;
use crate::gather::{ADDRESSES, At, Name, Span, Told, presents};
use crate::key::Key;
use crate::proof::Chain;
use fingerprints::text::safe;
use observations::value::hex;
use observations::{Field, Kind, Statement, ValueRef};
use std::collections::BTreeMap;

fn text(said: &Statement<'_>, field: Field) -> Option<String> {
    said.get(field).map(|value| safe(value).into_owned())
}

fn date(said: &Statement<'_>, field: Field) -> Option<String> {
    if let Some(ValueRef::Time(seconds)) = said.get(field) { seconds.checked_mul(1_000_000_000).and_then(time) } else { None }
}

fn digest(said: &Statement<'_>, field: Field) -> Option<String> {
    match said.get(field)? {
        ValueRef::Bytes(bytes) => Some(hex(bytes)),
        other => Some(safe(other).into_owned()),
    }
}

fn bytes(said: &Statement<'_>, field: Field) -> Option<Vec<u8>> {
    if let Some(ValueRef::Bytes(bytes)) = said.get(field) { Some(bytes.to_vec()) } else { None }
}

/// A key, from when to when it was shown.
type Shown = (Span, document::Identity);

/// The keys that a device presented, each once.
pub(super) fn identities(view: &View<'_>, site: Name, told: &[Told<'_>]) -> Vec<document::Identity> {
    let mut found: BTreeMap<(&str, String), Shown> = BTreeMap::new();
    for (one, kind) in told.iter().flat_map(|told| presents(&told.said).map(move |kind| (told, kind))) {
        let said = &one.said;
        let (field, of_key) = match kind {
            "x509" => (Field::CertificateSha256, bytes(said, Field::SpkiSha256).map(Key::CertificateKey)),
            "ssh-host-key" => (Field::SshHostKey, None),
            "uuid" => (Field::Uuid, None),
            "opcua-application" => (Field::ApplicationUri, None),
            "niagara-host-id" => (Field::HostId, None),
            "ams-net-id" => (Field::AmsNetId, None),
            "mqtt-client-id" => (Field::MqttClientId, None),
            "lwm2m-endpoint" => (Field::Lwm2mEndpoint, None),
            "psk-identity" => (Field::PskIdentity, None),
            "kerberos-principal" => (Field::KerberosPrincipal, None),
            "ocpp-charge-point" => (Field::ChargePointId, None),
            "dicom-ae-title" => (Field::DicomAeTitle, None),
            kind if let Some(row) = ADDRESSES.iter().find(|row| row.0 == kind) => (row.1, None),
            _ => (Field::EngineId, bytes(said, Field::EngineId).map(Key::EngineId)),
        };
        let Some(value) = digest(said, field) else { continue };
        let (span, identity) = found.entry((kind, value.clone())).or_insert_with(|| {
            let unique = of_key.is_none_or(|key| !view.resolved.shared.contains_key(&(site, key)));
            ((i64::MAX, i64::MIN), document::Identity { kind: kind.into(), value, unique, ..document::Identity::default() })
        });
        *span = (span.0.min(one.entry.first.time), span.1.max(one.entry.last.time));
        identity.issuer = identity.issuer.take().or_else(|| text(said, Field::CertificateIssuer));
        identity.not_after = identity.not_after.take().or_else(|| date(said, Field::NotAfter));
        identity.roles.extend(role(said, kind).filter(|role| !identity.roles.contains(role)));
        if let Some(proof) = Some(one).filter(|one| one.said.kind == Kind::Certificate && !identity.proven).and_then(|one| view.proof_of(one)) {
            (identity.proven, identity.proof) = (true, proven(view, proof));
        }
    }
    let tidy = |(span, mut identity): Shown| {
        identity.roles.sort();
        (identity.first_seen, identity.last_seen) = (time(span.0), time(span.1));
        identity
    };
    found.into_values().map(tidy).collect()
}

/// As what a device uses a key: what it says, else the side that it is.
fn role(said: &Statement<'_>, kind: &str) -> Option<String> {
    let side = match said.kind {
        Kind::Client => Some("client"),
        _ if said.about.endpoint.is_some() => Some("server"),
        // Of a connection's two sides the one that does not serve.
        _ if kind == "opcua-application" => Some("client"),
        _ => None,
    };
    text(said, Field::CertificateRole).or(side.map(str::to_owned))
}

/// Where a signature stands, and what it signs.
fn proven(view: &View<'_>, proof: At) -> Vec<document::Evidence> {
    let Some(told) = view.facts.told(proof) else { return Vec::new() };
    let at = |field| told.said.fields.iter().position(|one| one.field == field);
    let places = [at(Field::Signature), at(Field::SignedDigest), at(Field::SignedBytes)];
    places.into_iter().flatten().filter_map(|field| view.evidence(&told, Some(field))).filter(|evidence| !evidence.spans.is_empty()).collect()
}

/// Every certificate once, with who presented it: who, by the statement that shows it.
pub(super) fn certificates<'a>(view: &View<'_>, presented: impl Iterator<Item = (Option<String>, Told<'a>)>) -> Vec<document::Certificate> {
    let mut found: BTreeMap<String, (i64, document::Certificate)> = BTreeMap::new();
    for (id, told) in presented {
        let Some(sha256) = digest(&told.said, Field::CertificateSha256) else { continue };
        let first = told.entry.first.time;
        let (earliest, certificate) = found.entry(sha256.clone()).or_insert_with(|| (i64::MAX, document::Certificate::default()));
        if first < *earliest {
            *earliest = first;
            let known = std::mem::take(certificate);
            let (presented_by, roles, proven_by) = (known.presented_by, known.roles, known.proven_by);
            *certificate = document::Certificate { presented_by, roles, proven_by, ..record(view, &told, sha256) };
        }
        if view.proof_of(&told).is_some() {
            certificate.proven_by.extend(id.clone());
        }
        certificate.presented_by.extend(id);
        certificate.roles.extend(text(&told.said, Field::CertificateRole));
    }
    let tidy = |(_, mut certificate): (i64, document::Certificate)| {
        for list in [&mut certificate.presented_by, &mut certificate.roles, &mut certificate.proven_by] {
            list.sort();
            list.dedup();
        }
        certificate
    };
    found.into_values().map(tidy).collect()
}

/// Where a certificate's signatures lead, and the name of the trusted issuer.
fn trust(view: &View<'_>, said: &Statement<'_>) -> Option<(String, Option<String>)> {
    let issuers = &view.policy().issuers;
    if !issuers.iter().any(|issuer| issuer.certificate.is_some()) {
        return None;
    }
    let (word, issuer) = match view.chain(&bytes(said, Field::CertificateSha256)?) {
        Chain::Trusted(at) => ("trusted", Some(*at)),
        Chain::Forged(at) => ("forged", Some(*at)),
        Chain::NotChecked(at, _) => ("not-checked", Some(*at)),
        Chain::Unknown => ("unknown", None),
    };
    Some((word.to_owned(), issuer.and_then(|at| issuers.get(at)).map(|issuer| issuer.name.clone())))
}

fn record(view: &View<'_>, told: &Told<'_>, sha256: String) -> document::Certificate {
    let said = &told.said;
    let (trust, trusted_issuer) = trust(view, said).unzip();
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
        self_signed: said.get(Field::SelfSigned).and_then(ValueRef::number) == Some(1),
        trust,
        trusted_issuer: trusted_issuer.flatten(),
        subject_alt_names: said.all(Field::SubjectAltName).map(|name| safe(name).into_owned()).collect(),
        evidence: view.evidence(told, index).into_iter().collect(),
        ..document::Certificate::default()
    }
}
