//! EGD, Ethernet Global Data: which GE controllers produce data, and for whom.
//!
//! Spec: GE Fanuc GFK-1541 (TCP/IP Ethernet Communications, chapter on Ethernet Global Data); Wireshark documents the same header.
//! Tells us: producer id and number of each exchange.
//! Does not tell: who the producer is; whether the producer's address is true (nothing is authenticated).

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use nom::bytes::take;
use nom::number::le_u16;
use nom::{IResult, Parser};
use observations::{Field, Kind, OperationClass, Transport};
use std::net::Ipv4Addr;

pub(crate) struct Egd;

const DATA_PORT: u16 = 18246;
const CONFIGURATION_PORT: u16 = 7937;
/// PDU type of data production, and the protocol's version.
const DATA_PRODUCTION: u8 = 13;
const VERSION: u8 = 1;
/// Type, version, request, producer (4), exchange (4), time (8), status (4), signature (4), reserved (4).
const HEADER: usize = 32;
/// GFK-1541: an exchange has at most 1,400 bytes of data.
const LENGTH_MAX: usize = HEADER + 1400;

const OPERATIONS: &[(&str, OperationClass)] = &[("data_production", OperationClass::Read)];

impl Dissector for Egd {
    type State = ();

    const ROW: Row = Row {
        name: "egd",
        revision: 1,
        spec: "GE Fanuc GFK-1541",
        tells: "producers and exchanges of global data",
        bindings: &[Binding::Udp(DATA_PORT), Binding::Udp(CONFIGURATION_PORT)],
        shapes: &[Shape {
            over: Transport::Udp,
            // Type and version; exchanges are numbered by people, below 16 million.
            bytes: &[(0, 0xff, DATA_PRODUCTION), (1, 0xff, VERSION), (11, 0xff, 0)],
            min: HEADER,
            max: LENGTH_MAX,
        }],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let Ok((_, header)) = header(head) else { return Gate::NotMine };
        let bound = [at.src_port, at.dst_port].iter().any(|port| matches!(*port, DATA_PORT | CONFIGURATION_PORT));
        let producer = header.address().is_some_and(|address| !address.is_unspecified() && !address.is_multicast() && !address.is_broadcast());
        let shaped = header.kind == [DATA_PRODUCTION, VERSION] && header.reserved == [0; 4] && producer;
        // Elsewhere than on its port, what the header calls status must be one (0 or 1, GFK-1541).
        if shaped && (bound || matches!(header.status, [0 | 1, 0, 0, 0])) { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, _: &[u8]) -> Side {
        // Who produces serves.
        Side::Server
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Ok((_, header)) = header(head) else { return Glance::SKIP };
        let exchange = crate::tlv::number(header.exchange.get(..2).unwrap_or_default());
        Glance { operation: Some(0), look: Look::Once(u32::try_from(exchange).unwrap_or(0)), inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (_, header) = header(pdu)?;
        let about = cx.sender();
        let exchange = header.exchange.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
        cx.say(&about, Kind::Service)
            .maybe(header.address(), |saying, address| saying.ip(Field::ProducerId, address.into(), header.producer))
            .number(Field::ExchangeId, exchange, header.exchange);
        Ok(Next::Watch)
    }
}

struct Header<'a> {
    kind: &'a [u8],
    producer: &'a [u8],
    exchange: &'a [u8],
    status: &'a [u8],
    reserved: &'a [u8],
}

fn header(i: &[u8]) -> IResult<&[u8], Header<'_>> {
    let (i, (kind, _request)) = (take(2usize), le_u16()).parse(i)?;
    let (i, (producer, exchange, _time)) = (take(4usize), take(4usize), take(8usize)).parse(i)?;
    let (i, (status, _signature, reserved)) = (take(4usize), take(4usize), take(4usize)).parse(i)?;
    Ok((i, Header { kind, producer, exchange, status, reserved }))
}

impl Header<'_> {
    fn address(&self) -> Option<Ipv4Addr> {
        self.producer.first_chunk().map(|bytes: &[u8; 4]| Ipv4Addr::from(*bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, payload};

    const PRODUCED: &[u8] = &[
        13, 1, 0xd4, 0xf0, // data production, version, request
        10, 0, 0, 2, // producer
        123, 0, 0, 0, // exchange
        0xbe, 0x8a, 0x7e, 0x38, 0x00, 0x81, 0x1b, 0x2c, // time
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // status, signature, reserved
        1, 2, 3, 4,
    ];

    #[test]
    fn a_producer_says_its_exchange() {
        for port in [DATA_PORT, 4711] {
            let said = payload(&Egd, Transport::Udp, port, 50000, PRODUCED);
            assert_eq!(field(&said, Kind::Service, Field::ProducerId), ["10.0.0.2"]);
            assert_eq!(field(&said, Kind::Service, Field::ExchangeId), ["123"]);
        }
    }

    #[test]
    fn strangers_and_cut_headers_are_refused() {
        let at = At { transport: Transport::Udp, src_port: DATA_PORT, dst_port: DATA_PORT, from_client: None };
        for stranger in [&[0; 40][..], b"\r\x01 is how a text may begin, and goes on", &[13; 40], &PRODUCED[..30]] {
            assert_eq!(Egd.gate(stranger, &at), Gate::NotMine);
        }
    }
}
