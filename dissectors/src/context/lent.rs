//! What an engine lends to one reading: the states of a conversation's layers, troubles, and buffers that are used again.

use super::sight::Place;
use crate::registry::{Registry, RowId};
use std::any::Any;
use std::collections::BTreeMap;

/// States of a conversation's dissectors, outermost first.
#[derive(Default)]
pub(crate) struct Layers {
    states: Vec<(RowId, Option<Box<dyn Any + Send>>)>,
    /// Gaps in the conversation's streams, each of which may have hidden something.
    pub(crate) missed: u32,
}

impl Layers {
    /// Inner protocols of one conversation; a multiplexer that hands on to more is no protocol that we know.
    const MAX: usize = 12;

    /// Takes a dissector's state out, so that it can be lent together with the context.
    pub(crate) fn take(&mut self, row: RowId, registry: &Registry) -> Option<Box<dyn Any + Send>> {
        match self.states.iter_mut().find(|layer| layer.0 == row) {
            Some(layer) => layer.1.take(),
            None => registry.get(row)?.state(),
        }
    }

    /// A dissector's state, where it lies.
    pub(crate) fn peek(&self, row: RowId) -> Option<&(dyn Any + Send)> {
        self.states.iter().find(|layer| layer.0 == row).and_then(|layer| layer.1.as_deref())
    }

    /// Puts it back.
    pub(crate) fn put(&mut self, row: RowId, state: Option<Box<dyn Any + Send>>) {
        let Some(state) = state else { return };
        if let Some(layer) = self.states.iter_mut().find(|layer| layer.0 == row) {
            layer.1 = Some(state);
        } else if self.states.len() < Self::MAX {
            self.states.push((row, Some(state)));
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.states.is_empty()
    }
}

/// PDUs that broke a rule, and limits that were hit.
#[derive(Default)]
pub(crate) struct Troubles {
    /// How many there were of all kinds.
    pub(crate) count: u64,
    pub(crate) malformed: BTreeMap<(&'static str, &'static str), u64>,
    pub(crate) limits: BTreeMap<&'static str, u64>,
}

impl Troubles {
    pub(crate) fn malformed(&mut self, protocol: &'static str, rule: &'static str) {
        self.count += 1;
        *self.malformed.entry((protocol, rule)).or_default() += 1;
    }

    pub(crate) fn limit(&mut self, name: &'static str) {
        self.count += 1;
        *self.limits.entry(name).or_default() += 1;
    }
}

/// Buffers that every observation uses again.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(super) key: Vec<u8>,
    pub(super) group: usize,
    pub(super) places: Vec<Place>,
    /// Keys' hashes of what is said while a reading may be remembered.
    pub(super) told: Vec<u64>,
    /// What clients of TLS are known by.
    pub(super) prints: crate::ja::Known,
    /// Operations that reading revealed, with how often, until the engine has counted them.
    pub(crate) operations: Vec<((RowId, u16), u64)>,
    /// Answers that were announced.
    pub(crate) expected: crate::expected::Expected,
}

impl Scratch {
    /// A reading begins.
    pub(crate) fn begin(&mut self) {
        self.told.clear();
    }
}
