//! Files that a task leaves for each seed.

/// Files that a task leaves for each seed.
#[derive(Clone, Copy, Debug)]
pub struct SeedFiles {
    /// The name of the result: "tagger".
    pub noun: &'static str,
    /// The name of the score by which the best result is chosen: "dev F1".
    pub measure: &'static str,
    /// Files of a run that belong to its result, the tokenizer's and the scores among them, in any number of lists.
    pub of_result: &'static [&'static [&'static str]],
    /// The file that is written last: a run that has it is finished.
    pub scores: &'static str,
    /// Seed and score in the content of that file.
    pub read_scores: fn(&[u8]) -> Option<(u64, f64)>,
}
