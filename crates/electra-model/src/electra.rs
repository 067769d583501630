//! Generator and discriminator, and who owns what they share.

use burn::module::Module;
use burn::prelude::*;
use burn::tensor::TensorData;
use electra_kernels as kernels;

use crate::architecture::{Architecture, GeneratorKind, HeadKind};
use crate::config::{ModelConfig, TieMode};
use crate::dropout::DropoutSites;
use crate::embeddings::{Embeddings, Tables};
use crate::encoder::{Direction, Encoder, key_bias};
use crate::heads::{MaskedLmHead, ReplacedTokenHead};
use crate::init::{Init, Kernel};
use crate::layers::Dense;
use crate::waves::Waves;
use electra_kernels::Precision;

/// The two networks of ELECTRA: discriminator and generator. The discriminator owns what is shared; the
/// generator borrows it.
#[derive(Module, Debug)]
pub struct Electra {
    /// Tells replaced tokens from original ones, or predicts tokens: the network that is kept.
    pub discriminator: Discriminator,
    /// Proposes the replacements. `None` where nothing learned does.
    pub generator: Option<Generator>,
    /// Whether the discriminator's word and position tables are differences from the generator's
    /// ([`TieMode::GradientDisentangled`]).
    #[module(skip)]
    is_disentangled: bool,
}

/// The network that is kept after pretraining.
#[derive(Module, Debug)]
pub struct Discriminator {
    /// Tables of width `E`.
    pub embeddings: Embeddings,
    /// `E -> H`, absent when they are equal.
    pub project: Option<Dense>,
    /// The encoder, of width `H`.
    pub encoder: Encoder,
    /// Replaced token detection, where that is learned.
    pub head: Option<ReplacedTokenHead>,
    /// Predictions over the vocabulary, where those are learned instead.
    pub masked_lm: Option<MaskedLmHead>,
    /// `[H, 1]`: whether to copy the input instead of predicting (All-Tokens MLM).
    pub copy: Option<Dense>,
}

/// A small masked language model. `None` means shared with the discriminator.
#[derive(Module, Debug)]
pub struct Generator {
    /// The generator's own tables, when nothing is tied.
    pub embeddings: Option<Embeddings>,
    /// `E -> H_g`, absent when equal or shared.
    pub project: Option<Dense>,
    /// The generator's own encoder, unless all is tied.
    pub encoder: Option<Encoder>,
    /// Predictions over the vocabulary.
    pub head: MaskedLmHead,
    /// The tower that reads from right to left, where the encoder reads from left to right.
    pub right_to_left: Option<Tower>,
    /// `[H_g, 1]`: the reward to expect, where it is trained by rewards.
    pub baseline: Option<Dense>,
}

/// An encoder on tables that belong to another one.
#[derive(Module, Debug)]
pub struct Tower {
    /// `E -> H_g`, absent when equal.
    pub project: Option<Dense>,
    /// The encoder, of width `H_g`.
    pub encoder: Encoder,
}

impl Electra {
    /// New networks of the paper; weights are a function of the seed alone.
    ///
    /// Panics if `config` does not [validate](ModelConfig::validate).
    pub fn init(config: &ModelConfig, seed: u64, device: &Device) -> Self {
        Self::init_with(config, Architecture::ELECTRA, seed, device, Precision::F32)
    }

    /// New networks of any `architecture`, with matrix products in `precision`.
    pub fn init_with(
        config: &ModelConfig,
        architecture: Architecture,
        seed: u64,
        device: &Device,
        precision: Precision,
    ) -> Self {
        if let Err(error) = config.validate() {
            panic!("{error}");
        }
        let root = Init::of(config, seed, device, precision);
        let mut discriminator = Discriminator::init(&root.child("discriminator"), config, architecture.head);
        let generator = match architecture.generator {
            GeneratorKind::None => None,
            GeneratorKind::Masked | GeneratorKind::TwoTower => {
                Some(Generator::init(&root.child("generator"), config, architecture))
            }
        };
        let is_disentangled = generator.is_some() && config.generator.tie == TieMode::GradientDisentangled;
        if is_disentangled {
            discriminator.embeddings = discriminator.embeddings.without_difference();
        }
        Self { discriminator, generator, is_disentangled }
    }

    /// These networks, where the discriminator's tables are no differences from the generator's.
    pub fn new(discriminator: Discriminator, generator: Option<Generator>) -> Self {
        Self { discriminator, generator, is_disentangled: false }
    }

    /// These networks with the bias of every output layer over the vocabulary at `bias`, `V` numbers: what
    /// [`OutputBias::LogFrequency`](crate::config::OutputBias) asks for.
    pub fn with_output_bias(mut self, bias: &[f32]) -> Self {
        let set = |mut head: MaskedLmHead| {
            head.output_bias = head.output_bias.map(|zeros| {
                assert_eq!(zeros.dims(), [bias.len()], "an output bias of {} numbers", bias.len());
                let values = Tensor::from_data(TensorData::new(bias.to_vec(), [bias.len()]), &zeros.device());
                if zeros.is_require_grad() { values.require_grad() } else { values }
            });
            head
        };
        self.generator = self.generator.map(|generator| Generator { head: set(generator.head), ..generator });
        self.discriminator.masked_lm = self.discriminator.masked_lm.map(set);
        self
    }

    /// The generator.
    ///
    /// Panics if there is none.
    pub fn learned_generator(&self) -> &Generator {
        self.generator.as_ref().expect("these architecture have a generator")
    }

    /// The tables that the generator reads and writes with.
    ///
    /// Panics, as all that follow, if there is no generator.
    pub fn generator_embeddings(&self) -> &Embeddings {
        self.learned_generator().embeddings.as_ref().unwrap_or(&self.discriminator.embeddings)
    }

    /// Last hidden state `[B, S, H_g]` of the generator on `masked_ids [B, S]`.
    pub fn generator_hidden(
        &self,
        masked_ids: Tensor<2, Int>,
        token_type_ids: Tensor<2, Int>,
        attention_mask: Tensor<2>,
        dropout: &DropoutSites,
    ) -> Tensor<3> {
        let x = self.generator_embeddings().forward(masked_ids, token_type_ids, dropout);
        let generator = self.learned_generator();
        let (project, encoder) = match &generator.encoder {
            Some(encoder) => (&generator.project, encoder),
            None => (&self.discriminator.project, &self.discriminator.encoder),
        };
        encoder.forward(project_if(project, x), &key_bias(attention_mask), dropout)
    }

    /// States `[B, S, 2 H_g]` of a generator of two towers on unmasked `ids [B, S]`: at each token what
    /// one knows of all tokens before it and the other of all after it, and nothing of it. Beyond the
    /// ends stands zero, where the reference wraps around. `drop` is that of each tower.
    ///
    /// Panics if the generator has one tower.
    pub fn cloze_hidden(
        &self,
        ids: Tensor<2, Int>,
        token_type_ids: Tensor<2, Int>,
        attention_mask: Tensor<2>,
        dropout: [DropoutSites; 2],
    ) -> Tensor<3> {
        let generator = self.learned_generator();
        let left = generator.encoder.as_ref().expect("a generator of two towers has its own encoder");
        let right = generator.right_to_left.as_ref().expect("this generator has two towers");
        let key_bias = key_bias(attention_mask);
        let read = |project, encoder: &Encoder, direction, dropout: &DropoutSites| {
            let x = self.generator_embeddings().forward(ids.clone(), token_type_ids.clone(), dropout);
            encoder.forward_towards(direction, project_if(project, x), &key_bias, dropout)
        };
        let before = read(&generator.project, left, Direction::LeftToRight, &dropout[0]);
        let after = read(&right.project, &right.encoder, Direction::RightToLeft, &dropout[1]);
        let [b, s, h] = before.dims();
        let end = before.clone().narrow(1, 0, 1).zeros_like(); // [B, 1, H_g]
        assert_eq!(end.dims(), [b, 1, h]);
        let before = Tensor::cat(vec![end.clone(), before.narrow(1, 0, s - 1)], 1);
        let after = Tensor::cat(vec![after.narrow(1, 1, s - 1), end], 1);
        Tensor::cat(vec![before, after], 2)
    }

    /// Logits `[B * N, V]` of the generator at `positions [B, N]`, and nowhere else.
    pub fn generator_logits(
        &self,
        masked_ids: Tensor<2, Int>,
        token_type_ids: Tensor<2, Int>,
        attention_mask: Tensor<2>,
        positions: Tensor<2, Int>,
        dropout: &DropoutSites,
    ) -> Tensor<2> {
        self.propose(self.generator_rows(masked_ids, token_type_ids, attention_mask, positions, dropout))
    }

    /// Logits `[M, V]` of gathered hidden states `[M, H_g]` of the generator.
    pub fn propose(&self, rows: Tensor<2>) -> Tensor<2> {
        self.learned_generator().head.forward(rows, self.generator_embeddings())
    }

    /// Hidden states `[B * N, H_g]` of the generator at `positions [B, N]`.
    pub fn generator_rows(
        &self,
        masked_ids: Tensor<2, Int>,
        token_type_ids: Tensor<2, Int>,
        attention_mask: Tensor<2>,
        positions: Tensor<2, Int>,
        dropout: &DropoutSites,
    ) -> Tensor<2> {
        let hidden = self.generator_hidden(masked_ids, token_type_ids, attention_mask, dropout);
        kernels::gather_positions(hidden, positions)
    }
}

impl Electra {
    /// Word and position table that the discriminator reads, `[V, E]` and `[positions, E]`: its own,
    /// or the generator's, through which no gradient passes, plus its own differences from them
    /// (He, Gao and Chen 2021, "DeBERTaV3", §3.3).
    pub fn discriminator_tables(&self) -> Tables {
        let own = self.discriminator.embeddings.tables();
        if !self.is_disentangled {
            return own;
        }
        let shared = self.generator_embeddings().tables();
        Tables { word: shared.word.detach() + own.word, position: shared.position.detach() + own.position }
    }

    /// Last hidden state `[B, S, H]` of the discriminator on its [tables](Self::discriminator_tables).
    pub fn discriminator_hidden(
        &self,
        ids: Tensor<2, Int>,
        token_type_ids: Tensor<2, Int>,
        attention_mask: Tensor<2>,
        dropout: &DropoutSites,
    ) -> Tensor<3> {
        self.discriminator.hidden_with(
            self.discriminator_tables(),
            ids,
            token_type_ids,
            attention_mask,
            dropout,
        )
    }

    /// Logits `[M, V]` of gathered hidden states `[M, H]` of the discriminator.
    ///
    /// Panics if it learned no prediction.
    pub fn predict(&self, rows: Tensor<2>) -> Tensor<2> {
        let head = self.discriminator.masked_lm.as_ref().expect("this network predicts tokens");
        head.forward_with(rows, self.discriminator_tables().word)
    }
}

impl Generator {
    /// The generator alone, below `init`; pretraining has it at the root's `generator`.
    fn init(init: &Init, config: &ModelConfig, architecture: Architecture) -> Self {
        let (sizes, e) = (config.generator(), config.generator_embedding_size());
        let waves = config.generator_waves();
        let at = init.clone().with_waves(waves.clone());
        let at = at.with_residual_start(config.generator.residual_start);
        let tie = config.generator.tie;
        let has_two_towers = architecture.generator == GeneratorKind::TwoTower;
        let width = if has_two_towers { 2 * sizes.hidden_size } else { sizes.hidden_size };
        Self {
            embeddings: matches!(tie, TieMode::None | TieMode::GradientDisentangled)
                .then(|| Embeddings::init(&at.child("embeddings"), config, e)),
            project: if tie == TieMode::All { None } else { projection(&at, e, sizes.hidden_size) },
            encoder: (tie != TieMode::All).then(|| Encoder::init(&at.child("encoder"), &sizes)),
            head: MaskedLmHead::init(&at.child("head"), width, e, config.vocab_size),
            right_to_left: has_two_towers.then(|| {
                let at = at.child("right_to_left").with_waves(waves.map(Waves::mirrored));
                Tower {
                    project: projection(&at, e, sizes.hidden_size),
                    encoder: Encoder::init(&at.child("encoder"), &sizes),
                }
            }),
            baseline: architecture
                .baseline
                .then(|| Dense::init(&at.child("baseline"), Kernel::GlorotUniform, sizes.hidden_size, 1)),
        }
    }
}

impl Discriminator {
    /// The discriminator alone, below `init`; pretraining has it at the root's `discriminator`.
    pub fn init(init: &Init, config: &ModelConfig, head: HeadKind) -> Self {
        let (sizes, e) = (config.discriminator(), config.embedding_size);
        let init = init.clone().with_waves(config.discriminator_waves());
        let h = sizes.hidden_size;
        let masked_lm = || MaskedLmHead::init(&init.child("masked_lm"), h, e, config.vocab_size);
        Self {
            embeddings: Embeddings::init(&init.child("embeddings"), config, e),
            project: projection(&init, e, h),
            encoder: Encoder::init(&init.child("encoder"), &sizes),
            head: (head == HeadKind::ReplacedToken).then(|| ReplacedTokenHead::init(&init.child("head"), h)),
            masked_lm: (head != HeadKind::ReplacedToken).then(masked_lm),
            copy: (head == HeadKind::CopyingLm)
                .then(|| Dense::init(&init.child("copy"), Kernel::GlorotUniform, h, 1)),
        }
    }

    /// Last hidden state `[B, S, H]`; `attention_mask [B, S]` is 1 at tokens and 0 at padding.
    pub fn hidden(
        &self,
        ids: Tensor<2, Int>,
        token_type_ids: Tensor<2, Int>,
        attention_mask: Tensor<2>,
        dropout: &DropoutSites,
    ) -> Tensor<3> {
        self.hidden_with(self.embeddings.tables(), ids, token_type_ids, attention_mask, dropout)
    }

    /// Logits `[B, S]`; positive means replaced.
    ///
    /// Panics if no detection was learned.
    pub fn forward(
        &self,
        ids: Tensor<2, Int>,
        token_type_ids: Tensor<2, Int>,
        attention_mask: Tensor<2>,
        dropout: &DropoutSites,
    ) -> Tensor<2> {
        self.detect(self.hidden(ids, token_type_ids, attention_mask, dropout))
    }

    /// Logits `[B, S]` of hidden states `[B, S, H]`; positive means replaced.
    ///
    /// Panics if no detection was learned.
    pub fn detect(&self, hidden: Tensor<3>) -> Tensor<2> {
        self.head.as_ref().expect("this network detects replaced tokens").forward(hidden)
    }

    fn hidden_with(
        &self,
        tables: Tables,
        ids: Tensor<2, Int>,
        token_type_ids: Tensor<2, Int>,
        attention_mask: Tensor<2>,
        dropout: &DropoutSites,
    ) -> Tensor<3> {
        let x = self.embeddings.forward_with(tables, ids, token_type_ids, dropout);
        self.encoder.forward(project_if(&self.project, x), &key_bias(attention_mask), dropout)
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
