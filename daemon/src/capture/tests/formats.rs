//! Every format, byte order, resolution and compression reads the same packets.

use super::build::*;
use crate::capture::{Blocks, Filter, STDIN, open};
use std::io::Read;

#[test]
fn every_pcap_reads_the_same_packets() {
    let wanted = samples(0..200);
    for magic in [MICRO, NANO, MODIFIED] {
        for big in [false, true] {
            assert_eq!(read(&pcap(magic, big, &wanted)), (wanted.clone(), vec![]), "{magic:x} {big}");
        }
    }
}

#[test]
fn every_byte_order_of_pcapng_reads_the_same_packets() {
    let wanted = samples(0..200);
    for big in [false, true] {
        assert_eq!(read(&pcapng(big, &wanted)), (wanted.clone(), vec![]), "{big}");
    }
}

#[test]
fn resolutions_of_ten_and_two_and_an_offset_give_nanoseconds() {
    // if_tsresol, if_tsoffset, ticks, nanoseconds
    let cases: [(u8, i64, u64, i64); 9] = [
        (0, 0, 7, 7_000_000_000),
        (3, 0, 1_500, 1_500_000_000),
        (6, 0, 1_500_000, 1_500_000_000),
        (9, 0, 5, 5),
        (12, 0, 5_999, 5),
        (100, 0, u64::MAX, 0),
        (0x80 | 10, 0, 1_536, 1_500_000_000),
        (0x80 | 32, 2, 1 << 31, 2_500_000_000),
        (0xff, -1, u64::MAX, -1_000_000_000),
    ];
    for big in [false, true] {
        let mut file = section(big);
        for (resolution, offset, ..) in cases {
            let offset = if big { offset.to_be_bytes() } else { offset.to_le_bytes() };
            file.extend(interface(big, 1, 0, &[option(big, 9, &[resolution]), option(big, 14, &offset), option(big, 0, &[])]));
        }
        for (index, (.., ticks, _)) in cases.iter().enumerate() {
            file.extend(enhanced(big, index as u32, *ticks, &sample(1), &[]));
        }
        let times: Vec<i64> = read(&file).0.iter().map(|sample| sample.time).collect();
        assert_eq!(times, cases.map(|(.., nanos)| nanos));
    }
}

#[test]
fn interfaces_sections_and_old_blocks_have_their_own_clocks_and_links() {
    let (mut file, data) = (section(false), sample(3));
    file.extend(interface(false, 1, 0, &[]));
    file.extend(interface(false, 101, 16, &[option(false, 9, &[9])]));
    file.extend(enhanced(false, 1, 5_000, &data, &[option(false, 1, b"a comment")]));
    file.extend(block(false, 0x0000_0bad, b"a custom block nobody knows"));
    let mut old = Vec::new();
    old.extend(half(false, 0)); // interface
    old.extend(half(false, 2)); // lost
    old.extend(word(false, 0)); // ticks, high
    old.extend(word(false, 8)); // ticks, low: microseconds
    old.extend(word(false, 4)); // captured
    old.extend(word(false, 60)); // on the wire
    old.extend(b"old!");
    file.extend(block(false, 2, &old));
    file.extend(section(true));
    file.extend(interface(true, 113, 6, &[]));
    let mut simple = word(true, 60).to_vec();
    simple.extend(b"simple");
    file.extend(block(true, 3, &simple));
    let mut reader = reader("plant.pcapng", &file);
    let (packets, _, damages) = drain(&mut reader);
    assert_eq!(damages, []);
    assert_eq!(packets[0], Sample { time: 5_000, link: 101, ..data });
    assert_eq!(packets[1], Sample { time: 8_000, link: 1, wire: 60, data: b"old!".to_vec() });
    assert_eq!(packets[2], Sample { time: 8_000, link: 113, wire: 60, data: b"simple".to_vec() });
    assert_eq!((reader.health().untimed, reader.health().dropped), (1, Some(2)));
    let source = reader.source();
    assert_eq!(source.link_types.into_iter().collect::<Vec<_>>(), ["ethernet", "linux_sll", "raw"]);
    assert!(source.complete);
}

#[test]
fn interface_statistics_say_what_was_lost() {
    let mut file = pcapng(false, &samples(0..2));
    for lost in [7_u64, 9] {
        let mut body = vec![0; 12]; // interface, time
        body.extend(option(false, 4, &100_u64.to_le_bytes())); // isb_ifrecv
        body.extend(option(false, 5, &lost.to_le_bytes())); // isb_ifdrop
        file.extend(block(false, 5, &body));
    }
    let mut reader = reader("plant.pcapng", &file);
    drain(&mut reader);
    assert_eq!(reader.source().dropped, Some(9));
}

#[test]
fn compressed_files_read_as_plain_ones_do() {
    let wanted = samples(0..3_000);
    for plain in [pcap(MICRO, false, &wanted), pcapng(true, &wanted)] {
        let (front, back) = plain.split_at(50_001);
        let members = [gzip(front), gzip(back)].concat();
        let mut skippable = vec![0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
        skippable.extend([zstd(front), zstd(back)].concat());
        for packed in [gzip(&plain), members, zstd(&plain), skippable, xz(&plain), [xz(front), xz(back)].concat()] {
            let (packets, damages) = read(&packed);
            assert_eq!(damages, []);
            assert!(packets == wanted);
        }
    }
}

#[test]
fn packets_across_many_blocks_are_whole() {
    let mut wanted = Vec::new();
    for n in 0..60_u32 {
        let len = if n % 7 == 0 { 262_144 } else { 40_000 + n };
        wanted.push(Sample { data: vec![n as u8; len as usize], wire: len, ..sample(n) });
    }
    for file in [pcap(NANO, true, &wanted), pcapng(false, &wanted)] {
        let (packets, damages) = read(&file);
        assert!(packets == wanted && damages.is_empty());
    }
}

#[test]
fn many_empty_packets_stay_within_a_block() {
    let wanted: Vec<Sample> = (0..100_000).map(|n| Sample { data: vec![], wire: 60, ..sample(n) }).collect();
    assert!(read(&pcap(MICRO, false, &wanted)).0 == wanted);
}

/// Gives its bytes a few at a time, as a pipe does.
struct Dribble(Vec<u8>, usize);

impl Read for Dribble {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = 7.min(buffer.len()).min(self.0.len() - self.1);
        buffer[..n].copy_from_slice(&self.0[self.1..self.1 + n]);
        self.1 += n;
        Ok(n)
    }
}

#[test]
fn a_pipe_that_gives_a_few_bytes_at_a_time_is_read_whole() {
    let wanted = samples(0..300);
    for bytes in [pcap(MICRO, false, &wanted), gzip(&pcapng(true, &wanted)), zstd(&pcap(MICRO, true, &wanted))] {
        let mut reader = crate::capture::open_reader(STDIN, Box::new(Dribble(bytes, 0)), &super::planning::settings()).unwrap();
        assert_eq!(drain(&mut reader).0, wanted);
    }
}

#[test]
fn progress_counts_the_bytes_of_the_file_on_the_disk() {
    let scratch = Scratch::new("progress");
    let packed = gzip(&pcap(MICRO, false, &samples(0..500)));
    let path = scratch.file("a.pcap.gz", &packed);
    let mut reader = open(&path, &super::planning::settings()).unwrap();
    drain(&mut reader);
    let size = packed.len() as u64;
    assert_eq!(reader.progress().unwrap().now(), (size, Some(size)));
}

#[test]
#[cfg(feature = "pcap-live")]
fn a_filter_keeps_the_numbers_of_what_passes() {
    let mut packets = samples(0..6);
    for packet in packets.iter_mut().skip(1).step_by(2) {
        packet.data[12..14].copy_from_slice(&[0x08, 0x06]); // ARP
    }
    let settings = crate::capture::Settings { bpf: Some("arp".into()), ..Default::default() };
    let file = pcap(MICRO, false, &packets);
    let mut reader = crate::capture::open_reader("a.pcap", Box::new(std::io::Cursor::new(file)), &settings).unwrap();
    let (passed, ids, _) = drain(&mut reader);
    assert_eq!((passed.len(), ids), (3, vec![2, 4, 6]));
    assert_eq!((reader.counts().packets, reader.parts()[0].packets), (3, 6));
}

#[test]
#[cfg(feature = "pcap-live")]
fn a_filter_that_does_not_compile_says_why() {
    let error = Filter::compile("tcp prt 502").err().unwrap();
    assert!(error.starts_with("\"tcp prt 502\": ") && error.contains("syntax error"), "{error}");
}

#[test]
#[cfg(not(feature = "pcap-live"))]
fn a_filter_without_libpcap_says_so() {
    assert!(Filter::compile("arp").err().unwrap().contains("pcap-live"));
}
