//! The pictures that experiments embed: they are those of the committed results, and have colours of their
//! own. `ELECTRA_WRITE_PICTURES=1 cargo test --test pictures` writes them again.

use std::fs;
use std::path::Path;

use electra_run::curve::{Curve, CurveRole, Scale, Series};
use electra_run::plot;
use serde_json::Value;

/// The points of a key in a list of the results.
fn points(results: &Value, list: &str, key: &str) -> Vec<(f64, f64)> {
    let point = |line: &Value| Some((line["step"].as_f64()?, line.get(key)?.as_f64()?));
    results[list].as_array().unwrap().iter().filter_map(point).collect()
}

#[test]
fn pictures_of_the_baseline_are_those_of_its_results() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments/000-baseline/results");
    let results: Value = serde_json::from_slice(&fs::read(folder.join("tiny.json")).unwrap()).unwrap();
    for (file, title, key) in [
        ("auc.svg", "Area under the curve of the discriminator by step", "rtd_auc"),
        ("mlm.svg", "Loss of the generator by step", "mlm_loss"),
    ] {
        let held_out = points(&results, "evaluations", key);
        let training = points(&results, "training", key);
        let last_step = held_out.last().unwrap().0;
        let series = [(CurveRole::Training, training), (CurveRole::HeldOut, held_out)];
        let curve = Curve {
            title: title.to_owned(),
            series: series.map(|(role, points)| Series { role, points }).to_vec(),
            seams: Vec::new(),
            limits: Vec::new(),
            last_step,
            scale: Scale::Values,
        };
        let drawn = plot::standalone(&curve.svg().unwrap());
        let path = folder.join(file);
        if std::env::var_os("ELECTRA_WRITE_PICTURES").is_some() {
            fs::write(&path, &drawn).unwrap();
        }
        assert!(fs::read_to_string(&path).unwrap() == drawn, "{file} is not what the results say");
    }
}
