//! Predictions and their gold tags, as `eval ner` scores them.

use std::path::Path;

use electra_annotations::{
    Bootstrap, EvaluationSettings, Gold, PredictionForm, Predictions, ReadOptions, SeenEntities, Units,
    evaluate, paired_bootstrap, read, read_as_written,
};
use rand::RngExt;

use super::material::COLUMNS;
use crate::case::Case;
use crate::mutate;
use crate::reader::{OkRendered, Reached, Reader, Rng};

/// Two files of predictions, the gold file, and the training data.
pub(super) struct PredictionFiles;

impl Reader for PredictionFiles {
    fn name(&self) -> &'static str {
        "predictions"
    }

    fn stages(&self) -> &'static [&'static str] {
        &["read", "against gold", "scored", "compared"]
    }

    fn seeds(&self) -> Vec<Case> {
        let line = |line: &str| match line.split_once('\t') {
            Some(("-DOCSTART-", _)) => "-DOCSTART-\tO\tO".to_owned(),
            Some((token, tag)) => format!("{token}\t{tag}\t{}", if token == "Rome" { "O" } else { tag }),
            None => line.to_owned(),
        };
        let predicted: String = COLUMNS.lines().map(|text| line(text) + "\n").collect();
        let records: String = COLUMNS
            .split("\n\n")
            .filter(|sentence| !sentence.starts_with("-DOCSTART-") && !sentence.trim().is_empty())
            .map(|sentence| {
                let (tokens, tags): (Vec<&str>, Vec<&str>) =
                    sentence.lines().filter_map(|line| line.split_once('\t')).unzip();
                serde_json::json!({"tokens": tokens, "ner_tags": tags}).to_string() + "\n"
            })
            .collect();
        let columns = Case::default()
            .with("gold.conll", COLUMNS)
            .with("train.conll", COLUMNS)
            .with("ours.conll", predicted.clone())
            .with("theirs.conll", predicted);
        let with_records = Case::default()
            .with("gold.conll", COLUMNS)
            .with("train.conll", COLUMNS)
            .with("ours.conll", records.clone())
            .with("theirs.conll", records);
        vec![columns, with_records]
    }

    fn mutate(&self, case: &mut Case, rng: &mut Rng) {
        match rng.random_bool(0.7) {
            true => mutate::damage(case, "ours.conll", rng),
            false => mutate::mutate(case, rng),
        }
    }

    fn waits_for_pipes(&self) -> bool {
        true
    }

    fn run(&self, folder: &Path, reached: &Reached<'_>) -> Option<()> {
        let [ours, theirs] = ["ours.conll", "theirs.conll"].map(|name| folder.join(name));
        if let Some(alone) = Predictions::read(&ours, None).ok_rendered() {
            reached.stage("read");
            score(&ours, &alone, alone.gold(&ours));
        }
        let gold = read_as_written(&folder.join("gold.conll"), &ReadOptions::default()).ok_rendered()?;
        let gold = Gold::as_written(&gold);
        let first = Predictions::read_as(&ours, Some(gold), PredictionForm::default()).ok_rendered()?;
        let second =
            Predictions::read_as(&theirs, Some(gold), PredictionForm { column: Some(2), options: None })
                .ok_rendered();
        reached.stage("against gold");
        score(&ours, &first, gold)?;
        reached.stage("scored");
        let train = read(&folder.join("train.conll"), &ReadOptions::default()).ok_rendered()?;
        let seen = SeenEntities::of(train.sentences.iter());
        let runs = [first, second?];
        let both =
            [&runs[..1], &runs[1..]].map(|runs| evaluate(runs, Some(&seen), settings(true)).ok_rendered());
        let [Some(a), Some(b)] = both else { return None };
        let counts = [a, b].map(|side| side.comparison.sentence_counts());
        let difference = paired_bootstrap(&counts[0], &counts[1], &Units::of(gold.sentences), bootstrap());
        std::hint::black_box(difference.to_string());
        reached.stage("compared");
        Some(())
    }
}

fn bootstrap() -> Bootstrap {
    Bootstrap { resamples: 20, seed: 0 }
}

fn settings(strict: bool) -> EvaluationSettings {
    EvaluationSettings { strict, scheme: None, bootstrap: bootstrap() }
}

fn score(path: &Path, run: &Predictions, gold: Gold<'_>) -> Option<()> {
    for strict in [false, true] {
        match evaluate(std::slice::from_ref(run), None, settings(strict)) {
            Ok(evaluation) => {
                std::hint::black_box((
                    evaluation.to_string(),
                    serde_json::to_string(&evaluation).ok_rendered(),
                ));
            }
            Err(error) => {
                std::hint::black_box((error.to_string(), path.display().to_string(), gold.path));
                return None;
            }
        }
    }
    Some(())
}
