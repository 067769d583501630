//! Embedding lookup and gathering of positions, with their gradients.
//!
//! A gradient row is the sum over the places that used the row, in the order of the places.

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{
    Autodiff, Flex,
    tensor::{FloatTensor, IntTensor},
};
use burn_flex::FlexTensor;

use super::buffer::{write_chunks, write_zeros, written};
use super::linear::{add_columns, sum_of_partials};
use super::storage::{contiguous, dims, indices, tensor, values, zeros};
use crate::workers::{chunks, chunks_mut, each_part, map_parts};

/// Tokens, or rows of a table, of one parallel task.
const ROWS: usize = 128;

/// The rows of the three tables that were added.
#[derive(Clone, Debug)]
struct Rows {
    ids: Vec<usize>,
    token_type_ids: Vec<usize>,
    sequence: usize,
    /// Sizes of the word, position and token-type tables.
    tables: [[usize; 2]; 3],
}

impl Rows {
    fn new(tables: [&FlexTensor; 3], ids: &FlexTensor, token_type_ids: &FlexTensor) -> Self {
        let [word, position, token_type] = tables.map(dims::<2>);
        let [batch, sequence] = dims(ids);
        assert_eq!(dims(token_type_ids), [batch, sequence], "one token type id per id");
        assert!(
            sequence <= position[0],
            "a sequence of {sequence} tokens has positions only up to {}",
            position[0]
        );
        assert!(
            position[1] == word[1] && token_type[1] == word[1],
            "embeddings of one width: {word:?}, {position:?}, {token_type:?}"
        );
        Self {
            ids: indices(ids, word[0], "token id"),
            token_type_ids: indices(token_type_ids, token_type[0], "token type id"),
            sequence,
            tables: [word, position, token_type],
        }
    }

    fn width(&self) -> usize {
        self.tables[0][1]
    }

    /// Gradient of the word table: each task owns some rows of it and finds their tokens in a
    /// list sorted by id.
    fn word_gradient(&self, dy: &[f32]) -> FlexTensor {
        let [size, width] = self.tables[0];
        let mut order: Vec<(usize, usize)> =
            self.ids.iter().enumerate().map(|(token, id)| (*id, token)).collect();
        order.sort_unstable();
        let gradient = written(size * width, |gradient| {
            write_chunks(gradient, ROWS * width, |chunk, gradient| {
                let gradient = write_zeros(gradient);
                let first = chunk * ROWS;
                let begin = order.partition_point(|(id, _)| *id < first);
                for (id, token) in order[begin..].iter().take_while(|(id, _)| *id < first + ROWS) {
                    let row = &mut gradient[(id - first) * width..][..width];
                    add_columns(row, &dy[token * width..][..width]);
                }
                gradient
            })
        });
        tensor(gradient, [size, width])
    }

    fn position_gradient(&self, dy: &[f32]) -> FlexTensor {
        let [size, width] = self.tables[1];
        let mut gradient = zeros(size * width);
        let learned = self.sequence.min(size) * width;
        each_part(chunks_mut(&mut gradient[..learned], width), |position, row| {
            for token in (position..self.ids.len()).step_by(self.sequence) {
                add_columns(row, &dy[token * width..][..width]);
            }
        });
        tensor(gradient, [size, width])
    }

    fn token_type_gradient(&self, dy: &[f32]) -> FlexTensor {
        let [size, width] = self.tables[2];
        let tokens = (chunks(dy, ROWS * width), chunks(&self.token_type_ids, ROWS));
        let partials = map_parts(tokens, |_, (dy, token_type_ids)| {
            let mut sums = zeros(size * width);
            for (dy, token_type_id) in dy.chunks_exact(width).zip(token_type_ids) {
                add_columns(&mut sums[token_type_id * width..][..width], dy);
            }
            sums
        });
        tensor(sum_of_partials(partials, size * width), [size, width])
    }
}

fn forward(rows: &Rows, tables: [FlexTensor; 3]) -> FlexTensor {
    let width = rows.width();
    let tables = tables.map(contiguous);
    let [word, position, token_type] = tables.each_ref().map(values);
    let y = written(rows.ids.len() * width, |y| {
        write_chunks(y, width, |token, y| {
            let y = y.write_copy_of_slice(&word[rows.ids[token] * width..][..width]);
            add_columns(y, &token_type[rows.token_type_ids[token] * width..][..width]);
            add_columns(y, &position[token % rows.sequence * width..][..width]);
            y
        })
    });
    let sequences = rows.ids.len() / rows.sequence.max(1);
    tensor(y, [sequences, rows.sequence, width])
}

/// `embed(word, position, token_type, ids, token_type_ids)`.
pub(crate) fn embed(tables: [FlexTensor; 3], ids: FlexTensor, token_type_ids: FlexTensor) -> FlexTensor {
    forward(&Rows::new(tables.each_ref(), &ids, &token_type_ids), tables)
}

#[derive(Debug)]
struct Embed;

impl Backward<Flex, 3> for Embed {
    type State = Rows;

    fn backward(self, ops: Ops<Rows, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [word, position, token_type] = ops.parents;
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let (rows, dy) = (ops.state, values(&dy));
        if let Some(node) = word {
            grads.register::<Flex>(node.id, rows.word_gradient(dy));
        }
        if let Some(node) = position {
            grads.register::<Flex>(node.id, rows.position_gradient(dy));
        }
        if let Some(node) = token_type {
            grads.register::<Flex>(node.id, rows.token_type_gradient(dy));
        }
    }
}

/// `embed(word, position, token_type, ids, token_type_ids)` with its gradient.
pub(crate) fn tracked_embed<C: CheckpointStrategy>(
    tables: [FloatTensor<Autodiff<Flex, C>>; 3],
    ids: IntTensor<Flex>,
    token_type_ids: IntTensor<Flex>,
) -> FloatTensor<Autodiff<Flex, C>> {
    let guards = tables.each_ref().map(|t| t.node());
    let tables = tables.map(|t| t.into_primitive());
    let rows = Rows::new(tables.each_ref(), &ids, &token_type_ids);
    let y = forward(&rows, tables);
    match Embed.prepare::<C>(guards).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(rows, y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    }
}

/// The rows of `x [B, S, H]` that were gathered.
#[derive(Clone, Debug)]
struct Gathered {
    /// `[B, N]`, each below `S`.
    positions: Vec<usize>,
    slots: usize,
    sizes: [usize; 3],
}

impl Gathered {
    fn new(x: &FlexTensor, positions: &FlexTensor) -> Self {
        let (sizes, [batch, slots]) = (dims(x), dims(positions));
        assert_eq!(sizes[0], batch, "positions for each of the {} sequences", sizes[0]);
        Self { positions: indices(positions, sizes[1], "position"), slots, sizes }
    }

    fn forward(&self, x: FlexTensor) -> FlexTensor {
        let [_, sequence, width] = self.sizes;
        let x = contiguous(x);
        let x = values(&x);
        let y = written(self.positions.len() * width, |y| {
            write_chunks(y, width, |slot, y| {
                let row = slot / self.slots * sequence + self.positions[slot];
                y.write_copy_of_slice(&x[row * width..][..width])
            })
        });
        tensor(y, [self.positions.len(), width])
    }

    fn backward(&self, dy: FlexTensor) -> FlexTensor {
        let [batch, sequence, width] = self.sizes;
        let dy = contiguous(dy);
        let dy = values(&dy);
        let dx = written(batch * sequence * width, |dx| {
            write_chunks(dx, sequence * width, |i, dx| {
                let dx = write_zeros(dx);
                for slot in i * self.slots..(i + 1) * self.slots {
                    let row = &mut dx[self.positions[slot] * width..][..width];
                    add_columns(row, &dy[slot * width..][..width]);
                }
                dx
            })
        });
        tensor(dx, self.sizes)
    }
}

/// `gather_positions(x, positions)`.
pub(crate) fn gather_positions(x: FlexTensor, positions: FlexTensor) -> FlexTensor {
    Gathered::new(&x, &positions).forward(x)
}

#[derive(Debug)]
struct GatherPositions;

impl Backward<Flex, 1> for GatherPositions {
    type State = Gathered;

    fn backward(self, ops: Ops<Gathered, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<Flex>(node.id, ops.state.backward(dy));
        }
    }
}

/// `gather_positions(x, positions)` with its gradient.
pub(crate) fn tracked_gather_positions<C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<Flex, C>>,
    positions: IntTensor<Flex>,
) -> FloatTensor<Autodiff<Flex, C>> {
    let guards = [x.node()];
    let x = x.into_primitive();
    let gathered = Gathered::new(&x, &positions);
    let y = gathered.forward(x);
    match GatherPositions.prepare::<C>(guards).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(gathered, y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    }
}
