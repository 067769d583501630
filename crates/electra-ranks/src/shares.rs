//! Which rank computes which leaves of a sum.

use std::ops::Range;

/// The shares of ranks in the leaves of a sum: leaf `l` belongs to rank `l * ranks / leaves`. Shares are contiguous,
/// and differ by one leaf at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    leaves: usize,
    ranks: usize,
}

impl Shares {
    /// The shares of so many ranks in so many leaves. Where there are more ranks than leaves, some have none.
    ///
    /// # Panics
    /// Without a rank.
    #[must_use]
    pub fn new(leaves: usize, ranks: usize) -> Self {
        assert!(ranks > 0, "{leaves} leaves for no rank");
        Self { leaves, ranks }
    }

    /// The number of leaves.
    #[must_use]
    pub fn leaves(self) -> usize {
        self.leaves
    }

    /// The number of ranks.
    #[must_use]
    pub fn ranks(self) -> usize {
        self.ranks
    }

    /// The rank to which a leaf belongs.
    ///
    /// # Panics
    /// If there is no such leaf.
    #[must_use]
    pub fn owner(self, leaf: usize) -> usize {
        assert!(leaf < self.leaves, "leaf {leaf} of {}", self.leaves);
        (leaf as u128 * self.ranks as u128 / self.leaves as u128) as usize
    }

    /// The leaves of a rank.
    ///
    /// # Panics
    /// If there is no such rank.
    #[must_use]
    pub fn of(self, rank: usize) -> Range<usize> {
        assert!(rank < self.ranks, "rank {rank} of {}", self.ranks);
        let first = |rank: usize| (rank as u128 * self.leaves as u128).div_ceil(self.ranks as u128) as usize;
        first(rank)..first(rank + 1)
    }

    /// The most leaves that a rank has.
    #[must_use]
    pub fn most(self) -> usize {
        self.leaves.div_ceil(self.ranks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_contiguous_and_differ_by_one_at_most() {
        for leaves in 0..40 {
            for ranks in 1..12 {
                let shares = Shares::new(leaves, ranks);
                let all: Vec<usize> = (0..ranks).flat_map(|rank| shares.of(rank)).collect();
                assert_eq!(all, (0..leaves).collect::<Vec<_>>(), "{shares:?}");
                let sizes: Vec<usize> = (0..ranks).map(|rank| shares.of(rank).len()).collect();
                let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
                assert!(most - least <= 1 && *most == shares.most(), "{shares:?}: {sizes:?}");
                for rank in 0..ranks {
                    assert!(shares.of(rank).all(|leaf| shares.owner(leaf) == rank), "{shares:?}");
                }
            }
        }
    }
}
