//! Folders of models: which command wants which, what other libraries wrote, and what was lost or
//! damaged on the way.

use crate::workbench::{Workbench, assert_says, corpus, json as parsed, labelled};
use burn::prelude::*;
use burn::tensor::TensorData;
use electra_model::Electra;
use electra_model::parameters::{NamedTensors, collect, from_safetensors, to_safetensors};
use electra_ner::Decoding;
use serde_json::{Value, json};

/// A workbench with an imported `model`, and a `tagger` with a CRF, of large random weights.
fn bench() -> Workbench {
    let (bench, config) = Workbench::with_tagger(200, 16, Decoding::Crf);
    std::fs::create_dir(bench.path("model")).unwrap();
    bench.write("model/model.json", serde_json::to_string(&config).unwrap());
    bench.write(
        "model/model.safetensors",
        to_safetensors(&collect(&Electra::init(&config, 5, &Device::flex())), None),
    );
    bench.copy("tokenizer", "model/tokenizer");
    bench.write("in.txt", corpus(3, 2));
    bench
}

/// Puts `value` at the first place of a tensor, and gives back the tensor's name.
fn spoil(bench: &Workbench, file: &str, part: &str, value: f32) -> String {
    let mut tensors = from_safetensors(&bench.bytes(file)).unwrap();
    let (name, data) = tensors.iter_mut().find(|(name, _)| name.contains(part)).unwrap();
    let mut values: Vec<f32> = data.iter::<f32>().collect();
    values[0] = value;
    *data = TensorData::new(values, data.shape().to_vec());
    let name = name.clone();
    bench.write(file, to_safetensors(&tensors, Some(("format", "pt"))));
    name
}

#[test]
fn a_tagger_is_called_a_tagger_where_a_pretrained_model_is_wanted() {
    let bench = bench();
    bench.copy("tagger", "out/best");
    for (line, path) in [
        ("detect --model tagger text", "tagger"),
        ("export hf tagger --out new", "tagger"),
        ("import hf tagger --out new", "tagger"),
    ] {
        let said = bench.refuse(line);
        let way_out = format!("electra predict --model {path}");
        assert_says(&said, &["holds a tagger and no pretrained model", &way_out, "fine-tuned from"]);
        assert!(!bench.path("new").exists(), "{line}");
    }
    for line in ["detect --model out text", "export hf out --out new"] {
        assert_says(&bench.refuse(line), &["out holds taggers that fine-tuning wrote, such as out/best"]);
    }
}

#[test]
fn weights_that_are_no_numbers_are_refused_by_every_command_that_loads_them() {
    let bench = bench();
    bench.succeed("export hf model --out exported");
    bench.write("train.conll", labelled(0..20));
    let finetune = "finetune ner --train train.conll --dev train.conll --out tuned --model";
    for (file, part, value, lines) in [
        ("tagger/model.safetensors", "query.weight", f32::NAN, &["predict --model tagger in.txt"][..]),
        ("tagger/crf.safetensors", "next", f32::INFINITY, &["predict --model tagger in.txt"]),
        (
            "model/model.safetensors",
            "discriminator.encoder",
            f32::NEG_INFINITY,
            &["detect --model model text", "export hf model --out new", "FINETUNE model"],
        ),
        (
            "exported/discriminator/model.safetensors",
            "LayerNorm.weight",
            f32::NAN,
            &[
                "detect --model exported/discriminator text",
                "import hf exported/discriminator --out new",
                "FINETUNE exported/discriminator",
            ],
        ),
    ] {
        let good = bench.bytes(file);
        let name = spoil(&bench, file, part, value);
        for line in lines {
            let said = bench.refuse(&line.replace("FINETUNE", finetune));
            assert_says(&said, &[file, &format!("{name} is {value} at [0"), "take an earlier checkpoint"]);
            assert!(!bench.path("new").exists() && !bench.path("tuned").exists(), "{line}");
        }
        bench.write(file, good);
    }
}

#[test]
fn weights_in_shards_are_read_and_other_forms_are_named() {
    let bench = bench();
    bench.succeed("export hf model --out exported");
    let line = "detect --model exported/discriminator --json text";
    let expected = bench.succeed(line).stdout;
    let whole = from_safetensors(&bench.bytes("exported/discriminator/model.safetensors")).unwrap();
    let (first, second): (NamedTensors, NamedTensors) =
        whole.into_iter().partition(|(name, _)| name.contains("encoder"));
    let mut map = serde_json::Map::new();
    for (file, shard) in [("model-1-of-2.safetensors", first), ("model-2-of-2.safetensors", second)] {
        map.extend(shard.keys().map(|name| (name.clone(), Value::from(file))));
        bench.write(&format!("exported/discriminator/{file}"), to_safetensors(&shard, None));
    }
    std::fs::remove_file(bench.path("exported/discriminator/model.safetensors")).unwrap();
    bench.write("exported/discriminator/pytorch_model.bin", "");
    let index = "exported/discriminator/model.safetensors.index.json";
    bench.write(index, json!({ "weight_map": map }).to_string());
    assert_eq!(bench.succeed(line).stdout, expected);

    let file = "exported/discriminator/model-2-of-2.safetensors";
    let mut shard = from_safetensors(&bench.bytes(file)).unwrap();
    let twice = "electra.encoder.layer.0.output.dense.bias";
    shard.insert(
        twice.into(),
        from_safetensors(&bench.bytes(&file.replace("2-of", "1-of"))).unwrap()[twice].clone(),
    );
    bench.write(file, to_safetensors(&shard, None));
    for line in [line, "import hf exported/discriminator --out new"] {
        let tensor = format!("both hold the tensor {twice:?}");
        assert_says(&bench.refuse(line), &["model-1-of-2.safetensors", "model-2-of-2.safetensors", &tensor]);
    }

    std::fs::remove_file(bench.path(index)).unwrap();
    let parts = ["pytorch_model.bin", "it is no file of torch.save", "copy the file again"];
    for line in [line, "import hf exported/discriminator --out new"] {
        assert_says(&bench.refuse(line), &parts);
    }
}

#[test]
fn a_tagger_whose_crf_is_lost_decodes_only_as_it_is_told() {
    let bench = bench();
    std::fs::remove_file(bench.path("tagger/tagger.json")).unwrap();
    // The configuration alone knows how it was trained: the scores are there, and used.
    let whole = bench.succeed("predict --model tagger --format conll in.txt");
    assert!(!whole.stderr.contains("tagger.json"), "{}", whole.stderr);
    // Neither knows it, but the scores are there: they are used, and what is said is what is done.
    let trained = bench.read("tagger/config.json");
    let mut config = parsed(&trained);
    config.as_object_mut().unwrap().remove("electra_tagger").unwrap();
    bench.write("tagger/config.json", config.to_string());
    let assumed = bench.succeed("predict --model tagger --format conll in.txt");
    let parts = ["tagger has no tagger.json", "its CRF chooses the labels", "; document context of its"];
    assert_says(&assumed.stderr, &parts);
    assert!(
        !assumed.stderr.contains("by itself") && !assumed.stderr.contains("a CRF or"),
        "{}",
        assumed.stderr
    );
    let argmax = bench.succeed("predict --model tagger --decoding argmax --format conll in.txt");
    assert_ne!(assumed.stdout, argmax.stdout);
    let told = argmax.stderr;
    assert!(told.contains("each word labelled by itself") && !told.contains("a CRF or"), "{told}");
    bench.write("tagger/config.json", trained);

    std::fs::remove_file(bench.path("tagger/crf.safetensors")).unwrap();
    let said = bench.refuse("predict --model tagger in.txt");
    assert_says(&said, &["decodes by a CRF, but crf.safetensors is missing", "--decoding argmax"]);
    let tagged = bench.succeed("predict --model tagger --decoding argmax --format conll in.txt").stdout;
    assert_eq!(tagged.lines().count(), whole.stdout.lines().count());
    bench.succeed("predict --model tagger --decoding viterbi --format conll in.txt");

    let mut config = parsed(&bench.read("tagger/config.json"));
    config.as_object_mut().unwrap().remove("electra_tagger").unwrap();
    bench.write("tagger/config.json", config.to_string());
    let assumed = bench.succeed("predict --model tagger --format conll in.txt");
    assert_says(&assumed.stderr, &["tagger has no tagger.json", "each word labelled by itself", "is lost"]);
}

#[test]
fn entities_of_all_five_schemes_are_grouped_alike() {
    let bench = bench();
    let config = parsed(&bench.read("tagger/config.json"));
    let entities = |names: [&str; 5]| {
        let mut config = config.clone();
        let table = names.iter().enumerate().map(|(id, name)| (id.to_string(), Value::from(*name)));
        config["id2label"] = Value::Object(table.collect());
        bench.write("tagger/config.json", config.to_string());
        let line = "predict --model tagger --decoding argmax --format json in.txt";
        let found = bench.succeed(line).stdout;
        let kinds = found.lines().map(|line| parsed(line)["entity_group"].as_str().unwrap().to_owned());
        kinds.collect::<Vec<_>>()
    };
    for file in ["tagger.json", "crf.safetensors"] {
        std::fs::remove_file(bench.path("tagger").join(file)).unwrap();
    }
    for names in [
        ["O", "I-X", "B-X", "I-Y", "I-Z"],
        ["O", "B-X", "I-X", "B-Y", "B-Z"],
        ["O", "S-X", "B-Y", "E-Y", "S-Z"],
        ["O", "U-X", "B-Y", "L-Y", "U-Z"],
        ["O", "S-X", "B-Y", "M-Y", "E-Z"],
    ] {
        let kinds = entities(names);
        // The weights are random, and so is which labels they choose.
        assert!(
            !kinds.is_empty() && kinds.iter().all(|kind| ["X", "Y", "Z"].contains(&kind.as_str())),
            "{kinds:?}"
        );
    }
}

#[test]
fn a_tokenizer_that_divides_otherwise_is_refused_by_its_class() {
    let bench = bench();
    let mut config = parsed(&bench.read("tagger/tokenizer_config.json"));
    config["tokenizer_class"] = "BertJapaneseTokenizer".into();
    bench.write("tagger/tokenizer_config.json", config.to_string());
    bench.write("train.conll", labelled(0..20));
    for line in [
        "predict --model tagger in.txt",
        "finetune ner --train train.conll --dev train.conll --out tuned --model tagger",
    ] {
        let parts = ["tokenizer_config.json", "tokenizer_class", "\"BertJapaneseTokenizer\"", "help:"];
        assert_says(&bench.refuse(line), &parts);
    }
}

#[test]
fn fine_tuning_a_tagger_says_that_its_classifier_is_left_behind() {
    let bench = bench();
    bench.write("train.conll", labelled(0..20));
    let ran = bench.run_with(
        "finetune ner --train train.conll --dev train.conll --out tuned --model tagger --set train.epochs=1",
        &["--set", "guard.epochs=100"],
    );
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let note =
        "the model is a tagger (ElectraForTokenClassification): its classifier of LOC, PER is left behind";
    assert!(ran.stdout.contains(note) || ran.stderr.contains(note), "{}{}", ran.stdout, ran.stderr);
    assert_says(&bench.read("tuned/seed-1/metrics.jsonl"), &[note]);
}
