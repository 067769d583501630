//! Word, position and token-type tables with their layer norm.

use burn::module::{Module, Param};
use burn::prelude::*;
use electra_kernels as kernels;

use crate::config::ModelConfig;
use crate::dropout::{DropoutSites, Place};
use crate::init::{Init, Kernel};
use crate::layers::LayerNorm;

/// The three tables of width `E` and their layer norm.
#[derive(Module, Debug)]
pub struct Embeddings {
    /// The word table, `[V, E]`.
    pub word: Param<Tensor<2>>,
    /// `[positions, E]`, learned.
    pub position: Param<Tensor<2>>,
    /// The table of token types, `[types, E]`.
    pub token_type: Param<Tensor<2>>,
    /// The layer norm over `E`.
    pub norm: LayerNorm,
}

/// The two tables that a discriminator may have in common with a generator.
#[derive(Clone, Debug)]
pub struct Tables {
    /// The word table, `[V, E]`.
    pub word: Tensor<2>,
    /// `[positions, E]`
    pub position: Tensor<2>,
}

impl Embeddings {
    /// New tables of `width` columns with the rows that `config` says.
    pub fn init(init: &Init, config: &ModelConfig, width: usize) -> Self {
        let table = |name, kernel, rows| init.kernel(name, kernel, [rows, width]);
        Self {
            word: table("word", Kernel::Table, config.vocab_size),
            position: table("position", Kernel::Positions, config.max_position_embeddings),
            token_type: table("token_type", Kernel::Table, config.type_vocab_size),
            norm: LayerNorm::init(&init.child("norm"), width),
        }
    }

    /// `ids, segments [B, S]` to `[B, S, E]`: sum, layer norm, dropout.
    pub fn forward(
        &self,
        ids: Tensor<2, Int>,
        token_type_ids: Tensor<2, Int>,
        dropout: &DropoutSites,
    ) -> Tensor<3> {
        self.forward_with(self.tables(), ids, token_type_ids, dropout)
    }

    /// The word and the position table of these embeddings.
    pub fn tables(&self) -> Tables {
        Tables { word: self.word.val(), position: self.position.val() }
    }

    /// [`forward`](Self::forward) with `tables` in place of its own.
    pub fn forward_with(
        &self,
        tables: Tables,
        ids: Tensor<2, Int>,
        token_type_ids: Tensor<2, Int>,
        dropout: &DropoutSites,
    ) -> Tensor<3> {
        let [_, s] = ids.dims();
        let Tables { word, position } = tables;
        let positions = position.dims()[0];
        assert!(s <= positions, "sequence of {s} tokens for a position table of {positions}");
        let sum = kernels::embed(word, position, self.token_type.val(), ids, token_type_ids);
        kernels::dropout(self.norm.forward(sum), dropout.at(Place::Embeddings))
    }

    /// These embeddings with word and position table at zero: differences from the generator's tables that
    /// have yet to be learned ([`TieMode::GradientDisentangled`](crate::TieMode)).
    pub(crate) fn without_difference(self) -> Self {
        let zeros = |table: Param<Tensor<2>>| {
            table.map(|values| {
                let zeros = values.zeros_like();
                if values.is_require_grad() { zeros.require_grad() } else { zeros }
            })
        };
        Self { word: zeros(self.word), position: zeros(self.position), ..self }
    }
}
