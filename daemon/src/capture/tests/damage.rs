//! What can be read is; the rest is named.

use super::build::*;
use crate::capture::{Blocks, OpenError, Reason, Settings, Why, completeness, open, open_reader};
use std::io::Cursor;
use std::path::Path;

fn open_bytes(bytes: &[u8]) -> Result<crate::capture::Reader, OpenError> {
    open_reader("plant.pcap", Box::new(Cursor::new(bytes.to_vec())), &Settings::default())
}

#[test]
fn a_file_cut_anywhere_keeps_the_packets_before() {
    let wanted = samples(0..4);
    let (pcap, mut pcapng) = (pcap(MICRO, false, &wanted), pcapng(true, &wanted));
    pcapng.extend(block(true, 0x0bad, &[0; 40]));
    for file in [&pcap, &pcapng] {
        let mut whole = 0;
        for end in 0..=file.len() {
            let Ok(mut reader) = open_bytes(&file[..end]) else {
                assert!(end < 24, "{end}");
                continue;
            };
            let (packets, _, damages) = drain(&mut reader);
            assert!(packets.len() >= whole && packets == wanted[..packets.len()], "{end}");
            whole = packets.len();
            assert!(damages.len() <= 1);
            for damage in damages {
                assert!(matches!(damage.reason, Reason::Cut { .. }), "{damage}");
                assert_eq!(damage.packet, packets.len() as u64 + 1);
                assert_eq!(reader.parts()[0].damage, Some(damage.what()));
            }
        }
        assert_eq!((whole, drain(&mut open_bytes(file).unwrap()).2), (4, vec![]));
    }
}

#[test]
fn compressed_files_cut_anywhere_keep_the_packets_before() {
    let wanted = samples(0..20_000);
    let plain = pcap(MICRO, false, &wanted);
    for packed in [gzip(&plain), zstd(&plain), xz(&plain)] {
        let mut most = 0;
        for end in (0..packed.len()).step_by(packed.len() / 23) {
            let Ok(mut reader) = open_bytes(&packed[..end]) else {
                continue;
            };
            let (packets, _, damages) = drain(&mut reader);
            assert!(packets == wanted[..packets.len()]);
            assert_eq!(damages.len(), 1, "{end} of {}", packed.len());
            assert!(damages[0].unpacked);
            most = most.max(packets.len());
        }
        assert!(most > 5_000, "{most}");
    }
}

#[test]
fn any_damaged_byte_ends_reading_or_changes_a_packet_and_never_panics() {
    let wanted = samples(0..3);
    let mut ng = pcapng(false, &wanted);
    ng.extend(block(false, 5, &[vec![0; 12], option(false, 5, &[1; 8])].concat()));
    for file in [pcap(NANO, false, &wanted), ng, gzip(&pcapng(true, &wanted)), zstd(&pcap(MICRO, true, &wanted)), xz(&pcap(MICRO, true, &wanted))] {
        for at in 0..file.len() {
            for value in [0x00, 0x7f, 0x80, 0xff] {
                let mut damaged = file.clone();
                damaged[at] = value;
                if let Ok(mut reader) = open_bytes(&damaged) {
                    drain(&mut reader);
                    reader.source();
                }
            }
        }
    }
}

#[test]
fn a_record_that_is_too_long_ends_the_file_and_is_named() {
    let mut file = pcap(MICRO, false, &samples(0..2));
    let offset = file.len();
    file.extend([0; 8]); // time
    file.extend(3_000_000_u32.to_le_bytes()); // captured
    file.extend(3_000_000_u32.to_le_bytes()); // on the wire
    file.extend([0; 1_000]);
    let (packets, damages) = read(&file);
    assert_eq!(packets.len(), 2);
    assert_eq!(damages[0].to_string(), format!("plant.pcap: packet 3 at byte {offset}: record says 3,000,000 bytes, more than 262,144"));
    assert_eq!(damages.len(), 1);
}

#[test]
fn pcapng_blocks_that_cannot_be_are_named() {
    let good = pcapng(false, &samples(0..1));
    let with = |tail: &[u8]| read(&[&good, tail].concat());
    let mut trailer = block(false, 99, &[0; 8]);
    trailer[16..].copy_from_slice(&24_u32.to_le_bytes());
    let mut length = block(false, 99, &[0; 8]);
    length[4] = 21;
    let mut packet = enhanced(false, 0, 0, &sample(1), &[]);
    packet[20..24].copy_from_slice(&200_u32.to_le_bytes()); // captured: more than the block has
    let mut huge = block(false, 99, &[0; 8]);
    huge[4..8].copy_from_slice(&(64_u32 << 20).to_le_bytes());
    let mut order = section(false);
    order[8] = 0;
    for (tail, wanted) in [
        (trailer, "block says 20 bytes at its start and 24 at its end"),
        (length, "block says 21 bytes: too few, too many, or no multiple of four"),
        (packet, "block says 56 bytes: too few, too many, or no multiple of four"),
        (huge, "block says 67,108,864 bytes: too few, too many, or no multiple of four"),
        (enhanced(false, 4, 0, &sample(1), &[]), "packet of interface 4, which was not described"),
        (order, "section with byte-order mark 003c2b1a, which is none"),
        (interface(false, 1, 0, &[]).repeat(4_096), "more than 4096 interfaces in one section"),
    ] {
        let (packets, damages) = with(&tail);
        assert_eq!((packets.len(), damages.len()), (1, 1), "{wanted}");
        assert_eq!(damages[0].reason.to_string(), wanted);
    }
}

#[test]
fn a_large_block_of_no_interest_is_stepped_over() {
    let wanted = samples(0..2);
    let mut file = pcapng(false, &wanted[..1]);
    file.extend(block(false, 10, &vec![7; 3_000_000])); // decryption secrets
    file.extend(enhanced(false, 0, wanted[1].time as u64, &wanted[1], &[]));
    assert_eq!(read(&file), (wanted.clone(), vec![]));
    let cut = &file[..2_000_000];
    let (packets, damages) = read(cut);
    assert_eq!((packets.len(), damages.len()), (1, 1));
    assert!(matches!(damages[0].reason, Reason::Cut { .. }));
}

#[test]
fn times_out_of_range_are_clamped_and_counted() {
    let mut file = pcap(MICRO, false, &samples(0..2));
    file[28..32].copy_from_slice(&2_000_000_u32.to_le_bytes()); // microseconds of packet 1
    let mut reader = reader("plant.pcap", &file);
    let (packets, ..) = drain(&mut reader);
    assert_eq!(packets[0].time, SECOND * 1_000_000_000 + 999_999_000);
    assert_eq!(reader.health().clamped_times, 1);
}

#[test]
fn a_damaged_stream_names_the_packet_and_the_unpacked_byte() {
    let mut packed = gzip(&pcap(MICRO, false, &samples(0..3_000)));
    let end = packed.len() - 8;
    packed[end] ^= 0xff; // the checksum of the whole
    let (packets, damages) = read(&packed);
    assert_eq!((packets.len(), damages.len()), (3_000, 1));
    assert!(damages[0].to_string().starts_with("plant.pcap: packet 3001 at unpacked byte "), "{}", damages[0]);
    assert!(damages[0].to_string().contains("unpacking gzip failed"), "{}", damages[0]);
}

#[test]
fn what_is_no_capture_is_named() {
    let why = |bytes: &[u8]| open_bytes(bytes).err().unwrap().to_string();
    assert_eq!(why(b""), "plant.pcap: empty file");
    assert_eq!(why(&gzip(b"")), "plant.pcap: empty file");
    assert_eq!(why(b"{\"ab\": 1}"), "plant.pcap: not a capture: begins with 7b 22 61 62 22 3a 20 31, a JSON document?");
    assert_eq!(why(&pcap(MICRO, false, &[])[..10]), "plant.pcap: the file ends within its header, after 10 bytes");
    assert_eq!(why(&gzip(&gzip(b"x"))), "plant.pcap: compressed twice (gzip within): unpack it once");
    assert!(why(b"snoop\0\0\0\0\0\0\x02\0\0\0\x04").contains("editcap"));
}

#[test]
fn what_cannot_be_opened_says_why() {
    let scratch = Scratch::new("open");
    let why = |path: &Path| open(path, &Settings::default()).err().unwrap().why;
    assert_eq!(why(&scratch.path().join("missing.pcap")), Why::Missing);
    assert_eq!(why(scratch.path()), Why::Folder);
    assert_eq!(why(&scratch.file("empty.pcap", b"")), Why::Empty);
}

#[test]
fn the_digest_of_a_file_is_that_of_its_bytes_on_the_disk() {
    let scratch = Scratch::new("digest");
    let digest = crate::capture::sha256(&scratch.file("abc", b"abc")).unwrap();
    assert_eq!(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[test]
fn the_end_says_how_many_files_were_complete() {
    assert_eq!(completeness(38, 40), "38 of 40 files complete");
    assert_eq!(completeness(1, 1), "1 of 1 file complete");
}
