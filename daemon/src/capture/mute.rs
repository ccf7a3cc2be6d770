//! A port that only listens sends nothing and has no address: the system itself says whether that holds. A plain `ip link set up` sends seven packets
//! in eight seconds; who listens beside a safety controller must know.

use super::interfaces;
use super::text::{grouped, shown};
use std::time::{Duration, Instant};

/// Whether something on this machine sends on a port that we listen on.
pub struct Mute {
    interface: String,
    sent: Option<u64>,
    addressed: bool,
    asked: Instant,
}

impl Mute {
    /// How often the system's counter is looked at.
    const EVERY: Duration = Duration::from_secs(1);

    /// Begins with what was sent before.
    #[must_use]
    pub fn of(interface: &str) -> Self {
        Self { interface: interface.to_owned(), sent: interfaces::transmitted(interface), addressed: false, asked: Instant::now() }
    }

    /// An alarm if the port has got an address or the counter moved since they were looked at last, which is once a second.
    pub fn look(&mut self) -> Option<String> {
        if self.asked.elapsed() < Self::EVERY {
            return None;
        }
        self.asked = Instant::now();
        self.has_got_an_address().or_else(|| self.has_sent())
    }

    /// A mirror shows router advertisements, too: a port that takes them for its own makes an address of them (RFC 4862, section 5.5.3).
    fn has_got_an_address(&mut self) -> Option<String> {
        let known = interfaces::interfaces().into_iter().find(|known| known.name == self.interface)?;
        let before = std::mem::replace(&mut self.addressed, !known.addresses.is_empty());
        (self.addressed && !before).then(|| {
            let (name, addresses) = (shown(&self.interface), known.addresses.join(", "));
            format!("alarm: {name} has got an address ({addresses}): others may reach this machine through it, and it may answer")
        })
    }

    fn has_sent(&mut self) -> Option<String> {
        let now = interfaces::transmitted(&self.interface)?;
        let before = self.sent.replace(now)?;
        // A counter that fell is that of an interface which was taken away and came back: it began anew.
        let more = Some(now.checked_sub(before).unwrap_or(now)).filter(|more| *more > 0)?;
        Some(format!("alarm: this machine sent {} packets on {}, which should only listen", grouped(more), shown(&self.interface)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mute(sent: Option<u64>) -> Mute {
        Mute { interface: "lo".into(), sent, addressed: true, asked: Instant::now().checked_sub(Mute::EVERY).unwrap() }
    }

    #[test]
    fn what_this_machine_sends_is_an_alarm_and_said_once() {
        let now = interfaces::transmitted("lo").unwrap();
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(b"one", socket.local_addr().unwrap()).unwrap();
        let mut one = mute(Some(now));
        assert!(one.look().is_some_and(|alarm| alarm.starts_with("alarm: this machine sent ") && alarm.contains(" packets on lo, ")));
        assert_eq!(one.look(), None, "not again within a second");
        assert_eq!(mute(None).look(), None, "nothing is known of before");
        assert!(mute(Some(u64::MAX)).look().is_some(), "it began anew, and sent");
    }

    #[test]
    fn an_address_that_came_is_an_alarm_and_said_once() {
        let mut one = Mute { addressed: false, ..mute(None) };
        assert!(one.look().is_some_and(|alarm| alarm.starts_with("alarm: lo has got an address (127.0.0.1/8")));
        one.asked = Instant::now().checked_sub(Mute::EVERY).unwrap();
        assert_eq!(one.look(), None, "it has it still");
    }
}
