//! A sensor that proposes to a registrar on another host: over our own contract, each proposal signed with the sensor's key. It holds no
//! credential of any vault, and needs none here: the signature is what counts.

use super::Settings;
use super::contract::Contract;
use super::http::{Answer, Client, clean, segment};
use crate::request::digest;
use crate::serve::{BASE, SIGNATURE, of_call, of_proposal};
use crate::sign::{Key, Signed};
use crate::target::{Failure, Reason};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The table `[enrollment.registrar]`: where a sensor's proposals go.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct At {
    /// `https://HOST:PORT`.
    pub address: String,
    /// The CAs that may vouch for the registrar, PEM. There is no other: the system's list is not consulted.
    pub ca_file: Option<PathBuf>,
    /// The sensor's certificate, PEM, where the registrar asks for one.
    pub client_cert_file: Option<PathBuf>,
    /// Its key, PEM.
    pub client_key_file: Option<PathBuf>,
}

/// What became of a proposal at the registrar.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposed {
    /// The request that there is for the device: this one's id, or of the one that stood there before.
    pub id: String,
    /// Where it stands there, as the contract calls it.
    pub state: String,
    /// Whether it was there already.
    pub known: bool,
}

/// A registrar, and the key by which this sensor is known there.
pub struct Proposer {
    contract: Contract,
    key: Key,
}

impl Proposer {
    /// A registrar by its address. Nothing is sent yet.
    ///
    /// # Errors
    /// If the settings make no client; the message names the option.
    pub fn open(at: &At, key: Key) -> Result<Self, Failure> {
        let address = format!("{}{BASE}", at.address.trim_end_matches('/').trim_end_matches(BASE));
        let (ca_file, client_cert_file, client_key_file) = (at.ca_file.clone(), at.client_cert_file.clone(), at.client_key_file.clone());
        let settings = Settings { address, ca_file, client_cert_file, client_key_file, ..Settings::default() };
        let client = Client::open("registrar", &settings)?;
        Ok(Self { contract: Contract { client, token_file: None }, key })
    }

    /// The public half of the key, which the registrar's policy must list.
    #[must_use]
    pub fn public_key(&self) -> String {
        self.key.public()
    }

    /// Proposes one device. Made twice, it is one request.
    ///
    /// # Errors
    /// If the registrar does not answer, or refuses it.
    pub fn propose(&self, request: crate::request::Request) -> Result<Proposed, Failure> {
        let signed: Signed = self.key.propose(request);
        let body = signed.request.canonical();
        let idempotency = format!("{}:{}", signed.request.id, digest(&body));
        let signature = of_proposal(&signed);
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", idempotency.as_str()), (SIGNATURE, signature.as_str())];
        let answer = self.contract.client.call("POST", "/onboarding/requests", &headers, Some(&body))?;
        if answer.status == 409 {
            let standing = answer.json()["request"].as_str().map(clean);
            let id = standing.ok_or_else(|| self.contract.judge("submit", &answer))?;
            return Ok(Proposed { id, state: "pending_approval".to_owned(), known: true });
        }
        self.proposed("submit", &answer)
    }

    /// What became of a request.
    ///
    /// # Errors
    /// If the registrar does not answer, or knows none.
    pub fn poll(&self, id: &str) -> Result<Proposed, Failure> {
        let path = format!("/onboarding/requests/{}", segment(id));
        let signature = of_call(&self.key, "GET", &format!("{BASE}{path}"), super::now());
        let answer = self.contract.client.call("GET", &path, &[(SIGNATURE, &signature)], None)?;
        self.proposed("poll", &answer)
    }

    fn proposed(&self, operation: &str, answer: &Answer) -> Result<Proposed, Failure> {
        if !matches!(answer.status, 200..=202) {
            let failure = self.contract.judge(operation, answer);
            let hint = "; is this sensor's public key among the registrar's [[enrollment.sensor]], and are both clocks right?";
            let refused = failure.reason == Reason::Denied;
            return Err(Failure { message: format!("{}{}", failure.message, if refused { hint } else { "" }), ..failure });
        }
        let body = self.contract.registration(operation, answer)?;
        let text = |name: &str| body[name].as_str().map(clean).unwrap_or_default();
        Ok(Proposed { id: text("id"), state: text("state"), known: answer.replayed || answer.status == 200 })
    }
}
