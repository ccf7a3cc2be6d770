//! `[events]` of the configuration: what is concluded, and who is told.

use super::compare::Rules;
use super::event::Profile;
use super::kind::Severity;
use crate::written::{Fault, filled, get, number, refuse_strangers, section, yes};
use enrollment::targets::Settings as WebhookSettings;
use std::collections::BTreeMap;
use std::path::PathBuf;
use toml::de::{DeTable, DeValue};

/// Keys of `[events]`.
pub const KEYS: &[&str] = &["learn", "silent_after", "polling_factor", "all_protocols", "per_hour", "keep", "sensor", "targets"];

/// Keys of `[events.targets.NAME]`.
pub const TARGET_KEYS: &[&str] = &["kind", "address", "profile", "severity", "ca_file", "client_cert_file", "client_key_file", "key_id", "key_file"];

/// Receivers; each has a thread of its own.
pub const TARGETS_MAX: usize = 16;

/// What is concluded, and who is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// From what, and when.
    pub rules: Rules,
    /// Messages an hour.
    pub per_hour: u32,
    /// Seconds that events are kept.
    pub keep: u64,
    /// By which name this sensor tells of itself.
    pub sensor: Option<String>,
    /// Receivers by name.
    pub targets: BTreeMap<String, Receiver>,
}

impl Default for Settings {
    fn default() -> Self {
        let rules = Rules { learn: 7 * 86_400, silent_after: 3_600, factor: 2, all_protocols: false };
        Self { rules, per_hour: 60, keep: 365 * 86_400, sensor: None, targets: BTreeMap::new() }
    }
}

/// One receiver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receiver {
    /// What it speaks.
    pub kind: ReceiverKind,
    /// Where it is: `udp://`, `tcp://` or `tls://HOST:PORT`, `https://HOST/PATH`.
    pub address: String,
    /// How much it is told.
    pub profile: Profile,
    /// What is less grave is not told.
    pub severity: Severity,
    /// The CAs that may vouch for it.
    pub ca_file: Option<PathBuf>,
    /// Our certificate.
    pub client_cert_file: Option<PathBuf>,
    /// Its key.
    pub client_key_file: Option<PathBuf>,
    /// Webhook: the name of the key.
    pub key_id: Option<String>,
    /// Webhook: a file with the key.
    pub key_file: Option<PathBuf>,
}

/// What a receiver speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReceiverKind {
    /// RFC 5424.
    Syslog,
    /// A signed `POST`.
    Webhook,
}

impl Receiver {
    /// As the client of enrollment's webhooks wants it.
    #[must_use]
    pub fn webhook(&self) -> WebhookSettings {
        WebhookSettings {
            kind: "webhook".to_owned(),
            address: self.address.clone(),
            ca_file: self.ca_file.clone(),
            client_cert_file: self.client_cert_file.clone(),
            client_key_file: self.client_key_file.clone(),
            key_id: self.key_id.clone(),
            key_file: self.key_file.clone(),
            ..WebhookSettings::default()
        }
    }
}

impl Settings {
    /// What a file says; the defaults if it has no such table.
    pub(crate) fn of(root: &DeTable<'_>) -> Result<Self, Fault> {
        let mut settings = Self::default();
        let Some(value) = get(root, "events") else { return Ok(settings) };
        let table = section(value, "events")?;
        refuse_strangers(table, KEYS)?;
        let time = |name: &str| get(table, name).map(|value| period(value, name)).transpose();
        let count = |name: &str, least, most| get(table, name).map(|value| number(value, name, least, most)).transpose();
        let rules = &mut settings.rules;
        rules.learn = time("learn")?.unwrap_or(rules.learn);
        rules.silent_after = time("silent_after")?.unwrap_or(rules.silent_after);
        rules.factor = count("polling_factor", 2, 1000)?.unwrap_or(rules.factor);
        rules.all_protocols = get(table, "all_protocols").map(|value| yes(value, "all_protocols")).transpose()?.unwrap_or(rules.all_protocols);
        settings.per_hour = count("per_hour", 1, 100_000)?.unwrap_or(settings.per_hour);
        settings.keep = time("keep")?.unwrap_or(settings.keep);
        settings.sensor = get(table, "sensor").map(|value| filled(value, "sensor")).transpose()?;
        if let Some(value) = get(table, "targets") {
            let targets = section(value, "events.targets")?;
            for (name, value) in targets {
                settings.targets.insert(name.get_ref().to_string(), receiver(value, name.get_ref())?);
            }
            if settings.targets.len() > TARGETS_MAX {
                return Err((value.span().start, format!("more than {TARGETS_MAX} targets: let one of them pass messages on")));
            }
        }
        Ok(settings)
    }
}

fn receiver(value: &toml::Spanned<DeValue<'_>>, name: &str) -> Result<Receiver, Fault> {
    let start = value.span().start;
    let table = section(value, &format!("events.targets.{name}"))?;
    refuse_strangers(table, TARGET_KEYS)?;
    let word = |key: &str| get(table, key).map(|value| filled(value, key)).transpose();
    let wrong = |what: &str| (start, format!("target {name}: {what}"));
    let kind = match word("kind")?.as_deref() {
        Some("syslog") => ReceiverKind::Syslog,
        Some("webhook") => ReceiverKind::Webhook,
        _ => return Err(wrong("`kind` is syslog or webhook")),
    };
    let address = word("address")?.ok_or_else(|| wrong("`address` is missing"))?;
    let schemes: &[&str] = match kind {
        ReceiverKind::Syslog => &["udp://", "tcp://", "tls://"],
        ReceiverKind::Webhook => &["https://", "http://"],
    };
    if !schemes.iter().any(|scheme| address.starts_with(scheme)) {
        return Err(wrong(&format!("`address` begins with {}", schemes.join(" or "))));
    }
    let profile = match word("profile")?.as_deref() {
        None | Some("minimal") => Profile::Minimal,
        Some("full") => Profile::Full,
        Some(_) => return Err(wrong("`profile` is minimal or full")),
    };
    let severity =
        word("severity")?.map(|word| Severity::from_name(&word).ok_or_else(|| wrong("`severity` is error, warning, notice or informational")));
    let path = |key: &str| word(key).map(|path| path.map(PathBuf::from));
    Ok(Receiver {
        kind,
        address,
        profile,
        severity: severity.transpose()?.unwrap_or(Severity::Informational),
        ca_file: path("ca_file")?,
        client_cert_file: path("client_cert_file")?,
        client_key_file: path("client_key_file")?,
        key_id: word("key_id")?,
        key_file: path("key_file")?,
    })
}

/// A time such as `45s`, `30m`, `12h` or `7d`, in seconds.
fn period(value: &toml::Spanned<DeValue<'_>>, name: &str) -> Result<u64, Fault> {
    let text = filled(value, name)?;
    seconds(&text).ok_or_else(|| (value.span().start, format!("`{name}` is a number and s, m, h or d, as in \"7d\"")))
}

fn seconds(text: &str) -> Option<u64> {
    /// Longer is a slip, and sums stay far from their end.
    const MOST: u64 = 100 * 366 * 86_400;
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h', 'd']) {
        Some(number) => (number, text.get(number.len()..)?),
        None => (text, "s"),
    };
    let by = match unit {
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => 1,
    };
    number.parse::<u64>().ok()?.checked_mul(by).filter(|seconds| *seconds <= MOST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_file_says_what_is_concluded_and_who_is_told() {
        let text = "[events]\nlearn = \"3d\"\nper_hour = 5\n[events.targets.siem]\nkind = \"syslog\"\naddress = \"tls://siem.example:6514\"\n\
                    ca_file = \"/etc/ca.pem\"\nseverity = \"notice\"\n[events.targets.hook]\nkind = \"webhook\"\naddress = \"https://h/x\"\n\
                    profile = \"full\"\nkey_id = \"k1\"\nkey_file = \"/run/k\"\n";
        let settings = Config::parse("w.toml", text).unwrap().events;
        assert_eq!((settings.rules.learn, settings.per_hour, settings.rules.silent_after), (3 * 86_400, 5, 3_600));
        let (siem, hook) = (&settings.targets["siem"], &settings.targets["hook"]);
        assert_eq!((siem.kind, siem.profile, siem.severity), (ReceiverKind::Syslog, Profile::Minimal, Severity::Notice));
        assert_eq!((hook.profile, hook.webhook().key_id.as_deref()), (Profile::Full, Some("k1")));
        assert_eq!(Config::parse("w.toml", "").unwrap().events, Settings::default());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let error = |text: &str| Config::parse("w.toml", text).unwrap_err().to_string();
        assert_eq!(error("[events]\nlern = \"1d\""), "w.toml:2: unknown key `lern`: did you mean `learn`?");
        assert_eq!(error("[events]\nlearn = \"soon\""), "w.toml:2: `learn` is a number and s, m, h or d, as in \"7d\"");
        assert!(error("[events.targets.a]\nkind = \"mail\"").contains("target a: `kind` is syslog or webhook"));
        assert!(error("[events.targets.a]\nkind = \"syslog\"\naddress = \"siem:514\"").contains("begins with udp:// or tcp:// or tls://"));
        assert!(error("[events.targets.a]\nkind = \"syslog\"\naddress = \"udp://a:1\"\nsecret = \"x\"").contains("unknown key `secret`"));
        assert_eq!((seconds("90"), seconds("2h"), seconds("9999999d"), seconds("é")), (Some(90), Some(7_200), None, None));
    }
}
