//! OPC UA: what client and server of a session sign to prove that they hold the keys of their certificates. Nothing is verified here.
//!
//! Spec: OPC 10000-4 §5.7.2 (CreateSession: the server signs the client's certificate and nonce) and §5.7.3 (ActivateSession: the client
//! signs the server's), OPC 10000-7 §6.6 (algorithms). What a channel in mode SignAndEncrypt carries nobody reads.

use super::binary::Binary;
use crate::context::Context;
use crate::der;
use crate::dissector::DissectError;
use crate::signed::{Cited, PSS_SHA256, Proof, RSA_SHA1, RSA_SHA256};

/// OPC 10000-7: a nonce has 32 bytes; one longer than twice that, or shorter than 16, is none.
const NONCE: std::ops::RangeInclusive<usize> = 16..=64;
/// A token that is longer than a GUID or an opaque one of 32 bytes, with its header.
const TOKEN_MAX: usize = 64;

/// What of a session is signed, as far as it was seen.
#[derive(Default)]
pub(super) struct Signed {
    /// The request for a session, and the client's certificate and nonce.
    request: u32,
    client: Cited,
    client_nonce: Cited,
    /// The session's token, and the server's certificate and nonce.
    token: Vec<u8>,
    server: Cited,
    server_nonce: Cited,
}

impl Signed {
    /// CreateSession, request.
    pub(super) fn asked(&mut self, request: u32, certificate: &[u8], nonce: &[u8], cx: &Context<'_>) {
        *self = Self { request, client: alone(certificate, cx), client_nonce: cited(nonce, cx), ..Self::default() };
    }

    /// CreateSession, response: `i` stands behind the endpoints.
    pub(super) fn answered(&mut self, request: u32, token: &[u8], (certificate, nonce): (&[u8], &[u8]), i: &mut Binary<'_>, cx: &mut Context<'_>) {
        let known = request == self.request && token.len() <= TOKEN_MAX;
        (self.token, self.server) = (token.to_vec(), if known { alone(certificate, cx) } else { Cited::default() });
        self.server_nonce = cited(nonce, cx);
        // Signed software certificates, which nobody sends any more, stand before the signature.
        let read = i.count().and_then(|count| (0..count).try_for_each(|_| i.string().and(i.string()).map(drop)));
        let (Ok(()), Ok((scheme, signature)), true) = (read, signature(i), known) else { return };
        let about = cx.sender();
        say("server", &self.server, (&self.client, &self.client_nonce), (scheme, signature), &about, cx);
    }

    /// ActivateSession, request.
    pub(super) fn activates(&mut self, token: &[u8], i: &mut Binary<'_>, cx: &mut Context<'_>) -> Result<(), DissectError> {
        let (scheme, signature) = signature(i)?;
        // The answer has a nonce of its own for the next time.
        let nonce = std::mem::take(&mut self.server_nonce);
        if self.token == token {
            let about = cx.sender();
            say("client", &self.client, (&self.server, &nonce), (scheme, signature), &about, cx);
        }
        Ok(())
    }
}

/// Says that who holds a certificate signed the other's certificate and nonce.
fn say(
    role: &'static str,
    own: &Cited,
    other: (&Cited, &Cited),
    (scheme, signature): (Option<u16>, &[u8]),
    about: &observations::Subject,
    cx: &mut Context<'_>,
) {
    let Some(scheme) = scheme.filter(|_| !other.0.is_empty() && !other.1.is_empty()) else { return };
    let mut signed = Cited::default();
    signed.append(other.0);
    signed.append(other.1);
    Proof { role, certificate: own, scheme, signed: &signed, signature }.say(about, cx);
}

/// OPC 10000-4 §7.37, SignatureData: the algorithm's URI, the signature.
fn signature<'a>(i: &mut Binary<'a>) -> Result<(Option<u16>, &'a [u8]), DissectError> {
    let (algorithm, signature) = (i.string()?, i.string()?);
    let scheme = match algorithm {
        b"http://www.w3.org/2000/09/xmldsig#rsa-sha1" => Some(RSA_SHA1),
        b"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256" => Some(RSA_SHA256),
        b"http://opcfoundation.org/UA/security/rsa-pss-sha2-256" => Some(PSS_SHA256),
        _ => None,
    };
    Ok((scheme, signature))
}

/// A certificate that stands alone: of a chain some sign all, and some the first.
fn alone(bytes: &[u8], cx: &Context<'_>) -> Cited {
    match der::element(bytes) {
        Ok(([], _)) => Cited::of(bytes, cx),
        _ => Cited::default(),
    }
}

fn cited(nonce: &[u8], cx: &Context<'_>) -> Cited {
    if NONCE.contains(&nonce.len()) { Cited::of(nonce, cx) } else { Cited::default() }
}
