//! Every dissector in one table, and the table compiled for looking up.
//!
//! Adding a protocol is one file, its `mod` line and its row in [`DISSECTORS`]; nothing else in this crate knows its name.

use crate::dissector::{At, Binding, Registered, Row, Shape};
use crate::frame::{Frame, Net};
use foldhash::fast::FixedState;
use observations::{OperationClass, Transport};
use std::num::NonZeroU16;

pub use crate::dissectors::DISSECTORS;

/// A row's place in the registry: its index plus one, so that having none costs a conversation no byte.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RowId(NonZeroU16);

impl RowId {
    /// Of the row at this index.
    #[must_use]
    pub const fn of(index: u16) -> Self {
        Self(NonZeroU16::MIN.saturating_add(index))
    }

    /// Where the row stands.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0.get() - 1)
    }
}

/// Rows that one mask of shapes can hold; more needs a wider mask, not more time.
pub const SHAPES_MAX: usize = 256;

/// Bindings are ours: their keys are no attacker's.
type Keyed<K> = hashbrown::HashMap<K, Vec<RowId>, FixedState>;

/// A set of shapes.
type Mask = [u64; SHAPES_MAX / 64];

/// The compiled table.
pub struct Registry {
    rows: Vec<&'static dyn Registered>,
    tcp: Keyed<u16>,
    udp: Keyed<u16>,
    ethertype: Keyed<u16>,
    llc: Keyed<u16>,
    snap: Keyed<([u8; 3], u16)>,
    ip: Keyed<u8>,
    under: Keyed<(&'static str, u64)>,
    shapes: Vec<(RowId, &'static Shape)>,
    /// For each offset and byte value, the shapes that allow it; the last column is for payloads that end before.
    allowed: Vec<[Mask; 257]>,
}

impl Registry {
    /// Compiles the rows of [`DISSECTORS`].
    #[must_use]
    pub fn new() -> Self {
        Self::of(DISSECTORS)
    }

    /// Compiles a selection of rows, for tests and for `--only`.
    #[must_use]
    pub fn of(rows: &[&'static dyn Registered]) -> Self {
        let mut registry = Self {
            rows: rows.to_vec(),
            tcp: Keyed::default(),
            udp: Keyed::default(),
            ethertype: Keyed::default(),
            llc: Keyed::default(),
            snap: Keyed::default(),
            ip: Keyed::default(),
            under: Keyed::default(),
            shapes: Vec::new(),
            allowed: Vec::new(),
        };
        for (index, row) in rows.iter().enumerate() {
            let Ok(index) = u16::try_from(index) else { break };
            registry.bind(RowId::of(index), row.row());
        }
        registry.compile_shapes();
        registry
    }

    fn bind(&mut self, id: RowId, row: &'static Row) {
        for binding in row.bindings {
            match *binding {
                Binding::EtherType(key) => self.ethertype.entry(key).or_default().push(id),
                Binding::Llc(key) => self.llc.entry(key).or_default().push(id),
                Binding::Snap(oui, key) => self.snap.entry((oui, key)).or_default().push(id),
                Binding::Ip(key) => self.ip.entry(key).or_default().push(id),
                Binding::Tcp(key) => self.tcp.entry(key).or_default().push(id),
                Binding::Udp(key) => self.udp.entry(key).or_default().push(id),
                Binding::Under(layer, key) => self.under.entry((layer, key)).or_default().push(id),
            }
        }
        let room = SHAPES_MAX.saturating_sub(self.shapes.len());
        self.shapes.extend(row.shapes.iter().take(room).map(|shape| (id, shape)));
    }

    fn compile_shapes(&mut self) {
        self.allowed = vec![[Mask::default(); 257]; Shape::WINDOW];
        for (bit, (_, shape)) in self.shapes.iter().enumerate() {
            for (offset, column) in self.allowed.iter_mut().enumerate() {
                let wanted: Vec<(u8, u8)> = shape.bytes.iter().filter(|byte| byte.0 == offset).map(|byte| (byte.1, byte.2)).collect();
                for (value, mask) in column.iter_mut().enumerate() {
                    let fits = match u8::try_from(value) {
                        Ok(value) => wanted.iter().all(|(mask, want)| value & mask == *want),
                        Err(_) => wanted.is_empty(),
                    };
                    if let (true, Some(word)) = (fits, mask.get_mut(bit / 64)) {
                        *word |= 1 << (bit % 64);
                    }
                }
            }
        }
    }

    /// A row's dissector.
    #[must_use]
    pub fn get(&self, id: RowId) -> Option<&'static dyn Registered> {
        self.rows.get(id.index()).copied()
    }

    /// A row's name.
    #[must_use]
    pub fn name(&self, id: RowId) -> &'static str {
        self.get(id).map_or("unknown", |row| row.row().name)
    }

    /// A row's revision.
    #[must_use]
    pub fn revision(&self, id: RowId) -> u16 {
        self.get(id).map_or(0, |row| row.row().revision)
    }

    /// The name of one operation, and what it does.
    #[must_use]
    pub fn operation(&self, id: RowId, operation: u16) -> (&'static str, OperationClass) {
        self.get(id).and_then(|row| row.row().operations.get(usize::from(operation))).copied().unwrap_or(("other", OperationClass::Session))
    }

    /// Every row, in order.
    pub fn rows(&self) -> impl Iterator<Item = (RowId, &'static Row)> + '_ {
        (0u16..).zip(&self.rows).map(|(index, row)| (RowId::of(index), row.row()))
    }

    /// Whether a row is bound to a port.
    #[must_use]
    pub fn is_bound(&self, id: RowId, transport: Transport, port: u16) -> bool {
        self.on_port(transport, port).contains(&id)
    }

    /// The rows bound to a port.
    #[must_use]
    pub fn on_port(&self, transport: Transport, port: u16) -> &[RowId] {
        let table = match transport {
            Transport::Tcp => &self.tcp,
            Transport::Udp => &self.udp,
            _ => return &[],
        };
        table.get(&port).map_or(&[], Vec::as_slice)
    }

    /// The rows that another hands on to.
    #[must_use]
    pub fn under(&self, layer: &'static str, key: u64) -> &[RowId] {
        self.under.get(&(layer, key)).map_or(&[], Vec::as_slice)
    }

    /// The rows bound to what a frame carries below TCP and UDP.
    #[must_use]
    pub fn below(&self, frame: &Frame) -> &[RowId] {
        let rows = match frame.net {
            Net::EtherType(key) => self.ethertype.get(&key),
            Net::Llc(key) => self.llc.get(&key),
            Net::Snap(oui, key) => self.snap.get(&(oui, key)),
            Net::V4 | Net::V6 => self.ip.get(&frame.protocol),
            Net::None => None,
        };
        rows.map_or(&[], Vec::as_slice)
    }

    /// The rows that a payload may belong to, best first: those bound to the ports, then those whose shape it has.
    pub fn candidates(&self, payload: &[u8], at: &At, out: &mut Vec<RowId>) {
        out.clear();
        out.extend_from_slice(self.on_port(at.transport, at.dst_port));
        for &id in self.on_port(at.transport, at.src_port) {
            if !out.contains(&id) {
                out.push(id);
            }
        }
        let mut mask = [u64::MAX; SHAPES_MAX / 64];
        for (offset, column) in self.allowed.iter().enumerate() {
            let value = payload.get(offset).map_or(256, |byte| usize::from(*byte));
            let Some(allowed) = column.get(value) else { continue };
            for (word, allowed) in mask.iter_mut().zip(allowed) {
                *word &= allowed;
            }
        }
        for bit in bits(&mask) {
            let Some((id, shape)) = self.shapes.get(bit) else { break };
            if shape.over == at.transport && (shape.min..=shape.max).contains(&payload.len()) && !out.contains(id) {
                out.push(*id);
            }
        }
    }
}

/// The numbers of the bits that are set, from the lowest.
fn bits(mask: &Mask) -> impl Iterator<Item = usize> {
    mask.iter().enumerate().flat_map(|(word, bits)| {
        let mut left = *bits;
        std::iter::from_fn(move || {
            let bit = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            (bit < 64).then_some(word * 64 + bit)
        })
    })
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}
