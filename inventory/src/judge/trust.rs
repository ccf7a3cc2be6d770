//! Whose certificates are trusted here, who proved to hold their keys, and what an operator's lists say of them.

use super::derived::{see, span};
use super::policy::{IssuedOne, Issuer};
use super::{Bench, Found, Note};
use crate::gather::Told;
use crate::key::Key;
use crate::proof::Chain;
use fingerprints::text::safe;
use observations::{Endpoint, Field, Kind, Statement, ValueRef};
use std::collections::{BTreeMap, BTreeSet};

/// A day in nanoseconds.
const DAY: i64 = 86_400 * 1_000_000_000;

/// Names that a finding lists.
const NAMED_MAX: usize = 10;

/// Protocols whose certificates are those of applications with a URI.
const OPC_UA: &str = "opcua";

impl<'a> Bench<'_, 'a> {
    /// Components of ours.
    fn own(&self) -> impl Iterator<Item = usize> {
        self.components().filter(|component| !self.view.is_outside(*component))
    }

    /// Certificates that a component presented as its own.
    fn leaves(&self, component: usize) -> impl Iterator<Item = (Told<'a>, Vec<u8>)> {
        self.view.leaves(component, self.members)
    }

    fn tell(&self, component: usize, rule: u16, text: String, told: &Told<'_>, found: &mut Found) {
        let mut note = Note { text, ..Note::default() };
        see(&mut note, told, span(told));
        found.note(component, rule, note);
    }

    /// Signatures of a handshake that are not by the key of the certificate that was shown.
    pub(super) fn bad_signatures(&self, rule: u16, found: &mut Found) {
        for component in self.components() {
            for (told, _) in self.leaves(component) {
                for proof in self.view.disproof_of(&told).into_iter().filter_map(|at| self.view.facts.told(at)) {
                    self.tell(component, rule, format!("{}: the signature is not by its key", subject(&told.said)), &proof, found);
                }
            }
        }
    }

    /// Certificates whose issuer is no trusted one, or takes the name of one.
    pub(super) fn unknown_issuers(&self, rule: u16, found: &mut Found) {
        let issuers = &self.policy.issuers;
        if issuers.is_empty() || self.policy.others_issue {
            return;
        }
        for component in self.own() {
            for (told, digest) in self.leaves(component) {
                let Some((name, key)) = issuer(&told.said) else { continue };
                let of_name: Vec<&Issuer> = issuers.iter().filter(|known| known.name == name).collect();
                let by_name = || of_name.iter().filter(|known| known.certificate.is_none());
                let other_key = |known: &&&Issuer| known.key_id.is_some() && key.is_some() && known.key_id != key;
                let text = match self.view.chain(&digest) {
                    Chain::Trusted(_) => continue,
                    _ if by_name().any(|known| !other_key(&known)) => continue,
                    Chain::Forged(at) => {
                        let trusted = issuers.get(*at).map_or("", |issuer| issuer.name.as_str());
                        let way = if trusted == name { String::new() } else { format!("by {name}: ") };
                        format!("{way}{trusted} is the name of a trusted issuer, and its key did not sign this")
                    }
                    Chain::NotChecked(..) => continue,
                    Chain::Unknown if by_name().next().is_some() => format!("{name} is the name of a trusted issuer, and the key is another"),
                    Chain::Unknown => format!("{name} is no issuer that is trusted here"),
                };
                self.tell(component, rule, text, &told, found);
            }
        }
    }

    /// Certificates that a list of their issuer revoked, before they were seen.
    pub(super) fn revoked_certificates(&self, rule: u16, found: &mut Found) {
        for component in self.components() {
            for (told, digest) in self.leaves(component) {
                let Some((list, signed)) = self.view.revoked(&told, &digest) else { continue };
                let doubt = if signed { "" } else { "; whether the issuer signed that list could not be told" };
                self.tell(component, rule, format!("{} was revoked by {}{doubt}", subject(&told.said), list.name), &told, found);
            }
        }
    }

    /// Certificates of a trusted issuer that are on no list of what it issued.
    pub(super) fn not_issued(&self, rule: u16, found: &mut Found) {
        let issued = || self.policy.issued.iter().flat_map(|list| &list.certificates);
        if issued().next().is_none() {
            return;
        }
        let listed: BTreeSet<&str> = issued().filter_map(|one| one.issuer.as_deref()).collect();
        for component in self.own() {
            for (told, digest) in self.leaves(component) {
                let Some(one) = self.view.certificate(&digest).filter(|_| matches!(self.view.chain(&digest), Chain::Trusted(_))) else { continue };
                // A list that says by whom speaks of those alone.
                let covered = listed.contains(one.issuer.as_str()) || issued().any(|row| row.issuer.is_none());
                if covered && !issued().any(|row| is_row(row, &one.serial, &one.issuer)) {
                    let serial = observations::value::hex(&one.serial);
                    self.tell(
                        component,
                        rule,
                        format!("{} (serial number {serial}) is on no list of what {} issued", one.subject, one.issuer),
                        &told,
                        found,
                    );
                }
            }
        }
    }

    /// Certificates of a list that nobody showed, where TLS 1.3 hides none and both directions were seen.
    pub(super) fn issued_not_used(&self, rule: u16, found: &mut Found) {
        if self.policy.issued.is_empty() || self.view.facts.tls.values().any(|hidden| *hidden) {
            return;
        }
        let leaves = self.components().flat_map(|component| self.leaves(component));
        let seen: BTreeSet<(Vec<u8>, String)> =
            leaves.filter_map(|(_, digest)| self.view.certificate(&digest).map(|one| (one.serial.clone(), one.issuer.clone()))).collect();
        for list in &self.policy.issued {
            let missing: Vec<&str> = list
                .certificates
                .iter()
                .filter(|row| !seen.iter().any(|(serial, issuer)| is_row(row, serial, issuer)))
                .map(|row| row.name.as_str())
                .collect();
            if !missing.is_empty() {
                let named = missing.iter().take(NAMED_MAX).copied().collect::<Vec<_>>().join(", ");
                let text = format!("{} of {}'s {} certificates were not seen: {named}", missing.len(), list.name, list.certificates.len());
                found.of_site(rule, Note { text, ..Note::default() });
            }
        }
    }

    /// Certificates that are older than the policy lets them be.
    pub(super) fn overdue(&self, rule: u16, found: &mut Found) {
        let Some(days) = self.policy.renewal_days else { return };
        for component in self.own() {
            for (told, _) in self.leaves(component) {
                let Some(ValueRef::Time(since)) = told.said.get(Field::NotBefore) else { continue };
                let age = told.entry.last.time.saturating_sub(since.saturating_mul(1_000_000_000)) / DAY;
                if age > i64::from(days) {
                    self.tell(
                        component,
                        rule,
                        format!("{} is {age} days old, and should be renewed after {days}", subject(&told.said)),
                        &told,
                        found,
                    );
                }
            }
        }
    }

    /// Servers in zones where they must ask who their clients are, that show their certificate and do not ask. TLS 1.3 asks in what is
    /// encrypted.
    pub(super) fn not_mutual(&self, rule: u16, found: &mut Found) {
        if self.policy.mutual.is_empty() {
            return;
        }
        let mut services: BTreeMap<(usize, Option<Endpoint>), (bool, Option<Told<'a>>)> = BTreeMap::new();
        for (component, _, told) in self.collected(rule) {
            let (asks, version) = services.entry((component, told.said.about.endpoint)).or_default();
            if told.said.get(Field::TlsClientAuth).is_some() {
                *asks = true;
            } else {
                *version = version.take().or(Some(told));
            }
        }
        for ((component, endpoint), (_, version)) in services.into_iter().filter(|(_, (asks, _))| !asks) {
            let Some(told) = version else { continue };
            let zone = self.view.zone(component, self.policy).name;
            let whole = self.leaves(component).any(|(leaf, _)| leaf.said.about.endpoint == endpoint && endpoint.is_some());
            if whole && self.policy.mutual.contains(&zone) {
                let port = endpoint.map_or(0, |endpoint| endpoint.port);
                self.tell(component, rule, format!("port {port}: the handshake has no request for a certificate of the client"), &told, found);
            }
        }
    }

    /// Servers that were asked for by a name, and OPC UA applications that go by a URI (OPC 10000-6 §6.2.2), and show a certificate of another.
    pub(super) fn other_application(&self, rule: u16, found: &mut Found) {
        let mut uris: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        for (component, field, told) in self.collected(rule) {
            if told.said.kind == Kind::Security {
                let name = told.said.get(Field::TlsServerName).map(|name| safe(name).into_owned()).unwrap_or_default();
                self.tell(component, rule, format!("it was asked for {name}, and its certificate is of other names"), &told, found);
                continue;
            }
            uris.entry(component).or_default().extend(told.said.fields.get(field).map(|one| safe(one.value).into_owned()));
        }
        for (component, own) in uris {
            for (told, _) in self.leaves(component).filter(|(told, _)| told.said.protocol == OPC_UA) {
                let names = told.said.all(Field::SubjectAltName).map(|name| safe(name).into_owned());
                let named: Vec<String> = names.filter_map(|name| name.strip_prefix("uri:").map(str::to_owned)).collect();
                if !named.is_empty() && named.iter().all(|uri| !own.contains(uri)) {
                    let goes_by = own.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
                    self.tell(component, rule, format!("it goes by {goes_by}, its certificate is of {}", named.join(", ")), &told, found);
                }
            }
        }
    }

    /// Devices whose certificate's subject has a serial number, and none of their own is in it.
    pub(super) fn other_serial(&self, rule: u16, found: &mut Found) {
        for component in self.own() {
            let keys = self.view.resolved.components[component].keys.iter();
            let own: BTreeSet<String> =
                keys.filter_map(|(key, _)| if let Key::Serial(_, serial) = key { Some(plain(serial)) } else { None }).collect();
            if own.is_empty() {
                continue;
            }
            for (told, _) in self.leaves(component) {
                let Some(serial) = told.said.get(Field::SubjectSerialNumber).map(|serial| safe(serial).into_owned()) else { continue };
                // IEEE 802.1AR §8.6 leaves the form open: "PID:… SN:…" holds the number.
                let shown = plain(&serial);
                if !shown.is_empty() && !own.iter().any(|own| shown.contains(own.as_str()) || own.contains(&shown)) {
                    let own = own.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
                    self.tell(component, rule, format!("its certificate is for the serial number {serial}, its own is {own}"), &told, found);
                }
            }
        }
    }

    /// Certificates of which a product's documentation says that they come with it.
    pub(super) fn known_defaults(&self, rule: u16, found: &mut Found) {
        for component in self.own() {
            for (told, _) in self.leaves(component) {
                let name = |field| told.said.get(field).map(|name| safe(name).into_owned()).unwrap_or_default();
                let names = (name(Field::CertificateSubject), name(Field::CertificateIssuer));
                if let Some(known) = fingerprints::defaults::certificate(&names.0, &names.1) {
                    self.tell(component, rule, format!("{}: {known}", names.0), &told, found);
                }
            }
        }
    }
}

/// Whether a row of a list is that certificate.
fn is_row(row: &IssuedOne, serial: &[u8], issuer: &str) -> bool {
    row.serial == serial && row.issuer.as_deref().is_none_or(|by| by == issuer)
}

/// A serial number's letters and digits, in upper case, without leading zeros.
fn plain(serial: &str) -> String {
    let letters: String = serial.chars().filter(char::is_ascii_alphanumeric).collect();
    letters.trim_start_matches('0').to_uppercase()
}

/// A certificate's issuer: its name, and the identifier of its key if the certificate has it (RFC 5280 §4.2.1.1).
fn issuer(said: &Statement<'_>) -> Option<(String, Option<String>)> {
    let self_signed = said.get(Field::SelfSigned).and_then(ValueRef::number) == Some(1);
    let name = said.get(Field::CertificateIssuer).filter(|_| said.kind == Kind::Certificate && !self_signed)?;
    let key = said.get(Field::IssuerSpkiKeyId).map(|key| key.display().to_lowercase());
    Some((safe(name).into_owned(), key))
}

/// A certificate's name, for people.
fn subject(said: &Statement<'_>) -> String {
    said.get(Field::CertificateSubject).map(|name| safe(name).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_are_compared_by_what_they_are() {
        assert_eq!((plain("00-4A:1"), plain("PID:X-1 SN:0042"), plain("000")), ("4A1".into(), "PIDX1SN0042".into(), String::new()));
    }

    #[test]
    fn a_row_without_issuer_is_of_any() {
        let row = |issuer: Option<&str>| IssuedOne { serial: vec![7], issuer: issuer.map(str::to_owned), ..IssuedOne::default() };
        assert!(is_row(&row(None), &[7], "CN=a") && is_row(&row(Some("CN=a")), &[7], "CN=a"));
        assert!(!is_row(&row(Some("CN=b")), &[7], "CN=a") && !is_row(&row(None), &[8], "CN=a"));
    }
}
