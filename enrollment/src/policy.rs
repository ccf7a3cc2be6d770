//! What an operator lets happen: who becomes a candidate, what is proposed for him, who must agree, how much at a time.

use crate::identity::Own;
use crate::people::{People, VAULT};
use crate::serve::Front;
use crate::targets::Settings;
use crate::targets::proposing::At;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The table `[enrollment]` of the configuration.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// How many people must agree, none of them who proposed. 0: nobody is asked, which every status shows.
    pub approvals_required: u8,
    /// Requests that become known to targets in an hour. A slip in a rule then costs an hour's worth, not a plant's.
    pub per_hour: u32,
    /// Requests that targets know and that have no identity yet: more wait.
    pub in_flight: u32,
    /// Seconds between two looks at a target's lists.
    pub poll_every: u32,
    /// Percent of a certificate's validity that is left when it counts as expiring.
    pub expiring: u8,
    /// Days for which the old certificate may still be used after a renewal, and after which a new one should be in use.
    pub grace: u32,
    /// Days of silence, as far as its segment was watched, after which a device's identity is stale.
    pub silent_after: u32,
    /// Who may approve.
    pub approver: Vec<Approver>,
    /// Whose proposals are taken in. Empty: only those of this machine's own key.
    pub sensor: Vec<Sensor>,
    /// Who becomes a candidate; the first rule that fits decides.
    pub rule: Vec<Rule>,
    /// Where requests go to.
    pub targets: BTreeMap<String, Settings>,
    /// How sensors on other hosts reach this registrar.
    pub front: Option<Front>,
    /// Whose log-in at a vault counts as an approver's key does.
    pub people: Option<People>,
    /// Our own identity at a vault.
    #[serde(rename = "self")]
    pub own: Option<Own>,
    /// Which registrar this sensor proposes to.
    pub registrar: Option<At>,
    /// The registrar's own public key: by it what a vault authenticated is known to have been seen here.
    #[serde(skip)]
    pub attested_by: String,
}

/// Two people, as IEC 62443-2-1 and every bank ask for what cannot be undone easily.
const APPROVALS_DEFAULT: u8 = 2;
const PER_HOUR_DEFAULT: u32 = 100;
const IN_FLIGHT_DEFAULT: u32 = 500;
/// A list is asked for four times an hour: what is revoked is known before anybody's coffee is cold, and a vault does not notice.
const POLL_EVERY_DEFAULT: u32 = 900;
/// Shorter looks are a load and tell nothing more.
const POLL_EVERY_MIN: u32 = 10;
/// A third is left: when renewal by machine is due, as ACME clients have it (RFC 9773 leaves it to the CA).
const EXPIRING_DEFAULT: u8 = 33;
/// Two weeks: a plant's change windows.
const GRACE_DEFAULT: u32 = 14;
/// A quarter: spare parts, seasonal machines and quarterly tests are silent for less.
const SILENT_AFTER_DEFAULT: u32 = 90;
/// What a rule asks of an identifier's confidence: what is told by others or inferred is below.
const CONFIDENCE_DEFAULT: u8 = 70;

impl Default for Policy {
    fn default() -> Self {
        Self {
            approvals_required: APPROVALS_DEFAULT,
            per_hour: PER_HOUR_DEFAULT,
            in_flight: IN_FLIGHT_DEFAULT,
            poll_every: POLL_EVERY_DEFAULT,
            expiring: EXPIRING_DEFAULT,
            grace: GRACE_DEFAULT,
            silent_after: SILENT_AFTER_DEFAULT,
            approver: Vec::new(),
            sensor: Vec::new(),
            rule: Vec::new(),
            targets: BTreeMap::new(),
            front: None,
            people: None,
            own: None,
            registrar: None,
            attested_by: String::new(),
        }
    }
}

/// A person who may approve.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Approver {
    /// As he stands in the audit log.
    pub name: String,
    /// Ed25519, 64 hexadecimal digits; empty where only the log-in at a vault counts.
    #[serde(default)]
    pub public_key: String,
    /// The entity's id at the vault of `[enrollment.people]`.
    #[serde(default)]
    pub entity: Option<String>,
}

/// A sensor that may propose.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sensor {
    /// For people.
    pub name: String,
    /// Ed25519, 64 hexadecimal digits.
    pub public_key: String,
}

/// Who becomes a candidate, and for what. An empty list asks nothing.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// As it stands in requests.
    pub name: String,
    /// Of these sites.
    pub site: Vec<String>,
    /// Of these classes. `unknown` is never a candidate, whatever stands here.
    pub class: Vec<String>,
    /// Of these types.
    #[serde(rename = "type")]
    pub kind: Vec<String>,
    /// Seen so. `external` is never a candidate.
    pub reach: Vec<String>,
    /// In these states of management. By default `unmanaged` and `unknown`: where no list covers a site yet nobody can be told to be unmanaged,
    /// and people see who it is before they agree. (A device of unknown *class* is never a candidate.)
    pub managed: Vec<String>,
    /// With one of these findings open, by the rules' ids.
    pub finding: Vec<String>,
    /// At least so sure of what identifies it, in percent.
    pub confidence: u8,
    /// To which target.
    pub target: String,
    /// Which identity profile.
    pub profile: String,
    /// How the identity reaches it; else the first way that nothing blocks.
    pub method: Option<String>,
    /// How long it should hold.
    pub ttl: String,
    /// The common name, with `{id}`, `{mac}`, `{serial}`, `{hostname}`, `{site}`.
    pub common_name: String,
}

impl Default for Rule {
    fn default() -> Self {
        let all = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            name: String::new(),
            site: Vec::new(),
            class: Vec::new(),
            kind: Vec::new(),
            reach: all(&["local", "routed"]),
            managed: all(&["unmanaged", "unknown"]),
            finding: Vec::new(),
            confidence: CONFIDENCE_DEFAULT,
            target: String::new(),
            profile: String::new(),
            method: None,
            ttl: "720h".to_owned(),
            common_name: "dev-{id}".to_owned(),
        }
    }
}

impl Policy {
    /// Sites that a target's list covers: those of the rules that propose to it; all, if one of them names none.
    #[must_use]
    pub fn sites_of(&self, target: &str) -> Vec<String> {
        let rules = || self.rule.iter().filter(|rule| rule.target == target);
        if rules().any(|rule| rule.site.is_empty()) {
            return Vec::new();
        }
        let sites: std::collections::BTreeSet<&String> = rules().flat_map(|rule| &rule.site).collect();
        sites.into_iter().cloned().collect()
    }

    /// Reads the table `[enrollment]` of a configuration; without one it is the default, by which nothing is proposed or sent.
    ///
    /// # Errors
    /// What is not understood, with its line, and what cannot be meant.
    pub fn of_toml(text: &str) -> Result<Self, String> {
        #[derive(Deserialize, Default)]
        struct Whole {
            #[serde(default)]
            enrollment: Policy,
        }
        let policy = toml::from_str::<Whole>(text).map_err(|error| error.to_string())?.enrollment;
        policy.check()?;
        Ok(policy)
    }

    fn check(&self) -> Result<(), String> {
        if self.poll_every < POLL_EVERY_MIN {
            return Err(format!("poll_every = {}: at least {POLL_EVERY_MIN} seconds", self.poll_every));
        }
        if !(1..100).contains(&self.expiring) {
            return Err(format!("expiring = {}: a percentage of the validity, from 1 to 99", self.expiring));
        }
        if self.silent_after == 0 {
            return Err("silent_after = 0: at least a day; a device that says nothing for a moment is not gone".to_owned());
        }
        for (at, rule) in self.rule.iter().enumerate() {
            let number = at + 1;
            for (option, value) in [("name", &rule.name), ("target", &rule.target), ("profile", &rule.profile)] {
                if value.is_empty() {
                    return Err(format!("[[enrollment.rule]] {number}: `{option}` is missing"));
                }
            }
            // A sensor's rules name targets of its registrar, which knows them.
            if self.registrar.is_none() && !self.targets.contains_key(&rule.target) {
                let known: Vec<&str> = self.targets.keys().map(String::as_str).collect();
                return Err(format!("rule {}: there is no target {:?}; there are {known:?}", rule.name, rule.target));
            }
        }
        let vaults = [("people", self.people.as_ref().map(|people| &people.vault)), ("self", self.own.as_ref().map(|own| &own.vault))];
        for (table, vault) in vaults {
            if vault.is_some_and(|vault| self.targets.get(vault).is_none_or(|target| target.kind != "vault")) {
                return Err(format!("[enrollment.{table}] vault = {:?} is no target of kind \"vault\"", vault.map_or("", String::as_str)));
            }
        }
        let mut known = std::collections::BTreeSet::new();
        for approver in &self.approver {
            let key = Some(&approver.public_key).filter(|key| !key.is_empty());
            if key.is_none() && approver.entity.is_none() {
                return Err(format!("approver {}: neither `public_key` nor `entity` says by what he is known", approver.name));
            }
            if approver.name.starts_with(VAULT) {
                return Err(format!("approver {}: a name does not begin with {VAULT}", approver.name));
            }
            if ![Some(&approver.name), key, approver.entity.as_ref()].into_iter().flatten().all(|one| known.insert(one)) {
                return Err(format!("approver {}: the name, key or entity stands there twice; two people have two keys", approver.name));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_table_nothing_is_proposed_and_two_people_must_agree() {
        let policy = Policy::of_toml("db = \"x\"").unwrap();
        assert_eq!((policy.approvals_required, policy.rule.len(), policy.targets.len()), (2, 0, 0));
    }

    #[test]
    fn what_cannot_be_meant_is_told() {
        let told = |text: &str| Policy::of_toml(text).unwrap_err();
        assert!(told("[enrollment]\napproval_required = 1").contains("approval_required"));
        assert!(told("[enrollment]\npoll_every = 1").contains("at least 10 seconds"));
        assert!(told("[enrollment]\nexpiring = 100").contains("from 1 to 99"));
        assert!(told("[enrollment]\nsilent_after = 0").contains("at least a day"));
        assert!(told("[[enrollment.rule]]\nname = \"r\"\nprofile = \"p\"").contains("`target` is missing"));
        assert!(told("[[enrollment.rule]]\nname = \"r\"\nprofile = \"p\"\ntarget = \"v\"").contains("no target \"v\""));
        let twice = "[[enrollment.approver]]\nname = \"a\"\npublic_key = \"1\"\n[[enrollment.approver]]\nname = \"b\"\npublic_key = \"1\"";
        assert!(told(twice).contains("two people have two keys"));
        assert!(told("[[enrollment.approver]]\nname = \"a\"").contains("neither `public_key` nor `entity`"));
        assert!(told("[[enrollment.approver]]\nname = \"vault:a\"\nentity = \"e\"").contains("does not begin with"));
        assert!(told("[enrollment.people]\nvault = \"v\"").contains("[enrollment.people] vault = \"v\" is no target"));
        let target = "[enrollment.targets.v]\nkind = \"file\"\n";
        assert!(told(&format!("{target}[enrollment.self]\nvault = \"v\"")).contains("[enrollment.self] vault"));
    }
}
