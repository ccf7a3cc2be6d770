//! Disjoint sets of numbered nodes, joined stratum by stratum: the result is a function of the edges, whatever order they come in.

use std::collections::{BTreeMap, BTreeSet};

/// Disjoint sets of the numbers below a length.
#[derive(Clone, Debug)]
pub(super) struct Sets {
    parent: Vec<u32>,
}

/// Nodes that one key joins.
#[derive(Debug)]
pub(super) struct Edge {
    /// The nodes.
    pub(super) nodes: Vec<u32>,
    /// For people.
    pub(super) key: String,
    /// Why it joins nothing, if so.
    pub(super) refused: Option<&'static str>,
}

/// Why an edge was refused within a stratum.
pub(super) const CONFLICT: &str = "conflict: it would join several devices that stronger keys keep apart";
/// The same, by an operator's word.
pub(super) const SPLIT: &str = "split by an operator";

impl Sets {
    pub(super) fn new(length: usize) -> Self {
        Self { parent: (0..u32::try_from(length).unwrap_or(u32::MAX)).collect() }
    }

    pub(super) fn find(&mut self, node: u32) -> u32 {
        let mut root = node;
        while self.parent[root as usize] != root {
            root = self.parent[root as usize];
        }
        let mut at = node;
        while at != root {
            at = std::mem::replace(&mut self.parent[at as usize], root);
        }
        root
    }

    /// The smaller root stays, so that the result does not depend on the order.
    pub(super) fn union(&mut self, a: u32, b: u32) {
        let (a, b) = (self.find(a), self.find(b));
        self.parent[a.max(b) as usize] = a.min(b);
    }

    /// One stratum. Strong sets that an edge names are joined; so are weak ones; then each joined weak set attaches to the one strong
    /// set that it touches, and to none if it touches several. `cuts` hold through all of it: where a stratum would bring both ends of a
    /// cut together, that part of it is refused as a whole. Refusals are written into the edges.
    pub(super) fn stratum(&mut self, edges: &mut [Edge], strong: &dyn Fn(u32) -> bool, cuts: &[(u32, u32)]) {
        if edges.iter().all(|edge| edge.refused.is_some()) {
            return;
        }
        let mut trial = self.clone();
        let strong = self.strong_roots(edges, strong);
        let conflicts = trial.join(self, edges, &strong);
        let mut violated = BTreeSet::new();
        for (a, b) in cuts {
            if trial.find(*a) == trial.find(*b) && self.find(*a) != self.find(*b) {
                violated.insert(trial.find(*a));
            }
        }
        for edge in edges.iter_mut().filter(|edge| edge.refused.is_none()) {
            let Some(first) = edge.nodes.first().copied() else { continue };
            let roots: BTreeSet<u32> = edge.nodes.iter().map(|node| trial.find(*node)).collect();
            let touches = edge.nodes.iter().any(|node| strong.contains(&self.find(*node)));
            if touches && roots.iter().any(|root| conflicts.contains(root)) {
                edge.refused = Some(CONFLICT);
            } else if violated.contains(&trial.find(first)) {
                edge.refused = Some(SPLIT);
            }
        }
        for node in 0..u32::try_from(self.parent.len()).unwrap_or(u32::MAX) {
            let root = trial.find(node);
            if !violated.contains(&root) {
                self.union(node, root);
            }
        }
    }

    /// Which sets that edges touch are strong.
    fn strong_roots(&mut self, edges: &[Edge], strong: &dyn Fn(u32) -> bool) -> BTreeSet<u32> {
        let touched: BTreeSet<u32> = edges.iter().flat_map(|edge| &edge.nodes).map(|node| self.find(*node)).collect();
        let nodes = 0..u32::try_from(self.parent.len()).unwrap_or(u32::MAX);
        nodes.filter(|node| strong(*node)).map(|node| self.find(node)).filter(|root| touched.contains(root)).collect()
    }

    /// Joins in `self`, by the sets as they stand in `base`; gives the roots of weak sets that touch several strong ones.
    fn join(&mut self, base: &mut Self, edges: &[Edge], strong: &BTreeSet<u32>) -> BTreeSet<u32> {
        let mut touches: Vec<(u32, u32)> = Vec::new();
        for edge in edges.iter().filter(|edge| edge.refused.is_none()) {
            let roots: BTreeSet<u32> = edge.nodes.iter().map(|node| base.find(*node)).collect();
            let (strong, weak): (Vec<u32>, Vec<u32>) = roots.into_iter().partition(|root| strong.contains(root));
            for pair in strong.windows(2).chain(weak.windows(2)) {
                self.union(pair[0], pair[1]);
            }
            touches.extend(weak.first().copied().zip(strong.first().copied()));
        }
        let mut attach: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for (weak, strong) in touches {
            attach.entry(self.find(weak)).or_default().insert(self.find(strong));
        }
        let (one, several): (Vec<_>, Vec<_>) = attach.into_iter().partition(|(_, strong)| strong.len() == 1);
        for (weak, strong) in one {
            strong.into_iter().for_each(|strong| self.union(weak, strong));
        }
        several.into_iter().map(|(weak, _)| weak).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(nodes: &[u32]) -> Edge {
        Edge { nodes: nodes.to_vec(), key: String::new(), refused: None }
    }

    #[test]
    fn a_weak_set_attaches_to_one_strong_set_and_to_none_of_several() {
        // 0 and 1 are strong, the rest is weak.
        let mut sets = Sets::new(6);
        let mut edges = [edge(&[0, 2]), edge(&[2, 3]), edge(&[1, 3]), edge(&[0, 4])];
        sets.stratum(&mut edges, &|node| node < 2, &[]);
        assert_ne!(sets.find(0), sets.find(1), "strong sets never join through a weak one");
        assert_eq!(sets.find(2), sets.find(3));
        assert_ne!(sets.find(2), sets.find(0));
        assert_eq!(sets.find(4), sets.find(0));
        assert_eq!(edges.map(|edge| edge.refused), [Some(CONFLICT), None, Some(CONFLICT), None]);
    }

    #[test]
    fn a_cut_holds_through_others() {
        let mut sets = Sets::new(4);
        let mut edges = [edge(&[0, 1]), edge(&[1, 2])];
        sets.stratum(&mut edges, &|_| true, &[(0, 2)]);
        assert_ne!(sets.find(0), sets.find(2));
        assert!(edges.iter().all(|edge| edge.refused == Some(SPLIT)));
    }
}
