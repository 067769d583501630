//! Reports on runs at every stage of their life, and on folders that hold none.

use std::fmt::Write;

use electra_run::report::check::faults;
use serde_json::{Value, json};

use super::*;

/// A folder with these lines of metrics.
fn run(lines: &[Value]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = lines.iter().fold(String::new(), |mut text, line| {
        writeln!(text, "{line}").unwrap();
        text
    });
    fs::write(folder.path().join("metrics.jsonl"), text).unwrap();
    fs::write(
        folder.path().join("run.json"),
        json!({"device": "flex", "start": 1_735_689_600u64}).to_string(),
    )
    .unwrap();
    fs::write(folder.path().join("recipe.toml"), "recipe_version = 1\nseed = 1\n").unwrap();
    folder
}

fn start() -> Value {
    json!({
        "kind": "start", "step": 0, "time": 1000.0, "recipe_hash": "abc", "parameters": {"total": 14_196_219},
        "flops_per_step": 1.5e9,
        "plan": {"seconds": 200.0, "tokens": 1_280_000, "epochs": 2.0, "tokens_per_second": 6_400.0,
                 "peak_rss_mb": 1_000.0, "disk_mb": 50.0}
    })
}

fn train(step: u64, loss: f64) -> Value {
    json!({
        "kind": "train", "step": step, "time": 1000.0 + step as f64, "loss": loss, "mlm_loss": 6.0, "rtd_loss": 0.3,
        "learning_rate": 5e-4, "grad_norm": 1.0, "tokens_per_second": 12_800.0, "peak_fraction": 0.5, "rss_mb": 800.0,
        "data_wait_fraction": 0.0, "epoch": step as f64 / 50.0, "tokens": step * 12_800
    })
}

fn eval(step: u64, auc: f64, collapsed: bool) -> Value {
    json!({
        "kind": "eval", "step": step, "time": 1000.0 + step as f64, "loss": 16.0, "mlm_loss": 5.5, "mlm_accuracy": 0.2,
        "sampled_accuracy": 0.1, "rtd_loss": 0.21, "rtd_accuracy": 0.9, "rtd_precision": 0.7, "rtd_recall": 0.3,
        "rtd_auc": auc, "fake_rate": 0.13, "rtd_loss_over_entropy": 0.6, "collapsed": collapsed
    })
}

fn end() -> Value {
    json!({"kind": "end", "step": 100, "time": 1110.0, "seconds": 110.0, "tokens": 1_280_000, "reason": "all steps done"})
}

fn page(lines: &[Value]) -> String {
    let page = render(run(lines).path()).unwrap();
    assert_eq!(faults(&page), Vec::<String>::new());
    page
}

#[test]
fn a_finished_run_has_everything() {
    let page = page(&[
        start(),
        train(50, 20.0),
        eval(50, 0.7, false),
        train(100, 17.0),
        eval(100, 0.85, false),
        end(),
    ]);
    for text in [
        "<h2>Healthy</h2>",
        "ended at step 100: all steps done",
        "<dt>tokens</dt><dd>1.28 million</dd>",
        "<dt>parameters</dt><dd>14.2 million</dd>",
        "<dt>time</dt><dd>1 min 50 s</dd>",
        // First, best at its step and last of the AUC.
        "<td class=\"quiet\">0.700</td><td>0.850<small>100</small></td><td class=\"strong\">0.850</td>",
        // Predicted and actual.
        "<td>Time</td><td class=\"quiet\">3 min 20 s</td><td class=\"strong\">1 min 50 s</td><td class=\"quiet\">55 %</td>",
        "<td>Memory at most</td><td class=\"quiet\">1,000 MB</td><td class=\"strong\">800 MB</td><td class=\"quiet\">80 %</td>",
        "<td>2025-01-01 00:00 UTC</td>",
        "recipe_version = 1\nseed = 1\n",
    ] {
        assert!(page.contains(text), "no {text:?} in the page");
    }
    assert_eq!(page.matches("<svg").count(), 12);
    assert!(!page.contains("nothing recorded yet"));
}

#[test]
fn the_page_stands_alone() {
    let page = page(&[start(), train(50, 20.0), eval(50, 0.7, false), end()]);
    for foreign in ["http:", "https:", "<script", "<link", "@import", "url("] {
        assert!(!page.contains(foreign), "the page has {foreign}");
    }
}

#[test]
fn a_run_without_evaluation_is_not_judged() {
    let page = page(&[start(), train(10, 30.0), train(20, 29.0)]);
    assert!(page.contains("<h2>Not evaluated yet</h2>"));
    assert!(page.contains("No held-out evaluation has been recorded yet."));
    assert!(page.contains("at step 20, without an end: still running, or killed"));
    assert_eq!(page.matches("<svg").count(), 7);
    assert_eq!(page.matches("nothing recorded yet").count(), 5);
    // What training itself counts is drawn.
    let counted = |step, share: f64| {
        let mut line = train(step, 30.0);
        (line["mlm_accuracy"], line["fake_rate"]) = (share.into(), (0.1 - share).into());
        line
    };
    let page = self::page(&[start(), counted(10, 0.01), counted(20, 0.02)]);
    assert_eq!(page.matches("<svg").count(), 9);
}

#[test]
fn a_run_that_has_only_started_is_reported() {
    let page = page(&[start()]);
    assert!(page.contains("at step 0"));
    assert!(!page.contains("<svg"));
}

#[test]
fn each_sign_of_bad_health_is_seen() {
    let young = page(&[start(), train(10, 30.0), eval(10, 0.6, false)]);
    assert!(young.contains("<h2>Not healthy yet</h2>") && young.contains("3 of 4 signs"));
    let collapsed = page(&[start(), train(10, 30.0), eval(10, 0.6, true)]);
    assert!(collapsed.contains("<h2>Says the majority class</h2>"));
    assert!(
        collapsed.contains("of what knowing the share of replaced tokens costs")
            && collapsed.contains("too short")
    );
    assert!(!collapsed.contains("no longer learns"));
    let mut diverged = train(20, 0.0);
    diverged["loss"] = Value::Null;
    let diverged = page(&[start(), train(10, 30.0), eval(10, 0.9, false), diverged]);
    assert!(diverged.contains("<h2>Diverged</h2>") && diverged.contains("at step 20 is not a number"));

    let stopped =
        json!({"kind": "end", "step": 20, "time": 9.0, "seconds": 1.0, "tokens": 1, "reason": "diverged"});
    assert!(page(&[start(), train(10, 30.0), stopped]).contains("<h2>Diverged</h2>"));
}

#[test]
fn the_plateau_is_that_of_detection_among_all_tokens() {
    let of_objective = |kind: &str| {
        let mut line = eval(50, 0.9, false);
        line["rtd_loss"] = json!(0.6);
        let folder = run(&[start(), train(10, 36.0), train(50, 36.0), line]);
        fs::write(folder.path().join("recipe.toml"), format!("[objective]\nkind = \"{kind}\"\n")).unwrap();
        render(folder.path()).unwrap()
    };
    let all = of_objective("replaced-token-detection");
    // Named by the sign, and drawn in the curve.
    assert!(all.contains("3 of 4 signs") && all.matches("plateau").count() == 2);
    // At masked positions alone most tokens are replaced, and 36 is no bad loss.
    let masked = of_objective("electra-15");
    assert!(masked.contains("<h2>Healthy</h2>") && !masked.contains("plateau"));
}

#[test]
fn pauses_before_a_resume_are_not_training_time() {
    let mut resume = start();
    resume["kind"] = json!("resume");
    resume["step"] = json!(10);
    resume["time"] = json!(90_000.0);
    let mut later = train(20, 20.0);
    later["time"] = json!(90_005.0);
    let page = page(&[start(), train(10, 30.0), resume, later]);
    assert!(page.contains("<dt>time</dt><dd>15 s</dd>"), "10 s before and 5 s after");
    assert!(page.contains("<td>resumed</td>"));
}

#[test]
fn published_values_stand_beside_a_run_of_enough_tokens() {
    let at_100k_steps = |mut record: Value| {
        record["step"] = json!(10_000);
        record["tokens"] = json!(1_638_400_000u64);
        record
    };
    let page = page(&[start(), at_100k_steps(train(1, 20.0)), at_100k_steps(eval(1, 0.9, false))]);
    assert!(
        page.contains("<td class=\"quiet\">0.890</td><td class=\"quiet\">0.935</td>"),
        "AUC at 100k and 1M steps"
    );
    assert!(page.contains("Dashed: ELECTRA-Small as published"));
    assert!(page.contains("class=\"line published\""));
}

#[test]
fn foreign_text_is_escaped() {
    let event = json!({"kind": "event", "step": 1, "time": 1.0, "message": "<b>&\"bold\"</b>"});
    let folder = run(&[start(), event]);
    fs::write(folder.path().join("recipe.toml"), "name = \"</pre><script>\"").unwrap();
    let named = folder.path().join("<i>&amp;");
    fs::create_dir(&named).unwrap();
    for name in ["metrics.jsonl", "run.json", "recipe.toml"] {
        fs::rename(folder.path().join(name), named.join(name)).unwrap();
    }
    let page = render(&named).unwrap();
    assert!(!page.contains("<b>&\"bold") && page.contains("&lt;b&gt;&amp;&quot;bold&quot;"));
    assert!(!page.contains("<script>"));
    assert!(page.contains("<h1>&lt;i&gt;&amp;amp;</h1>"));
}

#[test]
fn what_is_missing_is_named() {
    let message = |folder: &Path| render(folder).unwrap_err().to_string();
    let folder = run(&[start()]);
    fs::remove_file(folder.path().join("recipe.toml")).unwrap();
    assert!(render(folder.path()).unwrap().contains("The folder has no recipe.toml."));
    fs::write(folder.path().join("metrics.jsonl"), "{\"kind\": \"sta").unwrap();
    assert!(message(folder.path()).contains("metrics.jsonl holds no complete line yet"));
    fs::remove_file(folder.path().join("metrics.jsonl")).unwrap();
    assert!(message(folder.path()).contains("is no run folder: it has no metrics.jsonl"));
    fs::remove_file(folder.path().join("run.json")).unwrap();
    assert!(message(folder.path()).contains("it has no run.json"));
    let absent = folder.path().join("absent");
    assert!(message(&absent).starts_with(&format!("there is no folder {}", absent.display())));
    let file = folder.path().join("scores.csv");
    fs::write(&file, "").unwrap();
    assert!(message(&file).contains("scores.csv is a file and no run folder"));
    let folder = run(&[start()]);
    fs::write(folder.path().join("run.json"), "{").unwrap();
    assert!(message(folder.path()).contains("run.json is damaged"));
}

#[test]
fn lines_of_another_making_do_not_break_the_page() {
    let odd = json!({"kind": "train", "step": 7, "time": 1.0, "loss": "high", "tokens": -3, "rss_mb": [1]});
    let page = page(&[
        json!({"kind": "start", "step": 0, "time": 5.0, "plan": 3}),
        odd,
        json!({"kind": "eval", "step": 7, "time": 2.0}),
    ]);
    assert!(page.contains("at step 7"));
}

#[test]
fn what_was_evaluated_on_is_said_and_older_logs_mean_the_first_rows() {
    let mut spread = eval(100, 0.85, false);
    spread["heldout"] = json!({"rows": "spread", "examples": 2000});
    let page_of = |eval: Value| page(&[start(), train(100, 17.0), eval]);
    assert!(page_of(spread).contains("Measured on 2,000 held-out rows, spread evenly."));
    let older = page_of(eval(100, 0.85, false));
    assert!(older.contains("Measured on the first held-out rows, as many as the recipe asks for."));
}
