//! Parts that are real: a server that answers for one unit only is that unit.

use observations::{Endpoint, PathStep, StepKind};
use std::collections::{BTreeMap, BTreeSet};

/// Unit identifiers by which a Modbus/TCP server means itself (Modbus Messaging on TCP/IP Implementation Guide V1.0b §4.4.2.3).
const ITSELF: &[u64] = &[0, 255];

/// Which stations answer at each endpoint.
#[derive(Default, Debug)]
pub struct Units(BTreeMap<(Option<Endpoint>, StepKind), BTreeSet<u64>>);

impl Units {
    /// From all paths that were seen.
    pub fn of<'p>(paths: impl Iterator<Item = (Option<Endpoint>, &'p [PathStep])>) -> Self {
        let mut units: BTreeMap<(Option<Endpoint>, StepKind), BTreeSet<u64>> = BTreeMap::new();
        for (endpoint, path) in paths {
            if let Some(step) = path.first().filter(|step| is_station(step.kind) && !is_itself(step)) {
                units.entry((endpoint, step.kind)).or_default().insert(step.number);
            }
        }
        Self(units)
    }

    /// The way to the part without the step that means the device itself.
    #[must_use]
    pub fn reduce<'p>(&self, endpoint: Option<Endpoint>, path: &'p [PathStep]) -> &'p [PathStep] {
        let Some((first, rest)) = path.split_first() else { return path };
        let single = || self.0.get(&(endpoint, first.kind)).is_none_or(|units| units.len() <= 1);
        if is_station(first.kind) && (is_itself(first) || single()) { rest } else { path }
    }
}

/// Stations that a gateway or terminal server has behind it, and that a device by itself is, too.
const fn is_station(kind: StepKind) -> bool {
    matches!(kind, StepKind::ModbusUnit | StepKind::Dnp3Address | StepKind::CommonAddress | StepKind::HartDevice | StepKind::Pmu)
}

fn is_itself(step: &PathStep) -> bool {
    step.kind == StepKind::ModbusUnit && ITSELF.contains(&step.number)
}

/// The part's name in documents: `unit 3`.
#[must_use]
pub fn name(path: &[PathStep]) -> String {
    let steps: Vec<String> = path.iter().map(|step| format!("{} {}", step.kind.name(), step.number)).collect();
    steps.join(" ")
}
