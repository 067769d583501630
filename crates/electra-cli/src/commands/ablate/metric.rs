//! A check that all arms will have the number that the experiment compares them by, and that it means the
//! same in all of them: nobody should learn after days of training that there is nothing to compare.

use electra_ablate::experiment::Experiment;
use electra_ablate::metric::Source;
use electra_ablate::plan::PlannedArm;
use electra_ablate::task::{OtherVocabulary, VocabularyOfArms};
use electra_pretrain::Recipe;

use super::replacement_source::ReplacementSource;
use super::setup::Setup;
use crate::failure::{self, Failure};

impl Setup {
    /// Refuses a metric that the base arm or every other arm will not have, and a cost of tokens where arms
    /// have unlike vocabularies.
    ///
    /// # Errors
    /// With the place in the file.
    pub(super) fn check_metric(&self) -> Result<(), Failure> {
        let Experiment { base_arm, .. } = self.file.experiment();
        let metric = self.file.metric;
        let fail = |message: String, help: &str| {
            Err(failure::recipe(self.file.resolved.error_at("metric", message, help)))
        };
        let vocabularies = self.vocabularies()?;
        if metric.is_by_token() && vocabularies.len() > 1 {
            let error = OtherVocabulary { metric, vocabularies };
            return fail(
                error.to_string(),
                "compare by a number that they have in common: \"mlm-loss-per-byte\", or \"probe-f1\"",
            );
        }
        let without = self.arms_without_metric()?;
        let help = "choose a metric that its objective measures, such as loss, mlm-loss or rtd-auc, or probe-f1 with a \
                    [probe]";
        if without.contains(base_arm) {
            return fail(format!("the base arm `{base_arm}` will have no {}", metric.name()), help);
        }
        if !without.is_empty() && without.len() + 1 == self.plan.arms.len() {
            let message =
                format!("no arm but the base arm will have {}: {}", metric.name(), without.join(", "));
            return fail(message, help);
        }
        Ok(())
    }

    /// Arms that will not have the number of the verdict.
    ///
    /// # Errors
    /// If a recipe cannot be read.
    pub(super) fn arms_without_metric(&self) -> Result<Vec<String>, Failure> {
        let metric = self.file.metric;
        let mut without = Vec::new();
        for (number, arm) in self.plan.arms.iter().enumerate() {
            let recipe = self.recipes.load(&arm.overrides).map_err(failure::recipe)?.value;
            let judged = |source: ReplacementSource| self.sources.may_judge(number, source);
            let has = match metric.source() {
                Source::Probe => !self.probes.is_empty(),
                Source::Common(_) => judged(ReplacementSource::Base),
                Source::Unigram(_) => judged(ReplacementSource::Unigram),
                Source::Heldout(key) => measures(&recipe, key),
            };
            if !has {
                without.push(arm.name.clone());
            }
        }
        Ok(without)
    }

    /// The vocabularies of the arms whose data is there.
    fn vocabularies(&self) -> Result<Vec<VocabularyOfArms>, Failure> {
        let mut found: Vec<VocabularyOfArms> = Vec::new();
        for arm in &self.plan.arms {
            let Some(hash) = tokenizer_of(arm) else { continue };
            match found.iter_mut().find(|vocabulary| vocabulary.hash == hash) {
                Some(known) => known.arms.push(arm.name.clone()),
                None => {
                    let recipe = self.recipes.load(&arm.overrides).map_err(failure::recipe)?.value;
                    let pieces = recipe.model.vocab_size as u64;
                    found.push(VocabularyOfArms { hash, pieces, arms: vec![arm.name.clone()] });
                }
            }
        }
        Ok(found)
    }
}

/// Hash of the tokenizer of an arm, behind that of its data.
fn tokenizer_of(arm: &PlannedArm) -> Option<String> {
    Some(arm.facts.data_hash.as_ref()?.rsplit_once(' ')?.1.to_owned())
}

/// Whether the last evaluation of a recipe has a number of the log.
fn measures(recipe: &Recipe, key: &str) -> bool {
    let experiment = electra_pretrain::metrics::experiments::experiment_metric(key);
    experiment
        .is_some_and(|experiment| experiment.output.applies_to(&recipe.objective, recipe.architecture()))
}

#[cfg(test)]
mod tests {
    use electra_run::recipe::load_str;

    use super::*;
    use crate::commands::metrics::catalogue;

    /// The metrics that the results of experiment 002 have, by objective.
    #[test]
    fn an_objective_measures_what_its_results_have() {
        const DEBUG: &str = include_str!("../../../configs/debug.toml");
        let of = |objective: &str| -> Vec<&str> {
            let recipe =
                load_str::<Recipe>("debug.toml", DEBUG, &[format!("objective={objective}")]).unwrap().value;
            let all = catalogue().all().iter();
            let own = all.filter_map(|metric| Some((metric.name(), metric.key()?)));
            own.filter(|(_, key)| measures(&recipe, key)).map(|(name, _)| name).collect()
        };
        let joint = |kind: &str, more: &str| {
            format!(
                "{{ kind = \"{kind}\", generator_weight = 1.0, discriminator_weight = 50.0, temperature = 1.0, \
                 disallow_correct = false{more} }}"
            )
        };
        assert_eq!(of("{ kind = \"mlm\" }"), ["mlm-loss", "mlm-loss-per-byte"]);
        let predicting = ["prediction-loss", "mlm-loss", "mlm-loss-per-byte", "loss"];
        assert_eq!(of(&joint("replace-mlm", "")), predicting);
        assert_eq!(of(&joint("all-tokens-mlm", "")), predicting);
        let detecting =
            ["rtd-auc", "rtd-loss", "rtd-loss-over-entropy", "mlm-loss", "mlm-loss-per-byte", "loss"];
        for kind in ["replaced-token-detection", "electra-15", "electric"] {
            assert_eq!(of(&joint(kind, "")), detecting, "{kind}");
        }
        let sampled = of(&joint("replaced-token-detection", ", proposals = \"unigram\""));
        assert_eq!(sampled, ["rtd-auc", "rtd-loss", "rtd-loss-over-entropy", "loss"]);
    }
}
