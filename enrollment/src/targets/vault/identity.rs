//! Entities: one a device, which may do nothing by itself, and where the credential may, an alias for the device's log-in.

use super::Vault;
use crate::request::Request;
use crate::target::{Failure, Reason};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Longest value of an entity's metadata in bytes: the API's own limit is 512.
const MAX_METADATA: usize = 512;

impl Vault {
    /// The device's entity, made if it is not there. Another's of that name is left alone.
    pub(super) fn entity(&mut self, key: &str, request: &Request) -> Result<(), Failure> {
        let path = format!("identity/entity/name/dev-{key}");
        let found = self.ask("GET", &path, None)?;
        let metadata = metadata(request);
        if let Some(found) = &found {
            let entity = &found["data"];
            if entity["metadata"]["device_id"] != request.device_id {
                let text = format!("an entity dev-{key} is there and not of this device: rename or remove it at the vault");
                return Err(self.failure(Reason::Conflict, &text));
            }
            if entity["disabled"] == true {
                return Err(self.failure(Reason::Refused, &format!("the entity dev-{key} is disabled at the vault: people there took it back")));
            }
        }
        if found.as_ref().is_none_or(|found| found["data"]["metadata"] != metadata) {
            self.ask("POST", &path, Some(&json!({ "metadata": metadata })))?;
        }
        match self.alias_accessor.clone() {
            Some(accessor) => self.alias(&path, &accessor, &request.requested.common_name),
            None => Ok(()),
        }
    }

    /// Whether people at the vault disabled the device's entity.
    pub(super) fn is_disabled(&mut self, key: &str) -> Result<bool, Failure> {
        let found = self.ask("GET", &format!("identity/entity/name/dev-{key}"), None)?;
        Ok(found.is_some_and(|found| found["data"]["disabled"] == true))
    }

    /// Links the log-in by the certificate's name. The API moves an alias without a word, so it is looked up first.
    fn alias(&mut self, entity: &str, accessor: &str, name: &str) -> Result<(), Failure> {
        if name.is_empty() {
            return Err(self.failure(Reason::Refused, "the request has no common name, by which the device would log in"));
        }
        let id = self.ask("GET", entity, None)?.and_then(|found| found["data"]["id"].as_str().map(str::to_owned));
        let id = id.ok_or_else(|| self.garbled(entity))?;
        let asked = json!({ "alias_name": name, "alias_mount_accessor": accessor });
        let holder = self.ask("POST", "identity/lookup/entity", Some(&asked))?.unwrap_or_default();
        match holder["data"]["id"].as_str() {
            Some(holder) if holder == id => Ok(()),
            Some(_) => {
                let text = format!("the alias {name:?} belongs to another entity: whose device bears that name? It is not moved");
                Err(self.failure(Reason::Conflict, &text))
            }
            None => {
                let alias = json!({ "name": name, "canonical_id": id, "mount_accessor": accessor });
                self.ask("POST", "identity/entity-alias", Some(&alias)).map(|_| ())
            }
        }
    }
}

fn metadata(request: &Request) -> Value {
    let pairs = BTreeMap::from([
        ("device_id", request.device_id.clone()),
        ("request_id", request.id.clone()),
        ("identity_profile", request.identity_profile.clone()),
        ("site", request.site.clone()),
        ("mac", request.identifiers.mac.join(" ")),
        ("serial", request.identifiers.serial.join(" ")),
        ("source", "wirecensus".to_owned()),
    ]);
    pairs.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.to_owned(), Value::from(cut(&value)))).collect()
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_METADATA)).unwrap_or(text)
}
