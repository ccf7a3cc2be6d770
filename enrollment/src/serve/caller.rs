//! Who calls: the header `X-Signature`, made by a sensor and read by the front.
//!
//! A proposal is signed itself (Ed25519 over its canonical JSON, which is the body): `kid=PUBLIC_KEY,ed25519=SIGNATURE`. A call without a
//! body is signed with its time, method and path: `t=SECONDS,kid=PUBLIC_KEY,ed25519=SIGNATURE` over the canonical JSON of
//! `{"at":SECONDS,"method":METHOD,"path":PATH}`. Keys and signatures in hexadecimal.

use crate::sign::{Key, Signed, verify};
use serde::Serialize;

/// The header's name.
pub const SIGNATURE: &str = "X-Signature";

/// Seconds by which a caller's clock may differ from ours.
const CLOCKS_APART_MAX: i64 = 300;

/// The header of a proposal.
#[must_use]
pub fn of_proposal(signed: &Signed) -> String {
    format!("kid={},ed25519={}", signed.public_key, signed.signature)
}

/// The header of a call without a body; `path` with what stands before it on the host, and the query.
#[must_use]
pub fn of_call(key: &Key, method: &str, path: &str, at: i64) -> String {
    format!("t={at},kid={},ed25519={}", key.public(), key.sign(&Call { at, method, path }))
}

/// What is signed of a call.
#[derive(Serialize)]
struct Call<'c> {
    at: i64,
    method: &'c str,
    path: &'c str,
}

/// A header, taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Shown {
    pub(super) at: Option<i64>,
    pub(super) public_key: String,
    pub(super) signature: String,
}

impl Shown {
    pub(super) fn of_header(text: &str) -> Option<Self> {
        let (mut at, mut public_key, mut signature) = (None, None, None);
        for part in text.split(',') {
            match part.split_once('=')? {
                ("t", value) if at.is_none() => at = Some(value.parse().ok()?),
                ("kid", value) if public_key.is_none() => public_key = Some(value.to_owned()),
                ("ed25519", value) if signature.is_none() => signature = Some(value.to_owned()),
                _ => return None,
            }
        }
        Some(Self { at, public_key: public_key?, signature: signature? })
    }

    /// Whether it is over this call, and of now.
    pub(super) fn is_of_call(&self, method: &str, path: &str, now: i64) -> bool {
        let timely = |at: &i64| now.saturating_sub(*at).saturating_abs() <= CLOCKS_APART_MAX;
        self.at.filter(timely).is_some_and(|at| verify(&self.public_key, &Call { at, method, path }, &self.signature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_signed_for_its_path_and_for_five_minutes() {
        let key = Key::generate().unwrap();
        let shown = Shown::of_header(&of_call(&key, "GET", "/api/v1/x", 1_000)).unwrap();
        assert!(shown.is_of_call("GET", "/api/v1/x", 1_300) && shown.is_of_call("GET", "/api/v1/x", 700));
        assert!(!shown.is_of_call("GET", "/api/v1/x", 1_301) && !shown.is_of_call("GET", "/api/v1/y", 1_000));
        assert!(!shown.is_of_call("POST", "/api/v1/x", 1_000) && !shown.is_of_call("GET", "/api/v1/x", i64::MIN));
        let other = Shown { public_key: Key::generate().unwrap().public(), ..shown };
        assert!(!other.is_of_call("GET", "/api/v1/x", 1_000));
    }

    #[test]
    fn a_header_is_whole_and_says_nothing_twice() {
        for text in ["", "kid=1", "kid=1,ed25519=2,kid=3", "t=x,kid=1,ed25519=2", "kid=1,ed25519=2,v1=3", "t=99999999999999999999,kid=1,ed25519=2"] {
            assert_eq!(Shown::of_header(text), None, "{text}");
        }
        assert!(Shown::of_header("kid=1,ed25519=2").is_some_and(|shown| shown.at.is_none()));
    }
}
