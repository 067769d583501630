//! The Adam update and the squared norm.

use burn::prelude::*;
use burn::tensor::DType;
use electra_kernels::{AdamStep, AdamUpdated, adam_update, composed, squared_norm};

use crate::reference::{assert_close, doubles, floats, noise};

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
        let wide = [p.clone(), g.clone(), m.clone(), v.clone()].map(|x| x.cast(DType::F64));
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
fn the_squared_norm_is_accumulated_in_double_precision() {
    for n in [0, 1, 7, 33, 100_000] {
        let x = noise(n, 1, 1.0);
        let exact: f64 = x.iter().map(|x| x * x).sum();
        assert_close("squared norm", &doubles(squared_norm(floats(&x, [n]))), &[exact], 1e-7);
    }
    let view = floats(&noise(12, 1, 1.0), [3, 4]).transpose().narrow(0, 1, 2);
    let exact: f64 = doubles(view.clone()).iter().map(|x| x * x).sum();
    assert_close("of a view", &doubles(squared_norm(view)), &[exact], 1e-6);
}
