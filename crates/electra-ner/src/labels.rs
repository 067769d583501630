//! The labels that a tagger tells apart: their names and numbers, and which may follow which.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::Sentence;

/// How a tagger marks the words of an entity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelScheme {
    /// `B-` for the first word, `I-` for the others.
    #[default]
    Iob2,
    /// Also `E-` for the last word and `S-` for an entity of one word.
    Iobes,
}

/// What a label says about a word.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Outside,
    Begin(String),
    Inside(String),
    End(String),
    Single(String),
    /// A name that belongs to no scheme, such as `LABEL_0` or a bare `PER`.
    Unknown(String),
}

/// The labels of a tagger, numbered from 0.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelSet {
    names: Vec<String>,
    parts: Vec<Part>,
    ids: HashMap<String, usize>,
    scheme: Option<LabelScheme>,
}

/// Names that cannot be the labels of a tagger.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LabelError {
    /// No label at all.
    #[error("there are no labels, expected at least `O`")]
    Empty,
    /// One name for two labels.
    #[error("the labels {first} and {second} are both called `{name}`")]
    Repeated {
        /// The name.
        name: String,
        /// The smaller number.
        first: usize,
        /// The larger number.
        second: usize,
    },
    /// The table is no table of names.
    #[error("id2label has {found}, expected a name for every number from 0 on, such as {{\"0\": \"O\"}}")]
    Table {
        /// What stands there.
        found: String,
    },
}

impl LabelSet {
    /// `O`, and the labels of each type in the order of their names, whatever the order of `types`.
    pub fn new<T: Into<String>>(types: impl IntoIterator<Item = T>, scheme: LabelScheme) -> Self {
        let prefixes = match scheme {
            LabelScheme::Iob2 => ["B", "I"].as_slice(),
            LabelScheme::Iobes => &["B", "I", "E", "S"],
        };
        let types: BTreeSet<String> = types.into_iter().map(Into::into).collect();
        let of_type = |kind: &String| prefixes.iter().map(move |p| format!("{p}-{kind}")).collect::<Vec<_>>();
        let names = ["O".to_string()].into_iter().chain(types.iter().flat_map(of_type));
        let mut labels = Self::from_names(names.collect()).expect("types are a set");
        // Without a type there is nothing to tell the schemes apart by.
        labels.scheme = Some(scheme);
        labels
    }

    /// The labels of all types in `sentences`.
    pub fn of(sentences: &[Sentence], scheme: LabelScheme) -> Self {
        let tags = sentences.iter().flat_map(|sentence| &sentence.tags);
        Self::new(tags.filter_map(|tag| Part::of(tag).kind().map(str::to_owned)), scheme)
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
        let parts: Vec<Part> = names.iter().map(|name| Part::of(name)).collect();
        let scheme = scheme_of(&parts);
        Ok(Self { names, parts, ids, scheme })
    }

    /// The labels in `id2label` of a `config.json`.
    ///
    /// # Errors
    /// A table that does not name every number once.
    pub fn from_id2label(table: &Value) -> Result<Self, LabelError> {
        let wrong = |found: String| LabelError::Table { found };
        let entries = table.as_object().ok_or_else(|| wrong(table.to_string()))?;
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
        self.parts[id].kind()
    }

    /// The entity types, sorted.
    pub fn kinds(&self) -> Vec<&str> {
        self.parts.iter().filter_map(Part::kind).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The scheme, or none where the names follow neither: then any label may follow any other.
    pub fn scheme(&self) -> Option<LabelScheme> {
        self.scheme
    }

    /// The labels of a sentence with the IOB2 tags `tags`; none where the set has no such label,
    /// as happens to a type that only the development data has.
    pub fn encode(&self, tags: &[String]) -> Vec<Option<usize>> {
        if self.scheme != Some(LabelScheme::Iobes) {
            return tags.iter().map(|tag| self.id(tag)).collect();
        }
        let parts: Vec<Part> = tags.iter().map(|tag| Part::of(tag)).collect();
        let continues = |i: usize| match (parts.get(i), i.checked_sub(1).map(|before| parts[before].kind())) {
            (Some(Part::Inside(kind)), Some(before)) => before == Some(kind),
            _ => false,
        };
        let label = |i: usize| {
            let Some(kind) = parts[i].kind() else { return self.id("O") };
            let prefix = match (continues(i), continues(i + 1)) {
                (false, true) => "B",
                (true, true) => "I",
                (true, false) => "E",
                (false, false) => "S",
            };
            self.id(&format!("{prefix}-{kind}"))
        };
        (0..tags.len()).map(label).collect()
    }

    /// The tags of a sentence with the labels `ids`: in IOB2, whichever scheme the tagger has. Of
    /// IOBES labels in an order that the scheme does not know, each entity that span metrics see
    /// is kept. Names of no scheme are given as they are.
    pub fn tags(&self, ids: &[usize]) -> Vec<String> {
        if self.scheme != Some(LabelScheme::Iobes) {
            return ids.iter().map(|&id| self.names[id].clone()).collect();
        }
        // The type of the entity that the next word may continue.
        let mut open = None;
        let tag = |&id: &usize| {
            let part = &self.parts[id];
            let kind = part.kind();
            let begins = matches!(part, Part::Begin(_) | Part::Single(_)) || kind != open;
            open = if matches!(part, Part::Begin(_) | Part::Inside(_)) { kind } else { None };
            match kind {
                None => "O".to_string(),
                Some(kind) => format!("{}-{kind}", if begins { "B" } else { "I" }),
            }
        };
        ids.iter().map(tag).collect()
    }

    /// How many words of `sentences` have each label, `[L]`. Words whose tag the set lacks are not
    /// among them: see [`unknown`](Self::unknown).
    pub fn counts(&self, sentences: &[Sentence]) -> Vec<u64> {
        let mut counts = vec![0; self.len()];
        for id in sentences.iter().flat_map(|sentence| self.encode(&sentence.tags)).flatten() {
            counts[id] += 1;
        }
        counts
    }

    /// The tags of `sentences` for which there is no label, and how often each occurs.
    pub fn unknown(&self, sentences: &[Sentence]) -> BTreeMap<String, u64> {
        let mut unknown = BTreeMap::new();
        for sentence in sentences {
            for (tag, label) in sentence.tags.iter().zip(self.encode(&sentence.tags)) {
                if label.is_none() {
                    *unknown.entry(tag.clone()).or_default() += 1;
                }
            }
        }
        unknown
    }

    /// Whether a sentence may begin with label `id`.
    pub fn may_begin(&self, id: usize) -> bool {
        self.scheme.is_none() || !matches!(self.parts[id], Part::Inside(_) | Part::End(_))
    }

    /// Whether label `next` may follow label `id`.
    pub fn may_follow(&self, id: usize, next: usize) -> bool {
        let continues = match &self.parts[next] {
            Part::Inside(kind) | Part::End(kind) => Some(kind),
            _ => None,
        };
        match (self.scheme, &self.parts[id]) {
            (None, _) => true,
            (Some(_), Part::Begin(kind) | Part::Inside(kind)) if continues.is_some() => {
                continues == Some(kind)
            }
            (Some(LabelScheme::Iobes), Part::Begin(_) | Part::Inside(_)) => false,
            (Some(_), _) => continues.is_none(),
        }
    }

    /// Whether a sentence may end with label `id`.
    pub fn may_end(&self, id: usize) -> bool {
        let is_open = matches!(self.parts[id], Part::Begin(_) | Part::Inside(_));
        self.scheme != Some(LabelScheme::Iobes) || !is_open
    }
}

impl Part {
    fn of(name: &str) -> Self {
        if name == "O" {
            return Self::Outside;
        }
        // As seqeval reads tags: the type is what stands behind the first `-`, `_` behind none.
        let (prefix, kind) = name.split_once('-').unwrap_or((name, "_"));
        let kind = kind.to_string();
        match prefix {
            "B" => Self::Begin(kind),
            "I" => Self::Inside(kind),
            "E" => Self::End(kind),
            "S" => Self::Single(kind),
            _ => Self::Unknown(name.to_string()),
        }
    }

    fn kind(&self) -> Option<&str> {
        match self {
            Self::Outside => None,
            Self::Begin(k) | Self::Inside(k) | Self::End(k) | Self::Single(k) | Self::Unknown(k) => Some(k),
        }
    }
}

/// The scheme in which every one of these labels can occur.
fn scheme_of(parts: &[Part]) -> Option<LabelScheme> {
    let can_occur = |part: &Part| match part {
        Part::Outside | Part::Begin(_) | Part::Single(_) => true,
        // In IOB1 `I-` also begins an entity, and a type may have no `B-` at all.
        Part::Inside(kind) | Part::End(kind) => parts.contains(&Part::Begin(kind.clone())),
        Part::Unknown(_) => false,
    };
    if !parts.contains(&Part::Outside) || !parts.iter().all(can_occur) {
        return None;
    }
    let has_ends = parts.iter().any(|part| matches!(part, Part::End(_) | Part::Single(_)));
    Some(if has_ends { LabelScheme::Iobes } else { LabelScheme::Iob2 })
}

#[cfg(test)]
mod tests;
