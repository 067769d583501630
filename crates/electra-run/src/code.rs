//! Versions of what code decides about a run beside its recipe and its data.
//!
//! The same recipe on the same data gives other weights where the code draws other start values, adds in
//! another order or reads the data otherwise. Each such part has a number that is raised with every change
//! of what it gives (`docs/decisions/0007-what-makes-a-run-the-same.md`). All numbers began at 1, which is
//! not written down: what names none is of that code.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The name of the version of start values. They decide the first step alone.
pub const START_VALUES: &str = "start-values";

/// The version of each part whose version is not 1.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, u32>")]
pub struct CodeVersions(BTreeMap<String, u32>);

/// A part of the code whose version is not the same in two places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeDifference {
    /// Name of the part.
    pub part: String,
    /// The version of the part that the run was written with.
    pub there: u32,
    /// The version of the part in this program.
    pub now: u32,
}

impl From<BTreeMap<String, u32>> for CodeVersions {
    fn from(mut versions: BTreeMap<String, u32>) -> Self {
        versions.retain(|_, version| *version != 1);
        Self(versions)
    }
}

impl CodeVersions {
    /// The versions of parts, given by name.
    #[must_use]
    pub fn new<'a>(versions: impl IntoIterator<Item = (&'a str, u32)>) -> Self {
        Self::from(
            versions
                .into_iter()
                .map(|(part, version)| (part.to_owned(), version))
                .collect::<BTreeMap<_, _>>(),
        )
    }

    /// Whether all parts are of version 1.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.0.is_empty()
    }

    /// The version of a part.
    #[must_use]
    pub fn version(&self, part: &str) -> u32 {
        self.0.get(part).copied().unwrap_or(1)
    }

    /// Names of the parts whose version is not 1.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The text about code versions that enters a run's hash: empty where all versions are 1, so that runs of
    /// programs that knew no versions keep their hash; else a line for each version that is not 1.
    #[must_use]
    pub fn hashed(&self) -> String {
        self.0.iter().map(|(part, version)| format!("{part} {version}\n")).collect()
    }

    /// The parts whose versions are not the same here and `now`.
    #[must_use]
    pub fn differences(&self, now: &Self) -> Vec<CodeDifference> {
        let mut parts: Vec<&String> = self.0.keys().chain(now.0.keys()).collect();
        parts.sort_unstable();
        parts.dedup();
        let of = |part: &String| CodeDifference {
            part: part.clone(),
            there: self.version(part),
            now: now.version(part),
        };
        parts.into_iter().map(of).filter(|difference| difference.there != difference.now).collect()
    }
}

impl CodeDifference {
    /// "kernels 1 there, 2 now"
    #[must_use]
    pub fn in_short(&self) -> String {
        format!("{} {} there, {} now", self.part, self.there, self.now)
    }

    /// The differences in a sentence, for the log of a run that goes on.
    pub(crate) fn sentence(&self) -> String {
        let Self { part, there, now } = self;
        let follows = match part.as_str() {
            START_VALUES => "they decide the first step alone",
            _ => "the run does not end with the bits of one that was not interrupted",
        };
        format!(
            "the code of the {part} was of version {there} when the run was started and is of version {now} now: {follows}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_versions_are_not_written_and_not_hashed() {
        let first = CodeVersions::new([("kernels", 1), (START_VALUES, 1)]);
        assert!(first.is_first() && first == CodeVersions::default());
        assert_eq!((first.hashed().as_str(), serde_json::to_string(&first).unwrap().as_str()), ("", "{}"));
        let second = CodeVersions::new([("kernels", 3), (START_VALUES, 2), ("training", 1)]);
        assert_eq!(second.hashed(), "kernels 3\nstart-values 2\n");
        let read: CodeVersions = serde_json::from_str(r#"{"kernels":3,"start-values":2,"x":1}"#).unwrap();
        assert_eq!(read, second);
    }

    #[test]
    fn differences_name_the_part_and_both_versions() {
        let [old, new] = [[("kernels", 1)], [("kernels", 2)]].map(CodeVersions::new);
        let found: Vec<String> = old.differences(&new).iter().map(CodeDifference::in_short).collect();
        assert_eq!(found, ["kernels 1 there, 2 now"]);
        assert!(new.differences(&new).is_empty());
    }
}
