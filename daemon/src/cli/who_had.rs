//! `who-had`: which device used an address at a time.

use super::input::From;
use super::{Done, Failure, find};
use crate::capture::text::shown;
use inventory::Document;
use inventory::document::Device;
use jiff::Timestamp;
use std::path::PathBuf;

/// Says which device had an address at a time, and how that is known.
///
/// The time is that of the packets: RFC 3339, or seconds since 1970. Where nobody was seen with the address at that time, who had it
/// before and after is named, and the status is 1.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  wirecensus who-had 192.168.1.10 --at 2026-03-01T14:30:00Z --db plant.db
  wirecensus who-had 00:80:f4:01:02:03 --at 1772375400 capture.pcapng")]
pub(super) struct WhoHad {
    /// An IP or MAC address.
    address: String,
    /// When.
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: i64,
    /// Databases and captures, or one JSON document.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    from: From,
}

/// Nanoseconds since 1970.
fn time(text: &str) -> Result<i64, String> {
    const SECOND: f64 = 1e9;
    let wrong = || "write a time as 2026-03-01T14:30:00Z, or as seconds since 1970".to_owned();
    if let Ok(seconds) = text.parse::<i64>() {
        return seconds.checked_mul(1_000_000_000).ok_or_else(wrong);
    }
    if let Ok(seconds) = text.parse::<f64>() {
        let nanoseconds = seconds * SECOND;
        return if nanoseconds.abs() < i64::MAX as f64 { Ok(nanoseconds as i64) } else { Err(wrong()) };
    }
    let time: Timestamp = text.parse().map_err(|_| wrong())?;
    i64::try_from(time.as_nanosecond()).map_err(|_| wrong())
}

/// One device's use of an address.
struct Holding<'d> {
    device: &'d Device,
    first: &'d str,
    last: &'d str,
    class: &'d str,
    segment: &'d str,
}

impl WhoHad {
    pub(super) fn run(&self) -> Done {
        let Some(address) = find::address(&self.address) else {
            return Err(Failure::usage(format!("{}: neither an IP nor a MAC address", shown(&self.address))));
        };
        let document = self.from.document(&self.files)?;
        let at = inventory::assemble::time(self.at).unwrap_or_default();
        let holdings = holdings(&document, &address);
        // All times are spelled alike: they compare as text.
        let (then, other): (Vec<_>, Vec<_>) = holdings.into_iter().partition(|holding| holding.first <= at.as_str() && at.as_str() <= holding.last);
        if then.is_empty() {
            return Err(Failure::new(nobody(&address, &at, &other)));
        }
        super::output::answer(&then.iter().map(|holding| line(holding) + "\n").collect::<String>())
    }
}

fn holdings<'d>(document: &'d Document, address: &str) -> Vec<Holding<'d>> {
    let mut holdings = Vec::new();
    for device in document.devices.iter().filter(|device| device.kind != "ghost") {
        let before = holdings.len();
        for binding in device.bindings.iter().filter(|binding| binding.value == address) {
            if let (Some(first), Some(last)) = (&binding.first_seen, &binding.last_seen) {
                holdings.push(Holding { device, first, last, class: &binding.class, segment: &binding.segment });
            }
        }
        // What is known by this address alone, or has it for good.
        let own = holdings.len() == before && device.macs.iter().chain(&device.ips).any(|own| own == address);
        if let (true, Some(first), Some(last)) = (own, &device.first_seen, &device.last_seen) {
            holdings.push(Holding { device, first, last, class: "observed", segment: "" });
        }
    }
    holdings.sort_by_key(|holding| (holding.first, holding.last));
    holdings
}

fn line(holding: &Holding<'_>) -> String {
    let segment = if holding.segment.is_empty() { String::new() } else { format!(" in {}", holding.segment) };
    format!("{}\n  from {} to {}, {}{segment}", find::line(holding.device), holding.first, holding.last, holding.class)
}

fn nobody(address: &str, at: &str, holdings: &[Holding<'_>]) -> String {
    let mut text = format!("nobody was seen with {address} at {at}");
    let before = holdings.iter().filter(|holding| holding.last < at).max_by_key(|holding| holding.last);
    let after = holdings.iter().filter(|holding| holding.first > at).min_by_key(|holding| holding.first);
    for (word, holding) in before.map(|holding| ("before", holding)).into_iter().chain(after.map(|holding| ("after", holding))) {
        text.push_str(&format!("\n{word}: {}", line(holding)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use inventory::document::Binding;

    #[test]
    fn times_are_rfc_3339_or_seconds() {
        assert_eq!(time("1"), Ok(1_000_000_000));
        assert_eq!(time("1.5"), Ok(1_500_000_000));
        assert_eq!(time("1970-01-01T00:00:01.000000002Z"), Ok(1_000_000_002));
        assert_eq!(time("1970-01-01T01:00:01+01:00"), Ok(1_000_000_000));
        for wrong in ["", "yesterday", "1e300", "99999999999999", "2026-03-01"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_that_moved_has_one_holder_at_a_time() {
        let times = |second: u8| Some(format!("2026-03-01T00:00:{second:02}.000000000Z"));
        let device = |id: &str, first, last| Device {
            id: id.into(),
            kind: "device".into(),
            bindings: vec![Binding { value: "10.0.0.1".into(), first_seen: times(first), last_seen: times(last), ..Binding::default() }],
            ..Device::default()
        };
        let document = Document { devices: vec![device("b", 20, 30), device("a", 1, 10)], ..Document::default() };
        let all = holdings(&document, "10.0.0.1");
        assert_eq!(all.iter().map(|holding| holding.device.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        let text = nobody("10.0.0.1", "2026-03-01T00:00:15.000000000Z", &all);
        assert!(text.contains("before: ") && text.contains("after: "), "{text}");
    }
}
