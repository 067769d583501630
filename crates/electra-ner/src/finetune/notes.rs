//! Notes before the first step, about what may not be what was meant.

use super::task::Task;
use crate::initial_tagger::unused_head_note;
use crate::window::Context;
use electra_annotations::{Split, Splits, coverage};

/// A sentence for each thing that is worth knowing about where fine-tuning starts and what it reads.
pub(super) fn notes(task: &Task<'_>, splits: &Splits) -> Vec<String> {
    unused_head_note(task.start)
        .into_iter()
        .chain(one_document(task, splits))
        .chain(unknown_words(task, splits))
        .collect()
}

/// The note on the share of each split that the vocabulary has no pieces for, where there is such.
fn unknown_words(task: &Task<'_>, splits: &Splits) -> Option<String> {
    let all = [("train", Some(&*task.train)), ("dev", Some(&splits.dev)), ("test", splits.test.as_ref())];
    let covered: Vec<_> = all
        .into_iter()
        .filter_map(|(name, split)| Some((name, coverage(&split?.sentences, task.start.tokenizer()))))
        .collect();
    if covered.iter().all(|(_, found)| found.unknown_words == 0) {
        return None;
    }
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let shares: Vec<String> = covered
        .iter()
        .map(|(name, found)| {
            let [words, characters] =
                [found.unknown_word_share(), found.unknown_character_share()].map(percent);
            format!("{name} {words} ({characters})")
        })
        .collect();
    let note =
        format!("words of which the model sees nothing but [UNK] (their characters): {}", shares.join(", "));
    let exceeds_limit = covered.iter().any(|(_, found)| found.exceeds_limit());
    Some(if exceeds_limit {
        format!("WARNING: {note}; is the model of another language or script than the data?")
    } else {
        note
    })
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
    let all = [Some(&*task.train), Some(&splits.dev), splits.test.as_ref()];
    let files: Vec<&str> = all.into_iter().flatten().filter(is_one).map(|s| s.facts.file.as_str()).collect();
    (!files.is_empty()).then(|| {
        format!(
            "input.context is \"document\", but {} has no boundaries of documents: all of its sentences are one \
             document, and each is read with its neighbours in the file, whatever text they are from",
            files.join(", ")
        )
    })
}
