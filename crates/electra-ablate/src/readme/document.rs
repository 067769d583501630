//! A value in a JSON file by its path: `evaluations[step=2000].rtd_auc`, `test.mean`, `runs[-1].test_f1`.

use serde_json::Value;

/// The value at a path; none where there is nothing, `null`, or a share of nothing: a recall whose
/// `support` is 0, a precision whose `predicted` is 0.
#[must_use]
pub(super) fn at<'a>(root: &'a Value, path: &str) -> Option<&'a Value> {
    let mut value = root;
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let (key, selections) = part.split_at(part.find('[').unwrap_or(part.len()));
        let is_zero = |count: &str| value.get(count).and_then(Value::as_f64) == Some(0.0);
        let of_nothing =
            (key == "recall" && is_zero("support")) || (key == "precision" && is_zero("predicted"));
        if of_nothing {
            return None;
        }
        if !key.is_empty() {
            value = value.get(key)?;
        }
        for selection in selections.split_terminator(']') {
            value = selected(value, selection.strip_prefix('[')?)?;
        }
    }
    (!value.is_null()).then_some(value)
}

/// The element of a list at an index, from the end where it is negative, or the first element whose `key` has
/// this value.
fn selected<'a>(list: &'a Value, selection: &str) -> Option<&'a Value> {
    let list = list.as_array()?;
    if let Some((key, wanted)) = selection.split_once('=') {
        let has = |element: &&Value| match element.get(key) {
            Some(Value::String(text)) => text == wanted,
            Some(other) => wanted.parse().is_ok_and(|number: f64| other.as_f64() == Some(number)),
            None => false,
        };
        return list.iter().find(has);
    }
    let index: isize = selection.parse().ok()?;
    list.get(usize::try_from(index).ok().or_else(|| list.len().checked_add_signed(index))?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_leads_through_objects_and_lists() {
        let root = json!({
            "test": {"mean": 0.5, "sd": null},
            "runs": [{"seed": 3, "f1": 0.25}, {"seed": 4, "f1": 0.75, "name": "b"}],
            "seen": {"support": 0, "recall": 0.0, "predicted": 2, "precision": 0.5},
        });
        for (path, expected) in [
            ("test.mean", Some(json!(0.5))),
            ("runs[0].f1", Some(json!(0.25))),
            ("runs[-1].f1", Some(json!(0.75))),
            ("runs[seed=4].f1", Some(json!(0.75))),
            ("runs[name=b].seed", Some(json!(4))),
            ("seen.precision", Some(json!(0.5))),
            // Nothing, and a share of nothing.
            ("seen.recall", None),
            ("test.sd", None),
            ("test.mode", None),
            ("runs[2]", None),
            ("runs[-3]", None),
            ("runs[seed=5].f1", None),
            ("runs[x", None),
            ("test[0]", None),
        ] {
            assert_eq!(at(&root, path).cloned(), expected, "{path}");
        }
    }
}
