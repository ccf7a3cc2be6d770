//! The daemon's configuration, `wirecensus.toml`. Every option stands with its default and reason in `systemd/wirecensus.toml`, which
//! comes with the program; a test holds the two together.

use crate::capture::sources::segments;
use crate::capture::text::{nearest, shown};
use crate::capture::{MAX_SNAPLEN, Segments};
use crate::events::settings::Settings as Events;
use crate::feeds::{self, Folder, Stream};
use crate::limits::{self, Limiting};
use crate::operation::settings::{self, Operating};
use crate::written::{self, Fault, WrittenError, filled, get, number, refuse_strangers, section, table, tables, yes};
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

const KEYS: &[&str] = &[
    "db",
    "site",
    "site_key",
    "workers",
    "bpf",
    "record",
    "snaplen",
    "buffer_mib",
    "allow_address",
    "interface",
    "watch",
    "pcap_over_ip",
    "user",
    "log",
    "api",
    "retention",
    "limits",
    "enrollment",
    "events",
];
/// Those that are tables.
const TABLES: &[&str] = &["interface", "watch", "pcap_over_ip", "log", "api", "retention", "limits", "enrollment", "events"];
const RETENTION_KEYS: &[&str] = &["keep"];
const INTERFACE_KEYS: &[&str] = &["name", "site", "segment"];

/// Packets shorter than this show no header whole.
const SNAPLEN_MIN: u32 = 64;

/// MiB of a kernel's buffer beyond which it is a slip: libpcap counts its bytes in 31 bits.
const BUFFER_MIB_MAX: u32 = 2047;

/// Engines that work side by side for one interface.
pub const WORKERS_MAX: u16 = 64;

/// What a file says; what it leaves out is the command line's or the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The database.
    pub db: Option<PathBuf>,
    /// The site that addresses belong to.
    pub site: Option<String>,
    /// The key under which captured secrets are tagged.
    pub site_key: Option<PathBuf>,
    /// Engines that work side by side, for each interface.
    pub workers: Option<u16>,
    /// A filter expression.
    pub bpf: Option<String>,
    /// Where packets are also written to.
    pub record: Option<PathBuf>,
    /// Bytes of a packet that are captured.
    pub snaplen: Option<u32>,
    /// MiB of the kernel's buffer.
    pub buffer_mib: Option<u32>,
    /// Whether a port that has an address may be listened on.
    pub allow_address: Option<bool>,
    /// The ports to listen on.
    pub interfaces: Vec<Watched>,
    /// Folders whose captures are read as they come.
    pub watch: Vec<Folder>,
    /// Captures that come over IP.
    pub pcap_over_ip: Vec<Stream>,
    /// How many days sources are kept after their end.
    pub keep_days: Option<u32>,
    /// What may be held in memory.
    pub limits: Limiting,
    /// Logs, rights, metrics.
    pub operating: Operating,
    /// What `wirecensus events` concludes, and whom it tells.
    pub events: Events,
}

/// One port to listen on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// As the system calls it.
    pub name: String,
    /// The site that its addresses belong to, if not that of all.
    pub site: Option<String>,
    /// Which segment a VLAN is.
    pub segments: Segments,
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, is no TOML, or says something that is not understood.
    pub fn read(path: &Path) -> Result<Self, WrittenError> {
        let (file, text) = written::read(path)?;
        Self::parse(&file, &text)
    }

    /// The same for the sensor, which uses none of `[events]`: what is wrong there keeps nobody from listening, and is given beside it.
    ///
    /// # Errors
    /// As [`Config::read`], for all else.
    pub fn read_for_sensor(path: &Path) -> Result<(Self, Option<WrittenError>), WrittenError> {
        let (file, text) = written::read(path)?;
        match Self::parse(&file, &text) {
            Ok(config) => Ok((config, None)),
            Err(wrong) => written::parse(&file, &text, |root| of(root, Events::default())).map(|config| (config, Some(wrong))),
        }
    }

    /// What the environment says: each option that is no table as `WIRECENSUS_` and its name in capitals, those of a table after the
    /// table's name (`WIRECENSUS_LOG_LEVEL`).
    ///
    /// # Errors
    /// If a variable says something that is not understood.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, WrittenError> {
        let mut whole = Self::default();
        for (table, key, name) in variables() {
            let Some(value) = variable(&name) else { continue };
            // What reads as a number or as yes or no is one, where one is asked for; a text is a text.
            let bare = table == Some("limits") || matches!(key, "workers" | "snaplen" | "buffer_mib" | "allow_address");
            let value = if bare { value } else { toml::Value::String(value).to_string() };
            let head = table.map(|table| format!("[{table}]\n")).unwrap_or_default();
            let one = Self::parse(&name, &format!("{head}{key} = {value}")).map_err(|error| WrittenError { line: 0, ..error })?;
            whole = whole.or(one);
        }
        Ok(whole)
    }

    /// Names of variables that look like options and are none, a line each; `others` are those that something else reads.
    #[must_use]
    pub fn strangers_of_environment(names: impl Iterator<Item = String>, others: &[&str]) -> Vec<String> {
        let options: Vec<String> = variables().map(|(.., name)| name).collect();
        let known: Vec<&str> = options.iter().map(String::as_str).chain(others.iter().copied()).collect();
        let strange = names.filter(|name| name.starts_with(VARIABLES) && !known.contains(&name.as_str()));
        let told = |name: String| match nearest(&name, &known) {
            Some(near) => format!("the environment's {} is no option: did you mean {near}?", shown(&name)),
            None => format!("the environment's {} is no option", shown(&name)),
        };
        let mut lines: Vec<String> = strange.map(told).collect();
        lines.sort();
        lines
    }

    /// What this says, and the other where this says nothing.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            db: self.db.or(other.db),
            site: self.site.or(other.site),
            site_key: self.site_key.or(other.site_key),
            workers: self.workers.or(other.workers),
            bpf: self.bpf.or(other.bpf),
            record: self.record.or(other.record),
            snaplen: self.snaplen.or(other.snaplen),
            buffer_mib: self.buffer_mib.or(other.buffer_mib),
            allow_address: self.allow_address.or(other.allow_address),
            interfaces: if self.interfaces.is_empty() { other.interfaces } else { self.interfaces },
            watch: if self.watch.is_empty() { other.watch } else { self.watch },
            pcap_over_ip: if self.pcap_over_ip.is_empty() { other.pcap_over_ip } else { self.pcap_over_ip },
            keep_days: self.keep_days.or(other.keep_days),
            limits: self.limits.or(other.limits),
            operating: self.operating.or(other.operating),
            events: if self.events == Events::default() { other.events } else { self.events },
        }
    }

    /// Reads a text; `file` stands in messages.
    ///
    /// # Errors
    /// If it is no TOML, or says something that is not understood.
    pub fn parse(file: &str, text: &str) -> Result<Self, WrittenError> {
        written::parse(file, text, |root| of(root, Events::of(root)?))
    }
}

/// What variables that say an option begin with.
const VARIABLES: &str = "WIRECENSUS_";

/// Options that a variable can say: their table, if they stand in one, their key, and the variable's name.
fn variables() -> impl Iterator<Item = (Option<&'static str>, &'static str, String)> {
    let plain = KEYS.iter().filter(|key| !TABLES.contains(key)).map(|key| (None, *key));
    let tables = [("log", settings::LOG_KEYS), ("limits", limits::KEYS), ("retention", RETENTION_KEYS), ("api", settings::API_KEYS)];
    let of_tables = tables.into_iter().flat_map(|(table, keys)| keys.iter().map(move |key| (Some(table), *key)));
    plain.chain(of_tables).map(|(table, key)| {
        let path = table.map_or_else(|| key.to_owned(), |table| format!("{table}_{key}"));
        (table, key, format!("{VARIABLES}{}", path.to_uppercase()))
    })
}

fn of(root: &DeTable<'_>, events: Events) -> Result<Config, Fault> {
    refuse_strangers(root, KEYS)?;
    let text = |name: &str| get(root, name).map(|value| filled(value, name)).transpose();
    let path = |name: &str| text(name).map(|path| path.map(PathBuf::from));
    let count = |name: &str, least, most| get(root, name).map(|value| number(value, name, least, most)).transpose();
    let interfaces = get(root, "interface").map(|value| tables(value, "interface")).transpose()?.unwrap_or_default();
    Ok(Config {
        db: path("db")?,
        site: text("site")?,
        site_key: path("site_key")?,
        workers: count("workers", 1, u32::from(WORKERS_MAX))?.and_then(|workers| u16::try_from(workers).ok()),
        bpf: text("bpf")?,
        record: path("record")?,
        snaplen: count("snaplen", SNAPLEN_MIN, MAX_SNAPLEN)?,
        buffer_mib: count("buffer_mib", 1, BUFFER_MIB_MAX)?,
        allow_address: get(root, "allow_address").map(|value| yes(value, "allow_address")).transpose()?,
        interfaces: watched(&interfaces)?,
        watch: feeds::folders(root)?,
        pcap_over_ip: feeds::streams(root)?,
        keep_days: get(root, "retention").map(retention).transpose()?.flatten(),
        limits: Limiting::of(root)?,
        operating: Operating::of(root)?,
        events,
    })
}

/// The table `[retention]`.
fn retention(value: &Spanned<DeValue<'_>>) -> Result<Option<u32>, Fault> {
    let table = section(value, "retention")?;
    refuse_strangers(table, RETENTION_KEYS)?;
    let Some(keep) = get(table, "keep") else { return Ok(None) };
    let at = |what| (keep.span().start, what);
    let days = days(&filled(keep, "keep")?).map_err(|what| at(format!("`keep`: {what}")))?;
    if days < KEEP_DAYS_MIN {
        return Err(at(format!("`keep` is {KEEP_DAYS_MIN}d at least: what is heard in one month is one source, and goes as a whole")));
    }
    Ok(Some(days))
}

/// The fewest days that a daemon keeps: the month that it listens in must not be over.
pub const KEEP_DAYS_MIN: u32 = 32;

/// A time span in days: `400d`, `8w`, `2y`.
///
/// # Errors
/// In words, if it is none.
pub fn days(text: &str) -> Result<u32, String> {
    let wrong = || "write days, weeks or years, as 400d, 8w or 2y".to_owned();
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let each = match unit {
        'd' => 1,
        'w' => 7,
        'y' => 365,
        _ => return Err(wrong()),
    };
    let number: u32 = text.strip_suffix(unit).and_then(|number| number.parse().ok()).ok_or_else(wrong)?;
    number.checked_mul(each).filter(|days| (1..=DAYS_MAX).contains(days)).ok_or_else(wrong)
}

/// A century: more is a slip.
const DAYS_MAX: u32 = 36_500;

/// Every `[[interface]]`, each once.
fn watched(interfaces: &[&Spanned<DeValue<'_>>]) -> Result<Vec<Watched>, Fault> {
    let mut all: Vec<Watched> = Vec::new();
    for interface in interfaces {
        let start = interface.span().start;
        let table = table(interface, "interface")?;
        refuse_strangers(table, INTERFACE_KEYS)?;
        let name = get(table, "name").ok_or_else(|| (start, "an interface without `name`: say which, as in name = \"eth1\"".to_owned()))?;
        let name = filled(name, "name")?;
        if all.iter().any(|known| known.name == name) {
            return Err((start, format!("interface {name:?} stands here twice")));
        }
        let site = get(table, "site").map(|value| filled(value, "site")).transpose()?;
        let segments = get(table, "segment").map(|value| segments(value, "interface.segment")).transpose()?.unwrap_or_default();
        all.push(Watched { name, site, segments });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Config::parse("w.toml", text).unwrap_err().to_string()
    }

    #[test]
    fn a_file_says_what_to_listen_on_and_where_to_keep_it() {
        let text = "db = \"/var/lib/w.db\"\nworkers = 2\nallow_address = true\n[[interface]]\nname = \"eth1\"\nsite = \"hall 3\"\n\
                    [[interface.segment]]\nname = \"cell 1\"\nvlans = [10]\n[[interface]]\nname = \"eth2\"\n";
        let config = Config::parse("w.toml", text).unwrap();
        assert_eq!((config.db.unwrap().to_str(), config.workers, config.allow_address), (Some("/var/lib/w.db"), Some(2), Some(true)));
        let [one, two] = config.interfaces.as_slice() else { panic!("two interfaces") };
        assert_eq!((one.name.as_str(), one.site.as_deref(), one.segments.segment_of(Some(10))), ("eth1", Some("hall 3"), 1));
        assert_eq!((two.name.as_str(), two.site.as_deref(), two.segments.segment_of(Some(10))), ("eth2", None, 0));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_what_may_be_meant() {
        assert_eq!(error("\nworker = 2"), "w.toml:2: unknown key `worker`: did you mean `workers`?");
        assert_eq!(error("[[interface]]\nnames = \"eth1\""), "w.toml:2: unknown key `names`: did you mean `name`?");
        assert_eq!(error("workers = 0"), "w.toml:1: `workers` is a number from 1 to 64");
        assert_eq!(error("allow_address = \"yes\""), "w.toml:1: `allow_address` is true or false, without quotes");
        assert_eq!(error("[interface]\nname = \"eth1\""), "w.toml:1: write [[interface]], with two brackets: there may be several");
        assert!(error("[[interface]]\nname = \"a\"\n[[interface]]\nname = \"a\"").starts_with("w.toml:3: interface \"a\" stands here twice"));
        assert!(error("[[interface]]\nname = \"a\"\n[[interface.segment]]\nname = \"x\"").contains(":3: segment \"x\" without `vlans`"));
    }

    #[test]
    fn what_is_kept_is_said_in_days_weeks_or_years() {
        assert_eq!(Config::parse("w.toml", "[retention]\nkeep = \"400d\"").unwrap().keep_days, Some(400));
        assert_eq!((days("8w"), days("2y"), days("1d")), (Ok(56), Ok(730), Ok(1)));
        assert!(["", "d", "0d", "-1d", "400", "400h", "101y", "é"].iter().all(|text| days(text).is_err()));
        assert!(error("[retention]\nkeep = \"31d\"").starts_with("w.toml:2: `keep` is 32d at least"));
        assert!(error("[retention]\nkept = \"31d\"").contains("did you mean `keep`?"));
    }

    #[test]
    fn each_option_can_be_said_by_the_environment() {
        let known =
            [("WIRECENSUS_WORKERS", "3"), ("WIRECENSUS_LOG_LEVEL", "debug"), ("WIRECENSUS_BPF", "not port 22"), ("WIRECENSUS_LIMITS_FLOWS", "5000")];
        let read = Config::of_environment(|name| known.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())).unwrap();
        assert_eq!((read.workers, read.bpf.as_deref(), read.operating.log_level.is_some()), (Some(3), Some("not port 22"), true));
        assert_eq!(read.limits.flows, Some(5_000));
        let file = Config::parse("w.toml", "workers = 1\nsnaplen = 100").unwrap();
        let both = read.or(file);
        assert_eq!((both.workers, both.snaplen), (Some(3), Some(100)));
        let wrong =
            |name: &'static str, value: &'static str| Config::of_environment(|key| (key == name).then(|| value.to_owned())).unwrap_err().to_string();
        assert_eq!(wrong("WIRECENSUS_WORKERS", "many"), "WIRECENSUS_WORKERS: string values must be quoted, expected literal string");
        assert_eq!(wrong("WIRECENSUS_LOG_FORMAT", "xml"), "WIRECENSUS_LOG_FORMAT: a format is text or json");
    }

    #[test]
    fn a_variable_that_is_no_option_is_named_with_what_may_be_meant() {
        let names = ["WIRECENSUS_LIMTS_FLOWS", "WIRECENSUS_WORKERS", "WIRECENSUS_PROFILE", "PATH", "WIRECENSUS_WORKER"];
        let told = Config::strangers_of_environment(names.iter().map(|name| (*name).to_owned()), &["WIRECENSUS_PROFILE"]);
        assert_eq!(
            told,
            [
                "the environment's WIRECENSUS_LIMTS_FLOWS is no option: did you mean WIRECENSUS_LIMITS_FLOWS?",
                "the environment's WIRECENSUS_WORKER is no option: did you mean WIRECENSUS_WORKERS?"
            ]
        );
    }

    #[test]
    fn what_is_wrong_with_events_keeps_the_sensor_from_nothing_and_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.toml");
        std::fs::write(&path, "site = \"x\"\n[events]\nlern = \"7d\"\n").unwrap();
        assert!(Config::read(&path).unwrap_err().to_string().contains("did you mean `learn`?"));
        let (config, wrong) = Config::read_for_sensor(&path).unwrap();
        assert_eq!((config.site.as_deref(), config.events), (Some("x"), Events::default()));
        assert!(wrong.unwrap().to_string().contains("w.toml:3: unknown key `lern`"));
        std::fs::write(&path, "sites = \"x\"\n[events]\nlern = \"7d\"\n").unwrap();
        assert!(Config::read_for_sensor(&path).unwrap_err().to_string().contains("did you mean `site`?"));
    }

    #[test]
    fn the_example_names_every_option_and_says_nothing_else() {
        let text = include_str!("../../systemd/wirecensus.toml");
        let example = Config::parse("wirecensus.toml", text).unwrap();
        assert_eq!(example.interfaces.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["mirror0"]);
        // What is commented out is read as well, so that nothing stands there which is refused.
        let whole: String = text.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line)).flat_map(|line| [line, "\n"]).collect();
        Config::parse("wirecensus.toml", &whole).unwrap();
        let keys = KEYS.iter().filter(|key| !TABLES.contains(key)).chain(settings::LOG_KEYS).chain(settings::API_KEYS).chain(RETENTION_KEYS);
        let keys = keys.chain(feeds::WATCH_KEYS).chain(feeds::OVER_IP_KEYS).filter(|key| **key != "segment");
        let events = crate::events::settings::KEYS.iter().filter(|key| **key != "targets").chain(crate::events::settings::TARGET_KEYS);
        let keys = keys.chain(limits::KEYS).chain(events);
        for key in keys.chain(&["name", "site", "vlans"]) {
            assert!(whole.lines().any(|line| line.starts_with(&format!("{key} = "))), "{key}");
        }
    }
}
