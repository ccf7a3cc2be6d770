//! Which words a regular expression needs: a text without any of them cannot match, and is not tried.

use aho_corasick::{AhoCorasick, MatchKind};
use regex_syntax::hir::{Class, Hir, HirKind};

/// Words that are found in one pass over a text, and the expressions that need one of them.
pub(super) struct Filter {
    /// `None` if it cannot be built: then every expression is tried.
    words: Option<AhoCorasick>,
    /// The expression of each word.
    of_word: Vec<u32>,
    /// Expressions that need no word.
    always: Vec<u32>,
    count: usize,
}

/// Words that an expression needs are at most so many: of an alternation of more, each costs more than a try.
const WORDS_MAX: usize = 64;

/// Letters that case folding brings together with ASCII letters (long s and the Kelvin sign): a text with them is tried everywhere.
const FOLDED: [char; 2] = ['\u{17f}', '\u{212a}'];

impl Filter {
    /// Over these expressions; one that cannot be parsed is tried always, and says so then.
    pub(super) fn of<'p>(patterns: impl Iterator<Item = &'p str>) -> Self {
        let (mut words, mut of_word, mut always, mut count) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for (rule, pattern) in (0u32..).zip(patterns) {
            count += 1;
            match regex_syntax::parse(pattern).ok().and_then(|hir| Needed::of(&hir).any) {
                Some(needed) => {
                    of_word.resize(of_word.len() + needed.len(), rule);
                    words.extend(needed);
                }
                None => always.push(rule),
            }
        }
        // Overlapping words are all found with this kind only.
        let built = AhoCorasick::builder().ascii_case_insensitive(true).match_kind(MatchKind::Standard).build(words);
        Self { words: built.ok(), of_word, always, count }
    }

    /// Calls `take` with each expression that may match, in their order.
    pub(super) fn candidates(&self, text: &str, mut take: impl FnMut(usize)) {
        let Some(words) = self.words.as_ref().filter(|_| text.is_ascii() || !text.contains(FOLDED)) else { return (0..self.count).for_each(take) };
        let found = words.find_overlapping_iter(text).filter_map(|found| self.of_word.get(found.pattern().as_usize()));
        let mut rules: Vec<u32> = found.chain(&self.always).copied().collect();
        rules.sort_unstable();
        rules.dedup();
        rules.into_iter().for_each(|rule| take(rule as usize));
    }
}

/// What a part of an expression needs of a text.
#[derive(Default)]
struct Needed {
    /// It matches this word alone, in lower case.
    exactly: Option<Vec<u8>>,
    /// What it matches has at least one of these in it, in lower case.
    any: Option<Vec<Vec<u8>>>,
}

impl Needed {
    fn exactly(word: Vec<u8>) -> Self {
        Self { any: Some(vec![word.clone()]).filter(|_| !word.is_empty()), exactly: Some(word) }
    }

    fn of(hir: &Hir) -> Self {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => Self::exactly(Vec::new()),
            HirKind::Literal(literal) => Self::exactly(literal.0.to_ascii_lowercase()),
            HirKind::Class(class) => letter(class).map_or_else(Self::default, |letter| Self::exactly(vec![letter])),
            HirKind::Capture(capture) => Self::of(&capture.sub),
            HirKind::Repetition(repetition) if repetition.min > 0 => Self { exactly: None, any: Self::of(&repetition.sub).any },
            HirKind::Repetition(_) => Self::default(),
            HirKind::Concat(parts) => Self::in_turn(parts),
            HirKind::Alternation(branches) => {
                let words: Option<Vec<Vec<Vec<u8>>>> = branches.iter().map(|branch| Self::of(branch).any).collect();
                let words: Option<Vec<Vec<u8>>> = words.map(|words| words.concat());
                Self { exactly: None, any: words.filter(|words| words.len() <= WORDS_MAX) }
            }
        }
    }

    /// Words that follow one another are one; of several the best is needed.
    fn in_turn(parts: &[Hir]) -> Self {
        let (mut best, mut run): (Option<Vec<Vec<u8>>>, Vec<u8>) = (None, Vec::new());
        let mut all = true;
        for part in parts.iter().map(Self::of) {
            match part.exactly {
                Some(word) => run.extend(word),
                None => {
                    all = false;
                    best = better(best, Self::exactly(std::mem::take(&mut run)).any);
                    best = better(best, part.any);
                }
            }
        }
        if all {
            return Self::exactly(run);
        }
        Self { exactly: None, any: better(best, Self::exactly(run).any) }
    }
}

/// Of two alternatives the one whose shortest word is longer; of equal ones that with fewer words.
fn better(a: Option<Vec<Vec<u8>>>, b: Option<Vec<Vec<u8>>>) -> Option<Vec<Vec<u8>>> {
    let rank = |words: &Option<Vec<Vec<u8>>>| words.as_ref().map(|words| (words.iter().map(Vec::len).min(), std::cmp::Reverse(words.len())));
    if rank(&b) > rank(&a) { b } else { a }
}

/// The letter that a class is, if it is one but for its case: `(?i)k` is a class of `k`, `K` and the Kelvin sign.
fn letter(class: &Class) -> Option<u8> {
    let Class::Unicode(class) = class else { return None };
    let mut letters = class.iter().flat_map(|range| range.start()..=range.end()).filter(|c| !FOLDED.contains(c));
    let first = letters.next().filter(char::is_ascii)?.to_ascii_lowercase();
    letters.take(2).all(|c| c.to_ascii_lowercase() == first).then_some(first as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needed(pattern: &str) -> Vec<String> {
        let words = Needed::of(&regex_syntax::parse(pattern).unwrap()).any.unwrap_or_default();
        words.into_iter().map(|word| String::from_utf8(word).unwrap()).collect()
    }

    #[test]
    fn an_expression_needs_its_longest_word() {
        assert_eq!(needed(r"^SIMATIC[ ,]+S7-(\d+)$"), ["simatic"]);
        assert_eq!(needed(r"(?i)^acme (?<model>[A-Z]+)-\d"), ["acme "]);
        assert_eq!(needed(r"^(?:Cisco|Juniper) \w+"), ["cisco", "juniper"]);
        assert_eq!(needed(r"(?:IOS)+ v"), ["ios"]);
        assert_eq!(needed(r"ask(?i:s)ilk"), ["asksilk"]);
        assert!(needed(r"^[A-Z]{3}\d+$").is_empty() && needed(r"(?:abc)?").is_empty());
    }

    #[test]
    fn few_built_in_rules_are_tried_on_every_text() {
        let patterns: Vec<String> = crate::rule::BUILT_IN
            .iter()
            .flat_map(|(_, text)| toml::from_str::<crate::rule::File>(text).unwrap().rule)
            .map(|rule| rule.regex)
            .collect();
        let filter = Filter::of(patterns.iter().map(String::as_str));
        assert!(filter.always.len() * 20 < patterns.len(), "{:#?}", filter.always.iter().map(|rule| &patterns[*rule as usize]).collect::<Vec<_>>());
    }

    #[test]
    fn what_may_match_is_a_candidate_in_any_case() {
        let filter = Filter::of([r"^Acme \d", "(?i)kiosk", r"\d{4}", "me 1"].into_iter());
        let candidates = |text: &str| {
            let mut found = Vec::new();
            filter.candidates(text, |rule| found.push(rule));
            found
        };
        assert_eq!(candidates("ACME 17"), [0, 2, 3]);
        assert_eq!(candidates("nothing"), [2]);
        assert_eq!(candidates("\u{212a}iosk"), [0, 1, 2, 3]);
    }
}
