//! The Adam update and the squared norm.

use burn::prelude::*;
use burn::tensor::DType;
use electra_kernels::{
    AdamStep, AdamUpdate, AdamUpdated, adam_update, adam_updates, clip_on_device, composed, squared_norm,
    squared_norms,
};

use crate::reference::{IS_CARD, assert_close, doubles, flat, floats, noise};

const STEP: AdamStep = AdamStep {
    learning_rate: 5e-4,
    beta_1: 0.9,
    beta_2: 0.999,
    epsilon: 1e-6,
    weight_decay: 0.01,
    gradient_scale: 0.5,
};

fn parts(updated: AdamUpdated<1>) -> [Vec<f64>; 3] {
    [updated.parameter, updated.moment_1, updated.moment_2].map(doubles)
}

fn operands(n: usize) -> [Tensor<1>; 4] {
    let moment_2: Vec<f64> = noise(n, 4, 1.0).into_iter().map(f64::abs).collect();
    [noise(n, 1, 1.0), noise(n, 2, 1.0), noise(n, 3, 1.0), moment_2].map(|v| floats(&v, [n]))
}

#[test]
fn three_updates_agree_with_double_precision() {
    for n in [1, 7, 33, 40_000] {
        let [mut p, g, mut m, mut v] = operands(n);
        let wide = [&p, &g, &m, &v].map(|x| flat(&doubles(x.clone()), &Device::flex(), DType::F64));
        let [mut wp, wg, mut wm, mut wv] = wide;
        for _ in 0..3 {
            let narrow = adam_update(p, g.clone(), m, v, STEP);
            let wide = composed::adam_update(wp, wg.clone(), wm, wv, STEP);
            let all = parts(narrow.clone()).into_iter().zip(parts(wide.clone()));
            for (what, (got, expected)) in ["parameter", "moment 1", "moment 2"].iter().zip(all) {
                assert_close(what, &got, &expected, 3e-7);
            }
            AdamUpdated { parameter: p, moment_1: m, moment_2: v } = narrow;
            AdamUpdated { parameter: wp, moment_1: wm, moment_2: wv } = wide;
        }
    }
}

#[test]
fn an_update_leaves_tensors_alone_that_somebody_holds() {
    let [p, g, m, v] = operands(100);
    let before = [&p, &g, &m, &v].map(|x| doubles(x.clone()));
    let held = [p.clone(), g.clone(), m.clone(), v.clone()];
    let _ = adam_update(p, g, m, v, STEP);
    assert_eq!(held.map(doubles), before);
}

#[test]
fn an_update_of_views_is_the_update_of_their_copies() {
    let [p, g, m, v] = operands(24).map(|x| x.reshape([4, 6]).transpose());
    let [cp, cg, cm, cv] = [&p, &g, &m, &v].map(|x| floats(&doubles(x.clone()), [6, 4]));
    let got = adam_update(p, g, m, v, STEP);
    let expected = adam_update(cp, cg, cm, cv, STEP);
    assert_eq!(doubles(got.parameter), doubles(expected.parameter));
}

#[test]
fn a_parameter_without_gradient_only_decays() {
    let zeros = || floats(&[0.0; 3], [3]);
    let updated = adam_update(floats(&[1.0, -2.0, 0.0], [3]), zeros(), zeros(), zeros(), STEP);
    let factor = 1.0 - 5e-4 * 0.01;
    assert_close("decay", &doubles(updated.parameter), &[factor, -2.0 * factor, 0.0], 1e-7);
}

#[test]
fn the_squared_norm_is_accumulated_in_double_precision_or_as_a_tree() {
    let tolerance = if IS_CARD { 1e-6 } else { 1e-7 };
    for n in [0, 1, 7, 33, 100_000] {
        let x = noise(n, 1, 1.0);
        let exact: f64 = x.iter().map(|x| x * x).sum();
        assert_close("squared norm", &doubles(squared_norm(floats(&x, [n]))), &[exact], tolerance);
    }
    let view = floats(&noise(12, 1, 1.0), [3, 4]).transpose().narrow(0, 1, 2);
    let exact: f64 = doubles(view.clone()).iter().map(|x| x * x).sum();
    assert_close("of a view", &doubles(squared_norm(view)), &[exact], 1e-6);
}

/// More tensors than one kernel takes, of sizes around those of its cubes, some empty.
const SIZES: [usize; 29] = [
    1, 0, 7, 255, 256, 257, 4095, 4096, 4097, 9000, 3, 0, 0, 1, 2, 70_000, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    15, 16, 17,
];

#[test]
fn updates_of_several_parameters_are_those_of_each_alone_bit_for_bit() {
    let steps = |i: usize| AdamStep { learning_rate: 1e-3 * (i + 1) as f64, weight_decay: 0.1, ..STEP };
    let alone = SIZES.iter().enumerate().map(|(i, &n)| {
        let [p, g, m, v] = operands(n);
        parts(adam_update(p, g, m, v, steps(i)))
    });
    let together = SIZES.iter().enumerate().map(|(i, &n)| {
        let [parameter, gradient, moment_1, moment_2] = operands(n);
        AdamUpdate { parameter, gradient, moment_1, moment_2, step: steps(i) }
    });
    let together = adam_updates(together.collect(), None).into_iter().map(parts);
    assert_eq!(together.collect::<Vec<_>>(), alone.collect::<Vec<_>>());
}

#[test]
fn squared_norms_of_several_tensors_are_those_of_each() {
    let values = SIZES.map(|n| noise(n, n as u64, 1.0));
    let found = doubles(squared_norms(values.iter().map(|x| floats(x, [x.len()])).collect()));
    let exact: Vec<f64> = values.iter().map(|x| x.iter().map(|x| x * x).sum()).collect();
    assert_close("squared norms", &found, &exact, if IS_CARD { 1e-6 } else { 1e-7 });
    // A number that is not finite is one in the sum of its tensor alone.
    let odd = [vec![1.0; 300], vec![f64::NAN; 1], vec![2.0; 5]];
    let found = doubles(squared_norms(odd.iter().map(|x| floats(x, [x.len()])).collect()));
    assert!(found[0] == 300.0 && found[1].is_nan() && found[2] == 20.0, "{found:?}");
}

#[test]
fn a_clip_stays_on_a_card_and_the_host_of_a_cpu_computes_its_own() {
    let clip = |losses: &[f64], squares: &[f64], loss_scale| {
        let [losses, squares] = [losses, squares].map(|x| floats(x, [x.len()]));
        clip_on_device(&losses, &squares, 2.0, loss_scale).map(doubles)
    };
    if !IS_CARD {
        assert_eq!(clip(&[1.0], &[1.0], 1.0), None);
        return;
    }
    assert_eq!(clip(&[1.0, 2.0], &[1.0], 1.0).unwrap()[2..], [1.0, 2.0], "the losses come with it");
    // More tensors than a cube has units.
    let squares: Vec<f64> = (0..600).map(f64::from).collect();
    let norm = squares.iter().sum::<f64>().sqrt();
    for (what, found, expected) in [
        ("a long gradient", clip(&[1.0, 2.0], &squares, 1.0), [2.0 / norm, norm]),
        ("a short one", clip(&[1.0], &[1.0, 0.0, 2.25], 1.0), [1.0, 3.25f64.sqrt()]),
        ("of a scaled loss", clip(&[1.0], &[36.0, 64.0], 4.0), [2.0 / 10.0, 2.5]),
        ("no gradient", clip(&[1.0], &[0.0], 1.0), [1.0, 0.0]),
    ] {
        let found = found.unwrap();
        assert_close(what, &found[..2], &expected, 1e-6);
    }
    for (what, losses, squares) in [
        ("an infinite square", vec![1.0], vec![1.0, f64::INFINITY]),
        ("a square that is no number", vec![1.0], vec![f64::NAN, 1.0]),
        ("a sum that is not finite", vec![1.0], vec![3e38, 3e38]),
        ("a loss that is no number", vec![1.0, f64::NAN], vec![1.0]),
        ("an infinite loss", vec![f64::NEG_INFINITY], vec![1.0]),
    ] {
        assert_eq!(clip(&losses, &squares, 1.0).unwrap()[0], -1.0, "{what}");
    }
}

#[test]
fn an_update_whose_clip_is_not_finite_changes_nothing() {
    if !IS_CARD {
        return;
    }
    let update = || {
        let [parameter, gradient, moment_1, moment_2] = operands(3000);
        AdamUpdate { parameter, gradient, moment_1, moment_2, step: AdamStep { gradient_scale: 1.0, ..STEP } }
    };
    let with = |clip: &[f64]| {
        let [updated] =
            <[_; 1]>::try_from(adam_updates(vec![update()], Some(floats(clip, [clip.len()])))).unwrap();
        parts(updated)
    };
    let AdamUpdate { parameter, moment_1, moment_2, .. } = update();
    assert_eq!(with(&[-1.0, 7.0]), [parameter, moment_1, moment_2].map(doubles));
    let [p, g, m, v] = operands(3000);
    // The factor of the update is a power of two: the product is the same.
    assert_eq!(with(&[0.5, 7.0]), parts(adam_update(p, g, m, v, STEP)));
}
