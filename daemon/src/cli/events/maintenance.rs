//! `events maintenance`: windows in which what happens stands under a change's ticket.

use super::{Desk, clock_text, now, time};
use crate::capture::text::shown;
use crate::cli::output::answer;
use crate::cli::{Done, Failure};
use crate::events::store::{Maintenance as Window, Place};

/// Announces a window of maintenance, ends one, or lists them. What happens in one is kept under its ticket, and told as one message when
/// it is over.
#[derive(clap::Args)]
pub(super) struct Maintenance {
    #[command(flatten)]
    desk: Desk,
    /// When it begins: RFC 3339, a day, or seconds since 1970; now if left out.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<i64>,
    /// When it ends.
    #[arg(long, value_name = "TIME", value_parser = time, requires = "ticket")]
    to: Option<i64>,
    /// The change's ticket.
    #[arg(long, value_name = "ID", requires = "to")]
    ticket: Option<String>,
    /// Only at this site.
    #[arg(long, value_name = "NAME")]
    site: Option<String>,
    /// Only in this segment.
    #[arg(long, value_name = "NAME")]
    segment: Option<String>,
    /// Only of the device with this id.
    #[arg(long, value_name = "ID")]
    device: Option<String>,
    /// Who announces or ends it; stands in the log.
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
    /// Ends the window of this number now.
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["ticket", "to", "from"])]
    end: Option<i64>,
}

impl Maintenance {
    pub(super) fn run(&self) -> Done {
        let mut store = self.desk.store()?;
        let author = || self.author.clone().ok_or_else(|| Failure::usage("who? --author NAME stands in the log"));
        if let Some(id) = self.end {
            if !store.end_window(id, now(), &author()?)? {
                return Err(Failure::new(format!("no window {id} is open or to come")));
            }
            return answer(&format!("window {id} has ended\n"));
        }
        if let (Some(ends), Some(ticket)) = (self.to, &self.ticket) {
            let begins = self.from.unwrap_or_else(now);
            if ends <= begins.max(now()) {
                return Err(Failure::usage("--to is before --from, or past"));
            }
            let place = Place { site: self.site.clone(), segment: self.segment.clone(), device: self.device.clone() };
            let window = Window { id: 0, begins, ends, ticket: ticket.clone(), place, author: author()? };
            let id = store.announce(&window, now())?;
            return answer(&format!("window {id}\n"));
        }
        let line = |one: Window| {
            let Place { site, segment, device } = one.place;
            let place: Vec<String> = [site, segment, device].into_iter().flatten().map(|place| shown(&place)).collect();
            let place = if place.is_empty() { "everywhere".to_owned() } else { place.join(", ") };
            let (from, to) = (clock_text(one.begins), clock_text(one.ends));
            format!("{}  {from} to {to}  {}  {place}  by {}\n", one.id, shown(&one.ticket), shown(&one.author))
        };
        answer(&store.windows()?.into_iter().map(line).collect::<String>())
    }
}
