//! The join over sources: associative, commutative, idempotent, and the same for any number of workers. Universes are small, so that
//! the same things are said again and again, and bounds are reached.

#[path = "cases/wire.rs"]
mod wire;

use inventory::decision::{Decision, Decisions};
use observations::{Said, SourceSaid};
use proptest::prelude::*;
use wire::*;

const MACS: [&str; 6] =
    ["00:80:f4:00:00:01", "00:80:f4:00:00:02", "00:1c:73:00:00:03", "da:a1:19:00:00:04", "00:00:5e:00:01:05", "52:54:00:00:00:06"];

fn ip_of(number: u8) -> String {
    match number % 7 {
        0 => "93.184.216.34".into(),
        1 => "fe80::1".into(),
        number => format!("10.0.0.{number}"),
    }
}

/// One statement: what, by whom, of whom, when.
type Statement = (u8, u8, u8, u8, i64);

fn statement() -> impl Strategy<Value = Statement> {
    (0u8..13, 0u8..6, 0u8..7, 0u8..4, 0i64..6)
}

fn say(wire: &mut Wire, (what, who, address, value, time): Statement) {
    let (mac_text, ip_text) = (MACS[usize::from(who) % MACS.len()], ip_of(address));
    let of = host(mac_text, &ip_text);
    wire.at(time * 20);
    let _: &mut Wire = match what {
        0 | 1 => wire.frame(mac_text, &ip_text, [64, 63, 128, 1][usize::from(value)]),
        2 => wire.arp(mac_text, &ip_text),
        3 => wire.dhcp_client(mac_text, &[0, 9, 9, 9, value % 2]),
        4 => wire.serial(&at_port(&of, 502 + u16::from(value % 2)), "modbus", ["ABB", "ABB AG"][usize::from(value / 2)], &format!("SN-000{value}")),
        5 => wire.serial(&unit(&of, u64::from(value)), "modbus", "WAGO", &format!("SN-100{}", value % 2)),
        6 => wire.lldp_chassis(mac_text, MACS[usize::from(value)]),
        7 => wire.certificate(&of, &[value; 32]),
        8 => wire.name(&of, ["a", "a.example", "b", "B"][usize::from(value)]),
        9 => wire.dns_answer(&of, &format!("n{value}.example"), &ip_of(value)),
        10 => wire.lease(&of, MACS[usize::from(value)], &ip_text),
        11 => wire.asks_for(mac_text, &ip_of(value)),
        _ => wire.talks(&of, &host(MACS[usize::from(value)], &ip_of(value)), 502, "modbus"),
    };
}

/// More of one kind than is kept: names of one address, and peers of one client.
fn crowd(wire: &mut Wire, from: u16, count: u16) {
    for number in from..from + count {
        wire.dns_answer(&host(MACS[2], "10.0.0.2"), &format!("name-{number}.example"), "10.0.0.3");
        wire.talks(&host(MACS[0], "10.0.0.2"), &host("", &format!("10.9.{}.{}", number >> 8, number & 255)), 80, "http");
    }
}

fn source(name: &str, statements: &[Statement], crowded: (u16, u16)) -> Said {
    let mut wire = Wire::new(name);
    statements.iter().for_each(|statement| say(&mut wire, *statement));
    crowd(&mut wire, crowded.0, crowded.1);
    bounded(wire.said)
}

/// As a pipeline leaves it.
fn bounded(said: SourceSaid) -> Said {
    let mut all = SourceSaid { source: said.source.clone(), ..SourceSaid::default() };
    all.add_worker(said);
    Said::of(all)
}

fn document(said: &Said) -> String {
    let decisions = Decisions::of([
        Decision::Split(format!("mac:{}", MACS[0]), format!("mac:{}", MACS[1])),
        Decision::Pin(format!("mac:{}", MACS[2]), format!("mac:{}", MACS[5])),
    ]);
    serde_json::to_string(&inventory::inventory(said, &RULES, &decisions)).unwrap()
}

fn joined<'s>(parts: impl IntoIterator<Item = &'s Said>) -> Said {
    let mut all = Said::default();
    parts.into_iter().for_each(|part| all.join(part.clone()));
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_and_grouping_of_sources_and_any_source_twice(
        statements in prop::collection::vec(prop::collection::vec(statement(), 0..40), 3),
        again in prop::collection::vec(statement(), 0..20),
        crowded in prop::collection::vec((0u16..60, 0u16..60), 4),
    ) {
        // The fourth is another copy of the first source.
        let names = ["one", "two", "three", "one"];
        let parts: Vec<Said> = statements.iter().chain([&again]).zip(names).zip(&crowded).map(|((said, name), crowd)| source(name, said, *crowd)).collect();
        let [a, b, c, d] = &parts[..] else { unreachable!() };
        let whole = joined([a, b, c, d]);
        let expected = document(&whole);
        prop_assert_eq!(&expected, &document(&joined([d, c, b, a])));
        prop_assert_eq!(&expected, &document(&joined([&joined([a, c]), &joined([d, b])])));
        prop_assert_eq!(&expected, &document(&joined([&joined([b, d]), a, a, c, d, &joined([a, b])])));
        prop_assert_eq!(&whole, &joined([&whole, &whole]));
    }

    #[test]
    fn any_share_of_workers_in_any_order(
        shares in prop::collection::vec(prop::collection::vec(statement(), 0..30), 3),
        crowded in 30u16..60,
    ) {
        // No pair of addresses is in two shares: of conversations only the crowd's are taken, whose peers differ by share.
        let share = |number: usize| {
            let mut wire = Wire::new("one");
            for statement in shares[number].iter().filter(|statement| statement.0 < 12) {
                say(&mut wire, *statement);
            }
            crowd(&mut wire, u16::try_from(number).unwrap() * 60, crowded);
            let source = wire.said.source.clone();
            let mut one = SourceSaid { source, ..SourceSaid::default() };
            one.add_worker(wire.said);
            one
        };
        let base = || SourceSaid { source: share(0).source, ..SourceSaid::default() };
        let all = |order: &[usize]| {
            let mut all = base();
            order.iter().for_each(|number| all.add_worker(share(*number)));
            Said::of(all)
        };
        let mut alone = Wire::new("one");
        for (number, statements) in shares.iter().enumerate() {
            statements.iter().filter(|statement| statement.0 < 12).for_each(|statement| say(&mut alone, *statement));
            crowd(&mut alone, u16::try_from(number).unwrap() * 60, crowded);
        }
        let expected = all(&[0, 1, 2]);
        prop_assert_eq!(&expected, &all(&[2, 0, 1]));
        prop_assert_eq!(&expected, &all(&[1, 2, 0]));
        let tallies = |said: &Said| said.sources.values().next().unwrap().tallies.iter().map(|(pair, tally)| (pair.clone(), tally.packets_out)).collect::<Vec<_>>();
        prop_assert_eq!(tallies(&expected), tallies(&bounded(alone.said)));
        prop_assert_eq!(document(&expected), document(&all(&[2, 1, 0])));
    }

    #[test]
    fn a_function_of_the_set(statements in prop::collection::vec(statement(), 0..60), seed in any::<u64>()) {
        // Packet numbers and all: a statement's stamp is its own, whenever it is inserted.
        let mut wire = Wire::new("one");
        statements.iter().for_each(|statement| say(&mut wire, *statement));
        let mut entries: Vec<_> = wire.said.observations.iter().map(|one| (observations::said::order(one.key) ^ seed, one.key.to_vec(), one.entry())).collect();
        entries.sort_by_key(|entry| entry.0);
        let mut shuffled = SourceSaid { source: wire.said.source.clone(), tallies: wire.said.tallies.clone(), ..SourceSaid::default() };
        entries.into_iter().for_each(|(_, key, entry)| shuffled.insert(&key, &entry));
        prop_assert_eq!(document(&Said::of(wire.said)), document(&Said::of(shuffled)));
    }
}

#[test]
fn the_crowd_reaches_the_bounds() {
    let said = source("one", &[], (0, 100));
    let one = said.sources.values().next().unwrap();
    assert_eq!(one.crowded.len(), 1);
    assert_eq!(one.tallies.len(), 65);
}
