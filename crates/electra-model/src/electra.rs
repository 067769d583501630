//! Generator and discriminator, and who owns what they share.

use burn::module::Module;
use burn::prelude::*;
use burn::tensor::TensorData;
use electra_kernels as kernels;

use crate::config::{ModelConfig, TieMode};
use crate::dropout::DropoutSites;
use crate::embeddings::Embeddings;
use crate::encoder::{Encoder, key_bias};
use crate::heads::{MaskedLmHead, ReplacedTokenHead};
use crate::init::{Init, Kernel};
use crate::layers::Dense;
use crate::precision::Precision;

/// Both networks. The discriminator owns what is shared; the generator borrows it.
#[derive(Module, Debug)]
pub struct Electra {
    /// Tells replaced tokens from original ones.
    pub discriminator: Discriminator,
    /// Proposes the replacements.
    pub generator: Generator,
}

/// The network that is kept after pretraining.
#[derive(Module, Debug)]
pub struct Discriminator {
    /// Tables of width `E`.
    pub embeddings: Embeddings,
    /// `E -> H`, absent when they are equal.
    pub project: Option<Dense>,
    /// Width `H`.
    pub encoder: Encoder,
    /// Replaced token detection.
    pub head: ReplacedTokenHead,
}

/// A small masked language model. `None` means shared with the discriminator.
#[derive(Module, Debug)]
pub struct Generator {
    /// Its own tables when nothing is tied.
    pub embeddings: Option<Embeddings>,
    /// `E -> H_g`, absent when equal or shared.
    pub project: Option<Dense>,
    /// Its own encoder unless all is tied.
    pub encoder: Option<Encoder>,
    /// Predictions over the vocabulary.
    pub head: MaskedLmHead,
}

impl Electra {
    /// New networks; weights are a function of the seed alone.
    ///
    /// Panics if `config` does not [validate](ModelConfig::validate).
    pub fn init(config: &ModelConfig, seed: u64, device: &Device) -> Self {
        Self::init_with(config, seed, device, Precision::F32)
    }

    /// The same with matrix products in `precision`.
    pub fn init_with(config: &ModelConfig, seed: u64, device: &Device, precision: Precision) -> Self {
        if let Err(error) = config.validate() {
            panic!("{error}");
        }
        let root = Init::new(seed, config.initializer_range, device)
            .with_kernel_gain(config.kernel_gain)
            .with_precision(precision);
        let tables = |init: Init, width| Embeddings::init(&init.child("embeddings"), config, width);
        let (at, sizes, e) = (root.child("discriminator"), config.discriminator(), config.embedding_size);
        let at = at.with_neighbours(config.neighbours(e));
        let discriminator = Discriminator {
            embeddings: tables(at.clone(), e),
            project: projection(&at, e, sizes.hidden_size),
            encoder: Encoder::init(&at.child("encoder"), &sizes),
            head: ReplacedTokenHead::init(&at.child("head"), sizes.hidden_size),
        };
        let (at, sizes, e) = (root.child("generator"), config.generator(), config.generator_embedding_size());
        let at = at.with_neighbours(config.neighbours(e));
        let tie = config.generator.tie;
        let generator = Generator {
            embeddings: (tie == TieMode::None).then(|| tables(at.clone(), e)),
            project: if tie == TieMode::All { None } else { projection(&at, e, sizes.hidden_size) },
            encoder: (tie != TieMode::All).then(|| Encoder::init(&at.child("encoder"), &sizes)),
            head: MaskedLmHead::init(&at.child("head"), sizes.hidden_size, e, config.vocab_size),
        };
        Self { discriminator, generator }
    }

    /// The same networks with the generator's output bias at `bias`, `V` numbers: what
    /// [`OutputBias::LogFrequency`](crate::config::OutputBias) asks for.
    pub fn with_output_bias(mut self, bias: &[f32]) -> Self {
        self.generator.head.output_bias = self.generator.head.output_bias.map(|zeros| {
            assert_eq!(zeros.dims(), [bias.len()], "an output bias of {} numbers", bias.len());
            let values = Tensor::from_data(TensorData::new(bias.to_vec(), [bias.len()]), &zeros.device());
            if zeros.is_require_grad() { values.require_grad() } else { values }
        });
        self
    }

    /// The tables that the generator reads and writes with.
    pub fn generator_embeddings(&self) -> &Embeddings {
        self.generator.embeddings.as_ref().unwrap_or(&self.discriminator.embeddings)
    }

    /// Last hidden state `[B, S, H_g]` of the generator on `masked_ids [B, S]`.
    pub fn generator_hidden(
        &self,
        masked_ids: Tensor<2, Int>,
        segments: Tensor<2, Int>,
        real: Tensor<2>,
        drop: &DropoutSites,
    ) -> Tensor<3> {
        let x = self.generator_embeddings().forward(masked_ids, segments, drop);
        let (project, encoder) = match &self.generator.encoder {
            Some(encoder) => (&self.generator.project, encoder),
            None => (&self.discriminator.project, &self.discriminator.encoder),
        };
        encoder.forward(project_if(project, x), &key_bias(real), drop)
    }

    /// Logits `[B * N, V]` of the generator at `positions [B, N]`, and nowhere else.
    pub fn generator_logits(
        &self,
        masked_ids: Tensor<2, Int>,
        segments: Tensor<2, Int>,
        real: Tensor<2>,
        positions: Tensor<2, Int>,
        drop: &DropoutSites,
    ) -> Tensor<2> {
        let hidden = self.generator_hidden(masked_ids, segments, real, drop);
        self.generator.head.forward(kernels::gather_positions(hidden, positions), self.generator_embeddings())
    }
}

impl Discriminator {
    /// Last hidden state `[B, S, H]`; `real [B, S]` is 1 at tokens and 0 at padding.
    pub fn hidden(
        &self,
        ids: Tensor<2, Int>,
        segments: Tensor<2, Int>,
        real: Tensor<2>,
        drop: &DropoutSites,
    ) -> Tensor<3> {
        let x = self.embeddings.forward(ids, segments, drop);
        self.encoder.forward(project_if(&self.project, x), &key_bias(real), drop)
    }

    /// Logits `[B, S]`; positive means replaced.
    pub fn forward(
        &self,
        ids: Tensor<2, Int>,
        segments: Tensor<2, Int>,
        real: Tensor<2>,
        drop: &DropoutSites,
    ) -> Tensor<2> {
        self.head.forward(self.hidden(ids, segments, real, drop))
    }
}

fn projection(init: &Init, embedding_size: usize, hidden_size: usize) -> Option<Dense> {
    let init = init.child("project");
    (embedding_size != hidden_size)
        .then(|| Dense::init(&init, Kernel::Projection, embedding_size, hidden_size))
}

pub(crate) fn project_if(project: &Option<Dense>, x: Tensor<3>) -> Tensor<3> {
    match project {
        Some(project) => project.forward(x),
        None => x,
    }
}
