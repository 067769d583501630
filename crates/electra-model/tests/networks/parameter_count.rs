//! The parameters of a network that is built are those that were counted before.

use burn::prelude::*;
use electra_model::flops::ParameterCount;
use electra_model::parameters::collect;
use electra_model::{Architecture, Electra, ModelConfig, TieMode};

use crate::tiny;

/// Parameters of the networks as they were built.
fn built(config: &ModelConfig) -> ParameterCount {
    let model = Electra::init(config, 0, &Device::flex());
    let count = |tensors: electra_model::parameters::NamedTensors| -> usize {
        tensors.values().map(|data| data.shape().iter().product::<usize>()).sum()
    };
    ParameterCount {
        discriminator: count(collect(&model.discriminator)),
        generator: count(collect(&model.generator)),
    }
}

#[test]
fn small_has_as_many_parameters_as_the_reference() {
    let mut config = tiny::config(TieMode::Embeddings);
    (config.vocab_size, config.embedding_size, config.max_position_embeddings) = (30522, 128, 512);
    (config.hidden_size, config.num_hidden_layers, config.intermediate_size) = (256, 12, 1024);
    let generator = &mut config.generator;
    (generator.hidden_size, generator.num_hidden_layers) = (None, None);
    (generator.num_attention_heads, generator.intermediate_size) = (None, None);
    (generator.width, generator.depth) = (Some(0.25), Some(1.0));

    let expected = ParameterCount { discriminator: 13_549_057, generator: 647_162 };
    assert_eq!(built(&config), expected);
    assert_eq!(ParameterCount::of(&config, Architecture::ELECTRA), expected);
    assert_eq!(expected.total(), 14_196_219);
}

#[test]
fn counting_and_building_agree_for_every_tie_mode_and_projection() {
    for tie in [TieMode::Embeddings, TieMode::None, TieMode::All] {
        // 24 is the width of the discriminator, 12 that of the generator: neither, one or the
        // other needs no projection.
        for embedding_size in [16, 24, 12] {
            let mut config = tiny::config(tie);
            config.embedding_size = embedding_size;
            assert_eq!(
                built(&config),
                ParameterCount::of(&config, Architecture::ELECTRA),
                "{tie:?} {embedding_size}"
            );
        }
    }
}
