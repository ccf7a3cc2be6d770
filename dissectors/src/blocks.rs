//! A growing table in blocks that never move: growing copies nothing, and never needs twice the room for a moment.

/// Rows of one block: enough that a block is a rare allocation, few enough that a small capture takes little.
const BLOCK: usize = 512;

/// See the module.
pub(crate) struct Blocks<T> {
    blocks: Vec<Vec<T>>,
    len: usize,
}

impl<T> Default for Blocks<T> {
    fn default() -> Self {
        Self { blocks: Vec::new(), len: 0 }
    }
}

impl<T> Blocks<T> {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, at: u32) -> Option<&T> {
        let at = at as usize;
        self.blocks.get(at / BLOCK)?.get(at % BLOCK)
    }

    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        let at = at as usize;
        self.blocks.get_mut(at / BLOCK)?.get_mut(at % BLOCK)
    }

    /// Adds a row and gives its place. Tables are bounded far below 2^32 rows.
    pub(crate) fn push(&mut self, row: T) -> u32 {
        let at = u32::try_from(self.len).unwrap_or(u32::MAX);
        if self.len.is_multiple_of(BLOCK) {
            self.blocks.push(Vec::with_capacity(BLOCK));
        }
        if let Some(block) = self.blocks.last_mut() {
            block.push(row);
            self.len += 1;
        }
        at
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().flatten()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.blocks.iter_mut().flatten()
    }

    /// Every row, leaving nothing behind; a block is freed when its rows are taken.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = T> + use<T> {
        self.len = 0;
        std::mem::take(&mut self.blocks).into_iter().flatten()
    }
}

impl<T: Clone> Clone for Blocks<T> {
    fn clone(&self) -> Self {
        // A clone of a vector has no room left; the last block must keep its own.
        let mut blocks = Self::default();
        for row in self.iter() {
            blocks.push(row.clone());
        }
        blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_places_over_many_blocks() {
        let mut blocks = Blocks::default();
        for number in 0..2000u32 {
            assert_eq!(blocks.push(number), number);
        }
        *blocks.get_mut(1999).unwrap() += 1;
        assert_eq!(
            (blocks.get(0), blocks.get(511), blocks.get(512), blocks.get(1999), blocks.get(2000)),
            (Some(&0), Some(&511), Some(&512), Some(&2000), None)
        );
        assert_eq!(blocks.clone().take().count(), 2000);
        assert_eq!((blocks.take().count(), blocks.len()), (2000, 0));
    }
}
