//! Output layers on top of the encoders: replaced token detection and masked language modelling.

use burn::module::{Module, Param};
use burn::prelude::*;
use electra_kernels as kernels;

use crate::embeddings::Embeddings;
use crate::init::{Init, Kernel};
use crate::layers::{Dense, LayerNorm};

/// `H -> H, gelu, -> 1` at every position, without norm or dropout.
#[derive(Module, Debug)]
pub struct ReplacedTokenHead {
    /// The hidden layer, `[H, H]`.
    pub dense: Dense,
    /// The output layer, `[H, 1]`.
    pub output: Dense,
}

impl ReplacedTokenHead {
    /// A new head; the last layer starts Glorot-uniform as in the reference.
    pub fn init(init: &Init, hidden_size: usize) -> Self {
        Self {
            dense: Dense::init(&init.child("dense"), Kernel::Dense, hidden_size, hidden_size),
            output: Dense::init(&init.child("output"), Kernel::GlorotUniform, hidden_size, 1),
        }
    }

    /// `[B, S, H]` to logits `[B, S]`; positive means replaced.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<2> {
        let [b, s, _] = x.dims();
        self.output.forward(self.dense.forward_gelu(x)).reshape([b, s])
    }
}

/// `H -> E, gelu, layer norm`, then the word table as output matrix plus a bias of its own.
#[derive(Module, Debug)]
pub struct MaskedLmHead {
    /// The hidden layer, `[H, E]`.
    pub dense: Dense,
    /// The layer norm over `E`.
    pub norm: LayerNorm,
    /// `[V]`, zero at the start.
    pub output_bias: Param<Tensor<1>>,
}

impl MaskedLmHead {
    /// A new head for a table of `vocab` rows and width `embedding_size`.
    pub fn init(init: &Init, hidden_size: usize, embedding_size: usize, vocab: usize) -> Self {
        Self {
            dense: Dense::init(&init.child("dense"), Kernel::Dense, hidden_size, embedding_size),
            norm: LayerNorm::init(&init.child("norm"), embedding_size),
            output_bias: init.constant(0.0, vocab),
        }
    }

    /// Logits `[M, V]` of gathered rows `x [M, H]`.
    pub fn forward(&self, x: Tensor<2>, embeddings: &Embeddings) -> Tensor<2> {
        self.forward_with(x, embeddings.word.val())
    }

    /// The logits over a given word table `[V, E]`.
    pub fn forward_with(&self, x: Tensor<2>, word: Tensor<2>) -> Tensor<2> {
        let h = self.norm.forward(self.dense.forward_gelu(x)); // [M, E]
        kernels::tied_logits(h, word, self.output_bias.val(), self.dense.precision)
    }
}
