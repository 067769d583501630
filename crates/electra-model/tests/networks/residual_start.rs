//! A residual that starts larger than what blocks add to it.

use burn::prelude::*;
use electra_model::encoder::{Encoder, key_bias};
use electra_model::parameters::collect;
use electra_model::{DropoutSites, Electra, TieMode};

use crate::tiny;

fn networks(factor: Option<f64>) -> Electra {
    let mut config = tiny::config(TieMode::Embeddings);
    (config.kernel_gain, config.residual_start) = (Some(1.4), factor);
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

/// What each block after the first changes, in both networks, relative to its input.
fn changes(factor: Option<f64>) -> Vec<f64> {
    let model = networks(factor);
    let generator = states(model.learned_generator().encoder.as_ref().unwrap(), 12);
    let discriminator = states(&model.discriminator.encoder, 24);
    [generator, discriminator]
        .iter()
        .flat_map(|states| {
            states[1..].windows(2).map(|pair| distance(&pair[0], &pair[1])).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn later_blocks_of_both_networks_start_by_changing_little() {
    let (with, without) = (changes(Some(10.0)), changes(None));
    assert_eq!(with.len(), 3, "one later block and two");
    for (with, without) in with.iter().zip(&without) {
        assert!(*without > 0.5, "{without} without");
        assert!(*with < 0.25 && *with > 0.02, "{with} with, {without} without");
    }
}

#[test]
fn the_output_keeps_its_size_and_kernels_shrink_as_their_inputs_grow() {
    let (with, without) = (collect(&networks(Some(8.0))), collect(&networks(None)));
    let mut found = (0, 0);
    for (path, values) in &without {
        let layer = path.split("layers.").nth(1).map(|rest| rest.as_bytes()[0] - b'0');
        let last = if path.starts_with("generator") { 1 } else { 2 };
        let factor = match (layer, path.rsplit_once('.').unwrap()) {
            (None, _) => 1.0,
            (Some(_), (module, "gamma")) if module.ends_with("attention.norm") => 8.0,
            (Some(layer), (_, "gamma")) => {
                if layer == last {
                    1.0
                } else {
                    8.0
                }
            }
            (Some(_), (module, "weight")) if module.ends_with("intermediate") => 0.125,
            (Some(layer), (module, "weight"))
                if layer > 0 && ["query", "key", "value"].iter().any(|name| module.ends_with(name)) =>
            {
                0.125
            }
            _ => 1.0,
        };
        found.0 += usize::from(factor > 1.0);
        found.1 += usize::from(factor < 1.0);
        for (a, b) in with[path].iter::<f32>().zip(values.iter::<f32>()) {
            assert!((a - factor * b).abs() <= 1e-6 * b.abs(), "{path}: {a} for {b}");
        }
    }
    // Of two blocks and three: two norms a block but the last one's second; a feed-forward kernel a
    // block, and queries, keys and values of those after the first.
    assert_eq!(found, (3 + 5, 5 + 3 * 3));
}
