//! Losses and their gradients, against numbers that PyTorch gave in double precision.

use burn::prelude::*;
use electra_ner::{WordLoss, WordLossKind};

use crate::small::{devices, floats};

const LOGITS: [[f32; 3]; 4] = [[1.0, -0.5, 0.25], [0.0, 2.0, -1.0], [3.0, 1.0, 1.0], [-0.75, 0.5, 0.1]];
const TARGETS: [Option<usize>; 4] = [Some(0), Some(2), None, Some(1)];
const WEIGHTS: [f64; 3] = [0.5, 1.0, 2.0];

fn cross_entropy(label_smoothing: f64) -> WordLossKind {
    WordLossKind::CrossEntropy { label_smoothing }
}

/// Asserts that loss and gradient are these; `gradient` of the first, second and fourth word.
fn assert_loss(kind: WordLossKind, weights: [f64; 3], expected: f64, gradient: [f64; 9]) {
    for device in devices() {
        let logits = Tensor::<2>::from_data(LOGITS, &device).require_grad();
        let loss = WordLoss::new(kind.clone(), weights.to_vec()).mean(logits.clone(), &TARGETS);
        let found = loss.clone().into_scalar::<f64>();
        assert!((found - expected).abs() < 1e-6, "{kind:?}: {found} is not {expected}");
        let found = floats(logits.grad(&loss.backward()).unwrap());
        let expected = [&gradient[..6], &[0.0; 3], &gradient[6..]].concat();
        for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
            assert!((f64::from(*found) - expected).abs() < 1e-6, "{kind:?} [{i}]: {found} is not {expected}");
        }
    }
}

#[test]
fn cross_entropy_is_that_of_pytorch_with_and_without_class_weights() {
    #[rustfmt::skip]
    assert_loss(cross_entropy(0.0), [1.0; 3], 1.456_381_648, [
        -0.136_734_112, 0.043_867_216, 0.092_866_896, 0.038_065_066, 0.281_264_911, -0.319_329_978,
        0.048_804_368, -0.162_989_353, 0.114_184_985,
    ]);
    #[rustfmt::skip]
    assert_loss(cross_entropy(0.0), WEIGHTS, 2.078_572_312, [
        -0.058_600_334, 0.018_800_235, 0.039_800_098, 0.065_254_400, 0.482_168_420, -0.547_422_819,
        0.041_832_315, -0.139_705_159, 0.097_872_844,
    ]);
}

#[test]
fn label_smoothing_is_that_of_pytorch_with_and_without_class_weights() {
    #[rustfmt::skip]
    assert_loss(cross_entropy(0.1), [1.0; 3], 1.455_270_537, [
        -0.114_511_890, 0.032_756_105, 0.081_755_785, 0.026_953_955, 0.270_153_800, -0.297_107_756,
        0.037_693_256, -0.140_767_130, 0.103_073_874,
    ]);
    #[rustfmt::skip]
    assert_loss(cross_entropy(0.1), WEIGHTS, 2.025_162_770, [
        -0.037_842_283, 0.011_783_124, 0.026_059_159, 0.057_773_562, 0.452_554_259, -0.510_327_821,
        0.037_767_616, -0.118_224_055, 0.080_456_439,
    ]);
}

#[test]
fn the_focal_loss_is_its_formula() {
    #[rustfmt::skip]
    assert_loss(WordLossKind::Focal { gamma: 2.0 }, WEIGHTS, 1.720_898_721, [
        -0.024_831_249, 0.007_966_394, 0.016_864_855, 0.076_536_038, 0.565_529_080, -0.642_065_118,
        0.024_036_344, -0.080_272_901, 0.056_236_557,
    ]);
    // Of gamma 0 nothing but the cross entropy is left.
    #[rustfmt::skip]
    assert_loss(WordLossKind::Focal { gamma: 0.0 }, WEIGHTS, 2.078_572_312, [
        -0.058_600_334, 0.018_800_235, 0.039_800_098, 0.065_254_400, 0.482_168_420, -0.547_422_819,
        0.041_832_315, -0.139_705_159, 0.097_872_844,
    ]);
}

#[test]
fn the_focal_loss_of_a_word_that_is_right_beyond_doubt_has_a_finite_gradient() {
    for device in devices() {
        for gamma in [0.5, 1.0, 2.0] {
            let logits = Tensor::<2>::from_data([[80.0f32, 0.0, 0.0]], &device).require_grad();
            let loss = WordLoss::new(WordLossKind::Focal { gamma }, vec![1.0; 3]);
            let loss = loss.mean(logits.clone(), &[Some(0)]);
            let gradient = floats(logits.grad(&loss.backward()).unwrap());
            assert!(gradient.iter().all(|g| g.is_finite() && g.abs() < 1e-5), "{gamma}: {gradient:?}");
        }
    }
}

#[test]
fn the_losses_of_micro_batches_add_up_to_that_of_the_whole() {
    let device = &devices()[0];
    let loss = WordLoss::new(cross_entropy(0.1), WEIGHTS.to_vec());
    let logits = |from: usize, to: usize| {
        let rows = LOGITS[from..to].concat();
        Tensor::<1>::from_data(rows.as_slice(), device).reshape([to - from, 3])
    };
    let whole = loss.mean(logits(0, 4), &TARGETS).into_scalar::<f64>();
    let sum = |from, to| loss.sum(logits(from, to), &TARGETS[from..to]).into_scalar::<f64>();
    let parts = (sum(0, 3) + sum(3, 4)) / loss.divisor(&TARGETS);
    assert!((whole - parts).abs() < 1e-6, "{whole} and {parts}");
    assert_eq!(loss.divisor(&TARGETS), 3.5);
    assert_eq!(loss.mean(logits(2, 3), &[None]).into_scalar::<f64>(), 0.0);
}
