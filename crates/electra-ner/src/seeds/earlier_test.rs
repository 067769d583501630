//! Scores on the test data of an earlier call, which a call without test data does not take away.

use std::path::Path;

use electra_files::regular;
use serde_json::Value;

use super::summary::Summary;
use crate::finetune::{Outcome, SCORES};

/// The keys of a summary about test data, beside the `test_f1` of each run.
const OF_TEST: [&str; 2] = ["test", "pooled_test"];
/// Lists of findings about the data, those about the test data among them.
const OF_SPLITS: [&str; 2] = ["overlaps", "warnings"];
/// The field of a run.
const OF_RUN: &str = "test_f1";

/// A summary as it is written to `path`: where this call has no test data, with the scores of the one
/// that stands there, if it is of the same seeds and their runs still have these scores.
pub(super) fn text(summary: &Summary, path: &Path) -> String {
    let kept = (summary.pooled_test.is_none()).then(|| kept(summary, path)).flatten();
    let text = match kept {
        Some(kept) => serde_json::to_string_pretty(&kept),
        None => serde_json::to_string_pretty(summary),
    };
    text.expect("scores are JSON") + "\n"
}

fn kept(summary: &Summary, path: &Path) -> Option<Value> {
    let earlier: Value = serde_json::from_slice(&regular::read(path).ok()?).ok()?;
    let earlier_runs = earlier["runs"].as_array()?;
    if earlier_runs.len() != summary.runs.len() || earlier["pooled_test"].is_null() {
        return None;
    }
    let mut value = serde_json::to_value(summary).ok()?;
    let mut hash = None;
    for (run, (own, earlier)) in
        summary.runs.iter().zip(value["runs"].as_array_mut()?.iter_mut().zip(earlier_runs))
    {
        let scores: Outcome = serde_json::from_slice(&regular::read(&run.run.join(SCORES)).ok()?).ok()?;
        let test = scores.test?;
        let f1 = serde_json::to_value(test.f1_if_any()).ok()?;
        if earlier["seed"] != own["seed"] || earlier[OF_RUN] != f1 {
            return None;
        }
        if hash.get_or_insert_with(|| test.hash.clone()) != &test.hash {
            return None;
        }
        own[OF_RUN] = f1;
    }
    for field in OF_TEST {
        value[field] = earlier[field].clone();
    }
    // Nor is what has to be known to read them taken away.
    for field in OF_SPLITS {
        let own = value[field].as_array_mut()?;
        for found in earlier[field].as_array()? {
            if !own.contains(found) {
                own.push(found.clone());
            }
        }
    }
    Some(value)
}
