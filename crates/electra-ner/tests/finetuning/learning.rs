//! A handful of sentences is learned by heart, and the folder says so.

use burn::prelude::*;
use electra_annotations::{Comparison, Counts, Mode, Predictions, Scores, TagSequences};
use electra_model::Precision;
use electra_ner::{
    Context, Decoding, HeadType, PREDICTIONS_DEV, PREDICTIONS_TEST, SCORES, TaggerFolder, WindowSettings,
    WindowedSentences,
};
use electra_run::record::read_metrics;
use serde_json::{Value, json};

use crate::small::{finish, recipe, sentences, splits};

fn learns_by_heart(changes: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let outcome = finish(&recipe(changes), &splits(), folder.path()).unwrap();
    assert_eq!(outcome.dev.f1, 1.0, "{changes:?}: {outcome:?}");
    assert_eq!(outcome.test.map(|test| test.f1), Some(1.0));
    folder
}

#[test]
fn sentences_are_learned_by_heart_with_each_decoding_and_long_ones_too() {
    for changes in [
        &["labels.decoding=\"argmax\""][..],
        &["labels.decoding=\"viterbi\"", "labels.scheme=\"iobes\"", "input.context=\"document\""],
        &["labels.decoding=\"crf\"", "schedule.decay={kind=\"cosine\"}"],
        &["loss.class_weights={kind=\"effective-number\",beta=0.9}", "loss.word={kind=\"focal\",gamma=1.0}"],
    ] {
        learns_by_heart(changes);
    }
}

#[test]
fn a_random_field_may_be_trained_and_others_decode_by_its_logits() {
    let folder = learns_by_heart(&["labels.head=\"crf\"", "labels.decoding=\"viterbi\""]);
    let tagger = TaggerFolder::open(folder.path()).unwrap();
    assert_eq!((tagger.head(), tagger.settings.decoding), (HeadType::Crf, Decoding::Viterbi));
    let card = std::fs::read_to_string(folder.path().join("README.md")).unwrap();
    assert!(card.contains("conditional random field") && card.contains("`viterbi`"), "{card}");
}

#[test]
fn a_line_of_the_log_has_the_keys_that_readers_know() {
    let folder = tempfile::tempdir().unwrap();
    finish(&recipe(&["train.epochs=1"]), &splits(), folder.path()).unwrap();
    let records = read_metrics(&folder.path().join("metrics.jsonl")).unwrap();
    let epoch = records.iter().find(|record| record.kind == "epoch").unwrap();
    let mut keys: Vec<&str> = epoch.fields.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "dev_f1",
            "dev_precision",
            "dev_recall",
            "dev_seconds",
            "dev_token_accuracy",
            "epoch",
            "grad_norm",
            "is_best",
            "learning_rate",
            "loss",
            "rss_mb",
            "words_per_second"
        ]
    );
}

#[test]
fn the_folder_holds_a_tagger_its_predictions_and_its_scores() {
    let folder = learns_by_heart(&["labels.decoding=\"crf\"", "input.window=16"]);
    let path = folder.path();
    for file in [PREDICTIONS_DEV, PREDICTIONS_TEST] {
        let found = Predictions::read(&path.join(file), None).unwrap();
        let gold: TagSequences = sentences().into_iter().map(|sentence| sentence.tags).collect();
        assert_eq!(found.predicted, gold);
    }
    let scores: Value = serde_json::from_slice(&std::fs::read(path.join(SCORES)).unwrap()).unwrap();
    let words: usize = sentences().iter().map(|sentence| sentence.tokens.len()).sum();
    let test = &scores["details"]["test"];
    assert_eq!(
        (&test["default"]["tokens_scored"], &test["default"]["tokens"]),
        (&words.into(), &words.into())
    );
    assert_eq!(
        (&test["strict"]["micro"]["f1"], &test["seen"]["unseen"]["support"]),
        (&1.0.into(), &0.into())
    );

    let card = std::fs::read_to_string(path.join("README.md")).unwrap();
    let data = splits().train.facts;
    for part in [
        &data.hash,
        "| train | `train.conll` | 7 |",
        &format!("tokens scored {words}/{words}"),
        "LOC, PER",
        "scratch:small.toml",
        "| **micro** | 100.00 | 100.00 | 100.00 | 22 |",
        "decoding = \"crf\"",
    ] {
        assert!(card.contains(part), "{part:?} is not in\n{card}");
    }

    // Whoever opens the folder gets the same tags.
    let opened = TaggerFolder::open(path).unwrap();
    let device = Device::flex();
    let tagger = opened.tagger(&device, Precision::F32).unwrap();
    let settings = WindowSettings::new(opened.settings.window, opened.settings.context);
    assert_eq!(settings, WindowSettings::new(16, Context::Sentence));
    let windowed = WindowedSentences::new(&sentences().into(), &opened.tokenizer, &settings);
    let tags = windowed.tags(&tagger, &opened.decoder(&tagger), &opened.labels, 2, &device, &mut |_| ());
    assert_eq!(tags, sentences().into_iter().map(|sentence| sentence.tags).collect());
}

#[test]
fn the_agreement_with_transformers_is_that_of_sentences_alone_and_words_by_themselves() {
    for (is_as_there, changes) in [
        (false, &["labels.decoding=\"crf\"", "input.context=\"document\"", "train.epochs=4"][..]),
        // Parts of the sentence that is longer than the window, which the position table holds.
        (false, &["labels.decoding=\"argmax\"", "input.window=12", "train.epochs=4"]),
        (true, &["labels.decoding=\"argmax\"", "train.epochs=4"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        finish(&recipe(changes), &splits(), folder.path()).unwrap();
        let opened = TaggerFolder::open(folder.path()).unwrap();
        let device = Device::flex();
        let tagger = opened.tagger(&device, Precision::F32).unwrap();
        let tags = |window, context, decoder| {
            let settings = WindowSettings::new(window, context);
            let windowed = WindowedSentences::new(&sentences().into(), &opened.tokenizer, &settings);
            let tags = windowed.tags(&tagger, &decoder, &opened.labels, 2, &device, &mut |_| ());
            tags.iter().map(|tags| tags.to_vec().into_iter().map(str::to_owned).collect()).collect()
        };
        let own: Vec<Vec<String>> =
            tags(opened.settings.window, opened.settings.context, opened.decoder(&tagger));
        let other = tags(
            opened.config.max_position_embeddings,
            Context::Sentence,
            tagger.head().decoder(Decoding::Argmax, &opened.labels),
        );
        assert_eq!(own == other, is_as_there, "the tagger is to differ where it can: {own:?}");
        let gold: Vec<Vec<String>> = sentences().into_iter().map(|sentence| sentence.tags).collect();
        let Counts { gold: entities, predicted, correct } =
            Comparison::new(&own, &other, Mode::Default).unwrap().counts();
        let f1 = Scores::of(&Comparison::new(&gold, &other, Mode::Default).unwrap()).micro.f1;
        let scores: Value =
            serde_json::from_slice(&std::fs::read(folder.path().join(SCORES)).unwrap()).unwrap();
        let expected =
            json!({ "entities": entities, "of_transformers": predicted, "same": correct, "f1": f1 });
        for split in ["dev", "test"] {
            assert_eq!(scores["details"][split]["transformers"], expected, "{changes:?}");
        }
        let card = std::fs::read_to_string(folder.path().join("README.md")).unwrap();
        let row = format!("| test | {entities} | {predicted} | {correct} | ");
        assert!(card.contains(&row), "{row:?} is not in\n{card}");
    }
}

#[test]
fn neither_padding_nor_company_changes_what_a_word_is_called() {
    let folder = tempfile::tempdir().unwrap();
    // One epoch: probabilities are far from 0 and 1.
    finish(&recipe(&["train.epochs=1"]), &splits(), folder.path()).unwrap();
    let opened = TaggerFolder::open(folder.path()).unwrap();
    let device = Device::flex();
    let tagger = opened.tagger(&device, Precision::F32).unwrap();
    let settings = WindowSettings::new(16, Context::Sentence);
    let windowed = WindowedSentences::new(&sentences().into(), &opened.tokenizer, &settings);
    let decoder = opened.decoder(&tagger);
    let decide =
        |size| windowed.decide(&tagger, &decoder, &opened.labels, size, &device, &mut |_| {}).concat();
    let (alone, together) = (decide(1), decide(100));
    for (a, b) in alone.iter().zip(&together) {
        assert_eq!(a.label, b.label);
        assert!((a.probability - b.probability).abs() < 1e-5, "{a:?} {b:?}");
    }
}
