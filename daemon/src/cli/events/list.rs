//! `events list` and `events status`: what happened, and how its receivers fare.

use super::{Desk, clock_text, time};
use crate::capture::text::{grouped, shown};
use crate::cli::output::answer;
use crate::cli::{Done, Failure};
use crate::events::compare::span;
use crate::events::kind::Kind;
use crate::events::store::{Kept, Wanted};
use serde_json::json;

/// Lists events, the oldest first.
#[derive(clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    desk: Desk,
    /// Not before this time of this machine's clock: RFC 3339, a day, or seconds since 1970.
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<i64>,
    /// Of one kind; docs/events.md has the table.
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Option<Kind>,
    /// Of the device whose id begins so.
    #[arg(long, value_name = "ID")]
    device: Option<String>,
    /// The newest at most.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    most: u32,
    /// As JSON, an object a line.
    #[arg(long)]
    json: bool,
}

fn kind(name: &str) -> Result<Kind, String> {
    let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    Kind::from_name(name).ok_or_else(|| match crate::capture::text::nearest(name, &names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("kinds are {}", names.join(", ")),
    })
}

impl List {
    pub(super) fn run(&self) -> Done {
        let wanted = Wanted { since: self.since, kind: self.kind, device: self.device.clone(), most: self.most };
        let all = self.desk.store()?.events(&wanted)?;
        let lines: Vec<String> = all.iter().map(|kept| if self.json { object(kept) } else { Ok(text(kept)) }).collect::<Result<_, _>>()?;
        answer(&lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>())
    }
}

fn object(kept: &Kept) -> Result<String, Failure> {
    let mut value = serde_json::to_value(&kept.event)?;
    if let Some(fields) = value.as_object_mut() {
        fields.insert("id".to_owned(), json!(kept.id));
        fields.insert("at".to_owned(), json!(clock_text(kept.at)));
        fields.insert("told".to_owned(), json!(kept.told));
        fields.insert("ticket".to_owned(), json!(kept.ticket));
    }
    Ok(value.to_string())
}

fn text(kept: &Kept) -> String {
    let event = &kept.event;
    let mut notes: Vec<String> = [&event.site, &event.segment].into_iter().filter(|place| !place.is_empty()).map(|place| shown(place)).collect();
    notes.extend(kept.ticket.iter().map(|ticket| format!("under {}", shown(ticket))));
    notes.extend((!kept.told && kept.ticket.is_none()).then(|| "held back".to_owned()));
    let notes = if notes.is_empty() { String::new() } else { format!("  ({})", notes.join(", ")) };
    format!(
        "{}  {:13}  {}: {}{notes}\n    {}",
        clock_text(kept.at),
        event.severity.name(),
        event.kind.name(),
        shown(&event.text),
        shown(&event.reason)
    )
}

/// Says what is learnt, what is wrong with the mirror, and how the receivers fare.
#[derive(clap::Args)]
pub(super) struct Status {
    #[command(flatten)]
    desk: Desk,
}

impl Status {
    pub(super) fn run(&self) -> Done {
        let store = self.desk.store()?;
        let known = store.known()?;
        let (devices, talks) = (grouped(known.devices.len() as u64), grouped(known.talks.len() as u64));
        let learning = if known.whole.settled { "learnt" } else { "learning" };
        let mut lines = vec![format!("{devices} devices and {talks} conversations are known; {learning}, {} watched", span(known.whole.learnt))];
        lines.extend(known.whole.mirrors.iter().map(|(name, trouble)| format!("MIRROR {}: {}", shown(name), shown(&trouble.what))));
        for one in store.receipts()? {
            let trouble = one.error.map(|error| format!("; NOT TAKEN {} times: {}", one.failures, shown(&error))).unwrap_or_default();
            lines.push(format!("{}: {} delivered, {} waiting, {} dropped{trouble}", shown(&one.target), one.sent, one.waiting, one.dropped));
        }
        answer(&(lines.join("\n") + "\n"))
    }
}
