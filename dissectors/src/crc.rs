//! CRC-16 as serial protocols of plants use it: Modbus RTU, ROC Plus, Genisys.
//!
//! Spec: MODBUS over Serial Line V1.02, section 6.2.2 (generation polynomial 0xA001, reflected).

/// What a register begins with (section 6.2.2).
pub(crate) const ONES: u16 = 0xffff;

/// The checksum of some bytes, continued from `register`. On the wire the low byte comes first.
pub(crate) fn crc16(register: u16, bytes: &[u8]) -> u16 {
    const POLYNOMIAL: u16 = 0xa001;
    bytes.iter().fold(register, |register, byte| {
        (0..8).fold(register ^ u16::from(*byte), |register, _| if register & 1 == 1 { register >> 1 ^ POLYNOMIAL } else { register >> 1 })
    })
}

/// A frame without its checksum, if the checksum is right.
pub(crate) fn checked(frame: &[u8]) -> Option<&[u8]> {
    let (body, sum) = frame.split_last_chunk::<2>()?;
    (u16::from_le_bytes(*sum) == crc16(ONES, body)).then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_comes_out() {
        // Appendix B: slave 2, function 7.
        assert_eq!(crc16(ONES, &[0x02, 0x07]), 0x1241);
        assert_eq!(checked(&[0x02, 0x07, 0x41, 0x12]), Some(&[0x02, 0x07][..]));
        assert_eq!(checked(&[0x02, 0x07, 0x12, 0x41]), None);
        assert_eq!(checked(&[1]), None);
    }
}
