//! A tagger learns two sentences by heart, whatever it is trained and decoded with.

use burn::module::Module;
use burn::optim::GradientsParams;
use electra_annotations::{LabelScheme, LabelSet};
use electra_model::DropoutSites;
use electra_ner::{Decoding, HeadType, LabelledRows, WordLoss, WordLossKind};
use electra_optim::{Adam, AdamConfig, Decay, OptimizerState, Schedule, clip_by_global_norm};

use crate::small::{batch, devices, floats, tagger};

/// The words of the two windows of [`batch`].
fn sentences() -> [Vec<String>; 2] {
    ["B-PER I-PER O B-LOC B-PER", "O B-LOC I-LOC"].map(|tags| tags.split(' ').map(str::to_owned).collect())
}

fn learns_by_heart(scheme: LabelScheme, decoding: Decoding, kind: WordLossKind) {
    let device = devices()[0].clone();
    let labels = LabelSet::new(["LOC", "PER"], scheme);
    let targets: Vec<Option<usize>> = sentences().iter().flat_map(|tags| labels.encode(tags)).collect();
    let gold: Vec<usize> = targets.iter().copied().map(Option::unwrap).collect();
    let rows = [(0..5).collect::<Vec<usize>>(), (5..8).collect()];
    let labelled: Vec<LabelledRows> = rows
        .iter()
        .map(|rows| LabelledRows { rows: rows.clone(), labels: rows.iter().map(|&row| gold[row]).collect() })
        .collect();

    let mut tagger = tagger(&labels, HeadType::trained_for(decoding), 3, &device);
    let mut state = OptimizerState::new(&tagger);
    let loss = WordLoss::new(kind.clone(), vec![1.0; labels.len()]);
    let steps = 120;
    let schedule = Schedule { peak: 5e-3, warmup_steps: 12, total_steps: steps, decay: Decay::Cosine {} };
    let windows = batch().to_device(&device);
    for step in 0..steps {
        let logits = tagger.forward(&windows, &DropoutSites::off());
        let loss = match &tagger.crf {
            Some(crf) => crf.negative_log_likelihood(logits, &labelled) / 8.0,
            None => loss.mean(logits, &targets),
        };
        let gradients = GradientsParams::from_grads(loss.backward(), &tagger);
        let clip = clip_by_global_norm(&tagger, &gradients, 1.0).unwrap();
        let adam = Adam { config: AdamConfig::ADAMW };
        tagger = adam.step(&mut state, tagger, gradients, |_| schedule.at(step), clip.scale);
    }

    let tagger = tagger.valid();
    let plain = device.inner();
    let logits = floats(tagger.forward(&batch().to_device(&plain), &DropoutSites::off()));
    let decoder = tagger.head().decoder(decoding, &labels);
    let decided = decoder.decode_rows(&logits, rows.iter().map(Vec::as_slice));
    for (decided, tags) in decided.iter().zip(sentences()) {
        let ids: Vec<usize> = decided.iter().map(|decision| decision.label).collect();
        assert_eq!(labels.tags(&ids), tags, "{decoding:?} {kind:?}");
        assert!(decided.iter().all(|d| d.probability > 0.4), "{decided:?}");
    }
}

#[test]
fn two_sentences_are_learned_by_heart_with_each_decoding() {
    learns_by_heart(LabelScheme::Iob2, Decoding::Argmax, WordLossKind::default());
    learns_by_heart(LabelScheme::Iobes, Decoding::Viterbi, WordLossKind::default());
    learns_by_heart(LabelScheme::Iob2, Decoding::Crf, WordLossKind::default());
    learns_by_heart(LabelScheme::Iobes, Decoding::Crf, WordLossKind::default());
}

#[test]
fn two_sentences_are_learned_by_heart_with_each_loss() {
    learns_by_heart(LabelScheme::Iob2, Decoding::Argmax, WordLossKind::CrossEntropy { label_smoothing: 0.1 });
    learns_by_heart(LabelScheme::Iob2, Decoding::Argmax, WordLossKind::Focal { gamma: 2.0 });
}
