//! A step in parts is the step as a whole.

use burn::module::Module;
use burn::prelude::*;
use electra_annotations::{LabelSet, Sentences};
use electra_model::parameters::collect;
use electra_ner::{
    EpochBatches, HeadType, Steps, Targets, TrainBatch, WindowedSentences, WordLoss, initial_tagger,
    start_snapshot,
};

use crate::small::{recipe, sentences, start};

/// More windows than any batch here has.
const WHOLE: usize = 100;

/// Parameters after one step on the first batch.
fn after_a_step(changes: &[&str], micro_batch_size: usize) -> Vec<f32> {
    let recipe = recipe(changes).value;
    let (start, sentences, device) = (start(), Sentences::from(sentences()), Device::flex().autodiff());
    let labels = LabelSet::of(&sentences, recipe.labels.scheme);
    let windowed = WindowedSentences::new(&sentences, start.tokenizer(), &recipe.windows());
    let targets: Targets =
        sentences.iter().map(|sentence| labels.encode(&sentence.tags().to_vec())).collect();
    let batches = EpochBatches::new(&windowed.windows, 6, recipe.seed);
    let counts = labels.counts(&sentences);
    let weights = recipe.loss.class_weights.of(&labels, &counts).unwrap();
    let rates = recipe.rates.of(start.config().num_hidden_layers).unwrap();
    let head = HeadType::trained_for(recipe.labels.decoding);
    let tagger = initial_tagger(&start, &labels, head, 1, &device, recipe.train.precision).unwrap();
    let mut snapshot = start_snapshot(tagger, &rates);
    let schedule = electra_optim::Schedule {
        peak: 1e-2,
        warmup_steps: 0,
        total_steps: 10,
        decay: electra_optim::Decay::Constant {},
    };
    let loss = WordLoss::new(recipe.loss.word.clone(), weights);
    let steps = Steps { recipe: &recipe, loss, rates, schedule, device: &device };
    let parts = TrainBatch::of_step(&windowed, &batches.of_epoch(0, micro_batch_size)[0], &targets);
    assert_eq!(parts.len() > 1, micro_batch_size < WHOLE);
    assert!(parts.iter().all(|part| part.data.windows <= micro_batch_size));
    // The longest sentence is in several windows, which go one by one if they have to.
    let is_cut = parts.windows(2).any(|pair| pair[0].is_continued_by(&pair[1]));
    assert_eq!(is_cut, micro_batch_size == 1);
    steps.take(&mut snapshot, &parts).unwrap();
    collect(snapshot.model()).into_values().flat_map(|data| data.iter::<f32>().collect::<Vec<_>>()).collect()
}

#[test]
fn a_pass_without_autodiff_drops_what_the_pass_with_it_drops() {
    // The gradient of a sentence in several parts is computed from logits of a pass of its own.
    let (recipe, start, sentences, device) = (
        recipe(&["dropout={hidden=0.1,attention=0.1,classifier=0.1}"]).value,
        start(),
        Sentences::from(sentences()),
        Device::flex(),
    );
    let labels = LabelSet::of(&sentences, recipe.labels.scheme);
    let windowed = WindowedSentences::new(&sentences, start.tokenizer(), &recipe.windows());
    let (data, _) = windowed.batch(&[0, 1, 2]);
    let training = device.clone().autodiff();
    let tagger =
        initial_tagger(&start, &labels, HeadType::Crf, 1, &training, recipe.train.precision).unwrap();
    let values = |logits: Tensor<2>| logits.into_data().iter::<f32>().collect::<Vec<_>>();
    let sites = recipe.dropout.sites(7);
    let with = values(tagger.forward(&data.to_device(&training), &sites));
    let without = values(tagger.valid().forward(&data.to_device(&device), &sites));
    let other = values(tagger.valid().forward(&data.to_device(&device), &recipe.dropout.sites(8)));
    let most = |other: &[f32]| with.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(most(&without) < 1e-6, "{}", most(&without));
    assert!(most(&other) > 1e-3, "the test needs dropout: {}", most(&other));
}

#[test]
fn micro_batches_add_up_to_the_step_of_the_batch() {
    // Adam takes the sign of the smallest gradient: an epsilon above rounding errors.
    let plain = "optimizer.epsilon=1e-3";
    // Whether and where a window is dropped does not depend on the part that it is in.
    let dropout = "dropout={hidden=0.3,attention=0.2,classifier=0.4}";
    for changes in [
        [plain, "loss.class_weights={kind=\"inverse-frequency\"}"],
        [plain, "labels.decoding=\"crf\""],
        [plain, dropout],
    ] {
        let whole = after_a_step(&changes, WHOLE);
        if changes[1] == dropout {
            let without = after_a_step(&[plain], WHOLE);
            let most = whole.iter().zip(&without).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(most > 1e-3, "dropout changes the step: {most}");
        }
        let untouched = after_a_step(&[plain, "rates.freeze={kind=\"layers\",count=2}"], WHOLE);
        let most = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        for size in [1, 2] {
            let parts = after_a_step(&changes, size);
            assert!(most(&whole, &parts) < 1e-5, "{changes:?} {size}: {}", most(&whole, &parts));
        }
        if whole.len() == untouched.len() {
            assert!(most(&whole, &untouched) > 1e-3, "a step changes frozen layers alone");
        }
    }
}
