//! The discriminators of all arms on common text: what `electra eval detection` says of each.
//!
//! An arm's own area under the curve is on samples of its own generator. So that arms can be held
//! against each other, each is judged on two corruptions of the base arm's held-out rows that are the
//! same for all: samples of the base arm's generator of the same seed, and samples from the
//! frequencies of words. The base arm was trained beside that generator, and the others were not, which
//! is said wherever these figures stand beside each other.

use std::path::{Path, PathBuf};

use electra_ablate::experiment::ExperimentFile;
use electra_ablate::plan::{Plan, PlannedArm};
use electra_model::GeneratorKind;
use electra_text::Manifest;

use super::recipes::Recipes;
use crate::failure::{self, Failure};

/// The source of the replacements on which discriminators are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReplacementSource {
    /// The base arm's generator of the same seed.
    Base,
    /// The frequencies of words.
    Unigram,
}

/// The sources of replacements on which the discriminators of the arms can be judged.
pub(super) struct ReplacementSources {
    /// Number of the base arm.
    pub(super) base: usize,
    /// The data folder of the base arm; `None` where it is not there yet.
    pub(super) data: Option<PathBuf>,
    /// The sources of each arm; none where it has no discriminator that detects, or none that can read the
    /// text.
    pub(super) by_arm: Vec<Vec<ReplacementSource>>,
}

impl ReplacementSources {
    /// The sources of planned arms.
    ///
    /// # Errors
    /// If a recipe cannot be read.
    pub(super) fn new(file: &ExperimentFile, plan: &Plan, recipes: &Recipes) -> Result<Self, Failure> {
        let load = |arm: &PlannedArm| recipes.load(&arm.overrides).map(|r| r.value).map_err(failure::recipe);
        let vocabulary = |folder: &Path| Manifest::read(folder).ok().map(|manifest| manifest.tokenizer.hash);
        let base_arm = &file.experiment().base_arm;
        let base = plan.arms.iter().position(|arm| arm.name == *base_arm).unwrap_or(0);
        let recipe = load(&plan.arms[base])?;
        let vocabulary_there = vocabulary(recipe.data.first_folder());
        let sources = |arm: &PlannedArm| {
            let own = load(arm)?;
            let can_read = vocabulary_there.is_some()
                && vocabulary(own.data.first_folder()) == vocabulary_there
                && own.model.max_position_embeddings >= recipe.data.sequence_length;
            // A generator may sample ids of which a smaller table has no row.
            let knows_samples = recipe.architecture().generator == GeneratorKind::Masked
                && own.model.vocab_size >= recipe.model.vocab_size;
            let can_judge = |source: &ReplacementSource| match source {
                ReplacementSource::Base => can_read && knows_samples,
                ReplacementSource::Unigram => can_read,
            };
            let detects = own.architecture().detects();
            Ok([ReplacementSource::Base, ReplacementSource::Unigram]
                .into_iter()
                .filter(|source| detects && can_judge(source))
                .collect())
        };
        let by_arm = plan.arms.iter().map(sources).collect::<Result<_, Failure>>()?;
        Ok(Self { base, data: vocabulary_there.map(|_| recipe.data.first_folder().to_owned()), by_arm })
    }

    /// Whether an arm will be judged, or may be where the data of the base arm is not there yet.
    pub(super) fn may_judge(&self, arm: usize, source: ReplacementSource) -> bool {
        self.data.is_none() || self.by_arm[arm].contains(&source)
    }
}
