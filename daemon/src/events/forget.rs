//! Whom an operator wants forgotten: which of the known devices that is, and which events and messages name it.
//!
//! The decision stands in the inventory's database and names addresses. A device is theirs if one of its ids is that of such an address; its
//! names are then those by which it goes here. What names it goes, whoever it is about; what was seen after the decision is of a new device.

use super::event::{Event, Message};
use super::known::{Known, KnownDevice, talk_parts};
use inventory::decision::Decision;
use inventory::key::Key;
use observations::Mac;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// A decision to forget an address, with what tells it from others: it is carried out once.
pub type Decided = (String, Decision);

/// Everybody whom some decisions name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whom {
    /// By which they are known here.
    pub keys: BTreeSet<String>,
    named: Vec<Named>,
}

/// One address of a decision, and what its device goes by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Named {
    site: String,
    ids: BTreeSet<String>,
    /// In lower case.
    words: BTreeSet<String>,
    /// What was seen later stays; without it nothing does.
    until: String,
}

impl Whom {
    /// Whom these decisions name, of what is known.
    #[must_use]
    pub fn of(decisions: &[Decided], known: &Known) -> Self {
        let mut whom = Self::default();
        for (_, decision) in decisions {
            let Decision::Forget { site, key, until, .. } = decision else { continue };
            let Some((_, address)) = key.split_once(':') else { continue };
            let mut named = Named { site: site.clone(), until: until.clone(), ..Named::default() };
            named.words.insert(address.to_lowercase());
            named.ids.extend(address.parse().ok().map(|mac: Mac| Key::of_mac(mac).id(site)));
            let theirs = |device: &KnownDevice| device.site == *site && (!device.ids.is_disjoint(&named.ids) || is_at(device, address));
            let found: Vec<_> = known.devices.iter().filter(|(_, device)| theirs(device)).collect();
            for (id, device) in found {
                named.ids.extend(device.ids.iter().chain([id]).cloned());
                named.words.insert(device.subject.to_lowercase());
                whom.keys.insert(id.clone());
            }
            named.words.extend(named.ids.iter().cloned());
            named.words.remove("");
            whom.named.push(named);
        }
        whom
    }

    /// What is known without them.
    #[must_use]
    pub fn removed_from(&self, known: &Known) -> Known {
        let gone = |id: &str| self.keys.contains(id);
        let mut known = known.clone();
        known.devices.retain(|id, _| !gone(id));
        known.talks.retain(|key, _| talk_parts(key).is_none_or(|(client, server, _)| !gone(client) && !gone(server)));
        known
    }

    /// Whether an event is about one of them, or names one.
    #[must_use]
    pub fn is_in(&self, event: &Event) -> bool {
        let texts = [&event.subject, &event.text, &event.reason];
        self.named.iter().any(|one| one.is_in(&event.site, event.seen.as_ref(), event.device.as_ref(), texts))
    }

    /// Whether a message names one.
    #[must_use]
    pub fn is_told_in(&self, message: &Message) -> bool {
        let devices = || message.devices.iter();
        let texts = || devices().map(|device| &device.subject).chain([&message.text, &message.reason]);
        self.named
            .iter()
            .any(|one| one.is_in(&message.site, message.seen.as_ref(), None, texts()) || devices().any(|device| one.ids.contains(&device.id)))
    }

    /// A message without the devices among them that it names.
    #[must_use]
    pub fn removed_from_message(&self, mut message: Message) -> Message {
        message.devices.retain(|device| !self.named.iter().any(|one| one.ids.contains(&device.id)));
        message
    }

    /// Whether a device's id is one of theirs.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.named.iter().any(|one| one.ids.contains(id))
    }
}

impl Named {
    fn is_in<'t>(&self, site: &str, seen: Option<&String>, device: Option<&String>, texts: impl IntoIterator<Item = &'t String>) -> bool {
        let there = site.is_empty() || site == self.site;
        let later = !self.until.is_empty() && seen.is_some_and(|seen| *seen > self.until);
        let says = |text: String| self.words.iter().any(|word| names(&text, word));
        let named = || texts.into_iter().any(|text| says(text.to_lowercase()));
        there && !later && (device.is_some_and(|id| self.ids.contains(id)) || named())
    }
}

/// Whether a device is known by an IP address alone: its id is that of the address in one of its segments.
fn is_at(device: &KnownDevice, address: &str) -> bool {
    let Ok(ip) = address.parse::<IpAddr>() else { return false };
    let of = |segment: &str| device.ids.contains(&Key::Ip(segment.to_owned(), ip).id(&device.site));
    let segments = device.addresses.iter().filter_map(|held| held.rsplit_once(' ')).filter(|(_, held)| *held == address);
    of("") || segments.map(|(segment, _)| segment).any(of)
}

/// Whether a text has a word that is no part of a longer one: 10.0.0.1 is not in 10.0.0.11.
fn names(text: &str, word: &str) -> bool {
    let part = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    // A dot, a dash or a colon goes on only before a further letter: it may end a sentence. Two colons stand in an address.
    let goes_on = |letters: [Option<char>; 2]| match letters {
        [Some(':'), next] => part(next) || next == Some(':'),
        [Some('.' | '-'), next] => part(next),
        [letter, _] => part(letter),
    };
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default().chars().rev();
        let rest = text.get(at + word.len()..).unwrap_or_default().chars();
        let two = |mut letters: Box<dyn Iterator<Item = char> + '_>| [letters.next(), letters.next()];
        !goes_on(two(Box::new(before))) && !goes_on(two(Box::new(rest)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_not_found_in_a_longer_one() {
        assert!(names("10.0.0.1 aa:bb is new.", "10.0.0.1") && names("was 10.0.0.1: silent", "10.0.0.1") && names("it is 10.0.0.1.", "10.0.0.1"));
        assert!(!names("10.0.0.11 is new", "10.0.0.1") && !names("110.0.0.1", "10.0.0.1") && !names("10.0.0.1.2", "10.0.0.1"));
        assert!(!names("fe80::1:2", "1:2") && names("[1:2]", "1:2"));
    }

    #[test]
    fn a_device_is_whose_ids_are_those_of_the_address_at_that_site_alone() {
        let key = Key::of_mac("00:80:f4:01:02:03".parse().unwrap());
        let device = |site: &str, subject: &str| KnownDevice {
            ids: [key.id(site)].into(),
            site: site.into(),
            subject: subject.into(),
            addresses: [" 10.0.0.5".to_owned()].into(),
            ..KnownDevice::default()
        };
        let mut known = Known::default();
        known.devices.insert("a".into(), device("north", "10.0.0.5 00:80:f4:01:02:03 anna"));
        known.devices.insert("b".into(), device("south", "10.0.0.5 00:80:f4:01:02:03"));
        let behind = Key::Ip(String::new(), "192.0.2.9".parse().unwrap()).id("north");
        known.devices.insert("c".into(), KnownDevice { ids: [behind].into(), site: "north".into(), ..KnownDevice::default() });
        known.talks.insert("c|a|modbus".into(), Default::default());
        known.talks.insert("c|b|modbus".into(), Default::default());
        let forget =
            |key: &str| (key.to_owned(), Decision::Forget { site: "north".into(), key: key.into(), until: "2026-03-02".into(), reason: "r".into() });
        let whom = Whom::of(&[forget("mac:00:80:f4:01:02:03"), forget("ip:10.0.0.5")], &known);
        assert_eq!(whom.keys, ["a".to_owned()].into());
        let left = whom.removed_from(&known);
        assert_eq!((left.devices.len(), left.talks.keys().map(String::as_str).collect::<Vec<_>>()), (2, vec!["c|b|modbus"]));
        assert_eq!(Whom::of(&[forget("behind:192.0.2.9")], &known).keys, ["c".to_owned()].into());
        let event = |site: &str, text: &str, seen: &str| Event {
            site: site.into(),
            seen: Some(seen.into()),
            ..Event::of_all(crate::events::kind::Kind::Silent, text, "why")
        };
        assert!(whom.is_in(&event("north", "10.0.0.9 asks 10.0.0.5 00:80:F4:01:02:03 anna", "2026-03-01")));
        assert!(!whom.is_in(&event("south", "10.0.0.5 is new", "2026-03-01")) && !whom.is_in(&event("north", "10.0.0.55 is new", "2026-03-01")));
        assert!(!whom.is_in(&event("north", "10.0.0.5 is new", "2026-03-03")), "whoever speaks later is another");
    }
}
