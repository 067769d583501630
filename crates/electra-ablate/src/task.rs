//! The tasks of metrics: a number is of one task in all arms, or each arm is measured on a task of its own.
//!
//! A discriminator's own AUC and losses are on samples of the generator beside it: whatever changes
//! that generator, the masks or the sampling changes what is asked of the discriminator. The loss of
//! masked language modelling is another one where other positions are masked. What the arms change says
//! which of the numbers that is true of.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::metric::{COMMON_TASK, MASKED_TASK, Metric, REPLACED_TASK};
use crate::record::ResultRecord;

/// Numbers that are each of the arm's own task, for the same reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OwnTask {
    /// The numbers, in the order of tables.
    pub metrics: Vec<Metric>,
    /// Dotted keys of the recipe in which arms differ and that decide the task.
    pub because: Vec<String>,
}

/// The aspect of a task that a key of the recipe decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aspect {
    /// The division of text into tokens.
    Vocabulary,
    /// The length of the rows.
    Rows,
    /// Which positions are masked, and what who fills them in may read.
    Masks,
    /// The quality of the generator, whose samples are judged.
    Generator,
    /// The way from the generator's distribution, or from chance, to a token.
    Sampling,
    /// Which tokens are judged or predicted.
    Judged,
    /// The weights of the losses in their sum.
    Weights,
}

use Aspect::{Generator, Judged, Masks, Rows, Sampling, Vocabulary, Weights};

/// Keys, or tables, and what they decide; the first that fits counts.
const KEYS: &[(&str, &[Aspect])] = &[
    // What is measured, saved and told on the way, and the tagger.
    ("probe", &[]),
    ("name", &[]),
    ("evaluate", &[]),
    ("checkpoint", &[]),
    ("log", &[]),
    // Rounding.
    ("train.precision", &[]),
    ("train.micro_batch_size", &[]),
    ("train.gradient_sum", &[]),
    ("data.path", &[Vocabulary, Generator]),
    ("data.sources", &[Vocabulary, Generator]),
    (VOCABULARY, &[Vocabulary, Generator]),
    ("model.vocab_size", &[Vocabulary, Generator]),
    (DATA, &[Rows, Generator]),
    ("masking", &[Masks, Generator]),
    // Of training alone: held-out rows are masked at the rate of the masking itself.
    ("mask_rate", &[Generator]),
    // Beside the weights, which are what is evaluated.
    ("average", &[]),
    ("objective.temperature", &[Sampling]),
    ("objective.disallow_correct", &[Sampling]),
    ("objective.proposals", &[Sampling]),
    // Tables that both networks share learn from both losses.
    ("objective.generator_weight", &[Generator, Weights]),
    ("objective.discriminator_weight", &[Generator, Weights]),
    ("objective", &[Masks, Generator, Sampling, Judged, Weights]),
    ("scheme", &[Generator, Weights]),
    ("model", &[Generator]),
    ("optimizer", &[Generator]),
    ("schedule", &[Generator]),
    ("train", &[Generator]),
];

/// Stands for the vocabulary where no key of a recipe says that it is another one.
const VOCABULARY: &str = "tokenizer";

/// Stands for the content of the data where no key of a recipe says that it is other data.
const DATA: &str = "data";

/// All there is, of a key that nobody knows.
const EVERYTHING: &[Aspect] = &[Vocabulary, Rows, Masks, Generator, Sampling, Judged, Weights];

fn decided_by(key: &str) -> &'static [Aspect] {
    let is_it =
        |table: &str| key.strip_prefix(table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    KEYS.iter().find(|(table, _)| is_it(table)).map_or(EVERYTHING, |(_, aspects)| aspects)
}

/// The aspects that make up the task of a metric; none where it is one task for all arms by construction.
fn task_of(metric: Metric) -> &'static [Aspect] {
    match metric.task() {
        COMMON_TASK => &[],
        // What is told from the tokens that the generator beside it has replaced.
        REPLACED_TASK => &[Vocabulary, Rows, Masks, Generator, Sampling, Judged],
        // What is said at masked positions, by token and by byte.
        MASKED_TASK => &[Vocabulary, Rows, Masks],
        "masked-text" => &[Rows, Masks],
        _ => EVERYTHING,
    }
}

/// The keys in which results differ and that decide the task of `metric`.
#[must_use]
pub fn deciding_keys(metric: Metric, results: &[ResultRecord]) -> Vec<String> {
    // Samples of chance are the same whatever was trained.
    let is_chance = results.iter().all(|result| result.parameters.generator == 0);
    let task = task_of(metric);
    let decides = |aspect: &Aspect| task.contains(aspect) && !(is_chance && *aspect == Generator);
    let keys = differing(results);
    keys.into_iter().filter(|key| decided_by(key).iter().any(decides)).collect()
}

/// The numbers among `metrics` that are each of the arm's own task, with what makes them so.
#[must_use]
pub fn own_tasks(metrics: &[Metric], results: &[ResultRecord]) -> Vec<OwnTask> {
    let mut found: Vec<OwnTask> = Vec::new();
    for &metric in metrics {
        let because = deciding_keys(metric, results);
        if because.is_empty() {
            continue;
        }
        match found.iter_mut().find(|own| own.because == because) {
            Some(own) => own.metrics.push(metric),
            None => found.push(OwnTask { metrics: vec![metric], because }),
        }
    }
    found
}

/// The dotted keys that not all results have the same value of. A table of another kind is one key.
fn differing(results: &[ResultRecord]) -> BTreeSet<String> {
    let flat: Vec<BTreeMap<String, &Value>> =
        results.iter().map(|result| flatten(&result.differences)).collect();
    let keys: BTreeSet<&String> = flat.iter().flat_map(BTreeMap::keys).collect();
    let differs = |key: &&String| flat.iter().any(|one| one.get(*key) != flat[0].get(*key));
    let mut keys: BTreeSet<String> = keys.into_iter().filter(differs).cloned().collect();
    let kinds: Vec<String> =
        keys.iter().filter_map(|key| key.strip_suffix(".kind").map(str::to_owned)).collect();
    for table in kinds {
        keys.retain(|key| key.strip_prefix(&table).is_none_or(|rest| !rest.starts_with('.')));
        keys.insert(table);
    }
    let of_data = |key: &String| key == DATA || key.starts_with("data.");
    if !keys.iter().any(of_data) && unlike_data(results) {
        keys.insert(DATA.to_owned());
    }
    let is_named = keys.iter().any(|key| decided_by(key).contains(&Vocabulary));
    if !is_named && vocabularies(results).len() > 1 {
        keys.insert(VOCABULARY.to_owned());
    }
    keys
}

/// Whether results say that they are of unlike data.
fn unlike_data(results: &[ResultRecord]) -> bool {
    let mut known = results.iter().filter_map(|result| result.data.as_ref());
    known.next().is_some_and(|first| known.any(|other| other != first))
}

/// Every value by its dotted key.
fn flatten(differences: &Map<String, Value>) -> BTreeMap<String, &Value> {
    fn collect<'a>(key: &str, value: &'a Value, found: &mut BTreeMap<String, &'a Value>) {
        match value {
            Value::Object(table) if !table.is_empty() => {
                table.iter().for_each(|(name, value)| collect(&format!("{key}.{name}"), value, found));
            }
            value => drop(found.insert(key.to_owned(), value)),
        }
    }
    let mut found = BTreeMap::new();
    differences.iter().for_each(|(key, value)| collect(key, value, &mut found));
    found
}

/// A vocabulary and the arms that have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VocabularyOfArms {
    /// The hash of the vocabulary.
    pub hash: String,
    /// The number of its pieces.
    pub pieces: u64,
    /// The names of the arms.
    pub arms: Vec<String>,
}

/// The vocabularies of those results that name theirs.
#[must_use]
pub fn vocabularies(results: &[ResultRecord]) -> Vec<VocabularyOfArms> {
    let mut found: Vec<VocabularyOfArms> = Vec::new();
    for result in results {
        let Some(tokenizer) = &result.tokenizer else { continue };
        let known = found.iter().position(|vocabulary| vocabulary.hash == tokenizer.hash);
        let at = known.unwrap_or_else(|| {
            let (hash, pieces) = (tokenizer.hash.clone(), tokenizer.vocab_size);
            found.push(VocabularyOfArms { hash, pieces, arms: Vec::new() });
            found.len() - 1
        });
        if !found[at].arms.contains(&result.arm) {
            found[at].arms.push(result.arm.clone());
        }
    }
    found
}

/// Costs of tokens that cannot be compared, as not all arms call the same a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error(
    "the arms have {} vocabularies ({}), and `{}` is a cost of each token: a vocabulary of longer pieces has fewer and \
     harder ones",
    .vocabularies.len(), in_words(.vocabularies), .metric.name()
)]
pub struct OtherVocabulary {
    /// The metric that should have been compared.
    pub metric: Metric,
    /// The vocabularies with their arms.
    pub vocabularies: Vec<VocabularyOfArms>,
}

fn in_words(vocabularies: &[VocabularyOfArms]) -> String {
    let one = |vocabulary: &VocabularyOfArms| {
        format!(
            "{} pieces: {}",
            electra_run::record::thousands(vocabulary.pieces),
            vocabulary.arms.join(", ")
        )
    };
    vocabularies.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Refuses to compare costs of tokens between vocabularies.
///
/// # Errors
/// With the vocabularies.
pub fn check_vocabularies(metric: Metric, results: &[ResultRecord]) -> Result<(), OtherVocabulary> {
    let vocabularies = vocabularies(results);
    if vocabularies.len() > 1 && metric.is_by_token() {
        return Err(OtherVocabulary { metric, vocabularies });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
