//! Files that hold secrets: where they lie, and who may read them. Every option that names one is read through here.
//!
//! `credential:NAME` is the file NAME of the credentials that the service manager hands over (systemd.exec(5), `LoadCredential=`): it lies
//! in memory, and nobody else reads it.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What stands before a credential's name.
const SCHEME: &str = "credential:";

/// Where the service manager says that credentials lie.
const DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// The file that an option names.
///
/// # Errors
/// In words, if it names a credential and there is none of that name.
pub fn path(named: &Path) -> Result<PathBuf, String> {
    within(named, std::env::var_os(DIRECTORY).as_deref())
}

/// The same for a file with a secret: refused where others may read it.
///
/// # Errors
/// As [`path`]; or that others may read or write it.
pub fn secret(named: &Path) -> Result<PathBuf, String> {
    let file = path(named)?;
    match std::fs::metadata(&file).ok().and_then(|metadata| open_to_others(&metadata)) {
        Some(mode) => Err(format!("others may read or write it (mode {mode:04o}): chmod 600, and replace what is in it")),
        None => Ok(file),
    }
}

fn within(named: &Path, directory: Option<&OsStr>) -> Result<PathBuf, String> {
    let Some(name) = named.to_str().and_then(|text| text.strip_prefix(SCHEME)) else { return Ok(named.to_owned()) };
    if name.is_empty() || name.contains('/') || name == "." || name == ".." {
        return Err(format!("{SCHEME}{name}: write the name that stands in LoadCredential=NAME:PATH of the unit"));
    }
    let Some(directory) = directory else {
        return Err(format!(
            "{SCHEME}{name}: the service manager handed over no credentials ({DIRECTORY} is not set): name a file, or run it as a unit"
        ));
    };
    let file = Path::new(directory).join(name);
    if file.exists() { Ok(file) } else { Err(format!("{SCHEME}{name}: there is no such credential: add LoadCredential={name}:PATH to the unit")) }
}

/// The mode of a secret's file that others may read or write: of our own file anybody but us, as ssh(1) has it; of one that belongs to
/// somebody else, whose group we may be, anybody at all.
#[must_use]
pub fn open_to_others(file: &Metadata) -> Option<u32> {
    let others = if file.uid() == own() { 0o077 } else { 0o007 };
    let mode = file.mode() & 0o7777;
    (mode & others != 0).then_some(mode)
}

/// Whose process this is; nobody's if the system does not say, and then no file is ours.
fn own() -> u32 {
    std::fs::metadata("/proc/self").map_or(u32::MAX, |process| process.uid())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_credential_is_a_file_of_the_service_managers_and_all_else_a_path() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret-id"), "x").unwrap();
        let directory = Some(folder.path().as_os_str());
        let of = |named: &str, directory| within(Path::new(named), directory);
        assert_eq!(of("credential:secret-id", directory).unwrap(), folder.path().join("secret-id"));
        assert_eq!(of("/etc/x.key", None).unwrap(), Path::new("/etc/x.key"));
        assert!(of("credential:secret-id", None).unwrap_err().contains("CREDENTIALS_DIRECTORY is not set"));
        assert!(of("credential:other", directory).unwrap_err().contains("add LoadCredential=other:PATH"));
        for odd in ["credential:", "credential:../x", "credential:..", "credential:a/b"] {
            assert!(of(odd, directory).unwrap_err().contains("write the name"), "{odd}");
        }
    }

    #[test]
    fn a_secret_is_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "x").unwrap();
        let mode = |mode| {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            open_to_others(&std::fs::metadata(&file).unwrap())
        };
        assert_eq!([0o600, 0o400, 0o640, 0o604, 0o602].map(mode), [None, None, Some(0o640), Some(0o604), Some(0o602)]);
        // Root's own, for a group: ours only if this is root.
        let passwords = std::fs::metadata("/etc/passwd").unwrap();
        assert_eq!(open_to_others(&passwords), Some(0o644));
    }
}
