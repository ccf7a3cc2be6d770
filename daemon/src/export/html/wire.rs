//! Text from captures and files: the only way for it into a page. What could move, hide or turn round text is shown as its code, what is
//! longer than anybody reads is cut, and what means something in HTML is escaped.

use maud::{Escaper, Markup, Render, html};
use std::fmt::Write;

/// Characters shown of one text: a name has at most 255 (RFC 1035), a description some hundreds; more is an attempt.
const CHARACTERS_MAX: usize = 400;

/// Text between tags.
pub(super) struct Wire<T>(pub(super) T);

/// Text within an attribute, or where no element may stand.
pub(super) struct Attribute<T>(pub(super) T);

impl<T: AsRef<str>> Render for Wire<T> {
    fn render_to(&self, buffer: &mut String) {
        let text = self.0.as_ref();
        if text.is_ascii() {
            return put(text, buffer);
        }
        // Letters that are read from right to left move nothing beside them.
        buffer.push_str("<bdi>");
        put(text, buffer);
        buffer.push_str("</bdi>");
    }
}

impl<T: AsRef<str>> Render for Attribute<T> {
    fn render_to(&self, buffer: &mut String) {
        put(self.0.as_ref(), buffer);
    }
}

fn put(text: &str, buffer: &mut String) {
    let shown = match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => &text[..end],
        None => text,
    };
    // Writing to a text never fails.
    let _ = Escaper::new(buffer).write_str(&fingerprints::text::escape(shown));
    if shown.len() < text.len() {
        let _ = write!(buffer, "… ({} bytes in all)", text.len());
    }
}

/// So many characters of a text, for what is kept of every device.
pub(super) fn short(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_none() { text.to_owned() } else { text.chars().take(most.saturating_sub(1)).chain(['…']).collect() }
}

/// A time without its fractions.
pub(super) fn moment(time: &str) -> Markup {
    let (date, clock) = time.split_once('T').unwrap_or((time, ""));
    html! { span.time { (Wire(date)) @if let Some(clock) = clock.get(..8) { " " (Wire(clock)) " UTC" } } }
}

/// A date.
pub(super) fn day(time: Option<&String>) -> Markup {
    html! { @match time { Some(time) => { span.time { (Wire(time.split('T').next().unwrap_or_default())) } }, None => { "?" } } }
}

/// A number with its thousands apart.
pub(super) fn number(number: impl TryInto<u64>) -> String {
    crate::capture::text::grouped(number.try_into().unwrap_or(u64::MAX))
}

/// A bar of so many of a hundred.
pub(super) fn bar(part: u64, whole: u64) -> Markup {
    let share = part.saturating_mul(100).checked_div(whole).unwrap_or(0).min(100);
    html! {
        svg.bar viewBox="0 0 100 6" width="100" height="6" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            rect.rail width="100" height="6" rx="1" {}
            rect.fill width=(share) height="6" rx="1" {}
        }
    }
}

/// A severity's name and colour; a word that is none gets no colour.
pub(super) fn severity(name: &str) -> Markup {
    html! { span class={ "severity " (severity_class(name)) } { (Wire(name)) } }
}

pub(super) fn severity_class(name: &str) -> &'static str {
    SEVERITIES.iter().copied().find(|known| *known == name).unwrap_or("")
}

/// Severities, the gravest first.
pub(super) const SEVERITIES: [&str; 5] = ["critical", "high", "medium", "low", "info"];

/// A severity's place among them; what is none comes last.
pub(super) fn rank(name: &str) -> u8 {
    SEVERITIES.iter().position(|known| *known == name).unwrap_or(SEVERITIES.len()) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_name_is_text() {
        let name = "</style><script>alert(1)</script>\" onmouseover='x' &";
        let between = html! { p { (Wire(name)) } }.into_string();
        assert_eq!(between, "<p>&lt;/style&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot; onmouseover='x' &amp;</p>");
        let within = html! { meta content=(Attribute(name)); }.into_string();
        assert_eq!(within.matches('"').count(), 2, "{within}");
        assert_eq!(within.matches('<').count(), 1, "{within}");
    }

    #[test]
    fn what_turns_text_round_is_shown_as_its_code_and_foreign_letters_stay_apart() {
        let text = html! { (Wire("a\u{202e}b\u{7}\u{200b}")) }.into_string();
        assert!(text.contains("u{202e}") && text.contains("u{7}") && !text.contains('\u{202e}') && !text.contains('\u{200b}'), "{text}");
        assert_eq!(html! { (Wire("מחסן")) }.into_string(), "<bdi>מחסן</bdi>");
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        let text = html! { (Wire("é".repeat(100_000))) }.into_string();
        assert!(text.len() < 1_000 && text.contains("200000 bytes in all"), "{}", text.len());
        assert_eq!(short("ab", 2), "ab");
        assert_eq!(short("äöü", 2), "ä…");
    }

    #[test]
    fn only_severities_become_classes() {
        assert!(severity("high").into_string().contains("class=\"severity high\""));
        assert!(severity("x\" onload=\"y").into_string().starts_with("<span class=\"severity \">"));
    }
}
