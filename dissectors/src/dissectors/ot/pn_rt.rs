//! PROFINET real-time frames other than DCP: cyclic data, alarms and clock synchronisation.
//!
//! Spec: IEC 61158-6-10 section 4.7 (RTC), 4.8 (RTA), 4.4 (PTCP), table of frame identifiers.
//! Tells us: that two devices exchange cyclic data or alarms.
//! Does not tell: what either of them is; what the data mean stands in the connection's opening (PROFINET IO CM).

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Next, Row};

pub(crate) struct PnRt;

/// The last byte of a cyclic frame is its transfer status: 0 if it is good.
const TRANSFER_GOOD: u8 = 0;
/// Cyclic data are at least this long, padded, and end with a counter and two states.
const CYCLIC_MIN: usize = 2 + 40 + 4;
/// Frame, addresses of both ends, type, flags, two sequence numbers, length.
const ACYCLIC_MIN: usize = 14;
const PTCP_MIN: usize = 22;

impl Dissector for PnRt {
    type State = ();

    const ROW: Row = Row {
        name: "pn_rt",
        revision: 1,
        spec: "IEC 61158-6-10 sections 4.4, 4.7, 4.8",
        tells: "that devices exchange cyclic data or alarms",
        bindings: &[Binding::EtherType(0x8892)],
        shapes: &[],
        operations: &[],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some(frame) = head.first_chunk().map(|frame| u16::from_be_bytes(*frame)) else { return Gate::NotMine };
        let mine = match frame {
            // Real-time classes 3, 2 and 1; the last captured byte tells only of frames that are whole.
            0x0100..=0x0fff | 0x8000..=0xbfff | 0xc000..=0xfbff => head.len() >= CYCLIC_MIN && head.last() == Some(&TRANSFER_GOOD),
            // Alarms of high and low priority.
            0xfc01 | 0xfe01 => head.len() >= ACYCLIC_MIN,
            // PTCP: synchronisation, announcement, follow-up, delay.
            0x0020 | 0x0021 | 0x0080 | 0x0081 | 0xff00 | 0xff01 | 0xff20..=0xff23 | 0xff40..=0xff43 => head.len() >= PTCP_MIN,
            _ => false,
        };
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, _: &[u8], _: &At) -> Glance {
        Glance::SKIP
    }

    fn read(&self, _: &[u8], (): &mut (), _: &mut Context<'_>) -> Result<Next, DissectError> {
        // DCP between the same two devices is still to be read: the conversation is not given up.
        Ok(Next::Watch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use observations::Transport;

    #[test]
    fn cyclic_frames_alarms_and_clocks_are_recognised_and_others_are_not() {
        let at = At { transport: Transport::Ethernet, src_port: 0, dst_port: 0, from_client: None };
        let mut cyclic = vec![0x80, 0x01];
        cyclic.resize(42, 0x80);
        cyclic.extend_from_slice(&[0x12, 0x34, 0x35, 0x00]);
        assert_eq!(PnRt.gate(&cyclic, &at), Gate::Mine);
        assert_eq!(PnRt.gate(&cyclic[..20], &at), Gate::NotMine);
        assert_eq!(PnRt.gate(&[&[0xfe, 0x01][..], &[0; 20]].concat(), &at), Gate::Mine);
        assert_eq!(PnRt.gate(&[&[0xff, 0x40][..], &[0; 30]].concat(), &at), Gate::Mine);
        assert_eq!(PnRt.gate(&[&[0xfe, 0xfe, 5, 0][..], &[0; 42]].concat(), &at), Gate::NotMine);
        assert_eq!(PnRt.gate(&[0; 46], &at), Gate::NotMine);
    }
}
