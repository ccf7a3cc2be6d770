//! A flood: more strangers than a network has, who say a word each and to whom nobody answers.

use super::{Bench, Found, Note};

/// Strangers of one minute that are a flood. No network gets a thousand new devices in a minute, and devices that come do not fall silent.
const STRANGERS_MIN: usize = 1_000;

/// Packets of a stranger: what is sent twice, in case the first is lost, is no conversation.
const PACKETS_MAX: u64 = 2;

/// A minute, in nanoseconds.
const MINUTE: i64 = 60 * 1_000_000_000;

impl Bench<'_, '_> {
    /// The minute in which most strangers came. Who spoke in the capture's last minute may go on to speak.
    pub(super) fn floods(&self, rule: u16, found: &mut Found) {
        let stranger = |at| self.traffic.unanswered(at, PACKETS_MAX).filter(|(span, _)| span.1.saturating_add(MINUTE) <= self.as_of);
        let mut strangers: Vec<_> = self.components().filter_map(stranger).collect();
        strangers.sort_unstable();
        let (mut from, mut most) = (0, 0..0);
        for (to, (span, _)) in strangers.iter().enumerate() {
            while strangers.get(from).is_some_and(|(first, _)| span.0.saturating_sub(first.0) > MINUTE) {
                from += 1;
            }
            if to + 1 - from > most.len() {
                most = from..to + 1;
            }
        }
        let of_minute = strangers.get(most).unwrap_or_default();
        let (Some((first, talk)), Some((last, _)), true) = (of_minute.first(), of_minute.last(), of_minute.len() >= STRANGERS_MIN) else { return };
        let text = format!(
            "{} addresses sent no more than {PACKETS_MAX} packets each, were answered by nobody and fell silent; {} of them came within a minute",
            strangers.len(),
            of_minute.len()
        );
        found.of_site(rule, Note { text, span: Some((first.0, last.0)), talk: *talk, ..Note::default() });
    }
}
