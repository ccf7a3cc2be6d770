//! Whose certificates are trusted here, and who proved to hold their keys.

use super::derived::{see, span};
use super::policy::Issuer;
use super::{Bench, Found, Note};
use crate::gather::Told;
use observations::{Field, Statement, ValueRef};

impl<'a> Bench<'_, 'a> {
    /// Certificates that a component presented.
    fn presented(&self, component: usize) -> impl Iterator<Item = Told<'a>> {
        self.members.certificates(component).filter_map(|at| self.view.facts.told(at))
    }

    /// Signatures of a handshake that are not by the key of the certificate that was shown.
    pub(super) fn bad_signatures(&self, rule: u16, found: &mut Found) {
        for component in self.components() {
            for told in self.presented(component) {
                for proof in self.view.disproof_of(&told).into_iter().filter_map(|at| self.view.facts.told(at)) {
                    let mut note = Note { text: format!("{}: the signature is not by its key", subject(&told.said)), ..Note::default() };
                    see(&mut note, &proof, span(&proof));
                    found.note(component, rule, note);
                }
            }
        }
    }

    /// Certificates whose issuer is no trusted one, or takes the name of one.
    pub(super) fn unknown_issuers(&self, rule: u16, found: &mut Found) {
        if self.policy.issuers.is_empty() {
            return;
        }
        for component in self.components().filter(|component| !self.view.is_outside(*component)) {
            for told in self.presented(component) {
                let Some((name, key)) = issuer(&told.said) else { continue };
                let of_name: Vec<&Issuer> = self.policy.issuers.iter().filter(|known| known.name == name).collect();
                let other_key = |known: &&Issuer| known.key_id.is_some() && key.is_some() && known.key_id != key;
                let text = match of_name.as_slice() {
                    [] => format!("{name} is no issuer that is trusted here"),
                    known if known.iter().all(other_key) => format!("{name} is the name of a trusted issuer, and the key is another"),
                    _ => continue,
                };
                let mut note = Note { text, ..Note::default() };
                see(&mut note, &told, span(&told));
                found.note(component, rule, note);
            }
        }
    }
}

/// A certificate's issuer: its name, and the identifier of its key if the certificate has it (RFC 5280 §4.2.1.1).
fn issuer(said: &Statement<'_>) -> Option<(String, Option<String>)> {
    let own = said.get(Field::ChainPosition).and_then(ValueRef::number).unwrap_or(0) == 0;
    let self_signed = said.get(Field::SelfSigned).and_then(ValueRef::number) == Some(1);
    let name = said.get(Field::CertificateIssuer).filter(|_| own && !self_signed)?;
    let key = said.get(Field::IssuerSpkiKeyId).map(|key| key.display().to_lowercase());
    Some((fingerprints::text::safe(name).into_owned(), key))
}

/// A certificate's name, for people.
fn subject(said: &Statement<'_>) -> String {
    said.get(Field::CertificateSubject).map(|name| fingerprints::text::safe(name).into_owned()).unwrap_or_default()
}
