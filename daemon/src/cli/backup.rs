//! `backup`: a copy of a database as of one moment, while others write to it.

use super::{Done, Failure};
use crate::capture::text::{grouped, shown};
use crate::store::{Store, StoreError};
use enrollment::store as registrar;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Copies a database, the inventory's or the registrar's, as of one moment. The daemon may be at work in it, and waits for nothing.
///
/// The copy is whole: it is checked page by page and with its log of decisions or deeds, and read by its owner alone. A file that is there
/// is not written over.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  wirecensus backup --db /var/lib/wirecensus/wirecensus.db /backup/wirecensus-$(date +%F).db
  wirecensus backup --db /var/lib/wirecensus-registrar/registrar.db /backup/registrar-$(date +%F).db")]
pub(super) struct Backup {
    /// The database.
    #[arg(long, value_name = "FILE", env = "WIRECENSUS_DB")]
    db: PathBuf,
    /// The copy.
    #[arg(value_name = "TO")]
    to: PathBuf,
}

impl Backup {
    pub(super) fn run(&self) -> Done {
        let wrong = |error: std::io::Error| Failure::new(format!("{}: {error}", shown(&self.to.to_string_lossy())));
        let source = Source::open(&self.db)?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.to).map_err(wrong)?;
        let copied = source.copy_into(&self.to).and_then(|()| synced(&file, &self.to).map_err(wrong)).and_then(|()| self.check());
        if copied.is_err() {
            // Half a copy is none.
            let _ = std::fs::remove_file(&self.to);
        }
        super::output::answer(&copied?)
    }

    /// Reads the copy back.
    fn check(&self) -> Result<String, Failure> {
        let (faults, what) = match Source::open(&self.to)? {
            Source::Inventory(store) => {
                (store.check_whole()?, format!("{} sources, {} decisions", store.sources()?.len(), store.decision_log()?.len()))
            }
            Source::Registrar(store) => {
                let log = store.audit()?;
                let (count, head) = enrollment::audit::verify(log.into_iter())
                    .map_err(|broken| Failure::new(format!("entry {} of the log: {}", broken.sequence, broken.what)))?;
                (store.check_whole()?, format!("{count} entries of the log, the last {head}"))
            }
        };
        if let Some(fault) = faults.first() {
            return Err(Failure::new(format!("{}: the copy is not whole, and was removed: {fault}", shown(&self.to.to_string_lossy()))));
        }
        let bytes = std::fs::metadata(&self.to).map_or(0, |metadata| metadata.len());
        Ok(format!("{}: {} bytes, whole: {what}\n", shown(&self.to.to_string_lossy()), grouped(bytes)))
    }
}

/// On the disk, with its name.
fn synced(file: &File, path: &Path) -> std::io::Result<()> {
    file.sync_all()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Whose database it is.
enum Source {
    Inventory(Store),
    Registrar(registrar::Store),
}

impl Source {
    fn open(path: &Path) -> Result<Self, Failure> {
        match Store::open_read_only(path) {
            Err(StoreError::Foreign { application, .. }) if application == registrar::APPLICATION => {
                Ok(Self::Registrar(registrar::Store::open(path)?))
            }
            other => Ok(Self::Inventory(other?)),
        }
    }

    fn copy_into(&self, to: &Path) -> Result<(), Failure> {
        match self {
            Self::Inventory(store) => Ok(store.copy_into(to)?),
            Self::Registrar(store) => Ok(store.copy_into(to)?),
        }
    }
}
