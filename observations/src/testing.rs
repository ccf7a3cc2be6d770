//! What the tests of several modules need.

use crate::{
    Endpoint, Evidence, Field, FieldEvidence, Kind, Mac, Observation, PathStep, SaidField as Said, Segment, Span, Stamp, StepKind, Subject,
    Transport, Value,
};

/// An observation with every kind of value.
pub(crate) fn example() -> Observation {
    let about = Subject {
        segment: Segment(3),
        mac: Some(Mac([0, 0x80, 0xf4, 1, 2, 3])),
        ip: Some("192.168.1.10".parse().unwrap()),
        endpoint: Some(Endpoint { transport: Transport::Tcp, port: 502 }),
        path: vec![PathStep { kind: StepKind::ModbusUnit, number: 255 }],
    };
    let stamp = Stamp { time: -5, packet: Stamp::packet_id(2, 9) };
    let field = |field, value| Said { field, value };
    Observation {
        speaker: Subject::of_ip(Segment(3), "2001:db8::1".parse().unwrap()),
        about,
        protocol: "modbus".into(),
        kind: Kind::Identity,
        fields: vec![
            field(Field::VendorName, Value::Text(b"Schneider".to_vec())),
            field(Field::ConformityLevel, Value::Number(0x83)),
            field(Field::NotAfter, Value::Time(-1)),
            field(Field::MacAddress, Value::Mac(Mac::BROADCAST)),
            field(Field::Ipv6Address, Value::Ip("::1".parse().unwrap())),
        ],
        revision: 7,
        first: Evidence { stamp, frame_sha256: [9; 32], derivation: vec!["tcp".into()] },
        fields_first: vec![
            FieldEvidence {
                spans: vec![Span { packet: stamp.packet - 1, offset: 70, length: 4 }, Span { packet: stamp.packet, offset: 66, length: 5 }],
                quote: b"Schneider".to_vec(),
                derivation: None,
            },
            FieldEvidence { spans: vec![], quote: vec![0x83], derivation: Some("made".into()) },
            FieldEvidence::default(),
            FieldEvidence::default(),
            FieldEvidence::default(),
        ],
        last: Stamp { time: 80, packet: Stamp::packet_id(2, 12) },
    }
}
