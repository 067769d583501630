//! Weights that a run cannot begin with.

use std::path::Path;

use electra_files::shown::with_help;
use electra_model::hf::HfNetwork;
use electra_pretrain::{InitialWeights, InitialWeightsError, Recipe, TrainError};
use electra_run::recipe::Resolved;
use electra_text::wordpiece::Settings;
use electra_text::{Tokenizer, Vocabulary};

use crate::small::{Small, vocabulary};

const ELECTRIC: &str = "objective={kind=\"electric\", generator_weight=1.0, discriminator_weight=50.0, \
    temperature=1.0, disallow_correct=false}";

fn open(path: &Path) -> InitialWeights {
    InitialWeights::open(path, None).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn refused(small: &Small, recipe: &Resolved<Recipe>, weights: InitialWeights) -> String {
    match small.run(recipe, "refused", Some(weights), None).err() {
        Some(TrainError::Weights(error)) => {
            assert!(!small.path("refused").exists(), "a folder was made");
            with_help(&error)
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "{said}\ndoes not say {part:?}");
    }
}

#[test]
fn a_network_in_the_place_of_the_other_is_refused() {
    let small = Small::new();
    let run = small.trained("a", &[]);
    let discriminator = small.exported(&run, HfNetwork::Discriminator, "discriminator");
    let generator = small.exported(&run, HfNetwork::Generator, "generator");
    let weights = open(&generator);
    let recipe = small.recipe(Some(&weights), &[]);
    let said = refused(&small, &recipe, weights);
    assert_says(
        &said,
        &[
            "generator holds a masked language model",
            "a discriminator is to begin with",
            "give the folder of the discriminator",
        ],
    );

    let with =
        |generator: &Path| with_help(&InitialWeights::open(&discriminator, Some(generator)).unwrap_err());
    assert_says(
        &with(&discriminator),
        &[
            "discriminator holds a discriminator (ElectraForPreTraining), and a generator is to begin with",
            "leave it out",
        ],
    );
    let mlm = small.trained("mlm", &["objective.kind=mlm"]);
    assert_says(&with(&mlm), &["mlm holds a discriminator alone", "leave it out"]);

    let both = InitialWeights::open(&discriminator, Some(&generator)).unwrap();
    let recipe = small.recipe(Some(&both), &["objective.kind=mlm"]);
    assert_says(
        &refused(&small, &recipe, both),
        &["generator was given for a generator, and this recipe trains none"],
    );
    let both = InitialWeights::open(&discriminator, Some(&generator)).unwrap();
    let recipe = small.recipe(Some(&both), &[ELECTRIC]);
    assert_says(
        &refused(&small, &recipe, both),
        &["one encoder, which reads in both directions, that of the recipe two"],
    );
}

#[test]
fn a_folder_that_is_damaged_or_no_model_is_refused() {
    let small = Small::new();
    let run = small.trained("a", &[]);
    let folder = small.exported(&run, HfNetwork::Discriminator, "discriminator");
    let whole = std::fs::read(folder.join("model.safetensors")).unwrap();
    std::fs::write(folder.join("model.safetensors"), &whole[..whole.len() / 2]).unwrap();
    let said = with_help(&InitialWeights::open(&folder, None).unwrap_err());
    assert_says(&said, &["model.safetensors is damaged", "copy the folder again"]);
    let said = with_help(&InitialWeights::open(&small.path("data"), None).unwrap_err());
    assert_says(&said, &["data holds no model"]);
    let said = with_help(&InitialWeights::open(&small.path("none"), None).unwrap_err());
    assert_says(&said, &["cannot read", "none"]);
    let bytes = std::fs::read(run.join("model.safetensors")).unwrap();
    std::fs::write(run.join("model.safetensors"), &bytes[..bytes.len() - 4]).unwrap();
    let said = with_help(&InitialWeights::open(&run, None).unwrap_err());
    assert_says(&said, &["model.safetensors is damaged"]);
}

#[test]
fn sizes_and_ties_of_a_recipe_that_the_weights_do_not_have_are_refused_with_those_that_they_have() {
    let small = Small::new();
    let run = small.trained("a", &[]);
    let weights = open(&run);
    let recipe = small.recipe(Some(&weights), &["model.hidden_size=64", "model.num_attention_heads=4"]);
    let said = refused(&small, &recipe, weights.clone());
    assert_says(
        &said,
        &[
            "a: the discriminator of the weights has a width of 32, that of the recipe of 64",
            "attention.query.weight has shape [32, 32], expected [64, 64]",
            "model.hidden_size = 32, model.num_attention_heads = 2",
        ],
    );
    let recipe =
        small.recipe(Some(&weights), &["model.generator.width=1.0", "model.generator.num_attention_heads=2"]);
    let said = refused(&small, &recipe, weights.clone());
    assert_says(
        &said,
        &[
            "the generator of the weights has a width of 16, that of the recipe of 32",
            "model.generator.width = 0.5",
        ],
    );
    // Of two folders the one is named that does not fit.
    let discriminator = small.exported(&run, HfNetwork::Discriminator, "discriminator");
    let generator = small.exported(&run, HfNetwork::Generator, "generator");
    let both = InitialWeights::open(&discriminator, Some(&generator)).unwrap();
    let recipe = small
        .recipe(Some(&both), &["model.generator.hidden_size=8", "model.generator.num_attention_heads=2"]);
    let said = refused(&small, &recipe, both);
    assert_says(
        &said,
        &["/generator: the generator of the weights has a width of 16", "model.generator.hidden_size = 16"],
    );
    let recipe = small.recipe(Some(&weights), &["model.generator.tie=none"]);
    // A generator that is as wide as its tables may have them for itself.
    assert!(small.run(&recipe, "untied", Some(weights.clone()), None).is_ok());
    let untied = open(&small.path("untied"));
    let recipe = small.recipe(Some(&untied), &["model.generator.tie=embeddings"]);
    let said = refused(&small, &recipe, untied);
    assert_says(
        &said,
        &["model.generator.tie = \"embeddings\": embeddings.", "set model.generator.tie = \"none\""],
    );
}

#[test]
fn a_run_without_weights_has_nothing_to_take_over() {
    let small = Small::new();
    let recipe = small.sized(&["init.positions=interpolate"]);
    match small.run(&recipe, "run", None, None).err() {
        Some(TrainError::Weights(error @ InitialWeightsError::NoWeights)) => {
            assert_says(
                &with_help(&error),
                &["[init]", "give the weights to begin with, or remove the table"],
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_model_that_was_imported_is_no_run_to_go_on_with() {
    let small = Small::new();
    std::fs::create_dir(small.path("run")).unwrap();
    std::fs::write(small.path("run/init.json"), electra_train::ancestors_file(&[])).unwrap();
    let error = small.run(&small.sized(&[]), "run", None, None).err().expect("it holds something else");
    assert!(error.to_string().contains("is not empty and not a run folder"), "{error}");
}

#[test]
fn data_of_another_vocabulary_is_refused_by_its_first_piece_that_differs() {
    let small = Small::new();
    let run = small.trained("a", &[]);
    let weights = open(&run);
    let refused_with = |tokenizer: Tokenizer| {
        small.build("data", tokenizer, 16);
        refused(&small, &small.recipe(Some(&weights), &[]), weights.clone())
    };
    let pieces = weights.tokenizer().vocabulary().pieces().to_vec();
    let of = |pieces: Vec<String>, settings| {
        Tokenizer::new(Vocabulary::new(pieces, Path::new("v")).unwrap(), settings)
    };

    // As many pieces, two of them in each other's place.
    let mut swapped = pieces.clone();
    swapped.swap(7, 8);
    let said = refused_with(of(swapped, Settings::UNCASED));
    assert_says(
        &said,
        &[
            &format!("data has {:?} at id 7 of its vocabulary", pieces[8]),
            &format!("has {:?};", pieces[7]),
            "rows of tables belong to pieces",
        ],
    );
    let said = refused_with(of(pieces.clone(), Settings::CASED));
    assert_says(&said, &["lower-casing of its tokenizer is false", "has true"]);
    let said = refused_with(of(pieces[..pieces.len() - 1].to_vec(), Settings::UNCASED));
    assert_says(
        &said,
        &[&format!(
            "data has a vocabulary of {} pieces, which are the first of the {}",
            pieces.len() - 1,
            pieces.len()
        )],
    );
    let said = refused_with(vocabulary(&["river", "sea", "town"]));
    assert_says(&said, &["at id 5 of its vocabulary"]);

    // Nor may the two networks be of two vocabularies.
    let other = Small::new();
    other.build("data", of([&pieces[..], &["##s".to_owned()]].concat(), Settings::UNCASED), 16);
    let run = other.trained("b", &["model.vocab_size=31"]);
    let error = InitialWeights::open(weights.path(), Some(&run)).unwrap_err();
    assert!(matches!(error, InitialWeightsError::TwoVocabularies { .. }), "{error}");
    let said = with_help(&error);
    assert_says(&said, &["are not of one vocabulary: ", "give the generator that was trained with"]);
    assert!(!said.contains("extends it"), "no data can be of both: {said}");
}
