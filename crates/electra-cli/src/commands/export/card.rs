//! The model card of an exported network: `README.md` in its folder.

use electra_files::shown::code_in_markdown;
use electra_run::record::thousands;
use electra_run::run_folder::RunProgress;
use electra_train::Ancestor;
use electra_train::card_metadata::{OPEN_LANGUAGE, OPEN_LICENCE, base_model, in_yaml};
use serde_json::Value;

/// File of the card.
pub(super) const README: &str = "README.md";

/// The card of the network `name`, which `config.json` describes. It says nothing of the folder that the network
/// comes from, so that an import that is exported again has the same card.
pub(super) fn card(
    name: &str,
    config: &Value,
    progress: Option<RunProgress>,
    ancestors: &[Ancestor],
) -> String {
    let is_generator = name == "generator";
    let (pipeline, class) = match is_generator {
        true => ("pipeline_tag: fill-mask\n", "ElectraForMaskedLM"),
        false => ("", "ElectraForPreTraining"),
    };
    let base = ancestors.first().and_then(|ancestor| base_model(&ancestor.model));
    let base = base.map_or(String::new(), |base| format!("base_model: {}\n", in_yaml(&base)));
    let size = |key: &str| thousands(config[key].as_u64().unwrap_or_default());
    let what = match is_generator {
        true => {
            "It fills in masked tokens; beside the discriminator it made the replaced ones in pretraining."
        }
        false => {
            "It tells replaced tokens from original ones, and is the encoder to fine-tune: \
             `electra finetune ner --model DIR`, or `ElectraForTokenClassification.from_pretrained(\"DIR\")` and the \
             like in transformers."
        }
    };
    let mut card = format!(
        "---\n{OPEN_LANGUAGE}\n{OPEN_LICENCE}\nlibrary_name: transformers\n{pipeline}{base}tags:\n- electra\n- {name}\n---\n\n\
         # ELECTRA, {name}\n\n{what}\n\n```python\nfrom transformers import AutoTokenizer, {class}\n\n\
         model = {class}.from_pretrained(\"DIR\")\ntokenizer = AutoTokenizer.from_pretrained(\"DIR\")\n```\n\n\
         | what | |\n|---|---|\n| layers | {} |\n| width | {} |\n| heads | {} |\n| vocabulary | {} pieces |\n\
         | longest sequence | {} pieces |\n",
        size("num_hidden_layers"),
        size("hidden_size"),
        size("num_attention_heads"),
        size("vocab_size"),
        size("max_position_embeddings"),
    );
    if let Some(RunProgress { step, planned }) = progress {
        let unfinished = if step < planned { ", **not finished**" } else { "" };
        card += &format!("| pretraining | step {step} of {planned}{unfinished} |\n");
    }
    for Ancestor { model, weights_hash } in ancestors {
        card += &format!(
            "| pretraining began with | {}, BLAKE3 {} |\n",
            code_in_markdown(model),
            code_in_markdown(weights_hash)
        );
    }
    card + "\nNo scores are known of it here.\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_has_metadata_and_what_is_known_of_the_network() {
        let config = serde_json::json!({"num_hidden_layers": 2, "hidden_size": 64, "vocab_size": 30522});
        let ancestors =
            [Ancestor { model: "google/electra-small-discriminator".into(), weights_hash: "1f".into() }];
        let progress = Some(RunProgress { step: 5, planned: 9 });
        let found = card("discriminator", &config, progress, &ancestors);
        for part in [
            "---\n# language",
            "\nbase_model: \"google/electra-small-discriminator\"\ntags:\n- electra\n- discriminator\n---\n",
            "| vocabulary | 30,522 pieces |",
            "step 5 of 9, **not finished**",
        ] {
            assert!(found.contains(part), "{part:?} is not in\n{found}");
        }
        assert!(card("generator", &config, None, &[]).contains("pipeline_tag: fill-mask\ntags:"));
    }
}
