//! The shape *mix*: a plant's and an office's mirrored traffic, long polls and bulk beside many short flows.

use super::call::Call;
use super::office::{dhcp, names, quic, smb, snmp, ssdp, ssh, tls, web};
use super::plant::{enip, goose, link, modbus, opcua, profinet, s7};
use super::random::Random;
use super::scan;
use super::talk::Talk;

/// The packets for which the counts below are given.
const PER: u64 = 2_800_000;

/// One sort of talk.
pub(crate) struct Row {
    /// How many there are in `PER` packets.
    count: u64,
    /// About how many packets one has.
    packets: u32,
    /// About how many seconds one lasts at most.
    seconds: u64,
    /// Makes one.
    pub(crate) make: fn(&mut Call<'_>) -> Box<dyn Talk>,
}

const fn row(count: u64, packets: u32, seconds: u64, make: fn(&mut Call<'_>) -> Box<dyn Talk>) -> Row {
    Row { count, packets, seconds, make }
}

/// All sorts: the one that also fills up, the plant, the office.
pub(crate) const ROWS: &[Row] = &[
    row(43_000, 2, 1, names::dns),
    row(385, 900, 300, modbus::poll),
    row(5_600, 14, 4, modbus::visit),
    row(205, 1_000, 300, s7::poll),
    row(1_500, 20, 3, s7::visit),
    row(80, 800, 300, enip::explicit),
    row(900, 14, 3, enip::explicit),
    row(335, 1_800, 330, enip::implicit),
    row(3_600, 2, 1, enip::list_identity),
    row(205, 1_000, 330, profinet::real_time),
    row(2_000, 2, 1, profinet::identify),
    row(80, 1_000, 330, goose::publish),
    row(140, 1_100, 300, opcua::subscribe),
    row(4_000, 1, 1, link::lldp),
    row(40, 180, 350, link::spanning_tree),
    row(14_000, 2, 1, link::arp),
    row(4_500, 1, 1, names::mdns),
    row(4_500, 1, 1, names::llmnr),
    row(3_000, 1, 1, names::nbns),
    row(3_500, 1, 1, ssdp::either),
    row(1_500, 3, 1, dhcp::lease),
    row(11_000, 18, 6, tls::visit12),
    row(9_000, 18, 6, tls::visit13),
    row(76, 2_000, 120, tls::bulk),
    row(6_200, 12, 5, web::visit),
    row(2_600, 26, 8, quic::visit),
    row(330, 60, 60, ssh::session),
    row(66, 2_200, 90, smb::bulk),
    row(3_400, 4, 1, snmp::poll),
    row(8_000, 2, 1, scan::refused),
];

/// One talk of the plan.
pub(crate) struct Entry {
    /// Which row.
    pub(crate) row: usize,
    /// About how many packets.
    pub(crate) packets: u32,
    /// How many microseconds.
    pub(crate) life: u64,
}

/// By how many percent long talks differ from their row, in turns; together nothing.
const LENGTHS: [u64; 6] = [25, 40, 60, 90, 140, 245];
/// The row that fills up a capture whose talks ended too early.
pub(crate) const FILLER: Entry = Entry { row: 0, packets: 2, life: 1 };

/// When which talk begins, for about `packets` packets in `seconds` seconds.
pub(crate) fn plan(packets: u64, seconds: u64, random: &mut Random) -> Vec<(u64, Entry)> {
    let mut plan = Vec::new();
    for (number, row) in ROWS.iter().enumerate() {
        let scaled = row.count * packets * 1_000 / PER;
        let count = scaled / 1_000;
        // What is left of a long talk becomes a shorter one, of a short one a matter of chance.
        let rest = scaled % 1_000 / 10;
        let last = if row.packets > 100 {
            rest.max(1)
        } else if random.below(100) < rest {
            100
        } else {
            0
        };
        for nth in 0..count + u64::from(last > 0) {
            let factor = if nth == count {
                last
            } else if row.packets > 100 && nth < count / 6 * 6 {
                LENGTHS[(nth % 6) as usize]
            } else if (5..=100).contains(&row.packets) {
                random.between(60, 140)
            } else {
                100
            };
            plan.push(entry(number, factor, seconds * 1_000_000, random));
        }
    }
    plan
}

/// One talk of a row, of `factor` percent of its packets, at any time at which it still ends.
fn entry(number: usize, factor: u64, whole: u64, random: &mut Random) -> (u64, Entry) {
    let row = &ROWS[number];
    let packets = (u64::from(row.packets) * factor / 100).max(1) as u32;
    let life = (row.seconds * 1_000_000).min(whole * 9 / 10) * random.between(50, 100) / 100;
    let at = random.below(whole.saturating_sub(life).max(1));
    let entry = Entry { row: number, packets, life };
    (at, entry)
}
