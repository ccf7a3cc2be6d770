//! A live capture by months of packet time: each month is a source of its own, so that old ones can be sealed and dropped whole.

use super::block::{Block, Blocks, Damage, Health};
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use observations::Part;
use std::sync::{Arc, Mutex, PoisonError};

/// A capture that ends where a month does, and goes on when it is told to.
pub struct Months {
    blocks: Box<dyn Blocks>,
    /// Where the month ends, nanoseconds since 1970.
    end: i64,
    /// The first packets of the next month.
    held: Option<Block>,
    /// What was counted in the months before.
    before: Before,
    /// A new source is to begin within the month.
    cut: bool,
}

#[derive(Default)]
struct Before {
    dropped: u64,
    packets: Vec<u64>,
}

impl Months {
    /// Begins in the month of this time. Shared, since each month has a reader of its own.
    #[must_use]
    pub fn new(blocks: Box<dyn Blocks>, now: i64) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self { blocks, end: end_of_month(now), held: None, before: Before::default(), cut: false }))
    }

    /// Ends the source that is read, although the month goes on: what is read next is a source of its own.
    pub fn cut(&mut self) {
        self.cut = true;
    }

    /// Goes on with the next month, or with what follows a cut; false if the capture has ended.
    pub fn turn(&mut self) -> bool {
        let cut = std::mem::take(&mut self.cut);
        match self.held.as_ref().and_then(|block| block.records.first()) {
            Some(first) => self.end = end_of_month(first.time),
            None if cut => {}
            None => return false,
        }
        self.before = Before {
            dropped: self.blocks.health().dropped.unwrap_or(0),
            packets: self.blocks.parts().iter().map(|part| part.packets.saturating_sub(self.held.as_ref().map_or(0, Block::len) as u64)).collect(),
        };
        true
    }

    /// Where the month ends that is read.
    #[must_use]
    pub fn end(&self) -> i64 {
        self.end
    }

    /// Keeps back what belongs to a later month. A packet of an earlier one stays: a clock was set back.
    fn split(&mut self, block: &mut Block) {
        if let Some(at) = block.records.iter().position(|record| record.time >= self.end) {
            let records = block.records.split_off(at);
            self.held = Some(Block { bytes: block.bytes.clone(), records });
        }
    }
}

/// The first nanosecond after the month of this time; what no calendar holds is in a month without end.
fn end_of_month(time: i64) -> i64 {
    let end = || {
        let date = Timestamp::from_nanosecond(i128::from(time)).ok()?.to_zoned(TimeZone::UTC).date();
        let next = date.first_of_month().checked_add(1.month()).ok()?;
        i64::try_from(next.to_zoned(TimeZone::UTC).ok()?.timestamp().as_nanosecond()).ok()
    };
    end().unwrap_or(i64::MAX)
}

impl Blocks for Months {
    fn next(&mut self, block: &mut Block) -> Result<bool, Damage> {
        if self.cut {
            block.records.clear();
            return Ok(false);
        }
        match self.held.take() {
            Some(held) if held.records.first().is_some_and(|first| first.time >= self.end) => {
                block.records.clear();
                self.held = Some(held);
                return Ok(false);
            }
            Some(held) => *block = held,
            None if !self.blocks.next(block)? => return Ok(false),
            None => {}
        }
        self.split(block);
        Ok(true)
    }

    fn health(&self) -> Health {
        let health = self.blocks.health();
        Health { dropped: health.dropped.map(|dropped| dropped.saturating_sub(self.before.dropped)), ..health }
    }

    fn parts(&self) -> Vec<Part> {
        let held = self.held.as_ref().map_or(0, Block::len) as u64;
        let mut parts = self.blocks.parts();
        for (index, part) in parts.iter_mut().enumerate() {
            let before = self.before.packets.get(index).copied().unwrap_or(0);
            part.packets = part.packets.saturating_sub(before).saturating_sub(held);
        }
        parts
    }

    fn filter(&mut self, expression: Option<&str>) -> Result<(), String> {
        self.blocks.filter(expression)
    }
}

impl Blocks for Arc<Mutex<Months>> {
    fn next(&mut self, block: &mut Block) -> Result<bool, Damage> {
        self.lock().unwrap_or_else(PoisonError::into_inner).next(block)
    }

    fn health(&self) -> Health {
        self.lock().unwrap_or_else(PoisonError::into_inner).health()
    }

    fn parts(&self) -> Vec<Part> {
        self.lock().unwrap_or_else(PoisonError::into_inner).parts()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dissectors::packet::{LinkType, Packet};

    /// Gives one packet at each of these times, two a block.
    struct Times(Vec<i64>, u64);

    impl Blocks for Times {
        fn next(&mut self, block: &mut Block) -> Result<bool, Damage> {
            block.records.clear();
            let times: Vec<i64> = self.0.drain(..self.0.len().min(2)).collect();
            for time in &times {
                self.1 += 1;
                let packet = Packet { data: &[7], wire_len: 1, link: LinkType::ETHERNET, time: *time, id: self.1 };
                block.append(self.1 as usize, &packet);
            }
            Ok(!times.is_empty())
        }

        fn health(&self) -> Health {
            Health { dropped: Some(self.1), ..Health::default() }
        }

        fn parts(&self) -> Vec<Part> {
            vec![Part { name: "eth1".into(), packets: self.1, ..Part::default() }]
        }
    }

    fn read(months: &mut Arc<Mutex<Months>>) -> Vec<i64> {
        let (mut block, mut times) = (Block::default(), Vec::new());
        while months.next(&mut block).unwrap() {
            times.extend(block.packets().map(|packet| packet.time));
        }
        times
    }

    #[test]
    fn a_cut_ends_a_source_within_the_month_and_loses_no_packet() {
        let mut months = Months::new(Box::new(Times(vec![1, 2, 3, 4], 0)), 1);
        let mut block = Block::default();
        assert!(months.next(&mut block).unwrap());
        let end = months.lock().unwrap().end();
        months.lock().unwrap().cut();
        assert!(!months.next(&mut block).unwrap() && block.is_empty());
        assert_eq!(months.parts()[0].packets, 2);
        assert!(months.lock().unwrap().turn());
        assert_eq!(months.lock().unwrap().end(), end);
        assert_eq!(read(&mut months), [3, 4]);
        assert_eq!(months.parts()[0].packets, 2);
        assert!(!months.lock().unwrap().turn());
    }

    #[test]
    fn a_month_ends_where_the_next_begins() {
        let day = 86_400_000_000_000;
        // 1970-01-31T23:59:59.999999999Z, and the first of February.
        let times = vec![0, 31 * day - 1, 3 * day, 31 * day, 5 * day, 59 * day, 400 * day];
        let mut months = Months::new(Box::new(Times(times, 0)), 1);
        assert_eq!(months.lock().unwrap().end(), 31 * day);
        assert_eq!(read(&mut months), [0, 31 * day - 1, 3 * day]);
        assert_eq!(months.parts()[0].packets, 3);
        assert!(months.lock().unwrap().turn());
        assert_eq!(read(&mut months), [31 * day, 5 * day], "what is late stays in the month that is read");
        assert!(months.lock().unwrap().turn());
        assert_eq!(read(&mut months), [59 * day]);
        assert_eq!(months.parts()[0].packets, 1);
        assert!(months.lock().unwrap().turn());
        assert_eq!(read(&mut months), [400 * day]);
        assert!(!months.lock().unwrap().turn());
    }
}
