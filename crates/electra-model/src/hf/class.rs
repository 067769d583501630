//! Which class of transformers a folder holds, by the names of its tensors.
//!
//! `architectures` of a `config.json` says it too, but a folder may be put together by hand, and
//! what can be read is decided by the tensors.

use std::collections::BTreeMap;

use serde_json::Value;

use super::network::HfNetwork;

/// Prefixes of the names of tensors of heads, each with the class whose head it is. The first that fits
/// decides: `ElectraForMultipleChoice` has a classifier as well.
const HEADS: &[(&str, &str)] = &[
    ("discriminator_predictions.", "ElectraForPreTraining"),
    ("generator_", "ElectraForMaskedLM"),
    ("sequence_summary.", "ElectraForMultipleChoice"),
    ("classifier.dense.", "ElectraForSequenceClassification"),
    ("qa_outputs.", "ElectraForQuestionAnswering"),
    ("classifier.", "ElectraForTokenClassification"),
];

/// The tensor of an encoder that was saved without a head, with and without the name of a class around it.
const TABLES: [&str; 2] = ["electra.embeddings.word_embeddings.weight", "embeddings.word_embeddings.weight"];

/// The class of ELECTRA that has tensors of these names; none if they are of another network.
pub fn class_of<T>(tensors: &BTreeMap<String, T>) -> Option<&'static str> {
    let has = |head: &str| tensors.keys().any(|name| name.starts_with(head));
    let head = HEADS.iter().find(|(head, _)| has(head)).map(|(_, class)| *class);
    head.or_else(|| TABLES.iter().any(|name| tensors.contains_key(*name)).then_some("ElectraModel"))
}

/// The class that a `config.json` names first.
pub fn architecture(config: &Value) -> Option<&str> {
    config.pointer("/architectures/0").and_then(Value::as_str)
}

/// The advice for a folder of class `found` where `expected` was asked for.
pub(super) fn class_help(found: &str, expected: HfNetwork) -> String {
    match (found, expected) {
        ("ElectraForTokenClassification", _) => {
            "find entities with it, or give the pretrained model that the tagger was fine-tuned from".into()
        }
        ("ElectraForPreTraining", HfNetwork::Tagger) => "fine-tune it first".into(),
        ("ElectraModel", _) => format!(
            "its head was not saved: load the original in transformers as {0} and save that",
            expected.architecture()
        ),
        _ => format!("give the folder of an {}", expected.architecture()),
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::*;

    #[test]
    fn a_class_is_known_by_its_head() {
        let word = "electra.embeddings.word_embeddings.weight";
        for (names, class) in [
            (&[word, "discriminator_predictions.dense.bias"][..], Some("ElectraForPreTraining")),
            (&[word, "generator_lm_head.bias"], Some("ElectraForMaskedLM")),
            (&[word, "classifier.weight", "classifier.bias"], Some("ElectraForTokenClassification")),
            (&[word, "classifier.dense.weight"], Some("ElectraForSequenceClassification")),
            (&[word, "sequence_summary.summary.bias", "classifier.bias"], Some("ElectraForMultipleChoice")),
            (&[word, "qa_outputs.bias"], Some("ElectraForQuestionAnswering")),
            (&[word], Some("ElectraModel")),
            (&["embeddings.word_embeddings.weight"], Some("ElectraModel")),
            (&["bert.embeddings.word_embeddings.weight"], None),
        ] {
            let named = |name: &&str| ((*name).to_owned(), TensorData::from([1.0f32]));
            assert_eq!(class_of(&names.iter().map(named).collect()), class, "{names:?}");
        }
    }
}
