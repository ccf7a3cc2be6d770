//! Where a request stands, and where it may go from there: one table, for every process that moves one.

use std::fmt;

macro_rules! states {
    ($($(#[$doc:meta])* $name:ident $text:literal to [$($next:ident)*],)*) => {
        /// Where a request stands.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum State { $($(#[$doc])* $name,)* }

        impl State {
            /// Every state.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name in databases, documents and messages.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Where it may go.
            #[must_use]
            pub const fn next(self) -> &'static [Self] {
                match self { $(Self::$name => &[$(Self::$next,)*],)* }
            }
        }
    };
}

states! {
    /// Waits for people; also what changed after they had agreed.
    AwaitingApproval "awaiting-approval" to [Requested Rejected Replaced Delegated Compensated],
    /// Approved, and on its way to the target.
    Requested "requested" to [AwaitingApproval Accepted Rejected Failed DeadLetter Suspended Replaced],
    /// The target knows the device.
    Accepted "accepted" to [Enrolled Rejected Failed DeadLetter Suspended Replaced Delegated Compensated DeactivationProposed],
    /// It was given an identity.
    Enrolled "enrolled" to [Verified Expiring Renewed Expired Failed DeadLetter Suspended Replaced Stale DeactivationProposed Retired],
    /// The wire shows it.
    Verified "verified" to [Expiring Renewed Expired Stale Suspended Replaced DeactivationProposed Retired],
    /// Its certificate ends soon, and no other was issued.
    Expiring "expiring" to [Renewed Expired Suspended Replaced Stale DeactivationProposed Retired],
    /// A new certificate of the same device.
    Renewed "renewed" to [Verified Renewed Expiring Expired Suspended Replaced Stale DeactivationProposed Retired],
    /// Its certificate has ended.
    Expired "expired" to [Renewed Stale Suspended Replaced DeactivationProposed Retired],
    /// Silent, where the wire was watched.
    Stale "stale" to [Verified Renewed Expired Suspended Replaced DeactivationProposed Retired],
    /// The target was told that it may be taken back.
    DeactivationProposed "deactivation-proposed" to [Retired Verified],
    /// It was taken back.
    Retired "retired" to [Suspended],
    /// People said no.
    Rejected "rejected" to [AwaitingApproval],
    /// The target refused it as it stands.
    Failed "failed" to [Requested AwaitingApproval Rejected],
    /// It could not be delivered for too long.
    DeadLetter "dead-letter" to [Requested AwaitingApproval Rejected],
    /// Its identity is used by two devices.
    Suspended "suspended" to [Verified DeactivationProposed Retired Rejected],
    /// Another device took its place.
    Replaced "replaced" to [Verified Suspended Retired],
    /// A gateway holds the identity for it.
    Delegated "delegated" to [AwaitingApproval],
    /// It can hold none; a zone protects it.
    Compensated "compensated" to [AwaitingApproval],
}

impl State {
    /// By its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| state.name() == name)
    }

    /// Whether another request for the same device would be one too many.
    #[must_use]
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Rejected | Self::Retired | Self::Replaced)
    }

    /// Whether an identity was given, which the wire may show.
    #[must_use]
    pub const fn is_watched(self) -> bool {
        matches!(self, Self::Enrolled | Self::Verified | Self::Expiring | Self::Renewed | Self::Expired | Self::Stale)
    }

    /// Whether the target is told that it stands there.
    #[must_use]
    pub const fn is_told(self) -> bool {
        matches!(self, Self::Verified | Self::Expiring | Self::Renewed | Self::Expired | Self::Stale | Self::Suspended)
    }

    /// Whether the target may know the device already: then nothing is taken back by proposing it again.
    #[must_use]
    pub const fn is_before_delivery(self) -> bool {
        matches!(self, Self::AwaitingApproval | Self::Requested | Self::Failed | Self::DeadLetter)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_name_of_its_own_and_can_be_reached() {
        for state in State::ALL {
            assert_eq!(State::from_name(state.name()), Some(*state));
            let reached = State::ALL.iter().any(|from| from.next().contains(state));
            assert!(reached, "{state}");
        }
    }

    #[test]
    fn nothing_is_delivered_that_was_rejected_and_nobody_is_verified_who_was_given_nothing() {
        assert!(!State::Rejected.next().contains(&State::Requested));
        for state in [State::AwaitingApproval, State::Requested, State::Accepted] {
            assert!(!state.next().contains(&State::Verified), "{state}");
        }
        assert!(!State::Replaced.next().contains(&State::Requested));
    }
}
