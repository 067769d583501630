//! Words that a file gives, divided into characters where their script has no spaces.

use crate::Sentences;
use crate::words::{WordDivision, divide};

/// Sentences in IOB2 whose words are divided, and how many there are of each word.
pub(super) fn divided(sentences: &Sentences) -> (Sentences, Vec<u32>) {
    let mut found = Sentences::with_capacity(sentences.len(), sentences.tokens());
    let mut counts = Vec::with_capacity(sentences.tokens());
    for sentence in sentences.iter() {
        for (token, tag) in sentence.tokens().zip(sentence.tags()) {
            let mut parts = 0;
            for part in divide(token, WordDivision::Characters) {
                match tag.strip_prefix("B-").filter(|_| parts > 0) {
                    Some(kind) => found.push_token(part.of(token), &format!("I-{kind}")),
                    None => found.push_token(part.of(token), tag),
                }
                parts += 1;
            }
            // A word of which nothing is seen is one all the same.
            if parts == 0 {
                found.push_token(token, tag);
                parts = 1;
            }
            counts.push(parts);
        }
        found.end_sentence(sentence.document, sentence.line);
    }
    (found, counts)
}
