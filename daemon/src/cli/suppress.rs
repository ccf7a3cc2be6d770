//! `suppress`: a finding that somebody answers for.

use super::decide::{Book, key};
use super::{Done, Failure, find};
use crate::capture::text::shown;
use inventory::Document;
use inventory::decision::Decision;
use inventory::document::{Device, Finding};
use inventory::judge::catalogue::Catalogue;
use jiff::Timestamp;

/// Sets a finding aside, with a reason, an author and, better, an end: it no longer counts, and is shown as suppressed.
///
/// What is said about a zone goes for all its devices. The decision stands in the database's log, as does taking it back.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  wirecensus suppress 192.168.1.10 CRD-006 --reason 'read only, in its own zone' --until 2027-03-01 --db plant.db
  wirecensus suppress zone:10.77.0.0/24 OT-001 --reason 'compensated by the firewall' --db plant.db
  wirecensus suppress 192.168.1.10 CRD-006 --take-back --db plant.db")]
pub(super) struct Suppress {
    /// A device (an address, a name, an id), or `zone:NAME`.
    device: String,
    /// The rule, as in OT-001.
    rule: String,
    /// Why.
    #[arg(long, value_name = "TEXT", required_unless_present = "take_back")]
    reason: Option<String>,
    /// Until when: a date, or a time as 2027-03-01T00:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = until)]
    until: Option<String>,
    /// Lets the finding count again.
    #[arg(long, conflicts_with_all = ["reason", "until"])]
    take_back: bool,
    #[command(flatten)]
    book: Book,
}

fn until(text: &str) -> Result<String, String> {
    let whole = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
    let time: Timestamp = whole.parse().map_err(|_| "write a date as 2027-03-01, or a time as 2027-03-01T12:00:00Z".to_owned())?;
    let nanoseconds = i64::try_from(time.as_nanosecond()).map_err(|_| "that time is out of range".to_owned())?;
    inventory::assemble::time(nanoseconds).ok_or_else(|| "that time is out of range".to_owned())
}

impl Suppress {
    pub(super) fn run(&self) -> Done {
        if Catalogue::built_in().by_id(&self.rule).is_none() {
            return Err(Failure::usage(format!("no rule is called {}; `wirecensus findings --catalogue` lists them", shown(&self.rule))));
        }
        let reason = self.reason.as_deref().map(shown).unwrap_or_default();
        if reason.trim().is_empty() && !self.take_back {
            return Err(Failure::usage("--reason: say why somebody answers for it"));
        }
        let document = self.book.document()?;
        let key = if self.device.starts_with("zone:") { shown(&self.device) } else { key(&document, &self.device, false)? };
        self.notes(&document)?.iter().for_each(|note| eprintln!("note: {note}"));
        let until = self.until.clone().unwrap_or_default();
        let words = match (self.take_back, until.as_str()) {
            (true, _) => format!("{key}: {} counts again", self.rule),
            (false, "") => format!("{key}: {} is suppressed: {reason}", self.rule),
            (false, until) => format!("{key}: {} is suppressed until {until}: {reason}", self.rule),
        };
        self.book.decide(&Decision::Suppress { key, rule: self.rule.clone(), reason, until, author: shown(&self.book.author()) }, &words)
    }

    /// What may not have been meant: it changes nothing now.
    fn notes(&self, document: &Document) -> Result<Vec<String>, Failure> {
        let mut notes = Vec::new();
        let shows = |findings: &[Finding]| findings.iter().any(|finding| finding.rule == self.rule);
        let (whose, shown_there) = match self.device.strip_prefix("zone:") {
            Some(zone) => {
                let of_zone = |device: &&Device| device.zone.as_deref() == Some(zone) && shows(&device.findings);
                (format!("the zone {} (a policy may name others)", shown(zone)), document.devices.iter().any(|device| of_zone(&device)))
            }
            None => (shown(&self.device), shows(&find::find(document, &self.device)?.findings)),
        };
        if !shown_there {
            notes.push(format!("{} is not found of {whose} now; the decision stands for when it is", self.rule));
        }
        if let (Some(until), Some(now)) = (&self.until, &document.as_of)
            && until <= now
        {
            notes.push(format!("that time is over already: the inventory is of {now}"));
        }
        Ok(notes)
    }
}

#[cfg(test)]
mod tests {
    use super::until;

    #[test]
    fn an_end_is_a_date_or_a_time() {
        assert_eq!(until("2027-03-01").as_deref(), Ok("2027-03-01T00:00:00.000000000Z"));
        assert_eq!(until("2027-03-01T12:00:00+01:00").as_deref(), Ok("2027-03-01T11:00:00.000000000Z"));
        assert!(until("soon").is_err() && until("9999-03-01").is_err());
    }
}
