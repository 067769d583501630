//! Sentences that occur more than once: within a file, and in two files.

use std::collections::HashMap;

use serde::Serialize;

use crate::Sentence;

/// Sentences of one file that occur more than once, token by token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Duplicates {
    /// Sentences that would go if each were kept once.
    pub sentences: usize,
    /// Sentences that occur with different tags.
    pub contradictions: usize,
    /// All of them, in the order of the file.
    pub groups: Vec<CopyGroup>,
}

/// A sentence that occurs more than once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CopyGroup {
    /// Lines where it begins.
    pub lines: Vec<usize>,
    /// Its tokens.
    pub tokens: usize,
    /// Whether its tags are not the same everywhere.
    pub contradiction: bool,
}

/// Sentences that two files share, token by token.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Leak {
    /// Name of the first split.
    pub from: String,
    /// Name of the second split.
    pub to: String,
    /// Sentences of the second that occur in the first, too.
    pub sentences: usize,
    /// Their share of the second.
    pub share: f64,
    /// How many of them have an entity.
    pub with_entities: usize,
    /// How many of them have other tags in the first.
    pub contradictions: usize,
    /// Where each begins: in the first file, where it is first met, and in the second.
    pub lines: Vec<[usize; 2]>,
}

pub(super) fn duplicates(sentences: &[Sentence]) -> Duplicates {
    let mut positions: HashMap<&[String], usize> = HashMap::new();
    let mut groups: Vec<Vec<&Sentence>> = Vec::new();
    for sentence in sentences {
        let at = *positions.entry(&sentence.tokens).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(sentence),
            None => groups.push(vec![sentence]),
        }
    }
    let copied = groups.iter().filter(|group| group.len() > 1);
    let groups: Vec<CopyGroup> = copied
        .map(|group| CopyGroup {
            lines: group.iter().map(|sentence| sentence.line).collect(),
            tokens: group[0].tokens.len(),
            contradiction: group.iter().any(|sentence| sentence.tags != group[0].tags),
        })
        .collect();
    Duplicates {
        sentences: groups.iter().map(|group| group.lines.len() - 1).sum(),
        contradictions: groups.iter().filter(|group| group.contradiction).count(),
        groups,
    }
}

/// Every pair of files that share a sentence, each file with its name.
pub(crate) fn leaks(splits: &[(&str, &[Sentence])]) -> Vec<Leak> {
    let mut leaks = Vec::new();
    for (at, (from, first)) in splits.iter().enumerate() {
        let mut known: HashMap<&[String], &Sentence> = HashMap::new();
        for sentence in *first {
            known.entry(&sentence.tokens).or_insert(sentence);
        }
        for (to, second) in &splits[at + 1..] {
            let shared: Vec<(&Sentence, &Sentence)> = second
                .iter()
                .filter_map(|sentence| known.get(sentence.tokens.as_slice()).map(|first| (*first, sentence)))
                .collect();
            if shared.is_empty() {
                continue;
            }
            let has_entity = |sentence: &Sentence| sentence.tags.iter().any(|tag| tag != "O");
            leaks.push(Leak {
                from: (*from).to_owned(),
                to: (*to).to_owned(),
                sentences: shared.len(),
                share: shared.len() as f64 / second.len() as f64,
                with_entities: shared.iter().filter(|(_, sentence)| has_entity(sentence)).count(),
                contradictions: shared.iter().filter(|(first, sentence)| first.tags != sentence.tags).count(),
                lines: shared.iter().map(|(first, sentence)| [first.line, sentence.line]).collect(),
            });
        }
    }
    leaks
}
