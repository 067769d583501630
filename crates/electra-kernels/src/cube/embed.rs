//! Embedding lookup and gathering of positions, with their gradients.
//!
//! A gradient row is the sum over the places that used the row, in the order of the places, first within
//! chunks of tokens and then over the chunks: the same bits on every run, without atomic additions.

use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::columns::{column_sums, zeros};
use super::launch::{cubes, dims, element_type, elements, empty_of, per_element, reshaped};
use super::tracked::Operation;

/// Tokens of a chunk.
const CHUNK: usize = 256;
/// Units that share a token's row.
const LANES: u32 = 32;
/// Tokens of a cube.
const TOKENS: u32 = 8;

#[cube(launch_unchecked)]
fn lookup_kernel<F: Float, I: Int>(
    word: &Tensor<F>,
    position: &Tensor<F>,
    token_type: &Tensor<F>,
    ids: &Tensor<I>,
    token_type_ids: &Tensor<I>,
    y: &mut Tensor<F>,
    n: u32,
    width: u32,
    sequence: u32,
    words: u32,
    types: u32,
    #[define(F, I)] _elements: [ElemType; 2],
) {
    let at = ABSOLUTE_POS as u32;
    if at < n {
        let token = at / width;
        let column = at % width;
        // An id beyond its table would be read from another buffer.
        let id = u32::min(u32::cast_from(ids[token as usize]), words - 1u32);
        let kind = u32::min(u32::cast_from(token_type_ids[token as usize]), types - 1u32);
        y[at as usize] = word[(id * width + column) as usize]
            + token_type[(kind * width + column) as usize]
            + position[(token % sequence * width + column) as usize];
    }
}

/// Sums of gradient rows within chunks: each token that is the first with its id in its chunk gets the sum of
/// the rows of the chunk's tokens with that id, and 1 in `is_first`.
#[cube(launch_unchecked)]
fn within_chunks_kernel<F: Float, I: Int>(
    ids: &Tensor<I>,
    dy: &Tensor<F>,
    sums: &mut Tensor<F>,
    is_first: &mut Tensor<I>,
    tokens: u32,
    width: u32,
    #[comptime] chunk: u32,
    #[define(F, I)] _elements: [ElemType; 2],
) {
    let token = CUBE_POS as u32 * 8u32 + UNIT_POS_Y;
    if token < tokens {
        let id = ids[token as usize];
        let begin = token / chunk * chunk;
        let end = u32::min(begin + chunk, tokens);
        let mut found = false;
        let mut other = begin;
        while other < token && !found {
            found = ids[other as usize] == id;
            other += 1u32;
        }
        if UNIT_POS_X == 0u32 {
            is_first[token as usize] = I::cast_from(!found);
        }
        if !found {
            let mut column = UNIT_POS_X;
            while column < width {
                let mut sum = f32::new(0.0);
                let mut other = token;
                while other < end {
                    if ids[other as usize] == id {
                        sum += f32::cast_from(dy[(other * width + column) as usize]);
                    }
                    other += 1u32;
                }
                sums[(token * width + column) as usize] = F::cast_from(sum);
                column += 32u32;
            }
        }
    }
}

/// The sums over chunks, into the row of the id.
#[cube(launch_unchecked)]
fn over_chunks_kernel<F: Float, I: Int>(
    ids: &Tensor<I>,
    sums: &Tensor<F>,
    is_first: &Tensor<I>,
    table: &mut Tensor<F>,
    tokens: u32,
    width: u32,
    words: u32,
    #[define(F, I)] _elements: [ElemType; 2],
) {
    let token = CUBE_POS as u32 * 8u32 + UNIT_POS_Y;
    if token < tokens {
        let id = ids[token as usize];
        let mut found = is_first[token as usize] == I::from_int(0);
        let mut other = 0u32;
        while other < token && !found {
            found = ids[other as usize] == id;
            other += 1u32;
        }
        if !found {
            let to = u32::min(u32::cast_from(id), words - 1u32);
            let mut column = UNIT_POS_X;
            while column < width {
                let mut sum = f32::new(0.0);
                let mut other = token;
                while other < tokens {
                    if ids[other as usize] == id && is_first[other as usize] != I::from_int(0) {
                        sum += f32::cast_from(sums[(other * width + column) as usize]);
                    }
                    other += 1u32;
                }
                table[(to * width + column) as usize] = F::cast_from(sum);
                column += 32u32;
            }
        }
    }
}

/// The rows of tokens of one type, and zeros in place of the others.
#[cube(launch_unchecked)]
fn of_type_kernel<F: Float, I: Int>(
    token_type_ids: &Tensor<I>,
    dy: &Tensor<F>,
    rows: &mut Tensor<F>,
    n: u32,
    width: u32,
    types: u32,
    #[define(F, I)] _elements: [ElemType; 2],
) {
    // `rows` is `[tokens, types, width]`.
    let at = ABSOLUTE_POS as u32;
    if at < n {
        let column = at % width;
        let kind = at / width % types;
        let token = at / (width * types);
        let is_of_kind = u32::cast_from(token_type_ids[token as usize]) == kind;
        let value = dy[(token * width + column) as usize];
        rows[at as usize] = select(is_of_kind, value, F::from_int(0));
    }
}

/// A gradient of `[n]` elements at the beginning of a table of `size`.
#[cube(launch_unchecked)]
fn padded_kernel<F: Float>(
    x: &Tensor<F>,
    y: &mut Tensor<F>,
    n: u32,
    size: u32,
    #[define(F)] _element: ElemType,
) {
    let at = ABSOLUTE_POS as u32;
    if at < size {
        // Read within the gradient also where the table goes on.
        let value = x[u32::min(at, n - 1u32) as usize];
        y[at as usize] = select(at < n, value, F::from_int(0));
    }
}

/// The operation [`crate::embed`], of the word, position and token-type tables.
#[derive(Clone, Debug)]
pub(crate) struct Embed {
    pub(crate) ids: CubeTensor,
    pub(crate) token_type_ids: CubeTensor,
}

/// The saved tensors of an embedding lookup, for its backward pass.
#[derive(Clone, Debug)]
pub(crate) struct EmbedState {
    ids: CubeTensor,
    token_type_ids: CubeTensor,
    /// Sizes of the word, position and token-type tables.
    tables: [[usize; 2]; 3],
}

impl EmbedState {
    fn tokens(&self) -> usize {
        elements(&self.ids)
    }

    fn width(&self) -> usize {
        self.tables[0][1]
    }

    fn word_gradient(&self, dy: &CubeTensor) -> CubeTensor {
        let ([words, width], tokens) = (self.tables[0], self.tokens());
        let table = reshaped(zeros(dy, words * width), [words, width]);
        if tokens * width == 0 {
            return table;
        }
        let sums = empty_of(dy, [tokens * width], dy.dtype);
        let is_first = empty_of(dy, [tokens], self.ids.dtype);
        let dim = CubeDim::new_2d(LANES, TOKENS);
        let types = [element_type(dy), element_type(&self.ids)];
        let number = tokens.div_ceil(TOKENS as usize);
        // SAFETY: units beyond the tokens do nothing; sums are read where `is_first` says that they are written.
        unsafe {
            within_chunks_kernel::launch_unchecked(
                &dy.client.clone(),
                cubes(dy, number, dim),
                dim,
                self.ids.clone().into_tensor_arg(),
                dy.clone().into_tensor_arg(),
                sums.clone().into_tensor_arg(),
                is_first.clone().into_tensor_arg(),
                tokens as u32,
                width as u32,
                CHUNK as u32,
                types,
            );
            over_chunks_kernel::launch_unchecked(
                &dy.client.clone(),
                cubes(dy, number, dim),
                dim,
                self.ids.clone().into_tensor_arg(),
                sums.into_tensor_arg(),
                is_first.into_tensor_arg(),
                table.clone().into_tensor_arg(),
                tokens as u32,
                width as u32,
                words as u32,
                types,
            );
        }
        table
    }

    fn position_gradient(&self, dy: &CubeTensor) -> CubeTensor {
        let ([positions, width], [batch, sequence]) = (self.tables[1], dims(&self.ids));
        let (n, size) = (sequence * width, positions * width);
        let sums = column_sums(dy, batch, n);
        if sequence == positions {
            return reshaped(sums, [positions, width]);
        }
        let table = empty_of(dy, [positions, width], dy.dtype);
        if n == 0 {
            return reshaped(zeros(dy, size), [positions, width]);
        }
        let (count, dim) = per_element(dy, size);
        // SAFETY: units beyond the `size` elements do nothing, and none reads beyond the `n` sums.
        unsafe {
            padded_kernel::launch_unchecked(
                &dy.client.clone(),
                count,
                dim,
                sums.into_tensor_arg(),
                table.clone().into_tensor_arg(),
                n as u32,
                size as u32,
                element_type(dy),
            );
        }
        table
    }

    fn token_type_gradient(&self, dy: &CubeTensor) -> CubeTensor {
        let ([types, width], tokens) = (self.tables[2], self.tokens());
        let n = tokens * types * width;
        if n == 0 {
            return reshaped(zeros(dy, types * width), [types, width]);
        }
        let rows = empty_of(dy, [tokens, types, width], dy.dtype);
        let (count, dim) = per_element(dy, n);
        // SAFETY: units beyond the `n` elements do nothing.
        unsafe {
            of_type_kernel::launch_unchecked(
                &dy.client.clone(),
                count,
                dim,
                self.token_type_ids.clone().into_tensor_arg(),
                dy.clone().into_tensor_arg(),
                rows.clone().into_tensor_arg(),
                n as u32,
                width as u32,
                types as u32,
                [element_type(dy), element_type(&self.token_type_ids)],
            );
        }
        reshaped(column_sums(&rows, tokens, types * width), [types, width])
    }
}

impl Operation<3> for Embed {
    type State = EmbedState;

    fn forward(&self, tables: [CubeTensor; 3]) -> (CubeTensor, EmbedState) {
        let sizes = tables.each_ref().map(dims::<2>);
        let [word, position, token_type] = sizes;
        let [batch, sequence] = dims(&self.ids);
        assert_eq!(dims(&self.token_type_ids), [batch, sequence], "one token type per id");
        assert!(
            sequence <= position[0],
            "a sequence of {sequence} tokens has positions only up to {}",
            position[0]
        );
        assert!(
            position[1] == word[1] && token_type[1] == word[1],
            "embeddings of one width: {word:?}, {position:?}, {token_type:?}"
        );
        let [words, positions, types] = tables.map(into_contiguous);
        let (ids, token_type_ids) =
            (into_contiguous(self.ids.clone()), into_contiguous(self.token_type_ids.clone()));
        let width = word[1];
        let n = batch * sequence * width;
        let y = empty_of(&words, [batch, sequence, width], words.dtype);
        if n > 0 {
            let (count, dim) = per_element(&words, n);
            // SAFETY: units beyond the `n` elements do nothing; ids and types are brought into their tables.
            unsafe {
                lookup_kernel::launch_unchecked(
                    &words.client.clone(),
                    count,
                    dim,
                    words.clone().into_tensor_arg(),
                    positions.into_tensor_arg(),
                    types.into_tensor_arg(),
                    ids.clone().into_tensor_arg(),
                    token_type_ids.clone().into_tensor_arg(),
                    y.clone().into_tensor_arg(),
                    n as u32,
                    width as u32,
                    sequence as u32,
                    word[0] as u32,
                    token_type[0] as u32,
                    [element_type(&words), element_type(&ids)],
                );
            }
        }
        (y, EmbedState { ids, token_type_ids, tables: sizes })
    }

    fn backward(
        &self,
        state: EmbedState,
        dy: CubeTensor,
        [word, position, token_type]: [bool; 3],
    ) -> [Option<CubeTensor>; 3] {
        let dy = into_contiguous(dy);
        assert_eq!(elements(&dy), state.tokens() * state.width(), "a gradient for each token");
        [
            word.then(|| state.word_gradient(&dy)),
            position.then(|| state.position_gradient(&dy)),
            token_type.then(|| state.token_type_gradient(&dy)),
        ]
    }
}

/// Rows of `x [B, S, H]` at `positions [B, N]`.
#[cube(launch_unchecked)]
fn gather_kernel<F: Float, I: Int>(
    x: &Tensor<F>,
    positions: &Tensor<I>,
    y: &mut Tensor<F>,
    n: u32,
    slots: u32,
    sequence: u32,
    width: u32,
    #[define(F, I)] _elements: [ElemType; 2],
) {
    let at = ABSOLUTE_POS as u32;
    if at < n {
        let column = at % width;
        let slot = at / width;
        let position = u32::min(u32::cast_from(positions[slot as usize]), sequence - 1u32);
        y[at as usize] = x[((slot / slots * sequence + position) * width + column) as usize];
    }
}

/// The gradient of `x`: of each place the sum of the slots that read it, in their order.
#[cube(launch_unchecked)]
fn scatter_kernel<F: Float, I: Int>(
    dy: &Tensor<F>,
    positions: &Tensor<I>,
    dx: &mut Tensor<F>,
    n: u32,
    slots: u32,
    sequence: u32,
    width: u32,
    #[define(F, I)] _elements: [ElemType; 2],
) {
    let at = ABSOLUTE_POS as u32;
    if at < n {
        let column = at % width;
        let place = at / width % sequence;
        let first = at / (width * sequence) * slots;
        let mut sum = f32::new(0.0);
        let mut slot = first;
        while slot < first + slots {
            if u32::cast_from(positions[slot as usize]) == place {
                sum += f32::cast_from(dy[(slot * width + column) as usize]);
            }
            slot += 1u32;
        }
        dx[at as usize] = F::cast_from(sum);
    }
}

/// The operation [`crate::gather_positions`].
#[derive(Clone, Debug)]
pub(crate) struct GatherPositions {
    pub(crate) positions: CubeTensor,
}

impl Operation<1> for GatherPositions {
    /// The positions, and the sizes of `x`.
    type State = (CubeTensor, [usize; 3]);

    fn forward(&self, [x]: [CubeTensor; 1]) -> (CubeTensor, Self::State) {
        let ([batch, sequence, width], [of_positions, slots]) = (dims(&x), dims(&self.positions));
        assert_eq!(batch, of_positions, "positions for each of the {batch} sequences");
        let (x, positions) = (into_contiguous(x), into_contiguous(self.positions.clone()));
        let y = empty_of(&x, [batch * slots, width], x.dtype);
        let n = elements(&y);
        if n > 0 {
            let (count, dim) = per_element(&x, n);
            // SAFETY: units beyond the `n` elements do nothing; positions are brought into the sequence.
            unsafe {
                gather_kernel::launch_unchecked(
                    &x.client.clone(),
                    count,
                    dim,
                    x.clone().into_tensor_arg(),
                    positions.clone().into_tensor_arg(),
                    y.clone().into_tensor_arg(),
                    n as u32,
                    slots as u32,
                    sequence as u32,
                    width as u32,
                    [element_type(&x), element_type(&positions)],
                );
            }
        }
        (y, (positions, [batch, sequence, width]))
    }

    fn backward(
        &self,
        (positions, sizes): Self::State,
        dy: CubeTensor,
        _: [bool; 1],
    ) -> [Option<CubeTensor>; 1] {
        let ([_, sequence, width], [_, slots]) = (sizes, dims(&positions));
        let dy = into_contiguous(dy);
        let dx = empty_of(&dy, sizes, dy.dtype);
        let n = elements(&dx);
        if n > 0 {
            let (count, dim) = per_element(&dy, n);
            // SAFETY: units beyond the `n` elements do nothing; slots are those of the gradient's rows.
            unsafe {
                scatter_kernel::launch_unchecked(
                    &dy.client.clone(),
                    count,
                    dim,
                    dy.clone().into_tensor_arg(),
                    positions.clone().into_tensor_arg(),
                    dx.clone().into_tensor_arg(),
                    n as u32,
                    slots as u32,
                    sequence as u32,
                    width as u32,
                    [element_type(&dy), element_type(&positions)],
                );
            }
        }
        [Some(dx)]
    }
}
