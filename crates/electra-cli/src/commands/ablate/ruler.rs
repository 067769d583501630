//! The discriminators of all arms on common text: what `electra eval detection` says of each.
//!
//! An arm's own area under the curve is on samples of its own generator. So that arms can be held
//! against each other, each is judged on two corruptions of the base arm's held-out rows that are the
//! same for all: samples of the base arm's generator of the same seed, and samples from the
//! frequencies of words. The base arm was trained beside that generator, and the others were not, which
//! is said wherever these figures stand beside each other.

use std::path::{Path, PathBuf};

use electra_ablate::experiment::ExperimentFile;
use electra_ablate::plan::{Job, Plan, PlannedArm};
use electra_ablate::record::{CommonScores, Judged, ResultRecord};
use electra_files::regular;
use electra_model::GeneratorKind;
use electra_text::Manifest;
use serde_json::Value;

use super::job::Setup;
use super::recipes::Recipes;
use crate::commands::eval::detection::UNIGRAM;
use crate::failure::{self, Failure};

/// Who samples the replacements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ruler {
    /// The base arm's generator of the same seed.
    Base,
    /// The frequencies of words.
    Unigram,
}

/// Changes with what is measured, so that figures of another measure are measured again.
const VERSION: &str = "1";

/// What the arms can be judged on.
pub(super) struct Rulers {
    /// Number of the base arm.
    base: usize,
    /// Its data; none where it is not there yet.
    data: Option<PathBuf>,
    /// Of each arm; nothing where it has no discriminator that detects, or none that can read the text.
    of_arms: Vec<Vec<Ruler>>,
}

impl Rulers {
    /// Of planned arms.
    ///
    /// # Errors
    /// If a recipe cannot be read.
    pub(super) fn new(file: &ExperimentFile, plan: &Plan, recipes: &Recipes) -> Result<Self, Failure> {
        let load = |arm: &PlannedArm| recipes.load(&arm.overrides).map(|r| r.value).map_err(failure::recipe);
        let vocabulary = |folder: &Path| Manifest::read(folder).ok().map(|manifest| manifest.tokenizer.hash);
        let base_arm = &file.experiment().base_arm;
        let base = plan.arms.iter().position(|arm| arm.name == *base_arm).unwrap_or(0);
        let recipe = load(&plan.arms[base])?;
        let vocabulary_there = vocabulary(&recipe.data.path);
        let rulers = |arm: &PlannedArm| {
            let own = load(arm)?;
            let can_read = vocabulary_there.is_some()
                && vocabulary(&own.data.path) == vocabulary_there
                && own.model.max_position_embeddings >= recipe.data.sequence_length;
            // A generator may sample ids of which a smaller table has no row.
            let knows_samples = recipe.architecture().generator == GeneratorKind::Masked
                && own.model.vocab_size >= recipe.model.vocab_size;
            let can_judge = |ruler: &Ruler| match ruler {
                Ruler::Base => can_read && knows_samples,
                Ruler::Unigram => can_read,
            };
            let detects = own.architecture().detects();
            Ok([Ruler::Base, Ruler::Unigram]
                .into_iter()
                .filter(|ruler| detects && can_judge(ruler))
                .collect())
        };
        let of_arms = plan.arms.iter().map(rulers).collect::<Result<_, Failure>>()?;
        Ok(Self { base, data: vocabulary_there.map(|_| recipe.data.path), of_arms })
    }

    /// Whether an arm will be judged, or may be where the data of the base arm is not there yet.
    pub(super) fn may_judge(&self, arm: usize, ruler: Ruler) -> bool {
        self.data.is_none() || self.of_arms[arm].contains(&ruler)
    }
}

impl Setup {
    /// The run of the base arm with the same seed.
    fn base_of(&self, job: &Job) -> Option<&Job> {
        self.plan.jobs.iter().find(|other| other.arm == self.rulers.base && other.seed == job.seed)
    }

    /// Hash of the run whose generator samples.
    fn sampler_of(&self, ruler: Ruler, job: &Job) -> Option<String> {
        match ruler {
            Ruler::Base => self.base_of(job).map(|base| base.hash.clone()),
            Ruler::Unigram => None,
        }
    }

    /// Where the figures of a run are kept.
    fn figures_of(&self, ruler: Ruler, job: &Job) -> PathBuf {
        let sampler = self.sampler_of(ruler, job).unwrap_or_else(|| UNIGRAM.to_owned());
        let hash = blake3::hash(format!("{VERSION} {} {sampler}", job.hash).as_bytes()).to_hex();
        self.common_folder().join(format!("{}.json", &hash[..16]))
    }

    /// Folder of the figures.
    pub(super) fn common_folder(&self) -> PathBuf {
        self.out.join("common")
    }

    /// The figures that are there; what cannot be is none, and is measured again.
    fn judged(&self, ruler: Ruler, job: &Job) -> Option<Judged> {
        let text = regular::read(&self.figures_of(ruler, job)).ok()?;
        let report: Value = serde_json::from_slice(&text).ok()?;
        Judged::of_report(&report, self.sampler_of(ruler, job))
    }

    /// All figures of a run that are there.
    pub(super) fn common(&self, job: &Job) -> Option<CommonScores> {
        let rulers = &self.rulers.of_arms[job.arm];
        let of = |ruler| rulers.contains(&ruler).then(|| self.judged(ruler, job)).flatten();
        let scores = CommonScores { base: of(Ruler::Base), unigram: of(Ruler::Unigram) };
        (scores != CommonScores::default()).then_some(scores)
    }

    /// Whether the networks are there that a figure needs.
    fn can_be_judged(&self, ruler: Ruler, job: &Job) -> bool {
        let is_there = |job: &Job| self.run_of(job).join("model.safetensors").is_file();
        is_there(job) && (ruler == Ruler::Unigram || self.base_of(job).is_some_and(is_there))
    }

    /// The next figure of a finished run that is missing and can be had.
    pub(super) fn next_ruler(&self, job: &Job) -> Option<Ruler> {
        let missing =
            |ruler: &&Ruler| self.can_be_judged(**ruler, job) && self.judged(**ruler, job).is_none();
        self.rulers.of_arms[job.arm].iter().find(missing).copied()
    }

    /// Whether a result has all figures that can be had: without the folder of a run nothing is measured
    /// of it any more.
    pub(super) fn has_figures(&self, job: &Job, result: &ResultRecord) -> bool {
        let has = |ruler: Ruler| {
            let common = result.common.as_ref();
            let judged = match ruler {
                Ruler::Base => common.and_then(|common| common.base.as_ref()),
                Ruler::Unigram => common.and_then(|common| common.unigram.as_ref()),
            };
            judged.is_some_and(|judged| judged.run == self.sampler_of(ruler, job))
        };
        self.rulers.of_arms[job.arm].iter().all(|&ruler| has(ruler) || !self.can_be_judged(ruler, job))
    }

    /// How many figures of a run are still to be measured, now or once it is trained.
    pub(super) fn figures_left(&self, job: &Job) -> usize {
        self.rulers.of_arms[job.arm].iter().filter(|ruler| self.judged(**ruler, job).is_none()).count()
    }

    /// Arguments of the process that judges a run.
    pub(super) fn judging(&self, ruler: Ruler, job: &Job) -> Vec<String> {
        let text = |path: &Path| path.display().to_string();
        let sampler = match (ruler, self.base_of(job)) {
            (Ruler::Base, Some(base)) => text(&self.run_of(base)),
            _ => UNIGRAM.to_owned(),
        };
        let mut arguments: Vec<String> = ["eval", "detection"].map(str::to_owned).to_vec();
        let mut add = |option: &str, value: String| arguments.extend([option.to_owned(), value]);
        add("--model", text(&self.run_of(job)));
        add("--generator", sampler);
        if let Some(data) = &self.rulers.data {
            add("--data", text(data));
        }
        add("--out", text(&self.figures_of(ruler, job)));
        add("--threads", self.threads.to_string());
        add("--device", self.device.to_string());
        arguments
    }
}
