//! Which kinds of events there are: one table, from which documentation, lists and severities come.

use serde::{Deserialize, Serialize};

/// How grave an event is, as syslog numbers it (RFC 5424, section 6.2.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// 3: what we are for does not work.
    Error = 3,
    /// 4: look at it today.
    Warning = 4,
    /// 5: normal, but worth knowing.
    Notice = 5,
    /// 6: for the record.
    #[default]
    Informational = 6,
}

impl Severity {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
            Self::Informational => "informational",
        }
    }

    /// By its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Error, Self::Warning, Self::Notice, Self::Informational].into_iter().find(|one| one.name() == name)
    }
}

macro_rules! kinds {
    ($($kind:ident = $name:literal, $severity:ident, $text:literal;)*) => {
        /// A kind of event.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
        pub enum Kind {
            $(#[doc = $text] #[serde(rename = $name)] $kind,)*
        }

        impl Kind {
            /// All of them, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// Its name: in the database, on the wire, on the command line. Never changed.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// How grave it is.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$kind => Severity::$severity,)* }
            }

            /// What it says, for people.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$kind => $text,)* }
            }
        }
    };
}

kinds! {
    NewDevice = "new-device", Warning, "A device that nobody knew spoke.";
    Firmware = "firmware-changed", Warning, "A device tells another firmware, software or operating system than before.";
    Identity = "identity-changed", Warning, "A device tells another vendor, model, serial number or hardware than before, or two at a time.";
    AddressMoved = "address-moved", Notice, "An address that was one device's is another's.";
    FindingOpened = "finding-opened", Warning, "Something weak was seen that was not known, or that was mended before.";
    FindingResolved = "finding-resolved", Informational, "What was weak was seen to be mended.";
    Silent = "silent", Notice, "A device that used to speak was not heard while the mirror was alive.";
    CameBack = "came-back", Informational, "A device that was silent speaks again.";
    NewConversation = "new-conversation", Warning, "A client asks a server in a protocol of the process in which it did not ask it before.";
    NewOperation = "new-operation", Warning, "A client does to a server what it did not do before.";
    PollingChanged = "polling-changed", Notice, "A client polls a server more often, less often, or with other amounts than was learnt.";
    MirrorDegraded = "mirror-degraded", Error, "A mirrored port hears nothing, hears one direction only, is down, or nobody listens.";
    MirrorRecovered = "mirror-recovered", Notice, "A mirrored port hears again what it should.";
    Knowledge = "knowledge-updated", Informational, "Rules, data or program changed: what is told otherwise because of that is no event.";
    Learnt = "baseline-learnt", Informational, "What is usual was learnt; from now on what is new is told.";
    Limit = "limit-reached", Warning, "More devices or conversations than are kept in mind: the oldest are forgotten, or new ones not told.";
    HeldBack = "held-back", Warning, "More was to be told than an hour allows; the database has all of it.";
    Dropped = "delivery-dropped", Error, "A receiver was away for so long that the oldest of what waited for it was dropped.";
    Maintenance = "maintenance", Informational, "What happened in a maintenance window, under its ticket.";
}

impl Kind {
    /// By its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// Whether it is told even if the hour's budget is spent: these are few by their nature, and without them the rest misleads.
    #[must_use]
    pub const fn is_always_told(self) -> bool {
        matches!(self, Self::MirrorDegraded | Self::MirrorRecovered | Self::HeldBack | Self::Dropped | Self::Maintenance | Self::Learnt)
    }

    /// The table as Markdown, for the documentation.
    #[must_use]
    pub fn table() -> String {
        let rows = Self::ALL.iter().map(|kind| format!("| `{}` | {} | {} |\n", kind.name(), kind.severity().name(), kind.text()));
        format!("| kind | severity | says |\n|---|---|---|\n{}", rows.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name_and_the_database_spells_it_alike() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.name()), Some(*kind));
            assert_eq!(serde_json::to_string(kind).unwrap(), format!("\"{}\"", kind.name()));
        }
        assert_eq!(Kind::from_name("new"), None);
        assert_eq!(Severity::from_name("notice"), Some(Severity::Notice));
    }

    #[test]
    fn the_documentation_has_the_table_as_it_is() {
        assert!(include_str!("../../../docs/events.md").contains(&Kind::table()), "docs/events.md differs from:\n{}", Kind::table());
    }
}
