//! Laws that hold for any input and any shape.

use burn::prelude::*;
use burn::tensor::DType;
use electra_kernels::{
    AttentionBlock, Dropout, LayerNormParams, LinearParams, Precision, attention_block, dropout, layer_norm,
    linear, sample_categorical, tied_logits, weighted_cross_entropy,
};
use proptest::prelude::*;

use crate::reference::{assert_close, device, doubles, flat, floats, noise};

fn integers(x: Tensor<1, Int>) -> Vec<i64> {
    x.into_data().iter::<i64>().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn attention_averages(b in 1..4usize, s in 1..40usize, heads in 1..5usize, d in 1..20usize, seed: u64) {
        let h = heads * d;
        let x = floats(&noise(b * s * h, seed, 3.0), [b, s, h]);
        let bias = floats(&noise(b * s, seed ^ 1, 2.0), [b, s]);
        let zeros = || floats(&vec![0.0; h], [h]);
        let dense = |i| LinearParams { weight: floats(&noise(h * h, seed ^ i, 1.0), [h, h]), bias: zeros() };
        // Values are what their bias says, whatever is attended to, and the output passes them on.
        let shift = floats(&noise(h, seed ^ 4, 1.0), [h]);
        let value = LinearParams { weight: floats(&vec![0.0; h * h], [h, h]), bias: shift.clone() };
        let unit: Vec<f64> = (0..h * h).map(|i| f64::from(i % (h + 1) == 0)).collect();
        let output = LinearParams { weight: floats(&unit, [h, h]), bias: zeros() };
        let norm = LayerNormParams { gamma: floats(&vec![1.0; h], [h]), beta: zeros(), eps: 1e-3 };
        let expected =
            layer_norm(x.clone() + shift.reshape([1, 1, h]), norm.gamma.clone(), norm.beta.clone(), 1e-3);
        let block = AttentionBlock { query: dense(2), key: dense(3), value, output, norm, heads };
        let y = attention_block(x, bias, block, [Dropout::OFF; 2], Precision::F32);
        assert_close("values that are all the same", &doubles(y), &doubles(expected), 1e-3);
    }

    #[test]
    fn layer_norm_ignores_shift_and_scale(rows in 1..40usize, width in 2..70usize, seed: u64) {
        let x = noise(rows * width, seed, 1.0);
        let moved: Vec<f64> = x.iter().map(|x| 8.0 * x + 2.0).collect();
        let norm = |x: &[f64]| {
            let [gamma, beta] = [floats(&vec![1.0; width], [width]), floats(&vec![0.0; width], [width])];
            doubles(layer_norm(floats(x, [rows, width]), gamma, beta, 0.0))
        };
        // A row of two nearly equal numbers loses their difference to rounding.
        let scale = x.chunks(width).map(|row| {
            let mean = row.iter().sum::<f64>() / width as f64;
            (row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64).sqrt()
        });
        let bound = 1e-5 / scale.fold(1.0, f64::min);
        assert_close("moved rows", &norm(&moved), &norm(&x), bound);
    }

    #[test]
    fn linear_maps_add(rows in 1..50usize, i in 1..40usize, o in 1..40usize, seed: u64) {
        let [x, y] = [0, 1].map(|k| floats(&noise(rows * i, seed ^ k, 1.0), [rows, i]));
        let weight = floats(&noise(i * o, seed ^ 2, 1.0), [i, o]);
        let bias = floats(&noise(o, seed ^ 3, 1.0), [o]);
        let map = |x: Tensor<2>| linear(x, weight.clone(), bias.clone(), Precision::F32);
        let sum = doubles(map(x.clone() + y.clone()) + bias.clone().unsqueeze());
        assert_close("f(x + y) + b", &sum, &doubles(map(x) + map(y)), 1e-5 * i as f64);
    }

    #[test]
    fn dropout_keeps_or_zeroes(n in 1..3000usize, rate in 0.0..0.99f64, seed: u64) {
        let x = noise(n, seed, 1.0);
        let y = doubles(dropout(floats(&x, [n]), Dropout::new(rate, seed)));
        for (x, y) in x.iter().zip(y) {
            prop_assert!(y == 0.0 || (y * (1.0 - rate) / x - 1.0).abs() < 1e-3);
        }
    }

    #[test]
    fn the_gradient_of_the_cross_entropy_sums_to_zero(m in 1..9usize, v in 1..600usize, seed: u64) {
        let device = device().autodiff();
        let logits = flat(&noise(m * v, seed, 5.0), &device, DType::F32).reshape([m, v]).detach();
        let logits = logits.require_grad();
        let targets: Vec<i64> = (0..m).map(|i| (seed.wrapping_mul(i as u64) % v as u64) as i64).collect();
        let targets = Tensor::<1, Int>::from_data(TensorData::new(targets, [m]), &device);
        let loss = weighted_cross_entropy(logits.clone(), targets, Tensor::ones([m], &device));
        let gradient = logits.grad(&loss.backward()).unwrap();
        assert_close("row sums", &doubles(gradient.sum_dim(1)), &vec![0.0; m], 2e-6);
    }

    #[test]
    fn samples_grow_with_their_uniform_number(v in 1..1500usize, seed: u64) {
        let m = 50;
        let logits = floats(&noise(v, seed, 4.0).repeat(m), [m, v]);
        let uniforms: Vec<f64> = (0..m).map(|i| i as f64 / m as f64).collect();
        let samples = integers(sample_categorical(logits, floats(&uniforms, [m]), 1.0, None));
        prop_assert!(samples.is_sorted());
        prop_assert!((0..v as i64).contains(&samples[0]) && samples[m - 1] < v as i64);
    }

    #[test]
    fn tied_logits_of_a_unit_vector_are_a_column(v in 1..1100usize, e in 1..20usize, seed: u64) {
        let column = seed as usize % e;
        let mut unit = vec![0.0; e];
        unit[column] = 1.0;
        let table = noise(v * e, seed, 1.0);
        let zeros = floats(&vec![0.0; v], [v]);
        let logits = tied_logits(floats(&unit, [1, e]), floats(&table, [v, e]), zeros, Precision::F32);
        let expected: Vec<f64> = table.chunks(e).map(|row| row[column]).collect();
        prop_assert_eq!(doubles(logits), expected);
    }
}
