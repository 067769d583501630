//! Which sizes a network can have.
//!
//! The most of each is far above every network that was trained, and so small that no product of sizes
//! leaves 64 bits: what is counted with sizes from a file need not be checked again.

use super::{ConfigError, ModelConfig, TieMode};

/// The most word pieces of a vocabulary.
const MAX_PIECES: usize = 1 << 24;
/// Columns of tables and hidden states, and heads.
const MAX_WIDTH: usize = 1 << 16;
/// Columns inside of feed-forward layers: four times the width, where nobody says otherwise.
const MAX_INNER_WIDTH: usize = 4 * MAX_WIDTH;
/// Rows of the tables of positions and token types.
const MAX_ROWS: usize = 1 << 16;
/// The most blocks of an encoder.
const MAX_LAYERS: usize = 1024;
/// Rows of the position table without which there is no room for a piece.
const MIN_POSITIONS: usize = 3;

impl ModelConfig {
    /// Refuses sizes that no network can have.
    ///
    /// # Errors
    /// The first contradiction, with the key that holds it.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let fail = |key, message: String| Err(ConfigError { key, message });
        for (key, size, most) in [
            ("vocab_size", self.vocab_size, MAX_PIECES),
            ("embedding_size", self.embedding_size, MAX_WIDTH),
            ("max_position_embeddings", self.max_position_embeddings, MAX_ROWS),
            ("type_vocab_size", self.type_vocab_size, MAX_ROWS),
            ("hidden_size", self.hidden_size, MAX_WIDTH),
            ("num_hidden_layers", self.num_hidden_layers, MAX_LAYERS),
            ("num_attention_heads", self.num_attention_heads, MAX_WIDTH),
            ("intermediate_size", self.intermediate_size, MAX_INNER_WIDTH),
        ] {
            if !(1..=most).contains(&size) {
                return fail(key, format!("is {size}, expected 1 to {most}"));
            }
        }
        if self.max_position_embeddings < MIN_POSITIONS {
            let found = self.max_position_embeddings;
            let message = format!("is {found}, expected at least {MIN_POSITIONS}: [CLS], a piece and [SEP]");
            return fail("max_position_embeddings", message);
        }
        let range = self.initializer_range;
        if !(range.is_finite() && range > 0.0 && range <= 1.0) {
            return fail("initializer_range", format!("is {range}, expected a number above 0 and at most 1"));
        }
        if let Some(gain) = self.kernel_gain
            && !(gain.is_finite() && gain > 0.0 && gain <= 10.0)
        {
            return fail("kernel_gain", format!("is {gain}, expected a number above 0 and at most 10"));
        }
        if self.vocab_size < 6 {
            return fail(
                "vocab_size",
                format!("is {}, smaller than the five special tokens and a word", self.vocab_size),
            );
        }
        if self.type_vocab_size < 2 {
            return fail("type_vocab_size", "is 1, but examples have two segments".into());
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            return fail(
                "num_attention_heads",
                format!(
                    "is {}, which does not divide hidden_size {}",
                    self.num_attention_heads, self.hidden_size
                ),
            );
        }
        self.check_distances()?;
        self.check_discriminator_waves()?;
        let g = &self.generator;
        if let Some(factor) = g.residual_start {
            let fail = |message: String| fail("generator.residual_start", message);
            if !(1.0..=100.0).contains(&factor) {
                return fail(format!("is {factor}, expected a number from 1 to 100"));
            }
            if g.tie == TieMode::All {
                return fail("is given, but tie = \"all\" leaves the generator no encoder of its own".into());
            }
        }
        if g.tie == TieMode::All {
            let given = [
                ("generator.width", g.width.is_some_and(|w| w != 1.0)),
                ("generator.hidden_size", g.hidden_size.is_some_and(|h| h != self.hidden_size)),
                ("generator.depth", g.depth.is_some_and(|d| d != 1.0)),
                (
                    "generator.num_hidden_layers",
                    g.num_hidden_layers.is_some_and(|l| l != self.num_hidden_layers),
                ),
                (
                    "generator.num_attention_heads",
                    g.num_attention_heads.is_some_and(|a| a != self.num_attention_heads),
                ),
                (
                    "generator.intermediate_size",
                    g.intermediate_size.is_some_and(|i| i != self.intermediate_size),
                ),
                (
                    "generator.position_distances",
                    g.position_distances.is_some()
                        && self.generator_distances() != self.discriminator_distances(),
                ),
            ];
            for (key, differs) in given {
                if differs {
                    return fail(
                        key,
                        "differs from the discriminator's, but tie = \"all\" shares the whole encoder".into(),
                    );
                }
            }
            return Ok(());
        }
        match (g.width, g.hidden_size) {
            (Some(_), Some(_)) => {
                return fail("generator.width", "stands beside hidden_size, expected one of them".into());
            }
            (None, None) => return fail("generator", "needs width (a fraction) or hidden_size".into()),
            _ => {}
        }
        match (g.depth, g.num_hidden_layers) {
            (Some(_), Some(_)) => {
                return fail(
                    "generator.depth",
                    "stands beside num_hidden_layers, expected one of them".into(),
                );
            }
            (None, None) => return fail("generator", "needs depth (a fraction) or num_hidden_layers".into()),
            _ => {}
        }
        for (key, fraction) in [("generator.width", g.width), ("generator.depth", g.depth)] {
            if let Some(f) = fraction
                && !(f.is_finite() && f > 0.0 && f <= 4.0)
            {
                return fail(key, format!("is {f}, expected a fraction above 0 and at most 4"));
            }
        }
        let e = self.generator();
        if e.hidden_size == 0 || e.num_hidden_layers == 0 || e.intermediate_size == 0 {
            return fail(
                "generator",
                format!(
                    "comes out with {} layers of {} and {} inside: every size must be at least 1",
                    e.num_hidden_layers, e.hidden_size, e.intermediate_size
                ),
            );
        }
        let first_of = |given: bool, fraction, absolute| if given { fraction } else { absolute };
        let width_key = first_of(g.width.is_some(), "generator.width", "generator.hidden_size");
        let depth_key = first_of(g.depth.is_some(), "generator.depth", "generator.num_hidden_layers");
        let inner_key = first_of(g.intermediate_size.is_some(), "generator.intermediate_size", width_key);
        for (key, what, size, most) in [
            (width_key, "a width", e.hidden_size, MAX_WIDTH),
            (depth_key, "a number of layers", e.num_hidden_layers, MAX_LAYERS),
            (inner_key, "a feed-forward width", e.intermediate_size, MAX_INNER_WIDTH),
        ] {
            if size > most {
                return fail(key, format!("comes out as {what} of {size}, expected 1 to {most}"));
            }
        }
        let heads_key = first_of(g.num_attention_heads.is_some(), "generator.num_attention_heads", width_key);
        if e.num_attention_heads == 0 || !e.hidden_size.is_multiple_of(e.num_attention_heads) {
            return fail(
                heads_key,
                format!(
                    "comes out as {} heads, which do not divide the generator's width {}",
                    e.num_attention_heads, e.hidden_size
                ),
            );
        }
        self.check_generator_waves(heads_key)
    }
}
