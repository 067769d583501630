//! Electric: its loss against the formula, and what its cloze model reads.

use electra_model::{BatchData, DropoutSites, GeneratorDiscriminatorConfig, Objective, TieMode};

use super::{JOINT, assert_near, batch, cross_entropy, doubles, forward};
use crate::devices::devices;
use crate::tiny;

#[test]
fn electric_weighs_every_token_against_its_likelihood_as_noise() {
    for device in devices() {
        let temperature = 2.0;
        let objective = Objective::Electric(GeneratorDiscriminatorConfig { temperature, ..JOINT });
        let model =
            tiny::electra_of(&tiny::config(TieMode::Embeddings), objective.architecture(), 1, &device);
        let data = batch();
        let output = forward(&objective, &model, &data, &device);
        let on_device = data.to_device(&device);
        let off = DropoutSites::off();
        let (token_type_ids, attention_mask) = (on_device.token_type_ids, on_device.attention_mask);
        let hidden =
            model.cloze_hidden(on_device.ids, token_type_ids.clone(), attention_mask.clone(), [off; 2]);
        let logits = doubles(&model.propose(hidden.reshape([36, 24])));
        let corrupted = output.corrupted.as_ref().unwrap();
        let ids: Vec<i64> = corrupted.ids.clone().into_data().iter::<i64>().collect();
        let energy = doubles(&model.discriminator.forward(
            corrupted.ids.clone(),
            token_type_ids,
            attention_mask,
            &off,
        ));
        let chosen: Vec<usize> = (0..data.targets.len())
            .filter(|&slot| data.weights[slot] > 0.0)
            .map(|slot| slot / data.slots * 12 + data.positions[slot] as usize)
            .collect();
        let (mut cloze, mut candidates, mut noise, mut tokens) = (0.0, 0.0, 0.0, 0.0);
        for i in (0..36).filter(|&i| data.attention_mask[i] > 0.0) {
            let row = &logits[i * 96..(i + 1) * 96];
            if data.ids[i] >= 5 {
                cloze += cross_entropy(row, data.ids[i] as usize);
                candidates += 1.0;
            }
            let tempered: Vec<f64> = row.iter().map(|l| l / temperature).collect();
            let logit = energy[i] - cross_entropy(&tempered, ids[i] as usize) + (0.15f64 / 0.85).ln();
            let signed = if chosen.contains(&i) { -logit } else { logit };
            noise += signed.max(0.0) + (-signed.abs()).exp().ln_1p();
            tokens += 1.0;
        }
        assert_near("noise", output.rtd.unwrap().into_scalar(), noise / tokens);
        assert_near("total", output.total.into_scalar(), cloze / candidates + 50.0 * noise / tokens);
    }
}

#[test]
fn a_cloze_model_knows_every_token_but_the_one_it_predicts() {
    for device in devices() {
        let networks = Objective::Electric(JOINT).architecture();
        let model = tiny::electra_of(&tiny::config(TieMode::Embeddings), networks, 1, &device);
        let data = tiny::batch(&[9], 9, 5);
        let states = |ids: &[i32]| -> Vec<Vec<f64>> {
            let batch = BatchData { ids: ids.to_vec(), ..data.clone() }.to_device(&device);
            let off = DropoutSites::off();
            let hidden = model.cloze_hidden(batch.ids, batch.token_type_ids, batch.attention_mask, [off; 2]);
            doubles(&hidden).chunks(24).map(<[f64]>::to_vec).collect()
        };
        let before = states(&data.ids);
        let mut changed = data.ids.clone();
        changed[4] = if changed[4] == 50 { 51 } else { 50 };
        let after = states(&changed);
        for place in 0..9 {
            let differs = |half: std::ops::Range<usize>| {
                before[place][half.clone()].iter().zip(&after[place][half]).any(|(a, b)| (a - b).abs() > 1e-6)
            };
            // The first half has read up to the token before, the second from the token after.
            assert_eq!((differs(0..12), differs(12..24)), (place > 4, place < 4), "token {place}");
        }
    }
}
