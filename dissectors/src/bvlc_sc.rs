//! Messages of BACnet's secure virtual link, which its own dissector and the one of what it carries both read.
//!
//! Spec: ANSI/ASHRAE 135-2020 annex AB.2 (BVLC messages), AB.2.3 (header options).

/// AB.2.2: functions.
pub(crate) const ENCAPSULATED_NPDU: u8 = 0x01;
pub(crate) const FUNCTION_MAX: u8 = 0x0c;
/// A virtual address.
const VMAC: usize = 6;
/// AB.2.2: bits of the control flags; the others are 0.
const HAS_ORIGIN: u8 = 8;
const HAS_DESTINATION: u8 = 4;
const HAS_DESTINATION_OPTIONS: u8 = 2;
const HAS_DATA_OPTIONS: u8 = 1;
/// Options of one message that are walked: the standard has two kinds.
const OPTIONS_MAX: usize = 16;

/// One message.
#[derive(Clone, Copy)]
pub(crate) struct Message<'a> {
    pub(crate) function: u8,
    /// Who sent what a hub passes on.
    pub(crate) origin: Option<&'a [u8]>,
    pub(crate) payload: &'a [u8],
}

/// Takes a message apart.
pub(crate) fn message(bytes: &[u8]) -> Option<Message<'_>> {
    let (&[function @ ..=FUNCTION_MAX, flags @ ..=0x0f, _, _], mut rest) = bytes.split_first_chunk::<4>()? else { return None };
    let mut address = |flag: u8| {
        if flags & flag == 0 {
            return Some(None);
        }
        let (address, behind) = rest.split_at_checked(VMAC)?;
        rest = behind;
        Some(Some(address))
    };
    let (origin, _destination) = (address(HAS_ORIGIN)?, address(HAS_DESTINATION)?);
    for flag in [HAS_DESTINATION_OPTIONS, HAS_DATA_OPTIONS] {
        rest = if flags & flag == 0 { rest } else { options(rest)? };
    }
    Some(Message { function, origin, payload: rest })
}

/// AB.2.3: a marker says whether one more option and whether data follows.
fn options(mut rest: &[u8]) -> Option<&[u8]> {
    const MORE: u8 = 0x80;
    const HAS_DATA: u8 = 0x20;
    for _ in 0..OPTIONS_MAX {
        let (&marker, behind) = rest.split_first()?;
        rest = behind;
        if marker & HAS_DATA != 0 {
            let (length, behind) = rest.split_first_chunk::<2>()?;
            rest = behind.get(usize::from(u16::from_be_bytes(*length))..)?;
        }
        if marker & MORE == 0 {
            return Some(rest);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_options_stand_before_the_payload() {
        let bytes = [
            1, 0x0b, 0, 7, // encapsulated NPDU; origin, both kinds of options
            1, 2, 3, 4, 5, 6,    // virtual address
            0x41, // to the destination: secure path
            0xbf, 0, 3, 0, 7, 1, 0x41, // with the data: a maker's own, of three bytes, and a secure path
            0xaa, 0xbb,
        ];
        let read = message(&bytes).unwrap();
        assert_eq!((read.function, read.origin, read.payload), (1, Some(&bytes[4..10]), &[0xaa, 0xbb][..]));
    }

    #[test]
    fn what_is_cut_or_no_message_is_refused() {
        for bad in [&[1, 8, 0, 1, 1, 2][..], &[0x0d, 0, 0, 1], &[1, 0x10, 0, 1], &[1, 1, 0, 1, 0x20, 0, 9], &[1, 1, 0, 1], &[0xff; 40], &[0x80; 40]] {
            assert!(message(bad).is_none());
        }
    }
}
