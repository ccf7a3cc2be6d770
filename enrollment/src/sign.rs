//! Ed25519 keys and signatures: the sensor's over its requests, a person's over an approval.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// A private key.
pub struct Key(SigningKey);

impl Key {
    /// Makes a key file that only its owner can read.
    ///
    /// # Errors
    /// If it is there already, or cannot be written.
    pub fn create(path: &Path) -> std::io::Result<Self> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(std::io::Error::other)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(hex(&seed).as_bytes())?;
        file.sync_all()?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// If it is none, or others can read it.
    pub fn read(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            return Err(std::io::Error::other(format!("{}: others may read this key; chmod 600", path.display())));
        }
        let mut text = String::new();
        file.take(128).read_to_string(&mut text)?;
        let seed = unhex::<32>(text.trim()).ok_or_else(|| std::io::Error::other(format!("{}: no key: 64 hexadecimal digits", path.display())))?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// The public half, in hexadecimal.
    #[must_use]
    pub fn public(&self) -> String {
        hex(self.0.verifying_key().as_bytes())
    }

    /// Signs; hexadecimal.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> String {
        hex(&self.0.sign(bytes).to_bytes())
    }
}

/// Whether a signature is that of a public key, both in hexadecimal.
#[must_use]
pub fn verify(public: &str, bytes: &[u8], signature: &str) -> bool {
    let key = unhex(public).and_then(|key| VerifyingKey::from_bytes(&key).ok());
    let signature = unhex(signature).map(|bytes| Signature::from_bytes(&bytes));
    // Strict: no second signature of small order passes for the same bytes.
    key.zip(signature).is_some_and(|(key, signature)| key.verify_strict(bytes, &signature).is_ok())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    for (byte, at) in out.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_its_owners_alone_and_signs_what_the_public_half_verifies() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = Key::create(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Key::create(&path).is_err());
        let signature = Key::read(&path).unwrap().sign(b"text");
        assert!(verify(&key.public(), b"text", &signature));
        assert!(!verify(&key.public(), b"other", &signature) && !verify("00", b"text", &signature));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(Key::read(&path).is_err());
    }
}
