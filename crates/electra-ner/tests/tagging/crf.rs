//! The conditional random field against all paths, one by one.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::prelude::*;
use burn::tensor::TensorData;
use electra_annotations::{LabelScheme, LabelSet};
use electra_model::parameters::{NamedTensors, collect, load};
use electra_ner::{Crf, Decision, Decoding, FORBIDDEN, HeadType, LabelledRows, TokenClassifier};
use electra_optim::{Adam, AdamConfig, OptimizerState};

use crate::gradients::gradients;
use crate::small::{devices, floats, tagger};

/// Scores and emissions of no regularity.
fn wave(i: usize) -> f32 {
    ((i * 37 % 101) as f32 / 101.0 - 0.5) * 4.0
}

/// O, B-PER and I-PER with scores of their own where they may go.
fn crf(device: &Device) -> Crf {
    let labels = LabelSet::new(["PER"], LabelScheme::Iob2);
    let start = Crf::init(&labels, device);
    let scored = |(n, (path, data)): (usize, (String, TensorData))| {
        let value = |(i, score): (usize, f32)| if score == FORBIDDEN { score } else { wave(7 * n + i + 3) };
        let values: Vec<f32> = data.iter::<f32>().enumerate().map(value).collect();
        (path, TensorData::new(values, data.shape().to_vec()))
    };
    let tensors: NamedTensors = collect(&start).into_iter().enumerate().map(scored).collect();
    load(start, tensors).unwrap()
}

/// Three sentences of 1, 3 and 4 words in 9 rows, one of which belongs to none.
fn sentences() -> Vec<LabelledRows> {
    vec![
        LabelledRows { rows: vec![4], labels: vec![1] },
        LabelledRows { rows: vec![0, 7, 2], labels: vec![1, 2, 0] },
        LabelledRows { rows: vec![8, 1, 3, 6], labels: vec![0, 1, 2, 2] },
        LabelledRows::default(),
    ]
}

fn emissions(device: &Device) -> Tensor<2> {
    let values: Vec<f32> = (0..27).map(|i| wave(i + 50)).collect();
    Tensor::from_data(TensorData::new(values, [9, 3]), device).require_grad()
}

/// The score of one path, as a tensor that can be differentiated.
fn score(crf: &Crf, emissions: &Tensor<2>, rows: &[usize], path: &[usize]) -> Tensor<1> {
    let at =
        |x: Tensor<2>, row: usize, column: usize| x.slice([row..row + 1, column..column + 1]).reshape([1]);
    let one = |x: Tensor<1>, i: usize| x.narrow(0, i, 1);
    let mut sum = one(crf.begin.val(), path[0]) + one(crf.end.val(), path[path.len() - 1]);
    for (row, label) in rows.iter().zip(path) {
        sum = sum + at(emissions.clone(), *row, *label);
    }
    for pair in path.windows(2) {
        sum = sum + at(crf.next.val(), pair[0], pair[1]);
    }
    sum
}

/// `log sum exp` over every path of three labels, minus the score of the right one.
fn brute_force(crf: &Crf, emissions: &Tensor<2>, sentence: &LabelledRows) -> Tensor<1> {
    let n = sentence.rows.len() as u32;
    let path = |number: usize| (0..n).map(|t| number / 3usize.pow(t) % 3).collect::<Vec<_>>();
    let scores = (0..3usize.pow(n)).map(|number| score(crf, emissions, &sentence.rows, &path(number)));
    let scores = Tensor::cat(scores.collect(), 0);
    let most = scores.clone().max().detach();
    let partition = (scores - most.clone()).exp().sum().log() + most;
    partition - score(crf, emissions, &sentence.rows, &sentence.labels)
}

#[test]
fn loss_and_gradients_are_those_of_all_paths_counted() {
    for device in devices() {
        let (crf, emissions) = (crf(&device), emissions(&device));
        let expected = sentences()
            .iter()
            .filter(|sentence| !sentence.rows.is_empty())
            .map(|sentence| brute_force(&crf, &emissions, sentence))
            .reduce(|a, b| a + b)
            .unwrap();
        let found = crf.negative_log_likelihood(emissions.clone(), &sentences());
        let [a, b] = [&found, &expected].map(|loss| loss.clone().into_scalar::<f64>());
        assert!((a - b).abs() < 1e-4, "{a} and {b}");

        let (found, expected) = (found.backward(), expected.backward());
        let close = |name: &str, found: &[f32], expected: &[f32]| {
            assert_eq!(found.len(), expected.len(), "{name}");
            for (i, (a, b)) in found.iter().zip(expected).enumerate() {
                assert!((a - b).abs() < 1e-5, "{name}[{i}]: {a} and {b}");
            }
        };
        let of_emissions = [&found, &expected].map(|all| floats(emissions.grad(all).unwrap()));
        close("emissions", &of_emissions[0], &of_emissions[1]);
        assert_eq!(of_emissions[0][15..18], [0.0; 3], "row 5 is of no sentence");
        let [found, expected] = [gradients(&crf, &found), gradients(&crf, &expected)];
        assert_eq!(found.len(), 3);
        for (path, data) in &found {
            let [a, b] = [data, &expected[path]].map(|data| data.iter::<f32>().collect::<Vec<_>>());
            close(path, &a, &b);
        }
        // What is forbidden stays where it is: I-PER at the beginning, and after O.
        assert_eq!(found["begin"].as_slice::<f32>().unwrap()[2], 0.0);
        assert_eq!(found["next"].as_slice::<f32>().unwrap()[2], 0.0);
    }
}

#[test]
fn without_any_evidence_a_trained_crf_says_what_it_saw_and_nothing_forbidden() {
    let device = devices()[0].clone();
    let labels = LabelSet::new(["PER"], LabelScheme::Iob2);
    let mut crf = Crf::init(&labels, &device);
    let mut state = OptimizerState::new(&crf);
    let seen = [LabelledRows { rows: vec![0, 1, 2, 3], labels: vec![0, 1, 2, 0] }];
    let silent = || Tensor::<2>::zeros([4, 3], &device);
    let untrained = crf.negative_log_likelihood(silent(), &seen).into_scalar::<f64>();
    // 34 of the 81 paths of four words are legal, and all alike at the start.
    assert!((untrained - 34f64.ln()).abs() < 1e-5, "{untrained}");
    for _ in 0..200 {
        let loss = crf.negative_log_likelihood(silent(), &seen);
        let gradients = GradientsParams::from_grads(loss.backward(), &crf);
        let config = AdamConfig { weight_decay: 0.01, ..AdamConfig::ADAMW };
        crf = Adam { config }.step(&mut state, crf, gradients, |_| 0.1, 1.0);
    }
    let trained = crf.negative_log_likelihood(silent(), &seen).into_scalar::<f64>();
    assert!(trained < 0.3, "{trained}");
    let decoder = |crf: Crf| {
        let tagger = TokenClassifier { crf: Some(crf), ..tagger(&labels, HeadType::Crf, 1, &Device::flex()) };
        tagger.head().decoder(Decoding::Crf, &labels)
    };
    let labels_of = |decisions: Vec<Decision>| decisions.iter().map(|d| d.label).collect::<Vec<_>>();
    let decoder = decoder(crf.valid());
    let path = labels_of(decoder.decode(&[0.0; 12]));
    assert_eq!(path, [0, 1, 2, 0]);
    // However sure the network is of it, no I-PER comes after an O.
    let wish = [9.0, 0.0, 0.0, 0.0, 0.0, 500.0];
    assert_eq!(labels_of(decoder.decode(&wish)), [1, 2]);
}
