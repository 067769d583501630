//! READMEs of experiments with what fills them in: expressions in prose, `tables.toml`, files of numbers.

use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;

use electra_ablate::comparison::{Comparison, Subject};
use electra_ablate::readme::ExpressionError;
use electra_ablate::readme::placeholder::fill;
use electra_ablate::readme::sources::{CheckedResults, Sources};
use electra_ablate::readme::tables::{self, Tables, with_tables};
use electra_ablate::standing::ArmContext;
use electra_files::regular;
use electra_run::recipe::load;
use rand::RngExt;
use serde_json::json;

use super::material::catalogue;
use crate::case::Case;
use crate::mutate;
use crate::reader::{OkRendered, Reached, Reader, Rng};

/// A README, its tables, and what both are made from.
pub(super) struct Readmes;

const README: &str = "README.md";

const TABLES: &str = r#"recipe_version = 1

[[table]]
name = "runs"
columns = [
    { title = "run", cell = "{name}" },
    { title = "F1", cell = ["{run.f1:+.1%} of {run.n*0.5:,}", "{run.f1/2:.3}", "{run.seen.recall:p}"] },
]
rows = [{ name = "a|b", run = "numbers.json runs[-1]" }, { name = "c", run = "numbers.json runs[n=3]" }]
"#;

const EXPRESSIONS: &[&str] = &[
    "a rtd-auc mean",
    "a - b rtd-auc :+.2",
    "a / b heldout.loss max",
    "b rtd-auc@10 each",
    "b - a probe-f1 p :p",
    "a found-nothing",
    "rank-correlation rtd-auc loss over arms of a,b where rtd-auc above 0.5 count",
    "correlation rtd-auc loss over differences",
    "numbers.json runs[0].f1 - numbers.json runs[n=3].f1 :.1%",
    "in exp a seeds",
    "a failed",
    "b - a rtd-auc interval-90",
    "b - a rtd-auc verdict",
    "b - a rtd-auc p-holm",
];

/// Results with an experiment whose base arm is the first of them.
fn standing(folder: &Path) -> Result<Rc<CheckedResults>, ExpressionError> {
    let results = CheckedResults::of_folder(folder)?;
    let arms: BTreeSet<String> = results.finished.iter().map(|run| run.arm.clone()).collect();
    if arms.is_empty() {
        return Ok(Rc::new(results));
    }
    let known = ArmContext { failed: results.failed.clone(), ..ArmContext::default() };
    let subject =
        Subject::of_runs("exp", catalogue().all()[5], catalogue(), arms.into_iter().collect(), known);
    let comparison = Comparison::new(Subject { margin: Some(0.01), ..subject }, &results.finished);
    Ok(Rc::new(CheckedResults { comparison: Some(comparison), ..results }))
}

impl Reader for Readmes {
    fn name(&self) -> &'static str {
        "readme"
    }

    fn stages(&self) -> &'static [&'static str] {
        &["read", "tables", "filled"]
    }

    fn seeds(&self) -> Vec<Case> {
        let table = format!("{}\n{}\n", tables::begin("runs"), tables::END);
        let mut case = Case::default().with("exp/tables.toml", TABLES).with(
            "exp/numbers.json",
            r#"{"runs": [{"n": 3, "f1": 0.25, "seen": {"support": 0, "recall": 0.0}}, {"n": 12000, "f1": 0.5}]}"#,
        );
        for (arm, better) in [("a", 0.0), ("b", 0.02)] {
            for seed in 1..=3 {
                let auc = 0.7 + better + 0.001 * f64::from(seed);
                let result = json!({
                    "experiment": "exp", "arm": arm, "seed": seed, "hash": "ab", "differences": {}, "steps": 20,
                    "tokens": 1280, "flops": 1.5e9,
                    "parameters": {"discriminator": 900, "generator": 100, "total": 1000},
                    "heldout": {"loss": 25.5 + auc * auc, "rtd_auc": auc},
                    "probe": {"hash": "ab", "scores": [{"seed": 1, "dev_f1": 0.5 + better, "test_f1": 0.4}]},
                    "seconds": 3.5, "program": "electra 0.1.0", "curve": {"step": [10], "rtd_auc": [auc]},
                });
                case.set(&format!("exp/results/{arm}{seed}.json"), result.to_string());
            }
        }
        // One of each, as the first that has no value ends the text.
        let told = EXPRESSIONS.iter().map(|expression| format!("of <!-- = {expression} -->?<!-- / -->.\n"));
        let all: String = told.clone().collect();
        let mut cases = vec![case.clone().with(&format!("exp/{README}"), format!("{all}{table}"))];
        cases.extend(told.map(|told| case.clone().with(&format!("exp/{README}"), format!("{told}{table}"))));
        cases
    }

    fn mutate(&self, case: &mut Case, rng: &mut Rng) {
        match rng.random_range(0..10) {
            0..5 => mutate::damage(case, &format!("exp/{README}"), rng),
            5..8 => mutate::damage(case, "exp/tables.toml", rng),
            _ => mutate::mutate(case, rng),
        }
    }

    fn run(&self, folder: &Path, reached: &Reached<'_>) -> Option<()> {
        let folder = folder.join("exp");
        let text = regular::read_to_string(&folder.join(README)).ok_rendered()?;
        reached.stage("read");
        let mut sources = Sources::of_experiment(&folder, &standing, catalogue());
        // Either may be damaged without the other.
        if let Some(tables) = load::<Tables>(&folder.join(tables::TABLES), &[]).ok_rendered()
            && let Some(made) = with_tables(&text, &tables.value, &mut sources).ok_rendered()
        {
            std::hint::black_box(made);
            reached.stage("tables");
        }
        let (filled, stale) = fill(&text, |expression| sources.value(expression)).ok_rendered()?;
        std::hint::black_box(stale);
        let (again, stale) = fill(&filled, |expression| sources.value(expression)).ok_rendered()?;
        assert!(again == filled && stale.is_empty(), "filled twice it is another text: {stale:?}");
        reached.stage("filled");
        Some(())
    }

    fn quick(&self) -> u64 {
        400
    }
}
