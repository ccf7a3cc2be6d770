//! Runs many talks side by side and writes their frames in the order of time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{Result, Write};

use super::air::Air;
use super::pcap::Pcap;
use super::talk::Talk;

/// When a talk begins and which number it has in the plan.
pub(crate) type Start = (u64, u64);

/// Talks in progress.
#[derive(Default)]
struct Running {
    talks: Vec<Option<Box<dyn Talk>>>,
    free: Vec<usize>,
    due: BinaryHeap<Reverse<(u64, u64, usize)>>,
    asked: u64,
}

impl Running {
    fn begin(&mut self, at: u64, talk: Box<dyn Talk>) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.talks.push(None);
            self.talks.len() - 1
        });
        self.talks[place] = Some(talk);
        self.ask_again(at, place);
    }

    fn ask_again(&mut self, at: u64, place: usize) {
        self.asked += 1;
        self.due.push(Reverse((at, self.asked, place)));
    }

    fn first_due(&self) -> Option<u64> {
        self.due.peek().map(|Reverse((at, ..))| *at)
    }

    fn go_on(&mut self, air: &mut Air) {
        let Some(Reverse((now, _, place))) = self.due.pop() else {
            return;
        };
        let next = self.talks[place].as_mut().and_then(|talk| talk.go_on(now, air));
        match next {
            Some(at) => self.ask_again(at.max(now), place),
            None => {
                self.talks[place] = None;
                self.free.push(place);
            }
        }
    }
}

/// Runs the plan (sorted by time) and writes at most `most` packets.
pub(crate) fn run<W: Write>(plan: &[Start], most: u64, air: &mut Air, pcap: &mut Pcap<W>, mut build: impl FnMut(u64) -> Box<dyn Talk>) -> Result<()> {
    let mut running = Running::default();
    let mut starts = plan.iter().peekable();
    while pcap.packets < most {
        let start = starts.peek().map(|(at, _)| *at);
        let Some(now) = [start, running.first_due()].into_iter().flatten().min() else {
            break;
        };
        write_until(now, most, air, pcap)?;
        if start == Some(now) {
            if let Some((at, number)) = starts.next() {
                running.begin(*at, build(*number));
            }
        } else {
            running.go_on(air);
        }
    }
    write_until(u64::MAX, most, air, pcap)
}

fn write_until<W: Write>(until: u64, most: u64, air: &mut Air, pcap: &mut Pcap<W>) -> Result<()> {
    while pcap.packets < most {
        let Some(passing) = air.take(until) else {
            return Ok(());
        };
        pcap.record(passing.at, &passing.frame)?;
    }
    Ok(())
}
