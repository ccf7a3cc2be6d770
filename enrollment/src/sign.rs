//! Signatures: the sensor's over what it proposes, a person's over what he approves. Ed25519 (RFC 8032) over canonical JSON (RFC 8785).

use crate::credential;
use crate::request::{Request, canonical};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A key of one's own. Neither shown nor printed.
pub struct Key(SigningKey);

/// Bytes of a key in its file: 64 hexadecimal digits and a line's end.
const FILE_BYTES_MAX: u64 = 128;

impl Key {
    /// A new one.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn generate() -> io::Result<Self> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// Reads a key's file, or makes it, for its owner alone.
    ///
    /// # Errors
    /// If it cannot be read or made, holds no key, or others may read it.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        let path = &credential::path(path).map_err(|what| io::Error::new(io::ErrorKind::NotFound, what))?;
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", path.display()));
        match std::fs::File::open(path) {
            Ok(file) => {
                if credential::open_to_others(&file.metadata()?).is_some() {
                    return Err(wrong("others may read this key: chmod 600, and make a new one if they may have done so"));
                }
                let mut text = String::new();
                file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
                let seed = bytes::<32>(text.trim()).ok_or_else(|| wrong("this is no key: 64 hexadecimal digits"))?;
                Ok(Self(SigningKey::from_bytes(&seed)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Self::generate()?;
                let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
                writeln!(file, "{}", hex(key.0.as_bytes()))?;
                file.sync_all()?;
                Ok(key)
            }
            Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
        }
    }

    /// The public half, in hexadecimal.
    #[must_use]
    pub fn public(&self) -> String {
        hex(self.0.verifying_key().as_bytes())
    }

    /// By which its holder is called: the SHA-256 of the public half.
    #[must_use]
    pub fn id(&self) -> String {
        id(self.0.verifying_key().as_bytes())
    }

    /// Signs what can be written as canonical JSON.
    #[must_use]
    pub fn sign(&self, what: &impl Serialize) -> String {
        hex(&self.0.sign(&canonical(what)).to_bytes())
    }

    /// A request with its signature.
    #[must_use]
    pub fn propose(&self, mut request: Request) -> Signed {
        request.sensor = self.id();
        Signed { public_key: self.public(), signature: self.sign(&request), request }
    }
}

/// A request as it leaves the sensor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// What is proposed.
    pub request: Request,
    /// The sensor's public key, hexadecimal.
    pub public_key: String,
    /// Over the request's canonical JSON, hexadecimal.
    pub signature: String,
}

impl Signed {
    /// Whether it is signed by the key that it shows, and by the sensor that it names.
    #[must_use]
    pub fn holds(&self) -> bool {
        let named = bytes::<32>(&self.public_key).is_some_and(|key| id(&key) == self.request.sensor);
        named && verify(&self.public_key, &self.request, &self.signature)
    }
}

/// Whether a signature is of this key and over this.
#[must_use]
pub fn verify(public: &str, what: &impl Serialize, signature: &str) -> bool {
    let key = bytes::<32>(public).and_then(|key| VerifyingKey::from_bytes(&key).ok());
    let signature = bytes::<64>(signature).map(|bytes| Signature::from_bytes(&bytes));
    key.zip(signature).is_some_and(|(key, signature)| key.verify_strict(&canonical(what), &signature).is_ok())
}

/// By which the holder of a public key, in hexadecimal, is called.
pub(crate) fn id_of(public: &str) -> Option<String> {
    bytes::<32>(public).map(|key| id(&key))
}

fn id(public: &[u8; 32]) -> String {
    hex(&Sha256::digest(public))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |text, byte| text + &format!("{byte:02x}"))
}

/// So many bytes in hexadecimal, and nothing else.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    let mut all = [0; N];
    for (at, byte) in all.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sensor.key");
        let made = Key::of_file(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Key::of_file(&path).unwrap().public(), made.public());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(Key::of_file(&path).err().unwrap().to_string().contains("others may read"));
    }

    #[test]
    fn whatever_is_changed_in_a_request_the_signature_holds_no_longer() {
        let (key, other) = (Key::generate().unwrap(), Key::generate().unwrap());
        let signed = key.propose(Request { id: "1".into(), ..Request::default() });
        assert!(signed.holds());
        let mut changed = signed.clone();
        changed.request.identity_profile = "admin".into();
        assert!(!changed.holds());
        // Another's key over the same bytes does not make him the sensor that is named.
        let stolen = Signed { public_key: other.public(), signature: other.sign(&signed.request), request: signed.request };
        assert!(!stolen.holds());
    }
}
