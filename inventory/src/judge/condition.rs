//! What a statement must say for a rule to hold of its device.

use observations::{Field, Kind, Statement, ValueRef};
use serde::Deserialize;
use std::collections::BTreeMap;

/// As written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawCondition {
    /// Wireshark's names, `@group`, or `*`.
    pub(crate) protocol: Vec<String>,
    kind: String,
    #[serde(default)]
    fields: BTreeMap<String, RawTest>,
    /// Fields that must not be there.
    #[serde(default)]
    absent: Vec<String>,
    /// Whom the finding is about.
    #[serde(default)]
    whom: Whom,
    /// Whether the speaker must, or must not, speak of itself.
    #[serde(default)]
    itself: Option<bool>,
    /// Whether it must be about a service: what the side that serves says or does.
    #[serde(default)]
    service: bool,
    /// What is looked up when the rule is judged.
    #[serde(default)]
    listed: Option<Listed>,
}

/// What is asked of one field.
#[derive(Deserialize)]
#[serde(untagged)]
enum RawTest {
    Text(String),
    Number(u64),
    Any(Vec<RawTest>),
    // Before what has no key that must be there: that takes any table.
    Contains { contains: Vec<String> },
    Bits { bits: u64 },
    Between { min: Option<u64>, max: Option<u64> },
}

/// Whose finding it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Whom {
    /// The subject's.
    #[default]
    About,
    /// The speaker's.
    Speaker,
    /// Both.
    Both,
}

/// A list that a tagged secret must be on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Listed {
    /// Secrets that makers set.
    DefaultSecret,
    /// Users with the secrets that makers set.
    DefaultLogin,
}

/// What a condition is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Role {
    /// It shows the weakness.
    Weak,
    /// One of these must be there, too.
    With,
    /// None of these may be there.
    Unless,
    /// It shows the weakness to be mended, if it is later.
    Strength,
}

/// Ready to be tried.
pub(crate) struct Condition {
    /// Of which rule.
    pub(crate) rule: u16,
    pub(crate) role: Role,
    pub(crate) whom: Whom,
    pub(crate) listed: Option<Listed>,
    kind: Kind,
    itself: Option<bool>,
    service: bool,
    tests: Vec<(Field, Test)>,
    absent: Vec<Field>,
}

enum Test {
    /// In lower case.
    Text(Box<str>),
    Number(u64),
    Between(u64, u64),
    /// All of these bits.
    Bits(u64),
    /// One of these, in lower case.
    Contains(Vec<String>),
    Any(Vec<Test>),
}

impl Condition {
    pub(crate) fn of(raw: &RawCondition, rule: u16, role: Role) -> Result<Self, String> {
        let field = |name: &String| Field::from_name(name).ok_or(format!("there is no field {name}"));
        let kind = Kind::from_name(&raw.kind).ok_or(format!("there is no kind {}", raw.kind))?;
        let tests = raw.fields.iter().map(|(name, test)| Ok((field(name)?, Test::of(test)))).collect::<Result<Vec<_>, String>>()?;
        let absent = raw.absent.iter().map(field).collect::<Result<_, _>>()?;
        Ok(Self { rule, role, whom: raw.whom, listed: raw.listed, kind, itself: raw.itself, service: raw.service, tests, absent })
    }

    /// Whether a statement, in a protocol that the condition is on, meets it.
    pub(crate) fn holds(&self, said: &Statement<'_>, itself: bool) -> bool {
        self.kind == said.kind
            && (!self.service || said.about.endpoint.is_some())
            && self.itself.is_none_or(|wanted| wanted == itself)
            && self.tests.iter().all(|(field, test)| said.all(*field).any(|value| test.holds(value)))
            && !self.absent.iter().any(|field| said.get(*field).is_some())
    }

    /// The number of the field that shows it best; of a condition on no field in particular the first: a secret's use, never its tag.
    pub(crate) fn shows(&self, said: &Statement<'_>) -> Option<usize> {
        let Some((field, test)) = self.tests.first() else { return (!said.fields.is_empty()).then_some(0) };
        said.fields.iter().position(|one| one.field == *field && test.holds(one.value))
    }
}

impl Test {
    fn of(raw: &RawTest) -> Self {
        match raw {
            RawTest::Text(text) => Self::Text(text.to_lowercase().into()),
            RawTest::Number(number) => Self::Number(*number),
            RawTest::Any(any) => Self::Any(any.iter().map(Self::of).collect()),
            RawTest::Between { min, max } => Self::Between(min.unwrap_or(0), max.unwrap_or(u64::MAX)),
            RawTest::Bits { bits } => Self::Bits(*bits),
            RawTest::Contains { contains } => Self::Contains(contains.iter().map(|text| text.to_lowercase()).collect()),
        }
    }

    fn holds(&self, value: ValueRef<'_>) -> bool {
        match (self, value) {
            (Self::Text(wanted), ValueRef::Text(text)) => text.eq_ignore_ascii_case(wanted.as_bytes()),
            (Self::Text(wanted), value) => value.display().eq_ignore_ascii_case(wanted),
            (Self::Number(wanted), ValueRef::Number(number)) => *wanted == number,
            (Self::Between(min, max), ValueRef::Number(number)) => (*min..=*max).contains(&number),
            (Self::Bits(bits), ValueRef::Number(number)) => number & bits == *bits,
            (Self::Contains(wanted), value) => {
                let text = value.display().to_lowercase();
                wanted.iter().any(|wanted| text.contains(wanted))
            }
            (Self::Any(any), value) => any.iter().any(|test| test.holds(value)),
            (Self::Number(_) | Self::Between(..) | Self::Bits(_), _) => false,
        }
    }
}
