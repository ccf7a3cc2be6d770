//! `pin`: these two are one device.

use super::decide::{Book, key};
use super::{Done, Failure};
use inventory::decision::Decision;

/// Says that two devices of the inventory are one.
///
/// The decision is about keys (a MAC address, or an IP address where none is known), goes into the database's log, and holds for what is
/// read later too. `split` takes it back.
#[derive(clap::Args)]
#[command(after_help = "Example:
  wirecensus pin 192.168.1.10 192.168.1.11 --db plant.db")]
pub(super) struct Pin {
    /// A device: an address, a name, an id.
    device: String,
    /// The other.
    other: String,
    #[command(flatten)]
    book: Book,
}

impl Pin {
    pub(super) fn run(&self) -> Done {
        let document = self.book.document()?;
        let (a, b) = (key(&document, &self.device, false)?, key(&document, &self.other, false)?);
        if a == b {
            return Err(Failure::usage(format!("both are {a}: they are one device already")));
        }
        self.book.decide(&Decision::Pin(a.clone(), b.clone()), &format!("{a} and {b} are one device"))
    }
}
