//! A flood: more strangers than a network has, with addresses that software made up, who say a word each and fall silent.

use super::{Bench, Found, Note};
use crate::gather::Span;

/// Strangers of one minute that are a flood. After a power cut a thousand devices may come within a minute, each with its one announcement:
/// but those have the addresses of makers, and go on to speak. No network gets a thousand at once whose addresses no maker has.
const STRANGERS_MIN: usize = 1_000;

/// How long a stranger is heard: what is sent again, in case the first is lost, comes within seconds.
const HEARD_MAX: i64 = 5 * 1_000_000_000;

/// A minute, in nanoseconds.
const MINUTE: i64 = 60 * 1_000_000_000;

impl Bench<'_, '_> {
    /// The minute in which most strangers came. Who spoke in the capture's last minute may go on to speak.
    pub(super) fn floods(&self, rule: u16, found: &mut Found) {
        let mut strangers: Vec<(Span, usize)> = self.components().filter_map(|at| Some((self.stranger(at)?, at))).collect();
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
        let (Some((first, one)), Some((last, _)), true) = (of_minute.first(), of_minute.last(), of_minute.len() >= STRANGERS_MIN) else { return };
        let text = format!(
            "{} MAC addresses that are no maker's were heard for {} seconds at most and fell silent; {} of them came within a minute",
            strangers.len(),
            HEARD_MAX / 1_000_000_000,
            of_minute.len()
        );
        let at = self.first_said(*one).into_iter().collect();
        found.of_site(rule, Note { text, span: Some((first.0, last.0)), at, ..Note::default() });
    }

    /// When a component was heard that goes by MAC addresses of which none is a maker's, if that was for a moment only.
    fn stranger(&self, component: usize) -> Option<Span> {
        let one = self.view.resolved.components.get(component)?;
        let span = one.span?;
        let moment = span.1.saturating_sub(span.0) <= HEARD_MAX && span.1.saturating_add(MINUTE) <= self.as_of;
        let mut macs = one.macs().peekable();
        let made_up = moment && macs.peek().is_some() && macs.all(|mac| fingerprints::table::organisation(mac).is_none());
        made_up.then_some(span)
    }
}
