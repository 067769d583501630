//! Taggers and pretrained encoders on disk: what is written comes back, and what others wrote is read.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use burn::prelude::*;
use electra_annotations::{Division, LabelScheme, LabelSet, SentenceDivision, WordDivision};
use electra_model::hf::{self, HfDropout, HfNetwork};
use electra_model::parameters::{NamedTensors, collect, from_safetensors, to_safetensors};
use electra_model::{DropoutSites, Electra, Precision};
use electra_ner::{
    ClassifierDropout, Context, Decoding, HeadType, TaggerFolder, TaggerSettings, TaggerShape,
    initial_tagger, unused_head_note,
};
use electra_run::checkpoint::CheckpointStore;
use electra_train::encoder_init::EncoderInit;
use electra_train::model_folder::PretrainedEncoder;
use serde_json::Value;

use crate::golden::{Golden, TOLERANCE, assert_within, largest};
use crate::small::{batch, config, fixture, floats, tagger, tokenizer, transformers_folder};

const SETTINGS: TaggerSettings = TaggerSettings {
    decoding: Decoding::Crf,
    context: Context::Document,
    window: 30,
    division: Some(DIVISION),
};
const DIVISION: Division =
    Division { words: WordDivision::Marks, sentences: SentenceDivision::Paragraph, records_alone: true };
const DROPOUT: ClassifierDropout = ClassifierDropout { hidden: 0.15, attention: 0.1, classifier: 0.25 };

/// The content of all files of a folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file());
    let read =
        |entry: fs::DirEntry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap());
    entries.map(read).collect()
}

/// The network that a folder of transformers holds, without its own reader.
fn tensors(folder: &Path) -> NamedTensors {
    from_safetensors(&fs::read(folder.join("model.safetensors")).unwrap()).unwrap()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_tagger_comes_back_bit_for_bit_with_all_its_settings() {
    let temporary = tempfile::tempdir().unwrap();
    let labels = LabelSet::new(["LOC", "PER"], LabelScheme::Iobes);
    let tagger = tagger(&labels, HeadType::Crf, 4, &Device::flex());
    let shape = TaggerShape { config: &config(), labels: &labels, head: HeadType::Crf };
    let path = temporary.path().join("runs/tagger");
    let folder = TaggerFolder::new(&path, &tagger, shape, DROPOUT, SETTINGS, tokenizer(90));
    folder.write().unwrap();

    let back = TaggerFolder::open(&path).unwrap();
    assert_eq!(back.tensors, folder.tensors);
    assert_eq!((&back.labels, back.dropout, back.settings), (&labels, DROPOUT, SETTINGS));
    assert_eq!(back.tokenizer.hash(), tokenizer(90).hash());
    assert_eq!(back.config.discriminator(), config().discriminator());
    let network = back.tagger(&Device::flex(), Precision::F32).unwrap();
    assert_eq!(collect(&network), folder.tensors);
    let windows = batch().to_device(&Device::flex());
    let logits =
        |tagger: &electra_ner::TokenClassifier| floats(tagger.forward(&windows, &DropoutSites::off()));
    assert_eq!(logits(&network), logits(&tagger));
    let words = logits(&network);
    assert_eq!(back.decoder(&network).decode(&words[..5 * 9]).len(), 5);

    let again = TaggerFolder { path: temporary.path().join("again"), ..back };
    again.write().unwrap();
    assert_eq!(files(&again.path), files(&path));

    // A tagger without a CRF in the same place leaves nothing of the old one.
    let plain = crate::small::tagger(&labels, HeadType::Linear, 4, &Device::flex());
    let settings = TaggerSettings { decoding: Decoding::Viterbi, ..SETTINGS };
    let shape = TaggerShape { head: HeadType::Linear, ..shape };
    TaggerFolder::new(&path, &plain, shape, DROPOUT, settings, tokenizer(90)).write().unwrap();
    let back = TaggerFolder::open(&path).unwrap();
    assert!(back.head() == HeadType::Linear && back.settings.decoding == Decoding::Viterbi);
}

#[test]
fn a_written_configuration_says_what_transformers_needs() {
    let temporary = tempfile::tempdir().unwrap();
    let labels = LabelSet::new(["PER"], LabelScheme::Iob2);
    let tagger = tagger(&labels, HeadType::Linear, 4, &Device::flex());
    let shape = TaggerShape { config: &config(), labels: &labels, head: HeadType::Linear };
    let settings = TaggerSettings { decoding: Decoding::Argmax, ..SETTINGS };
    TaggerFolder::new(temporary.path(), &tagger, shape, DROPOUT, settings, tokenizer(90)).write().unwrap();
    let written = json(&temporary.path().join("config.json"));
    for (key, expected) in [
        ("architectures", serde_json::json!(["ElectraForTokenClassification"])),
        ("id2label", serde_json::json!({"0": "O", "1": "B-PER", "2": "I-PER"})),
        ("label2id", serde_json::json!({"B-PER": 1, "I-PER": 2, "O": 0})),
        ("classifier_dropout", serde_json::json!(0.25)),
        ("hidden_dropout_prob", serde_json::json!(0.15)),
        ("max_position_embeddings", serde_json::json!(32)),
        ("pad_token_id", serde_json::json!(0)),
    ] {
        assert_eq!(written[key], expected, "{key}");
    }
    assert_eq!(json(&temporary.path().join("tokenizer_config.json"))["model_max_length"], 32);
    let shapes: Vec<Vec<usize>> = ["classifier.weight", "classifier.bias"]
        .map(|name| tensors(temporary.path())[name].shape().to_vec())
        .into();
    assert_eq!(shapes, [vec![3, 24], vec![3]]);
}

#[test]
fn a_folder_of_transformers_gives_its_logits_and_goes_out_as_it_came_in() {
    let saved = fixture("hf_tiny_ner");
    let folder = transformers_folder(&saved);
    let tagger = TaggerFolder::open(folder.path()).unwrap();
    assert_eq!(tagger.labels.names(), ["LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3", "LABEL_4"]);
    assert_eq!(tagger.dropout, ClassifierDropout { hidden: 0.0, attention: 0.0, classifier: 0.0 });
    let expected =
        TaggerSettings { decoding: Decoding::Argmax, context: Context::Sentence, window: 32, division: None };
    assert_eq!(tagger.settings, expected);

    // The saved network is the one of the golden logits; its first sequence has no padding.
    let golden = Golden::read("token_classification.safetensors");
    let length = golden.shape("in/input_ids")[1];
    let ids: Vec<u32> = golden.doubles("in/input_ids")[..length].iter().map(|&id| id as u32).collect();
    let mut windows = electra_ner::WindowBatchData::new(length);
    windows.push(&ids, &(0..length).collect::<Vec<_>>(), 0);
    let device = Device::flex();
    let network = tagger.tagger(&device, Precision::F32).unwrap();
    let found = network.forward(&windows.to_device(&device), &DropoutSites::off());
    let expected = golden.doubles("f64/logits")[..length * 5].to_vec();
    assert_within("logits", &found.into_data(), &expected, TOLERANCE * largest(&expected));

    let out = tempfile::tempdir().unwrap();
    TaggerFolder { path: out.path().into(), ..tagger }.write().unwrap();
    assert_eq!(tensors(out.path()), tensors(&saved));
    let original = json(&saved.join("config.json"));
    for (key, value) in json(&out.path().join("config.json")).as_object().unwrap() {
        assert_eq!(original.get(key), Some(value), "{key}");
    }
}

/// Writes a run folder with the weights of `model` and returns what its encoder is.
fn run_folder(folder: &Path, model: &Electra) -> NamedTensors {
    fs::write(folder.join("model.json"), serde_json::to_string(&config()).unwrap()).unwrap();
    tokenizer(96).save(&folder.join("tokenizer")).unwrap();
    let mut encoder = collect(&model.discriminator);
    encoder.retain(|path, _| !path.starts_with("head."));
    encoder
}

#[test]
fn an_encoder_is_read_from_a_run_its_checkpoints_and_every_class_of_transformers() {
    let model = Electra::init(&config(), 6, &Device::flex());
    let weights = to_safetensors(&collect(&model), None);

    let finished = tempfile::tempdir().unwrap();
    let expected = run_folder(finished.path(), &model);
    fs::write(finished.path().join("model.safetensors"), &weights).unwrap();
    let found = PretrainedEncoder::open(finished.path()).unwrap();
    assert_eq!((&found.encoder, &found.config), (&expected, &config()));

    let unfinished = tempfile::tempdir().unwrap();
    run_folder(unfinished.path(), &model);
    let store = CheckpointStore::open(unfinished.path().join("checkpoints"), 2).unwrap();
    let other = to_safetensors(&collect(&Electra::init(&config(), 7, &Device::flex())), None);
    store.save(1, &[("model.safetensors", other.as_slice())], None).unwrap();
    store.save(2, &[("model.safetensors", weights.as_slice())], None).unwrap();
    assert_eq!(PretrainedEncoder::open(unfinished.path()).unwrap().encoder, expected);

    let dropout = HfDropout { hidden: 0.1, attention: 0.1 };
    let exported = hf::export(&model, &config(), dropout, HfNetwork::Discriminator);
    let alone = exported
        .tensors
        .iter()
        .filter_map(|(name, data)| Some((name.strip_prefix("electra.")?.to_string(), data.clone())));
    let mut tagging = exported.tensors.clone();
    tagging.retain(|name, _| name.starts_with("electra."));
    tagging.insert("classifier.weight".into(), TensorData::from([[1.0f32; 24]; 3]));
    tagging.insert("classifier.bias".into(), TensorData::from([1.0f32; 3]));
    for (class, tensors) in [
        ("ElectraForPreTraining", exported.tensors.clone()),
        ("ElectraModel", alone.collect()),
        ("ElectraForTokenClassification", tagging),
    ] {
        let folder = tempfile::tempdir().unwrap();
        tokenizer(96).save(folder.path()).unwrap();
        let mut config = exported.config.clone();
        config["architectures"] = serde_json::json!([class]);
        fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        fs::write(folder.path().join("model.safetensors"), to_safetensors(&tensors, None)).unwrap();
        let found = PretrainedEncoder::open(folder.path()).unwrap();
        assert_eq!(found.encoder, expected, "{class}");
        let is_tagger = class == "ElectraForTokenClassification";
        assert_eq!(found.left_behind.is_some(), is_tagger, "{class}");
        let labels = LabelSet::new(["PER"], LabelScheme::Iob2);
        let tagger = initial_tagger(
            &EncoderInit::Pretrained(Box::new(found.clone())),
            &labels,
            HeadType::Crf,
            1,
            &Device::flex(),
            Precision::F32,
        )
        .unwrap();
        let mut encoder = collect(&tagger);
        encoder.retain(|path, _| expected.contains_key(path));
        assert_eq!(encoder, expected, "{class}");
    }
}

/// A folder as transformers saves it again: with the configuration that it read, and none of our files.
fn saved_again(folder: &Path) {
    fs::remove_file(folder.join("tagger.json")).unwrap();
    let _ = fs::remove_file(folder.join("crf.safetensors"));
}

#[test]
fn settings_outlive_transformers_and_a_lost_crf_is_not_passed_over() {
    let temporary = tempfile::tempdir().unwrap();
    let labels = LabelSet::new(["PER"], LabelScheme::Iob2);
    let write = |name: &str, decoding| {
        let head = HeadType::trained_for(decoding);
        let tagger = tagger(&labels, head, 4, &Device::flex());
        let shape = TaggerShape { config: &config(), labels: &labels, head };
        let path = temporary.path().join(name);
        let settings = TaggerSettings { decoding, ..SETTINGS };
        TaggerFolder::new(&path, &tagger, shape, DROPOUT, settings, tokenizer(90)).write().unwrap();
        saved_again(&path);
        path
    };
    let document = TaggerFolder::open(&write("document", Decoding::Viterbi)).unwrap();
    assert_eq!(document.settings, TaggerSettings { decoding: Decoding::Viterbi, ..SETTINGS });
    assert!(!document.is_assumed);

    let crf = write("crf", Decoding::Crf);
    let error = TaggerFolder::open(&crf).unwrap_err().to_string();
    assert!(error.contains("decodes by a CRF, but crf.safetensors is missing"), "{error}");
    let without = TaggerFolder::open_with(&crf, Some(Decoding::Argmax)).unwrap();
    assert_eq!(without.settings, TaggerSettings { decoding: Decoding::Argmax, ..SETTINGS });
    // Where not even the configuration knows, it is said that nobody knows.
    let mut json = json(&crf.join("config.json"));
    json.as_object_mut().unwrap().remove("electra_tagger").unwrap();
    fs::write(crf.join("config.json"), json.to_string()).unwrap();
    assert!(TaggerFolder::open(&crf).unwrap().is_assumed);
}

#[test]
fn a_tagger_of_any_scheme_comes_back_with_it() {
    for scheme in
        [LabelScheme::Iob1, LabelScheme::Iob2, LabelScheme::Iobes, LabelScheme::Bilou, LabelScheme::Bmes]
    {
        let temporary = tempfile::tempdir().unwrap();
        let labels = LabelSet::new(["LOC", "PER"], scheme);
        let tagger = tagger(&labels, HeadType::Crf, 4, &Device::flex());
        let shape = TaggerShape { config: &config(), labels: &labels, head: HeadType::Crf };
        let path = temporary.path();
        TaggerFolder::new(path, &tagger, shape, DROPOUT, SETTINGS, tokenizer(90)).write().unwrap();
        assert_eq!(TaggerFolder::open(path).unwrap().labels, labels, "{scheme:?}");
        // Before the others were known their labels were of no scheme.
        let mut settings = json(&path.join("tagger.json"));
        settings["scheme"] = Value::Null;
        fs::write(path.join("tagger.json"), settings.to_string()).unwrap();
        assert!(TaggerFolder::open(path).is_ok(), "{scheme:?}");
    }
}

#[test]
fn weights_in_shards_are_the_weights() {
    let whole = transformers_folder(&fixture("hf_tiny_ner"));
    let expected = TaggerFolder::open(whole.path()).unwrap().tensors;
    let encoder = PretrainedEncoder::open(whole.path()).unwrap().encoder;
    let mut shards = [NamedTensors::new(), NamedTensors::new()];
    let mut map = serde_json::Map::new();
    for (at, (name, data)) in tensors(whole.path()).into_iter().enumerate() {
        map.insert(name.clone(), format!("model-0000{}-of-00002.safetensors", at % 2 + 1).into());
        shards[at % 2].insert(name, data);
    }
    for (at, shard) in shards.iter().enumerate() {
        let name = format!("model-0000{}-of-00002.safetensors", at + 1);
        fs::write(whole.path().join(name), to_safetensors(shard, Some(("format", "pt")))).unwrap();
    }
    let index = serde_json::json!({"metadata": {"total_size": 1}, "weight_map": map});
    fs::write(whole.path().join("model.safetensors.index.json"), index.to_string()).unwrap();
    fs::remove_file(whole.path().join("model.safetensors")).unwrap();
    assert_eq!(TaggerFolder::open(whole.path()).unwrap().tensors, expected);
    let found = PretrainedEncoder::open(whole.path()).unwrap();
    assert_eq!(found.encoder, encoder);
    let told = unused_head_note(&EncoderInit::Pretrained(Box::new(found))).unwrap();
    assert!(told.starts_with("the model is a tagger (ElectraForTokenClassification)"), "{told}");
    assert!(
        told.contains("classifier of LABEL_0, LABEL_1, LABEL_2, LABEL_3, LABEL_4 is left behind"),
        "{told}"
    );

    fs::remove_file(whole.path().join("model-00002-of-00002.safetensors")).unwrap();
    let error = TaggerFolder::open(whole.path()).unwrap_err().to_string();
    assert!(error.contains("cannot read") && error.contains("model-00002-of-00002.safetensors"), "{error}");
}
