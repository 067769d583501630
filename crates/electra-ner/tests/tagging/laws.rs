//! Laws of every tagger: where its weights come from, what reaches a word's logits, what is frozen.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::prelude::*;
use electra_annotations::{LabelScheme, LabelSet};
use electra_model::hf::{HfNetwork, hf_name};
use electra_model::parameters::{collect, strip_prefix};
use electra_model::{DropoutSites, Electra, Precision};
use electra_ner::{
    ClassifierDropout, Freeze, HeadType, LayerDecay, RatesConfig, TaggerShape, TokenClassifier,
    WindowBatchData, WordLoss, WordLossKind,
};
use electra_optim::{Adam, AdamConfig, OptimizerState};
use serde_json::Value;

use crate::small::{batch, config, devices, floats, tagger};

fn labels() -> LabelSet {
    LabelSet::new(["LOC", "PER"], LabelScheme::Iob2)
}

/// Logits `[W, L]` without dropout.
fn logits(tagger: &TokenClassifier, batch: &WindowBatchData, device: &Device) -> Vec<f32> {
    floats(tagger.forward(&batch.to_device(device), &DropoutSites::off()))
}

#[test]
fn a_tagger_from_scratch_has_the_encoder_with_which_pretraining_begins() {
    let device = Device::flex();
    let pretraining = collect(&Electra::init(&config(), 5, &device).discriminator);
    let found = collect(&tagger(&labels(), HeadType::Crf, 5, &device));
    for (path, data) in pretraining.iter().filter(|(path, _)| !path.starts_with("head.")) {
        assert_eq!(&found[path], data, "{path}");
    }
    let head = found.keys().filter(|path| !pretraining.contains_key(*path)).collect::<Vec<_>>();
    assert_eq!(head, ["classifier.bias", "classifier.weight", "crf.begin", "crf.end", "crf.next"]);
    // Glorot-uniform: within sqrt(6 / (24 + 5)), nearly reached by 120 draws.
    let weights: Vec<f32> = found["classifier.weight"].iter::<f32>().collect();
    let most = weights.iter().fold(0.0f32, |most, w| most.max(w.abs()));
    assert!(most <= 0.454_86 && most > 0.43, "{most}");
    assert!(found["classifier.bias"].iter::<f32>().all(|b| b == 0.0));
}

#[test]
fn a_pretrained_encoder_is_taken_whole_and_the_head_is_drawn_from_the_seed() {
    let device = Device::flex();
    let labels = labels();
    let mut encoder = collect(&Electra::init(&config(), 8, &device).discriminator);
    encoder.retain(|path, _| !path.starts_with("head."));
    let shape = TaggerShape { config: &config(), labels: &labels, head: HeadType::Linear };
    let from = |seed| {
        let tagger = TokenClassifier::from_encoder(encoder.clone(), shape, seed, &device, Precision::F32);
        collect(&tagger.unwrap())
    };
    let (one, two) = (from(1), from(2));
    assert!(encoder.iter().all(|(path, data)| &one[path] == data && &two[path] == data));
    assert_ne!(one["classifier.weight"], two["classifier.weight"]);
    assert_eq!(one, from(1));
    let mut torn = encoder;
    torn.remove("encoder.layers.1.feed_forward.norm.beta");
    let error = TokenClassifier::from_encoder(torn, shape, 1, &device, Precision::F32).unwrap_err();
    assert!(error.to_string().contains("encoder.layers.1.feed_forward.norm.beta"), "{error}");
}

#[test]
fn a_words_logits_do_not_depend_on_padding_or_on_other_windows() {
    for device in devices() {
        let tagger = tagger(&labels(), HeadType::Linear, 1, &device);
        let together = logits(&tagger, &batch(), &device);
        let mut alone = WindowBatchData::new(5);
        alone.push(&[2, 20, 21, 22, 3], &[1, 2, 3], 0);
        let alone = logits(&tagger, &alone, &device);
        assert_eq!((together.len(), alone.len()), (8 * 5, 3 * 5));
        for (a, b) in alone.iter().zip(&together[5 * 5..]) {
            assert!((a - b).abs() < 1e-5, "{a} and {b}");
        }
    }
}

#[test]
fn words_are_read_at_their_first_pieces() {
    for device in devices() {
        let tagger = tagger(&labels(), HeadType::Linear, 1, &device);
        let batch = batch();
        let all = floats(tagger.forward_all(&batch.to_device(&device), &DropoutSites::off()));
        let expected = batch.first_pieces.iter().flat_map(|&at| &all[at as usize * 5..][..5]);
        for (found, expected) in logits(&tagger, &batch, &device).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} and {expected}");
        }
    }
}

#[test]
fn each_rate_of_dropout_reaches_the_logits_and_a_seed_repeats_them() {
    let device = devices()[0].clone();
    let tagger = tagger(&labels(), HeadType::Linear, 1, &device);
    let windows = batch().to_device(&device);
    let with = |dropout: ClassifierDropout, seed| floats(tagger.forward(&windows, &dropout.sites(seed)));
    let off = ClassifierDropout { hidden: 0.0, attention: 0.0, classifier: 0.0 };
    let plain = with(off, 1);
    for dropout in [
        ClassifierDropout { hidden: 0.3, ..off },
        ClassifierDropout { attention: 0.3, ..off },
        ClassifierDropout { classifier: 0.3, ..off },
    ] {
        assert_ne!(with(dropout, 1), plain, "{dropout:?}");
        assert_eq!(with(dropout, 1), with(dropout, 1), "{dropout:?}");
        assert_ne!(with(dropout, 1), with(dropout, 2), "{dropout:?}");
    }
}

#[test]
fn our_own_paths_have_the_rates_of_the_table() {
    let table = include_str!("../fixtures/layer_lr.json");
    let table: Value = serde_json::from_str(table).unwrap();
    let rows = table["params"].as_array().unwrap();
    let mut config = config();
    config.num_hidden_layers = 12;
    let shape = TaggerShape { config: &config, labels: &labels(), head: HeadType::Linear };
    let tagger = TokenClassifier::init(shape, 0, &Device::flex(), Precision::F32);
    let layer_decay = LayerDecay::Google { rate: table["decay"].as_f64().unwrap() };
    let rates = RatesConfig { layer_decay, freeze: Freeze::Nothing {}, crf_factor: 1.0 }.of(12).unwrap();
    let paths: Vec<String> = collect(&tagger).into_keys().collect();
    assert_eq!(paths.len(), rows.len());
    for path in paths {
        let name = hf_name(&path, HfNetwork::Tagger).unwrap();
        let row = rows.iter().find(|row| row["name"] == name.as_str()).unwrap();
        let expected = row["lr"].as_f64().unwrap() / table["base_lr"].as_f64().unwrap();
        let found = rates.multiplier(&path);
        assert!((found - expected).abs() <= 1e-14 * expected, "{path}: {found} and {expected}");
    }
}

#[test]
fn what_is_frozen_has_no_gradient_no_moments_and_keeps_every_bit() {
    for device in devices() {
        for freeze in [Freeze::Nothing {}, Freeze::Embeddings {}, Freeze::Layers { count: 2 }] {
            let layer_decay = LayerDecay::Paper { rate: 0.8 };
            let rates = RatesConfig { layer_decay, freeze, crf_factor: 1.0 }.of(3).unwrap();
            let mut tagger = rates.freeze(tagger(&labels(), HeadType::Linear, 1, &device));
            let before = collect(&tagger);
            let mut state = OptimizerState::new(&tagger);
            let loss = WordLoss::new(WordLossKind::default(), vec![1.0; 5]);
            let targets: Vec<Option<usize>> = (0..8).map(|word| Some(word % 5)).collect();
            let config = AdamConfig { weight_decay: 0.1, ..AdamConfig::ADAMW };
            for step in 0..2 {
                let sites = ClassifierDropout::PAPER.sites(step);
                let logits = tagger.forward(&batch().to_device(&device), &sites);
                let loss = loss.mean(logits, &targets);
                let gradients = GradientsParams::from_grads(loss.backward(), &tagger);
                let learning = before.keys().filter(|path| !rates.is_frozen(path)).count();
                assert_eq!(gradients.len(), learning, "{freeze:?}");
                let rate = |path: &str| 0.01 * rates.multiplier(path);
                tagger = Adam { config }.step(&mut state, tagger, gradients, rate, 1.0);
            }
            for (path, data) in collect(&tagger) {
                let frozen = rates.is_frozen(&path);
                assert_eq!(state.moments.contains_key(&path), !frozen, "{freeze:?}: {path}");
                // A key's bias is seen by no softmax: what moves it is rounding alone.
                let moves = !path.ends_with("key.bias");
                assert!(!moves || (data == before[&path]) == frozen, "{freeze:?}: {path}");
            }
        }
    }
}

#[test]
fn freezing_a_tagger_on_a_plain_device_changes_nothing() {
    let device = Device::flex();
    let tagger = tagger(&labels(), HeadType::Crf, 1, &device);
    let config =
        RatesConfig { layer_decay: LayerDecay::None {}, freeze: Freeze::Embeddings {}, crf_factor: 1.0 };
    let before = collect(&tagger);
    let after = config.of(3).unwrap().freeze(tagger);
    assert_eq!(collect(&after), before);
    assert_eq!(strip_prefix(before, "crf").len(), 3);
    assert!(!after.classifier.weight.val().is_autodiff() && after.num_params() > 0);
}
