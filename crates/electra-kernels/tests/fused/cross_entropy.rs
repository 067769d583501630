//! Losses over the vocabulary and over replaced tokens, logits of the tied table, sampling.

use burn::prelude::*;
use burn::tensor::DType;
use electra_kernels::{
    Precision, composed, sample_categorical, tied_logits, weighted_binary_cross_entropy,
    weighted_cross_entropy,
};

use crate::reference::{Input, assert_close, check, device, doubles, flat, floats, input, noise};

fn ids(values: &[i64], device: &Device) -> Tensor<1, Int> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
}

fn integers(x: Tensor<1, Int>) -> Vec<i64> {
    x.into_data().iter::<i64>().collect()
}

#[test]
fn tied_logits_agree_with_double_precision() {
    for [m, v, e] in [[1, 5, 3], [7, 33, 12], [3, 1100, 16], [40, 513, 1]] {
        let run = |t: &[Tensor<1>], fused: bool| {
            let (h, table) = (t[0].clone().reshape([m, e]), t[1].clone().reshape([v, e]));
            let call = if fused { tied_logits } else { composed::tied_logits };
            call(h, table, t[2].clone(), Precision::F32).reshape([m * v])
        };
        check(
            &format!("{m} x {v} logits of {e}"),
            &[input(m * e, 1, 1.0), input(v * e, 2, 1.0), input(v, 3, 1.0)],
            2e-5,
            |t| run(t, true),
            |t| run(t, false),
        );
    }
}

#[test]
fn rounded_logits_cost_the_rounding_of_their_operands_and_no_more() {
    for [m, v, e] in [[7, 33, 12], [40, 513, 24]] {
        let run = |t: &[Tensor<1>], precision, call: fn(_, _, _, _) -> Tensor<2>| {
            let (h, table) = (t[0].clone().reshape([m, e]), t[1].clone().reshape([v, e]));
            call(h, table, t[2].clone(), precision).reshape([m * v])
        };
        crate::reference::check_rounded(
            &format!("{m} x {v} logits of {e}"),
            &[input(m * e, 1, 1.0), input(v * e, 2, 1.0), input(v, 3, 1.0)],
            4e-2,
            |t, precision| run(t, precision, tied_logits),
            |t| run(t, Precision::F32, composed::tied_logits),
        );
    }
}

fn check_cross_entropy(m: usize, v: usize, logits: Input, weights: Input) {
    let targets: Vec<i64> = (0..m as i64).map(|i| i * 7 % v as i64).collect();
    let run = |t: &[Tensor<1>], fused: bool| {
        let targets = ids(&targets, &t[0].device());
        let call = if fused { weighted_cross_entropy } else { composed::weighted_cross_entropy };
        call(t[0].clone().reshape([m, v]), targets, t[1].clone())
    };
    check(
        &format!("cross entropy of {m} x {v}"),
        &[logits, weights],
        2e-6,
        |t| run(t, true),
        |t| run(t, false),
    );
}

#[test]
fn cross_entropy_agrees_with_double_precision() {
    for [m, v] in [[1, 1], [3, 5], [7, 33], [5, 1000], [2, 30_522]] {
        check_cross_entropy(m, v, input(m * v, 1, 3.0), input(m, 2, 1.0));
    }
}

#[test]
fn rows_without_weight_have_no_gradient_and_their_weight_still_has_one() {
    let weights = Input { values: vec![0.0, 1.0, 0.0, 0.5], tracked: true };
    check_cross_entropy(4, 20, input(80, 1, 3.0), weights);
}

#[test]
fn cross_entropy_of_no_rows_is_zero() {
    let device = device();
    let logits = Tensor::<2>::zeros([0, 5], &device);
    let loss = weighted_cross_entropy(logits, ids(&[], &device), Tensor::zeros([0], &device));
    assert_eq!(doubles(loss), [0.0]);
}

#[test]
fn cross_entropy_of_extreme_logits_is_finite() {
    let device = device().autodiff();
    let logits = [1e4, -1e4, 0.0, -1e4, -1e4, -1e4];
    let data = TensorData::new(logits.to_vec(), [2, 3]);
    let logits = Tensor::<2>::from_data(data, (&device, DType::F32)).require_grad();
    let targets = ids(&[1, 2], &device);
    let loss = weighted_cross_entropy(logits.clone(), targets, Tensor::ones([2], &device));
    let gradient = doubles(logits.grad(&loss.backward()).unwrap());
    let third = 1.0 / 3.0;
    assert_close("loss", &doubles(loss), &[20_000.0 + 3f64.ln()], 1e-4);
    assert_close("gradient", &gradient, &[1.0, -1.0, 0.0, third, third, third - 1.0], 1e-3);
}

#[test]
fn the_logits_survive_the_loss_if_somebody_holds_them() {
    let device = device().autodiff();
    let values = noise(12, 1, 1.0);
    let data = TensorData::new(values.clone(), [3, 4]);
    let x = Tensor::<2>::from_data(data, (&device, DType::F32)).require_grad();
    let logits = x * 1.0;
    let targets = ids(&[0, 1, 2], &device);
    let loss = weighted_cross_entropy(logits.clone(), targets, Tensor::ones([3], &device));
    let _ = loss.backward();
    assert_eq!(doubles(logits), values);
}

#[test]
fn binary_cross_entropy_agrees_with_double_precision() {
    for [b, s] in [[1, 1], [3, 7], [16, 33]] {
        let n = b * s;
        let labels = (0..n).map(|i| (i % 3 == 0) as u8 as f64).collect();
        let mut weights = input(n, 3, 1.0);
        weights.values[0] = 0.0;
        let run = |t: &[Tensor<1>], fused: bool| {
            let [x, y, w] = [0, 1, 2].map(|i| t[i].clone().reshape([b, s]));
            if fused {
                weighted_binary_cross_entropy(x, y, w)
            } else {
                composed::weighted_binary_cross_entropy(x, y, w)
            }
        };
        check(
            &format!("binary cross entropy of {b} x {s}"),
            &[input(n, 1, 5.0), Input { values: labels, tracked: true }, weights],
            1e-6,
            |t| run(t, true),
            |t| run(t, false),
        );
    }
}

#[test]
fn binary_cross_entropy_of_certain_mistakes_grows_linearly() {
    let loss = weighted_binary_cross_entropy(
        floats(&[1e4, -1e4, 1e4, -1e4], [2, 2]),
        floats(&[0.0, 1.0, 1.0, 0.0], [2, 2]),
        floats(&[1.0; 4], [2, 2]),
    );
    assert_eq!(doubles(loss), [20_000.0]);
}

#[test]
fn samples_are_those_of_the_composed_version() {
    for [m, v] in [[1, 1], [200, 5], [100, 513], [300, 3000]] {
        let logits = floats(&noise(m * v, 1, 4.0), [m, v]);
        let uniforms: Vec<f64> = noise(m, 2, 0.5).into_iter().map(|x| (x + 0.5).min(0.999_999)).collect();
        let uniforms = floats(&uniforms, [m]);
        let excluded: Vec<i64> = (0..m as i64).map(|i| i * 5 % v as i64).collect();
        for temperature in [1.0, 0.5, 2.0] {
            for exclude in [None, Some(ids(&excluded, &device()))] {
                let got = integers(sample_categorical(
                    logits.clone(),
                    uniforms.clone(),
                    temperature,
                    exclude.clone(),
                ));
                let exact = |x: &[f64]| flat(x, &Device::flex(), DType::F64);
                let expected = integers(composed::sample_categorical(
                    exact(&doubles(logits.clone())).reshape([m, v]),
                    exact(&doubles(uniforms.clone())),
                    temperature,
                    exclude.map(|_| ids(&excluded, &Device::flex())),
                ));
                // A threshold within rounding of a step of the distribution function may fall on
                // either side of it.
                let differ = got.iter().zip(&expected).filter(|(a, b)| a != b).count();
                assert!(differ * 100 <= m, "{differ} of {m} samples of {v} differ");
            }
        }
    }
}

#[test]
fn sampling_inverts_the_distribution_function_by_hand() {
    // Probabilities 1/4, 1/2, 1/4.
    let row = [0.0, 2f64.ln(), 0.0];
    let uniforms = [0.0, 0.24, 0.26, 0.74, 0.76, 0.999_999];
    let logits = floats(&row.repeat(6), [6, 3]);
    let draw = |exclude| integers(sample_categorical(logits.clone(), floats(&uniforms, [6]), 1.0, exclude));
    assert_eq!(draw(None), [0, 0, 1, 1, 2, 2]);
    // Without the middle one: 1/2, 0, 1/2.
    assert_eq!(draw(Some(ids(&[1; 6], &device()))), [0, 0, 0, 2, 2, 2]);
}

#[test]
fn an_excluded_id_is_never_drawn_however_low_the_temperature() {
    // Scaled by 1e5, the first id leads by a million.
    let logits = floats(&[10.0, 0.0, -1.0].repeat(2), [2, 3]);
    for (what, draw) in
        [("fused", sample_categorical as fn(_, _, _, _) -> _), ("composed", composed::sample_categorical)]
    {
        let exclude = Some(ids(&[0, 2], &device()));
        let found = integers(draw(logits.clone(), floats(&[0.5, 0.5], [2]), 1e-5, exclude));
        assert_eq!(found, [1, 0], "{what}");
    }
}

#[test]
fn every_id_is_drawn_from_the_middle_of_its_interval_and_an_excluded_one_never() {
    // Around the blocks of the composed version.
    for v in [1, 5, 63, 64, 65, 128, 130, 200] {
        let row = noise(v, v as u64, 2.0);
        let total: f64 = row.iter().map(|x| x.exp()).sum();
        let mut before = 0.0;
        let middles = row.iter().map(|x| {
            let share = x.exp() / total;
            before += share;
            before - 0.5 * share
        });
        let (middles, logits) = (middles.collect::<Vec<_>>(), floats(&row.repeat(v), [v, v]));
        let all: Vec<i64> = (0..v as i64).collect();
        for (what, draw) in
            [("fused", sample_categorical as fn(_, _, _, _) -> _), ("composed", composed::sample_categorical)]
        {
            let found = integers(draw(logits.clone(), floats(&middles, [v]), 1.0, None));
            assert_eq!(found, all, "{what}, {v} ids");
            for uniform in [0.0, 0.999_999_94].into_iter().filter(|_| v > 1) {
                let uniforms = floats(&vec![uniform; v], [v]);
                let found = integers(draw(logits.clone(), uniforms, 1.0, Some(ids(&all, &device()))));
                assert!(
                    found.iter().zip(&all).all(|(found, excluded)| found != excluded),
                    "{what}: {found:?}"
                );
            }
        }
    }
}

#[test]
fn frequencies_of_samples_are_the_probabilities() {
    let (v, m) = (6, 60_000);
    let row = noise(v, 4, 2.0);
    let total: f64 = row.iter().map(|x| x.exp()).sum();
    let logits = floats(&row.repeat(m), [m, v]);
    let uniforms = floats(&(0..m).map(|i| i as f64 / m as f64).collect::<Vec<_>>(), [m]);
    let samples = integers(sample_categorical(logits, uniforms, 1.0, None));
    for (id, x) in row.iter().enumerate() {
        let count = samples.iter().filter(|s| **s == id as i64).count() as f64;
        let expected = m as f64 * x.exp() / total;
        assert!((count - expected).abs() < 2.5, "{count} of {expected}");
    }
}

#[test]
fn tracked_logits_give_the_same_samples() {
    let logits = floats(&noise(50, 1, 2.0), [5, 10]);
    let uniforms = floats(&[0.1, 0.3, 0.5, 0.7, 0.9], [5]);
    let plain = integers(sample_categorical(logits.clone(), uniforms.clone(), 1.0, None));
    let tracked = Tensor::from_inner(logits).require_grad();
    let uniforms = Tensor::from_inner(uniforms);
    let exclude = ids(&[0; 5], &tracked.device());
    let unexcluded = sample_categorical(tracked.clone(), uniforms.clone(), 1.0, None);
    assert_eq!(unexcluded.device(), tracked.device());
    assert_eq!(integers(unexcluded), plain);
    let excluded = integers(sample_categorical(tracked, uniforms, 1.0, Some(exclude)));
    assert!(excluded.iter().all(|id| *id != 0));
}
