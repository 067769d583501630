//! The first weights of a run are those that it was given, as far as these go.

use std::collections::BTreeSet;

use burn::prelude::*;
use burn::tensor::TensorData;
use electra_model::hf::HfNetwork;
use electra_model::parameters::{NamedTensors, collect};
use electra_model::{GeneratorConfig, TieMode};
use electra_pretrain::InitialWeights;
use electra_pretrain::initial_weights::{InitFile, TensorState};
use electra_run::recipe::Resolved;
use electra_run::run_folder::weights_hash;
use electra_text::DataSet;
use electra_train::encoder_init::EncoderInit;
use electra_train::model_folder::PretrainedEncoder;

use crate::small::{PIECES, Small, weights_of};

/// The weights with which a run would begin, and what it would say of them.
pub fn started(
    weights: &InitialWeights,
    recipe: &Resolved<electra_pretrain::Recipe>,
) -> (NamedTensors, InitFile) {
    let data = DataSet::open(&recipe.value.data.path).unwrap();
    weights.check_recipe(&recipe.value).unwrap();
    weights.check_data(&data).unwrap();
    let (snapshot, file) = weights.start(&recipe.value, &data.into(), &Device::flex()).unwrap();
    assert_eq!(snapshot.step(), 0);
    assert!(
        snapshot
            .optimizer()
            .to_named()
            .into_iter()
            .all(|(_, moment)| { moment.iter::<f32>().all(|value| value == 0.0) })
    );
    (collect(snapshot.model()), file)
}

/// Every tensor of the model once, loaded or started, and none of the ignored ones twice.
fn assert_lists_every_tensor_once(file: &InitFile, tensors: &NamedTensors) {
    let names = |is: fn(TensorState) -> bool| -> Vec<&String> {
        file.tensors.iter().filter(|tensor| is(tensor.state)).map(|tensor| &tensor.name).collect()
    };
    let own = names(|state| state != TensorState::Ignored);
    assert!(own.iter().copied().eq(tensors.keys()), "{own:?}");
    let ignored = names(|state| state == TensorState::Ignored);
    let distinct: BTreeSet<_> = ignored.iter().collect();
    assert_eq!(distinct.len(), ignored.len(), "{ignored:?}");
    assert_eq!(file.loaded + file.started + file.ignored, file.tensors.len());
}

#[test]
fn a_run_that_begins_with_another_begins_with_every_bit_of_it() {
    let small = Small::new();
    let run = small.trained("a", &[]);
    let there = weights_of(&run);
    let weights = InitialWeights::open(&run, None).unwrap();
    let recipe = small.recipe(Some(&weights), &[]);
    // All of [model] is that of the run.
    assert_eq!(recipe.value.model, small.sized(&[]).value.model);
    let (tensors, file) = started(&weights, &recipe);
    assert_eq!(tensors, there);
    assert_lists_every_tensor_once(&file, &tensors);
    assert_eq!((file.loaded, file.started, file.ignored), (there.len(), 0, 0));

    // Another generator than its own: that of another seed.
    let other = small
        .trained("b", &["seed=2", "train.steps=3", "model.generator.tie=none", "model.generator.width=0.5"]);
    let both = InitialWeights::open(&run, Some(&other)).unwrap();
    let recipe = small.recipe(Some(&both), &[]);
    // Its tables are its own, and as wide as its encoder.
    assert_eq!(recipe.value.model.generator.tie, TieMode::None);
    let (tensors, file) = started(&both, &recipe);
    assert_lists_every_tensor_once(&file, &tensors);
    let of_other = weights_of(&other);
    for (name, data) in &tensors {
        let from = if name.starts_with("generator.") { &of_other } else { &there };
        assert_eq!(data, &from[name], "{name}");
    }
    // The generator that is left behind, but not the tables that it shared.
    let own = there.keys().filter(|name| name.starts_with("generator.")).count();
    assert_eq!((file.started, file.ignored), (0, own));
    assert_eq!(file.ancestors.len(), 2);
}

#[test]
fn what_a_run_began_with_stands_in_its_folder_its_log_its_report_and_its_lineage() {
    let small = Small::new();
    let run = small.trained("a", &[]);
    let weights = InitialWeights::open(&run, None).unwrap();
    let recipe = small.recipe(Some(&weights), &["name=b"]);
    let notes = small.run(&recipe, "b", Some(weights), None).unwrap();
    let said = &notes.said[0];
    let all = weights_of(&run).len();
    assert!(said.contains(&format!("loaded {all} tensors, started 0, ignored 0; init.json lists")), "{said}");

    let file = InitFile::read(&small.path("b")).unwrap().unwrap();
    let hash = weights_hash(&std::fs::read(run.join("model.safetensors")).unwrap());
    assert_eq!(file.discriminator.weights_hash, hash);
    assert_eq!(file.ancestors[0].weights_hash, hash);
    let described = std::fs::read_to_string(small.path("b/run.json")).unwrap();
    assert!(described.contains(&format!("\"model_hash\": \"{}\"", file.model_hash)), "{described}");
    let log = std::fs::read_to_string(small.path("b/metrics.jsonl")).unwrap();
    let line = log.lines().find(|line| line.contains("\"kind\":\"init\"")).unwrap();
    for name in weights_of(&run).keys() {
        assert_eq!(line.matches(&format!("\"{name}\"")).count(), 1, "{name}");
    }
    let report = electra_pretrain::report::render(&small.path("b")).unwrap();
    assert!(report.contains(&hash) && report.contains("ignored 0"), "the report does not say it");

    // The grandchild knows both, the nearest first; a tagger of it would say so.
    let weights = InitialWeights::open(&small.path("b"), None).unwrap();
    let recipe = small.recipe(Some(&weights), &["name=c", "train.steps=3"]);
    small.run(&recipe, "c", Some(weights), None).unwrap();
    let encoder = PretrainedEncoder::open(&small.path("c")).unwrap();
    let lineage = EncoderInit::Pretrained(Box::new(encoder)).lineage();
    let models: Vec<&str> =
        lineage.ancestors.iter().map(|ancestor| ancestor.model.rsplit('/').next().unwrap()).collect();
    assert_eq!(models, ["b", "a"]);
    assert_eq!(lineage.ancestors[1].weights_hash, hash);
}

#[test]
fn folders_of_transformers_bring_what_they_have_and_the_rest_starts_by_the_recipe() {
    let small = Small::new();
    let run = small.trained("a", &[]);
    let there = weights_of(&run);
    let discriminator = small.exported(&run, HfNetwork::Discriminator, "discriminator");
    let generator = small.exported(&run, HfNetwork::Generator, "generator");

    // Both are the run again: the tables of the generator's folder are those of the discriminator's.
    let both = InitialWeights::open(&discriminator, Some(&generator)).unwrap();
    let recipe = small.recipe(Some(&both), &[]);
    let sizes = &recipe.value.model;
    assert_eq!((sizes.vocab_size, sizes.generator.tie), (PIECES, TieMode::Embeddings));
    assert_eq!(sizes.generator(), small.sized(&[]).value.model.generator());
    let (tensors, file) = started(&both, &recipe);
    assert_eq!(tensors, there);
    assert_eq!((file.loaded, file.started, file.ignored), (there.len(), 0, 5));
    assert_lists_every_tensor_once(&file, &tensors);

    // Constants and copies that files of transformers have beside their networks are ignored too.
    let file = generator.join("model.safetensors");
    let whole = std::fs::read(&file).unwrap();
    let mut tensors = electra_model::parameters::from_safetensors(&whole).unwrap();
    let table = tensors["electra.embeddings.word_embeddings.weight"].clone();
    tensors.insert("generator_lm_head.weight".into(), table);
    tensors.insert("electra.embeddings.position_ids".into(), TensorData::from([[0i64, 1, 2]]));
    std::fs::write(&file, electra_model::parameters::to_safetensors(&tensors, None)).unwrap();
    let with_more = InitialWeights::open(&discriminator, Some(&generator)).unwrap();
    let (_, file) = started(&with_more, &recipe);
    assert_eq!((file.loaded, file.ignored), (there.len(), 7));
    assert!(file.tensors.iter().any(|tensor| tensor.name == "generator.electra.embeddings.position_ids"));
    // Each with its folder: those of the generator's, and of a run the generator that another one replaces.
    let said = |file: &InitFile| file.sentences().join("\n");
    let of_generator =
        format!("generator.embeddings (5), generator.generator_lm_head (1) of {}", generator.display());
    assert!(said(&file).contains(&of_generator), "{}", said(&file));
    let replaced = InitialWeights::open(&run, Some(&generator)).unwrap();
    let (_, file) = started(&replaced, &small.recipe(Some(&replaced), &[]));
    let own = file.tensors.iter().filter(|tensor| tensor.folder.as_ref() == Some(&run));
    assert!(own.clone().any(|tensor| tensor.name == "generator.head.output_bias"), "{}", said(&file));
    assert!(said(&file).contains(&format!(" of {}; ", run.display())), "{}", said(&file));

    // The discriminator alone: the generator is that of a new run of the recipe.
    let alone = InitialWeights::open(&discriminator, None).unwrap();
    let recipe = small.recipe(Some(&alone), &["model.generator.num_attention_heads=2"]);
    let expected = GeneratorConfig {
        width: Some(0.25),
        depth: Some(1.0),
        num_hidden_layers: None,
        hidden_size: None,
        num_attention_heads: Some(2),
        ..recipe.value.model.generator.clone()
    };
    assert_eq!(recipe.value.model.generator, expected);
    let (tensors, file) = started(&alone, &recipe);
    let data = DataSet::open(small.path("data")).unwrap();
    let fresh =
        collect(electra_pretrain::snapshot::start(&recipe.value, &data.into(), &Device::flex()).model());
    for (name, data) in &tensors {
        let expected = if name.starts_with("generator.") { &fresh } else { &there };
        assert_eq!(data, &expected[name], "{name}");
    }
    let of_generator = tensors.keys().filter(|name| name.starts_with("generator.")).count();
    assert_eq!((file.started, file.ignored), (of_generator, 0));
    assert_lists_every_tensor_once(&file, &tensors);

    // An encoder alone has no head either.
    let mut bare = electra_model::parameters::from_safetensors(
        &std::fs::read(discriminator.join("model.safetensors")).unwrap(),
    )
    .unwrap();
    bare.retain(|name, _| name.starts_with("electra."));
    let bytes = electra_model::parameters::to_safetensors(&bare, None);
    std::fs::write(discriminator.join("model.safetensors"), bytes).unwrap();
    let encoder = InitialWeights::open(&discriminator, None).unwrap();
    let (tensors, file) = started(&encoder, &recipe);
    assert_eq!(file.started, of_generator + 4);
    assert_eq!(tensors["discriminator.head.output.weight"], fresh["discriminator.head.output.weight"]);
    let started: Vec<&str> = file
        .tensors
        .iter()
        .filter(|tensor| tensor.state == TensorState::Started && tensor.name.starts_with("discriminator."))
        .map(|tensor| tensor.name.as_str())
        .collect();
    let head = ["dense.bias", "dense.weight", "output.bias", "output.weight"];
    assert_eq!(started, head.map(|name| format!("discriminator.head.{name}")));
}

#[test]
fn a_network_that_predicts_tokens_begins_with_a_masked_language_model() {
    let small = Small::new();
    let mlm = ["objective.kind=mlm"];
    let run = small.trained("a", &mlm);
    let exported = small.exported(&run, HfNetwork::Discriminator, "mlm");
    let weights = InitialWeights::open(&exported, None).unwrap();
    let recipe = small.recipe(Some(&weights), &mlm);
    let (tensors, file) = started(&weights, &recipe);
    assert_eq!(tensors, weights_of(&run));
    assert_eq!((file.started, file.ignored), (0, 0));
}
