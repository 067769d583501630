//! Hyperparameters of a run, from its recipe.

use serde::Serialize;
use serde_json::Value;

use super::tensorboard::HParam;

/// Every value of a recipe under its dotted key.
///
/// # Panics
/// On a recipe that is no JSON.
#[must_use]
pub fn hparams(recipe: &impl Serialize) -> Vec<(String, HParam)> {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_stand_under_dotted_keys_and_absent_ones_do_not() {
        let recipe = json!({ "seed": 1, "train": { "epochs": 3, "patience": null }, "names": ["a"] });
        let found: Vec<String> = hparams(&recipe).iter().map(|pair| format!("{pair:?}")).collect();
        let expected =
            [r#"("seed", Number(1.0))"#, r#"("train.epochs", Number(3.0))"#, r#"("names", Text("[\"a\"]"))"#];
        assert_eq!(found, expected);
    }
}
