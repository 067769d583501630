//! Models that are there and have a name like one that is not.

use std::fs;
use std::path::{Path, PathBuf};

use electra_hub::Cache;
use strsim::normalized_damerau_levenshtein;

/// Files by which a folder is known to hold a model or a run.
const MARKS: [&str; 3] = ["model.json", "config.json", "run.json"];
/// Folders within each other that are looked into: `runs/demo/tagger/best`.
const DEPTH: usize = 4;
/// Folders that are looked at.
const MAX_FOLDERS: usize = 2000;
/// How alike names are that may be meant.
const LEAST: f64 = 0.6;
/// Names that are shown.
const MAX_SHOWN: usize = 3;

/// The names of models, in this folder and the folders in it or in the cache, that are most like `wanted`.
pub(super) fn nearest(wanted: &Path, cache: Option<&Cache>) -> Vec<String> {
    let wanted = wanted.to_string_lossy();
    let mut names = Vec::new();
    let mut left = MAX_FOLDERS;
    collect(Path::new("."), DEPTH, &mut left, &mut names);
    if let Some(folder) = Path::new(&*wanted).parent().filter(|folder| folder.is_absolute()) {
        collect(folder, 1, &mut left, &mut names);
    }
    names.extend(cache.map(Cache::models).unwrap_or_default());
    let mut alike: Vec<(f64, String)> = names
        .into_iter()
        .map(|name| (likeness(&wanted, &name), name))
        .filter(|(like, _)| *like >= LEAST)
        .collect();
    alike.sort_by(|(one, first), (other, second)| other.total_cmp(one).then_with(|| first.cmp(second)));
    alike.dedup();
    alike.into_iter().take(MAX_SHOWN).map(|(_, name)| name).collect()
}

/// Of the whole names, or of their last parts.
fn likeness(wanted: &str, name: &str) -> f64 {
    // Every tagger of several seeds is called `best`.
    let parts = |name: &str| if name.ends_with("/best") { 2 } else { 1 };
    let last = |name: &str| {
        let mut of_name: Vec<&str> = name.rsplitn(parts(name) + 1, '/').take(parts(name)).collect();
        of_name.reverse();
        of_name.join("/").to_lowercase()
    };
    let whole = normalized_damerau_levenshtein(&wanted.to_lowercase(), &name.to_lowercase());
    // A folder below another one is named by its own name now and then, and a shade less alike.
    whole.max(normalized_damerau_levenshtein(&last(wanted), &last(name)) - 0.05)
}

/// The folders in `folder` that hold a model, and those in them.
fn collect(folder: &Path, depth: usize, left: &mut usize, names: &mut Vec<String>) {
    let mut folders: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .take(*left)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .filter(|path| path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.')))
        .collect();
    folders.sort();
    for path in folders {
        let Some(rest) = left.checked_sub(1) else { return };
        *left = rest;
        if MARKS.iter().any(|mark| path.join(mark).is_file()) {
            names.push(path.strip_prefix(".").unwrap_or(&path).display().to_string());
        } else if depth > 1 {
            collect(&path, depth - 1, left, names);
        }
    }
}
