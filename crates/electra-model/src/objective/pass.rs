//! The inputs of one forward pass.

use burn::prelude::*;

use super::config::{Stage, StepDropout};
use crate::batch::{Batch, Normalizer};
use crate::dropout::{DropoutSites, Network};
use crate::electra::Electra;

/// One forward pass: what goes in.
pub(super) struct Pass<'a> {
    pub(super) model: &'a Electra,
    pub(super) batch: &'a Batch,
    pub(super) normalizer: Normalizer,
    pub(super) dropout: Option<StepDropout>,
    pub(super) stage: Stage,
    /// `[B * N]`, in place of drawn ones.
    pub(super) samples: Option<Tensor<1, Int>>,
}

impl Pass<'_> {
    pub(super) fn sites(&self, network: Network) -> DropoutSites {
        match self.dropout {
            Some(d) => DropoutSites::new(d.hidden, d.attention, d.seed, network).from_row(d.first_row),
            None => DropoutSites::off(),
        }
    }

    /// Last hidden state `[B, S, H]` of the discriminator on `ids [B, S]`.
    pub(super) fn read(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        let (token_type_ids, attention_mask) =
            (self.batch.token_type_ids.clone(), self.batch.attention_mask.clone());
        self.model.discriminator_hidden(
            ids,
            token_type_ids,
            attention_mask,
            &self.sites(Network::Discriminator),
        )
    }
}
