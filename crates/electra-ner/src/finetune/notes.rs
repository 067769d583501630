//! What is told before the first step, as it may not be what was meant.

use super::task::Task;
use crate::splits::{Split, Splits};
use crate::window::Context;

/// A sentence for each thing that is worth knowing about where fine-tuning starts and what it reads.
pub(super) fn notes(task: &Task<'_>, splits: &Splits) -> Vec<String> {
    let left_behind = task.start.left_behind().map(ToString::to_string);
    left_behind.into_iter().chain(one_document(task, splits)).collect()
}

/// Files without boundaries of documents, where a document is what a sentence is shown with.
fn one_document(task: &Task<'_>, splits: &Splits) -> Option<String> {
    if task.recipe.input.context != Context::Document {
        return None;
    }
    let is_one = |split: &&Split| {
        let mut documents = split.sentences.iter().map(|sentence| sentence.document);
        let first = documents.next();
        split.sentences.len() > 1 && documents.all(|document| Some(document) == first)
    };
    let all = [Some(&task.train), Some(&splits.dev), splits.test.as_ref()];
    let files: Vec<&str> = all.into_iter().flatten().filter(is_one).map(|s| s.facts.file.as_str()).collect();
    (!files.is_empty()).then(|| {
        format!(
            "input.context is \"document\", but {} has no boundaries of documents: all of its sentences are one \
             document, and each is read with its neighbours in the file, whatever text they are from",
            files.join(", ")
        )
    })
}
