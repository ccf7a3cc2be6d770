//! An attribute, its value, and how far to believe it.

use std::borrow::Cow;

/// What a claim is of. The names are those of the inventory document.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "the name of each is its meaning; the contract is in the document's schema")]
pub enum Attribute {
    Vendor,
    Model,
    OrderNumber,
    Firmware,
    Hardware,
    Serial,
    Os,
    Software,
    Product,
    Description,
    Location,
    AssetId,
    Application,
    MemoryCardSerial,
    OperatingMode,
    StationName,
    SwitchPort,
    Domain,
    FriendlyName,
    PageTitle,
    DhcpVendorClass,
    Class,
    Type,
    Hostname,
}

impl Attribute {
    /// Every attribute, in the order of their declaration, with its name in documents and rules, and whether it may change in a device's life: of what changes the latest
    /// claim stands, of what lasts the earliest, and two values of it are a conflict.
    pub const ALL: &'static [(Self, &'static str, bool)] = &[
        (Self::Vendor, "vendor", false),
        (Self::Model, "model", false),
        (Self::OrderNumber, "order_number", false),
        (Self::Firmware, "firmware", true),
        (Self::Hardware, "hardware", false),
        (Self::Serial, "serial", false),
        (Self::Os, "os", true),
        (Self::Software, "software", true),
        (Self::Product, "product", false),
        (Self::Description, "description", true),
        (Self::Location, "location", true),
        (Self::AssetId, "asset_id", true),
        (Self::Application, "application", true),
        (Self::MemoryCardSerial, "memory_card_serial", true),
        (Self::OperatingMode, "operating_mode", true),
        (Self::StationName, "station_name", true),
        (Self::SwitchPort, "switch_port", true),
        (Self::Domain, "domain", true),
        (Self::FriendlyName, "friendly_name", true),
        (Self::PageTitle, "page_title", true),
        (Self::DhcpVendorClass, "dhcp_vendor_class", true),
        (Self::Class, "class", false),
        (Self::Type, "type", false),
        (Self::Hostname, "hostname", true),
    ];

    /// The name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.get(self as usize).map_or("", |row| row.1)
    }

    /// Whether it may change in a device's life.
    #[must_use]
    pub fn changes(self) -> bool {
        Self::ALL.get(self as usize).is_some_and(|row| row.2)
    }

    /// The attribute of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|row| row.1 == name).map(|row| row.0)
    }
}

/// How a claim came about, strongest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Class {
    /// A signature was verified on the wire.
    Proven,
    /// The device says so itself. Anybody can say anything.
    Declared,
    /// Another says so.
    Reported,
    /// It follows from prefixes, stacks, ports, banners or behaviour.
    Inferred,
}

impl Class {
    /// The word in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Declared => "declared",
            Self::Reported => "reported",
            Self::Inferred => "inferred",
        }
    }

    /// The most confidence that a claim of this class can have, in percent.
    #[must_use]
    pub const fn most(self) -> u8 {
        match self {
            Self::Proven => 100,
            Self::Declared => 95,
            Self::Reported => 80,
            Self::Inferred => 70,
        }
    }
}

/// What an observation means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim<'a> {
    /// Of what.
    pub attribute: Attribute,
    /// What, in text that is safe to show.
    pub value: Cow<'a, str>,
    /// How it came about.
    pub class: Class,
    /// In percent, at most [`Class::most`].
    pub confidence: u8,
    /// The rule or table that made it.
    pub rule: Cow<'a, str>,
    /// The observation's field on which it rests.
    pub field: Option<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_stand_in_the_order_of_their_declaration() {
        assert!(Attribute::ALL.iter().enumerate().all(|(at, row)| row.0 as usize == at && Attribute::from_name(row.0.name()) == Some(row.0)));
    }
}
