//! The header of SMB 2 and 3, by which the transport of all versions tells what is worth reading.
//!
//! Spec: MS-SMB2 §2.2.1 and §2.2.1.2.

/// The key under which the transport of SMB hands these messages on.
pub(super) const KEY: u64 = 2;

/// Protocol identifier, and the header's size, which it says itself.
pub(super) const PLAIN: &[u8] = b"\xfeSMB\x40\x00";
pub(super) const HEADER: usize = 64;
pub(super) const COMMAND: usize = 12;

pub(super) const NEGOTIATE: u16 = 0;
pub(super) const SESSION_SETUP: u16 = 1;

/// The command of a message that is neither encrypted nor compressed.
pub(super) fn command(head: &[u8]) -> Option<u16> {
    let bytes = head.get(COMMAND..COMMAND + 2).filter(|_| head.starts_with(PLAIN))?;
    Some(u16::from_le_bytes(*bytes.first_chunk()?))
}

/// Whether a message is read whole: negotiation and log-in.
pub(super) fn is_read(head: &[u8]) -> bool {
    matches!(command(head), Some(NEGOTIATE | SESSION_SETUP))
}
