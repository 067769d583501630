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

/// The lines `key = value` of canonical TOML, with dotted keys; tables of an array, and tables within them, by their
/// numbers.
fn keys_and_values(text: &str) -> Vec<(String, String)> {
    let mut table = String::new();
    let mut pairs = Vec::new();
    let mut numbers: HashMap<String, usize> = HashMap::new();
    for line in text.lines() {
        let array = line.trim().strip_prefix("[[").and_then(|line| line.strip_suffix("]]"));
        if let Some(name) = array {
            let within = numbered(name, &numbers);
            // Arrays within the next table of this one begin anew.
            numbers.retain(|other, _| !other.starts_with(&format!("{name}.")));
            let number = numbers.entry(name.to_owned()).and_modify(|number| *number += 1).or_default();
            let within = within.rsplit_once('.').map_or(String::new(), |(tables, _)| format!("{tables}."));
            let last = name.rsplit('.').next().unwrap_or(name);
            table = format!("{within}{last}.{number}.");
        } else if let Some(name) = line.trim().strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            table = format!("{}.", numbered(name, &numbers));
        } else if let Some((key, value)) = line.split_once('=') {
            pairs.push((format!("{table}{}", key.trim()), value.trim().to_owned()));
        }
    }
    pairs
}

/// The name of a table with the number of the last table of each array that it lies in.
fn numbered(name: &str, numbers: &HashMap<String, usize>) -> String {
    let (mut plain, mut found) = (String::new(), String::new());
    for part in name.split('.') {
        if !plain.is_empty() {
            if let Some(number) = numbers.get(&plain) {
                found += &format!(".{number}");
            }
            plain.push('.');
            found.push('.');
        }
        plain += part;
        found += part;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_within_tables_of_an_array_are_told_apart() {
        let text = "a = 1\n[[phases]]\nsteps = 4\n\n[phases.data]\npath = \"x\"\n\n[[phases.data.sources]]\nw = 1\n\n\
                    [[phases.data.sources]]\nw = 2\n\n[[phases]]\nsteps = 5\n\n[phases.masking]\np = 0.1\n\n\
                    [[phases.data.sources]]\nw = 3\n";
        let keys: Vec<String> =
            keys_and_values(text).into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(
            keys,
            [
                "a=1",
                "phases.0.steps=4",
                "phases.0.data.path=\"x\"",
                "phases.0.data.sources.0.w=1",
                "phases.0.data.sources.1.w=2",
                "phases.1.steps=5",
                "phases.1.masking.p=0.1",
                "phases.1.data.sources.0.w=3",
            ]
        );
    }
}
