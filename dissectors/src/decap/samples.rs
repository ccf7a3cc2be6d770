//! Exactly built frames for the tests: one function a header, one line a field.

use super::{Layer, Walk};
use crate::frame::Frame;
use crate::packet::{LinkType, Packet};
use crate::tunnel::{DEPTH_MAX, Decoder};

pub(crate) const DST: [u8; 6] = [0x02, 0, 0, 0, 0, 0x0d];
pub(crate) const SRC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x05];
pub(crate) const INNER_DST: [u8; 6] = [0x00, 0x11, 0x22, 0, 0, 0x0d];
pub(crate) const INNER_SRC: [u8; 6] = [0x00, 0x11, 0x22, 0, 0, 0x05];
/// What the innermost transport carries.
pub(crate) const SAID: &[u8] = b"said";

pub(crate) fn decode(link: LinkType, data: &[u8]) -> Frame {
    Decoder::new().decode(&packet(link, data))
}

pub(crate) fn packet(link: LinkType, data: &[u8]) -> Packet<'_> {
    Packet { data, wire_len: u32::try_from(data.len()).unwrap(), link, time: 0, id: 1 }
}

/// What the general walk makes of it, also if the common one could.
pub(crate) fn general(packet: &Packet<'_>) -> Frame {
    let mut frame = Frame::EMPTY;
    let mut walk = Walk::new(packet, DEPTH_MAX, &mut frame);
    let _ = walk.run(Layer::Link(packet.link));
    frame
}

pub(crate) fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    between(DST, SRC, ether_type, payload)
}

pub(crate) fn between(dst: [u8; 6], src: [u8; 6], ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [
        &dst[..],
        &src,
        &ether_type.to_be_bytes(), // or length
        payload,
    ]
    .concat()
}

pub(crate) fn vlan(id: u16, ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [
        &(0xe000 | id).to_be_bytes()[..], // priority 7
        &ether_type.to_be_bytes(),
        payload,
    ]
    .concat()
}

/// 10.0.0.1 to 10.0.0.2.
pub(crate) fn v4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    v4_at([10, 0, 0], protocol, 0x4000, payload)
}

/// 192.168.7.1 to 192.168.7.2.
pub(crate) fn inner_v4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    v4_at([192, 168, 7], protocol, 0x4000, payload)
}

pub(crate) fn v4_at([a, b, c]: [u8; 3], protocol: u8, place: u16, payload: &[u8]) -> Vec<u8> {
    [
        &[0x45, 0][..], // version, header length; service
        &u16::try_from(20 + payload.len()).unwrap().to_be_bytes(),
        &[0x12, 0x34],         // identification
        &place.to_be_bytes(),  // flags, fragment offset
        &[64, protocol, 0, 0], // TTL, protocol, checksum
        &[a, b, c, 1],
        &[a, b, c, 2],
        payload,
    ]
    .concat()
}

/// 2001:db8::1 to 2001:db8::2.
pub(crate) fn v6(next: u8, payload: &[u8]) -> Vec<u8> {
    [
        &[0x60, 0, 0, 0][..], // version, traffic class, flow label
        &u16::try_from(payload.len()).unwrap().to_be_bytes(),
        &[next, 255], // next header, hop limit
        &[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        &[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
        payload,
    ]
    .concat()
}

pub(crate) fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    [
        &[0xc0, 0x01][..], // source port
        &port.to_be_bytes(),
        &u16::try_from(8 + payload.len()).unwrap().to_be_bytes(),
        &[0xbe, 0xef], // checksum
        payload,
    ]
    .concat()
}

pub(crate) fn tcp(payload: &[u8]) -> Vec<u8> {
    [
        &[0xc0, 0x02][..], // source port
        &[0x01, 0xf6],     // destination port 502
        &[0, 0, 0, 1],     // sequence number
        &[0, 0, 0, 2],     // acknowledgement number
        &[0x60, 0x18],     // header of 24 bytes; PSH, ACK
        &[0x10, 0x00],     // window
        &[0xca, 0xfe],     // checksum
        &[0, 0],           // urgent pointer
        &[1, 1, 1, 0],     // options
        payload,
    ]
    .concat()
}

/// Ethernet, IPv4, TCP, and what is said: what the tunnels carry.
pub(crate) fn inner_frame() -> Vec<u8> {
    between(INNER_DST, INNER_SRC, 0x0800, &inner_v4(6, &tcp(SAID)))
}

pub(crate) fn gre(flags: u16, protocol: u16, fields: &[u8], payload: &[u8]) -> Vec<u8> {
    [&flags.to_be_bytes()[..], &protocol.to_be_bytes(), fields, payload].concat()
}

pub(crate) fn vxlan(vni: u8, frame: &[u8]) -> Vec<u8> {
    [
        &[0x08, 0, 0, 0][..], // flags: the VNI counts
        &[0, 0, vni, 0],      // VNI, reserved
        frame,
    ]
    .concat()
}

pub(crate) fn geneve(protocol: u16, vni: u8, payload: &[u8]) -> Vec<u8> {
    [
        &[0x02, 0][..], // version 0, options of two words; flags
        &protocol.to_be_bytes(),
        &[0, 0, vni, 0],           // VNI, reserved
        &[0x01, 0x02, 0x80, 1],    // option class, type, length in words
        &[0xaa, 0xbb, 0xcc, 0xdd], // option data
        payload,
    ]
    .concat()
}

/// Type II of session 5, from a port with tag 100 that was stripped.
pub(crate) fn erspan_2(frame: &[u8]) -> Vec<u8> {
    gre(
        0x1000,
        0x88be,
        &[0, 0, 0, 9], // sequence number
        &[
            &[0x10, 100][..],  // version 1, VLAN
            &[0b0001_0000, 5], // class, En 2, truncated, session
            &[0, 0, 0, 7],     // reserved, index
            frame,
        ]
        .concat(),
    )
}

/// Type III of session 6, with the platform's subheader.
pub(crate) fn erspan_3(frame: &[u8]) -> Vec<u8> {
    gre(
        0x1000,
        0x22eb,
        &[0, 0, 0, 9], // sequence number
        &[
            &[0x20, 100][..],          // version 2, VLAN
            &[0, 6],                   // class, bad or short, truncated, session
            &[1, 2, 3, 4],             // timestamp
            &[0, 0],                   // security group tag
            &[0, 1],                   // Ethernet frame, hardware id, direction, granularity, subheader follows
            &[0, 0, 0, 0, 0, 0, 0, 0], // subheader
            frame,
        ]
        .concat(),
    )
}

pub(crate) fn tzsp(frame: &[u8]) -> Vec<u8> {
    [
        &[1, 0][..],      // version, received
        &[0, 1],          // Ethernet
        &[0],             // padding
        &[0x0a, 1, 0xc4], // signal strength
        &[1],             // end of tags
        frame,
    ]
    .concat()
}

/// With a sequence number and the QFI of a 5G session.
pub(crate) fn gtp_u(packet: &[u8]) -> Vec<u8> {
    [
        &[0x36, 0xff][..], // version 1, GTP, E and S; T-PDU
        &u16::try_from(8 + packet.len()).unwrap().to_be_bytes(),
        &[0, 0, 0, 1],    // tunnel
        &[0, 1, 0, 0x85], // sequence number, N-PDU number, next: PDU session container
        &[1, 0x10, 9, 0], // one word, type, QFI, next: none
        packet,
    ]
    .concat()
}

pub(crate) fn mpls(payload: &[u8]) -> Vec<u8> {
    [
        &[0x00, 0x01, 0x00, 0xff][..], // label 16
        &[0x00, 0x01, 0x11, 0xff],     // label 17, bottom of stack
        payload,
    ]
    .concat()
}

pub(crate) fn pppoe(protocol: &[u8], payload: &[u8]) -> Vec<u8> {
    [
        &[0x11, 0x00, 0x00, 0x2a][..], // version, type; session data; session id
        &u16::try_from(protocol.len() + payload.len()).unwrap().to_be_bytes(),
        protocol,
        payload,
    ]
    .concat()
}

pub(crate) fn cooked(protocol: u16, payload: &[u8]) -> Vec<u8> {
    [
        &[0, 4][..], // sent by us
        &[0, 1],     // ARPHRD_ETHER
        &[0, 6],     // length of the address
        &SRC,
        &[0, 0], // rest of the address field
        &protocol.to_be_bytes(),
        payload,
    ]
    .concat()
}

pub(crate) fn cooked_2(protocol: u16, payload: &[u8]) -> Vec<u8> {
    [
        &protocol.to_be_bytes()[..],
        &[0, 0],       // reserved
        &[0, 0, 0, 2], // interface
        &[0, 1],       // ARPHRD_ETHER
        &[4, 6],       // sent by us, length of the address
        &SRC,
        &[0, 0], // rest of the address field
        payload,
    ]
    .concat()
}

/// IPv6 with hop-by-hop options, routing, destination options and an authentication header before TCP.
pub(crate) fn v6_with_extensions() -> Vec<u8> {
    let headers = [
        &[43, 0, 1, 4, 0, 0, 0, 0][..],                      // hop-by-hop: routing follows; padding
        &[60, 0, 0, 0, 0, 0, 0, 0],                          // routing: destination options follow
        &[51, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], // destination options, 16 bytes: authentication follows
        &[6, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1],               // authentication, three words: TCP follows
        &tcp(SAID),
    ];
    v6(0, &headers.concat())
}

/// One frame of each kind that we take apart to its payload, which is [`SAID`].
pub(crate) fn all() -> Vec<(&'static str, LinkType, Vec<u8>)> {
    let e = LinkType::ETHERNET;
    let (packet, packet_6, frame) = (inner_v4(6, &tcp(SAID)), v6(6, &tcp(SAID)), inner_frame());
    let over_udp = |port, payload: &[u8]| ethernet(0x0800, &v4(17, &udp(port, payload)));
    vec![
        ("tcp", e, frame.clone()),
        ("udp over IPv6", e, ethernet(0x86dd, &v6(17, &udp(5000, SAID)))),
        ("IPv6 extension headers", e, ethernet(0x86dd, &v6_with_extensions())),
        ("QinQ", e, ethernet(0x88a8, &vlan(10, 0x8100, &vlan(20, 0x0800, &packet)))),
        ("raw", LinkType::RAW, packet.clone()),
        ("raw 6", LinkType::IPV6, packet_6.clone()),
        ("null", LinkType::NULL, [&[2, 0, 0, 0], &packet[..]].concat()),
        ("loop", LinkType::LOOP, [&[0, 0, 0, 24], &packet_6[..]].concat()),
        ("cooked", LinkType::LINUX_SLL, cooked(0x0800, &packet)),
        ("cooked 2", LinkType::LINUX_SLL2, cooked_2(0x86dd, &packet_6)),
        ("ppp", LinkType::PPP, [&[0xff, 0x03, 0x00, 0x21], &packet[..]].concat()),
        ("compressed ppp", LinkType::PPP, [&[0x57], &packet_6[..]].concat()),
        ("mpls", e, ethernet(0x8847, &mpls(&packet))),
        ("mpls pseudowire", e, ethernet(0x8847, &mpls(&frame))),
        ("mpls pseudowire with control word", e, ethernet(0x8847, &mpls(&[&[0, 0, 0, 1], &frame[..]].concat()))),
        ("pppoe", e, ethernet(0x8864, &pppoe(&[0x00, 0x57], &packet_6))),
        ("hsr", e, ethernet(0x892f, &[&[0x10, 0x40, 0x00, 0x01, 0x08, 0x00], &packet[..]].concat())),
        ("gre", e, ethernet(0x0800, &v4(47, &gre(0xb000, 0x0800, &[0, 0, 0, 0, 0, 0, 0, 42, 0, 0, 0, 1], &packet)))),
        ("gre with routes", e, ethernet(0x0800, &v4(47, &gre(0x4000, 0x86dd, &[0, 0, 0, 0, 8, 0, 0, 2, 9, 9, 0, 0, 0, 0], &packet_6)))),
        ("gre bridge", e, ethernet(0x86dd, &v6(47, &gre(0, 0x6558, &[], &frame)))),
        ("mpls in gre", e, ethernet(0x0800, &v4(47, &gre(0, 0x8847, &[], &mpls(&packet))))),
        ("erspan 1", e, ethernet(0x0800, &v4(47, &gre(0, 0x88be, &[], &frame)))),
        ("erspan 2", e, ethernet(0x0800, &v4(47, &erspan_2(&frame)))),
        ("erspan 3", e, ethernet(0x0800, &v4(47, &erspan_3(&frame)))),
        ("vxlan", e, over_udp(4789, &vxlan(7, &frame))),
        ("old vxlan", e, over_udp(8472, &vxlan(7, &frame))),
        ("geneve", e, over_udp(6081, &geneve(0x6558, 9, &frame))),
        ("geneve with IPv6", e, over_udp(6081, &geneve(0x86dd, 9, &packet_6))),
        ("gtp-u", e, over_udp(2152, &gtp_u(&packet))),
        ("IPv4 in IPv4", e, ethernet(0x0800, &v4(4, &packet))),
        ("6in4", e, ethernet(0x0800, &v4(41, &packet_6))),
        ("tzsp", e, over_udp(37008, &tzsp(&frame))),
        ("erspan with a tag inside", e, ethernet(0x0800, &v4(47, &erspan_2(&between(INNER_DST, INNER_SRC, 0x8100, &vlan(30, 0x0800, &packet)))))),
        ("geneve in vxlan", e, over_udp(4789, &vxlan(7, &ethernet(0x0800, &v4(17, &udp(6081, &geneve(0x6558, 9, &frame))))))),
        ("vxlan with IPv6 inside", e, over_udp(4789, &vxlan(7, &between(INNER_DST, INNER_SRC, 0x86dd, &packet_6)))),
    ]
}
