//! Folders of transformers whose weights torch.save wrote: every command that reads weights reads them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::workbench::{Workbench, assert_says, json as parsed};
use serde_json::{Value, json};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../electra-train/tests/fixtures/pytorch").join(name)
}

/// A workbench with the discriminator in `model`, whose weights are those of the file `weights`.
fn bench(weights: &str) -> Workbench {
    let bench = Workbench::new();
    folder(&bench, "model", weights);
    bench
}

/// A folder of that discriminator's sizes and tokenizer with the weights of a file.
fn folder(bench: &Workbench, name: &str, weights: &str) {
    fs::create_dir_all(bench.path(name)).unwrap();
    for file in ["config.json", "vocab.txt", "tokenizer_config.json"] {
        fs::copy(fixture("model").join(file), bench.path(name).join(file)).unwrap();
    }
    fs::copy(fixture(weights), bench.path(name).join("pytorch_model.bin")).unwrap();
}

/// Changes the `config.json` of a folder.
fn configure(bench: &Workbench, folder: &str, change: impl Fn(&mut Value)) {
    let file = format!("{folder}/config.json");
    let mut config = parsed(&bench.read(&file));
    change(&mut config);
    bench.write(&file, config.to_string());
}

/// Documents of the words that the vocabulary has, no two alike.
pub(super) fn corpus() -> String {
    const WORDS: [&str; 5] = ["the", "quick", "brown", "foxes", "jumped"];
    let document = |n: usize| {
        let [a, b, c] = [n, n / 5, n / 25].map(|n| WORDS[n % 5]);
        format!("the {a} {b} {c} fox jumped .\n\n")
    };
    (0..120).map(document).collect()
}

const DETECT: &str = "detect --model model --json";
const TEXT: &[&str] = &["The quick brown fox jumped."];

#[test]
fn weights_of_every_format_width_and_age_are_one_discriminator() {
    let expected = bench("model/pytorch_model.bin").succeed_with(DETECT, TEXT).stdout;
    assert!(expected.contains("jump"), "{expected}");
    for weights in
        ["older.bin", "half.bin", "bfloat16-older.bin", "double.bin", "old-names.bin", "old-names-older.bin"]
    {
        assert_eq!(bench(weights).succeed_with(DETECT, TEXT).stdout, expected, "{weights}");
    }
    let shards = bench("older.bin");
    fs::remove_file(shards.path("model/pytorch_model.bin")).unwrap();
    let files = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"];
    for file in files {
        fs::copy(fixture(file), shards.path("model").join(file)).unwrap();
    }
    let index = json!({ "weight_map": { "a": files[0], "b": files[1] } });
    shards.write("model/pytorch_model.bin.index.json", index.to_string());
    assert_eq!(shards.succeed_with(DETECT, TEXT).stdout, expected);
    fs::remove_file(shards.path("model").join(files[1])).unwrap();
    assert_says(&shards.refuse(&format!("{DETECT} text")), &[files[1], "No such file"]);
}

#[test]
fn what_is_imported_began_with_and_fine_tuned_is_what_the_file_holds() {
    let bench = bench("old-names.bin");
    folder(&bench, "generator", "generator.bin");
    configure(&bench, "generator", |config| config["architectures"] = json!(["ElectraForMaskedLM"]));
    let expected = bench.succeed_with(DETECT, TEXT).stdout;
    bench.succeed("import hf model --generator generator --out imported");
    assert_eq!(bench.succeed_with("detect --model imported --json", TEXT).stdout, expected);

    bench.write("text.txt", corpus());
    bench.succeed(
        "data build --input text.txt --tokenizer model --seq-len 16 --heldout-fraction 0.1 --out data",
    );
    bench.write("continue.toml", include_str!("../../configs/continue.toml"));
    let ran = bench.succeed(
        "pretrain continue.toml --init model --init-generator generator --run run --no-plan --display lines \
         --threads 1 --set data.path=data --set data.sequence_length=16 --set train.batch_size=4 \
         --set train.steps=2 --set schedule.warmup_steps=1",
    );
    assert_says(&ran.stderr, &["begins with model and generator: loaded 50 tensors, started 0"]);

    let sentences = "the O\nfox B-PER\njumped O\n. O\n\nquick O\nfoxes B-PER\n. O\n\n".repeat(10);
    bench.write("train.conll", sentences);
    bench.succeed(
        "finetune ner --train train.conll --dev train.conll --model model --out tuned --threads 1 --display quiet \
         --set input.window=16 --set train.epochs=1",
    );
    assert!(bench.path("tuned/best/model.safetensors").exists());
}

#[test]
fn a_tagger_is_read_as_well() {
    let bench = Workbench::new();
    folder(&bench, "tagger", "tagger.bin");
    configure(&bench, "tagger", |config| {
        config["architectures"] = json!(["ElectraForTokenClassification"]);
        config["id2label"] = json!({ "0": "O", "1": "B-PER", "2": "I-PER" });
    });
    let tagged = bench.feed("predict --model tagger --format conll", "the fox jumped .\n");
    assert_eq!(tagged.code, Some(0), "{}", tagged.stderr);
    assert_eq!(tagged.stdout.lines().filter(|line| line.contains("fox")).count(), 1);
    // What it holds is decided by its tensors, and no message names a file that is not there.
    fs::copy(fixture("older.bin"), bench.path("tagger/pytorch_model.bin")).unwrap();
    let said = bench.refuse("predict --model tagger train.txt");
    assert_says(&said, &["the file of weights holds an ElectraForPreTraining"]);
    assert!(!said.contains("safetensors"), "{said}");
}

#[test]
fn a_pickle_with_a_forbidden_call_is_refused_by_every_command_and_nothing_of_it_runs() {
    for weights in ["call.bin", "call-older.bin", "eval.bin"] {
        let bench = bench(weights);
        bench.write("train.conll", "the O\nfox B-PER\n\n");
        for line in [
            "detect --model model text",
            "import hf model --out new",
            "predict --model model text",
            "finetune ner --model model --train train.conll --dev train.conll --out new",
            "plan continue --init model",
        ] {
            if line.starts_with("predict") {
                configure(&bench, "model", |config| config["id2label"] = json!({ "0": "O", "1": "B-PER" }));
            }
            let ran = bench.run(line);
            assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{line}: {}", ran.stderr);
            let parts = ["model/pytorch_model.bin", "its pickle calls for", "nothing of it was run"];
            assert_says(&ran.stderr, &parts);
            assert!(!bench.path("new").exists(), "{line}");
        }
    }
}

#[test]
fn weights_that_other_programs_have_to_convert_are_named_with_the_command() {
    let bench = bench("older.bin");
    fs::remove_file(bench.path("model/pytorch_model.bin")).unwrap();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 54000000\n";
    for weights in ["pytorch_model.bin", "model.safetensors"] {
        bench.write(&format!("model/{weights}"), pointer);
        assert_says(
            &bench.refuse("detect --model model text"),
            &[weights, "a pointer of Git LFS", "git lfs pull"],
        );
        fs::remove_file(bench.path("model").join(weights)).unwrap();
    }
    bench.write("model/tf_model.h5", "");
    let parts = ["model/tf_model.h5", "those of TensorFlow", "before version 5", "from_tf=True"];
    assert_says(&bench.refuse("detect --model model text"), &parts);
    fs::remove_file(bench.path("model/tf_model.h5")).unwrap();
    for end in ["index", "data-00000-of-00001", "meta"] {
        bench.write(&format!("model/electra_small.{end}"), "");
    }
    let parts = [
        "model/electra_small.index is a checkpoint of TensorFlow",
        "transformers 4.47.1",
        "--tf_checkpoint_path model/electra_small --config_file model/config.json",
    ];
    assert_says(&bench.refuse("import hf model --out new"), &parts);
    // As it was published: without a config.json.
    fs::remove_file(bench.path("model/config.json")).unwrap();
    for line in ["import hf model --out new", "detect --model model text", "predict --model model text"] {
        assert_says(&bench.refuse(line), &parts);
    }
}
