//! Commands of SMB 1 by code and name.
//!
//! Spec: MS-CIFS §2.2.2.1.

use observations::OperationClass;

pub(super) const NEGOTIATE: u8 = 0x72;
pub(super) const SESSION_SETUP: u8 = 0x73;

/// Commands that are in use; reserved and obsolete ones are left out.
const COUNT: usize = 41;

const CODES: [u8; COUNT] = [
    0x00,
    0x01,
    0x02,
    0x03,
    0x04,
    0x05,
    0x06,
    0x07,
    0x08,
    0x09,
    0x0a,
    0x0b,
    0x0f,
    0x10,
    0x22,
    0x23,
    0x24,
    0x25,
    0x26,
    0x2b,
    0x2d,
    0x2e,
    0x2f,
    0x32,
    0x33,
    0x34,
    0x70,
    0x71,
    NEGOTIATE,
    SESSION_SETUP,
    0x74,
    0x75,
    0x80,
    0x81,
    0xa0,
    0xa1,
    0xa2,
    0xa4,
    0xc0,
    0xc1,
    0xc2,
];

/// Their names, in the order of the codes.
pub(super) const OPERATIONS: &[(&str, OperationClass)] = &NAMES;

const NAMES: [(&str, OperationClass); COUNT] = [
    ("create_directory", OperationClass::Write),
    ("delete_directory", OperationClass::Write),
    ("open", OperationClass::Read),
    ("create", OperationClass::Write),
    ("close", OperationClass::Session),
    ("flush", OperationClass::Session),
    ("delete", OperationClass::Write),
    ("rename", OperationClass::Write),
    ("query_information", OperationClass::Read),
    ("set_information", OperationClass::Write),
    ("read", OperationClass::Read),
    ("write", OperationClass::Write),
    ("create_new", OperationClass::Write),
    ("check_directory", OperationClass::Read),
    ("set_information2", OperationClass::Write),
    ("query_information2", OperationClass::Read),
    ("locking_andx", OperationClass::Session),
    ("transaction", OperationClass::Session),
    ("transaction_secondary", OperationClass::Session),
    ("echo", OperationClass::Session),
    ("open_andx", OperationClass::Read),
    ("read_andx", OperationClass::Read),
    ("write_andx", OperationClass::Write),
    ("transaction2", OperationClass::Read),
    ("transaction2_secondary", OperationClass::Session),
    ("find_close2", OperationClass::Session),
    ("tree_connect", OperationClass::Session),
    ("tree_disconnect", OperationClass::Session),
    ("negotiate", OperationClass::Session),
    ("session_setup_andx", OperationClass::Session),
    ("logoff_andx", OperationClass::Session),
    ("tree_connect_andx", OperationClass::Session),
    ("query_information_disk", OperationClass::Read),
    ("search", OperationClass::Read),
    ("nt_transact", OperationClass::Session),
    ("nt_transact_secondary", OperationClass::Session),
    ("nt_create_andx", OperationClass::Read),
    ("nt_cancel", OperationClass::Session),
    ("open_print_file", OperationClass::Write),
    ("write_print_file", OperationClass::Write),
    ("close_print_file", OperationClass::Session),
];

/// Index into the operations.
pub(super) fn operation(code: u8) -> Option<u16> {
    CODES.iter().position(|known| *known == code).and_then(|index| u16::try_from(index).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_the_name_beside_it() {
        let name = |code| operation(code).map(|index| OPERATIONS[usize::from(index)].0);
        assert_eq!(name(SESSION_SETUP), Some("session_setup_andx"));
        assert_eq!(name(0x2f), Some("write_andx"));
        assert_eq!(name(0xff), None);
    }
}
