//! The tagger agrees with transformers: logits, both losses, and all gradients of both.

use electra_annotations::LabelSet;
use electra_model::hf::{self, HfNetwork, hf_name};
use electra_model::{DropoutSites, Precision};
use electra_ner::{HeadType, TaggerShape, TokenClassifier, WindowBatchData, WordLoss, WordLossKind};

use crate::golden::{Golden, TOLERANCE, assert_within, largest};
use crate::gradients::gradients;
use crate::small::{config, devices};

/// The golden inputs: windows whose words are where a label is, and the words' labels.
fn inputs(golden: &Golden) -> (WindowBatchData, Vec<Option<usize>>) {
    let shape = golden.shape("in/input_ids");
    let (windows, length) = (shape[0], shape[1]);
    let [ids, mask, labels] =
        ["in/input_ids", "in/attention_mask", "in/labels"].map(|name| golden.doubles(name));
    let mut batch = WindowBatchData::new(length);
    let mut targets = vec![];
    for window in 0..windows {
        let row = window * length..(window + 1) * length;
        let attention_mask = mask[row.clone()].iter().filter(|&&m| m == 1.0).count();
        let own: Vec<u32> = ids[row.clone()][..attention_mask].iter().map(|&id| id as u32).collect();
        let words: Vec<usize> = (0..length).filter(|&i| labels[row.start + i] >= 0.0).collect();
        targets.extend(words.iter().map(|&i| Some(labels[row.start + i] as usize)));
        batch.push(&own, &words, 0);
    }
    assert_eq!(batch.ids.iter().map(|&id| f64::from(id)).collect::<Vec<_>>(), ids, "padding is id 0");
    (batch, targets)
}

#[test]
fn the_tagger_agrees_with_transformers() {
    let golden = Golden::read("token_classification.safetensors");
    let names = (0..5).map(|i| format!("LABEL_{i}")).collect();
    let labels = LabelSet::from_names(names).unwrap();
    let (batch, targets) = inputs(&golden);
    assert!(targets.len() > 15 && targets.len() < 3 * 12 - 10, "{} words", targets.len());
    for device in devices() {
        let weights = hf::import(golden.weights("w/"), HfNetwork::Tagger).unwrap();
        let shape = TaggerShape { config: &config(), labels: &labels, head: HeadType::Linear };
        let tagger = TokenClassifier::from_parameters(weights, shape, &device, Precision::F32).unwrap();
        let (windows, off) = (batch.to_device(&device), DropoutSites::off());

        golden.assert_close("f64/logits", tagger.forward_all(&windows, &off));
        let logits = tagger.forward(&windows, &off); // [W, L]
        let all = golden.doubles("f64/logits");
        let of_words: Vec<f64> =
            batch.first_pieces.iter().flat_map(|&at| &all[at as usize * 5..][..5]).copied().collect();
        let within = TOLERANCE * largest(&of_words);
        assert_within("logits of words", &logits.clone().into_data(), &of_words, within);

        let foreign = |path: &str| hf_name(path, HfNetwork::Tagger).unwrap();
        for (weights, loss_name, prefix) in [
            (vec![1.0; 5], "f64/loss", "f64/grad/"),
            (golden.doubles("in/class_weights"), "f64/weighted_loss", "f64/grad_weighted_loss/"),
        ] {
            let loss = WordLoss::new(WordLossKind::default(), weights);
            let loss = loss.mean(tagger.forward(&windows, &off), &targets);
            golden.assert_close(loss_name, loss.clone());
            let found = gradients(&tagger, &loss.backward());
            golden.assert_all_close(prefix, &found, foreign, |_| TOLERANCE);
        }
    }
}
