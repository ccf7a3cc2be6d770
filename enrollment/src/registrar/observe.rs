//! Whether an identity is used where it was given to: what was issued, held against what the wire shows.
//!
//! TLS 1.3 hides certificates, and a device may be silent: that a certificate is not seen says nothing, and moves nothing.

use super::{Error, Registrar};
use crate::state::State;
use crate::store::Held;
use crate::store::Note;
use crate::targets::read_certificate;
use inventory::document::{Certificate, Device, Document};

/// Digits of an RFC 3339 time up to the second.
const TO_THE_SECOND: usize = 19;

/// The end of one certificate in PEM (RFC 7468 §5.1).
const END: &str = "-----END CERTIFICATE-----";

impl Registrar {
    /// Moves requests to where the inventory shows that they are: *verified*, *expired*, or *suspended* where two devices use one identity.
    /// A sentence for each that moved.
    ///
    /// # Errors
    /// If the database cannot be read or written.
    pub fn observe(&mut self, document: &Document, now: i64) -> Result<Vec<String>, Error> {
        let mut moved = Vec::new();
        for held in self.store.all()? {
            let Some((to, why)) = seen(&held, document) else { continue };
            if held.state == to || !held.state.next().contains(&to) {
                continue;
            }
            let id = &held.request.id;
            let note = Note { actor: "registrar", action: to.name(), subject: id, detail: &why };
            self.store.advance(id, to, &why, None, now, &note)?;
            moved.push(format!("{id} is {to}: {why}"));
        }
        Ok(moved)
    }
}

/// What the wire shows of the identity that a request led to.
fn seen(held: &Held, document: &Document) -> Option<(State, String)> {
    // The leaf stands first; what leads to its root follows.
    let issued = read_certificate(held.certificate.as_deref()?.split_inclusive(END).next()?)?;
    let shown = document.certificates.iter().find(|one| one.sha256 == issued.sha256);
    if let Some(other) = shown.and_then(|shown| shown.presented_by.iter().find(|id| !is_of(id, held, document))) {
        return Some((State::Suspended, format!("certificate {} is used by {other}, which it was not given to", issued.serial)));
    }
    let second = |time: &str| time.get(..TO_THE_SECOND).map(str::to_owned);
    if document.as_of.as_deref().and_then(second) > second(&issued.not_after) {
        return Some((State::Expired, format!("certificate {} ended on {}", issued.serial, issued.not_after)));
    }
    shown.filter(|shown| !shown.presented_by.is_empty()).map(|shown| (State::Verified, words(shown, &issued.serial)))
}

fn words(shown: &Certificate, serial: &str) -> String {
    let proven = if shown.proven_by.is_empty() { "shown" } else { "proven to be held" };
    let packet = shown.evidence.first().map(|evidence| {
        let packet = evidence.spans.first().map_or(0, |span| span.packet);
        format!(", packet {packet} of source {}", evidence.source)
    });
    format!("certificate {serial} is {proven} on the wire{}", packet.unwrap_or_default())
}

/// Whether a device of the document is the one that a request is about.
fn is_of(id: &str, held: &Held, document: &Document) -> bool {
    let keys = &held.request.device_keys;
    let is_ours = |device: &Device| std::iter::once(&device.id).chain(&device.aliases).any(|one| keys.contains(one));
    keys.iter().any(|key| key == id) || document.devices.iter().any(|device| device.id == id && is_ours(device))
}
