//! Runs that are not the paper's own, from recipe to export.

use crate::workbench::{RECIPE, Workbench, assert_says};

const JOINT: &str = r#"[objective]
kind = "replaced-token-detection"
generator_weight = 1.0
discriminator_weight = 50.0
temperature = 1.0
disallow_correct = false
"#;

const SAID: &str = "The president of the bread spoke";

/// A workbench whose run `run` has a recipe with these replacements.
fn trained(changes: &[(&str, &str)]) -> Workbench {
    let bench = Workbench::with_data();
    let changed = changes.iter().fold(RECIPE.to_owned(), |recipe, (from, to)| {
        assert!(recipe.contains(from), "{from}");
        recipe.replace(from, to)
    });
    bench.write("recipe.toml", changed);
    bench.succeed("pretrain recipe.toml --run run --set train.steps=8 --set evaluate.every_steps=4");
    bench
}

fn keys(bench: &Workbench, kind: &str) -> Vec<String> {
    let metrics = bench.metrics("run");
    let line = metrics.iter().rfind(|line| line["kind"] == kind).unwrap();
    line.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn a_masked_language_model_trains_without_a_generator_and_is_exported_as_one() {
    let bench = trained(&[(JOINT, "[objective]\nkind = \"mlm\"\n")]);
    let found = keys(&bench, "eval");
    assert!(found.contains(&"mlm_loss".to_owned()), "{found:?}");
    assert!(found.iter().all(|key| !key.starts_with("rtd") && key != "collapsed"), "{found:?}");
    assert_eq!(bench.succeed("export hf run --out exported").stdout, "exported/discriminator\n");
    assert_says(&bench.read("exported/discriminator/config.json"), &["ElectraForMaskedLM"]);
    let error = bench.run_with("detect --model run", &[SAID]);
    assert_eq!(error.code, Some(1));
    assert_says(&error.stderr, &["was not trained to detect replaced tokens"]);
}

#[test]
fn a_disentangled_run_and_its_export_detect_the_same() {
    let bench = trained(&[("tie = \"embeddings\"", "tie = \"gradient-disentangled\"")]);
    let exported = bench.succeed("export hf run --out exported").stdout;
    assert_eq!(exported, "exported/discriminator\nexported/generator\n");
    let of_run = bench.succeed_with("detect --model run", &[SAID]).stdout;
    let of_export = bench.succeed_with("detect --model exported/discriminator", &[SAID]).stdout;
    assert_eq!(of_run, of_export);
}

#[test]
fn replacements_by_chance_leave_no_generator_behind() {
    let bench =
        trained(&[("disallow_correct = false\n", "disallow_correct = false\nproposals = \"unigram\"\n")]);
    let found = keys(&bench, "train");
    assert!(found.contains(&"sampled_accuracy".to_owned()) && !found.contains(&"mlm_loss".to_owned()));
    assert_eq!(bench.succeed("export hf run --out exported").stdout, "exported/discriminator\n");
    bench.succeed_with("detect --model run", &[SAID]);
}

#[test]
fn two_stages_and_whole_words_run_to_the_end() {
    let bench = trained(&[
        ("tie = \"embeddings\"", "tie = \"none\""),
        (
            "[masking]\nkind = \"without-replacement\"",
            "[scheme]\nkind = \"two-stage\"\ngenerator_steps = 3\ninitialise = false\n\n[masking]\nkind = \"whole-word\"",
        ),
        ("warmup_steps = 4", "warmup_steps = 1"),
    ]);
    let found = keys(&bench, "eval");
    assert!(found.contains(&"rtd_loss".to_owned()) && found.contains(&"mlm_loss".to_owned()), "{found:?}");
}
