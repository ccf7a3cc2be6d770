//! PROFINET real-time frames other than DCP: cyclic data, alarms and clock synchronisation.
//!
//! Spec: IEC 61158-6-10 section 4.7 (RTC), 4.8 (RTA), 4.4 (PTCP), table of frame identifiers.
//! Tells us: that two devices exchange cyclic data or alarms; of a device that raises an alarm the module that it is about.
//! Does not tell: what either of them is; what the data mean stands in the connection's opening (PROFINET IO CM).

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row};
use observations::{Field, Kind, OperationClass, StepKind};

pub(crate) struct PnRt;

/// The last byte of a cyclic frame is its transfer status: 0 if it is good.
const TRANSFER_GOOD: u8 = 0;
/// Cyclic data are at least this long, padded, and end with a counter and two states.
const CYCLIC_MIN: usize = 2 + 40 + 4;
/// Frame, addresses of both ends, type, flags, two sequence numbers, length.
const ACYCLIC_MIN: usize = 14;
const PTCP_MIN: usize = 22;

const ALARM_HIGH: u16 = 0xfc01;
const ALARM_LOW: u16 = 0xfe01;
/// 4.8.1.2, PDUType: version 1 and data; acknowledgements are others.
const ALARM_DATA: u8 = 0x11;
/// AlarmNotification of high and low priority (5.2.16).
const NOTIFICATIONS: [u16; 2] = [0x0001, 0x0002];

impl Dissector for PnRt {
    type State = ();

    const ROW: Row = Row {
        name: "pn_rt",
        revision: 2,
        spec: "IEC 61158-6-10 sections 4.4, 4.7, 4.8",
        tells: "that devices exchange cyclic data or alarms; modules that raise alarms",
        bindings: &[Binding::EtherType(0x8892)],
        shapes: &[],
        operations: &[("alarm_high", OperationClass::Session), ("alarm_low", OperationClass::Session)],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some(frame) = head.first_chunk().map(|frame| u16::from_be_bytes(*frame)) else { return Gate::NotMine };
        let mine = match frame {
            // Real-time classes 3, 2 and 1; the last captured byte tells only of frames that are whole.
            0x0100..=0x0fff | 0x8000..=0xbfff | 0xc000..=0xfbff => head.len() >= CYCLIC_MIN && head.last() == Some(&TRANSFER_GOOD),
            // Alarms of high and low priority.
            ALARM_HIGH | ALARM_LOW => head.len() >= ACYCLIC_MIN,
            // PTCP: synchronisation, announcement, follow-up, delay.
            0x0020 | 0x0021 | 0x0080 | 0x0081 | 0xff00 | 0xff01 | 0xff20..=0xff23 | 0xff40..=0xff43 => head.len() >= PTCP_MIN,
            _ => false,
        };
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some(alarm) = alarm(head) else { return Glance::SKIP };
        Glance { operation: Some(u16::from(!alarm.high)), look: Look::Always, inner: None }
    }

    fn read(&self, frame: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if let Some(alarm) = alarm(frame) {
            let device = cx.sender_host();
            // Slot 0 is the device itself.
            if alarm.slot != [0, 0] {
                let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
                let about = cx.part(&device, StepKind::ProfinetSlot, number(alarm.slot));
                let saying = cx.say(&about, Kind::Part).number(Field::Slot, number(alarm.slot), alarm.slot);
                drop(saying.number(Field::ModuleIdent, number(alarm.module), alarm.module));
            }
        }
        // DCP between the same two devices is still to be read: the conversation is not given up.
        Ok(Next::Watch)
    }
}

struct Alarm<'a> {
    high: bool,
    slot: &'a [u8],
    module: &'a [u8],
}

/// An alarm that a device raises: frame, endpoints (4), type and flags (2), sequence numbers (4), length (2); then the notification: type,
/// length and version (6), alarm (2), API (4), slot, subslot, module (4).
fn alarm(frame: &[u8]) -> Option<Alarm<'_>> {
    let id = u16::from_be_bytes(*frame.first_chunk()?);
    let kind = u16::from_be_bytes(*frame.get(14..)?.first_chunk()?);
    let raised = matches!(id, ALARM_HIGH | ALARM_LOW) && *frame.get(6)? == ALARM_DATA && NOTIFICATIONS.contains(&kind);
    raised.then_some(Alarm { high: id == ALARM_HIGH, slot: frame.get(26..28)?, module: frame.get(30..34)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, read_frame};
    use observations::Transport;

    #[test]
    fn a_module_that_raises_an_alarm_is_a_part() {
        let mut frame = vec![0, 0xa0, 0x45, 0x6d, 0xd3, 0x43, 0, 9, 0x91, 0x43, 0xe0, 0x67, 0x88, 0x92];
        frame.extend([0xfe, 0x01, 0, 1, 0, 2, 0x11, 0x11, 0xff, 0xff, 0xff, 0xfe, 0, 0x1a]);
        frame.extend([0, 2, 0, 0x16, 1, 0, 0, 1, 0, 0, 0, 0, 0, 3, 0, 1, 0, 0, 0, 0x2a, 0, 0, 0, 1]);
        let said = read_frame(&PnRt, &frame);
        assert_eq!(field(&said, Kind::Part, Field::ModuleIdent), ["42"]);
        frame[20] = 0x13;
        assert!(field(&read_frame(&PnRt, &frame), Kind::Part, Field::ModuleIdent).is_empty());
    }

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
