//! What a run of several phases says of them: lines of the log, position of checkpoints, the best step, the report.

use serde_json::Value;

use crate::{POSITIONS, SHORT_THEN_LONG, bench};

fn lines<'a>(log: &'a [Value], kind: &str) -> Vec<&'a Value> {
    log.iter().filter(|line| line["kind"] == kind).collect()
}

#[test]
fn a_log_has_one_curve_with_a_line_where_each_phase_begins() {
    let bench = bench();
    let recipe = |_| bench.phased(SHORT_THEN_LONG, &[POSITIONS]);
    assert!(bench.train("run", 1, recipe, None)[0].is_ok());
    let log = bench.log("run");

    let phases = lines(&log, "phase");
    let numbers = |key: &str| phases.iter().map(|line| line[key].as_f64()).collect::<Vec<_>>();
    assert_eq!(numbers("step"), [Some(0.0), Some(4.0)]);
    assert_eq!(numbers("phase"), [Some(1.0), Some(2.0)]);
    assert_eq!(numbers("of"), [Some(2.0), Some(2.0)]);
    assert_eq!(numbers("steps"), [Some(4.0), Some(5.0)]);
    assert_eq!(numbers("sequence_length"), [Some(16.0), Some(32.0)]);
    assert_eq!(numbers("batch_size"), [Some(8.0), Some(6.0)]);
    assert_eq!(numbers("micro_batch_size"), [Some(1.0), Some(2.0)]);
    assert_eq!(numbers("tokens"), [Some(512.0), Some(960.0)]);
    assert_eq!(numbers("masking_probability"), [Some(0.15), Some(0.3)]);
    assert_eq!(numbers("learning_rate"), [None, Some(5e-4)]);
    let said: Vec<&str> = lines(&log, "event").iter().filter_map(|line| line["message"].as_str()).collect();
    let second = said.iter().find(|message| message.starts_with("phase 2 of 2: ")).unwrap();
    assert!(
        second.contains("5 steps of 6 x 32 tokens of ") && second.contains("peak learning rate 5e-4"),
        "{second}"
    );

    // Steps go on; the last of a phase is logged, evaluated and saved, so that no line is of two.
    let train: Vec<(f64, f64, f64)> = lines(&log, "train")
        .iter()
        .map(|line| ["step", "phase", "tokens"].map(|key| line[key].as_f64().unwrap()).into())
        .collect();
    assert_eq!(
        train,
        [(2.0, 1.0, 256.0), (4.0, 1.0, 512.0), (6.0, 2.0, 896.0), (8.0, 2.0, 1280.0), (9.0, 2.0, 1472.0)]
    );
    let eval = lines(&log, "eval");
    assert_eq!(eval.iter().map(|line| line["step"].as_u64().unwrap()).collect::<Vec<_>>(), [3, 4, 6, 9]);
    // All are of one measure: the held-out rows of the last phase.
    assert!(eval.iter().all(|line| line["heldout"] == eval[0]["heldout"]), "{eval:?}");
    let end = lines(&log, "end")[0];
    assert_eq!((end["tokens"].as_u64(), end["reason"].as_str()), (Some(1472), Some("finished")));

    // The best step of the run is the one with the lowest of these losses.
    let best: Value = serde_json::from_slice(&bench.bytes("run/checkpoints/best.json")).unwrap();
    let lowest =
        eval.iter().min_by(|a, b| a["loss"].as_f64().unwrap().total_cmp(&b["loss"].as_f64().unwrap()));
    assert_eq!(best["step"], lowest.unwrap()["step"]);

    let state: Value =
        serde_json::from_slice(&bench.bytes("run/checkpoints/step-0000000006/state.json")).unwrap();
    assert_eq!(state, serde_json::json!({ "step": 6, "position": { "phase": 2, "steps": 2, "rows": 12 } }));
}

#[test]
fn evaluations_of_a_phase_read_the_rows_of_the_last_one_whatever_the_phase_says() {
    let bench = bench();
    let last = "[[phases]]\nsteps = 3\n[[phases]]\nsteps = 3\ndata = { path = \"DIR/long\", sequence_length = 32 }\n";
    let recipe = |_| bench.phased(last, &[POSITIONS]);
    assert!(bench.train("run", 1, recipe, None)[0].is_ok());
    let long = format!("data.path={:?}", bench.path("long").display().to_string());
    let alone = bench.recipe(&[POSITIONS, "data.sequence_length=32", &long]);
    assert!(bench.train("alone", 1, |_| alone.clone(), None)[0].is_ok());
    let measure = |run: &str| {
        let log = bench.log(run);
        lines(&log, "eval")[0]["heldout"].clone()
    };
    assert_eq!(measure("run"), measure("alone"));
}

#[test]
fn a_run_without_phases_says_nothing_of_them() {
    let bench = bench();
    bench.finish("run", 1, &[]);
    let log = bench.log("run");
    assert!(log.iter().all(|line| line["kind"] != "phase" && line.get("phase").is_none()));
    assert_eq!(bench.bytes("run/checkpoints/step-0000000006/state.json"), br#"{"step":6}"#);
    let recipe = String::from_utf8(bench.bytes("run/recipe.toml")).unwrap();
    assert!(!recipe.contains("phases") && recipe.contains("steps = 8\n"), "{recipe}");
}

#[test]
fn the_report_has_a_seam_in_its_curves_and_a_table_of_phases() {
    let bench = bench();
    let recipe = |_| bench.phased(SHORT_THEN_LONG, &[POSITIONS]);
    assert!(bench.train("run", 1, recipe, None)[0].is_ok());
    let html = electra_pretrain::report::render(&bench.path("run")).unwrap();
    assert!(html.contains("<h2>Phases</h2>"), "no table");
    assert!(html.contains("<td>6 x 32</td><td>960</td><td>0.3</td><td>5e-4</td>"), "{}", &html[..0]);
    let seams = html.matches("<line class=\"zero seam\"").count();
    assert!(seams >= 5 && seams == html.matches("text-anchor=\"start\">phase 2<").count(), "{seams} seams");
    bench.finish("plain", 1, &[]);
    let html = electra_pretrain::report::render(&bench.path("plain")).unwrap();
    assert!(!html.contains("<h2>Phases</h2>") && !html.contains("class=\"zero seam\""));
}
