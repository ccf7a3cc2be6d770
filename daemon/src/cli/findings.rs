//! `findings`: what is weak, the gravest first, and the catalogue of what is looked for.

use super::input::From;
use super::output::{Output, answer};
use super::{Done, Failure};
use crate::export::sarif::name;
use crate::export::{Contents, Format};
use inventory::document::{Device, Finding};
use inventory::judge::catalogue::{Catalogue, Rule, Severity};
use inventory::judge::controls;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Devices named in a line; a finding of many is as weak as one of three.
const NAMED_MAX: usize = 3;

/// When a command ends with status 3.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gate {
    /// Something could not be read.
    Incomplete,
    /// A finding is open that is as grave.
    Finding(Severity),
}

impl Gate {
    pub(super) fn of(text: &str) -> Result<Self, String> {
        if text == "incomplete" {
            return Ok(Self::Incomplete);
        }
        let severities: Vec<&str> = Severity::ALL.iter().map(|severity| severity.name()).collect();
        Severity::from_name(text).map(Self::Finding).ok_or_else(|| format!("incomplete, {}", severities.join(", ")))
    }

    /// Whether an inventory is stopped at it.
    pub(super) fn is_hit(self, contents: &dyn Contents) -> bool {
        let Self::Finding(least) = self else { return !contents.head().complete };
        let grave = |finding: &Finding| is_open(finding) && Severity::from_name(&finding.severity) >= Some(least);
        contents.head().findings.iter().any(grave)
            || (0..contents.devices()).filter_map(|number| contents.device(number)).any(|device| device.findings.iter().any(grave))
    }
}

fn is_open(finding: &Finding) -> bool {
    finding.status == "open" && finding.suppressed.is_none()
}

/// Lists what is weak in the network of a database, of captures or of a JSON document, the gravest first.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  wirecensus findings --db plant.db
  wirecensus findings capture.pcapng --severity high
  wirecensus findings capture.pcapng --format sarif --output findings.sarif
  wirecensus findings capture.pcapng --fail-on high
  wirecensus findings --catalogue")]
pub(super) struct Findings {
    /// Databases and captures, or one JSON document.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Prints what is looked for, how it is seen, and what it relates to, as Markdown.
    #[arg(long)]
    catalogue: bool,
    /// Only findings of this severity or a graver one.
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    severity: Option<Severity>,
    /// Only findings of this rule.
    #[arg(long, value_name = "ID")]
    rule: Option<String>,
    /// Resolved and suppressed ones, too.
    #[arg(long)]
    all: bool,
    /// How they are printed: `table`, or `sarif` with all of them.
    #[arg(long, value_enum, default_value = "table")]
    format: Form,
    /// Writes to a file instead of standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Ends with status 3 if a finding of this severity, or a graver one, is open; or if the inventory is not complete.
    #[arg(long, value_name = "GATE", value_parser = Gate::of)]
    fail_on: Option<Gate>,
    #[command(flatten)]
    from: From,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    Table,
    Sarif,
}

fn severity(text: &str) -> Result<Severity, String> {
    match Gate::of(text) {
        Ok(Gate::Finding(severity)) => Ok(severity),
        _ => Err(Severity::ALL.iter().map(|severity| severity.name()).collect::<Vec<_>>().join(", ")),
    }
}

/// Findings of one rule, and who shows them.
#[derive(Default)]
struct Line {
    title: String,
    count: u64,
    whom: Vec<String>,
    /// Why those of this line count no longer, if so.
    settled: BTreeSet<String>,
}

impl Findings {
    pub(super) fn run(&self) -> Done {
        if self.catalogue {
            return answer(&catalogue());
        }
        if let Some(rule) = self.rule.as_ref().filter(|rule| Catalogue::built_in().by_id(rule).is_none()) {
            return Err(Failure::usage(format!("no rule is called {rule}; `wirecensus findings --catalogue` lists them")));
        }
        self.from.inventory(&self.files, |contents, workers| {
            let mut out = Output::open(self.output.as_deref())?;
            match self.format {
                Form::Sarif => out.inventory(Format::Sarif, contents, workers)?,
                Form::Table => out.text(&self.table(contents))?,
            };
            Ok(if self.fail_on.is_some_and(|gate| gate.is_hit(contents)) { ExitCode::from(3) } else { ExitCode::SUCCESS })
        })
    }

    fn is_wanted(&self, finding: &Finding) -> bool {
        let grave = self.severity.is_none_or(|least| Severity::from_name(&finding.severity) >= Some(least));
        grave && self.rule.as_ref().is_none_or(|rule| *rule == finding.rule) && (self.all || is_open(finding))
    }

    fn table(&self, contents: &dyn Contents) -> String {
        let mut lines: BTreeMap<(std::cmp::Reverse<Option<Severity>>, String, bool), Line> = BTreeMap::new();
        let mut left_out = 0u64;
        let mut add = |finding: &Finding, whom: Option<String>| {
            let key = (std::cmp::Reverse(Severity::from_name(&finding.severity)), finding.rule.to_string(), !is_open(finding));
            let line = lines.entry(key).or_default();
            finding.title.as_ref().clone_into(&mut line.title);
            line.count = line.count.saturating_add(finding.count);
            line.whom.extend(whom);
            line.settled.extend(finding.suppressed.as_ref().map(|why| format!("suppressed: {why}")));
            line.settled.extend(finding.resolved_since.as_ref().map(|since| format!("resolved since {since}")));
        };
        for finding in contents.head().findings.iter().filter(|finding| finding.scope == "site" && self.is_wanted(finding)) {
            add(finding, None);
        }
        for device in (0..contents.devices()).filter_map(|number| contents.device(number)) {
            device.findings.iter().filter(|finding| self.is_wanted(finding)).for_each(|finding| add(finding, Some(whom(&device))));
            left_out += device.findings.iter().filter(|finding| !self.all && !is_open(finding)).count() as u64;
        }
        let mut out = String::new();
        for ((severity, rule, _), line) in &mut lines {
            line.whom.sort();
            let more = line.whom.len().saturating_sub(NAMED_MAX);
            let named: Vec<&str> = line.whom.iter().take(NAMED_MAX).map(String::as_str).collect();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let severity = severity.0.map_or("", Severity::name);
            let _ = writeln!(out, "{severity:8}  {rule}  {}\n{:19}{}{more}", line.title, "", named.join(", "));
            for why in line.settled.iter().take(NAMED_MAX) {
                let _ = writeln!(out, "{:19}{why}", "");
            }
        }
        let rules = lines.keys().map(|(_, rule, _)| rule).collect::<BTreeSet<_>>().len();
        let _ = match lines.len() {
            0 => writeln!(out, "Nothing was found that the catalogue knows; see `coverage` for what the capture could not show."),
            _ => writeln!(out, "\n{rules} rules; `wirecensus explain DEVICE` shows packets and bytes, and the way out."),
        };
        if left_out > 0 {
            let _ = writeln!(out, "{left_out} findings of devices are suppressed or resolved; `--all` shows them, and why.");
        }
        out
    }
}

fn whom(device: &Device) -> String {
    let name_of = device.hostnames.first().map(|host| format!(" ({host})")).unwrap_or_default();
    format!("{}{name_of}", name(device))
}

/// The catalogue as Markdown.
fn catalogue() -> String {
    let mut out = String::from(
        "# Findings\n\nWhat Wirecensus looks for, how it is seen, and the way out. Controls are what a finding relates to, never what it proves \
         violated. Made by `wirecensus findings --catalogue`.\n",
    );
    for rule in &Catalogue::built_in().rules {
        let _ = writeln!(out, "\n## {} {}\n\n{}", rule.id, rule.title, rule.detection);
        let _ = writeln!(out, "\n- severity: {}; one finding a {}", rule.severity.name(), rule.scope.name());
        if let Some(observable) = &rule.observable {
            let _ = writeln!(out, "- rests on absence, and is told only because: {observable}");
        }
        let _ = writeln!(out, "- remedy: {}\n- risk to the process: {}", rule.remedy, rule.process_risk);
        if !rule.enrollment.is_empty() {
            let _ = writeln!(out, "- ways to an identity: {}", rule.enrollment.join(", "));
        }
        let _ = writeln!(out, "- relates to:\n{}", related(rule));
    }
    out
}

/// A line a framework, in their order.
fn related(rule: &Rule) -> String {
    let of = |framework: &'static str| Some((framework, rule.controls.get(framework)?));
    let one = |framework, control: &String| match controls::title(framework, control) {
        Some(title) => format!("{control} ({title})"),
        None => control.clone(),
    };
    let line = |(framework, all): (&'static str, &Vec<String>)| {
        format!("  - {}: {}", controls::name(framework), all.iter().map(|control| one(framework, control)).collect::<Vec<_>>().join(", "))
    };
    controls::frameworks().filter_map(of).map(line).collect::<Vec<_>>().join("\n")
}
