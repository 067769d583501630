//! Whether a number is of one task in all arms, or each arm is measured on a task of its own.
//!
//! A discriminator's own AUC and losses are on samples of the generator beside it: whatever changes
//! that generator, the masks or the sampling changes what is asked of the discriminator. The loss of
//! masked language modelling is another one where other positions are masked. What the arms change says
//! which of the numbers that is true of.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::metric::{COMMON_TASK, Metric};
use crate::record::ResultRecord;

/// Numbers that are each of the arm's own task, for the same reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OwnTask {
    /// The numbers, in the order of tables.
    pub metrics: Vec<Metric>,
    /// Dotted keys of the recipe in which arms differ and that decide the task.
    pub because: Vec<String>,
}

/// What of a task a key of the recipe decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aspect {
    /// What is a token.
    Vocabulary,
    /// How long the rows are.
    Rows,
    /// Which positions are masked, and what who fills them in may read.
    Masks,
    /// How good the generator has become, whose samples are judged.
    Generator,
    /// How its distribution, or chance, becomes a token.
    Sampling,
    /// Which tokens are judged or predicted.
    Judged,
    /// How losses are added up.
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
    ("data.path", &[Vocabulary, Generator]),
    (VOCABULARY, &[Vocabulary, Generator]),
    ("model.vocab_size", &[Vocabulary, Generator]),
    ("data", &[Rows, Generator]),
    ("masking", &[Masks, Generator]),
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

/// All there is, of a key that nobody knows.
const EVERYTHING: &[Aspect] = &[Vocabulary, Rows, Masks, Generator, Sampling, Judged, Weights];

fn decided_by(key: &str) -> &'static [Aspect] {
    let is_it =
        |table: &str| key.strip_prefix(table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    KEYS.iter().find(|(table, _)| is_it(table)).map_or(EVERYTHING, |(_, aspects)| aspects)
}

/// What the task of a metric is made of; nothing where it is one for all arms by construction.
fn task_of(metric: Metric) -> &'static [Aspect] {
    match metric.task() {
        COMMON_TASK => &[],
        // What is told from the tokens that the generator beside it has replaced.
        "replaced" => &[Vocabulary, Rows, Masks, Generator, Sampling, Judged],
        // What is said at masked positions, by token and by byte.
        "masked" => &[Vocabulary, Rows, Masks],
        "masked-text" => &[Rows, Masks],
        _ => EVERYTHING,
    }
}

/// The keys in which results differ and that decide the task of `metric`.
#[must_use]
pub fn changed(metric: Metric, results: &[ResultRecord]) -> Vec<String> {
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
        let because = changed(metric, results);
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
    let is_named = keys.iter().any(|key| decided_by(key).contains(&Vocabulary));
    if !is_named && vocabularies(results).len() > 1 {
        keys.insert(VOCABULARY.to_owned());
    }
    keys
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
    /// Its hash.
    pub hash: String,
    /// Its pieces.
    pub pieces: u64,
    /// Names of arms.
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
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the arms have {} vocabularies ({}), and `{}` is a cost of each token: a vocabulary of longer pieces has fewer and \
     harder ones",
    .vocabularies.len(), in_words(.vocabularies), .metric.name()
)]
pub struct OtherVocabulary {
    /// What should have been compared.
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
mod tests {
    use serde_json::json;

    use super::*;
    use crate::metric::tests::{catalogue, metric};
    use crate::record::TokenizerIdentity;
    use crate::record::tests::result;

    /// The base arm and one that differs from it in `differences`.
    fn pair(differences: Value) -> [ResultRecord; 2] {
        let Value::Object(differences) = differences else { panic!("{differences} is no table") };
        [result("a", 1, 0.5), ResultRecord { differences, ..result("b", 1, 0.5) }]
    }

    fn own(differences: Value) -> Vec<&'static str> {
        let results = pair(differences);
        catalogue()
            .all()
            .iter()
            .copied()
            .filter(|m| !changed(*m, &results).is_empty())
            .map(Metric::title)
            .collect()
    }

    #[test]
    fn what_arms_change_decides_which_numbers_are_of_their_own_task() {
        let of_detection = ["AUC", "RTD loss", "rtd/H(q)", "prediction loss"];
        let with = |more: &[&'static str]| [&of_detection, more].concat();
        for (key, value) in [
            ("model.generator.width", json!(0.5)),
            ("model.generator.tie", json!("all")),
            ("model.generator.num_attention_heads", json!(2)),
            ("model.hidden_size", json!(64)),
            ("scheme", json!({"kind": "adversarial"})),
            ("objective.discriminator_weight", json!(10.0)),
            ("objective.temperature", json!(2.0)),
            ("objective.proposals", json!("unigram")),
            ("schedule.learning_rate", json!(1e-3)),
            ("train.steps", json!(5)),
        ] {
            assert_eq!(own(json!({ (key): value })), with(&["total loss"]), "{key}");
        }
        // Other positions are another task to who fills them in.
        for (key, value) in [
            ("masking.probability", json!(0.4)),
            ("masking", json!({"kind": "span", "probability": 0.15})),
            ("objective", json!({"kind": "electra-15", "temperature": 1.0})),
            ("data.sequence_length", json!(64)),
        ] {
            let expected = with(&["MLM loss", "MLM loss a byte", "total loss"]);
            assert_eq!(own(json!({ (key): value })), expected, "{key}");
        }
        // By byte it is one task for all vocabularies.
        assert_eq!(own(json!({"model.vocab_size": 600})), with(&["MLM loss", "total loss"]));
        for key in ["train.precision", "probe.labels.scheme", "evaluate.every_steps", "log.every_steps"] {
            assert_eq!(own(json!({ (key): "x" })), Vec::<&str>::new(), "{key}");
        }
        // What nobody knows may decide anything.
        assert_eq!(own(json!({"something.new": 1})), with(&["MLM loss", "MLM loss a byte", "total loss"]));
        assert_eq!(own(json!({})), Vec::<&str>::new());
    }

    #[test]
    fn the_probe_and_the_common_corruptions_are_of_one_task() {
        let everything =
            json!({"masking.probability": 0.4, "model.generator.width": 1.0, "objective": {"kind": "mlm"}});
        let results = pair(everything);
        for metric in
            [Metric::PROBE_F1, Metric::COMMON_AUC, Metric::UNIGRAM_AUC, Metric::UNIGRAM_LOSS_OVER_ENTROPY]
        {
            assert!(changed(metric, &results).is_empty(), "{}", metric.title());
        }
    }

    #[test]
    fn a_value_that_all_arms_have_changes_nothing_between_them() {
        let mut results = pair(json!({"masking.probability": 0.4, "model.generator.width": 1.0}));
        results[0].differences = json!({"masking.probability": 0.4}).as_object().unwrap().clone();
        assert_eq!(changed(metric("mlm-loss"), &results), Vec::<String>::new());
        assert_eq!(changed(metric("rtd-auc"), &results), ["model.generator.width"]);
        // Values of a table are compared one by one.
        for (at, temperature) in [1.0, 2.0].into_iter().enumerate() {
            let objective = json!({"objective": {"kind": "electra-15", "temperature": temperature}});
            results[at].differences = objective.as_object().unwrap().clone();
        }
        assert_eq!(changed(metric("rtd-auc"), &results), ["objective.temperature"]);
        // Unless they are of unlike kinds.
        results[0].differences["objective"]["kind"] = "replaced-token-detection".into();
        assert_eq!(changed(metric("rtd-auc"), &results), ["objective"]);
    }

    #[test]
    fn samples_of_chance_are_the_same_whatever_was_trained() {
        let mut results = pair(json!({"model.hidden_size": 64}));
        assert!(!changed(metric("rtd-auc"), &results).is_empty());
        for result in &mut results {
            result.parameters.generator = 0;
        }
        assert!(changed(metric("rtd-auc"), &results).is_empty());
        results[1].differences = json!({"objective.temperature": 2.0}).as_object().unwrap().clone();
        assert!(!changed(metric("rtd-auc"), &results).is_empty());
    }

    #[test]
    fn numbers_with_the_same_reasons_are_told_together() {
        let results = pair(json!({"masking.probability": 0.4, "model.generator.width": 1.0}));
        let found = own_tasks(
            &[Metric::PROBE_F1, metric("rtd-auc"), metric("rtd-loss"), metric("mlm-loss")],
            &results,
        );
        let both = ["masking.probability", "model.generator.width"].map(str::to_owned).to_vec();
        let expected = [
            OwnTask { metrics: vec![metric("rtd-auc"), metric("rtd-loss")], because: both.clone() },
            OwnTask { metrics: vec![metric("mlm-loss")], because: both[..1].to_vec() },
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn costs_of_tokens_are_compared_within_a_vocabulary_alone() {
        let mut results = pair(json!({}));
        let named = |hash: &str, vocab_size| Some(TokenizerIdentity { hash: hash.into(), vocab_size });
        results[0].tokenizer = named("x", 600);
        // An older result does not say, and nobody is accused.
        check_vocabularies(metric("mlm-loss"), &results).unwrap();
        results[1].tokenizer = named("x", 600);
        check_vocabularies(metric("mlm-loss"), &results).unwrap();
        assert!(changed(metric("rtd-auc"), &results).is_empty());
        results[1].tokenizer = named("y", 4000);
        for metric in [metric("mlm-loss"), metric("rtd-loss"), metric("prediction-loss"), metric("loss")] {
            let error = check_vocabularies(metric, &results).unwrap_err().to_string();
            for part in ["2 vocabularies (600 pieces: a; 4,000 pieces: b)", metric.name(), "longer pieces"] {
                assert!(error.contains(part), "{error}");
            }
        }
        for metric in [metric("mlm-loss-per-byte"), Metric::PROBE_F1, metric("rtd-auc")] {
            check_vocabularies(metric, &results).unwrap();
        }
        assert_eq!(changed(metric("rtd-auc"), &results), ["tokenizer"]);
        assert!(changed(metric("mlm-loss-per-byte"), &results).is_empty());
    }
}
