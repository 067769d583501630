//! What TensorBoard has of a fine-tuning run.

use electra_run::record::HParam;
use serde_json::Value;

use super::outcome::SplitOutcome;
use crate::recipe::Recipe;

/// The tags that runs are compared by.
pub(super) const COMPARED: [&str; 3] = ["best/dev_f1", "best/test_f1", "speed/words_per_second"];

/// Every value of the recipe under its dotted key.
pub(super) fn hparams(recipe: &Recipe) -> Vec<(String, HParam)> {
    let mut found = Vec::new();
    flatten("", &serde_json::to_value(recipe).expect("a recipe is plain JSON"), &mut found);
    found
}

fn flatten(key: &str, value: &Value, found: &mut Vec<(String, HParam)>) {
    let hparam = match value {
        Value::Object(table) => {
            for (name, value) in table {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                flatten(&key, value, found);
            }
            return;
        }
        Value::Null => return,
        Value::Bool(flag) => HParam::Flag(*flag),
        Value::Number(number) => HParam::Number(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => HParam::Text(text.clone()),
        list @ Value::Array(_) => HParam::Text(list.to_string()),
    };
    found.push((key.to_owned(), hparam));
}

/// The scores of the epoch that was kept, on a split.
pub(super) fn of_split(name: &str, scores: &SplitOutcome) -> Vec<(String, f64)> {
    [("precision", scores.precision), ("recall", scores.recall), ("f1", scores.f1)]
        .map(|(measure, share)| (format!("best/{name}_{measure}"), share))
        .to_vec()
}
