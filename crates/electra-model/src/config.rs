//! Sizes of the two networks, as a recipe states them.

mod bounds;
mod positions;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Epsilon of every layer norm (`layer_norm_eps` of the released configurations).
pub const LAYER_NORM_EPS: f64 = 1e-12;

/// Sizes of the discriminator, and how the generator follows from them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// `V`: number of word pieces.
    pub vocab_size: usize,
    /// `E`: width of the embedding tables.
    pub embedding_size: usize,
    /// Rows of the position table: the longest sequence the model can read.
    pub max_position_embeddings: usize,
    /// Rows of the token-type table.
    pub type_vocab_size: usize,
    /// `H` of the discriminator.
    pub hidden_size: usize,
    /// Blocks of the discriminator.
    pub num_hidden_layers: usize,
    /// Attention heads of a discriminator block.
    pub num_attention_heads: usize,
    /// Width of the discriminator's feed-forward layers.
    pub intermediate_size: usize,
    /// Standard deviation of the normal, cut at two deviations, that tables and, without
    /// `kernel_gain`, most kernels start from; 0.02 in the released configurations.
    pub initializer_range: f64,
    /// `g`: kernels start with a standard deviation of `g / sqrt(inputs)` instead. Of narrow
    /// networks 0.02 leaves so little signal that they learn word frequencies and stop there
    /// (`docs/decisions/0006`). Absent: `initializer_range`, as in the reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_gain: Option<f64>,
    /// The start values that tell the networks of positions.
    #[serde(default, skip_serializing_if = "PositionStart::is_random")]
    pub position_start: PositionStart,
    /// The distances at which the heads of the first block attend with [`PositionStart::Adjacent`], relative
    /// to their own token: the first head at the first, and so on, in turn. Absent: -1, the token before,
    /// which every network has a head for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position_distances: Option<Vec<i64>>,
    /// The sizes of the generator, and its ties to the discriminator.
    pub generator: GeneratorConfig,
}

/// The start values that tell the networks of positions; all of them are learned further.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PositionStart {
    /// No knowledge of positions, as in the reference: the table starts like that of words.
    #[default]
    Random,
    /// Attention to neighbours: the table starts as waves and the heads of the first block attend to the
    /// tokens one and two before and after. Without it short runs end before they find out that neighbours
    /// matter (`docs/decisions/0006`).
    Neighbours,
    /// Attention to neighbours that is alike in networks of all sizes: every head gives about three quarters
    /// of its attention to one token, and which ones those are is said by `position_distances`
    /// (`docs/decisions/0014`).
    Adjacent,
}

impl PositionStart {
    fn is_random(&self) -> bool {
        *self == PositionStart::Random
    }
}

/// The generator, relative to the discriminator or in absolute sizes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratorConfig {
    /// The parameters that the two networks share.
    pub tie: TieMode,
    /// Width as a fraction of the discriminator's `hidden_size`; or give `hidden_size`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<f64>,
    /// Absolute width.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_size: Option<usize>,
    /// Depth as a fraction of the discriminator's; or give `num_hidden_layers`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<f64>,
    /// Absolute depth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_hidden_layers: Option<usize>,
    /// Attention heads; absent: one per 64 of width, at least one
    /// (`util/training_utils.py` of google-research/electra).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_attention_heads: Option<usize>,
    /// Feed-forward width; absent: four times the width.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intermediate_size: Option<usize>,
    /// [`ModelConfig::position_distances`] of the generator; absent: the discriminator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position_distances: Option<Vec<i64>>,
    /// The start values of the bias of the output layer, and of that of a network which predicts tokens in
    /// place of a discriminator.
    #[serde(default, skip_serializing_if = "OutputBias::is_zeros")]
    pub output_bias: OutputBias,
    /// The gain at which the layer norms inside of the generator's encoder start. The kernels that read
    /// them are divided by it, so that what a block adds is smaller by it than what it is added to
    /// (DeepNorm, Wang et al. 2022, as start values), and blocks after the first start by adding nothing.
    /// Without it what all masked tokens have in common soon drowns the context where there are two
    /// blocks (`docs/decisions/0015`). Absent: gains of 1 and random kernels, as in the reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residual_start: Option<f64>,
}

/// The start values of the bias `[V]` of output layers over the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputBias {
    /// Zeros, as in the reference.
    #[default]
    Zeros,
    /// The logarithm of each word piece's share of the training text, so that no step is spent on frequencies
    /// and the shared word table is not bent to tell them.
    LogFrequency,
}

impl OutputBias {
    fn is_zeros(&self) -> bool {
        *self == OutputBias::Zeros
    }
}

/// The parameters that generator and discriminator share (Clark et al. 2020, §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TieMode {
    /// The three embedding tables, their layer norm, and the generator's output matrix.
    Embeddings,
    /// No parameter; the generator's tables are as wide as its encoder.
    None,
    /// Everything but the heads; the generator is as large as the discriminator.
    All,
    /// The generator has tables of width `E`, which masked language modelling alone trains. The
    /// discriminator's word and position tables are those plus a difference that starts at zero and
    /// that detection alone trains (gradient-disentangled embedding sharing of DeBERTaV3, He, Gao and
    /// Chen 2021, §3.3). Token types and layer norm are separate. Both networks are trained by one step on
    /// the sum of their losses, where DeBERTaV3 alternates: its discriminator reads tables that the
    /// generator's step has changed already.
    GradientDisentangled,
}

/// Sizes of one encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderConfig {
    /// The width `H` of the hidden states.
    pub hidden_size: usize,
    /// Number of blocks.
    pub num_hidden_layers: usize,
    /// Attention heads per block.
    pub num_attention_heads: usize,
    /// Feed-forward width.
    pub intermediate_size: usize,
}

/// Sizes that contradict each other: the dotted key and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Error, miette::Diagnostic)]
#[error("{key}: {message}")]
pub struct ConfigError {
    /// Key below `[model]`, such as `generator.width`.
    pub key: &'static str,
    /// The value found and the values possible: the rest of a sentence about the key.
    pub message: String,
}

impl ModelConfig {
    /// Sizes of the discriminator's encoder.
    pub fn discriminator(&self) -> EncoderConfig {
        EncoderConfig {
            hidden_size: self.hidden_size,
            num_hidden_layers: self.num_hidden_layers,
            num_attention_heads: self.num_attention_heads,
            intermediate_size: self.intermediate_size,
        }
    }

    /// Sizes of the generator's encoder. With [`TieMode::All`] it is the discriminator's.
    pub fn generator(&self) -> EncoderConfig {
        if self.generator.tie == TieMode::All {
            return self.discriminator();
        }
        let of = |fraction: Option<f64>, absolute: Option<usize>, whole: usize| match absolute {
            Some(size) => size,
            None => (fraction.unwrap_or(1.0) * whole as f64).round() as usize,
        };
        let g = &self.generator;
        let hidden_size = of(g.width, g.hidden_size, self.hidden_size);
        EncoderConfig {
            hidden_size,
            num_hidden_layers: of(g.depth, g.num_hidden_layers, self.num_hidden_layers),
            num_attention_heads: g.num_attention_heads.unwrap_or((hidden_size / 64).max(1)),
            intermediate_size: g.intermediate_size.unwrap_or(hidden_size.saturating_mul(4)),
        }
    }

    /// Width of the embedding table that the generator uses: `E`, or its own width when untied.
    pub fn generator_embedding_size(&self) -> usize {
        match self.generator.tie {
            TieMode::Embeddings | TieMode::All | TieMode::GradientDisentangled => self.embedding_size,
            TieMode::None => self.generator().hidden_size,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The small model of the paper (Table 6).
    pub(crate) fn small() -> ModelConfig {
        ModelConfig {
            vocab_size: 30522,
            embedding_size: 128,
            max_position_embeddings: 512,
            type_vocab_size: 2,
            hidden_size: 256,
            num_hidden_layers: 12,
            num_attention_heads: 4,
            intermediate_size: 1024,
            initializer_range: 0.02,
            kernel_gain: None,
            position_start: PositionStart::Random,
            position_distances: None,
            generator: GeneratorConfig {
                tie: TieMode::Embeddings,
                width: Some(0.25),
                hidden_size: None,
                depth: Some(1.0),
                num_hidden_layers: None,
                num_attention_heads: None,
                intermediate_size: None,
                position_distances: None,
                output_bias: OutputBias::Zeros,
                residual_start: None,
            },
        }
    }

    #[test]
    fn the_small_generator_is_a_quarter_as_wide() {
        let expected = EncoderConfig {
            hidden_size: 64,
            num_hidden_layers: 12,
            num_attention_heads: 1,
            intermediate_size: 256,
        };
        assert_eq!(small().generator(), expected);
        let mut base = small();
        (base.hidden_size, base.num_attention_heads, base.intermediate_size, base.embedding_size) =
            (768, 12, 3072, 768);
        base.generator.width = Some(0.33333);
        let expected = EncoderConfig {
            hidden_size: 256,
            num_hidden_layers: 12,
            num_attention_heads: 4,
            intermediate_size: 1024,
        };
        assert_eq!(base.generator(), expected);
    }

    #[test]
    fn contradictions_name_their_key() {
        let key = |change: fn(&mut ModelConfig)| {
            let mut config = small();
            change(&mut config);
            config.validate().unwrap_err().key
        };
        assert_eq!(key(|c| c.num_attention_heads = 3), "num_attention_heads");
        assert_eq!(key(|c| c.hidden_size = 0), "hidden_size");
        assert_eq!(key(|c| c.generator.hidden_size = Some(64)), "generator.width");
        assert_eq!(key(|c| c.generator.width = None), "generator");
        assert_eq!(key(|c| c.generator.width = Some(-1.0)), "generator.width");
        assert_eq!(key(|c| c.generator.tie = TieMode::All), "generator.width");
        assert_eq!(key(|c| c.generator.num_attention_heads = Some(7)), "generator.num_attention_heads");
        assert_eq!(key(|c| c.type_vocab_size = 1), "type_vocab_size");
        assert_eq!(key(|c| c.kernel_gain = Some(0.0)), "kernel_gain");
        assert_eq!(key(|c| c.generator.residual_start = Some(0.5)), "generator.residual_start");
        assert_eq!(
            key(|c| {
                (c.generator.tie, c.generator.width) = (TieMode::All, None);
                c.generator.residual_start = Some(8.0);
            }),
            "generator.residual_start"
        );
        assert_eq!(key(|c| c.generator.residual_start = Some(100.5)), "generator.residual_start");
        assert_eq!(key(|c| c.generator.residual_start = Some(f64::NAN)), "generator.residual_start");
        assert_eq!(
            key(|c| {
                c.position_start = PositionStart::Neighbours;
                c.num_attention_heads = 1;
            }),
            "position_start"
        );
        assert!(small().validate().is_ok());
    }

    #[test]
    fn sizes_that_no_machine_holds_are_refused_by_their_key_with_the_bound() {
        let refused = |change: fn(&mut ModelConfig)| {
            let mut config = small();
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        for (error, expected) in [
            (
                refused(|c| c.num_hidden_layers = usize::MAX),
                "num_hidden_layers: is 18446744073709551615, expected 1 to 1024",
            ),
            (refused(|c| c.hidden_size = 100_000), "hidden_size: is 100000, expected 1 to 65536"),
            (refused(|c| c.vocab_size = 1 << 25), "vocab_size: is 33554432, expected 1 to 16777216"),
            (refused(|c| c.embedding_size = 1 << 17), "embedding_size: "),
            (refused(|c| c.intermediate_size = usize::MAX / 2), "intermediate_size: "),
            (refused(|c| c.type_vocab_size = usize::MAX), "type_vocab_size: "),
            (refused(|c| c.max_position_embeddings = usize::MAX), "max_position_embeddings: "),
            (
                refused(|c| c.max_position_embeddings = 2),
                "max_position_embeddings: is 2, expected at least 3",
            ),
            (refused(|c| c.num_attention_heads = 0), "num_attention_heads: is 0, expected 1 to"),
            (
                refused(|c| (c.generator.width, c.generator.hidden_size) = (None, Some(usize::MAX))),
                "generator.hidden_size: comes out as a width of 18446744073709551615, expected 1 to 65536",
            ),
            (
                refused(|c| (c.generator.depth, c.generator.num_hidden_layers) = (None, Some(1025))),
                "generator.num_hidden_layers: comes out as a number of layers of 1025",
            ),
            (
                refused(|c| (c.hidden_size, c.generator.width) = (1 << 16, Some(4.0))),
                "generator.width: comes out as a width of 262144",
            ),
            (refused(|c| c.generator.intermediate_size = Some(usize::MAX)), "generator.intermediate_size: "),
        ] {
            assert!(error.starts_with(expected), "{error} does not begin with {expected}");
        }
    }
}
