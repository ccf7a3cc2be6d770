//! Files for those who enrol a device by other means: EST, cloud provisioning, SCEP, ACME, BRSKI, or a table for people.
//!
//! One file a device, named by its id, mode 0600, written whole or not at all. What is in `document` is in the words of the format's own
//! specification. No secret is made or written: a one-time password stands as a reference, which whoever enrols redeems at its keeper.

use super::http::{clean, wrong};
use super::{Settings, now};
use crate::request::Request;
use crate::target::{Capabilities, Failure, Issued, IssuedList, Posture, Reason, Registered, Status, Target};
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Longest file that is read back, in bytes: a table of 100,000 devices has 20 MB.
const MAX_FILE: u64 = 64 << 20;
/// The table's columns.
const COLUMNS: &str = "request_id,binding_digest,device_id,site,profile,common_name,mac,ip,serial,hostnames,vendor,model,confidence\n";
/// The table.
const TABLE: &str = "devices.csv";

/// The formats, and whose words each document uses.
pub const FORMATS: &[&str] = &["est", "azure-dps", "aws-jitp", "scep", "acme-eab", "brski", "csv"];

/// A folder of files.
pub struct Handoff {
    name: String,
    format: String,
    folder: PathBuf,
}

impl Handoff {
    /// A folder by its settings. Nothing is written yet.
    ///
    /// # Errors
    /// If they do not make one.
    pub fn open(name: &str, settings: &Settings) -> Result<Self, Failure> {
        let format = settings.format.clone().unwrap_or_default();
        if !FORMATS.contains(&format.as_str()) {
            return Err(wrong(name, &format!("format = {format:?} is none of {}", FORMATS.join(", "))));
        }
        let folder = settings.folder.clone().ok_or_else(|| wrong(name, "folder is missing: where the files go"))?;
        Ok(Self { name: name.to_owned(), format, folder })
    }

    fn failure(&self, reason: Reason, text: &str) -> Failure {
        Failure { reason, message: format!("target {} ({}): {text}", self.name, self.folder.display()) }
    }

    fn io(&self, file: &str, error: &std::io::Error) -> Failure {
        let reason = if error.kind() == ErrorKind::PermissionDenied { Reason::Denied } else { Reason::Unreachable };
        self.failure(reason, &format!("{file}: {error}; may this user write there, and is there room?"))
    }

    /// A file of the folder, if it is there.
    fn read(&self, file: &str) -> Result<Option<String>, Failure> {
        let path = self.folder.join(file);
        match std::fs::metadata(&path) {
            Ok(about) if about.len() > MAX_FILE => {
                Err(self.failure(Reason::Refused, &format!("{file} is longer than {MAX_FILE} bytes: move it away")))
            }
            Ok(_) => std::fs::read_to_string(&path).map(Some).map_err(|error| self.io(file, &error)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.io(file, &error)),
        }
    }

    fn write(&self, file: &str, text: &str) -> Result<(), Failure> {
        whole(&self.folder, file, text.as_bytes()).map_err(|error| self.io(file, &error))
    }

    fn device(&self, id: &str) -> Result<String, Failure> {
        let safe = id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if safe && !id.is_empty() && id.len() <= 128 {
            Ok(id.to_owned())
        } else {
            Err(self.failure(Reason::Refused, "the device's id makes no file's name"))
        }
    }

    fn one_file(&self, device: &str, request: &Request) -> Result<bool, Failure> {
        let file = format!("{device}.{}.json", self.format);
        let before = self.read(&file)?;
        if let Some(before) = &before {
            let found: Value = serde_json::from_str(before).unwrap_or_default();
            self.same(&file, found["request_id"].as_str(), request)?;
            if found["binding_digest"] == request.binding_digest() {
                return Ok(true);
            }
        }
        let envelope = json!({
            "schema": "wirecensus.handoff/1",
            "format": self.format,
            "request_id": request.id,
            "binding_digest": request.binding_digest(),
            "device_id": request.device_id,
            "profile": request.identity_profile,
            "document": self.document(request)?,
        });
        let text = serde_json::to_string_pretty(&envelope).unwrap_or_default() + "\n";
        self.write(&file, &text).map(|()| before.is_some())
    }

    fn same(&self, file: &str, found: Option<&str>, request: &Request) -> Result<(), Failure> {
        match found {
            Some(id) if id == request.id => Ok(()),
            other => {
                let text = format!(
                    "{file} is of another request ({}): decide which one holds, and move the other away",
                    clean(other.unwrap_or("none of ours"))
                );
                Err(self.failure(Reason::Conflict, &text))
            }
        }
    }

    /// The table with the request's row in it once.
    fn row(&self, request: &Request) -> Result<bool, Failure> {
        let text = self.read(TABLE)?.unwrap_or_else(|| COLUMNS.to_owned());
        if !text.starts_with(COLUMNS) {
            return Err(self.failure(Reason::Conflict, &format!("{TABLE} is none of ours: move it away")));
        }
        let row = row(request);
        let id = format!("{},", cell(&request.id));
        let replayed = text.lines().skip(1).any(|line| line.starts_with(&id));
        if replayed && text.lines().any(|line| line == row) {
            return Ok(true);
        }
        let others = text.lines().filter(|line| !line.starts_with(&id));
        let written = others.chain([row.as_str()]).fold(String::new(), |text, line| text + line + "\n");
        self.write(TABLE, &written).map(|()| replayed)
    }

    fn document(&self, request: &Request) -> Result<Value, Failure> {
        let asked = &request.requested;
        let of = |kind: &str| asked.sans.iter().filter_map(|name| name.strip_prefix(kind)).collect::<Vec<_>>();
        let secret = json!({ "reference": format!("otp:{}", request.id) });
        Ok(match self.format.as_str() {
            // RFC 7030, sections 3.2.2 (label) and 3.2.3 (HTTP authentication).
            "est" => json!({
                "operation": format!("/.well-known/est/{}/simpleenroll", super::http::segment(&request.identity_profile)),
                "subject": { "common_name": asked.common_name }, "subject_alternative_names": asked.sans, "ttl": asked.ttl,
                "http_user": asked.common_name, "one_time_password": secret,
            }),
            // Device Provisioning Service REST, "Individual Enrollment - Create Or Update", api-version 2021-10-01.
            "azure-dps" => json!({
                "registrationId": asked.common_name.to_lowercase(), "deviceId": asked.common_name.to_lowercase(),
                "attestation": { "type": "x509", "x509": { "caReferences": { "primary": request.identity_profile } } },
                "provisioningStatus": "enabled",
                "initialTwin": { "tags": { "site": request.site, "vendor": request.attributes.get("vendor"), "model": request.attributes.get("model") } },
            }),
            // AWS IoT Core, "Just-in-time provisioning": the parameters that a template is given from the certificate.
            "aws-jitp" => json!({
                "ThingName": asked.common_name,
                "Parameters": { "AWS::IoT::Certificate::CommonName": asked.common_name, "AWS::IoT::Certificate::SerialNumber": request.identifiers.serial.first() },
                "AttributePayload": { "site": request.site, "vendor": request.attributes.get("vendor"), "model": request.attributes.get("model") },
            }),
            // RFC 8894, section 2.4: the challenge password authorises the enrolment.
            "scep" => json!({
                "subject": { "common_name": asked.common_name }, "subject_alternative_names": asked.sans, "profile": request.identity_profile, "challenge_password": secret,
            }),
            // RFC 8555, section 7.3.4; addresses by RFC 8738.
            "acme-eab" => json!({
                "external_account": { "kid": request.id, "mac_key": { "reference": format!("eab:{}", request.id) } },
                "identifiers": of("dns:").iter().map(|name| json!({ "type": "dns", "value": name }))
                    .chain(of("ip:").iter().map(|name| json!({ "type": "ip", "value": name }))).collect::<Vec<_>>(),
            }),
            // RFC 8995, section 3: a draft, without the nonce and assertion, which are the pledge's and the registrar's to give.
            "brski" => {
                let serial = request.identifiers.serial.first();
                let serial =
                    serial.ok_or_else(|| self.failure(Reason::Refused, "a voucher names a serial number, and none of this device is known"))?;
                let created = jiff::Timestamp::from_second(now()).map(|time| time.to_string()).unwrap_or_default();
                json!({ "ietf-voucher-request:voucher": { "created-on": created, "serial-number": serial } })
            }
            _ => return Err(self.failure(Reason::Unsupported, "this format is a table")),
        })
    }
}

impl Target for Handoff {
    fn kind(&self) -> &'static str {
        "file"
    }

    fn probe(&mut self) -> Result<Capabilities, Failure> {
        let about = std::fs::metadata(&self.folder).map_err(|error| self.failure(Reason::Unreachable, &format!("{error}: make the folder")))?;
        if !about.is_dir() {
            return Err(self.failure(Reason::Refused, "is no folder"));
        }
        let mut capabilities = Capabilities { server: format!("a folder of files for {}", self.format), register: true, ..Capabilities::default() };
        if about.mode() & 0o002 != 0 {
            capabilities.excess.push(format!("{}: everybody may write there, and so change what is handed over: chmod o-w", self.folder.display()));
        }
        capabilities.notes.push("files are handed over: nothing is signed or listed, and nothing is told back".to_owned());
        Ok(capabilities)
    }

    fn register(&mut self, request: &Request) -> Result<Registered, Failure> {
        let device = self.device(&request.device_id)?;
        let replayed = if self.format == "csv" { self.row(request)? } else { self.one_file(&device, request)? };
        Ok(Registered { external_id: device, replayed })
    }

    fn sign(&mut self, _: &Request, _: &str) -> Result<Issued, Failure> {
        Err(self.failure(Reason::Unsupported, "files sign nothing"))
    }

    fn status(&mut self, registered: &Registered) -> Result<Status, Failure> {
        let device = self.device(&registered.external_id)?;
        let there = if self.format == "csv" {
            let cell = format!(",{},", cell(&device));
            self.read(TABLE)?.is_some_and(|text| text.lines().any(|line| line.contains(&cell)))
        } else {
            self.read(&format!("{device}.{}.json", self.format))?.is_some()
        };
        Ok(if there { Status::Registered } else { Status::Gone })
    }

    fn issued(&mut self, _: &dyn Fn(&str) -> bool) -> Result<IssuedList, Failure> {
        Err(self.failure(Reason::Unsupported, "files keep no list"))
    }

    fn posture(&mut self, registered: &Registered, posture: &Posture) -> Result<(), Failure> {
        let device = self.device(&registered.external_id)?;
        let said = json!({
            "schema": "wirecensus.posture/1", "device_id": device, "state": posture.state, "serial": posture.serial, "as_of": posture.as_of,
            "findings": posture.findings,
        });
        self.write(&format!("{device}.posture.json"), &format!("{said:#}\n"))
    }

    fn propose_deactivation(&mut self, registered: &Registered, why: &str) -> Result<(), Failure> {
        let device = self.device(&registered.external_id)?;
        let said = json!({ "schema": "wirecensus.deactivation-proposal/1", "device_id": device, "why": why, "state": "proposed" });
        self.write(&format!("{device}.deactivation.json"), &format!("{said:#}\n"))
    }
}

/// Writes a file whole or not at all: beside it, to the disk, then renamed.
fn whole(folder: &Path, file: &str, bytes: &[u8]) -> std::io::Result<()> {
    let beside = folder.join(format!(".{file}.part"));
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut part = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    part.write_all(bytes)?;
    part.sync_all()?;
    std::fs::rename(&beside, folder.join(file))?;
    File::open(folder)?.sync_all()
}

fn row(request: &Request) -> String {
    let ids = &request.identifiers;
    let attribute = |name: &str| request.attributes.get(name).cloned().unwrap_or_default();
    let cells = [
        request.id.clone(),
        request.binding_digest(),
        request.device_id.clone(),
        request.site.clone(),
        request.identity_profile.clone(),
        request.requested.common_name.clone(),
        ids.mac.join(" "),
        ids.ip.join(" "),
        ids.serial.join(" "),
        ids.hostnames.join(" "),
        attribute("vendor"),
        attribute("model"),
        request.confidence.to_string(),
    ];
    cells.iter().map(|text| cell(text)).collect::<Vec<_>>().join(",")
}

/// A cell (RFC 4180). What a spreadsheet would take for a formula is marked as text.
fn cell(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let marked = if line.starts_with(['=', '+', '-', '@']) { format!("'{line}") } else { line };
    if marked.contains([',', '"']) { format!("\"{}\"", marked.replace('"', "\"\"")) } else { marked }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{Identifiers, Requested};

    fn request() -> Request {
        let identifiers = Identifiers { serial: vec!["DS-1".to_owned()], ..Identifiers::default() };
        let requested =
            Requested { common_name: "dev-1".to_owned(), sans: vec!["dns:cam.example".to_owned(), "ip:10.0.0.1".to_owned()], ..Requested::default() };
        Request { id: "r1".to_owned(), device_id: "d-1".to_owned(), identity_profile: "iot".to_owned(), identifiers, requested, ..Request::default() }
    }

    fn handoff(format: &str, folder: &Path) -> Handoff {
        let settings = Settings { format: Some(format.to_owned()), folder: Some(folder.to_owned()), ..Settings::default() };
        Handoff::open("files", &settings).unwrap()
    }

    #[test]
    fn every_format_is_written_once_and_for_its_owner_only() {
        for format in FORMATS {
            let folder = tempfile::tempdir().unwrap();
            let mut target = handoff(format, folder.path());
            let first = target.register(&request()).unwrap();
            let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap()).collect();
            assert_eq!(files.len(), 1, "{format}");
            assert_eq!(files[0].metadata().unwrap().mode() & 0o777, 0o600);
            let text = std::fs::read_to_string(files[0].path()).unwrap();
            assert!(text.contains("dev-1") || text.contains("DS-1") || text.contains("cam.example"), "{format}: {text}");
            assert!(!first.replayed && target.register(&request()).unwrap().replayed, "{format}");
            assert_eq!(std::fs::read_to_string(files[0].path()).unwrap(), text, "{format}: again changes nothing");
            assert_eq!(target.status(&first).unwrap(), Status::Registered);
            let mut changed = request();
            changed.requested.common_name = "dev-2".to_owned();
            assert!(target.register(&changed).unwrap().replayed);
            assert_ne!(std::fs::read_to_string(files[0].path()).unwrap(), text, "{format}: approved anew");
            std::fs::remove_file(files[0].path()).unwrap();
            assert_eq!(target.status(&first).unwrap(), Status::Gone);
        }
    }

    #[test]
    fn a_file_of_another_request_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut target = handoff("est", folder.path());
        target.register(&request()).unwrap();
        let failure = target.register(&Request { id: "r2".to_owned(), ..request() }).unwrap_err();
        assert!(failure.reason == Reason::Conflict && failure.message.contains("r1"), "{failure}");
        let outside = Request { device_id: "../x".to_owned(), ..request() };
        assert_eq!(target.register(&outside).unwrap_err().reason, Reason::Refused);
        assert_eq!(handoff("est", &folder.path().join("no")).probe().unwrap_err().reason, Reason::Unreachable);
    }

    #[test]
    fn a_voucher_needs_a_serial_number() {
        let folder = tempfile::tempdir().unwrap();
        let nameless = Request { identifiers: Identifiers::default(), ..request() };
        assert_eq!(handoff("brski", folder.path()).register(&nameless).unwrap_err().reason, Reason::Refused);
    }

    #[test]
    fn a_cell_is_no_formula() {
        assert_eq!(cell("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0");
        assert_eq!(cell("a,\"b\"\n"), "\"a,\"\"b\"\" \"");
    }
}
