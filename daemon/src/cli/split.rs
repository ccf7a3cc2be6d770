//! `split`: these two are not one device.

use super::decide::{Book, key};
use super::{Done, Failure};
use inventory::decision::Decision;

/// Says that two addresses of the inventory are two devices, whatever key they share.
///
/// Name MAC addresses where both belong to one device as the inventory stands. The decision goes into the database's log; `pin` takes it
/// back.
#[derive(clap::Args)]
#[command(after_help = "Example:
  wirecensus split 00:80:f4:01:02:03 00:80:f4:01:02:04 --db plant.db")]
pub(super) struct Split {
    /// A device: an address, a name, an id.
    device: String,
    /// The other.
    other: String,
    #[command(flatten)]
    book: Book,
}

impl Split {
    pub(super) fn run(&self) -> Done {
        let document = self.book.document()?;
        let (a, b) = (key(&document, &self.device, true)?, key(&document, &self.other, true)?);
        if a == b {
            return Err(Failure::usage(format!("both are {a}: one address cannot be two devices")));
        }
        self.book.decide(&Decision::Split(a.clone(), b.clone()), &format!("{a} and {b} are two devices"))
    }
}
