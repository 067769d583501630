//! Windows of pieces for a network that is fine-tuned, with the pieces whose vectors its head reads.
//!
//! Shapes: `B` windows, `S` pieces of a window, `W` words of all windows together. A classifier of whole windows has
//! one word in each, at `[CLS]`.

use std::iter::repeat_n;

use burn::prelude::*;
use burn::tensor::TensorData;
use electra_kernels as kernels;

use crate::dropout::DropoutSites;
use crate::electra::project_if;
use crate::embeddings::Embeddings;
use crate::encoder::{Encoder, key_bias};
use crate::layers::Dense;

/// Windows in host memory: all of one length, padded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WindowBatchData {
    /// The number of windows, `B`.
    pub windows: usize,
    /// The pieces of a window, `S`.
    pub length: usize,
    /// `[B, S]` piece ids, `[CLS]`, `[SEP]` and padding included.
    pub ids: Vec<i32>,
    /// `[B, S]` 1 at pieces, 0 at padding.
    pub attention_mask: Vec<f32>,
    /// `[W]` the first piece of each word, as index into the `B * S` pieces.
    pub first_pieces: Vec<i32>,
}

/// A batch of windows on a device.
#[derive(Clone, Debug)]
pub struct WindowBatch {
    /// Piece ids, `[B, S]`.
    pub ids: Tensor<2, Int>,
    /// 1 at pieces, 0 at padding, `[B, S]`.
    pub attention_mask: Tensor<2>,
    /// The first piece of each word, as index into the `B * S` pieces, `[W]`.
    pub first_pieces: Tensor<1, Int>,
}

impl WindowBatchData {
    /// An empty batch of windows of `length` pieces.
    pub fn new(length: usize) -> Self {
        Self { length, ..Self::default() }
    }

    /// Appends a window and pads it with `pad`; `first_pieces` are the positions within it of the
    /// words that are to have logits. The words are numbered through all windows, in the order in
    /// which they are given.
    ///
    /// Panics if the window is longer than the batch's or a position lies outside of it.
    pub fn push(&mut self, ids: &[u32], first_pieces: &[usize], pad: u32) {
        assert!(ids.len() <= self.length, "a window of {} pieces in rows of {}", ids.len(), self.length);
        let (padding, start) = (self.length - ids.len(), self.ids.len());
        for &position in first_pieces {
            assert!(position < ids.len(), "a word at {position} of a window of {} pieces", ids.len());
            self.first_pieces.push((start + position) as i32);
        }
        self.windows += 1;
        self.ids.extend(ids.iter().map(|&id| id as i32));
        self.ids.extend(repeat_n(pad as i32, padding));
        self.attention_mask.extend(repeat_n(1.0, ids.len()));
        self.attention_mask.extend(repeat_n(0.0, padding));
    }

    /// Number of words, `W`.
    pub fn words(&self) -> usize {
        self.first_pieces.len()
    }

    /// Moves the batch to a device.
    pub fn to_device(&self, device: &Device) -> WindowBatch {
        let shape = [self.windows, self.length];
        let first_pieces = TensorData::new(self.first_pieces.clone(), [self.words()]);
        WindowBatch {
            ids: Tensor::from_data(TensorData::new(self.ids.clone(), shape), device),
            attention_mask: Tensor::from_data(TensorData::new(self.attention_mask.clone(), shape), device),
            first_pieces: Tensor::from_data(first_pieces, device),
        }
    }
}

impl WindowBatch {
    /// The vectors `[W, H]` of the words among hidden states `[B, S, H]`.
    pub fn at_first_pieces(&self, hidden: Tensor<3>) -> Tensor<2> {
        let [b, s, h] = hidden.dims();
        // All windows as one sequence, in which the words' positions are given.
        kernels::gather_positions(hidden.reshape([1, b * s, h]), self.first_pieces.clone().unsqueeze())
    }
}

/// Last hidden state `[B, S, H]` of a network that is fine-tuned, whose pieces all have token type 0;
/// `attention_mask [B, S]` is 1 at pieces and 0 at padding.
pub fn hidden(
    embeddings: &Embeddings,
    project: &Option<Dense>,
    encoder: &Encoder,
    ids: Tensor<2, Int>,
    attention_mask: Tensor<2>,
    dropout: &DropoutSites,
) -> Tensor<3> {
    let token_type_ids = ids.zeros_like();
    let x = embeddings.forward(ids, token_type_ids, dropout);
    encoder.forward(project_if(project, x), &key_bias(attention_mask), dropout)
}
