//! docs/recipes.md has every key of every recipe in configs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Recipes in a folder and those below.
fn recipes(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![project().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            match entry.extension().and_then(|extension| extension.to_str()) {
                _ if entry.is_dir() => folders.push(entry),
                Some("toml") => found.push(entry),
                _ => {}
            }
        }
    }
    assert!(!found.is_empty(), "no recipe in {folder}");
    found
}

/// Dotted names of all values of a table.
fn keys(table: &Table, before: &str, found: &mut BTreeSet<String>) {
    for (key, value) in table {
        let name = format!("{before}{key}");
        match value {
            // Weights of classes are named by the user.
            Value::Table(inner) if !name.ends_with(".weights") => keys(inner, &format!("{name}."), found),
            _ => {
                found.insert(name);
            }
        }
    }
}

/// The part of the reference from a heading to the next of its rank.
fn chapter(title: &str) -> String {
    let text = fs::read_to_string(project().join("docs/recipes.md")).unwrap();
    let from = text.find(&format!("\n## {title}\n")).unwrap_or_else(|| panic!("no chapter {title}"));
    let rest = &text[from + 4..];
    rest[..rest.find("\n## ").unwrap_or(rest.len())].to_owned()
}

fn check(title: &str, recipes: Vec<PathBuf>) {
    let mut expected = BTreeSet::new();
    for recipe in recipes {
        let table: Table = fs::read_to_string(&recipe).unwrap().parse().unwrap();
        keys(&table, "", &mut expected);
    }
    let chapter = chapter(title);
    // A key stands in the first cell of a row, alone or with its variants.
    let named: BTreeSet<&str> =
        chapter.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let missing: Vec<&String> = expected.iter().filter(|key| !named.contains(key.as_str())).collect();
    assert!(missing.is_empty(), "docs/recipes.md, {title}, has no row for {missing:?}");
}

#[test]
fn every_key_of_pretraining_has_a_row() {
    check("Pretraining recipe", recipes("configs/pretrain"));
}

#[test]
fn every_key_of_fine_tuning_has_a_row() {
    check("Fine-tuning recipe", recipes("configs/ner"));
}
