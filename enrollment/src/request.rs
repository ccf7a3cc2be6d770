//! What is proposed for a device, schema `wirecensus.enrollment-request/1`: who it is, why we think so, and what it should get.
//!
//! Two digests stand over it. The *request digest* covers every byte of the canonical JSON (RFC 8785) and is what the sensor signs. The
//! *binding digest* covers only what an approval is about (identifiers, target, profile, method, names): a device seen once more keeps
//! its approval, a device that changed loses it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The schema's name.
pub const SCHEMA: &str = "wirecensus.enrollment-request/1";

/// A device proposed to a target.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// [`SCHEMA`].
    pub schema: String,
    /// The request's own id: a UUIDv5 over the device's key, target and profile, so that proposing again is the same request.
    pub id: String,
    /// The device as the inventory shows it.
    pub device_id: String,
    /// All ids by which the device goes, each naming a key: a request on any of them is a request on this device.
    pub device_keys: Vec<String>,
    /// The site.
    pub site: String,
    /// Which sensor proposes: the hex SHA-256 of its public key.
    pub sensor: String,
    /// The target's name in the configuration.
    pub target: String,
    /// Which kind of identity, as the target names its profiles.
    pub identity_profile: String,
    /// How the identity reaches the device: a method of the document's `enrollability`.
    pub method: String,
    /// What names the device.
    pub identifiers: Identifiers,
    /// What it is: vendor, model, firmware, class, type …
    pub attributes: BTreeMap<String, String>,
    /// Of the weakest identifier that counts, in percent.
    pub confidence: u8,
    /// What it rests on.
    pub evidence: Vec<Proof>,
    /// `sha256:` and the hex digest of the canonical JSON of `evidence`.
    pub evidence_digest: String,
    /// What is asked for.
    pub requested: Requested,
    /// Which rule proposed it and why, for people.
    pub justification: String,
    /// Who proposed it: `policy:RULE` or a person.
    pub requested_by: String,
}

/// What names a device. Sorted, each once.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identifiers {
    /// Link addresses, as `00:80:f4:01:02:03`.
    pub mac: Vec<String>,
    /// Addresses.
    pub ip: Vec<String>,
    /// Serial numbers, as printed.
    pub serial: Vec<String>,
    /// Names.
    pub hostnames: Vec<String>,
    /// Certificates that it presents, hex SHA-256.
    pub cert_sha256: Vec<String>,
}

/// One piece of evidence, as the document has it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// Which attribute it bears out.
    pub attribute: String,
    /// The value.
    pub value: String,
    /// *proven*, *declared*, *reported* or *inferred*.
    pub class: String,
    /// In percent.
    pub confidence: u8,
    /// The protocol and field that said so.
    pub protocol: String,
    /// See `protocol`.
    pub field: String,
    /// When, RFC 3339.
    pub observed_at: String,
    /// The source's key, and the packet in it.
    pub source: String,
    /// See `source`.
    pub packet: u64,
    /// Hex SHA-256 of the frame.
    pub frame_sha256: String,
}

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requested {
    /// Which credentials, such as `x509-client`; empty: to be registered only.
    pub credentials: Vec<String>,
    /// PKCS#10 in PEM, where an operator or the device supplied one. Keys are never asked of a vault.
    // Said as null where there is none: what is signed leaves nothing out, and so neither does what is read.
    #[serde(deserialize_with = "Option::deserialize")]
    pub csr_pem: Option<String>,
    /// How long it should hold, such as `720h`.
    pub ttl: String,
    /// The subject's common name.
    pub common_name: String,
    /// Subject alternative names, each `dns:`, `ip:` or `uri:` and the name.
    pub sans: Vec<String>,
}

impl Request {
    /// Canonical JSON (RFC 8785): what is signed and sent.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        canonical(self)
    }

    /// `sha256:` and the hex digest of what an approval is about.
    #[must_use]
    pub fn binding_digest(&self) -> String {
        #[derive(Serialize)]
        struct Bound<'a>(&'a str, &'a [String], &'a str, &'a str, &'a str, &'a Identifiers, &'a Requested);
        let bound = Bound(&self.schema, &self.device_keys, &self.target, &self.identity_profile, &self.method, &self.identifiers, &self.requested);
        digest(&canonical(&bound))
    }
}

/// Canonical JSON (RFC 8785) of what our own types hold.
#[must_use]
pub fn canonical(value: &impl Serialize) -> Vec<u8> {
    // Own types have string keys and finite numbers: the only two things that it can fail at.
    serde_json_canonicalizer::to_vec(value).unwrap_or_default()
}

/// `sha256:` and the hex digest.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", crate::sign::hex(&Sha256::digest(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        let identifiers = Identifiers { mac: vec!["00:80:f4:01:02:03".to_owned()], ..Identifiers::default() };
        Request { schema: SCHEMA.to_owned(), id: "1".to_owned(), target: "vault".to_owned(), identifiers, ..Request::default() }
    }

    #[test]
    fn an_approval_outlives_a_new_sighting_and_not_a_changed_device() {
        let approved = request().binding_digest();
        let seen_again = Request { evidence: vec![Proof { packet: 9, ..Proof::default() }], confidence: 80, ..request() };
        assert_eq!(seen_again.binding_digest(), approved);
        let mut changed = request();
        changed.identifiers.serial.push("X1".to_owned());
        assert_ne!(changed.binding_digest(), approved);
        assert_ne!(Request { method: "est".to_owned(), ..request() }.binding_digest(), approved);
    }

    #[test]
    fn what_is_signed_has_its_keys_in_the_order_of_rfc_8785() {
        let text = String::from_utf8(request().canonical()).unwrap();
        assert!(text.starts_with("{\"attributes\":{},\"confidence\":0,\"device_id\":"), "{text}");
    }
}
