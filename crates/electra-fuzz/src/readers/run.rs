//! Run folders: their logs and descriptions, as `report`, `compare` and a run that goes on read them.

use std::path::Path;

use electra_ablate::run::{code_of, last_step, read, read_diverged, results_of_runs};
use electra_files::{durable, regular};
use electra_pretrain::metrics::{EvalRecord, Scalars, TrainRecord};
use electra_pretrain::recipe::FREE_KEYS;
use electra_pretrain::report::render;
use electra_run::code::CodeVersions;
use electra_run::record::{MetricsLog, RunRecord, read_metrics};
use electra_run::run_folder::{RunFolder, RunIdentity, planned_steps};
use serde_json::json;

use super::material::recipe;
use crate::case::Case;
use crate::reader::{OkRendered, Reached, Reader};

/// A finished run without its weights.
pub(super) struct RunFolders;

impl Reader for RunFolders {
    fn name(&self) -> &'static str {
        "run-folder"
    }

    fn stages(&self) -> &'static [&'static str] {
        &["logged", "reported", "a result", "claimed", "resumed"]
    }

    fn seeds(&self) -> Vec<Case> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let run = folder.path().join("run");
        let claimed = RunFolder::create_or_resume(&run, &identity()).expect("a new folder is nobody's");
        let mut log = MetricsLog::open(claimed.metrics(), 0, &record()).expect("a new log");
        let steps = recipe().value.train.steps;
        for step in [5, steps / 2, steps] {
            let of_train = Scalars::default().with("loss", 30.0).with("mlm_loss", 6.0);
            let of_eval = Scalars::default().with("loss", 29.0).with("rtd_auc", 0.6).with("rtd_loss", 0.4);
            let train = TrainRecord { scalars: of_train, tokens: 64 * step, ..TrainRecord::default() };
            let eval = EvalRecord { scalars: of_eval, ..EvalRecord::default() };
            log.line("train", step, &train)
                .and_then(|()| log.line("eval", step, &eval))
                .expect("a log takes lines");
        }
        log.event(5, "something was noted")
            .and_then(|()| log.end(steps, 3.0, 640, "finished"))
            .expect("a log takes lines");
        std::fs::write(claimed.model(), b"weights").expect("a temporary folder can be written to");
        drop((log, claimed));
        let mut case = Case::default();
        let found = Case::of_folder(&run).expect("what was written can be read");
        for name in found.files().filter(|name| *name != "lock") {
            case.set(&format!("run/{name}"), found.file(name).unwrap_or_default());
        }
        vec![case]
    }

    fn writes(&self) -> &'static [&'static str] {
        &[
            "run/report.html",
            "run/report.html.tmp",
            "run/lock",
            "run/recipe.toml.tmp",
            "run/metrics.jsonl",
            "run/metrics.jsonl.tmp",
            "run/run.json.tmp",
        ]
    }

    fn run(&self, folder: &Path, reached: &Reached<'_>) -> Option<()> {
        let run = folder.join("run");
        let log = run.join("metrics.jsonl");
        for line in read_metrics(&log).ok_rendered()? {
            std::hint::black_box((line.heldout_measure(), line.number("loss")));
        }
        reached.stage("logged");
        std::hint::black_box((
            last_step(&run),
            regular::open(&run.join("recipe.toml"))
                .and_then(std::io::read_to_string)
                .ok()
                .map(|text| planned_steps(&text)),
        ));
        // As `report` writes it.
        if let Some(page) = render(&run).ok_rendered()
            && durable::write(&run.join("report.html"), page.as_bytes()).ok_rendered().is_some()
        {
            reached.stage("reported");
        }
        if let Some(Some(finished)) = read(&run).ok_rendered() {
            for result in results_of_runs(
                vec![(run.clone(), finished.clone()), (folder.to_owned(), finished)],
                Vec::new(),
            )
            .0
            {
                std::hint::black_box(result.text());
            }
            reached.stage("a result");
        }
        if let Some(Some(diverged)) = read_diverged(&run).ok_rendered() {
            std::hint::black_box(results_of_runs(Vec::new(), vec![(run.clone(), diverged)]));
        }
        std::hint::black_box(code_of(&run).ok_rendered());
        let claimed = RunFolder::create_or_resume(&run, &identity()).ok_rendered()?;
        std::hint::black_box(&claimed.changes);
        reached.stage("claimed");
        let mut log = MetricsLog::open(claimed.metrics(), 30, &record()).ok_rendered()?;
        log.event(30, "on it goes").ok_rendered()?;
        claimed.adopt_recipe().ok_rendered()?;
        reached.stage("resumed");
        Some(())
    }
}

fn identity() -> RunIdentity {
    let recipe = recipe();
    RunIdentity {
        recipe_hash: recipe.hash_without(FREE_KEYS),
        recipe_text: recipe.text.clone(),
        free_keys: FREE_KEYS,
        data_hash: "d".repeat(64),
        source_hashes: vec![],
        tokenizer_hash: "e".repeat(64),
        model_hash: None,
        code: CodeVersions::default(),
        program_version: "electra 0.1.0".to_owned(),
        device: "flex".to_owned(),
        threads: 1,
    }
}

fn record() -> RunRecord {
    RunRecord {
        recipe_hash: "a".repeat(64),
        code: CodeVersions::default(),
        parameters: json!({"discriminator": 900, "generator": 100, "total": 1000}),
        flops_per_step: 1e6,
        plan: None,
        ranks: None,
    }
}
