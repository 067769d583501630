//! `electra demo`, shortened: a vocabulary of few pieces, a few steps, and a few epochs.

mod workbench;

use workbench::{Workbench, assert_says, json};

const DEMO: &str = "demo --out demo --threads 2 --set model.vocab_size=600 --set train.steps=4 \
    --set schedule.warmup_steps=1 --set evaluate.max_examples=8 --set-ner train.epochs=2 --set-ner train.max_sentences=40";

#[test]
fn the_whole_demo_goes_from_text_to_marked_names() {
    let bench = Workbench::new();
    let ran = bench.succeed(DEMO);
    let steps =
        ["1/6  vocabulary", "2/6  rows", "3/6  pretraining", "4/6  what", "5/6  fine-tuning", "6/6  what"];
    assert_says(&ran.stderr, &steps);
    assert_says(&ran.stderr, &["seed 1: 2 epochs of 3 steps", "epoch 2/2"]);
    assert_says(
        &ran.stdout,
        &["test F1 of names:", "pretrained", "from scratch", "Jefferson", "Report: demo/run"],
    );
    let [pretrained, scratch] =
        ["tagger", "control"].map(|name| json(&bench.read(&format!("demo/{name}/summary.json"))));
    assert!(pretrained["test"]["mean"].is_number() && scratch["test"]["mean"].is_number());
    assert!(
        bench.bytes("demo/tagger/best/model.safetensors")
            != bench.bytes("demo/control/best/model.safetensors")
    );
    // Nothing is trained twice.
    let again = bench.succeed(DEMO);
    assert_says(&again.stderr, &["finished already"]);
}
