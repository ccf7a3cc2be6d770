//! `forget`: what was learnt of a device is gone, and stays so.

use super::decide::Book;
use super::{Done, Failure, find};
use crate::capture::text::{grouped, shown};
use crate::clock;
use crate::operation::status::StatusFile;
use crate::store::forget::Gone;
use crate::store::{Store, Writer};
use inventory::Document;
use inventory::decision::Decision;
use inventory::document::Device;

/// Forgets a device: all that was said about it, by it, and counted of it, in every source of a database.
///
/// The decision stands in the log, with the addresses, and keeps what was forgotten from coming back: an old capture that is read again, or an old copy of the
/// database that is merged, brings none of it.
///
/// A device that goes on to speak is a new one, unless it is kept out. What others said that names it stays, and is shown; so do backups,
/// recorded captures, exported documents and the registrar's log, which are files of their own. Events are forgotten by `wirecensus events`
/// at its next look, up to what was delivered. The daemon may be at work in the database.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  wirecensus forget annas-laptop --reason 'her request of 3 March' --dry-run --db plant.db
  wirecensus forget aa:bb:cc:dd:ee:ff --reason 'private telephone' --keep-out --db plant.db")]
pub(super) struct Forget {
    /// The device (an address, a name, an id).
    device: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Also forgets those that are known behind it, where it is a router: what is said of them stands under its MAC address.
    #[arg(long)]
    with_those_behind: bool,
    /// Also keeps nothing of what it says from now on.
    #[arg(long)]
    keep_out: bool,
    /// Says what would go, and changes nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    book: Book,
}

impl Forget {
    pub(super) fn run(&self) -> Done {
        let reason = shown(&self.reason);
        if reason.trim().is_empty() {
            return Err(Failure::usage("--reason: say why it is forgotten"));
        }
        let document = self.book.document()?;
        let device = find::find(&document, &self.device)?;
        let (keys, shared) = keys(&document, device);
        if keys.is_empty() {
            let what =
                if device.parent.is_some() { "is part of another device: forget that one" } else { "has no address of its own to be forgotten by" };
            return Err(Failure::new(format!("{} {what}", shown(&self.device))));
        }
        let behind = document.devices.iter().filter(|other| other.behind.as_ref() == Some(&device.id)).count();
        if behind > 0 && !self.with_those_behind {
            return Err(Failure::usage(format!(
                "{}: {} devices are known behind it, and what is said of them stands under its MAC address; --with-those-behind forgets them too",
                shown(&self.device),
                grouped(behind as u64)
            )));
        }
        let now = clock::now();
        let until = if self.keep_out { String::new() } else { inventory::assemble::time(now).unwrap_or_default() };
        let decision = |key: &String| Decision::Forget { site: device.site.clone(), key: key.clone(), until: until.clone(), reason: reason.clone() };
        let decisions: Vec<Decision> = keys.iter().map(decision).collect();
        let words: Vec<String> =
            [&device.macs, &device.ips, &device.hostnames].into_iter().flatten().filter(|word| word.len() > 3).cloned().collect();
        let mut writer = Writer::new(Store::open(self.book.db())?);
        let gone = writer.forget(&decisions, &self.book.author(), now, &words, self.dry_run)?;
        let mut text = format!("{}\n", find::line(device));
        text += &told(&gone, &keys, &shared, self.dry_run, self.keep_out);
        if !self.dry_run {
            let mut store = writer.finish()?;
            let events = self.book.db().with_extension("events.db");
            if events.exists() {
                text += &format!("{}: `wirecensus events` forgets it at its next look\n", shown(&events.to_string_lossy()));
            }
            text += &Book::entry(&store)?;
            // Unused parts of pages may hold what stood there once.
            if StatusFile::read(self.book.db())?.is_some_and(|status| status.running) {
                text += "a daemon is at work: unused parts of the file may hold traces until `wirecensus vacuum --whole`, when it does not run\n";
            } else {
                store.rewrite()?;
                Writer::new(store).finish()?;
            }
        }
        super::output::answer(&text)
    }
}

/// The addresses that are only its own, as keys of decisions, and those that another device has as well.
fn keys(document: &Document, device: &Device) -> (Vec<String>, Vec<String>) {
    if device.parent.is_some() {
        return (Vec::new(), Vec::new());
    }
    let others = || document.devices.iter().filter(|other| other.id != device.id && other.site == device.site && other.parent.is_none());
    let (shared, own): (Vec<&String>, Vec<&String>) = device.ips.iter().partition(|ip| others().any(|other| other.ips.contains(ip)));
    // Of one that is known by an IP address alone, a next hop's MAC address may stand beside it.
    let kind = if device.macs.is_empty() { "behind" } else { "ip" };
    let macs = device.macs.iter().map(|mac| format!("mac:{mac}"));
    (macs.chain(own.into_iter().map(|ip| format!("{kind}:{ip}"))).collect(), shared.into_iter().cloned().collect())
}

fn told(gone: &Gone, keys: &[String], shared: &[String], dry: bool, keep_out: bool) -> String {
    let verb = if dry { "would go" } else { "are gone" };
    let mut text = format!(
        "{} observations and counters of {} conversations, in {} sources, {verb}: {}\n",
        grouped(gone.statements),
        grouped(gone.counters),
        grouped(gone.sources),
        keys.join(", ")
    );
    if keep_out {
        text += "what it says from now on is not kept\n";
    }
    for ip in shared {
        text += &format!("stays: what was said of {ip} alone, which another device has as well\n");
    }
    for mention in &gone.mentions {
        text += &format!("stays, said by others: {}\n", shown(mention));
    }
    if gone.mentioned > gone.mentions.len() as u64 {
        text += &format!("{} such observations in all\n", grouped(gone.mentioned));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_another_has_as_well_are_not_taken_from_it() {
        let device = |id: &str, macs: &[&str], ips: &[&str]| Device {
            id: id.into(),
            macs: macs.iter().map(|mac| (*mac).to_owned()).collect(),
            ips: ips.iter().map(|ip| (*ip).to_owned()).collect(),
            ..Device::default()
        };
        let document = Document {
            devices: vec![
                device("a", &["00:80:f4:00:00:01"], &["10.0.0.1", "10.0.0.2"]),
                device("b", &["00:80:f4:00:00:02"], &["10.0.0.2"]),
                device("c", &[], &["10.0.0.3"]),
            ],
            ..Document::default()
        };
        let of = |at: usize| keys(&document, &document.devices[at]);
        assert_eq!(of(0), (vec!["mac:00:80:f4:00:00:01".into(), "ip:10.0.0.1".into()], vec!["10.0.0.2".into()]));
        assert_eq!(of(2).0, ["behind:10.0.0.3"]);
    }
}
