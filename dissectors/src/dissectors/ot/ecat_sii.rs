//! The categories of an EtherCAT slave's information interface: its names, put together from the words that a master reads.
//!
//! Spec: ETG.2010 section 5 (categories), tables for strings (10) and general (30).

use crate::context::Context;
use observations::{Field, Kind, Span, Subject};

/// Categories begin at this word.
const CATEGORIES: u32 = 0x40;
const STRINGS: u16 = 10;
const GENERAL: u16 = 30;
const END: u16 = 0xffff;

/// Names stand in the first categories: a slave with a long list of objects has some hundred bytes before them.
const BYTES_MAX: usize = 2048;
/// Reads are of four or eight bytes.
const PARTS_MAX: usize = BYTES_MAX / 4;
/// A memory has a dozen categories.
const CATEGORIES_MAX: usize = 32;
/// Masters read one slave after the other, few at a time.
const IMAGES_MAX: usize = 256;

/// The memories that are being read.
#[derive(Default)]
pub(super) struct Memories(Vec<Image>);

struct Image {
    slave: u16,
    bytes: Vec<u8>,
    parts: Vec<(usize, Vec<Span>)>,
    told: bool,
}

impl Memories {
    /// Some bytes of a slave's memory from a word on; says its names as soon as they are whole.
    pub(super) fn take(&mut self, slave: u16, word: u32, data: &[u8], about: &Subject, cx: &mut Context<'_>) {
        if word < CATEGORIES {
            return;
        }
        let at = match self.0.iter().position(|image| image.slave == slave) {
            Some(at) => at,
            None if word == CATEGORIES && self.0.len() < IMAGES_MAX => {
                self.0.push(Image { slave, bytes: Vec::new(), parts: Vec::new(), told: false });
                self.0.len() - 1
            }
            None => return,
        };
        let Some(image) = self.0.get_mut(at) else { return };
        if image.told || !image.append(word, data, cx) {
            return;
        }
        if let Some((order, name)) = image.names() {
            // What is told once is not kept.
            let (bytes, parts) = (std::mem::take(&mut image.bytes), std::mem::take(&mut image.parts));
            image.told = true;
            cx.stitched(&bytes, &parts, "sii", |bytes, cx| {
                let saying = cx.say(about, Kind::Identity).trimmed(Field::ModelName, bytes.get(order).unwrap_or_default());
                drop(saying.trimmed(Field::Description, bytes.get(name).unwrap_or_default()));
            });
        }
    }
}

type Range = std::ops::Range<usize>;

impl Image {
    /// Appends what goes on where the bytes end; masters read words again, and jump from one category's head to the next.
    fn append(&mut self, word: u32, data: &[u8], cx: &mut Context<'_>) -> bool {
        let start = usize::try_from(word.saturating_sub(CATEGORIES)).unwrap_or(usize::MAX).saturating_mul(2);
        let Some(new) = self.bytes.len().checked_sub(start).and_then(|known| data.get(known..)).filter(|new| !new.is_empty()) else { return false };
        if self.bytes.len() + new.len() > BYTES_MAX || self.parts.len() >= PARTS_MAX {
            cx.limit("bytes of an EtherCAT slave's memory");
            self.told = true;
            return false;
        }
        self.parts.push((new.len(), cx.spans_of(new)));
        self.bytes.extend_from_slice(new);
        true
    }

    /// Where the order name and the name stand, once strings and general information are there.
    fn names(&self) -> Option<(Range, Range)> {
        let (mut strings, mut at) = (None, 0);
        for _ in 0..CATEGORIES_MAX {
            let &[t0, t1, l0, l1] = self.bytes.get(at..)?.first_chunk::<4>()?;
            let (kind, length) = (u16::from_le_bytes([t0, t1]), 2 * usize::from(u16::from_le_bytes([l0, l1])));
            let body = at + 4;
            match kind {
                END => return None,
                STRINGS => strings = Some(body..body + length),
                GENERAL => {
                    // Indexes of group, picture, order name and name, from 1 on.
                    let &[_, _, order, name] = self.bytes.get(body..)?.first_chunk::<4>()?;
                    let strings = strings?;
                    let none = strings.end..strings.end;
                    return Some((self.string(&strings, order)?, self.string(&strings, name).unwrap_or(none)));
                }
                _ => {}
            }
            at = body + length;
        }
        None
    }

    /// The string with an index: their number, then each with its length before it.
    fn string(&self, strings: &Range, index: u8) -> Option<Range> {
        let count = *self.bytes.get(strings.start)?;
        let mut at = strings.start + 1;
        for number in 1..=count {
            let length = usize::from(*self.bytes.get(at)?);
            let text = at + 1..at + 1 + length;
            if text.end > strings.end {
                return None;
            }
            if number == index {
                return Some(text);
            }
            at = text.end;
        }
        None
    }
}
