//! The names of numbered tags that the `datasets` library keeps beside the data, or in their metadata.

use std::path::Path;

use electra_files::regular;
use serde_json::Value;

/// Files that describe a data set: one of its configurations, or all of them by name.
pub(super) const NAMES: [&str; 2] = ["dataset_info.json", "dataset_infos.json"];

/// Bytes of such a file at most.
const MAX_BYTES: u64 = 16 << 20;

/// The names of the tags in the first of these columns, from a description in the folder of the file at `path`
/// or in the one above; none if configurations of the data set have different ones.
pub(super) fn names_beside(path: &Path, columns: &[&str]) -> Option<Vec<String>> {
    let folder = path.parent()?;
    let above = if folder.as_os_str().is_empty() { Path::new("..") } else { folder.parent()? };
    let folders = [folder, above];
    let files = folders.iter().flat_map(|folder| NAMES.iter().map(move |file| folder.join(file)));
    let read = |file: &Path| regular::read_at_most(file, MAX_BYTES).ok();
    let described = files.filter_map(|file| serde_json::from_slice(&read(&file)?).ok());
    described.filter_map(|description: Value| names(&description, columns)).next()
}

/// The names of the tags in the first of these columns, from the description of a data set.
pub(super) fn names(description: &Value, columns: &[&str]) -> Option<Vec<String>> {
    let of = |info: &Value| {
        let features = info.get("features").or_else(|| info.get("info")?.get("features"))?;
        columns.iter().find_map(|column| class_names(features.get(column)?))
    };
    of(description).or_else(|| {
        let mut found: Vec<_> = description.as_object()?.values().filter_map(of).collect();
        found.dedup();
        found.pop().filter(|_| found.is_empty())
    })
}

/// The names of a class, or of the classes in a list.
fn class_names(feature: &Value) -> Option<Vec<String>> {
    let inner = || feature.get("feature").or_else(|| feature.get(0)).and_then(class_names);
    let names = feature.get("names").and_then(Value::as_array);
    let names = names.map(|names| names.iter().map(|name| name.as_str().map(str::to_owned)).collect());
    names.unwrap_or_else(inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_found_in_every_form_of_a_description() {
        let class = json!({ "names": ["O", "B-LOC"], "_type": "ClassLabel" });
        let expected = Some(vec!["O".to_owned(), "B-LOC".to_owned()]);
        let of =
            |feature: Value| names(&json!({ "features": { "ner_tags": feature } }), &["tags", "ner_tags"]);
        assert_eq!(of(json!({ "feature": class, "_type": "Sequence" })), expected);
        assert_eq!(of(json!({ "feature": class, "_type": "List" })), expected);
        assert_eq!(of(json!([class])), expected);
        assert_eq!(of(json!({ "feature": { "dtype": "string" } })), None);
        let info = json!({ "features": { "ner_tags": { "feature": class } } });
        assert_eq!(names(&json!({ "info": info }), &["ner_tags"]), expected);
        assert_eq!(names(&json!({ "default": info, "other": info }), &["ner_tags"]), expected);
        let other = json!({ "features": { "ner_tags": { "feature": { "names": ["O"] } } } });
        assert_eq!(names(&json!({ "default": info, "other": other }), &["ner_tags"]), None);
    }
}
