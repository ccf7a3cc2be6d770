//! The site key, and the tags that it makes of captured secrets: which devices share a password can be told, and no password can.
//!
//! The key lies in a file of its own, never in the database: whoever takes the database alone can try no list of passwords against it.

use dissectors::context::{Tag, Tagger, Tags};
use enrollment::credential;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Random bytes of a new key, and the fewest of one that is given: a key as long as the digest (RFC 2104 §3).
const KEY_BYTES: usize = 32;

/// No key is longer; a file that is, is none.
const KEY_BYTES_MAX: usize = 1024;

/// What a tag is of, as the first byte that is digested, so that a tag of one kind is never one of the other.
const OF_SECRET: u8 = 1;
const OF_LOGIN: u8 = 2;
const OF_PSEUDONYM: u8 = 3;

/// Tags secrets by HMAC-SHA-256 (RFC 2104), of which the first half is kept (§5 there asks for no less).
pub struct SiteKey(Hmac<Sha256>);

/// Why there is no key.
#[derive(Debug)]
pub enum SiteKeyError {
    /// The file cannot be read or made.
    File(std::io::Error),
    /// The system gives no random bytes.
    Random(getrandom::Error),
    /// Others than its owner may read or write it: its permissions.
    Open(u32),
    /// It has too few bytes, or too many.
    Length,
    /// There is no credential of that name.
    Credential(String),
    /// It is a folder, a pipe or a device.
    NoFile,
}

impl fmt::Display for SiteKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Random(error) => write!(f, "the system gives no random bytes: {error}"),
            Self::Open(mode) => write!(f, "others may read or write the key (mode {mode:04o}); `chmod 600` it, or better: make a new one"),
            Self::Length => write!(f, "a site key has {KEY_BYTES} to {KEY_BYTES_MAX} bytes; name a file that does not exist and one is made"),
            Self::Credential(what) => f.write_str(what),
            Self::NoFile => f.write_str("a site key is a file"),
        }
    }
}

impl std::error::Error for SiteKeyError {}

impl From<std::io::Error> for SiteKeyError {
    fn from(error: std::io::Error) -> Self {
        Self::File(error)
    }
}

impl SiteKey {
    /// The key that lies in a file; a new one, that only its owner may read, if there is no such file.
    ///
    /// # Errors
    /// If it cannot be read or made, is no key, or is not kept.
    pub fn of_file(path: &Path) -> Result<Self, SiteKeyError> {
        let path = &credential::path(path).map_err(SiteKeyError::Credential)?;
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(mut file) => {
                let key = random()?;
                file.write_all(&key).and_then(|()| file.sync_all()).inspect_err(|_| {
                    // Half a key would be refused the next time.
                    let _ = std::fs::remove_file(path);
                })?;
                Ok(Self::of(&key))
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Self::read(path),
            Err(error) => Err(error.into()),
        }
    }

    fn read(path: &Path) -> Result<Self, SiteKeyError> {
        // Opening a pipe would wait for its other end.
        if !std::fs::metadata(path)?.is_file() {
            return Err(SiteKeyError::NoFile);
        }
        let file = File::open(path)?;
        if let Some(mode) = credential::open_to_others(&file.metadata()?) {
            return Err(SiteKeyError::Open(mode));
        }
        let mut key = Vec::with_capacity(KEY_BYTES_MAX + 1);
        file.take(KEY_BYTES_MAX as u64 + 1).read_to_end(&mut key)?;
        if (KEY_BYTES..=KEY_BYTES_MAX).contains(&key.len()) { Ok(Self::of(&key)) } else { Err(SiteKeyError::Length) }
    }

    /// A key that is gone when the program ends: what it tagged can be compared among itself, and with nothing later.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn of_this_run() -> Result<Self, SiteKeyError> {
        Ok(Self::of(&random()?))
    }

    fn of(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes keys of any length"))
    }

    /// What a pseudonym of a value is made from; `of` says what kind of value it is.
    #[must_use]
    pub fn pseudonym(&self, of: u8, value: &[u8]) -> [u8; KEY_BYTES] {
        let mut hmac = self.0.clone();
        hmac.update(&[OF_PSEUDONYM, of]);
        hmac.update(value);
        hmac.finalize().into_bytes().into()
    }

    fn digest(&self, parts: &[&[u8]]) -> Tag {
        let mut hmac = self.0.clone();
        parts.iter().for_each(|part| hmac.update(part));
        let mut tag = Tag::default();
        tag.iter_mut().zip(hmac.finalize().into_bytes()).for_each(|(to, from)| *to = from);
        tag
    }
}

impl Tagger for SiteKey {
    fn tag(&self, user: Option<&[u8]>, secret: &[u8]) -> Tags {
        // With the length of the name before it, no name and secret run together into another's.
        let login = user.map(|user| self.digest(&[&[OF_LOGIN], &(user.len() as u64).to_be_bytes(), user, secret]));
        Tags { secret: self.digest(&[&[OF_SECRET], secret]), login }
    }
}

fn random() -> Result<[u8; KEY_BYTES], SiteKeyError> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(SiteKeyError::Random)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    fn key(path: &Path) -> SiteKey {
        SiteKey::of_file(path).unwrap_or_else(|error| panic!("{error}"))
    }

    fn refused(path: &Path) -> String {
        SiteKey::of_file(path).err().expect("no key").to_string()
    }

    #[test]
    fn the_tag_is_hmac_sha_256_under_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, [0x0b; 32]).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let tags = key(&path).tag(Some(b"admin"), b"public");
        // Python: hmac.new(b"\x0b" * 32, b"\x01public", "sha256").hexdigest()[:32], and b"\x02" + (5).to_bytes(8, "big") + b"adminpublic".
        assert_eq!(format!("{:02x?}", tags.secret).replace(", ", ""), "[62497fba7cb86be54a95272dc05f3bfa]");
        assert_eq!(format!("{:02x?}", tags.login.unwrap()).replace(", ", ""), "[43b04c6b30711f91d9dd961d2622bc97]");
    }

    #[test]
    fn a_key_is_made_once_for_its_owner_alone_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let made = key(&path).tag(None, b"secret");
        let file = std::fs::metadata(&path).unwrap();
        assert_eq!((file.mode() & 0o777, file.len()), (0o600, KEY_BYTES as u64));
        assert_eq!(key(&path).tag(None, b"secret"), made);
        assert_ne!(key(&folder.path().join("other")).tag(None, b"secret"), made);
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        key(&path);
        for mode in [0o644, 0o640, 0o604, 0o602] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert!(refused(&path).contains(&format!("mode {mode:04o}")), "{mode:o}");
        }
        std::fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        key(&path);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for length in [0, KEY_BYTES - 1, KEY_BYTES_MAX + 1] {
            std::fs::write(&path, vec![7; length]).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            assert!(refused(&path).contains("32 to 1024 bytes"), "{length}");
        }
        assert_eq!(refused(folder.path()), "a site key is a file");
        assert!(refused(&folder.path().join("nowhere/key")).contains("No such file"));
    }

    #[test]
    fn equal_secrets_have_equal_tags_and_names_do_not_run_into_secrets() {
        let key = SiteKey::of_this_run().unwrap_or_else(|error| panic!("{error}"));
        let (admin, root) = (key.tag(Some(b"admin"), b"1234"), key.tag(Some(b"root"), b"1234"));
        assert_eq!(admin.secret, root.secret);
        assert_ne!(admin.login, root.login);
        assert_eq!(key.tag(None, b"1234"), Tags { login: None, ..admin });
        assert_ne!(key.tag(Some(b"ad"), b"min1234").login, admin.login);
        assert_ne!(key.tag(Some(b""), b"1234").login, Some(admin.secret));
        let other = SiteKey::of_this_run().unwrap_or_else(|error| panic!("{error}"));
        assert_ne!(other.tag(Some(b"admin"), b"1234"), admin);
    }
}
