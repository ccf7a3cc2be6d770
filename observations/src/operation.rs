//! What an operation of a protocol does to the device that is asked for it.

/// What a request does, whatever the protocol calls it. Ordered by how much it can change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum OperationClass {
    /// Opens, keeps or closes a conversation, or announces: moves no data of the process.
    #[default]
    Session = 0,
    /// Asks what a device is or how it fares.
    Diagnose = 1,
    /// Reads data of the process.
    Read = 2,
    /// Changes data of the process: set points, outputs, points.
    Write = 3,
    /// Changes settings of the device: addresses, names, clocks, accounts.
    Configure = 4,
    /// Changes what the device does: start, stop, operate, restart.
    Control = 5,
    /// Moves programs, blocks or firmware to or from the device.
    Program = 6,
}

impl OperationClass {
    /// Every class.
    pub const ALL: &'static [Self] = &[Self::Session, Self::Diagnose, Self::Read, Self::Write, Self::Configure, Self::Control, Self::Program];

    /// The word in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Diagnose => "diagnose",
            Self::Read => "read",
            Self::Write => "write",
            Self::Configure => "configure",
            Self::Control => "control",
            Self::Program => "program",
        }
    }

    /// The number in canonical bytes.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The class of a number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

/// How often an operation was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Uses {
    /// What it does.
    pub class: OperationClass,
    /// Requests.
    pub count: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_leads_back_to_its_class() {
        for &class in OperationClass::ALL {
            assert_eq!(OperationClass::from_code(class.code()), Some(class));
        }
        assert_eq!(OperationClass::from_code(7), None);
    }
}
