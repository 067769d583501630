//! The files of a data set, each with what identifies it.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::metrics::{Mode, spans};
use crate::predictions::Gold;
use crate::read::{Answers, ReadError, ReadOptions, read};
use crate::sentences::Tags;
use crate::words::Division;
use crate::{LeftOut, Sentences};

/// Split of a data set: annotated sentences with the file that they are from.
#[derive(Clone, Debug)]
pub struct Split {
    /// Path of the file.
    pub path: PathBuf,
    /// The sentences of the split, with tags in IOB2.
    pub sentences: Sentences,
    /// Gold entities that no tags say: there is nothing to learn from them, and scores count them as
    /// missed.
    pub left_out: Vec<LeftOut>,
    /// The division of its text into words and sentences.
    pub division: Division,
    /// The facts about the split in the model card.
    pub facts: SplitFacts,
}

/// A split in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SplitFacts {
    /// The file's name without folders.
    pub file: String,
    /// BLAKE3 of tokens, tags and document boundaries as they were read, in hexadecimal.
    pub hash: String,
    /// Number of sentences.
    pub sentences: usize,
    /// Number of tokens.
    pub tokens: usize,
    /// Entities that tags say.
    pub entities: usize,
    /// Entities that no tags say.
    pub left_out: usize,
    /// Records that an annotator did not accept.
    pub answers: Answers,
}

/// Training, development and test data.
#[derive(Clone, Debug)]
pub struct Splits {
    /// Data that the tagger learns from.
    pub train: Split,
    /// The development data, to choose the epoch by.
    pub dev: Split,
    /// The test data, to report on, if there are any.
    pub test: Option<Split>,
}

impl Split {
    /// Reads a file of annotated sentences.
    ///
    /// # Errors
    /// As [`read`].
    pub fn read(path: &Path, options: &ReadOptions) -> Result<Self, ReadError> {
        let data = read(path, options)?;
        let mut split = Self::new(path, data.sentences);
        split.facts.left_out = data.left_out.len();
        split.facts.answers = data.answers;
        split.left_out = data.left_out;
        split.division = data.division;
        Ok(split)
    }

    /// The sentences of the split as gold, for predictions.
    pub fn gold(&self) -> Gold<'_> {
        Gold::in_iob2(&self.path, &self.sentences, &self.left_out)
    }

    /// These sentences, which came in words, said to be from `path`.
    pub fn new(path: &Path, sentences: impl Into<Sentences>) -> Self {
        let sentences = sentences.into();
        let entities = |tags: Tags<'_>| {
            spans(&tags.to_vec(), Mode::Default).expect("default mode takes every tag").len()
        };
        let name = path.file_name().unwrap_or(path.as_os_str());
        let facts = SplitFacts {
            file: name.to_string_lossy().into_owned(),
            hash: hash(&sentences),
            sentences: sentences.len(),
            tokens: sentences.tokens(),
            entities: sentences.tags().iter().map(entities).sum(),
            left_out: 0,
            answers: Answers::default(),
        };
        let (path, division) = (path.to_owned(), Division::CORPUS);
        Self { path, sentences, left_out: Vec::new(), division, facts }
    }

    /// The first `most` sentences.
    #[must_use]
    pub fn first(&self, most: usize) -> Self {
        let mut first = Self::new(&self.path, self.sentences.first(most));
        first.left_out = self.left_out.iter().filter(|left_out| left_out.sentence < most).cloned().collect();
        first.facts.left_out = first.left_out.len();
        first.facts.answers = self.facts.answers;
        first.division = self.division;
        first
    }
}

/// Length before content, so that no two lists of sentences give the same bytes.
fn hash(sentences: &Sentences) -> String {
    let mut hasher = blake3::Hasher::new();
    for sentence in sentences.iter() {
        hasher.update(&(sentence.document as u64).to_le_bytes());
        hasher.update(&(sentence.len() as u64).to_le_bytes());
        for text in sentence.tokens().chain(sentence.tags()) {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
    }
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sentence;

    fn sentence(words: &str, tags: &str, document: usize) -> Sentence {
        let split = |text: &str| text.split(' ').map(str::to_owned).collect();
        Sentence { tokens: split(words), tags: split(tags), document, line: 1 }
    }

    #[test]
    fn a_split_is_known_by_what_it_says_and_not_by_where_it_lies() {
        let rome = || sentence("In Rome", "O B-LOC", 0);
        let split = Split::new(Path::new("a/train.conll"), vec![rome(), sentence("Ada", "B-PER", 1)]);
        let facts = &split.facts;
        assert_eq!((facts.sentences, facts.tokens, facts.entities), (2, 3, 2));
        assert_eq!(facts.file, "train.conll");
        let hash = |sentences| Split::new(Path::new("b"), sentences).facts.hash;
        assert_eq!(hash(vec![rome(), sentence("Ada", "B-PER", 1)]), facts.hash);
        assert_eq!(split.first(1).facts.hash, hash(vec![rome()]));
        for other in [
            vec![rome(), sentence("Ada", "O", 1)],
            vec![rome(), sentence("Ada", "B-PER", 0)],
            vec![sentence("InRome x", "O B-LOC", 0), sentence("Ada", "B-PER", 1)],
        ] {
            assert_ne!(hash(other), facts.hash);
        }
    }
}
