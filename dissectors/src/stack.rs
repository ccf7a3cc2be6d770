//! How a TCP/IP stack opens a connection: what the headers of its SYN and SYN+ACK hold, in the order in which they hold it.
//!
//! Spec: RFC 791, RFC 9293 (options: §3.2), RFC 7323, RFC 2018; the signature's grammar is that of p0f 3 (README, section 5):
//! `version:TTL:IP options:MSS:window,scale:options:quirks:payload`.
//! Tells us: facts of a stack, which differ between systems. Does not tell: the system; whoever sends packets chooses their headers.

use crate::context::Context;
use crate::frame::{Frame, Net};
use observations::{Field, Kind, Value};
use std::fmt::Write;

const ACK: u8 = 0x10;
const PSH: u8 = 0x08;
const URG: u8 = 0x20;
/// RFC 3168: ECE and CWR.
const ECN: u8 = 0xc0;
/// RFC 9293 §3.1: a header without options, and the longest.
const HEADER: usize = 20;
const HEADER_MAX: usize = 60;
/// Options that are looked at: forty bytes hold no more.
const OPTIONS_MAX: usize = 40;
/// TTLs with which stacks begin (RFC 1700 recommended 64): a packet has passed fewer routers than lie between two.
const INITIAL: [u8; 4] = [32, 64, 128, 255];
/// Windows that are a multiple of the segment size are no accident; of many segments they are.
const SEGMENTS_MAX: u16 = 1000;

/// Says the signature of a SYN or SYN+ACK; one that a host showed before is only timed, without being written.
pub(crate) fn say(cx: &mut Context<'_>) {
    let frame = *cx.frame();
    let Some(words) = headers(&frame, cx.captured()).map(|(net, tcp)| Words::of(&frame, net, tcp)) else { return };
    // Nothing in it can fail.
    let _ = cx.once(words, |cx| {
        let Some(signature) = signature(&frame, cx.captured()) else { return Ok(()) };
        let field = if frame.tcp_flags & ACK == 0 { Field::TcpSignature } else { Field::TcpSignatureAnswer };
        let (about, name) = (cx.sender_host(), if frame.net == Net::V4 { "ip" } else { "ipv6" });
        let (at, length) = (frame.transport_offset, frame.payload_offset.saturating_sub(frame.transport_offset));
        cx.say_as(name, &about, &about, Kind::Stack).in_frame_derived(field, &Value::Text(signature.into_bytes()), at, length, "p0f-signature");
        Ok(())
    });
}

/// The network and transport headers, if they lie in the captured bytes.
fn headers<'p>(frame: &Frame, data: &'p [u8]) -> Option<(&'p [u8], &'p [u8])> {
    if frame.detached != 0 || frame.protocol != 6 {
        return None;
    }
    let start = usize::try_from(frame.transport_offset).ok()?;
    let tcp = data.get(start..usize::try_from(frame.payload_offset).ok()?)?;
    let net = data.get(usize::try_from(frame.net_offset).ok()?..start)?;
    (HEADER..=HEADER_MAX).contains(&tcp.len()).then_some((net, tcp))
}

/// All on which a signature depends, without what is new in each connection: ports, numbers, sums and times.
#[derive(Hash)]
struct Words {
    net: ([u8; 4], usize),
    ttl: u8,
    tcp: [u8; HEADER_MAX],
    length: usize,
    payload: bool,
}

impl Words {
    fn of(frame: &Frame, net: &[u8], tcp: &[u8]) -> Self {
        let byte = |at: usize| net.get(at).copied().unwrap_or_default();
        let lower = match frame.net {
            Net::V4 => [byte(0), byte(1) & 3, u8::from(byte(4) | byte(5) != 0), byte(6) & 0xc0],
            _ => [byte(1) & 0x30, u8::from(byte(1) & 0x0f | byte(2) | byte(3) != 0), 0, 0],
        };
        let mut words = [0; HEADER_MAX];
        words.iter_mut().zip(tcp).for_each(|(word, byte)| *word = *byte);
        let numbers = [frame.tcp_seq == 0, frame.tcp_ack == 0, false, false];
        let blank = |words: &mut [u8], at: usize, values: &[bool]| {
            words.iter_mut().skip(at).zip(values).for_each(|(word, value)| *word = u8::from(*value));
        };
        blank(&mut words, 0, &[false; 4]);
        blank(&mut words, 4, &[false; 8]);
        blank(&mut words, 4, &numbers);
        blank(&mut words, 16, &[false; 2]);
        let mut at = HEADER;
        // RFC 7323 §3.2: times are known by whether there are any.
        while let Some(&[kind, length]) = tcp.get(at..at + 2).and_then(<[u8]>::first_chunk) {
            match kind {
                0 => break,
                1 => at += 1,
                8 if length == 10 => {
                    let some = |from: usize| tcp.get(from..from + 4).is_some_and(|time| time != [0; 4]);
                    blank(&mut words, at + 2, &[some(at + 2), false, false, false, some(at + 6), false, false, false]);
                    at += 10;
                }
                _ if length < 2 => break,
                _ => at += usize::from(length),
            }
        }
        Self { net: (lower, net.len()), ttl: initial(frame.ttl), tcp: words, length: tcp.len(), payload: frame.payload_len > 0 }
    }
}

/// The TTL with which a packet began.
fn initial(ttl: u8) -> u8 {
    INITIAL.iter().find(|initial| **initial >= ttl).copied().unwrap_or(u8::MAX)
}

/// The signature of a frame whose headers lie in the captured bytes.
fn signature(frame: &Frame, data: &[u8]) -> Option<String> {
    let (net, tcp) = headers(frame, data)?;
    let (version, options, mut quirks) = match frame.net {
        Net::V4 => v4(net)?,
        Net::V6 => v6(net)?,
        _ => return None,
    };
    let layout = Layout::of(tcp.get(HEADER..)?, frame.tcp_flags);
    transport(tcp, frame, &mut quirks);
    quirks.extend(&layout.quirks);
    let ttl = initial(frame.ttl);
    let window = u16::from_be_bytes(*tcp.get(14..)?.first_chunk::<2>()?);
    let mut text = format!("{version}:{ttl}:{options}:");
    let _ = match layout.mss {
        Some(mss) => write!(text, "{mss}:"),
        None => write!(text, "*:"),
    };
    // The segment, or with it the headers of IPv4 and TCP, so many times.
    let times = |unit: u16| (unit > 0 && window > 0 && window.is_multiple_of(unit)).then(|| window / unit).filter(|times| *times < SEGMENTS_MAX);
    let mss = layout.mss.unwrap_or(0);
    let _ = match (times(mss), times(mss.saturating_add(40)).filter(|_| mss > 0)) {
        (Some(times), _) => write!(text, "mss*{times}"),
        (None, Some(times)) => write!(text, "mtu*{times}"),
        (None, None) => write!(text, "{window}"),
    };
    let _ = write!(text, ",{}:{}:{}:{}", layout.scale, layout.names.join(","), quirks.join(","), if frame.payload_len > 0 { "+" } else { "0" });
    Some(text)
}

/// Version, length of options, quirks.
type Lower = (char, usize, Vec<&'static str>);

/// RFC 791 §3.1.
fn v4(net: &[u8]) -> Option<Lower> {
    let &[first, service, _, _, i0, i1, fragment, ..] = net.first_chunk::<HEADER>()?;
    let mut quirks = Vec::new();
    let (df, id) = (fragment & 0x40 != 0, [i0, i1] != [0, 0]);
    if df {
        quirks.push("df");
    }
    match (df, id) {
        (true, true) => quirks.push("id+"),
        (false, false) => quirks.push("id-"),
        _ => {}
    }
    if service & 3 != 0 {
        quirks.push("ecn");
    }
    if fragment & 0x80 != 0 {
        quirks.push("0+");
    }
    Some(('4', (usize::from(first & 15) * 4).saturating_sub(HEADER), quirks))
}

/// RFC 8200 §3.
fn v6(net: &[u8]) -> Option<Lower> {
    let &[_, class, flow, label, ..] = net.first_chunk::<40>()?;
    let mut quirks = Vec::new();
    if class & 0x30 != 0 {
        quirks.push("ecn");
    }
    if class & 0x0f != 0 || flow != 0 || label != 0 {
        quirks.push("flow");
    }
    Some(('6', net.len().saturating_sub(40), quirks))
}

/// RFC 9293 §3.1.
fn transport(tcp: &[u8], frame: &Frame, quirks: &mut Vec<&'static str>) {
    let flags = frame.tcp_flags;
    let urgent = tcp.get(18..HEADER).is_some_and(|pointer| pointer != [0, 0]);
    let rows = [
        (flags & ECN != 0 && !quirks.contains(&"ecn"), "ecn"),
        (frame.tcp_seq == 0, "seq-"),
        (flags & ACK == 0 && frame.tcp_ack != 0, "ack+"),
        (flags & ACK != 0 && frame.tcp_ack == 0, "ack-"),
        (flags & URG == 0 && urgent, "uptr+"),
        (flags & URG != 0, "urgf+"),
        (flags & PSH != 0, "pushf+"),
    ];
    quirks.extend(rows.iter().filter(|row| row.0).map(|row| row.1));
}

/// Options in their order.
#[derive(Default)]
struct Layout {
    names: Vec<String>,
    mss: Option<u16>,
    scale: u8,
    quirks: Vec<&'static str>,
}

impl Layout {
    fn of(mut rest: &[u8], flags: u8) -> Self {
        let mut layout = Self::default();
        for _ in 0..OPTIONS_MAX {
            let Some((&kind, behind)) = rest.split_first() else { break };
            match kind {
                0 => {
                    layout.names.push(format!("eol+{}", behind.len()));
                    if behind.iter().any(|byte| *byte != 0) {
                        layout.quirks.push("opt+");
                    }
                    break;
                }
                1 => {
                    layout.names.push("nop".to_owned());
                    rest = behind;
                    continue;
                }
                _ => {}
            }
            let length = behind.first().map_or(0, |length| usize::from(*length));
            let Some((option, behind)) = rest.split_at_checked(length).filter(|_| length >= 2) else {
                layout.quirks.push("bad");
                break;
            };
            rest = behind;
            layout.option(option, flags);
        }
        layout
    }

    fn option(&mut self, option: &[u8], flags: u8) {
        let name = match *option {
            [2, _, high, low] => {
                self.mss = Some(u16::from_be_bytes([high, low]));
                "mss"
            }
            [3, _, scale] => {
                self.scale = scale;
                // RFC 7323 §2.3: more is not allowed.
                if scale > 14 {
                    self.quirks.push("exws");
                }
                "ws"
            }
            [4, _] => "sok",
            [5, ..] => "sack",
            [8, _, a, b, c, d, e, f, g, h] => {
                if [a, b, c, d] == [0; 4] {
                    self.quirks.push("ts1-");
                }
                if flags & ACK == 0 && [e, f, g, h] != [0; 4] {
                    self.quirks.push("ts2+");
                }
                "ts"
            }
            [kind, ..] => {
                self.names.push(format!("?{kind}"));
                return;
            }
            [] => return,
        };
        self.names.push(name.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use observations::Mac;

    const SYN: u8 = 0x02;

    fn segment(ttl: u8, flags: u8, window: u16, options: &[u8]) -> (Frame, Vec<u8>) {
        let mut data = vec![0x45, 0, 0, 60, 0x12, 0x34, 0x40, 0, ttl, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        data.extend([0xc3, 0x50, 1, 0xf6, 0, 0, 0, 9, 0, 0, 0, 0, 0x50, flags]);
        data.extend(window.to_be_bytes());
        data.extend([0; 4]);
        data.extend(options);
        let payload_offset = u32::try_from(data.len()).unwrap();
        let frame = Frame { net: Net::V4, protocol: 6, ttl, tcp_flags: flags, tcp_seq: 9, transport_offset: 20, payload_offset, ..Frame::default() };
        (Frame { src_mac: Mac([0, 0, 0, 0, 1, 1]), ..frame }, data)
    }

    fn of((frame, data): &(Frame, Vec<u8>)) -> String {
        signature(frame, data).unwrap_or_default()
    }

    #[test]
    fn what_a_stack_puts_into_its_headers_is_written_in_their_order() {
        let options = [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 1, 2, 3, 0, 0, 0, 0, 1, 3, 3, 7];
        assert_eq!(of(&segment(61, SYN, 64240, &options)), "4:64:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0");
        let options = [2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2];
        assert_eq!(of(&segment(128, SYN, 65535, &options)), "4:128:0:1460:65535,8:mss,nop,ws,nop,nop,sok:df,id+:0");
    }

    #[test]
    fn options_that_lie_are_bad_and_end_the_reading() {
        assert_eq!(of(&segment(255, SYN, 4128, &[2, 4, 5, 0xb4, 9, 0, 0, 0])), "4:255:0:1460:4128,0:mss:df,id+,bad:0");
        assert_eq!(of(&segment(255, SYN, 4128, &[3, 3, 20, 0])), "4:255:0:*:4128,20:ws,eol+0:df,id+,exws:0");
    }

    #[test]
    fn what_is_new_in_each_connection_makes_no_new_words() {
        use std::hash::BuildHasher;
        let options = |time: u8| [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 1, 2, time, 0, 0, 0, 0, 1, 3, 3, 7];
        let hasher = foldhash::fast::FixedState::default();
        let hash = |(frame, data): &(Frame, Vec<u8>)| headers(frame, data).map(|(net, tcp)| hasher.hash_one(Words::of(frame, net, tcp))).unwrap();
        let (first, mut second) = (segment(64, SYN, 64240, &options(3)), segment(61, SYN, 64240, &options(9)));
        (second.1[20], second.1[27]) = (9, 77);
        second.0.tcp_seq = 77;
        assert_eq!(hash(&first), hash(&second));
        assert_eq!(of(&first), of(&second));
        for other in [segment(64, SYN, 64241, &options(3)), segment(128, SYN, 64240, &options(3)), segment(64, SYN, 64240, &[2, 4, 5, 0xb4])] {
            assert_ne!(hash(&first), hash(&other));
        }
    }

    #[test]
    fn what_is_not_there_has_no_signature() {
        let (frame, data) = segment(64, SYN, 1, &[]);
        assert_eq!(signature(&frame, &data[..30]), None);
        assert_eq!(signature(&Frame { protocol: 17, ..frame }, &data), None);
    }
}
