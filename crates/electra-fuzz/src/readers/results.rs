//! Results of experiments, as `compare` reads them.

use std::path::Path;

use electra_ablate::comparison::{Comparison, Subject};
use electra_ablate::experiment::{Budget, Contrast};
use electra_ablate::identity::{CurrentArm, check_results_current};
use electra_ablate::quantities::{Quantity, QuantityRole};
use electra_ablate::record::read_folder;
use electra_ablate::standing::ArmContext;
use electra_ablate::{report, table, task};
use serde_json::json;

use super::material::catalogue;
use crate::case::Case;
use crate::reader::{OkRendered, Reached, Reader};

/// Six results of two arms, and a run that failed.
pub(super) struct Results;

/// A quantity that results may store.
const TABLE: &[Quantity] = &[Quantity {
    key: "heads",
    title: "heads",
    named_by: &["model.heads"],
    implied_by: &[],
    role: QuantityRole::Confound,
}];

impl Reader for Results {
    fn name(&self) -> &'static str {
        "results"
    }

    fn stages(&self) -> &'static [&'static str] {
        &["read", "belong", "compared", "rendered"]
    }

    fn seeds(&self) -> Vec<Case> {
        let mut case = Case::default();
        for (arm, better) in [("base", 0.0), ("wide", 0.02)] {
            for seed in 1..=3 {
                let auc = 0.7 + better + 0.001 * f64::from(seed);
                let result = json!({
                    "experiment": "runs", "arm": arm, "seed": seed, "hash": format!("{seed}{arm}00112233445566778899"),
                    "recipe": arm, "data": "ab".repeat(32), "tokenizer": {"hash": "cd".repeat(32), "vocab_size": 600},
                    "code": {"kernels": 2}, "quantities": {"heads": seed, "distances": "-1 +1"},
                    "differences": if arm == "wide" { json!({"model.generator.width": 1.0}) } else { json!({}) },
                    "steps": 20, "tokens": 1280, "flops": 1.5e9,
                    "parameters": {"discriminator": 900, "generator": 100, "total": 1000},
                    "heldout": {"loss": 25.5, "rtd_auc": auc, "rtd_accuracy": 0.86, "mlm_loss": 6.5},
                    "measure": {"rows": "spread", "examples": 16},
                    "probe": {"hash": "ab".repeat(16), "scores": [{"seed": 1, "dev_f1": 0.5 + better, "test_f1": 0.4}]},
                    "common": {"base": {"corruption": "ab".repeat(32), "run": format!("{seed}base0011"), "rows": 1000,
                        "fake_rate": 0.09, "auc": auc, "precision": null, "recall": 0.0, "f1": 0.0, "loss": 0.3,
                        "loss_over_entropy": 0.98}},
                    "tokenizer": {"hash": "cd".repeat(32), "vocab_size": 600},
                    "seconds": 3.5, "program": "electra 0.1.0",
                    "curve": {"step": [10, 20], "loss": [26.5, 25.5], "rtd_auc": [0.5, auc]},
                });
                case.set(
                    &format!("results/{arm}.seed-{seed}.json"),
                    serde_json::to_vec_pretty(&result).unwrap_or_default(),
                );
            }
        }
        let failed = json!({
            "experiment": "runs", "arm": "wild", "seed": 1, "hash": "00112233445566778899",
            "differences": {"schedule.learning_rate": 0.5}, "steps": 20, "tokens": 1280, "flops": 1.5e9,
            "parameters": {"discriminator": 900, "generator": 100, "total": 1000},
            "failed": {"step": 14, "reason": "diverged"}, "program": "electra 0.1.0",
        });
        case.set("results/wild.seed-1.json", serde_json::to_vec_pretty(&failed).unwrap_or_default());
        vec![case]
    }

    fn run(&self, folder: &Path, reached: &Reached<'_>) -> Option<()> {
        let mut results = read_folder(&folder.join("results")).ok_rendered()?;
        reached.stage("read");
        let stands = |name: &str| CurrentArm {
            name: name.to_owned(),
            differences: serde_json::Map::new(),
            planned: None,
            probe: None,
        };
        std::hint::black_box((
            check_results_current(&results, &["base", "wide", "wild"].map(stands)).ok_rendered(),
            results.check_arms().ok_rendered(),
        ));
        results.disambiguate_names();
        results.check_once().ok_rendered()?;
        reached.stage("belong");
        let (results, failed) = results.into_parts();
        let mut arms: Vec<String> = Vec::new();
        for arm in results.iter().map(|result| &result.arm).chain(failed.iter().map(|run| &run.arm)) {
            if !arms.contains(arm) {
                arms.push(arm.clone());
            }
        }
        arms.first()?;
        let contrasts =
            arms.windows(2).skip(1).map(|pair| Contrast { arm: pair[0].clone(), against: pair[1].clone() });
        let contrasts: Vec<Contrast> = contrasts.collect();
        for &metric in catalogue().all() {
            std::hint::black_box(task::check_vocabularies(metric, &results).ok_rendered());
            let known = ArmContext {
                seeds: vec![1, 2, 3],
                budget: Some(Budget::Flops),
                failed: failed.clone(),
                table: TABLE,
                ..ArmContext::default()
            };
            let subject = Subject {
                margin: Some(0.02),
                contrasts: contrasts.clone(),
                word_frequency_loss: Some(6.7),
                ..Subject::of_runs("runs", metric, catalogue(), arms.clone(), known)
            };
            let comparison = Comparison::new(subject, &results);
            reached.stage("compared");
            std::hint::black_box((
                table::text(&comparison),
                table::markdown(&comparison),
                table::json(&comparison),
            ));
            if metric.name() == "rtd-auc" {
                std::hint::black_box(report::render(&comparison));
            }
        }
        reached.stage("rendered");
        Some(())
    }
}
