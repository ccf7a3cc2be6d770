//! A report as one page of HTML that needs nothing else: no network, no font, no script to be read. What the captures could not show
//! comes first.
//!
//! | module | writes |
//! |---|---|
//! | `wire` | text from captures and files, the only way for it into the page |
//! | `survey` | nothing: one pass over all devices, which keeps of each what the sections need |
//! | `coverage` | what could not be seen |
//! | `summary` | devices by class, findings by severity, what to do first |
//! | `devices` | one row a device, parts below their whole, what is beyond the routers and ghosts apart |
//! | `weak` | devices that are unmanaged or weak, with evidence and the way out |
//! | `findings` | findings, each once, with the devices that show it; controls |
//! | `certificates` | certificates that were presented |
//! | `captures` | the captures, and how all of this was found out |
//!
//! Devices are made as they are written, several times: what is held at a time is a few words of each.

mod captures;
mod certificates;
mod coverage;
mod devices;
mod findings;
mod summary;
mod survey;
mod weak;
mod wire;

use super::Contents;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};
use std::io::{self, Write};
use survey::Survey;
use wire::{Attribute, Wire, moment};

const STYLE: &str = include_str!("html/report.css");

/// Narrows tables to what is typed, and unfolds what is folded before printing. The page is whole without it.
const SCRIPT: &str = include_str!("html/report.js");

/// Sections: their names in links, and for people.
const SECTIONS: &[(&str, &str)] = &[
    ("coverage", "What could not be seen"),
    ("summary", "Summary"),
    ("inventory", "Inventory"),
    ("weak", "Unmanaged and weak devices"),
    ("findings", "Findings"),
    ("controls", "Controls"),
    ("certificates", "Certificates"),
    ("captures", "Captures"),
    ("method", "Method and limits"),
];

/// What stands above a report.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Heading {
    /// For whom, or of what.
    pub engagement: Option<String>,
    /// By whom.
    pub author: Option<String>,
    /// Names and addresses are pseudonyms.
    pub redacted: bool,
}

/// Writes it.
///
/// # Errors
/// If the output cannot be written.
pub fn write(heading: &Heading, contents: &dyn Contents, workers: usize, out: &mut dyn Write) -> io::Result<()> {
    let survey = Survey::of(contents);
    put(
        out,
        html! {
            (DOCTYPE)
            (PreEscaped("<html lang=\"en\">"))
            (head(heading))
            (PreEscaped("<body>"))
            (title(heading, contents))
            (PreEscaped("<main>"))
            (section("coverage", &coverage::coverage(contents.head(), &survey)))
            (section("summary", &summary::summary(contents.head(), &survey)))
        },
    )?;
    begin("inventory", out)?;
    devices::write(contents, &survey, workers, out)?;
    end(out)?;
    begin("weak", out)?;
    weak::write(contents, &survey, workers, out)?;
    end(out)?;
    begin("findings", out)?;
    findings::write(&survey, workers, out)?;
    end(out)?;
    put(
        out,
        html! {
            (section("controls", &findings::controls(&survey)))
            (section("certificates", &certificates::certificates(contents.head(), &survey)))
            (section("captures", &captures::captures(contents.head())))
            (section("method", &captures::method(contents.head(), heading)))
        },
    )?;
    writeln!(out, "</main><script>{SCRIPT}</script></body></html>")
}

fn put(out: &mut dyn Write, markup: Markup) -> io::Result<()> {
    out.write_all(markup.into_string().as_bytes())
}

fn name_of(section: &str) -> &'static str {
    SECTIONS.iter().find(|(id, _)| *id == section).map_or("", |(_, name)| name)
}

/// A section that is made at once.
fn section(id: &str, inside: &Markup) -> Markup {
    html! { section id=(id) { h2 { (name_of(id)) } (inside) } }
}

/// A section that is written piece by piece begins.
fn begin(id: &str, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "<section id=\"{id}\"><h2>{}</h2>", name_of(id))
}

fn end(out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"</section>")
}

fn head(heading: &Heading) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            // Nothing is loaded, sent or run but what is in this very file.
            meta http-equiv="Content-Security-Policy" content=(policy());
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="referrer" content="no-referrer";
            @if let Some(author) = &heading.author { meta name="author" content=(Attribute(author)); }
            title { "Network inventory" @if let Some(engagement) = &heading.engagement { ": " (Attribute(engagement)) } }
            style { (PreEscaped(STYLE)) }
        }
    }
}

/// Content Security Policy Level 3: style and script are allowed by their digests, everything else is not.
fn policy() -> String {
    let digest = |text: &str| base64(&Sha256::digest(text.as_bytes()));
    format!("default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'", digest(STYLE), digest(SCRIPT))
}

/// RFC 4648 section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0usize, |bits, at| bits << 8 | usize::from(group.get(at).copied().unwrap_or(0)));
        (0..4).for_each(|at| text.push(if at > group.len() { '=' } else { char::from(DIGITS[bits >> (18 - 6 * at) & 63]) }));
    }
    text
}

fn title(heading: &Heading, contents: &dyn Contents) -> Markup {
    let document = contents.head();
    html! {
        header {
            h1 { "Network inventory" }
            @if let Some(engagement) = &heading.engagement { p.engagement { (Wire(engagement)) } }
            p.by {
                @if let Some(author) = &heading.author { (Wire(author)) " · " }
                @match &document.as_of {
                    Some(time) => { "as of " (moment(time)) },
                    None => { "without a time" },
                }
                " · wirecensus " (Wire(&document.producer.version))
            }
            @if heading.redacted { p.note { "Names, addresses, serial numbers and quotations in this report are pseudonyms." } }
            @if !document.complete { p.note { "This inventory is not complete: see " a href="#coverage" { "what could not be seen" } "." } }
            nav { @for (id, name) in SECTIONS { a href={ "#" (id) } { (name) } " " } }
        }
    }
}

#[cfg(test)]
mod tests;
