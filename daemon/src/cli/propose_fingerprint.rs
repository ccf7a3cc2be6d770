//! `propose-fingerprint`: drafts of rules for what was heard of devices that nothing recognised.

use super::input::{From, Material};
use super::{Done, Failure};
use fingerprints::draft::{self, FIELDS, Form, PERSONAL};
use inventory::View;
use inventory::document::{Device, Document};
use observations::{Field, Kind, Mac, Said};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::path::PathBuf;

/// Drafts that are printed; a folder of captures with more unknown kinds of devices is read again when these have rules.
const DRAFTS_MAX: usize = 200;
/// Makers of cards that a draft names.
const CARDS_MAX: usize = 4;

/// Groups what was heard of devices that no text told the class of, and prints a draft of a rule for each group.
///
/// Numbers are left out of the samples; names of hosts are shown only where several devices have the like. Finish a draft (what it is, how
/// that is known), put it into a folder, and read with `--fingerprints FOLDER`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  wirecensus propose-fingerprint capture.pcapng > mine/drafts.toml
  wirecensus propose-fingerprint --db plant.db --devices 2")]
pub(super) struct ProposeFingerprint {
    /// Databases and captures.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Drafts only what so many devices have in common.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    devices: u16,
    #[command(flatten)]
    from: From,
}

/// Devices that show texts of one form.
#[derive(Default)]
struct Group<'d> {
    example: Option<Form>,
    devices: BTreeSet<&'d str>,
    cards: BTreeSet<&'d str>,
}

impl ProposeFingerprint {
    pub(super) fn run(&self) -> Done {
        let (Material::Said(said, decisions), knowledge) = self.from.material(&self.files)? else {
            return Err(Failure::usage("a JSON document holds only what was recognised: give the database or the captures"));
        };
        let document = View::under(&said, &knowledge.fingerprints, &decisions, &knowledge.policy).listing(knowledge.findings_max).document();
        let (text, left_out) = drafts(&said, &document, usize::from(self.devices));
        if left_out > 0 {
            eprintln!("{left_out} further drafts are left out; `--devices N` asks for more devices behind each");
        }
        super::output::answer(&text)
    }
}

/// Drafts of rules, most devices first, and how many were left out.
fn drafts(said: &Said, document: &Document, devices_min: usize) -> (String, usize) {
    let unknown = Unknown::of(document);
    let mut groups: BTreeMap<(Field, String), Group<'_>> = BTreeMap::new();
    for observation in said.sources.values().flat_map(|one| one.observations.iter()) {
        let Ok(statement) = observation.statement() else { continue };
        if matches!(statement.kind, Kind::Request | Kind::Certificate | Kind::Credential) || !statement.of_itself() {
            continue;
        }
        let Some(device) = unknown.find(statement.about.mac, statement.about.ip) else { continue };
        for one in statement.fields.iter().filter(|one| FIELDS.contains(&one.field)) {
            let Some(form) = draft::form(one.field, &one.value.display()) else { continue };
            let group = groups.entry((one.field, form.regex.clone())).or_default();
            group.example.get_or_insert(form);
            group.devices.insert(&device.id);
            group.cards.extend(device.attributes.get("mac_vendor").map(|vendor| vendor.value.as_str()));
        }
    }
    let least = |field: Field| if PERSONAL.contains(&field) { devices_min.max(2) } else { devices_min };
    let mut found: Vec<_> = groups.into_iter().filter(|((field, _), group)| group.devices.len() >= least(*field)).collect();
    found.sort_by(|a, b| b.1.devices.len().cmp(&a.1.devices.len()).then_with(|| a.0.cmp(&b.0)));
    let left_out = found.len().saturating_sub(DRAFTS_MAX);
    let drafts = found.iter().take(DRAFTS_MAX).filter_map(|((field, _), group)| {
        let cards: Vec<String> = group.cards.iter().take(CARDS_MAX).map(|card| (*card).to_owned()).collect();
        Some(draft::rule(*field, group.example.as_ref()?, group.devices.len(), &cards))
    });
    (drafts.collect::<Vec<_>>().join("\n"), left_out)
}

/// Whether nothing but behaviour tells what a device is.
fn is_unrecognised(device: &Device) -> bool {
    device.class == "unknown" || device.attributes.get("class").is_some_and(|class| class.rule.starts_with("behaviour:"))
}

/// Devices of which nobody knows the class, or only by what they do, by their addresses.
struct Unknown<'d> {
    by_mac: HashMap<Mac, &'d Device>,
    by_ip: HashMap<IpAddr, &'d Device>,
}

impl<'d> Unknown<'d> {
    fn of(document: &'d Document) -> Self {
        let mut all = Self { by_mac: HashMap::new(), by_ip: HashMap::new() };
        for device in document.devices.iter().filter(|device| is_unrecognised(device) && device.kind != "ghost") {
            all.by_mac.extend(device.macs.iter().filter_map(|mac| Some((mac.parse().ok()?, device))));
            all.by_ip.extend(device.ips.iter().filter_map(|ip| Some((ip.parse().ok()?, device))));
        }
        all
    }

    /// By its own card; by its address where it has none of its own here.
    fn find(&self, mac: Option<Mac>, ip: Option<IpAddr>) -> Option<&'d Device> {
        ip.and_then(|ip| self.by_ip.get(&ip)).or_else(|| mac.filter(|_| ip.is_none()).and_then(|mac| self.by_mac.get(&mac))).copied()
    }
}
