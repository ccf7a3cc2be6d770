//! What an operator knows and the wire does not tell, from files: zones and conduits, severities, lists of managed devices, what was
//! there before, who may ask, advisories.

mod advisories;
mod baseline;
mod lists;
mod trust;
mod vault;

use dissectors::registry::Registry;
use inventory::judge::catalogue::{Catalogue, Severity};
use inventory::judge::policy::{Conduit, DeclaredZone, Issuer, Masters, Network, Policy};
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

pub use advisories::read as read_advisories;
pub use baseline::read as read_baseline;
pub use lists::read as read_list;
pub use trust::{authorities as read_authorities, revocations as read_revocations};
pub use vault::{add as add_vault, read as read_vault};

/// A policy file is written by people; one that is larger is something else.
const BYTES_MAX: u64 = 4 << 20;

/// Why a policy or a list is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.reason)
    }
}

impl std::error::Error for PolicyError {}

/// The file of `--policy`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    as_of: Option<String>,
    #[serde(default)]
    zone: Vec<Zone>,
    #[serde(default)]
    conduit: Vec<RawConduit>,
    #[serde(default)]
    severity: BTreeMap<String, Override>,
    #[serde(default)]
    managed: Vec<Managed>,
    #[serde(default)]
    issuer: Vec<RawIssuer>,
    baseline: Option<RawBaseline>,
    #[serde(default)]
    master: Vec<RawMasters>,
    #[serde(default)]
    revoked: Vec<Named>,
    #[serde(default)]
    issued: Vec<Named>,
    renewal: Option<Renewal>,
    #[serde(default)]
    mutual: Vec<Mutual>,
    /// Networks of engineering stations.
    #[serde(default)]
    engineering: Vec<String>,
    /// CSAF documents, and folders of them.
    #[serde(default)]
    advisories: Vec<PathBuf>,
    /// Tables in the form of `fingerprints/data/end_of_support.tsv`.
    #[serde(default)]
    end_of_support: Vec<PathBuf>,
}

/// What was there before: a time, or a document of that time.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBaseline {
    as_of: Option<String>,
    document: Option<PathBuf>,
}

/// Who may ask.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMasters {
    protocols: Vec<String>,
    clients: Vec<String>,
    #[serde(default)]
    servers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Zone {
    name: String,
    networks: Vec<String>,
    level: Option<String>,
    #[serde(default)]
    ipv4_only: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConduit {
    from: String,
    to: String,
    #[serde(default)]
    protocols: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Override {
    severity: Severity,
    reason: String,
}

/// An issuer of certificates.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIssuer {
    name: Option<String>,
    key_id: Option<String>,
    file: Option<PathBuf>,
}

/// A file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    file: PathBuf,
}

/// When certificates should be renewed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Renewal {
    days: u32,
}

/// Where servers must ask who their clients are.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutual {
    zone: String,
}

/// A list of managed devices.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Managed {
    file: PathBuf,
    name: Option<String>,
    #[serde(default)]
    sites: Vec<String>,
    as_of: Option<String>,
}

/// Reads a policy; files that it names are looked for beside it.
///
/// # Errors
/// [`PolicyError`] names the file and the reason.
pub fn read(path: &Path) -> Result<Policy, PolicyError> {
    let wrong = |reason: String| PolicyError { file: path.to_owned(), reason };
    let text = text_of(path)?;
    let file: File = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let mut policy = Policy { as_of: file.as_of.as_deref().map(time).transpose().map_err(wrong)?, ..Policy::default() };
    for zone in file.zone {
        let networks = parse_networks(&zone.networks).map_err(|reason| wrong(format!("zone {}: {reason}", zone.name)))?;
        policy.zones.push(DeclaredZone { name: zone.name, networks, level: zone.level, ipv4_only: zone.ipv4_only });
    }
    for conduit in file.conduit {
        for end in [&conduit.from, &conduit.to] {
            if !policy.zones.iter().any(|zone| zone.name == *end) {
                return Err(wrong(format!("conduit: no zone is called {end}")));
            }
        }
        policy.conduits.push(Conduit { from: conduit.from, to: conduit.to, protocols: conduit.protocols });
    }
    for (rule, one) in file.severity {
        if Catalogue::built_in().by_id(&rule).is_none() {
            return Err(wrong(format!("severity: no rule is called {rule}; `wirecensus findings --catalogue` lists them")));
        }
        if one.reason.trim().is_empty() {
            return Err(wrong(format!("severity.{rule}: say the reason")));
        }
        policy.severities.insert(rule, (one.severity, one.reason));
    }
    let beside = |name: &Path| path.parent().unwrap_or_else(|| Path::new("")).join(name);
    for issuer in file.issuer {
        let key_id = issuer.key_id.map(|key| key.to_lowercase().chars().filter(|c| *c != ':').collect());
        match (issuer.name, issuer.file, key_id) {
            (None, Some(file), None) => policy.issuers.extend(trust::authorities(&beside(&file))?),
            (Some(name), None, key_id) => policy.issuers.push(Issuer { name, key_id, certificate: None }),
            _ => return Err(wrong("issuer: say `file`, or `name` and perhaps `key_id`".to_owned())),
        }
    }
    for list in file.revoked {
        policy.revocations.push(trust::revocations(&beside(&list.file))?);
    }
    for list in file.issued {
        policy.issued.push(trust::issued(&beside(&list.file))?);
    }
    policy.renewal_days = file.renewal.map(|renewal| renewal.days);
    for mutual in file.mutual {
        if !policy.zones.iter().any(|zone| zone.name == mutual.zone) {
            return Err(wrong(format!("mutual: no zone is called {}", mutual.zone)));
        }
        policy.mutual.push(mutual.zone);
    }
    policy.engineering = parse_networks(&file.engineering).map_err(|reason| wrong(format!("engineering: {reason}")))?;
    for masters in file.master {
        policy.masters.push(parse_masters(&masters).map_err(|reason| wrong(format!("master: {reason}")))?);
    }
    policy.baseline = match file.baseline {
        None => None,
        Some(RawBaseline { as_of: Some(text), document: None }) => {
            Some(baseline::of_time(&text).map_err(|reason| wrong(format!("baseline: {reason}")))?)
        }
        Some(RawBaseline { as_of: None, document: Some(name) }) => Some(baseline::of_document(&beside(&name))?),
        Some(_) => return Err(wrong("baseline: say `as_of`, a time, or `document`, an inventory of that time".to_owned())),
    };
    for name in &file.advisories {
        policy.advisories.extend(advisories::read(&beside(name))?);
    }
    for name in &file.end_of_support {
        let table = beside(name);
        policy.products.extend(fingerprints::support::read(&text_of(&table)?).map_err(|reason| PolicyError { file: table, reason })?);
    }
    for list in file.managed {
        let mut authority = lists::read(&beside(&list.file))?;
        authority.name = list.name.unwrap_or(authority.name);
        authority.sites = list.sites;
        if let Some(text) = list.as_of {
            authority.as_of = Some(time(&text).map_err(wrong)?);
        }
        policy.authorities.push(authority);
    }
    Ok(policy)
}

/// A file's text, up to the bound.
fn text_of(path: &Path) -> Result<String, PolicyError> {
    let wrong = |reason: String| PolicyError { file: path.to_owned(), reason };
    let length = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
    if length > BYTES_MAX {
        return Err(wrong(format!("{length} bytes are more than a file of this kind has ({BYTES_MAX})")));
    }
    std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))
}

fn time(text: &str) -> Result<i64, String> {
    let timestamp: Timestamp = text.parse().map_err(|error| format!("as_of {text:?} is no RFC 3339 time: {error}"))?;
    i64::try_from(timestamp.as_nanosecond()).map_err(|_| format!("as_of {text:?} is out of range"))
}

fn parse_networks(texts: &[String]) -> Result<Vec<Network>, String> {
    texts.iter().map(|text| parse_network(text)).collect()
}

fn parse_masters(raw: &RawMasters) -> Result<Masters, String> {
    if raw.protocols.is_empty() {
        return Err("say in which protocols".to_owned());
    }
    let registry = Registry::new();
    if let Some(name) = raw.protocols.iter().find(|name| registry.rows().all(|(_, row)| row.name != name.as_str())) {
        return Err(format!("no protocol is called {name}; `wirecensus protocols` lists them"));
    }
    Ok(Masters { protocols: raw.protocols.clone(), clients: parse_networks(&raw.clients)?, servers: parse_networks(&raw.servers)? })
}

fn parse_network(text: &str) -> Result<Network, String> {
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let address: IpAddr = address.parse().map_err(|_| format!("{text:?} is no network"))?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let length = length.map_or(Ok(most), str::parse).map_err(|_| format!("{text:?} is no network"))?;
    if length > most { Err(format!("{text:?} has a prefix longer than {most}")) } else { Ok((address, length)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(text: &str) -> Result<Policy, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.toml");
        std::fs::write(folder.path().join("cmdb.csv"), "name,mac\nplc-1,00:80:f4:01:02:03\n").unwrap();
        std::fs::write(&path, text).unwrap();
        read(&path).map_err(|error| error.reason)
    }

    #[test]
    fn zones_conduits_severities_and_lists_are_read() {
        let policy = policy(
            "as_of = \"2026-11-22T14:00:00Z\"\n[[zone]]\nname = \"cell\"\nnetworks = [\"10.77.0.0/24\", \"fd00::/64\"]\nlevel = \"1\"\n\
             [[conduit]]\nfrom = \"cell\"\nto = \"cell\"\n[severity.CRD-006]\nseverity = \"low\"\nreason = \"read only\"\n\
             [[managed]]\nfile = \"cmdb.csv\"\nname = \"CMDB\"\nsites = [\"north\"]\nas_of = \"2026-11-20T00:00:00Z\"\n",
        )
        .unwrap();
        assert_eq!((policy.zones[0].networks.len(), policy.conduits.len(), policy.authorities[0].entries.len()), (2, 1, 1));
        assert_eq!(policy.severities["CRD-006"].0, Severity::Low);
        assert_eq!((policy.as_of, policy.authorities[0].name.as_str()), (Some(1_795_356_000_000_000_000), "CMDB"));
    }

    #[test]
    fn who_may_ask_and_what_was_there_before_are_read() {
        let policy = policy(
            "engineering = [\"10.77.0.6\"]\n[baseline]\nas_of = \"2026-11-22T14:00:00Z\"\n\
             [[master]]\nprotocols = [\"modbus\"]\nclients = [\"10.77.0.6\"]\nservers = [\"10.77.0.8/29\"]\n\
             [[zone]]\nname = \"cell\"\nnetworks = []\nipv4_only = true\n",
        )
        .unwrap();
        assert_eq!((policy.engineering.len(), policy.masters[0].servers.len(), policy.zones[0].ipv4_only), (1, 1, true));
        assert_eq!(policy.baseline.and_then(|baseline| baseline.until), Some(1_795_356_000_000_000_000));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |text: &str| policy(text).unwrap_err();
        assert!(error("[[zone]]\nname = \"a\"\nnetworks = [\"10.0.0.0/40\"]").contains("longer than 32"));
        assert!(error("[[conduit]]\nfrom = \"a\"\nto = \"b\"").contains("no zone is called a"));
        assert!(error("[severity.XYZ-1]\nseverity = \"low\"\nreason = \"r\"").contains("no rule is called XYZ-1"));
        assert!(error("[severity.CRD-006]\nseverity = \"low\"\nreason = \" \"").contains("say the reason"));
        assert!(error("zones = []").contains("unknown field"));
        assert!(error("[baseline]").contains("say `as_of`"));
        assert!(error("[[master]]\nprotocols = [\"modbuss\"]\nclients = []").contains("no protocol is called modbuss"));
        assert!(error("advisories = [\"missing\"]").contains("No such file"));
        assert!(error("end_of_support = [\"cmdb.csv\"]").contains("line 1"));
        assert!(error("[[managed]]\nfile = \"missing.csv\"").contains("No such file"));
    }
}
