//! An inventory under pseudonyms: for a vendor, or whoever else may know what is there and not whose it is.
//!
//! | stays | becomes a pseudonym |
//! |---|---|
//! | makers, models, order numbers, versions, operating systems | names, serial numbers, locations, descriptions, what an operator wrote |
//! | classes, types, roles, protocols, ports, operations, counters, times | IP addresses, within their network; the lower half of MAC addresses |
//! | rules, severities, remedies, controls, confidence | certificates: subjects, issuers, numbers, digests |
//! | where evidence stands: packet, offset, length | what evidence quotes (left out), digests of frames and captures, ids |
//!
//! A pseudonym is a function of the value and a key (HMAC-SHA-256): the same value has the same one throughout, and without the key nobody
//! can try all MAC addresses of a maker until one fits. What a field is decides what becomes of it (`class`); a field that nobody has
//! classified is treated as text that may hold anything.

mod class;
mod pseudonym;
mod text;

use super::Contents;
use crate::tags::SiteKey;
use class::{Class, class};
use inventory::Document;
use inventory::document::{Conversation, Device};
use pseudonym::Pseudonyms;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::borrow::Cow;
use text::Known;

/// The contents of an inventory under pseudonyms. Devices are made, and renamed, as they are written.
pub struct Redacted<'c> {
    contents: &'c dyn Contents,
    renamer: Renamer<'c>,
    head: Document,
    /// Devices in the order of their new ids.
    devices: Vec<u32>,
    /// Conversations in the order of their new parties.
    conversations: Vec<u32>,
}

struct Renamer<'k> {
    known: Known,
    pseudonyms: Pseudonyms<'k>,
}

impl<'c> Redacted<'c> {
    /// Looks at every device and conversation once: what is a name anywhere is one everywhere.
    #[must_use]
    pub fn of(contents: &'c dyn Contents, key: &'c SiteKey) -> Self {
        let renamer = Renamer { known: Known::of(contents), pseudonyms: Pseudonyms::of(key) };
        let mut devices: Vec<(String, u32)> = Vec::with_capacity(contents.devices());
        for (number, at) in (0u32..).zip(0..contents.devices()) {
            devices.extend(contents.device(at).map(|device| (renamer.pseudonyms.whole(&device.id), number)));
        }
        devices.sort_unstable();
        let mut conversations = Vec::with_capacity(contents.conversations());
        for (number, at) in (0u32..).zip(0..contents.conversations()) {
            conversations.extend(contents.conversation(at).map(|talk| (renamer.place(&talk), number)));
        }
        conversations.sort_unstable();
        let head = renamer.head(contents.head());
        let devices = devices.into_iter().map(|(_, number)| number).collect();
        Self { contents, renamer, head, devices, conversations: conversations.into_iter().map(|(_, number)| number).collect() }
    }
}

impl Contents for Redacted<'_> {
    fn head(&self) -> &Document {
        &self.head
    }

    fn devices(&self) -> usize {
        self.devices.len()
    }

    fn device(&self, number: usize) -> Option<Cow<'_, Device>> {
        let device = self.contents.device(*self.devices.get(number)? as usize)?;
        Some(Cow::Owned(self.renamer.device(&device)))
    }

    fn conversations(&self) -> usize {
        self.conversations.len()
    }

    fn conversation(&self, number: usize) -> Option<Cow<'_, Conversation>> {
        let conversation = self.contents.conversation(*self.conversations.get(number)? as usize)?;
        Some(Cow::Owned(self.renamer.renamed("conversation", &*conversation)))
    }

    fn whole(&self) -> Cow<'_, Document> {
        let devices = (0..self.devices()).filter_map(|number| self.device(number)).map(Cow::into_owned).collect();
        let conversations = (0..self.conversations()).filter_map(|number| self.conversation(number)).map(Cow::into_owned).collect();
        Cow::Owned(Document { devices, conversations, ..self.head.clone() })
    }
}

impl Renamer<'_> {
    /// What stands before the devices, in the order of its new names.
    fn head(&self, document: &Document) -> Document {
        let Document {
            schema,
            producer,
            as_of,
            complete,
            limits_hit,
            sources,
            coverage,
            findings,
            protection,
            certificates,
            devices: _,
            conversations: _,
        } = document;
        let head = Document {
            schema: schema.clone(),
            producer: producer.clone(),
            as_of: as_of.clone(),
            complete: *complete,
            limits_hit: limits_hit.clone(),
            sources: sources.clone(),
            coverage: coverage.clone(),
            findings: findings.clone(),
            protection: protection.clone(),
            certificates: certificates.clone(),
            devices: Vec::new(),
            conversations: Vec::new(),
        };
        let mut head: Document = self.renamed("head", &head);
        head.limits_hit.sort();
        head.sources.sort_by(|a, b| a.key.cmp(&b.key));
        for list in [&mut head.coverage.asked_for_only, &mut head.coverage.virtual_addresses, &mut head.coverage.overlapping_addresses] {
            list.sort();
        }
        head.coverage.shared_keys.iter_mut().for_each(|shared| shared.devices.sort());
        head.coverage.shared_secrets.iter_mut().for_each(|shared| shared.devices.sort());
        head.coverage.shared_secrets.sort_by(|a, b| (&a.devices, &a.uses, &a.first_seen).cmp(&(&b.devices, &b.uses, &b.first_seen)));
        head.coverage.shared_keys.sort_by(|a, b| (&a.key, &a.id).cmp(&(&b.key, &b.id)));
        head.findings.iter_mut().for_each(|finding| finding.devices.sort());
        head.certificates.iter_mut().for_each(|certificate| certificate.presented_by.sort());
        head.certificates.sort_by(|a, b| a.sha256.cmp(&b.sha256));
        head
    }

    fn device(&self, device: &Device) -> Device {
        let own = self.known.own(device);
        let mut value = value_of(device);
        for name in class::KEPT_ATTRIBUTES {
            self.spare(&mut value, name, &own);
        }
        let mut device: Device = self.walked("device", value);
        for list in [&mut device.aliases, &mut device.macs, &mut device.ips, &mut device.segments, &mut device.replaces] {
            list.sort();
        }
        device.bindings.sort_by(|a, b| (&a.value, &a.segment, &a.first_seen).cmp(&(&b.value, &b.segment, &b.first_seen)));
        device.identities.sort_by(|a, b| (&a.kind, &a.value).cmp(&(&b.kind, &b.value)));
        device
    }

    /// In what stays of a device: its own names, which may have blanks.
    fn spare(&self, device: &mut Value, attribute: &str, own: &[String]) {
        let Some(record) = device.get_mut("attributes").and_then(|all| all.get_mut(attribute)) else { return };
        let replace = |value: &mut Value| {
            if let Value::String(text) = value {
                *text = text::without(text, own, &self.pseudonyms);
            }
        };
        record.get_mut("value").into_iter().for_each(replace);
        for list in ["rivals", "history"] {
            let values = record.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
            values.filter_map(|rival| rival.get_mut("value")).for_each(replace);
        }
    }

    /// By what a conversation is sorted.
    fn place(&self, talk: &Conversation) -> ([String; 4], String, String, u16) {
        let id = |id: &Option<String>| id.as_deref().map_or(String::new(), |id| self.pseudonyms.whole(id));
        let address = |address: &String| text::strict(address, &self.known, &self.pseudonyms);
        let parties = [id(&talk.client.device), address(&talk.client.address), id(&talk.server.device), address(&talk.server.address)];
        (parties, talk.protocol.clone(), talk.transport.clone(), talk.port)
    }

    fn renamed<T: Serialize + DeserializeOwned>(&self, root: &'static str, record: &T) -> T {
        self.walked(root, value_of(record))
    }

    fn walked<T: DeserializeOwned>(&self, root: &'static str, mut value: Value) -> T {
        self.walk(&mut value, &mut vec![root.to_owned()]);
        serde_json::from_value(value).expect("texts alone were changed")
    }

    fn walk(&self, value: &mut Value, path: &mut Vec<String>) {
        match value {
            Value::String(text) if !text.is_empty() => *text = self.text(class(path), text),
            Value::Array(values) => values.iter_mut().for_each(|value| self.walk(value, path)),
            Value::Object(fields) => {
                for (name, value) in fields.iter_mut() {
                    path.push(name.clone());
                    self.walk(value, path);
                    path.pop();
                }
                self.names(fields, path);
            }
            _ => {}
        }
    }

    /// Names of a map's members, where they are no names of fields.
    fn names(&self, fields: &mut Map<String, Value>, path: &[String]) {
        let Some(class) = class::of_names(path) else { return };
        *fields = std::mem::take(fields).into_iter().map(|(name, value)| (self.text(class, &name), value)).collect();
    }

    fn text(&self, class: Class, text: &str) -> String {
        let (known, pseudonyms) = (&self.known, &self.pseudonyms);
        match class {
            Class::Keep => text.to_owned(),
            Class::Whole => pseudonyms.whole(text),
            Class::Place => text::place(text, pseudonyms),
            Class::File => text::file(text, pseudonyms),
            Class::Subject => text::subject(text, pseudonyms),
            Class::AlternativeName => text::alternative_name(text, pseudonyms),
            Class::Strict => text::strict(text, known, pseudonyms),
            Class::Within => text::within(text, known, pseudonyms),
            Class::Quote => "redacted".to_owned(),
        }
    }
}

fn value_of<T: Serialize>(record: &T) -> Value {
    serde_json::to_value(record).expect("a document is JSON")
}

#[cfg(test)]
mod tests;
