//! The sum along a binary tree over leaves: the same bits, whoever computes which leaves.
//!
//! Floating-point addition is not associative, so a sum has the bits of its order. Here the order is a function of
//! the number of leaves alone: leaves 0 and 1 add up, 2 and 3, then those sums, and so on; where a node has no right
//! neighbour it goes up as it is. Partial sums go to the owner of the left leaf, so that leaf 0's rank has the whole.
//! In one process at most the binary logarithm of the leaves, and one more, are held at once, as a binary counter
//! holds its carries.

use std::ops::Range;

use crate::communicator::Communicator;
use crate::ranks::RankError;
use crate::shares::Shares;

/// What is added up along a tree, and its form in messages.
pub trait Addend {
    /// A leaf, or the sum of several.
    type Value;

    /// The sum of a node and its right neighbour.
    fn add(&self, left: Self::Value, right: Self::Value) -> Self::Value;

    /// The numbers of a message: all that a value holds.
    fn to_floats(&self, value: &Self::Value) -> Vec<f32>;

    /// The value of such numbers.
    fn of_floats(&self, floats: Vec<f32>) -> Self::Value;

    /// The number of those numbers, which is the same for every value.
    fn length(&self) -> usize;
}

/// Vectors of so many numbers.
#[derive(Clone, Copy, Debug)]
pub struct Floats {
    /// The numbers of a vector.
    pub length: usize,
}

impl Addend for Floats {
    type Value = Vec<f32>;

    fn add(&self, mut left: Vec<f32>, right: Vec<f32>) -> Vec<f32> {
        left.iter_mut().zip(&right).for_each(|(sum, right)| *sum += right);
        left
    }

    fn to_floats(&self, value: &Vec<f32>) -> Vec<f32> {
        value.clone()
    }

    fn of_floats(&self, floats: Vec<f32>) -> Vec<f32> {
        floats
    }

    fn length(&self) -> usize {
        self.length
    }
}

/// A node of the tree: the sum of `width` leaves from `first` on, or of as many as there are.
#[derive(Debug)]
struct Node<V> {
    first: usize,
    width: usize,
    value: V,
}

/// A sum under way: leaves of this rank come in order.
pub struct TreeSum<'a, A: Addend> {
    communicator: &'a Communicator<'a>,
    shares: Shares,
    addend: A,
    held: Vec<Node<A::Value>>,
    next: usize,
}

impl<'a, A: Addend> TreeSum<'a, A> {
    /// The sum over `shares.leaves()` leaves, of which each rank adds its own.
    ///
    /// # Panics
    /// If the shares are those of another number of ranks.
    pub fn new(communicator: &'a Communicator<'a>, shares: Shares, addend: A) -> Self {
        assert_eq!(shares.ranks(), communicator.size(), "shares of other ranks than there are");
        let next = shares.of(communicator.rank()).start;
        Self { communicator, shares, addend, held: Vec::new(), next }
    }

    /// Adds the next leaf of this rank.
    ///
    /// # Panics
    /// If it has had all of its leaves.
    pub fn push(&mut self, value: A::Value) {
        let own = self.shares.of(self.communicator.rank());
        assert!(own.contains(&self.next), "leaf {} of a share of {own:?}", self.next);
        let mut node = Node { first: self.next, width: 1, value };
        self.next += 1;
        while let Some(left) =
            self.held.pop_if(|left| is_pair(left.first, left.width, node.first, node.width))
        {
            let value = self.addend.add(left.value, node.value);
            node = Node { first: left.first, width: 2 * left.width, value };
        }
        self.held.push(node);
    }

    /// The sum of all leaves of all ranks, on every rank.
    ///
    /// # Errors
    /// If another rank has ended.
    ///
    /// # Panics
    /// If leaves of this rank are missing, or there are none at all.
    pub fn finish(self) -> Result<A::Value, RankError> {
        let Self { communicator, shares, addend, mut held, next } = self;
        let own = shares.of(communicator.rank());
        assert!(next == own.end && shares.leaves() > 0, "{next} of the leaves {own:?} have been added");
        let is_own = |leaf: usize| own.contains(&leaf);
        let mut width = 1;
        while width < shares.leaves() {
            let mut above = Vec::with_capacity(held.len());
            let mut nodes = held.into_iter().peekable();
            while let Some(mut node) = nodes.next() {
                if node.width == width {
                    let right = node.first + width;
                    if !node.first.is_multiple_of(2 * width) {
                        // Its left neighbour would have taken it, if it were here.
                        let to = shares.owner(node.first - width);
                        communicator.send_floats(to, &addend.to_floats(&node.value))?;
                        continue;
                    }
                    if right < shares.leaves() {
                        let right = if is_own(right) {
                            nodes
                                .next()
                                .expect("the right neighbour of a node, as both are of this rank")
                                .value
                        } else {
                            let from = shares.owner(right);
                            addend.of_floats(communicator.receive_floats(from, addend.length())?)
                        };
                        node.value = addend.add(node.value, right);
                    }
                    node.width = 2 * width;
                }
                above.push(node);
            }
            held = above;
            width *= 2;
        }
        let root = held.pop().map(|root| root.value);
        if shares.ranks() == 1 {
            return Ok(root.expect("a tree with a leaf has a root"));
        }
        let mut sum = match &root {
            Some(root) => addend.to_floats(root),
            None => vec![0.0; addend.length()],
        };
        communicator.broadcast_floats(&mut sum)?;
        Ok(root.unwrap_or_else(|| addend.of_floats(sum)))
    }
}

/// Whether two nodes are the children of one.
fn is_pair(left: usize, left_width: usize, right: usize, right_width: usize) -> bool {
    left_width == right_width && left.is_multiple_of(2 * left_width) && left + left_width == right
}

/// The most values that are held at once where `own` of the leaves of a tree are added in order: partial sums, and
/// the leaf that comes to them.
#[must_use]
pub fn buffers(own: Range<usize>) -> usize {
    let (mut held, mut most): (Vec<(usize, usize)>, usize) = (Vec::new(), 0);
    for leaf in own {
        most = most.max(held.len() + 1);
        let mut node = (leaf, 1);
        while let Some(left) = held.pop_if(|left| is_pair(left.0, left.1, node.0, node.1)) {
            node = (left.0, 2 * left.1);
        }
        held.push(node);
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_grow_as_the_logarithm_of_the_leaves() {
        let of = |leaves: usize| buffers(0..leaves);
        assert_eq!([0, 1, 2, 3, 4, 5, 8, 9, 16, 1024].map(of), [0, 1, 2, 2, 3, 3, 4, 4, 5, 11]);
        // A share that begins in the middle of a pair holds its first leaf beside the rest.
        assert_eq!(buffers(1..8), 5);
        assert_eq!(buffers(3..4), 1);
    }
}
