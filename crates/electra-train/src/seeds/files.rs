//! Files that a task leaves for each seed.

/// Files that a task leaves for each seed.
#[derive(Clone, Copy, Debug)]
pub struct SeedFiles {
    /// What the result is called: "tagger".
    pub noun: &'static str,
    /// What the best one is chosen by: "dev F1".
    pub measure: &'static str,
    /// Files of a run that belong to its result, the tokenizer's and the scores among them, in any number of lists.
    pub of_result: &'static [&'static [&'static str]],
    /// The file that is written last: a run that has it is finished.
    pub scores: &'static str,
    /// Seed and score in the content of that file.
    pub read_scores: fn(&[u8]) -> Option<(u64, f64)>,
}
