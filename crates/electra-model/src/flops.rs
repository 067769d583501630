//! Floating-point operations of a training step, and parameter counts of a model.
//!
//! Only matrix products count, `2 m k n` each; the vocabulary projection at the masked slots alone where no
//! more is asked of it; training is three times the forward pass (forward, gradient of the input, gradient of
//! the weight).

use crate::architecture::{Architecture, GeneratorKind, HeadKind};
use crate::config::{EncoderConfig, ModelConfig, TieMode};
use crate::objective::Stage;
use electra_kernels::Precision;

/// Multiply-add work of one forward pass, in floating-point operations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForwardFlops {
    /// Discriminator's projection and encoder.
    pub discriminator: f64,
    /// Replaced-token head, or predictions over the vocabulary.
    pub discriminator_head: f64,
    /// Generator's projection and encoder.
    pub generator: f64,
    /// Masked-language-model head at `B * N` slots.
    pub generator_head: f64,
}

impl ForwardFlops {
    /// Work of `architecture` on `batch` sequences of `sequence` tokens with `slots` masked positions each.
    pub fn of(
        config: &ModelConfig,
        architecture: Architecture,
        batch: usize,
        sequence: usize,
        slots: usize,
    ) -> Self {
        let (tokens, masked) = ((batch * sequence) as f64, (batch * slots) as f64);
        let s = sequence as f64;
        let encoder = |e: &EncoderConfig, embedding: usize| {
            let (h, f) = (e.hidden_size as f64, e.intermediate_size as f64);
            let projection =
                if embedding == e.hidden_size { 0.0 } else { 2.0 * tokens * embedding as f64 * h };
            let block = 2.0 * tokens * 4.0 * h * h + 4.0 * tokens * s * h + 4.0 * tokens * h * f;
            projection + e.num_hidden_layers as f64 * block
        };
        let v = config.vocab_size as f64;
        let lm_head = |rows: f64, h: usize, e: usize| 2.0 * rows * (h * e) as f64 + 2.0 * rows * e as f64 * v;
        let (d, g) = (config.discriminator(), config.generator());
        let (h, e, eg) = (d.hidden_size as f64, config.embedding_size, config.generator_embedding_size());
        let [generator, generator_head] = match architecture.generator {
            GeneratorKind::None => [0.0; 2],
            GeneratorKind::Masked => [encoder(&g, eg), lm_head(masked, g.hidden_size, eg)],
            GeneratorKind::TwoTower => [2.0 * encoder(&g, eg), lm_head(tokens, 2 * g.hidden_size, eg)],
        };
        Self {
            discriminator: encoder(&d, e),
            discriminator_head: match architecture.head {
                HeadKind::ReplacedToken => 2.0 * tokens * (h * h + h),
                HeadKind::MaskedLm => lm_head(masked, d.hidden_size, e),
                HeadKind::CopyingLm => lm_head(tokens, d.hidden_size, e) + 2.0 * tokens * h,
            },
            generator,
            generator_head,
        }
    }

    /// The whole forward pass.
    pub fn forward(&self) -> f64 {
        self.discriminator + self.discriminator_head + self.generator + self.generator_head
    }

    /// Forward and backward pass of what a stage trains, and the forward pass of what else it needs.
    pub fn training_step(&self, stage: Stage) -> f64 {
        let generator = self.generator + self.generator_head;
        match stage {
            Stage::Joint | Stage::Adversarial => 3.0 * self.forward(),
            Stage::GeneratorAlone => 3.0 * generator,
            Stage::DiscriminatorAlone => 3.0 * (self.discriminator + self.discriminator_head) + generator,
        }
    }
}

/// Bytes that an encoder keeps at least of a forward pass over so many tokens, for its backward pass: of
/// each block the input and, inside of its feed-forward layers, the activation and its slope.
pub fn activation_bytes(sizes: &EncoderConfig, tokens: u128, precision: Precision) -> u128 {
    let width = if precision.half_dtype().is_some() { 2 } else { 4 };
    let of_block = 4 * sizes.hidden_size as u128 + 2 * width * sizes.intermediate_size as u128;
    sizes.num_hidden_layers as u128 * of_block * tokens
}

/// Numbers of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterCount {
    /// Tables, projection, encoder and head of the discriminator.
    pub discriminator: usize,
    /// The parameters that the generator adds to it.
    pub generator: usize,
}

impl ParameterCount {
    /// Counts from sizes, without building the model.
    pub fn of(config: &ModelConfig, architecture: Architecture) -> Self {
        let dense = |i: usize, o: usize| i * o + o;
        let tables = |e: usize| {
            (config.vocab_size + config.max_position_embeddings + config.type_vocab_size) * e + 2 * e
        };
        let encoder = |e: &EncoderConfig| {
            let (h, f) = (e.hidden_size, e.intermediate_size);
            e.num_hidden_layers * (4 * dense(h, h) + dense(h, f) + dense(f, h) + 4 * h)
        };
        let project = |e: usize, h: usize| if e == h { 0 } else { dense(e, h) };
        let (d, g) = (config.discriminator(), config.generator());
        let (e, eg) = (config.embedding_size, config.generator_embedding_size());
        let lm_head = |h: usize, e: usize| dense(h, e) + 2 * e + config.vocab_size;
        let h = d.hidden_size;
        let generator = |towers: usize| {
            let own = towers * (project(eg, g.hidden_size) + encoder(&g));
            let parts = match config.generator.tie {
                TieMode::Embeddings => own,
                TieMode::None | TieMode::GradientDisentangled => tables(eg) + own,
                TieMode::All => 0,
            };
            parts
                + lm_head(towers * g.hidden_size, eg)
                + if architecture.baseline { dense(g.hidden_size, 1) } else { 0 }
        };
        let head = match architecture.head {
            HeadKind::ReplacedToken => dense(h, h) + dense(h, 1),
            HeadKind::MaskedLm => lm_head(h, e),
            HeadKind::CopyingLm => lm_head(h, e) + dense(h, 1),
        };
        Self {
            discriminator: tables(e) + project(e, h) + encoder(&d) + head,
            generator: match architecture.generator {
                GeneratorKind::None => 0,
                GeneratorKind::Masked => generator(1),
                GeneratorKind::TwoTower => generator(2),
            },
        }
    }

    /// Numbers in the matrices of the layers of all encoders.
    pub fn of_encoder_matrices(config: &ModelConfig, architecture: Architecture) -> usize {
        let of = |e: &EncoderConfig| {
            let (h, f) = (e.hidden_size, e.intermediate_size);
            e.num_hidden_layers * (4 * h * h + 2 * h * f)
        };
        let towers = match architecture.generator {
            GeneratorKind::None => 0,
            // The generator's encoder is the discriminator's.
            GeneratorKind::Masked if config.generator.tie == TieMode::All => 0,
            GeneratorKind::Masked => 1,
            GeneratorKind::TwoTower => 2,
        };
        of(&config.discriminator()) + towers * of(&config.generator())
    }

    /// Unique parameters of both networks.
    pub fn total(&self) -> usize {
        self.discriminator + self.generator
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::GeneratorConfig;
    use crate::config::tests::small;

    const GENERATORS: [GeneratorKind; 3] =
        [GeneratorKind::None, GeneratorKind::Masked, GeneratorKind::TwoTower];
    const HEADS: [HeadKind; 3] = [HeadKind::ReplacedToken, HeadKind::MaskedLm, HeadKind::CopyingLm];

    /// 11 word pieces in tables 3 wide; a discriminator of two blocks, 4 wide and 7 inside; a generator
    /// of three, 2 wide and 8 inside.
    fn by_hand(tie: TieMode) -> ModelConfig {
        let small = small();
        ModelConfig {
            vocab_size: 11,
            embedding_size: 3,
            hidden_size: 4,
            num_hidden_layers: 2,
            num_attention_heads: 2,
            intermediate_size: 7,
            generator: GeneratorConfig {
                tie,
                width: Some(0.5),
                depth: Some(1.5),
                intermediate_size: Some(8),
                ..small.generator
            },
            ..small
        }
    }

    /// The operations of two rows of five tokens, three of them masked: 10 tokens and 6 slots.
    fn forward(tie: TieMode, generator: GeneratorKind, head: HeadKind) -> ForwardFlops {
        ForwardFlops::of(&by_hand(tie), Architecture { generator, head, baseline: false }, 2, 5, 3)
    }

    #[test]
    fn a_step_of_small_costs_143_7_gflop() {
        let step = ForwardFlops::of(&small(), Architecture::ELECTRA, 16, 128, 19).training_step(Stage::Joint);
        assert!((step / 1e9 - 143.7).abs() < 0.05, "{step}");
    }

    #[test]
    fn a_forward_pass_costs_two_operations_for_each_number_that_a_matrix_product_multiplies() {
        let discriminator = 2 * 10 * 3 * 4 // tables to width
            + 2 * (4 * 2 * 10 * 4 * 4 // two blocks: queries, keys, values and their mixture
                + 2 * 10 * 5 * 4 // each token's query with five keys
                + 2 * 10 * 5 * 4 // and the mean of five values
                + 2 * 10 * 4 * 7 // feed-forward in
                + 2 * 10 * 7 * 4); // and out
        let tower = 2 * 10 * 3 * 2
            + 3 * (4 * 2 * 10 * 2 * 2 + 2 * 10 * 5 * 2 + 2 * 10 * 5 * 2 + 2 * 10 * 2 * 8 + 2 * 10 * 8 * 2);
        for kind in GENERATORS {
            for head in HEADS {
                let [generator, generator_head] = match kind {
                    GeneratorKind::None => [0, 0],
                    // Width to tables and these to the vocabulary, at the slots.
                    GeneratorKind::Masked => [tower, 2 * 6 * 2 * 3 + 2 * 6 * 3 * 11],
                    // From both towers' widths together, at every token.
                    GeneratorKind::TwoTower => [2 * tower, 2 * 10 * 4 * 3 + 2 * 10 * 3 * 11],
                };
                let discriminator_head = match head {
                    HeadKind::ReplacedToken => 2 * 10 * 4 * 4 + 2 * 10 * 4,
                    HeadKind::MaskedLm => 2 * 6 * 4 * 3 + 2 * 6 * 3 * 11,
                    // At every token, and a gate.
                    HeadKind::CopyingLm => 2 * 10 * 4 * 3 + 2 * 10 * 3 * 11 + 2 * 10 * 4,
                };
                let parts = [discriminator, discriminator_head, generator, generator_head];
                let expected = ForwardFlops {
                    discriminator: f64::from(discriminator),
                    discriminator_head: f64::from(discriminator_head),
                    generator: f64::from(generator),
                    generator_head: f64::from(generator_head),
                };
                let found = forward(TieMode::Embeddings, kind, head);
                assert_eq!(found, expected, "{kind:?} {head:?}");
                assert_eq!(found.forward(), f64::from(parts.iter().sum::<i32>()), "{kind:?} {head:?}");
            }
        }
    }

    #[test]
    fn what_is_tied_decides_how_wide_the_generator_and_its_tables_are() {
        let of = |tie| forward(tie, GeneratorKind::Masked, HeadKind::ReplacedToken);
        let tied = of(TieMode::Embeddings);
        assert_eq!(of(TieMode::GradientDisentangled), tied);
        // Tables as wide as the encoder need no projection.
        let untied = of(TieMode::None);
        assert_eq!(untied.generator, tied.generator - f64::from(2 * 10 * 3 * 2));
        assert_eq!(untied.generator_head, f64::from(2 * 6 * 2 * 2 + 2 * 6 * 2 * 11));
        // Sharing an encoder saves parameters, no work.
        let shared = of(TieMode::All);
        assert_eq!(shared.generator, shared.discriminator);
        assert_eq!(shared.generator_head, f64::from(2 * 6 * 4 * 3 + 2 * 6 * 3 * 11));
        assert_eq!([untied.discriminator, shared.discriminator], [tied.discriminator; 2]);
    }

    #[test]
    fn a_step_differentiates_what_its_stage_trains() {
        for (generator, head, [d, g]) in [
            (GeneratorKind::Masked, HeadKind::ReplacedToken, [6640 + 400, 4200 + 468]),
            (GeneratorKind::Masked, HeadKind::CopyingLm, [6640 + 980, 4200 + 468]),
            (GeneratorKind::TwoTower, HeadKind::ReplacedToken, [6640 + 400, 8400 + 900]),
            (GeneratorKind::None, HeadKind::MaskedLm, [6640 + 540, 0]),
        ] {
            let forward = forward(TieMode::Embeddings, generator, head);
            for (stage, expected) in [
                (Stage::Joint, 3 * d + 3 * g),
                (Stage::Adversarial, 3 * d + 3 * g),
                (Stage::GeneratorAlone, 3 * g),
                // Samples are drawn, but the generator learns nothing.
                (Stage::DiscriminatorAlone, 3 * d + g),
            ] {
                let found = forward.training_step(stage);
                assert_eq!(found, f64::from(expected), "{generator:?} {head:?} {stage:?}");
            }
        }
    }

    #[test]
    fn parameter_counts_are_those_of_the_paper_sizes() {
        assert_eq!(
            ParameterCount::of(&small(), Architecture::ELECTRA),
            ParameterCount { discriminator: 13_549_057, generator: 647_162 }
        );
        let mut base = small();
        (base.hidden_size, base.num_attention_heads, base.intermediate_size, base.embedding_size) =
            (768, 12, 3072, 768);
        base.generator.width = Some(0.33333);
        assert_eq!(
            ParameterCount::of(&base, Architecture::ELECTRA),
            ParameterCount { discriminator: 109_483_009, generator: 9_903_418 }
        );
        let mut large = base.clone();
        (large.hidden_size, large.num_attention_heads, large.intermediate_size, large.embedding_size) =
            (1024, 16, 4096, 1024);
        large.num_hidden_layers = 24;
        large.generator.width = Some(0.25);
        assert_eq!(
            ParameterCount::of(&large, Architecture::ELECTRA),
            ParameterCount { discriminator: 335_142_913, generator: 19_512_378 }
        );
    }
}
