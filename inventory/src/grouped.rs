//! Many short lists in one: what belongs to each of a number of owners, without a list of its own for each.

/// Values by their owner's number.
#[derive(Debug, Default)]
pub(crate) struct Grouped<T> {
    /// Where each owner's begin; one more than there are owners.
    starts: Vec<u32>,
    all: Vec<T>,
}

impl<T> Grouped<T> {
    /// Of so many owners; each keeps its values in the order in which they came.
    pub(crate) fn of(owners: usize, mut pairs: Vec<(u32, T)>) -> Self {
        pairs.sort_by_key(|(owner, _)| *owner);
        let mut starts = Vec::with_capacity(owners + 1);
        for (at, (owner, _)) in (0u32..).zip(&pairs) {
            starts.resize(starts.len().max(*owner as usize + 1), at);
        }
        starts.resize(owners + 1, pairs.len() as u32);
        Self { starts, all: pairs.into_iter().map(|(_, value)| value).collect() }
    }

    /// One owner's.
    pub(crate) fn get(&self, owner: usize) -> &[T] {
        match self.starts.get(owner..owner + 2) {
            Some([start, end]) => self.all.get(*start as usize..*end as usize).unwrap_or_default(),
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_owner_has_its_own_in_their_order() {
        let grouped = Grouped::of(5, vec![(3, 'a'), (1, 'b'), (3, 'c'), (1, 'd')]);
        assert_eq!([0, 1, 2, 3, 4, 5].map(|owner| grouped.get(owner).iter().collect::<String>()), ["", "bd", "", "ac", "", ""]);
        assert!(Grouped::<u8>::of(2, Vec::new()).get(1).is_empty());
    }
}
