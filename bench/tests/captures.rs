//! What every generated capture must keep: the same bytes for the same seed, true checksums, time that never steps back.

use std::collections::HashMap;
use std::error::Error;
use std::path::PathBuf;

use bench::generate::{Order, Shape, write};
use bench::stats::{self, Stats};
use bench::walk;
use etherparse::{NetSlice, SlicedPacket, TcpSlice, TransportSlice};

type Outcome = Result<(), Box<dyn Error>>;
/// Source, destination, source port, destination port.
type Flow = ([u8; 4], [u8; 4], u16, u16);

fn small(shape: Shape) -> Order {
    Order { packets: 30_000, devices: 500, seconds: 30, ..Order::usual(shape) }
}

fn capture(order: &Order) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut bytes = Vec::new();
    write(order, &mut bytes)?;
    Ok(bytes)
}

fn on_disk(name: &str, order: &Order) -> Result<PathBuf, Box<dyn Error>> {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, capture(order)?)?;
    Ok(path)
}

fn counted(name: &str, order: &Order) -> Result<Stats, Box<dyn Error>> {
    let stats = stats::count(&on_disk(name, order)?)?;
    assert_eq!(stats.packets, order.packets);
    assert_eq!(stats.broken, 0, "sliced to the end, in the order of time");
    Ok(stats)
}

#[test]
fn the_same_seed_gives_the_same_bytes() -> Outcome {
    for shape in [Shape::Mix, Shape::Hosts, Shape::Idle] {
        let order = small(shape);
        let first = capture(&order)?;
        assert_eq!(first, capture(&order)?);
        assert_ne!(first, capture(&Order { seed: 2, ..order })?);
    }
    Ok(())
}

#[test]
fn mix_has_its_shape() -> Outcome {
    let stats = counted("mix.pcap", &small(Shape::Mix))?;
    assert!((250.0..450.0).contains(&stats.average()), "{stats}");
    assert!((25.0..55.0).contains(&stats.plant()), "{stats}");
    assert!(stats.tagged * 10 > stats.packets && stats.six > 0, "{stats}");
    Ok(())
}

#[test]
fn hosts_say_one_thing_a_flow() -> Outcome {
    let stats = counted("hosts.pcap", &small(Shape::Hosts))?;
    assert_eq!(stats.devices, 500);
    assert!(stats.flows * 2 > stats.packets, "{stats}");
    Ok(())
}

#[test]
fn idle_has_three_packets_a_flow() -> Outcome {
    let order = small(Shape::Idle);
    let stats = counted("idle.pcap", &order)?;
    assert_eq!(stats.flows * 3, order.packets);
    Ok(())
}

#[test]
fn both_walks_see_every_record() -> Outcome {
    let path = on_disk("walk.pcap", &small(Shape::Mix))?;
    let (bare, headers) = (walk::bare(&path)?, walk::headers(&path)?);
    assert_eq!((bare.packets, bare.bytes), (headers.packets, headers.bytes));
    assert_eq!(bare.packets, 30_000);
    let length = std::fs::metadata(&path)?.len();
    assert_eq!(length, 24 + 16 * bare.packets + bare.bytes);
    Ok(())
}

#[test]
fn a_cut_capture_is_an_error() -> Outcome {
    let mut bytes = capture(&small(Shape::Hosts))?;
    bytes.truncate(bytes.len() - 7);
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cut.pcap");
    std::fs::write(&path, bytes)?;
    assert!(walk::bare(&path).is_err());
    Ok(())
}

#[test]
fn every_checksum_is_right() -> Outcome {
    for (name, shape) in [("sum-mix.pcap", Shape::Mix), ("sum-hosts.pcap", Shape::Hosts)] {
        let path = on_disk(name, &small(shape))?;
        let mut wrong = 0;
        walk::each_record(&path, |_, _, frame| wrong += u32::from(!is_right(frame)))?;
        assert_eq!(wrong, 0, "{name}");
    }
    Ok(())
}

fn is_right(frame: &[u8]) -> bool {
    let Ok(packet) = SlicedPacket::from_ethernet(frame) else {
        return false;
    };
    let (Some(net), Some(transport)) = (&packet.net, &packet.transport) else {
        return true;
    };
    match (net, transport) {
        (NetSlice::Ipv4(ip), TransportSlice::Tcp(tcp)) => {
            let ip = ip.header().to_header();
            let sum = tcp.to_header().calc_checksum_ipv4(&ip, tcp.payload());
            ip.calc_header_checksum() == ip.header_checksum && sum == Ok(tcp.checksum())
        }
        (NetSlice::Ipv4(ip), TransportSlice::Udp(udp)) => {
            let ip = ip.header().to_header();
            let sum = udp.to_header().calc_checksum_ipv4(&ip, udp.payload());
            ip.calc_header_checksum() == ip.header_checksum && sum == Ok(udp.checksum())
        }
        (NetSlice::Ipv6(ip), TransportSlice::Tcp(tcp)) => {
            let ip = ip.header().to_header();
            let sum = tcp.to_header().calc_checksum_ipv6(&ip, tcp.payload());
            sum == Ok(tcp.checksum())
        }
        (NetSlice::Ipv6(ip), TransportSlice::Udp(udp)) => {
            let ip = ip.header().to_header();
            let sum = udp.to_header().calc_checksum_ipv6(&ip, udp.payload());
            sum == Ok(udp.checksum())
        }
        _ => true,
    }
}

#[test]
fn sequence_numbers_have_no_holes() -> Outcome {
    let path = on_disk("sequence.pcap", &small(Shape::Mix))?;
    let mut next: HashMap<Flow, u32> = HashMap::new();
    let (mut holes, mut segments) = (0, 0);
    walk::each_record(&path, |_, _, frame| {
        let Some((flow, tcp)) = segment(frame) else {
            return;
        };
        let length = tcp.payload().len() as u32 + u32::from(tcp.syn() || tcp.fin());
        let after = tcp.sequence_number().wrapping_add(length);
        segments += 1;
        if let Some(expected) = next.insert(flow, after) {
            holes += u32::from(expected != tcp.sequence_number() && !tcp.syn());
        }
    })?;
    assert_eq!(holes, 0, "of {segments} segments");
    Ok(())
}

fn segment(frame: &[u8]) -> Option<(Flow, TcpSlice<'_>)> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Tcp(tcp))) = (packet.net, packet.transport) else {
        return None;
    };
    let addresses = (ip.header().source(), ip.header().destination());
    Some(((addresses.0, addresses.1, tcp.source_port(), tcp.destination_port()), tcp))
}
