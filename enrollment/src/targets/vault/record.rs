//! Records in KV. Version 2 has check-and-set, the one way to create and never overwrite; version 1 is read before and after.

use super::Vault;
use super::call::{object, words};
use crate::request::{Request, digest};
use crate::target::{Failure, Reason, Registered};
use serde_json::{Value, json};

/// How often a write is tried against others who write the same record.
const MAX_WRITES: usize = 3;

/// A record, and its version (0 where the engine keeps none).
pub(super) struct Record {
    pub(super) data: Value,
    pub(super) version: u64,
}

impl Vault {
    /// The last segment of the id that [`Vault::register`](crate::target::Target::register) gave.
    pub(super) fn key_of(&self, registered: &Registered) -> Result<String, Failure> {
        let last = registered.external_id.rsplit('/').next().unwrap_or_default();
        let key = super::key(last);
        if key.is_empty() || key != last { Err(self.failure(Reason::Refused, "the registration's id is none of this target's")) } else { Ok(key) }
    }

    fn path(&self, folder: &str, key: &str, version: u8) -> String {
        let data = if version == 2 { "data/" } else { "" };
        format!("{}/{data}{folder}/{key}", self.kv)
    }

    /// The device's record, written once. True if it was there already, of this same request.
    pub(super) fn record_once(&mut self, key: &str, request: &Request) -> Result<bool, Failure> {
        if self.write("inventory", key, &record(request), 0)? {
            return Ok(false);
        }
        for _ in 0..MAX_WRITES {
            let Some(found) = self.read_record("inventory", key)? else {
                let text = format!("the record {}/inventory/{key} was deleted there: undelete it, or delete its metadata too, and retry", self.kv);
                return Err(self.failure(Reason::Conflict, &text));
            };
            self.same(key, &found.data, request)?;
            if found.data["binding_digest"] == request.binding_digest() {
                return Ok(true);
            }
            // The same request, approved anew after the device changed: its own record is brought up to date.
            let mut renewed = record(request);
            renewed["credential"] = found.data["credential"].clone();
            if self.write("inventory", key, &renewed, found.version)? {
                return Ok(true);
            }
        }
        Err(self.failure(Reason::Conflict, &format!("the record {}/inventory/{key} is written by others all the time", self.kv)))
    }

    /// The same without check-and-set: read, write, and read again, so that who lost against another sees it.
    pub(super) fn record_once_v1(&mut self, key: &str, request: &Request) -> Result<bool, Failure> {
        let found = self.read_record("inventory", key)?;
        if let Some(found) = &found {
            self.same(key, &found.data, request)?;
            if found.data["binding_digest"] == request.binding_digest() {
                return Ok(true);
            }
        }
        let path = self.path("inventory", key, 1);
        self.ask("POST", &path, Some(&record(request)))?;
        match self.read_record("inventory", key)? {
            Some(written) => self.same(key, &written.data, request).map(|()| found.is_some()),
            None => Err(self.failure(Reason::Garbled, &format!("{path}: was written and is not there"))),
        }
    }

    fn same(&self, key: &str, found: &Value, request: &Request) -> Result<(), Failure> {
        if found["request_id"] == request.id {
            return Ok(());
        }
        let other = super::super::http::clean(found["request_id"].as_str().unwrap_or("none of ours"));
        let text =
            format!("the record {}/inventory/{key} is of another request ({other}): decide there which one holds, and remove the other", self.kv);
        Err(self.failure(Reason::Conflict, &text))
    }

    /// A record, if it is there and not deleted.
    pub(super) fn read_record(&mut self, folder: &str, key: &str) -> Result<Option<Record>, Failure> {
        let version = self.dialect()?.kv;
        let path = self.path(folder, key, version);
        let answer = self.raw("GET", &path, None)?;
        let body = object(&answer);
        match (answer.status, body) {
            (200, Some(body)) if version == 2 && body["data"]["data"].is_object() => {
                let version = body["data"]["metadata"]["version"].as_u64().ok_or_else(|| self.garbled(&path))?;
                Ok(Some(Record { data: body["data"]["data"].clone(), version }))
            }
            (200, Some(body)) if version == 1 && body["data"].is_object() => Ok(Some(Record { data: body["data"].clone(), version: 0 })),
            (200, _) => Err(self.garbled(&path)),
            // A deleted version is answered by 404, with its metadata; RustyVault answers 404 with nothing.
            (404, _) if words(&answer).is_empty() => Ok(None),
            _ => Err(self.judge(&answer, &path)),
        }
    }

    /// Writes where the version is still that one. False: it is not. Version 1 of KV keeps none: there, the last one wins.
    pub(super) fn write(&mut self, folder: &str, key: &str, data: &Value, version: u64) -> Result<bool, Failure> {
        if self.dialect()?.kv == 1 {
            let path = self.path(folder, key, 1);
            return self.ask("POST", &path, Some(data)).map(|_| true);
        }
        let path = self.path(folder, key, 2);
        let answer = self.raw("POST", &path, Some(&json!({ "options": { "cas": version }, "data": data })))?;
        match answer.status {
            200 if object(&answer).is_some_and(|body| body["data"]["version"].is_u64()) => Ok(true),
            200 | 204 => Err(self.garbled(&path)),
            400 if words(&answer).contains("check-and-set") => Ok(false),
            _ => Err(self.judge(&answer, &path)),
        }
    }

    /// Puts what is said now in the place of what was said before. Says nothing twice.
    pub(super) fn put(&mut self, folder: &str, key: &str, said: &Value) -> Result<(), Failure> {
        let kv = self.dialect()?.kv;
        for _ in 0..MAX_WRITES {
            let found = self.read_record(folder, key)?;
            if found.as_ref().is_some_and(|found| found.data == *said) {
                return Ok(());
            }
            let version = match found {
                Some(found) => found.version,
                None if kv == 1 => 0,
                None => self.last_version(folder, key)?,
            };
            if self.write(folder, key, said, version)? {
                return Ok(());
            }
        }
        Err(self.failure(Reason::Conflict, &format!("the record {}/{folder}/{key} is written by others all the time", self.kv)))
    }

    /// The version of a record that is not there: 0, or that of its deletion.
    fn last_version(&mut self, folder: &str, key: &str) -> Result<u64, Failure> {
        let path = self.path(folder, key, 2);
        let answer = self.raw("GET", &path, None)?;
        Ok(answer.json()["data"]["metadata"]["version"].as_u64().unwrap_or_default())
    }
}

/// What the vault keeps of a device.
fn record(request: &Request) -> Value {
    json!({
        "schema": "wirecensus.device-record/1",
        "request_id": request.id,
        "request_digest": digest(&request.canonical()),
        "binding_digest": request.binding_digest(),
        "device_id": request.device_id,
        "device_keys": request.device_keys,
        "site": request.site,
        "sensor": request.sensor,
        "identity_profile": request.identity_profile,
        "method": request.method,
        "identifiers": request.identifiers,
        "attributes": request.attributes,
        "confidence": request.confidence,
        "evidence_digest": request.evidence_digest,
        "common_name": request.requested.common_name,
        "sans": request.requested.sans,
        "requested_by": request.requested_by,
        "justification": request.justification,
    })
}
