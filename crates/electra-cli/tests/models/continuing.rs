//! Pretraining that goes on from weights: the way from a domain's text to a tagger, and what is refused on it.

use crate::workbench::{Workbench, assert_says, corpus, json, labelled};
use serde_json::Value;

/// Settings by which `continue.toml` becomes a run of a few steps.
const FEW: &str = "--no-plan --display lines --threads 1 --set data.sequence_length=32 --set train.batch_size=8 \
    --set schedule.warmup_steps=2 --set log.every_steps=2 --set evaluate.every_steps=4 --set checkpoint.every_steps=3";

fn bench() -> Workbench {
    let bench = Workbench::with_data();
    bench.write("continue.toml", include_str!("../../configs/continue.toml"));
    bench.succeed("pretrain recipe.toml --run a --no-plan --display quiet --set train.steps=12");
    bench
}

/// Text of a domain: words of the corpus and others, which its vocabulary divides into letters.
fn domain() -> String {
    corpus(120, 1).replace("ba", "wuqo").replace("gu", "xhi")
}

#[test]
fn the_way_from_the_text_of_a_domain_to_a_tagger() {
    let bench = bench();
    bench.write("domain.txt", domain());
    let extended =
        bench.succeed("data tokenizer --extend a/tokenizer --input domain.txt --vocab-size 280 --out wider");
    assert_says(&extended.stdout, &["wider: 280 pieces", "extends 256 pieces, which keep their ids, by 24"]);
    let [old, new] = ["a/tokenizer", "wider"].map(|folder| bench.read(&format!("{folder}/vocab.txt")));
    assert!(new.starts_with(&old));
    bench.succeed(
        "data build --input domain.txt --tokenizer wider --seq-len 32 --heldout-fraction 0.1 --out data/domain",
    );

    let plan = bench.succeed("plan continue.toml --init a --set data.sequence_length=32 --probe-steps 1");
    assert_says(
        &plan.stdout,
        &["begins with    a, a run or an imported model; with its generator", "epochs"],
    );
    let line = format!("pretrain continue.toml --init a --run b --set train.steps=8 {FEW}");
    let ran = bench.succeed(&line);
    let tensors = json(&bench.read("b/init.json"))["loaded"].as_u64().unwrap();
    assert_says(
        &ran.stderr,
        &[
            &format!("begins with a: loaded {tensors} tensors, started 0, ignored 0; init.json lists them"),
            "discriminator.embeddings.word, generator.head.output_bias: 256 rows loaded, 6 grown as the mean of the pieces",
            "18 as [UNK], having no piece that stood for them",
        ],
    );
    // The same command goes on, and so does it without the weights: [model] is that of the run.
    assert_says(&bench.succeed(&line).stderr, &["all 8 steps are done already"]);
    let without = line.replace(" --init a", "");
    assert_says(&bench.succeed(&without).stderr, &["all 8 steps are done already"]);
    bench.succeed(
        "pretrain recipe.toml --run other --no-plan --display quiet --set train.steps=6 --set seed=2",
    );
    let said = bench.refuse(&line.replace("--init a", "--init other"));
    assert_says(&said, &["another model to start from (hash", "--run"]);

    // What is exported, imported and fine-tuned knows what it began with.
    bench.succeed("export hf b --out exported");
    let began =
        |file: &str| -> Vec<Value> { json(&bench.read(file))["ancestors"].as_array().unwrap().clone() };
    let config = began("exported/discriminator/config.json");
    assert_eq!((config.len(), &config[0]["model"]), (1, &Value::from("a")));
    bench.succeed("import hf exported/discriminator --generator exported/generator --out imported");
    assert_eq!(began("imported/init.json"), config);
    bench.write("train.conll", labelled(0..60));
    bench.succeed(
        "finetune ner --train train.conll --dev train.conll --model imported --out out --threads 1 --display quiet \
         --set input.window=32 --set train.epochs=1",
    );
    let hash = config[0]["weights_hash"].as_str().unwrap();
    assert_says(&bench.read("out/best/README.md"), &["| pretraining began with | `a`, BLAKE3 `", hash]);

    // Folders of transformers, both and one of them.
    let begin = |init: &str, run: &str| {
        bench.succeed(&format!("pretrain continue.toml --init {init} --run {run} --set train.steps=4 {FEW}"))
    };
    let both = begin("exported/discriminator --init-generator exported/generator", "c");
    assert_says(
        &both.stderr,
        &["started 0, ignored 5", "ignored, having no place in this model: generator.embeddings (5)"],
    );
    let one = begin("exported/discriminator", "d");
    assert_says(&one.stderr, &["ignored 0", "started as the recipe has it: generator.encoder"]);
    assert_says(&bench.read("d/report.html"), &[hash]);
}

#[test]
fn weights_that_do_not_fit_are_refused_with_what_to_do() {
    let bench = bench();
    bench.succeed(
        "data build --input corpus.txt --tokenizer a/tokenizer --seq-len 32 --heldout-fraction 0.1 --out data/domain",
    );
    bench.succeed("export hf a --out exported");
    let refused = |rest: &str| {
        let said =
            bench.refuse(&format!("pretrain continue.toml --run new --set train.steps=4 {FEW} {rest}"));
        assert!(!bench.path("new").exists(), "{rest}");
        said
    };
    let said = refused("--init exported/generator");
    assert_says(
        &said,
        &["exported/generator holds a masked language model", "with --init;", "--init-generator"],
    );
    let said = refused("--init a --init-generator exported/discriminator");
    assert_says(&said, &["exported/discriminator holds a discriminator", "leave that out: it starts fresh"]);
    let said = refused("--init a --set model.intermediate_size=96");
    assert_says(
        &said,
        &[
            "a feed-forward width of 64, that of the recipe of 96",
            "has shape [32, 64], expected [32, 96]",
            "model.intermediate_size = 64",
        ],
    );
    // Whatever else is wrong with such sizes.
    for sizes in ["model.hidden_size=33", "model.position_start=neighbours --set model.hidden_size=33"] {
        let said = refused(&format!("--init a --set {sizes}"));
        assert_says(&said, &["has a width of 32, that of the recipe of 33", "model.hidden_size = 32"]);
    }
    let said = refused("--init a --set model.generator.width=1.0");
    assert_says(
        &said,
        &[
            "the generator of the weights has a width of 16, that of the recipe of 32",
            "model.generator.width = 0.5",
        ],
    );
    let said = refused("");
    assert_says(&said, &["missing field `model`", "begin with weights, which have the sizes: --init DIR"]);
    let ran = bench.run("pretrain continue.toml --init-generator a");
    assert_eq!(ran.code, Some(2));
    assert_says(&ran.stderr, &["--init <DIR|NAME>"]);

    let (tagged, _) = Workbench::with_tagger(200, 16, electra_ner::Decoding::Viterbi);
    tagged.write("continue.toml", include_str!("../../configs/continue.toml"));
    let said = tagged.refuse("pretrain continue.toml --init tagger --run new");
    assert_says(&said, &["tagger holds a tagger and no pretrained model", "fine-tuned from"]);

    let file = "exported/discriminator/model.safetensors";
    let whole = bench.bytes(file);
    bench.write(file, &whole[..whole.len() - 100]);
    assert_says(
        &refused("--init exported/discriminator"),
        &["model.safetensors is damaged", "copy the folder again"],
    );
    let said = bench.refuse("plan continue.toml --init exported/discriminator");
    assert_says(&said, &["model.safetensors is damaged"]);

    // Data of another vocabulary, of as many pieces.
    bench.write("domain.txt", domain());
    bench.succeed("data tokenizer --input domain.txt --vocab-size 256 --out foreign");
    bench.succeed(
        "data build --input domain.txt --tokenizer foreign --seq-len 32 --heldout-fraction 0.1 --out data/domain --force",
    );
    let advice = "electra data build --tokenizer a/tokenizer";
    assert_says(
        &refused("--init a"),
        &[
            "data/domain has \"",
            " of its vocabulary, and a has \"",
            advice,
            "data tokenizer --extend a/tokenizer",
        ],
    );
    let said = bench.refuse("plan continue.toml --init a --set data.sequence_length=32");
    assert_says(&said, &["of its vocabulary, and a has"]);
    let said =
        bench.refuse("data tokenizer --extend a/tokenizer --input domain.txt --vocab-size 200 --out w");
    assert_says(&said, &["a vocabulary of 256 pieces cannot be extended to 200", "ask for more than 256"]);
}

#[test]
fn a_run_needs_the_weights_no_more_that_it_began_with_and_says_if_they_have_changed() {
    let bench = bench();
    let build = "--tokenizer a/tokenizer --seq-len 32 --heldout-fraction 0.1 --out";
    bench.succeed(&format!("data build --input corpus.txt {build} data/domain"));
    bench.succeed(
        "pretrain recipe.toml --run other --no-plan --display quiet --set train.steps=6 --set seed=2",
    );
    let line = format!("pretrain continue.toml --init a --run b --set train.steps=8 {FEW}");
    bench.succeed(&line);
    let rename = |from: &str, to: &str| std::fs::rename(bench.path(from), bench.path(to)).unwrap();

    rename("a", "kept");
    let note = "note: a is not there any more, and was not compared: b goes on from its own checkpoints";
    assert_says(&bench.succeed(&line).stderr, &[note, "all 8 steps are done already"]);
    // Another folder, a run that has not begun, and one that has no checkpoint need theirs.
    for (from, to) in [("--init a", "--init nowhere"), ("--run b", "--run new")] {
        assert_says(&bench.refuse(&line.replace(from, to)), &["cannot read"]);
    }
    std::fs::remove_dir_all(bench.path("b/checkpoints")).unwrap();
    for file in ["b/model.safetensors", "b/metrics.jsonl"] {
        std::fs::remove_file(bench.path(file)).unwrap();
    }
    assert_says(&bench.refuse(&line), &["b has no checkpoint yet, and the weights that it began with"]);

    rename("other", "a");
    let said = bench.refuse(&line);
    assert_says(&said, &["a holds other weights than when b began with it", "leave --init out", "--run"]);
    assert!(!said.contains("another model to start from"), "{said}");

    // What such a recipe costs is measured as that of any other.
    let few = "--json --threads 1 --warmup 0 --batch-size 4";
    bench
        .succeed(&format!("bench step continue.toml --init a --steps 1 {few} --set data.sequence_length=32"));
    let short =
        include_str!("../../configs/continue.toml").replace("sequence_length = 128", "sequence_length = 32");
    bench.write("short.toml", short);
    bench.succeed(&format!("bench ner short.toml --init a --repetitions 1 --length 16 {few}"));

    let foreign = |i: usize| format!("\u{448}\u{449} {i} \u{44f}\u{44e}\u{44d} \u{436}\u{444}\u{446}.\n\n");
    bench.write("foreign.txt", (0..200).map(foreign).collect::<String>());
    let built = bench.succeed(&format!("data build --input foreign.txt {build} data/foreign"));
    assert_says(&built.stderr, &["are unknown to the vocabulary", "electra data tokenizer --extend"]);
}
