//! Where an enrollment stands, and which step may follow which: one table.

macro_rules! states {
    ($($name:ident = $text:literal => [$($next:ident),*];)*) => {
        /// Where an enrollment stands.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum State { $(#[doc = $text] $name,)* }

        impl State {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// As it is written.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// What may follow.
            #[must_use]
            pub const fn next(self) -> &'static [Self] {
                match self { $(Self::$name => &[$(Self::$next),*]),* }
            }
        }
    };
}

states! {
    Observed = "observed" => [Candidate];
    Candidate = "candidate" => [AwaitingApproval, Delegated, Compensated];
    AwaitingApproval = "awaiting approval" => [Requested, Rejected, Delegated, Compensated];
    // Back to approval: the device changed, and what was approved is no more.
    Requested = "requested" => [Accepted, AwaitingApproval, Rejected, Failed, DeadLetter];
    Accepted = "accepted" => [Enrolled, Rejected, Failed, Suspended, Replaced];
    Enrolled = "enrolled" => [Verified, Expiring, Expired, Suspended, Replaced, DeactivationProposed];
    Verified = "verified" => [Expiring, Expired, Stale, Suspended, Replaced, DeactivationProposed];
    Expiring = "expiring" => [Renewed, Expired, Suspended, Replaced];
    Renewed = "renewed" => [Verified, Expiring, Suspended, Replaced];
    Expired = "expired" => [Renewed, Stale, DeactivationProposed];
    Stale = "stale" => [Verified, DeactivationProposed];
    DeactivationProposed = "deactivation proposed" => [Retired, Verified];
    Retired = "retired" => [];
    Rejected = "rejected" => [AwaitingApproval];
    Failed = "failed" => [Requested, AwaitingApproval];
    DeadLetter = "dead letter" => [Requested, AwaitingApproval];
    Suspended = "suspended" => [Verified, DeactivationProposed];
    Replaced = "replaced" => [DeactivationProposed];
    Delegated = "delegated" => [Candidate];
    Compensated = "compensated" => [Candidate];
}

impl State {
    /// Reads what [`Self::text`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| state.text() == text)
    }

    /// Whether a request that stands here still is one: its device is not requested again.
    #[must_use]
    pub const fn holds(self) -> bool {
        !matches!(self, Self::Observed | Self::Retired | Self::Replaced)
    }
}

#[cfg(test)]
mod tests {
    use super::State::{self, *};

    fn may(from: State, to: State) -> bool {
        from.next().contains(&to)
    }

    #[test]
    fn the_way_of_a_device_that_is_enrolled_renewed_and_retired_is_open() {
        let way = [Observed, Candidate, AwaitingApproval, Requested, Accepted, Enrolled, Verified, Expiring, Renewed, Verified, Stale];
        let end = [Stale, DeactivationProposed, Retired];
        for pair in way.windows(2).chain(end.windows(2)) {
            assert!(may(pair[0], pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn no_step_leaves_out_an_approval_or_a_proposal() {
        for &from in State::ALL {
            assert!(!may(from, Requested) || matches!(from, AwaitingApproval | Failed | DeadLetter), "{from:?}");
            assert!(!may(from, Accepted) || from == Requested, "{from:?}");
            assert!(!may(from, Retired) || from == DeactivationProposed, "{from:?}");
            assert_eq!(State::parse(from.text()), Some(from));
            assert!(!may(from, from));
        }
        assert!(Retired.next().is_empty());
    }
}
