//! A generator's residual that starts larger than what its blocks add to it.

use burn::prelude::*;
use electra_model::encoder::{Encoder, key_bias};
use electra_model::parameters::collect;
use electra_model::{DropoutSites, Electra, TieMode};

use crate::gradients::gradients;
use crate::tiny;

fn networks(factor: Option<f64>) -> Electra {
    let mut config = tiny::config(TieMode::Embeddings);
    (config.kernel_gain, config.generator.residual_start) = (Some(1.4), factor);
    Electra::init(&config, 3, &Device::flex())
}

/// Input and output of every block of an encoder of `width`, each row divided by its root mean square.
fn states(encoder: &Encoder, width: usize) -> Vec<Vec<f64>> {
    let device = Device::flex();
    let mut noise = tiny::Noise(1);
    let values: Vec<f32> = (0..7 * width).map(|_| (noise.unit() * 2.0 - 1.0) as f32).collect();
    let input = Tensor::<1>::from_floats(&values[..], &device).reshape([1, 7, width]);
    let key_bias = key_bias(Tensor::<2>::ones([1, 7], &device));
    let states = encoder.hidden_states(input, &key_bias, &DropoutSites::off());
    states.into_iter().map(|state| unit_rows(&state.into_data().try_to_vec().unwrap(), width)).collect()
}

fn unit_rows(values: &[f32], width: usize) -> Vec<f64> {
    let unit = |row: &[f32]| {
        let root = (row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / width as f64).sqrt();
        row.iter().map(move |&x| f64::from(x) / root).collect::<Vec<_>>()
    };
    values.chunks(width).flat_map(unit).collect()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    (a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / a.len() as f64).sqrt()
}

fn generator_states(factor: Option<f64>) -> Vec<Vec<f64>> {
    states(networks(factor).learned_generator().encoder.as_ref().unwrap(), 12)
}

#[test]
fn the_second_block_starts_by_adding_nothing() {
    let change = |factor| {
        let states = generator_states(factor);
        distance(&states[1], &states[2])
    };
    let (with, without) = (change(Some(8.0)), change(None));
    assert!(without > 0.5, "{without} without");
    assert!(with < 1e-4, "{with} with");
}

#[test]
fn the_first_block_adds_less_to_a_larger_residual() {
    // What its feed-forward layer adds is random and of about the size of its input. At a residual that
    // is much larger its output is what its attention made of it.
    let of = |factor| generator_states(factor).swap_remove(1);
    let [eight, hundred, without] = [of(Some(8.0)), of(Some(100.0)), of(None)];
    let (near, far) = (distance(&eight, &hundred), distance(&without, &hundred));
    assert!(near < 0.3 && far > 2.0 * near, "{near} at 8, {far} without");
}

#[test]
fn what_starts_at_zero_learns_from_the_first_step() {
    let device = Device::flex().autodiff();
    let mut config = tiny::config(TieMode::Embeddings);
    config.generator.residual_start = Some(8.0);
    let model = Electra::init(&config, 3, &device);
    let mut noise = tiny::Noise(1);
    let values: Vec<f32> = (0..7 * 12).map(|_| (noise.unit() * 2.0 - 1.0) as f32).collect();
    let input = Tensor::<1>::from_floats(&values[..], &device).reshape([1, 7, 12]);
    let key_bias = key_bias(Tensor::<2>::ones([1, 7], &device));
    let encoder = model.learned_generator().encoder.as_ref().unwrap();
    let last = encoder.forward(input.clone(), &key_bias, &DropoutSites::off());
    let found = gradients(&model, &(last * input).sum().backward());
    for part in ["attention", "feed_forward"] {
        let path = format!("generator.encoder.layers.1.{part}.output.weight");
        assert!(found[&path].iter::<f32>().any(|x| x.abs() > 1e-5), "{path} has no gradient");
    }
}

#[test]
fn norms_grow_kernels_that_read_them_shrink_and_the_rest_stays() {
    let (with, without) = (collect(&networks(Some(8.0))), collect(&networks(None)));
    let mut found = (0, 0, 0);
    for (path, values) in &without {
        let layer = path.strip_prefix("generator.encoder.layers.").map(|rest| rest.as_bytes()[0] - b'0');
        let factor = match (layer, path.rsplit_once('.').unwrap()) {
            (None, _) => 1.0,
            (Some(_), (module, "gamma")) if module.ends_with("attention.norm") => 8.0,
            (Some(0), (_, "gamma")) => 8.0,
            (Some(_), (module, "weight")) if module.ends_with("intermediate") => 0.125,
            (Some(layer), (module, "weight")) if layer > 0 && module.ends_with("output") => 0.0,
            (Some(layer), (module, "weight"))
                if layer > 0 && ["query", "key", "value"].iter().any(|name| module.ends_with(name)) =>
            {
                0.125
            }
            _ => 1.0,
        };
        found.0 += usize::from(factor > 1.0);
        found.1 += usize::from(factor == 0.125);
        found.2 += usize::from(factor == 0.0);
        for (a, b) in with[path].iter::<f32>().zip(values.iter::<f32>()) {
            assert!((a - factor * b).abs() <= 1e-6 * b.abs(), "{path}: {a} for {b}");
        }
    }
    // Two norms of the first block and one of the second; a feed-forward kernel of each, and queries,
    // keys and values of the second; its two outputs. Nothing of the discriminator.
    assert_eq!(found, (3, 2 + 3, 2));
}
