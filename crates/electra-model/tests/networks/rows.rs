//! The rows of a batch do not know of one another, nor of their padding.

use burn::prelude::*;
use electra_model::{BatchData, DropoutSites, Electra, TieMode};

use crate::devices::devices;
use crate::golden::{assert_within, largest};
use crate::tiny::{self, FIRST_WORD};

/// The output of the networks for each row: logits of its real tokens and of its used slots.
struct Said {
    discriminator: Vec<Vec<f64>>,
    generator: Vec<Vec<f64>>,
}

fn said(model: &Electra, batch: &BatchData, device: &Device) -> Said {
    let on_device = batch.to_device(device);
    let (ids, token_type_ids, attention_mask) =
        (on_device.ids, on_device.token_type_ids, on_device.attention_mask);
    let off = DropoutSites::off();
    let detected = model.discriminator.forward(ids, token_type_ids.clone(), attention_mask.clone(), &off);
    let proposed = model.generator_logits(
        on_device.masked_ids,
        token_type_ids,
        attention_mask,
        on_device.positions,
        &off,
    );
    let [_, v] = proposed.dims();
    let of_rows = |logits: TensorData, weights: &[f32], columns: usize, width: usize| {
        let logits: Vec<f64> = logits.iter::<f64>().collect();
        let cells: Vec<&[f64]> = logits.chunks(width).collect();
        let used = |(cells, weights): (&[&[f64]], &[f32])| {
            cells.iter().zip(weights).filter(|(_, w)| **w > 0.0).flat_map(|(c, _)| c.to_vec()).collect()
        };
        cells.chunks(columns).zip(weights.chunks(columns)).map(used).collect()
    };
    Said {
        discriminator: of_rows(detected.into_data(), &batch.attention_mask, batch.sequence_length, 1),
        generator: of_rows(proposed.into_data(), &batch.weights, batch.slots, v),
    }
}

/// Sums of 24 numbers in another order, through three blocks.
fn assert_same(found: &Said, expected: &Said) {
    for (what, found, expected) in [
        ("discriminator", &found.discriminator, &expected.discriminator),
        ("generator", &found.generator, &expected.generator),
    ] {
        assert_eq!(found.len(), expected.len());
        for (row, (found, expected)) in found.iter().zip(expected).enumerate() {
            let found = TensorData::new(found.clone(), [found.len()]);
            assert_within(&format!("{what}, row {row}"), &found, expected, 5e-6 * largest(expected));
        }
    }
}

#[test]
fn padding_does_not_change_the_logits_of_real_tokens() {
    for device in devices() {
        let model = tiny::electra(&tiny::config(TieMode::Embeddings), 1, &device);
        let short = said(&model, &tiny::batch(&[9, 6, 4], 9, 5), &device);
        let long = said(&model, &tiny::batch(&[9, 6, 4], 30, 5), &device);
        assert_same(&long, &short);
    }
}

#[test]
fn what_stands_in_the_padding_does_not_matter() {
    for device in devices() {
        let model = tiny::electra(&tiny::config(TieMode::Embeddings), 1, &device);
        let batch = tiny::batch(&[9, 6, 4], 9, 5);
        let mut scribbled = batch.clone();
        for i in (0..batch.attention_mask.len()).filter(|&i| batch.attention_mask[i] == 0.0) {
            let word = (FIRST_WORD as usize + i) as i32;
            (scribbled.ids[i], scribbled.masked_ids[i], scribbled.token_type_ids[i]) = (word, word, 1);
        }
        assert_ne!(scribbled, batch);
        assert_same(&said(&model, &scribbled, &device), &said(&model, &batch, &device));
    }
}

#[test]
fn a_batch_equals_its_rows_one_by_one() {
    for device in devices() {
        let model = tiny::electra(&tiny::config(TieMode::All), 1, &device);
        let batch = tiny::batch(&[12, 3, 7, 12], 12, 5);
        let mut alone = Said { discriminator: vec![], generator: vec![] };
        for row in 0..4 {
            let said = said(&model, &tiny::rows(&batch, row, 1), &device);
            alone.discriminator.extend(said.discriminator);
            alone.generator.extend(said.generator);
        }
        assert_same(&said(&model, &batch, &device), &alone);
    }
}
