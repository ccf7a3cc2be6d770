//! Preflight: what server it is, and what this credential may do there, more and less than it should. Nothing is changed.

use super::call::object;
use super::{Dialect, Vault};
use crate::target::{Capabilities, Failure, Reason};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Seconds by which clocks may differ before it is said: certificates begin 30 s before they are issued.
const MAX_SKEW: i64 = 30;

/// Paths that no policy of ours opens, and what who holds them can do.
const EXCESS: &[(&str, &str)] = &[
    ("identity/entity-alias", "move an alias onto an entity with rights, and log in with them"),
    ("identity/entity", "make entities with any policy"),
    ("identity/entity/name/preflight", "change entities that are no devices, and their policies"),
    ("identity/entity/id/preflight", "change any entity, and its policies"),
    ("identity/group", "put entities into groups with rights"),
    ("sys/mounts/preflight", "mount engines"),
    ("sys/mounts", "see every engine"),
    ("sys/auth/preflight", "enable log-ins"),
    ("sys/policies/acl/preflight", "write policies"),
    ("sys/policy/preflight", "write policies"),
    ("sys/seal", "seal the vault"),
    ("sys/raw/preflight", "read what the vault stores"),
    ("auth/token/create", "make tokens that outlive this one"),
    ("auth/approle/role/preflight", "change roles of AppRole"),
    ("auth/approle/role/preflight/secret-id", "make secret ids for other roles"),
];
/// Likewise, below the PKI mount.
const EXCESS_PKI: &[(&str, &str)] = &[
    ("issue/preflight", "have keys made"),
    ("revoke", "revoke certificates"),
    ("sign-verbatim", "have any certificate signed"),
    ("sign-verbatim/preflight", "have any certificate signed"),
    ("root/sign-intermediate", "have a CA signed"),
    ("root/generate/internal", "make a CA"),
    ("config/urls", "change the CA's settings"),
    ("tidy", "remove certificates from the list"),
];

/// Paths below the PKI mount that may be read, and not written.
const READ_ONLY_PKI: &[(&str, &str)] = &[("roles/preflight", "widen the roles that it signs under")];
/// Paths below the KV mount that no policy of ours opens.
const EXCESS_KV: &[(&str, &str)] = &[
    ("config", "switch check-and-set off"),
    ("delete/inventory/preflight", "remove records"),
    ("destroy/inventory/preflight", "remove records for good"),
    ("metadata/inventory/preflight", "remove records with their history"),
];

type Rights = BTreeMap<String, Vec<String>>;

impl Vault {
    /// What the server speaks, asked once.
    pub(super) fn dialect(&mut self) -> Result<Dialect, Failure> {
        if let Some(dialect) = &self.dialect {
            return Ok(dialect.clone());
        }
        let mut dialect = self.health()?;
        if !dialect.rusty {
            dialect.kv = self.kv_version()?;
        }
        self.dialect = Some(dialect.clone());
        Ok(dialect)
    }

    /// Whether it answers, is unsealed, and what it is.
    fn health(&self) -> Result<Dialect, Failure> {
        let answer = self.client.call("GET", "/v1/sys/health", &[], None)?;
        let body = object(&answer);
        match (answer.status, body) {
            (200 | 429, Some(body)) if body["sealed"].is_boolean() => Ok(Dialect {
                kv: 2,
                rusty: false,
                server: format!("Vault API, version {}", super::super::http::clean(body["version"].as_str().unwrap_or("unknown"))),
                skew: body["server_time_utc"].as_i64().map(|theirs| theirs - super::super::now()),
            }),
            (429, _) => Err(self.judge(&answer, "sys/health")),
            (503, Some(body)) if body["sealed"] == true => Err(self.failure(Reason::Sealed, "is sealed: unseal it; requests wait until then")),
            (501, _) => Err(self.failure(Reason::Sealed, "is not initialised: initialise and unseal it")),
            (472 | 473, _) => Err(self.failure(Reason::Sealed, "is a standby of a replication: give the address of the active one")),
            (400 | 403 | 404 | 405 | 500, _) => self.seal_status(),
            (500..=599, _) => Err(self.judge(&answer, "sys/health")),
            _ => Err(self.garbled("sys/health")),
        }
    }

    /// `RustyVault` has no `sys/health`.
    fn seal_status(&self) -> Result<Dialect, Failure> {
        let answer = self.client.call("GET", "/v1/sys/seal-status", &[], None)?;
        match object(&answer).filter(|_| answer.status == 200).and_then(|body| body["sealed"].as_bool()) {
            Some(false) => Ok(Dialect { kv: 1, rusty: true, server: "RustyVault, or another with KV version 1 only".to_owned(), skew: None }),
            Some(true) => Err(self.failure(Reason::Sealed, "is sealed: unseal it; requests wait until then")),
            None => Err(self.judge(&answer, "sys/seal-status")),
        }
    }

    /// Version of KV at our mount.
    fn kv_version(&mut self) -> Result<u8, Failure> {
        let path = format!("sys/internal/ui/mounts/{}", self.kv);
        let answer = self.raw("GET", &path, None)?;
        let mounted = object(&answer).unwrap_or_default();
        let data = &mounted["data"];
        let kv = self.kv.clone();
        match (answer.status, data["type"].as_str()) {
            (200, Some("kv" | "generic")) => Ok(if data["options"]["version"] == "2" { 2 } else { 1 }),
            (200, Some(_)) => Err(self.failure(Reason::Unsupported, &format!("{kv}/ is no KV: correct kv_mount"))),
            (403, _) => {
                let text = format!(
                    "{kv}/ is not mounted, or this credential has no right to it: mount it (bao secrets enable -path={kv} -version=2 kv), \
                     and give the credential docs/policies/registrar.hcl"
                );
                Err(self.failure(Reason::Denied, &text))
            }
            (200, None) => Err(self.garbled(&path)),
            _ => Err(self.judge(&answer, &path)),
        }
    }

    pub(super) fn preflight(&mut self) -> Result<Capabilities, Failure> {
        // Asked anew: the point is what holds now.
        self.dialect = None;
        let dialect = self.dialect()?;
        let mut capabilities = Capabilities { server: dialect.server.clone(), ..Capabilities::default() };
        if let Some(skew) = dialect.skew.filter(|skew| skew.abs() > MAX_SKEW) {
            capabilities
                .notes
                .push(format!("its clock differs from ours by {skew} s: set both by NTP, else certificates seem not yet valid, or expired"));
        }
        if dialect.rusty {
            return self.rusty(capabilities);
        }
        let roles = self.roles();
        let rights = self.rights(&roles)?;
        self.judge_rights(&rights, &roles, &dialect, &mut capabilities);
        Ok(capabilities)
    }

    /// A server without policies: the log-in works or not, and that is all there is to ask.
    fn rusty(&mut self, mut capabilities: Capabilities) -> Result<Capabilities, Failure> {
        self.read_record("inventory", "preflight")?;
        capabilities.register = true;
        capabilities.notes.push("KV version 1 has no check-and-set: two registrars must not write to it at once".to_owned());
        capabilities.notes.push("it has no entities, signs no CSRs and lists no certificates: devices are recorded, and nothing more".to_owned());
        capabilities.excess.push("this server knows no policies: whoever holds this credential may do everything".to_owned());
        Ok(capabilities)
    }

    /// What may be done at each path that matters.
    fn rights(&mut self, roles: &[String]) -> Result<Rights, Failure> {
        let mut paths = self.record_paths();
        paths.push("identity/entity/name/dev-preflight".to_owned());
        paths.extend(EXCESS.iter().map(|(path, _)| (*path).to_owned()));
        paths.extend(EXCESS_KV.iter().map(|(path, _)| format!("{}/{path}", self.kv)));
        if let Some(mount) = &self.pki {
            paths.extend(READ_ONLY_PKI.iter().map(|(path, _)| format!("{mount}/{path}")));
            paths.extend(EXCESS_PKI.iter().map(|(path, _)| format!("{mount}/{path}")));
            paths.extend(["certs", "certs/revoked", "roles"].map(|path| format!("{mount}/{path}")));
            paths.extend(roles.iter().map(|role| format!("{mount}/sign/{role}")));
        }
        let body = self.ask("POST", "sys/capabilities-self", Some(&json!({ "paths": paths })))?.unwrap_or_default();
        let of = |path: &String| -> Option<(String, Vec<String>)> {
            let list = body["data"][path].as_array().or_else(|| body[path].as_array())?;
            Some((path.clone(), list.iter().filter_map(Value::as_str).map(str::to_owned).collect()))
        };
        let rights: Rights = paths.iter().filter_map(of).collect();
        if rights.len() < paths.iter().collect::<std::collections::BTreeSet<_>>().len() {
            Err(self.garbled("sys/capabilities-self"))
        } else {
            Ok(rights)
        }
    }

    fn record_paths(&self) -> Vec<String> {
        let data = if self.dialect.as_ref().is_some_and(|dialect| dialect.kv == 1) { "" } else { "data/" };
        ["inventory", "posture", "deactivation"].map(|folder| format!("{}/{data}{folder}/preflight", self.kv)).to_vec()
    }

    fn judge_rights(&self, rights: &Rights, roles: &[String], dialect: &Dialect, into: &mut Capabilities) {
        let may = |path: &str, right: &str| rights.get(path).is_some_and(|list| list.iter().any(|one| one == right || one == "root"));
        into.register = true;
        for (index, path) in self.record_paths().iter().enumerate() {
            let missing: Vec<&str> = ["create", "update", "read"].into_iter().filter(|right| !may(path, right)).collect();
            if !missing.is_empty() {
                into.register &= index > 0;
                into.notes.push(format!("no right to {} {path}: give it docs/policies/registrar.hcl", missing.join(", ")));
            }
        }
        let entity = "identity/entity/name/dev-preflight";
        if self.identity && !(may(entity, "update") && may(entity, "read")) {
            into.register = false;
            into.notes
                .push("no right to make entities, and identity = true: give it docs/policies/registrar.hcl, or set identity = false".to_owned());
        }
        if self.identity && self.alias_accessor.is_none() {
            into.notes.push("entities get no alias: people link a device's log-in to its entity".to_owned());
        }
        if dialect.kv == 1 {
            into.notes.push(format!("{}/ is KV version 1, without check-and-set: two registrars must not write to it at once", self.kv));
        }
        self.judge_pki(rights, roles, &may, into);
        into.excess = self.excess(rights);
    }

    /// What this credential may do beyond our policies.
    fn excess(&self, rights: &Rights) -> Vec<String> {
        let below = |mount: Option<&String>, list: &'static [(&str, &str)]| -> Vec<(String, &str)> {
            let one = |(path, what): &(&str, &'static str)| mount.map(|mount| (format!("{mount}/{path}"), *what));
            list.iter().filter_map(one).collect()
        };
        let mut closed: Vec<(String, &str)> = EXCESS.iter().map(|(path, what)| ((*path).to_owned(), *what)).collect();
        closed.extend(below(Some(&self.kv), EXCESS_KV));
        closed.extend(below(self.pki.as_ref(), EXCESS_PKI));
        let open =
            |path: &String, harmless: &[&str]| rights.get(path).is_some_and(|list| list.iter().any(|right| !harmless.contains(&right.as_str())));
        let any = closed.into_iter().filter(|(path, _)| open(path, &["deny"]));
        let written = below(self.pki.as_ref(), READ_ONLY_PKI).into_iter().filter(|(path, _)| open(path, &["deny", "read", "list"]));
        any.chain(written).map(|(path, what)| format!("{path}: who steals this credential can {what}")).collect()
    }

    fn judge_pki(&self, rights: &Rights, roles: &[String], may: &dyn Fn(&str, &str) -> bool, into: &mut Capabilities) {
        let Some(mount) = &self.pki else {
            into.notes.push("no pki_mount: nothing is signed or listed here".to_owned());
            return;
        };
        let signs = |role: &&String| rights.contains_key(&format!("{mount}/sign/{role}")) && may(&format!("{mount}/sign/{role}"), "update");
        into.sign = roles.iter().filter(signs).cloned().collect();
        into.list = may(&format!("{mount}/certs"), "list");
        for role in roles.iter().filter(|role| !into.sign.contains(role)) {
            into.notes.push(format!("no right to {mount}/sign/{role}: the mount, the role or the policy is missing"));
        }
        if !into.list {
            into.notes.push(format!("no right to list {mount}/certs: what was issued is not seen"));
        }
    }
}
