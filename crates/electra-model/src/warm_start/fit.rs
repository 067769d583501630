//! Comparison of the sizes of weights with those of a recipe.

use super::error::{Misfit, MisfitTensor, WarmStartError};
use super::sources::{Network, SourceNetwork, Sources};
use crate::architecture::{Architecture, GeneratorKind};
use crate::config::{EncoderConfig, ModelConfig, TieMode};

/// Refuses networks of other sizes than `config` says; rows of words and positions may differ.
///
/// # Errors
/// All sizes that differ, each with the line of the recipe that would fit.
pub(super) fn check_sizes(
    config: &ModelConfig,
    architecture: Architecture,
    sources: &Sources,
) -> Result<(), WarmStartError> {
    let mut misfits = misfits_of_discriminator(config, sources);
    if let Some(generator) = sources.generator_for(architecture) {
        let (found, expected) = (generator.kind(), architecture.generator);
        if found != expected {
            let [found, expected] = [found, expected].map(in_words);
            return Err(WarmStartError::GeneratorKind { found, expected });
        }
        let of_generator = Expected {
            network: Network::Generator,
            sizes: config.generator(),
            // Without ties the width is that of the encoder, which ties say more about.
            embedding_size: match config.generator.tie {
                TieMode::None => generator.embedding_size,
                _ => config.embedding_size,
            },
            type_vocab_size: config.type_vocab_size,
        };
        misfits.extend(of_generator.misfits(generator, |key, found| of_generator_line(config, key, found)));
    }
    if misfits.is_empty() { Ok(()) } else { Err(WarmStartError::Sizes { misfits }) }
}

/// Refuses a discriminator of other sizes than `config` says, whatever else is wrong with that.
///
/// # Errors
/// All sizes that differ, each with the line of the recipe that would fit.
pub fn check_discriminator(config: &ModelConfig, sources: &Sources) -> Result<(), WarmStartError> {
    let misfits = misfits_of_discriminator(config, sources);
    if misfits.is_empty() { Ok(()) } else { Err(WarmStartError::Sizes { misfits }) }
}

fn misfits_of_discriminator(config: &ModelConfig, sources: &Sources) -> Vec<Misfit> {
    let discriminator = Expected {
        network: Network::Discriminator,
        sizes: config.discriminator(),
        embedding_size: config.embedding_size,
        type_vocab_size: config.type_vocab_size,
    };
    discriminator.misfits(&sources.discriminator, |key, found| match key {
        Key::Embedding => format!("model.embedding_size = {found}"),
        Key::TokenTypes => format!("model.type_vocab_size = {found}"),
        Key::Hidden => format!("model.hidden_size = {found}"),
        Key::Layers => format!("model.num_hidden_layers = {found}"),
        Key::Heads => format!("model.num_attention_heads = {found}"),
        Key::Intermediate => format!("model.intermediate_size = {found}"),
    })
}

fn in_words(kind: GeneratorKind) -> &'static str {
    match kind {
        GeneratorKind::None => "none",
        GeneratorKind::Masked => "one encoder, which reads in both directions",
        GeneratorKind::TwoTower => "two, one for each direction",
    }
}

#[derive(Clone, Copy)]
enum Key {
    Embedding,
    TokenTypes,
    Hidden,
    Layers,
    Heads,
    Intermediate,
}

/// The line of `[model.generator]`, in the words in which the recipe has it.
fn of_generator_line(config: &ModelConfig, key: Key, found: usize) -> String {
    let generator = &config.generator;
    if generator.tie == TieMode::All {
        return "model.generator.tie = \"embeddings\", with the generator's own sizes".to_owned();
    }
    // A fraction that comes out as the size, if there is a short one.
    let fraction = |whole: usize| {
        let fraction = found as f64 / whole as f64;
        [fraction, (fraction * 1e4).round() / 1e4]
            .into_iter()
            .rfind(|f| (f * whole as f64).round() == found as f64)
    };
    let relative = |name: &str, absolute: &str, is_relative: bool, whole: usize| match fraction(whole) {
        Some(fraction) if is_relative => format!("model.generator.{name} = {fraction:?}"),
        _ => format!("model.generator.{absolute} = {found}"),
    };
    match key {
        Key::Hidden => relative("width", "hidden_size", generator.width.is_some(), config.hidden_size),
        Key::Layers => {
            relative("depth", "num_hidden_layers", generator.depth.is_some(), config.num_hidden_layers)
        }
        Key::Heads => format!("model.generator.num_attention_heads = {found}"),
        Key::Intermediate => format!("model.generator.intermediate_size = {found}"),
        Key::Embedding => format!("model.embedding_size = {found}"),
        Key::TokenTypes => format!("model.type_vocab_size = {found}"),
    }
}

/// The sizes that a recipe gives to one of its networks.
struct Expected {
    network: Network,
    sizes: EncoderConfig,
    embedding_size: usize,
    type_vocab_size: usize,
}

impl Expected {
    fn misfits(&self, found: &SourceNetwork, line: impl Fn(Key, usize) -> String) -> Vec<Misfit> {
        let (is, should) = (found.sizes, self.sizes);
        let shape = |name: &str| found.tensors.get(name).map(|data| data.shape().to_vec());
        let compared = [
            (Key::Embedding, "a table width", found.embedding_size, self.embedding_size, "embeddings.word"),
            (
                Key::TokenTypes,
                "a number of token types",
                found.type_vocab_size,
                self.type_vocab_size,
                "embeddings.token_type",
            ),
            (
                Key::Hidden,
                "a width",
                is.hidden_size,
                should.hidden_size,
                "encoder.layers.0.attention.query.weight",
            ),
            (Key::Layers, "a depth", is.num_hidden_layers, should.num_hidden_layers, ""),
            (
                Key::Heads,
                "a number of attention heads",
                is.num_attention_heads,
                should.num_attention_heads,
                "",
            ),
            (
                Key::Intermediate,
                "a feed-forward width",
                is.intermediate_size,
                should.intermediate_size,
                "encoder.layers.0.feed_forward.intermediate.weight",
            ),
        ];
        let misfit = |(key, what, found, expected, name): (Key, &'static str, usize, usize, &'static str)| {
            let tensor = shape(name).map(|is| {
                let expected = match key {
                    Key::Embedding => vec![is[0], expected],
                    Key::TokenTypes => vec![expected, is[1]],
                    Key::Hidden => vec![expected, expected],
                    _ => vec![should.hidden_size, expected],
                };
                MisfitTensor { name, found: is, expected }
            });
            Misfit { network: self.network, what, found, expected, tensor, line: line(key, found) }
        };
        compared.into_iter().filter(|(_, _, found, expected, _)| found != expected).map(misfit).collect()
    }
}
