//! Optimizer steps of a tagger from scratch on a handful of sentences.

use burn::prelude::*;
use electra_annotations::{LabelSet, Sentences};
use electra_model::parameters::{NamedTensors, collect};
use electra_ner::{
    EpochBatches, HeadType, Step, Steps, Targets, TrainBatch, WindowedSentences, WordLoss, initial_tagger,
    start_snapshot,
};

use crate::small::{recipe, sentences, start};

/// More windows than any batch here has.
pub const WHOLE: usize = 100;

const STEPS: u64 = 5;

/// Steps with dropout, `micro_batch_size` windows going through the network together, and the weights after them.
pub fn taken(decoding: &str, micro_batch_size: usize, device: &Device) -> (Vec<Step>, NamedTensors) {
    let changes = [
        "dropout={hidden=0.1,attention=0.1,classifier=0.1}".to_owned(),
        format!("labels.decoding={decoding}"),
    ];
    let recipe = recipe(&changes.each_ref().map(String::as_str)).value;
    let (start, sentences) = (start(), Sentences::from(sentences()));
    let labels = LabelSet::of(&sentences, recipe.labels.scheme);
    let windowed = WindowedSentences::new(&sentences, start.tokenizer(), &recipe.windows());
    let targets: Targets =
        sentences.iter().map(|sentence| labels.encode(&sentence.tags().to_vec())).collect();
    let batches = EpochBatches::new(&windowed.windows, 6, recipe.seed);
    let weights = recipe.loss.class_weights.of(&labels, &labels.counts(&sentences)).unwrap();
    let rates = recipe.rates.of(start.config().num_hidden_layers).unwrap();
    let head = HeadType::trained_for(recipe.labels.decoding);
    let tagger = initial_tagger(&start, &labels, head, 1, device, recipe.train.precision).unwrap();
    let mut snapshot = start_snapshot(tagger, &rates);
    let schedule = electra_optim::Schedule {
        peak: 1e-3,
        warmup_steps: 0,
        total_steps: 10,
        decay: electra_optim::Decay::Constant {},
    };
    let loss = WordLoss::new(recipe.loss.word.clone(), weights);
    let steps = Steps { recipe: &recipe, loss, rates, schedule, device };
    let taken = (0..STEPS).map(|number| {
        let batch = &batches.of_epoch(number, micro_batch_size)[0];
        steps.take(&mut snapshot, &TrainBatch::of_step(&windowed, batch, &targets)).unwrap()
    });
    let taken = taken.collect();
    (taken, collect(snapshot.model()))
}
