//! Folders that cannot be used, each with an error that names the file and the remedy.

use std::fs;
use std::path::Path;

use burn::prelude::*;
use electra_annotations::{LabelScheme, LabelSet};
use electra_files::shown::with_help;
use electra_ner::{
    ClassifierDropout, Context, Decoding, FolderError, HeadType, TaggerFolder, TaggerSettings, TaggerShape,
};
use electra_train::encoder_init::EncoderInit;
use electra_train::model_folder::PretrainedEncoder;
use miette::Diagnostic;
use serde_json::Value;
use tempfile::TempDir;

use crate::small::{config, fixture, tagger, tokenizer, transformers_folder};

fn assert_says(error: impl Diagnostic + 'static, parts: &[&str]) {
    let error = with_help(&error);
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
}

fn tagger_folder() -> TempDir {
    transformers_folder(&fixture("hf_tiny_ner"))
}

fn discriminator_folder() -> TempDir {
    transformers_folder(&fixture("../../../electra-model/tests/fixtures/hf_tiny_discriminator"))
}

/// A folder of ours with a CRF.
fn own_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let labels = LabelSet::new(["PER"], LabelScheme::Iob2);
    let settings =
        TaggerSettings { decoding: Decoding::Crf, context: Context::Sentence, window: 32, division: None };
    let shape = TaggerShape { config: &config(), labels: &labels, head: HeadType::Crf };
    let tagger = tagger(&labels, HeadType::Crf, 1, &Device::flex());
    let dropout = ClassifierDropout::PAPER;
    TaggerFolder::new(folder.path(), &tagger, shape, dropout, settings, tokenizer(96)).write().unwrap();
    folder
}

fn change(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut json = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut json);
    fs::write(path, json.to_string()).unwrap();
}

fn remove(folder: &TempDir, key: &str, file: &str) {
    change(&folder.path().join(file), |json| {
        json.as_object_mut().unwrap().remove(key).unwrap();
    });
}

/// The errors by which a folder is refused as a tagger, and as the encoder of one.
fn both(folder: &Path) -> [FolderError; 2] {
    [TaggerFolder::open(folder).err().unwrap(), PretrainedEncoder::open(folder).err().unwrap().into()]
}

#[test]
fn folders_without_a_model_or_without_labels_say_what_is_missing() {
    let empty = tempfile::tempdir().unwrap();
    for error in both(empty.path()) {
        assert_says(error, &["model.json", "config.json"]);
    }
    let absent = empty.path().join("absent");
    assert_says(TaggerFolder::open(&absent).unwrap_err(), &["cannot read", "absent"]);
    assert_says(PretrainedEncoder::open(&absent).unwrap_err(), &["cannot read", "absent"]);

    let discriminator = discriminator_folder();
    assert_says(TaggerFolder::open(discriminator.path()).unwrap_err(), &["id2label", "fine-tune it first"]);

    fs::write(empty.path().join("model.json"), serde_json::to_string(&config()).unwrap()).unwrap();
    assert_says(TaggerFolder::open(empty.path()).unwrap_err(), &["no tagger", "fine-tune it first"]);
    assert_says(PretrainedEncoder::open(empty.path()).unwrap_err(), &["without weights", "checkpoint"]);

    let tagger = tagger_folder();
    change(&tagger.path().join("config.json"), |json| json["id2label"]["7"] = "B-PER".into());
    assert_says(TaggerFolder::open(tagger.path()).unwrap_err(), &["config.json", "id2label", "\"7\""]);
}

#[test]
fn a_tokenizer_that_is_missing_or_does_not_fit_is_refused() {
    for folder in [tagger_folder(), discriminator_folder()] {
        tokenizer(97).save(folder.path()).unwrap();
        let error = PretrainedEncoder::open(folder.path()).unwrap_err();
        assert_says(error, &["97 pieces", "model of 96", "trained with"]);
        for name in electra_text::wordpiece::SAVED_FILES {
            fs::remove_file(folder.path().join(name)).unwrap();
        }
        assert_says(PretrainedEncoder::open(folder.path()).unwrap_err(), &["no tokenizer", "vocab.txt"]);
    }
    let folder = tagger_folder();
    tokenizer(97).save(folder.path()).unwrap();
    assert_says(TaggerFolder::open(folder.path()).unwrap_err(), &["97 pieces", "model of 96"]);
}

#[test]
fn a_window_longer_than_the_position_table_is_refused_with_the_longest_that_goes() {
    let pretrained = discriminator_folder();
    let pretrained = PretrainedEncoder::open(pretrained.path()).unwrap();
    let pretrained = EncoderInit::Pretrained(Box::new(pretrained));
    assert!(pretrained.check_length(32).is_ok());
    let parts = ["at most 32", "input.window is 64", "set it to 32 or less"];
    assert_says(pretrained.check_length(64).unwrap_err(), &parts);
    let folder = own_folder();
    assert!(TaggerFolder::open(folder.path()).unwrap().check_window(33).is_err());
    change(&folder.path().join("tagger.json"), |json| json["window"] = 64.into());
    let parts = ["tagger.json: the window is 64", "at most 32", "copy the folder again"];
    assert_says(TaggerFolder::open(folder.path()).unwrap_err(), &parts);
}

#[test]
fn a_generator_is_no_source_for_a_tagger() {
    let folder = transformers_folder(&fixture("../../../electra-model/tests/fixtures/hf_tiny_generator"));
    let error = PretrainedEncoder::open(folder.path()).unwrap_err();
    assert_says(error, &["generator_", "ElectraForPreTraining"]);
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let folder = own_folder();
    fs::remove_file(folder.path().join("crf.safetensors")).unwrap();
    assert_says(TaggerFolder::open(folder.path()).unwrap_err(), &["crf.safetensors is missing", "by argmax"]);

    let folder = own_folder();
    change(&folder.path().join("tagger.json"), |json| json["scheme"] = "iobes".into());
    assert_says(TaggerFolder::open(folder.path()).unwrap_err(), &["tagger.json", "iobes", "iob2"]);

    let folder = own_folder();
    change(&folder.path().join("tagger.json"), |json| json["format"] = 3.into());
    assert_says(TaggerFolder::open(folder.path()).unwrap_err(), &["format 3", "reads 2"]);

    let folder = own_folder();
    change(&folder.path().join("tagger.json"), |json| json["beam"] = 4.into());
    assert_says(TaggerFolder::open(folder.path()).unwrap_err(), &["tagger.json", "beam"]);

    let folder = own_folder();
    remove(&folder, "decoding", "tagger.json");
    assert_says(TaggerFolder::open(folder.path()).unwrap_err(), &["tagger.json", "decoding"]);

    let folder = own_folder();
    change(&folder.path().join("config.json"), |json| json["classifier_dropout"] = 1.5.into());
    assert_says(TaggerFolder::open(folder.path()).unwrap_err(), &["classifier_dropout", "1.5"]);

    // One label more than the classifier has outputs.
    let folder = tagger_folder();
    change(&folder.path().join("config.json"), |json| json["id2label"]["5"] = "LABEL_5".into());
    let error = TaggerFolder::open(folder.path()).unwrap_err();
    assert_says(error, &["classifier", "[5]", "[6]", "one model"]);

    let folder = tagger_folder();
    let weights = folder.path().join("model.safetensors");
    let bytes = fs::read(&weights).unwrap();
    fs::write(&weights, &bytes[..bytes.len() / 2]).unwrap();
    for error in both(folder.path()) {
        assert_says(error, &["model.safetensors", "not a whole"]);
    }
}

#[test]
fn weights_that_are_no_numbers_are_refused_with_tensor_and_place() {
    let folder = tagger_folder();
    let weights = folder.path().join("model.safetensors");
    let read = || electra_model::parameters::from_safetensors(&fs::read(&weights).unwrap()).unwrap();
    let name = "electra.encoder.layer.1.attention.self.query.bias";
    let mut tensors = read();
    let mut values: Vec<f32> = tensors[name].iter::<f32>().collect();
    values[7] = f32::NAN;
    let shape = tensors[name].shape().to_vec();
    tensors.insert(name.into(), TensorData::new(values, shape));
    fs::write(&weights, electra_model::parameters::to_safetensors(&tensors, None)).unwrap();
    for error in both(folder.path()) {
        assert_says(error, &["model.safetensors", &format!("{name} is NaN at [7]"), "take an earlier"]);
    }
}

#[test]
fn weights_of_another_form_or_class_are_named_with_the_way_out() {
    let folder = tagger_folder();
    let [whole, other] = ["model.safetensors", "tf_model.h5"].map(|name| folder.path().join(name));
    fs::rename(&whole, &other).unwrap();
    for error in both(folder.path()) {
        let parts = ["tf_model.h5", "ElectraForTokenClassification.from_pretrained", "save_pretrained"];
        assert_says(error, &parts);
    }
    fs::rename(other, folder.path().join("pytorch_model.bin")).unwrap();
    for error in both(folder.path()) {
        assert_says(error, &["pytorch_model.bin", "it is no file of torch.save"]);
    }
    let discriminator = discriminator_folder();
    change(&discriminator.path().join("config.json"), |json| {
        json["id2label"] = serde_json::json!({"0": "O"})
    });
    let parts = ["holds an ElectraForPreTraining", "ElectraForTokenClassification; fine-tune it first"];
    assert_says(TaggerFolder::open(discriminator.path()).unwrap_err(), &parts);
}
