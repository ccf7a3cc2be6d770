//! The captures that are measured with: made when they are missing, kept under the target folder.

use std::error::Error;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use crate::generate::{Order, REVISION, write};
use crate::stats::{self, Stats};

/// A capture on disk.
#[derive(Clone, Debug)]
pub struct Capture {
    /// What it is called in reports.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// What it consists of.
    pub stats: Stats,
}

/// The capture of `order` in `folder`, made now if it is not there.
///
/// # Errors
/// If it cannot be written or read.
pub fn provide(name: &str, order: &Order, folder: &Path) -> Result<Capture, Box<dyn Error>> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let path = folder.join(file_name(order));
    if !path.exists() {
        eprintln!("making {}", path.display());
        // Under another name first: what carries the name is whole.
        let begun = path.with_extension("part");
        let file = File::create(&begun).map_err(|error| format!("{}: {error}", begun.display()))?;
        write(order, BufWriter::with_capacity(1 << 20, file))?;
        fs::rename(&begun, &path)?;
    }
    let stats = stats::count(&path)?;
    Ok(Capture { name: name.to_owned(), path, stats })
}

/// A name that tells everything that decides the bytes.
fn file_name(order: &Order) -> String {
    format!("{}-r{REVISION}-{}packets-{}devices-{}s-seed{}.pcap", order.shape.name(), order.packets, order.devices, order.seconds, order.seed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Shape;

    #[test]
    fn other_orders_have_other_names() {
        let mix = Order::usual(Shape::Mix);
        let other = Order { seed: 2, ..mix };
        assert_ne!(file_name(&mix), file_name(&other));
    }
}
