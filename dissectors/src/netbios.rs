//! NetBIOS names, as the name and datagram services encode them, and what their suffixes mean.
//!
//! Spec: RFC 1001 §14.1; MS-BRWS §2.1.1.1.

use observations::{Field, Kind};

/// RFC 1001 §14.1: 16 bytes, each as two letters from 'A'.
pub(crate) const ENCODED: usize = 32;

/// The key under which the datagram service hands on what is written to the mailslots of the browser.
pub(crate) const BROWSER: u64 = 1;

/// A NetBIOS name: 15 bytes padded with spaces, and the suffix that says what kind of name it is.
pub(crate) struct NetbiosName {
    pub(crate) name: Vec<u8>,
    pub(crate) suffix: u8,
}

/// RFC 1001 §14.1: half an octet a letter.
pub(crate) fn decode(label: &[u8]) -> Option<NetbiosName> {
    let mut bytes = Vec::with_capacity(ENCODED / 2);
    for pair in label.get(..ENCODED)?.chunks_exact(2) {
        let [high, low] = pair else { return None };
        let (high, low) = (high.checked_sub(b'A').filter(|n| *n < 16)?, low.checked_sub(b'A').filter(|n| *n < 16)?);
        bytes.push(high << 4 | low);
    }
    let suffix = bytes.pop()?;
    Some(NetbiosName { name: crate::context::trim(&bytes).to_vec(), suffix })
}

/// What a name says, by suffix and whether it is a group's (MS-BRWS §2.1.1.1; domain controllers: MS-ADTS §6.3.4).
pub(crate) fn meaning(suffix: u8, group: bool) -> Option<(Kind, Field)> {
    Some(match (suffix, group) {
        // Workstation and file server: the host's own name.
        (0x00 | 0x20, false) => (Kind::Name, Field::Hostname),
        // Members of a workgroup or domain, browser elections, the local master browser.
        (0x00 | 0x1e, true) | (0x1d, false) => (Kind::Identity, Field::Workgroup),
        // The domain's master browser, and its controllers.
        (0x1b, false) | (0x1c, true) => (Kind::Identity, Field::DomainName),
        _ => return None,
    })
}

/// Text that can be a name: `__MSBROWSE__` between control characters and `*` are none.
pub(crate) fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name != b"*" && name.iter().all(|byte| *byte >= 0x20 && *byte != 0x7f)
}

/// The two letters of the suffix.
pub(crate) fn suffix_of(label: &[u8]) -> &[u8] {
    label.get(ENCODED - 2..ENCODED).unwrap_or_default()
}
