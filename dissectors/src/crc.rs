//! Cyclic redundancy checks of 16 bits, by which telecontrol, metering and serial protocols tell their frames from noise.

/// A table of remainders, a byte at a time.
type Table = [u16; 256];

/// IEEE 1815-2012 §9.2.4.3: x16+x13+x12+x11+x10+x8+x6+x5+x2+1, least significant bit first.
const DNP3: Table = reflected(0xa6bc);
/// ITU-T X.25 and ISO/IEC 13239: x16+x12+x5+1, least significant bit first.
const X25: Table = reflected(0x8408);
/// The same polynomial, most significant bit first, as IEEE C37.118.2 annex B uses it.
const CCITT: Table = direct(0x1021);
/// MODBUS over Serial Line V1.02 §6.2.2, least significant bit first.
const MODBUS: Table = reflected(0xa001);

/// The check of a DNP3 header or block.
pub(crate) fn dnp3(bytes: &[u8]) -> u16 {
    !least_first(&DNP3, 0, bytes)
}

/// The frame check sequence of HDLC.
pub(crate) fn hdlc(bytes: &[u8]) -> u16 {
    !least_first(&X25, 0xffff, bytes)
}

/// The check of an IEEE C37.118 frame.
pub(crate) fn ccitt(bytes: &[u8]) -> u16 {
    let step = |crc: u16, byte: &u8| {
        let [high, low] = crc.to_be_bytes();
        u16::from_be_bytes([low, 0]) ^ remainder(&CCITT, high ^ byte)
    };
    bytes.iter().fold(0xffff, step)
}

fn least_first(table: &Table, begin: u16, bytes: &[u8]) -> u16 {
    let step = |crc: u16, byte: &u8| {
        let [low, high] = crc.to_le_bytes();
        u16::from(high) ^ remainder(table, low ^ byte)
    };
    bytes.iter().fold(begin, step)
}

fn remainder(table: &Table, byte: u8) -> u16 {
    table.get(usize::from(byte)).copied().unwrap_or(0)
}

/// What a register of Modbus RTU, ROC Plus and Genisys begins with (MODBUS over Serial Line V1.02 §6.2.2).
pub(crate) const ONES: u16 = 0xffff;

/// The checksum of some bytes, continued from `register`. On the wire the low byte comes first.
pub(crate) fn crc16(register: u16, bytes: &[u8]) -> u16 {
    least_first(&MODBUS, register, bytes)
}

/// A frame without its checksum, if the checksum is right.
pub(crate) fn checked(frame: &[u8]) -> Option<&[u8]> {
    let (body, sum) = frame.split_last_chunk::<2>()?;
    (u16::from_le_bytes(*sum) == crc16(ONES, body)).then_some(body)
}

#[allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "evaluated when compiled")]
const fn reflected(polynomial: u16) -> Table {
    let (mut table, mut byte) = ([0; 256], 0);
    while byte < 256 {
        let (mut crc, mut bit) = (byte as u16, 0);
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ polynomial } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

#[allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "evaluated when compiled")]
const fn direct(polynomial: u16) -> Table {
    let (mut table, mut byte) = ([0; 256], 0);
    while byte < 256 {
        let (mut crc, mut bit) = ((byte as u16) << 8, 0);
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { crc << 1 ^ polynomial } else { crc << 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values of the catalogue of parametrised CRC algorithms: of the digits 1 to 9.
    #[test]
    fn each_check_gives_its_catalogued_value() {
        assert_eq!(dnp3(b"123456789"), 0xea82);
        assert_eq!(hdlc(b"123456789"), 0x906e);
        assert_eq!(ccitt(b"123456789"), 0x29b1);
    }

    #[test]
    fn the_example_of_the_specification_comes_out() {
        // Appendix B: slave 2, function 7.
        assert_eq!(crc16(ONES, &[0x02, 0x07]), 0x1241);
        assert_eq!(checked(&[0x02, 0x07, 0x41, 0x12]), Some(&[0x02, 0x07][..]));
        assert_eq!(checked(&[0x02, 0x07, 0x12, 0x41]), None);
        assert_eq!(checked(&[1]), None);
    }
}
