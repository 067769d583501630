//! The differences between two recipes.

use std::collections::HashMap;

use super::file_names::RECIPE;

/// A key that two recipes do not agree on.
pub(super) struct Difference {
    key: String,
    there: Option<String>,
    now: Option<String>,
}

impl Difference {
    /// The difference in a sentence, for the log of a run that goes on.
    pub(super) fn sentence(&self) -> String {
        let absent = || "absent".to_owned();
        let [there, now] = [&self.there, &self.now].map(|value| value.clone().unwrap_or_else(absent));
        format!("{} of the recipe was {there} before and is {now} now", self.key)
    }
}

/// The keys in which two recipes differ: first at or below the `free` keys, then elsewhere.
pub(super) fn differences(there: &str, here: &str, free: &[&str]) -> (Vec<Difference>, Vec<Difference>) {
    let (there, here) = (keys_and_values(there), keys_and_values(here));
    // By their keys: the file in a folder from somebody else may have as many lines as it likes.
    let by_key =
        |pairs: &[(String, String)]| -> HashMap<String, String> { pairs.iter().rev().cloned().collect() };
    let (of_there, of_here) = (by_key(&there), by_key(&here));
    let keys = there.iter().chain(here.iter().filter(|(key, _)| !of_there.contains_key(key)));
    keys.map(|(key, _)| Difference {
        key: key.clone(),
        there: of_there.get(key).cloned(),
        now: of_here.get(key).cloned(),
    })
    .filter(|difference| difference.there != difference.now)
    .partition(|difference| {
        // A key below an array is one of each of its tables.
        let names = difference.key.split('.').filter(|name| name.parse::<usize>().is_err());
        let key = names.collect::<Vec<_>>().join(".");
        let below = |free: &&str| key.strip_prefix(*free).is_some_and(|rest| rest.starts_with('.'));
        free.iter().any(|free| key == *free || below(free))
    })
}

/// The first few differences.
pub(super) fn in_short(differences: Vec<Difference>) -> String {
    const SHOWN: usize = 3;
    let more = differences.len().saturating_sub(SHOWN);
    let shown: Vec<String> = differences
        .into_iter()
        .take(SHOWN)
        .map(|Difference { key, there, now }| match (there, now) {
            (Some(there), Some(now)) => format!("{key} = {there} there, {now} now"),
            (Some(there), None) => format!("{key} = {there} only there"),
            (None, now) => format!("{key} = {} only now", now.unwrap_or_default()),
        })
        .collect();
    match (shown.is_empty(), more) {
        (true, _) => format!("its {RECIPE} was changed by hand"),
        (_, 0) => shown.join("; "),
        _ => format!("{}; and {more} more", shown.join("; ")),
    }
}

/// The lines `key = value` of canonical TOML, with dotted keys; tables of an array by their numbers.
fn keys_and_values(text: &str) -> Vec<(String, String)> {
    let mut table = String::new();
    let mut pairs = Vec::new();
    let mut numbers: HashMap<String, usize> = HashMap::new();
    for line in text.lines() {
        let array = line.trim().strip_prefix("[[").and_then(|line| line.strip_suffix("]]"));
        if let Some(name) = array {
            let number = numbers.entry(name.to_owned()).and_modify(|number| *number += 1).or_default();
            table = format!("{name}.{number}.");
        } else if let Some(name) = line.trim().strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            table = format!("{}.", name);
        } else if let Some((key, value)) = line.split_once('=') {
            pairs.push((format!("{table}{}", key.trim()), value.trim().to_owned()));
        }
    }
    pairs
}
