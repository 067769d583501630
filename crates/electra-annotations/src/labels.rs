//! The labels that a tagger tells apart: their names and numbers, and which may follow which.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::Sentences;
use crate::scheme::{self, Scheme, Tag, TagRole, is_legal, parse};

/// Tagging scheme of a tagger's labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelScheme {
    /// `I-` for all words, `B-` where an entity follows one of its own type.
    Iob1,
    /// `B-` for the first word, `I-` for the others.
    #[default]
    Iob2,
    /// Also `E-` for the last word and `S-` for an entity of one word.
    Iobes,
    /// As IOBES, with the letters `L-` and `U-`.
    Bilou,
    /// As IOBES, with `M-` in the middle.
    Bmes,
}

/// The labels of a tagger, numbered from 0.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelSet {
    names: Vec<String>,
    ids: HashMap<String, usize>,
    scheme: Option<LabelScheme>,
}

/// The most labels that a folder may name: decoding a sentence as a whole has a number for each pair.
const MAX_LABELS: usize = 8192;

/// Names that cannot be the labels of a tagger.
#[derive(Clone, Debug, PartialEq, Eq, Error, miette::Diagnostic)]
pub enum LabelError {
    /// No label at all.
    #[error("there are no labels, expected at least `O`")]
    Empty,
    /// One name for two labels.
    #[error("the labels {first} and {second} are both called `{name}`")]
    Repeated {
        /// The name that is repeated.
        name: String,
        /// The smaller number.
        first: usize,
        /// The larger number.
        second: usize,
    },
    /// More labels than pairs of labels can be counted for.
    #[error("id2label has {found} labels, expected at most {MAX_LABELS}")]
    Many {
        /// The number of labels found.
        found: usize,
    },
    /// The table is no table of names.
    #[error("id2label has {found}, expected a name for every number from 0 on, such as {{\"0\": \"O\"}}")]
    Table {
        /// The value found in its place.
        found: String,
    },
}

impl LabelSet {
    /// `O`, and the labels of each type in the order of their names, whatever the order of `types`.
    pub fn new<T: Into<String>>(types: impl IntoIterator<Item = T>, scheme: LabelScheme) -> Self {
        // As they have always been numbered, so that the same recipe gives the same classifier.
        let letters = match scheme {
            LabelScheme::Iob1 | LabelScheme::Iob2 => "BI",
            LabelScheme::Iobes => "BIES",
            LabelScheme::Bilou => "BILU",
            LabelScheme::Bmes => "BMES",
        };
        let types: BTreeSet<String> = types.into_iter().map(Into::into).collect();
        let of_type = |kind: &String| letters.chars().map(move |l| format!("{l}-{kind}")).collect::<Vec<_>>();
        let names = ["O".to_string()].into_iter().chain(types.iter().flat_map(of_type));
        let mut labels = Self::from_names(names.collect()).expect("types are a set");
        // Without a type there is nothing to tell the schemes apart by.
        labels.scheme = Some(scheme);
        labels
    }

    /// The labels of all types in `sentences`.
    pub fn of(sentences: &Sentences, scheme: LabelScheme) -> Self {
        let kind = |tag| parse(tag).filter(|tag| tag.letter != 'O').map(|tag| tag.kind);
        Self::new(sentences.tags().names().filter_map(kind), scheme)
    }

    /// Labels with these names, in this order.
    ///
    /// # Errors
    /// No name, or one name twice.
    pub fn from_names(names: Vec<String>) -> Result<Self, LabelError> {
        if names.is_empty() {
            return Err(LabelError::Empty);
        }
        let mut ids = HashMap::new();
        for (id, name) in names.iter().enumerate() {
            if let Some(first) = ids.insert(name.clone(), id) {
                return Err(LabelError::Repeated { name: name.clone(), first, second: id });
            }
        }
        let scheme = scheme_of(&names);
        Ok(Self { names, ids, scheme })
    }

    /// The labels in `id2label` of a `config.json`.
    ///
    /// # Errors
    /// A table that does not name every number once.
    pub fn from_id2label(table: &Value) -> Result<Self, LabelError> {
        let wrong = |found: String| LabelError::Table { found };
        let entries = table.as_object().ok_or_else(|| wrong(table.to_string()))?;
        if entries.len() > MAX_LABELS {
            return Err(LabelError::Many { found: entries.len() });
        }
        let mut names = vec![None; entries.len()];
        for (key, name) in entries {
            let place = key.parse::<usize>().ok().and_then(|id| names.get_mut(id));
            let (Some(place), Some(name)) = (place, name.as_str()) else {
                return Err(wrong(format!("{key:?}: {name} among {} entries", entries.len())));
            };
            *place = Some(name.to_string());
        }
        let named =
            |(id, name): (usize, Option<String>)| name.ok_or_else(|| wrong(format!("no name for {id}")));
        Self::from_names(names.into_iter().enumerate().map(named).collect::<Result<_, _>>()?)
    }

    /// `id2label` as transformers writes it.
    pub fn id2label(&self) -> Value {
        let entries = self.names.iter().enumerate().map(|(id, name)| (id.to_string(), name.as_str().into()));
        Value::Object(entries.collect::<Map<_, _>>())
    }

    /// `label2id` as transformers writes it: sorted by name.
    pub fn label2id(&self) -> Value {
        let sorted: BTreeMap<&str, usize> =
            self.names.iter().enumerate().map(|(id, name)| (name.as_str(), id)).collect();
        Value::Object(sorted.into_iter().map(|(name, id)| (name.to_string(), id.into())).collect())
    }

    /// Number of labels, `L`.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no label; never true.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names, in the order of their numbers.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of a label.
    pub fn id(&self, name: &str) -> Option<usize> {
        self.ids.get(name).copied()
    }

    /// The entity type of label `id`; none for `O`. A name of no scheme is a type of its own.
    pub fn kind(&self, id: usize) -> Option<&str> {
        match self.tag(id) {
            Some(tag) => (tag.letter != 'O').then_some(tag.kind),
            None => Some(&self.names[id]),
        }
    }

    /// The role of label `id` for a word. One of no scheme goes on as long as it is repeated.
    pub fn role(&self, id: usize) -> TagRole {
        self.tag(id).map_or(TagRole::Inside, Tag::role)
    }

    /// Label `id`, taken apart. Where all labels together are of no scheme, `L-`, `U-` and `M-` are
    /// the beginning of a name.
    fn tag(&self, id: usize) -> Option<Tag<'_>> {
        parse(&self.names[id]).filter(|tag| self.scheme.is_some() || "OBIES".contains(tag.letter))
    }

    /// The entity types, sorted.
    pub fn kinds(&self) -> Vec<&str> {
        let kinds: BTreeSet<&str> = (0..self.len()).filter_map(|id| self.kind(id)).collect();
        kinds.into_iter().collect()
    }

    /// The scheme, or none where the names follow none: then any label may follow any other.
    pub fn scheme(&self) -> Option<LabelScheme> {
        self.scheme
    }

    /// The labels read in a scheme that their names leave open: `B-` and `I-` of every type are those of IOB1
    /// as well.
    pub fn read_as(mut self, scheme: LabelScheme) -> Option<Self> {
        let all = Self::new(self.kinds(), scheme);
        let is_whole = all.len() == self.len() && all.names.iter().all(|name| self.ids.contains_key(name));
        (is_whole || self.scheme == Some(scheme)).then(|| {
            self.scheme = Some(scheme);
            self
        })
    }

    /// The labels of a sentence with the IOB2 tags `tags`; none where the set has no such label,
    /// as happens to a type that only the development data has.
    pub fn encode<S: AsRef<str>>(&self, tags: &[S]) -> Vec<Option<usize>> {
        match self.scheme {
            None | Some(LabelScheme::Iob2) => tags.iter().map(|tag| self.id(tag.as_ref())).collect(),
            Some(scheme) => scheme::from_iob2(tags, scheme.into()).iter().map(|tag| self.id(tag)).collect(),
        }
    }

    /// The tags of a sentence with the labels `ids`: in IOB2, whichever scheme the tagger has. Of
    /// labels in an order that the scheme does not know, each entity that span metrics see is kept.
    /// Those of IOB2 and names of no scheme are given as they are.
    pub fn tags(&self, ids: &[usize]) -> Vec<String> {
        let names: Vec<&str> = ids.iter().map(|&id| self.names[id].as_str()).collect();
        match self.scheme {
            None | Some(LabelScheme::Iob2) => names.into_iter().map(str::to_owned).collect(),
            Some(_) => scheme::to_iob2(&names).expect("labels of a scheme are its tags"),
        }
    }

    /// The number of words of `sentences` with each label, `[L]`. Words whose tag the set lacks are not among
    /// them: see [`unknown`](Self::unknown).
    pub fn counts(&self, sentences: &Sentences) -> Vec<u64> {
        let mut counts = vec![0; self.len()];
        for id in sentences.tags().iter().flat_map(|tags| self.encode(&tags.to_vec())).flatten() {
            counts[id] += 1;
        }
        counts
    }

    /// The tags of `sentences` for which there is no label, and how often each occurs.
    pub fn unknown(&self, sentences: &Sentences) -> BTreeMap<String, u64> {
        let mut unknown: BTreeMap<&str, u64> = BTreeMap::new();
        for tags in sentences.tags().iter() {
            for (tag, label) in tags.iter().zip(self.encode(&tags.to_vec())) {
                if label.is_none() {
                    *unknown.entry(tag).or_default() += 1;
                }
            }
        }
        unknown.into_iter().map(|(tag, words)| (tag.to_owned(), words)).collect()
    }

    /// Whether a sentence may begin with label `id`.
    pub fn may_begin(&self, id: usize) -> bool {
        self.is_legal(None, Some(id))
    }

    /// Whether label `next` may follow label `id`.
    pub fn may_follow(&self, id: usize, next: usize) -> bool {
        self.is_legal(Some(id), Some(next))
    }

    /// Whether a sentence may end with label `id`.
    pub fn may_end(&self, id: usize) -> bool {
        self.is_legal(Some(id), None)
    }

    fn is_legal(&self, id: Option<usize>, next: Option<usize>) -> bool {
        let tag = |id: usize| self.tag(id).expect("labels of a scheme are its tags");
        self.scheme.is_none_or(|scheme| is_legal(id.map(tag), next.map(tag), scheme.into()))
    }
}

impl From<LabelScheme> for Scheme {
    fn from(scheme: LabelScheme) -> Self {
        match scheme {
            LabelScheme::Iob1 => Scheme::Iob1,
            LabelScheme::Iob2 => Scheme::Iob2,
            LabelScheme::Iobes => Scheme::Iobes,
            LabelScheme::Bilou => Scheme::Bilou,
            LabelScheme::Bmes => Scheme::Bmes,
        }
    }
}

/// The scheme whose tags all these labels are.
fn scheme_of(names: &[String]) -> Option<LabelScheme> {
    let tags: Vec<Tag<'_>> = names.iter().map(|name| parse(name)).collect::<Option<_>>()?;
    let is = |letter: char, kind: &str| tags.iter().any(|tag| tag.letter == letter && tag.kind == kind);
    if !is('O', "") {
        return None;
    }
    // With `I-` alone for some type, that is how its entities begin.
    let all_begin = tags.iter().all(|tag| tag.letter != 'I' || is('B', tag.kind));
    let iob = if all_begin { LabelScheme::Iob2 } else { LabelScheme::Iob1 };
    [iob, LabelScheme::Iobes, LabelScheme::Bilou, LabelScheme::Bmes].into_iter().find(|&scheme| {
        let letters = Scheme::from(scheme).letters();
        tags.iter().all(|tag| tag.letter == 'O' || letters.contains(tag.letter))
    })
}

#[cfg(test)]
mod tests;
