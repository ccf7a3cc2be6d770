//! `annotate`: what only an operator knows.

use super::Done;
use super::decide::{Book, key};
use crate::capture::text::shown;
use inventory::decision::Decision;

/// Adds to a device what only an operator knows: tag, owner, location, criticality, zone.
///
/// An empty value takes an annotation back. What was said before stays in the database's log.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  wirecensus annotate 192.168.1.10 owner='line 3' criticality=high --db plant.db
  wirecensus annotate plc-1 owner= --db plant.db")]
pub(super) struct Annotate {
    /// A device: an address, a name, an id.
    device: String,
    /// What is to be noted.
    #[arg(required = true, value_name = "NAME=VALUE", value_parser = pair)]
    annotations: Vec<(String, String)>,
    #[command(flatten)]
    book: Book,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE, as in owner='line 3'")?;
    let fits = |(at, c): (usize, char)| c.is_ascii_lowercase() || at > 0 && (c.is_ascii_digit() || matches!(c, '_' | '-'));
    if name.is_empty() || !name.chars().enumerate().all(fits) {
        return Err("a name is made of a to z, 0 to 9, - and _, as in tag, owner, location, criticality, zone".to_owned());
    }
    Ok((name.to_owned(), shown(value)))
}

impl Annotate {
    pub(super) fn run(&self) -> Done {
        let key = key(&self.book.document()?, &self.device, false)?;
        let mut done = Ok(std::process::ExitCode::SUCCESS);
        for (name, value) in &self.annotations {
            let words = if value.is_empty() { format!("{key}: {name} is taken back") } else { format!("{key}: {name} is {value}") };
            done = self.book.decide(&Decision::Annotate { key: key.clone(), name: name.clone(), value: value.clone() }, &words);
            if done.is_err() {
                break;
            }
        }
        done
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_annotation_has_a_plain_name() {
        assert_eq!(super::pair("owner=line 3").unwrap(), ("owner".to_owned(), "line 3".to_owned()));
        assert_eq!(super::pair("zone2-a=").unwrap().1, "");
        for wrong in ["owner", "=x", "Owner=x", "2=x", "a b=c"] {
            assert!(super::pair(wrong).is_err(), "{wrong}");
        }
    }
}
