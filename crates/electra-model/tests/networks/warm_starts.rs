//! A model that begins with the weights of others has all that they have of it, and its own start for the rest.

use std::collections::BTreeSet;

use burn::prelude::*;
use electra_model::architecture::{discriminator_tensors, generator_tensors};
use electra_model::parameters::{NamedTensors, collect};
use electra_model::warm_start::{
    Growth, Network, PositionGrowth, RowStart, SourceNetwork, Sources, WarmStart, WarmStartError, warm_start,
};
use electra_model::{Architecture, GeneratorKind, HeadKind, ModelConfig, TieMode};

use miette::Diagnostic;

use crate::tiny;

const TIES: [TieMode; 4] = [TieMode::Embeddings, TieMode::None, TieMode::All, TieMode::GradientDisentangled];

/// The error with its advice.
fn with_help(error: &WarmStartError) -> String {
    format!("{error}; {}", error.help().expect("every error has advice"))
}

fn weights(config: &ModelConfig, seed: u64) -> NamedTensors {
    weights_of(config, Architecture::ELECTRA, seed)
}

fn weights_of(config: &ModelConfig, architecture: Architecture, seed: u64) -> NamedTensors {
    collect(&tiny::electra_of(config, architecture, seed, &Device::flex()))
}

fn same_rows(config: &ModelConfig) -> Growth {
    Growth {
        words: (0..config.vocab_size).map(RowStart::Copied).collect(),
        positions: PositionGrowth::Nearest,
    }
}

/// The start of a model of `config`, whose own start has the seed 2.
fn started(config: &ModelConfig, sources: &Sources) -> Result<WarmStart, WarmStartError> {
    warm_start(config, Architecture::ELECTRA, weights(config, 2), sources, &same_rows(config))
}

fn discriminator_of(config: &ModelConfig, tensors: &NamedTensors) -> SourceNetwork {
    SourceNetwork::alone(config, discriminator_tensors(tensors.clone(), config))
}

/// The generator as its own model, as transformers has it.
fn generator_of(config: &ModelConfig, tensors: &NamedTensors) -> SourceNetwork {
    SourceNetwork {
        embedding_size: config.generator_embedding_size(),
        type_vocab_size: config.type_vocab_size,
        sizes: config.generator(),
        tensors: generator_tensors(tensors.clone(), config),
    }
}

fn loaded(start: &WarmStart) -> usize {
    start.parameters.iter().filter(|parameter| parameter.source.is_some()).count()
}

#[test]
fn a_model_that_shares_the_same_begins_with_every_bit_of_the_other() {
    for tie in TIES {
        let config = tiny::config(tie);
        let there = weights(&config, 1);
        let start = started(&config, &Sources::of_model(&config, there.clone())).unwrap();
        assert_eq!(start.tensors, there, "{tie:?}");
        assert_eq!((loaded(&start), start.ignored.len()), (there.len(), 0), "{tie:?}");
        let names: BTreeSet<&String> = start.parameters.iter().map(|parameter| &parameter.name).collect();
        assert_eq!(names.len(), start.parameters.len());
        assert!(names.into_iter().eq(there.keys()), "{tie:?}");
    }
}

#[test]
fn a_discriminator_alone_brings_the_tables_and_the_generator_starts_by_the_recipe() {
    for tie in TIES {
        let config = tiny::config(tie);
        let (there, fresh) = (weights(&config, 1), weights(&config, 2));
        let alone = discriminator_of(&config, &there);
        let start = started(&config, &Sources::of_networks(alone.clone(), None)).unwrap();
        // The network as it computes is the one that was given.
        let found = discriminator_tensors(start.tensors.clone(), &config);
        for (name, data) in &alone.tensors {
            if tie == TieMode::GradientDisentangled && name.starts_with("embeddings.") {
                continue;
            }
            assert_eq!(&found[name], data, "{name}, {tie:?}");
        }
        assert_eq!(start.ignored, [], "{tie:?}");
        let is_table = |name: &str| name.starts_with("generator.embeddings.");
        for (name, data) in start.tensors.iter().filter(|(name, _)| name.starts_with("generator.")) {
            let of_discriminator = name.replacen("generator", "discriminator", 1);
            match tie {
                TieMode::GradientDisentangled if is_table(name) => {
                    let below = of_discriminator.strip_prefix("discriminator.").unwrap();
                    assert_eq!(data, &alone.tensors[below], "{name}");
                }
                _ => assert_eq!(data, &fresh[name], "{name}, {tie:?}"),
            }
        }
        if tie == TieMode::GradientDisentangled {
            // The difference keeps its own start, which is zero in a new model.
            let name = "discriminator.embeddings.word";
            assert_eq!(start.tensors[name], fresh[name]);
            let parameter = start.parameters.iter().find(|parameter| parameter.name == name).unwrap();
            assert_eq!(parameter.source, None);
        }
    }
}

#[test]
fn two_networks_of_one_model_are_that_model_again() {
    for tie in TIES {
        let config = tiny::config(tie);
        let there = weights(&config, 1);
        let sources =
            Sources::of_networks(discriminator_of(&config, &there), Some(generator_of(&config, &there)));
        let start = started(&config, &sources).unwrap();
        for (name, data) in &there {
            let found = &start.tensors[name];
            // A difference of tables is computed anew.
            let off =
                found.iter::<f32>().zip(data.iter::<f32>()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 1e-6, "{name}, {tie:?}: off by {off}");
        }
        let shared: Vec<&str> = start.ignored.iter().map(|source| source.name.as_str()).collect();
        match tie {
            TieMode::Embeddings => assert_eq!(
                shared,
                [
                    "embeddings.norm.beta",
                    "embeddings.norm.gamma",
                    "embeddings.position",
                    "embeddings.token_type",
                    "embeddings.word"
                ]
            ),
            TieMode::All => {
                assert!(shared.contains(&"encoder.layers.2.attention.query.weight"), "{shared:?}")
            }
            TieMode::None | TieMode::GradientDisentangled => assert_eq!(shared, [""; 0]),
        }
        assert!(start.ignored.iter().all(|source| source.network == Network::Generator));
    }
}

#[test]
fn another_way_of_sharing_is_taken_where_the_weights_have_it_and_refused_with_one_that_fits() {
    let tied = tiny::config(TieMode::Embeddings);
    let sources = Sources::of_model(&tied, weights(&tied, 1));
    let with = |tie| ModelConfig {
        generator: electra_model::GeneratorConfig { tie, ..tied.generator.clone() },
        ..tied.clone()
    };

    // Shared tables may part.
    let apart = with(TieMode::GradientDisentangled);
    let start = started(&apart, &sources).unwrap();
    let zeros = start.tensors["discriminator.embeddings.word"].iter::<f32>().all(|value| value == 0.0);
    assert!(zeros && start.ignored.is_empty());
    assert_eq!(loaded(&start), start.parameters.len());

    let error = with_help(&started(&with(TieMode::None), &sources).unwrap_err());
    assert!(
        error.contains("model.generator.tie = \"none\": the generator's tables are then as wide"),
        "{error}"
    );
    assert!(error.contains("have 16 columns for an encoder of 12"), "{error}");
    assert!(error.contains("set model.generator.tie = \"embeddings\""), "{error}");

    // Tables that are two cannot become one.
    let untied = tiny::config(TieMode::GradientDisentangled);
    let parted = Sources::of_model(&untied, weights(&untied, 1));
    let error = with_help(&started(&tied, &parted).unwrap_err());
    assert!(error.contains("\"embeddings\": embeddings.norm.beta is shared so"), "{error}");
    assert!(error.contains("set model.generator.tie = \"gradient-disentangled\""), "{error}");
    let all = tiny::config(TieMode::All);
    let error = with_help(&started(&all, &sources).unwrap_err());
    assert!(error.contains("the generator of the weights has a width of 12"), "{error}");
    assert!(error.contains("model.generator.tie = \"embeddings\""), "{error}");
}

#[test]
fn sizes_that_differ_are_all_told_with_the_lines_that_fit() {
    let config = tiny::config(TieMode::Embeddings);
    let sources = Sources::of_model(&config, weights(&config, 1));
    let refused = |change: fn(&mut ModelConfig)| {
        let mut other = config.clone();
        change(&mut other);
        with_help(&started(&other, &sources).unwrap_err())
    };
    let error = refused(|c| (c.hidden_size, c.intermediate_size) = (32, 64));
    for part in [
        "the discriminator of the weights has a width of 24, that of the recipe of 32",
        "encoder.layers.0.attention.query.weight has shape [24, 24], expected [32, 32]",
        "and another size differs",
        "the recipe says model.hidden_size = 24, model.intermediate_size = 48",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let error = refused(|c| c.num_attention_heads = 2);
    assert!(error.contains("a number of attention heads of 4") && error.contains("of 2"), "{error}");
    let error = refused(|c| c.embedding_size = 20);
    assert!(error.contains("embeddings.word has shape [96, 16], expected [96, 20]"), "{error}");
    let error = refused(|c| (c.generator.hidden_size, c.generator.width) = (None, Some(1.0)));
    assert!(
        error.contains("the generator of the weights has a width of 12, that of the recipe of 24"),
        "{error}"
    );
    assert!(error.contains("model.generator.width = 0.5"), "{error}");
    let error = refused(|c| c.generator.hidden_size = Some(8));
    assert!(error.contains("the recipe says model.generator.hidden_size = 12"), "{error}");
    let error = refused(|c| c.num_hidden_layers = 4);
    assert!(error.contains("a depth of 3, that of the recipe of 4"), "{error}");
    let error = refused(|c| c.type_vocab_size = 3);
    assert!(error.contains("embeddings.token_type has shape [2, 16], expected [3, 16]"), "{error}");
}

#[test]
fn a_head_that_is_not_wanted_is_ignored_and_one_that_lacks_starts() {
    let config = tiny::config(TieMode::Embeddings);
    let predicts = Architecture { head: HeadKind::MaskedLm, ..Architecture::ELECTRA };
    let sources = Sources::of_model(&config, weights_of(&config, predicts, 1));
    let start = started(&config, &sources).unwrap();
    let fresh = weights(&config, 2);
    assert_eq!(start.tensors["discriminator.head.dense.weight"], fresh["discriminator.head.dense.weight"]);
    let ignored: Vec<&str> = start.ignored.iter().map(|source| source.name.as_str()).collect();
    let head = ["dense.bias", "dense.weight", "norm.beta", "norm.gamma", "output_bias"];
    assert_eq!(ignored, head.map(|name| format!("masked_lm.{name}")));

    // Nor is a generator where nothing learned proposes.
    let architecture = Architecture { generator: GeneratorKind::None, ..Architecture::ELECTRA };
    let there = weights(&config, 1);
    let sources = Sources::of_model(&config, there.clone());
    let fresh = weights_of(&config, architecture, 2);
    let start = warm_start(&config, architecture, fresh, &sources, &same_rows(&config)).unwrap();
    assert_eq!(loaded(&start), start.parameters.len());
    let own = there.keys().filter(|name| name.starts_with("generator.")).count();
    assert_eq!(start.ignored.len(), own);

    // A generator of two towers is no generator of one.
    let towers = Architecture { generator: GeneratorKind::TwoTower, ..Architecture::ELECTRA };
    let sources = Sources::of_model(&config, weights_of(&config, towers, 1));
    let error = with_help(&started(&config, &sources).unwrap_err());
    assert!(
        error.contains("has two, one for each direction") && error.contains("leave the generator out"),
        "{error}"
    );
}

#[test]
fn tables_of_both_networks_and_output_biases_grow() {
    for tie in TIES {
        let config = tiny::config(tie);
        let there = weights(&config, 1);
        let mut larger = config.clone();
        (larger.vocab_size, larger.max_position_embeddings) = (98, 40);
        let mut growth = same_rows(&config);
        growth.words.push(RowStart::Mean(vec![7, 9]));
        growth.words.push(RowStart::Fresh);
        let fresh = weights(&larger, 2);
        let sources = Sources::of_model(&config, there.clone());
        let start = warm_start(&larger, Architecture::ELECTRA, fresh.clone(), &sources, &growth).unwrap();
        let mut grown = BTreeSet::new();
        for parameter in &start.parameters {
            let (name, values) = (&parameter.name, &start.tensors[&parameter.name]);
            let Some(rows) = parameter.rows else {
                assert_eq!(values, &there[name], "{name}, {tie:?}");
                continue;
            };
            grown.insert(name.rsplit('.').next().unwrap());
            let values: Vec<f32> = values.iter::<f32>().collect();
            let old: Vec<f32> = there[name].iter::<f32>().collect();
            assert_eq!(values[..old.len()], old, "{name}");
            let width = old.len() / there[name].shape()[0];
            let row = |of: &[f32], at: usize| of[at * width..][..width].to_vec();
            if name.ends_with("position") {
                assert_eq!((rows.loaded, rows.grown), (32, 8));
                assert!((32..40).all(|at| row(&values, at) == row(&old, 31)), "{name}");
            } else {
                assert_eq!((rows.loaded, rows.grown, rows.started, rows.cut), (96, 1, 1, 0), "{name}");
                let mean = row(&old, 7).into_iter().zip(row(&old, 9));
                let mean: Vec<f32> =
                    mean.map(|(a, b)| ((f64::from(a) + f64::from(b)) / 2.0) as f32).collect();
                assert_eq!(row(&values, 96), mean, "{name}");
                let fresh: Vec<f32> = fresh[name].iter::<f32>().collect();
                assert_eq!(row(&values, 97), row(&fresh, 97), "{name}");
            }
        }
        assert_eq!(grown.into_iter().collect::<Vec<_>>(), ["output_bias", "position", "word"], "{tie:?}");
    }
}
