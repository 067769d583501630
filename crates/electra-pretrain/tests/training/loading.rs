//! Batches and evaluation from a data folder: functions of the step, whatever else was read.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use burn::prelude::*;
use electra_model::{BatchData, OutputBias, Proposals, Stage, TieMode};
use electra_pretrain::Recipe;
use electra_pretrain::data::{batch_plan, unseen_ids};
use electra_pretrain::evaluate::evaluate;
use electra_pretrain::heldout::HeldoutSample;
use electra_pretrain::loader::{BatchPlan, Loader, Prefetch};
use electra_pretrain::mask::Masking;
use electra_pretrain::mask_rate::MaskRate;
use electra_pretrain::plan::{DataSize, forecast};
use electra_pretrain::snapshot;
use electra_run::record::{HeldoutMeasure, HeldoutRows};
use electra_text::build::{BuildRequest, HeldOut, build};
use electra_text::corpus::ReadOptions;
use electra_text::pack::{PackMode, PackSettings};
use electra_text::wordpiece::Settings;
use electra_text::{DataSet, Split, Tokenizer, Vocabulary};

use crate::recipe::recipe;
use crate::tiny::{self, Noise};

/// A data folder of 60 documents of 5 to 44 words out of 91, in rows of 32.
pub fn data(folder: &Path) -> Arc<DataSet> {
    data_of(folder, |words| words)
}

/// The data folder of [`data`] with other pieces than words; how many there are must not change.
fn data_of(folder: &Path, pieces: impl FnOnce(Vec<String>) -> Vec<String>) -> Arc<DataSet> {
    let letters = || ('a'..='z').map(String::from);
    let words: Vec<String> =
        letters().flat_map(|a| letters().map(move |b| format!("{a}{b}"))).take(91).collect();
    let mut noise = Noise(1);
    let mut text = String::new();
    for _ in 0..60 {
        let document: Vec<&str> = (0..5 + noise.below(40)).map(|_| words[noise.below(91)].as_str()).collect();
        text += &document.join(" ");
        text += "\n\n";
    }
    let corpus = folder.join("corpus.txt");
    std::fs::write(&corpus, text).unwrap();
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(String::from);
    let pieces = special.into_iter().chain(pieces(words)).collect();
    let vocabulary = Vocabulary::new(pieces, Path::new("vocab.txt")).unwrap();
    let request = BuildRequest {
        inputs: vec![corpus],
        heldout: HeldOut::Fraction { fraction: 0.2, salt: 0 },
        read: ReadOptions::default(),
        deduplicate: None,
        tokenizer: Tokenizer::new(vocabulary, Settings::UNCASED),
        pack: PackSettings { mode: PackMode::Carry, seq_len: 32, seed: 0 },
        block_bytes: 1 << 20,
        threads: 1,
        out: folder.join("data"),
        force: false,
    };
    build(&request, |_| {}).unwrap();
    Arc::new(DataSet::open(folder.join("data")).unwrap())
}

fn loader(data: &Arc<DataSet>, batch_size: usize, micro_batch_size: usize) -> Loader {
    let masking = Masking::WithoutReplacement { probability: 0.15 };
    let objective = recipe(0.0).objective;
    let plan = BatchPlan {
        seed: 7,
        masking,
        mask_rate: MaskRate::default(),
        steps: 6,
        sequence_length: 32,
        batch_size,
        micro_batch_size,
        objective,
        vocab_size: 96,
    };
    Loader::new(data.clone(), plan).unwrap()
}

/// The loader of a recipe for such a folder.
pub fn loader_of(recipe: &Recipe, data: &Arc<DataSet>) -> Loader {
    Loader::new(data.clone(), batch_plan(recipe)).unwrap()
}

#[test]
fn a_batch_is_a_function_of_the_step() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let steps: Vec<Vec<BatchData>> = (0..6).map(|step| loader(&data, 8, 4).at(step).unwrap()).collect();
    assert!(steps[0] != steps[1]);

    let used = loader(&data, 8, 4);
    for step in [5, 0, 3, 3] {
        assert!(used.at(step).unwrap() == steps[step as usize], "step {step}");
    }
    let ahead = Prefetch::start(used, 3, 6);
    for expected in &steps[3..] {
        assert!(ahead.next_step().unwrap() == *expected, "a step was prepared otherwise ahead");
    }
}

#[test]
fn micro_batches_are_the_rows_of_the_batch_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    for step in 0..3 {
        let whole = loader(&data, 8, 8).at(step).unwrap();
        let parts = loader(&data, 8, 2).at(step).unwrap();
        assert_eq!((whole.len(), parts.len()), (1, 4));
        for (m, part) in parts.iter().enumerate() {
            assert_eq!(*part, tiny::rows(&whole[0], 2 * m, 2));
        }
    }
}

#[test]
fn every_epoch_reads_every_row_once_with_other_masks() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let rows = data.split(Split::Train).len();
    assert!(rows > 30, "{rows} rows");
    let loader = loader(&data, 1, 1);
    let epoch = |number: usize| -> Vec<BatchData> {
        let mut rows: Vec<_> =
            (0..rows).flat_map(|place| loader.at((number * rows + place) as u64).unwrap()).collect();
        rows.sort_by(|a, b| a.ids.cmp(&b.ids));
        rows
    };
    let mut expected: Vec<Vec<i32>> = data
        .split(Split::Train)
        .iter()
        .map(|example| {
            let mut ids: Vec<i32> = example.ids.to_vec().into_iter().map(|id| id as i32).collect();
            ids.resize(32, 0);
            ids
        })
        .collect();
    expected.sort();
    let (first, second) = (epoch(0), epoch(1));
    let ids = |epoch: &[BatchData]| epoch.iter().map(|row| row.ids.clone()).collect::<Vec<_>>();
    assert!(ids(&first) == expected && ids(&second) == expected);
    let alike = first.iter().zip(&second).filter(|(a, b)| a.positions == b.positions).count();
    assert!(alike < rows / 4, "{alike} of {rows} rows are masked alike");
    assert_eq!((loader.epochs(0), loader.epochs(rows as u64)), (0.0, 1.0));
}

#[test]
fn evaluation_is_the_same_every_time_and_for_any_number_of_rows_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let loader = loader(&data, 4, 4);
    let rows = loader.heldout_len();
    assert!(rows >= 5, "{rows} rows held out");
    let device = Device::flex();
    let model = tiny::electra(&tiny::config(TieMode::Embeddings), 1, &device);
    let objective = recipe(0.0).objective;
    let evaluate = |most, at_once| {
        let sample = HeldoutSample::new(HeldoutRows::Spread, rows, most);
        evaluate(&model, &objective, Stage::Joint, &loader, &device, sample, at_once).unwrap().unwrap()
    };

    let all = evaluate(1000, 1000);
    assert_eq!(evaluate(1000, 1000), all);
    for at_once in [1, 2, 5] {
        let found = evaluate(rows, at_once);
        // A share changes by a whole token if one logit crosses another by a rounding error.
        for (name, found, expected, within) in [
            ("loss", found.get("loss").unwrap(), all.get("loss").unwrap(), 1e-6),
            ("mlm_loss", found.get("mlm_loss").unwrap(), all.get("mlm_loss").unwrap(), 1e-6),
            ("by byte", found.get("mlm_loss_per_byte").unwrap(), all.get("mlm_loss_per_byte").unwrap(), 1e-6),
            ("mlm_accuracy", found.get("mlm_accuracy").unwrap(), all.get("mlm_accuracy").unwrap(), 0.05),
            ("rtd_loss", found.get("rtd_loss").unwrap(), all.get("rtd_loss").unwrap(), 1e-6),
            ("rtd_accuracy", found.get("rtd_accuracy").unwrap(), all.get("rtd_accuracy").unwrap(), 0.01),
            ("rtd_auc", found.get("rtd_auc").unwrap(), all.get("rtd_auc").unwrap(), 0.01),
            ("fake_rate", found.get("fake_rate").unwrap(), all.get("fake_rate").unwrap(), 1e-6),
        ] {
            assert!((found - expected).abs() <= within * expected, "{name} is {found}, expected {expected}");
        }
    }
    assert!(evaluate(2, 2) != all);
}

#[test]
fn evaluation_without_held_out_rows_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let device = Device::flex();
    let model = tiny::electra(&tiny::config(TieMode::Embeddings), 1, &device);
    let none = HeldoutSample::new(HeldoutRows::Spread, 0, 4);
    assert!(
        evaluate(&model, &recipe(0.0).objective, Stage::Joint, &loader(&data, 4, 4), &device, none, 4)
            .unwrap()
            .is_none()
    );
}

#[test]
fn an_output_bias_at_the_log_frequencies_tells_how_often_each_piece_can_be_predicted() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let mut counts = [1u64; 96];
    for example in data.split(Split::Train).iter() {
        example.ids.iter().filter(|&id| id >= tiny::FIRST_WORD).for_each(|id| counts[id as usize] += 1);
    }
    let total = counts.iter().sum::<u64>() as f64;
    let mut recipe = recipe(0.0);
    let bias = |recipe: &Recipe| -> Vec<f32> {
        let start = snapshot::start(recipe, &data.clone().into(), &Device::flex().autodiff());
        start.model().learned_generator().head.output_bias.val().into_data().try_to_vec().unwrap()
    };
    assert_eq!(bias(&recipe), [0.0; 96]);
    recipe.model.generator.output_bias = OutputBias::LogFrequency;
    for (id, (found, count)) in bias(&recipe).into_iter().zip(counts).enumerate() {
        let expected = (count as f64 / total).ln();
        assert!((f64::from(found) - expected).abs() < 1e-5, "id {id}: {found}, expected {expected}");
    }
}

#[test]
fn the_data_says_how_full_its_rows_are_and_a_forecast_counts_no_padding() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let size = DataSize::of(&data.clone().into());
    let rows = data.split(Split::Train);
    let tokens: usize = rows.iter().map(|example| example.ids.len()).sum();
    assert_eq!((size.examples, size.heldout), (rows.len(), data.split(Split::HeldOut).len()));
    assert_eq!(size.fill, tokens as f64 / (32 * rows.len()) as f64);

    let recipe = recipe(0.0);
    // Without evaluation the time is that of the steps alone, whatever the machine's speed.
    let of_step = |fill| {
        let size = DataSize { heldout: 0, fill, ..size };
        let plan = forecast(&recipe, &Device::flex(), 1, &[size]).unwrap().plan;
        assert_eq!(plan.tokens, 200 * 8 * 32);
        plan.tokens_per_second * plan.seconds / recipe.train.steps as f64
    };
    for fill in [1.0, 0.25] {
        assert!((of_step(fill) / (8.0 * 32.0 * fill) - 1.0).abs() < 1e-9, "{} of {fill}", of_step(fill));
    }
}

#[test]
fn whole_words_are_masked_by_the_pieces_of_the_vocabulary() {
    let folder = tempfile::tempdir().unwrap();
    // Every word is spelled by its two letters.
    let letters = |_| {
        let of = |prefix: &'static str| ('a'..='z').map(move |c| format!("{prefix}{c}"));
        of("").chain(of("##")).chain((0..39).map(|i| format!("x{i}y"))).collect()
    };
    let data = data_of(folder.path(), letters);
    let mut recipe = recipe(0.0);
    recipe.masking = Masking::WholeWord { probability: 0.15 };
    let batch = loader_of(&recipe, &data).at(0).unwrap().remove(0);
    let slots = batch.slots;
    let continues = |id: i32| (5 + 26..5 + 52).contains(&id);
    let mut words = 0;
    for row in 0..batch.examples {
        let used = (row * slots..(row + 1) * slots).filter(|&slot| batch.weights[slot] > 0.0);
        let chosen: Vec<usize> = used.map(|slot| batch.positions[slot] as usize).collect();
        for place in 1..32 {
            let id = |place: usize| batch.ids[row * 32 + place];
            if continues(id(place)) && id(place - 1) >= 5 && !continues(id(place - 1)) {
                assert_eq!(chosen.contains(&place), chosen.contains(&(place - 1)), "{chosen:?}");
                words += usize::from(chosen.contains(&place));
            }
        }
    }
    assert!(words >= batch.examples, "{words} words");
}

#[test]
fn samples_of_chance_come_with_the_batch_and_are_functions_of_the_step() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let mut recipe = recipe(0.0);
    assert!(loader_of(&recipe, &data).at(0).unwrap()[0].proposals.is_empty());
    let mut drawn = |proposals, disallow_correct, step| {
        let joint = recipe.objective.joint_mut().unwrap();
        (joint.proposals, joint.disallow_correct) = (proposals, disallow_correct);
        loader_of(&recipe, &data).at(step).unwrap().remove(0)
    };
    for proposals in [Proposals::Uniform, Proposals::Unigram] {
        let batch = drawn(proposals, false, 2);
        assert_eq!(batch.proposals.len(), batch.targets.len());
        assert_eq!(drawn(proposals, false, 2), batch);
        assert_ne!(drawn(proposals, false, 3).proposals, batch.proposals);
        let wrong = drawn(proposals, true, 2);
        assert!(wrong.proposals.iter().zip(&wrong.targets).all(|(sample, original)| sample != original));
    }
    let unigram = drawn(Proposals::Unigram, false, 0).proposals;
    assert!(unigram.iter().all(|&id| id >= tiny::FIRST_WORD as i32), "{unigram:?}");
}

#[test]
fn evaluation_reads_rows_of_all_held_out_data_and_says_which() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let loader = loader(&data, 4, 4);
    let rows = loader.heldout_len();
    let device = Device::flex();
    let model = tiny::electra(&tiny::config(TieMode::Embeddings), 1, &device);
    let objective = recipe(0.0).objective;
    let of = |choice, most| {
        let sample = HeldoutSample::new(choice, rows, most);
        evaluate(&model, &objective, Stage::Joint, &loader, &device, sample, 3).unwrap().unwrap()
    };
    let half = rows / 2;
    let (spread, first) = (of(HeldoutRows::Spread, half), of(HeldoutRows::First, half));
    assert_eq!(spread.heldout, Some(HeldoutMeasure { rows: HeldoutRows::Spread, examples: half as u64 }));
    assert_eq!(first.heldout, Some(HeldoutMeasure { rows: HeldoutRows::First, examples: half as u64 }));
    assert_ne!(spread.get("mlm_loss"), first.get("mlm_loss"));
    assert_eq!(of(HeldoutRows::Spread, rows), of(HeldoutRows::First, rows + 1));
    // A row is masked alike whichever others are read with it.
    let every_other: Vec<usize> = (0..rows).step_by(2).collect();
    let together = loader.heldout(&(0..rows).collect::<Vec<_>>()).unwrap();
    let apart = loader.heldout(&every_other).unwrap();
    for (place, &row) in every_other.iter().enumerate() {
        assert_eq!(tiny::rows(&apart, place, 1), tiny::rows(&together, row, 1));
    }
}

#[test]
fn chance_proposes_no_id_beyond_the_vocabulary_of_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let known = data.manifest().tokenizer.vocab_size;
    let mut recipe = recipe(0.0);
    for proposals in [Proposals::Uniform, Proposals::Unigram] {
        recipe.objective.joint_mut().unwrap().proposals = proposals;
        recipe.model.vocab_size = known;
        let same = loader_of(&recipe, &data);
        recipe.model.vocab_size = 10 * known;
        let wider = loader_of(&recipe, &data);
        for step in 0..4 {
            let batch = wider.at(step).unwrap().remove(0);
            assert!(batch.proposals.iter().all(|&id| (id as usize) < known), "{:?}", batch.proposals);
            assert_eq!(batch, same.at(step).unwrap().remove(0));
        }
    }
    let told = unseen_ids(&recipe, &data.clone().into());
    assert_eq!(
        told[0].split(';').next(),
        Some(
            "model.vocab_size is 960 and the vocabulary of the data has 96 pieces: 864 rows of the tables are of no piece, occur in no text and are never proposed as replacements"
        )
    );
    assert_eq!(told.len(), 1, "unigram proposals are those of the text: {told:?}");
    recipe.model.vocab_size = known;
    assert_eq!(unseen_ids(&recipe, &data.clone().into()), [""; 0]);
}

#[test]
fn uniform_proposals_that_no_text_has_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let known = data.manifest().tokenizer.vocab_size;
    let rows = data.split(Split::Train);
    let seen: BTreeSet<u32> =
        (0..rows.len()).flat_map(|row| rows.get(row).ids.iter().collect::<Vec<_>>()).collect();
    let special = data.manifest().tokenizer.special;
    let unseen = (0..known as u32).filter(|id| !seen.contains(id) || special.contains(*id)).count();
    assert!(unseen > known / 20, "{unseen} of {known}");
    let mut recipe = recipe(0.0);
    recipe.model.vocab_size = known;
    recipe.objective.joint_mut().unwrap().proposals = Proposals::Uniform;
    let told = unseen_ids(&recipe, &data.clone().into());
    let expected = format!("draws from all {known} pieces of the vocabulary, of which {unseen} never occur");
    assert!(told.len() == 1 && told[0].contains(&expected), "{told:?}");
}
