//! What happened, and the message that tells it: all of it, or no more than a stranger may know.

use super::kind::{Kind, Severity};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Devices that a message about several names: the database has the others.
pub const NAMED_MAX: usize = 10;

/// The schema of what a webhook gets.
pub const SCHEMA: &str = "wirecensus.event/1";

/// Something that happened to one device, one port or the whole.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// What kind of thing.
    pub kind: Kind,
    /// How grave: the kind's, or less.
    pub severity: Severity,
    /// The site; empty for what concerns all.
    pub site: String,
    /// The segment, where there is one.
    pub segment: String,
    /// The device's id.
    pub device: Option<String>,
    /// Its class.
    pub class: String,
    /// It, for people: addresses, names.
    pub subject: String,
    /// What happened, with values.
    pub text: String,
    /// Why that is an event: the threshold, and what it was held against.
    pub reason: String,
    /// Packet time of what was seen, where there is one.
    pub seen: Option<String>,
}

impl Event {
    /// An event that concerns no single device.
    #[must_use]
    pub fn of_all(kind: Kind, text: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            kind,
            severity: kind.severity(),
            site: String::new(),
            segment: String::new(),
            device: None,
            class: String::new(),
            subject: String::new(),
            text: text.into(),
            reason: reason.into(),
            seen: None,
        }
    }
}

/// A device as a message names it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Named {
    /// Its id.
    pub id: String,
    /// Its class.
    pub class: String,
    /// For people.
    pub subject: String,
}

/// How much a receiver is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Profile {
    /// Kind, severity, count, site, and of devices their ids and classes: no address, no name, no serial number, no topology.
    #[default]
    Minimal,
    /// All.
    Full,
}

/// What is told: one event, or several of a kind in a segment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Message {
    /// Unique for good; a message that comes twice has the same. Empty until the database numbers it.
    #[serde(default)]
    pub id: String,
    /// When it was concluded, RFC 3339.
    pub at: String,
    /// What kind.
    pub kind: Kind,
    /// How grave.
    pub severity: Severity,
    /// The site.
    pub site: String,
    /// The segment.
    pub segment: String,
    /// How many events it stands for.
    pub count: u64,
    /// The devices, [`NAMED_MAX`] at most.
    pub devices: Vec<Named>,
    /// What happened.
    pub text: String,
    /// Why that is an event.
    pub reason: String,
    /// Packet time of what was seen.
    pub seen: Option<String>,
    /// The ticket of the maintenance window in which it happened.
    pub ticket: Option<String>,
}

impl Message {
    /// One event, or several of one kind.
    #[must_use]
    pub fn of(events: &[Event], at: &str) -> Option<Self> {
        let first = events.first()?;
        let named = |event: &Event| {
            let id = event.device.clone()?;
            Some(Named { id, class: event.class.clone(), subject: event.subject.clone() })
        };
        let mut devices: Vec<Named> = Vec::new();
        for one in events.iter().filter_map(named) {
            if devices.len() < NAMED_MAX && devices.iter().all(|known| known.id != one.id) {
                devices.push(one);
            }
        }
        let text = match events {
            [one] => one.text.clone(),
            several => {
                let texts: Vec<&str> = several.iter().take(NAMED_MAX).map(|event| event.text.as_str()).collect();
                let more = several.len().saturating_sub(NAMED_MAX);
                format!("{} events: {}{}", several.len(), texts.join("; "), if more > 0 { format!("; and {more} more") } else { String::new() })
            }
        };
        Some(Self {
            id: String::new(),
            at: at.to_owned(),
            kind: first.kind,
            severity: events.iter().map(|event| event.severity).min().unwrap_or_default(),
            site: first.site.clone(),
            segment: first.segment.clone(),
            count: events.len() as u64,
            devices,
            text,
            reason: first.reason.clone(),
            seen: events.iter().filter_map(|event| event.seen.clone()).max(),
            ticket: None,
        })
    }

    /// A message of our own about others.
    #[must_use]
    pub fn about(kind: Kind, at: &str, count: u64, text: impl Into<String>, reason: impl Into<String>) -> Self {
        let event = Event::of_all(kind, text, reason);
        Self {
            id: String::new(),
            at: at.to_owned(),
            kind,
            severity: event.severity,
            site: event.site,
            segment: event.segment,
            count,
            devices: Vec::new(),
            text: event.text,
            reason: event.reason,
            seen: None,
            ticket: None,
        }
    }

    /// As JSON, with what the receiver may know.
    #[must_use]
    pub fn json(&self, profile: Profile) -> Value {
        let of = |one: &Named| match profile {
            Profile::Minimal => json!({ "id": one.id, "class": one.class }),
            Profile::Full => json!({ "id": one.id, "class": one.class, "subject": one.subject }),
        };
        let mut value = json!({
            "schema": SCHEMA,
            "id": self.id,
            "at": self.at,
            "kind": self.kind,
            "severity": self.severity,
            "site": self.site,
            "count": self.count,
            "devices": self.devices.iter().map(of).collect::<Vec<_>>(),
            "text": self.words(profile),
        });
        if let (Profile::Full, Some(fields)) = (profile, value.as_object_mut()) {
            fields.insert("segment".to_owned(), json!(self.segment));
            fields.insert("reason".to_owned(), json!(self.reason));
            fields.insert("seen".to_owned(), json!(self.seen));
        }
        if let (Some(ticket), Some(fields)) = (&self.ticket, value.as_object_mut()) {
            fields.insert("ticket".to_owned(), json!(ticket));
        }
        value
    }

    /// In words, as far as the receiver may know them: the kind's own text tells no value.
    #[must_use]
    pub fn words(&self, profile: Profile) -> &str {
        match profile {
            Profile::Minimal => self.kind.text(),
            Profile::Full => &self.text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(device: &str) -> Event {
        Event {
            site: "north".into(),
            segment: "cell 1".into(),
            device: Some(device.into()),
            class: "controller".into(),
            subject: "192.0.2.7 plc-anna".into(),
            seen: Some("2026-03-01T00:00:00.000000000Z".into()),
            ..Event::of_all(Kind::NewDevice, "192.0.2.7 plc-anna serial 4711", "not seen in 7 days")
        }
    }

    #[test]
    fn several_are_one_message_with_their_number_and_the_first_names() {
        let events: Vec<Event> = (0..25).map(|n| event(&format!("d{n}"))).collect();
        let message = Message::of(&events, "now").unwrap();
        assert_eq!((message.count, message.devices.len(), message.devices[0].id.as_str()), (25, NAMED_MAX, "d0"));
        assert!(message.text.starts_with("25 events: ") && message.text.ends_with("and 15 more"));
        assert!(Message::of(&[], "now").is_none());
    }

    #[test]
    fn a_minimal_message_has_no_address_name_serial_number_or_topology() {
        let message = Message::of(&[event("d1")], "now").unwrap();
        let (minimal, full) = (message.json(Profile::Minimal).to_string(), message.json(Profile::Full).to_string());
        for word in ["192.0.2.7", "plc-anna", "4711", "cell 1", "7 days", "2026-03-01"] {
            assert!(!minimal.contains(word) && full.contains(word), "{word}: {minimal}");
        }
        for word in ["new-device", "warning", "d1", "controller", "north"] {
            assert!(minimal.contains(word), "{word}");
        }
    }
}
