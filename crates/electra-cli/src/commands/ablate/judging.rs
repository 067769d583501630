//! The figures of each run on common text: where they are kept, which are missing, and how they are measured.

use std::path::{Path, PathBuf};

use electra_ablate::plan::Job;
use electra_ablate::record::{CommonCorruptionScores, DetectionScores, ResultRecord};
use electra_files::regular;
use serde_json::Value;

use super::replacement_source::ReplacementSource;
use super::setup::Setup;
use crate::commands::eval::detection::UNIGRAM;

/// Changes with what is measured, so that figures of another measure are measured again.
const VERSION: &str = "1";

impl Setup {
    /// The run of the base arm with the same seed.
    fn base_of(&self, job: &Job) -> Option<&Job> {
        self.plan.jobs.iter().find(|other| other.arm == self.sources.base && other.seed == job.seed)
    }

    /// Hash of the run whose generator samples.
    fn sampler_of(&self, source: ReplacementSource, job: &Job) -> Option<String> {
        match source {
            ReplacementSource::Base => self.base_of(job).map(|base| base.hash.clone()),
            ReplacementSource::Unigram => None,
        }
    }

    /// The file of a run's figures.
    fn figures_of(&self, source: ReplacementSource, job: &Job) -> PathBuf {
        let sampler = self.sampler_of(source, job).unwrap_or_else(|| UNIGRAM.to_owned());
        let hash = blake3::hash(format!("{VERSION} {} {sampler}", job.hash).as_bytes()).to_hex();
        self.common_folder().join(format!("{}.json", &hash[..16]))
    }

    /// Folder of the figures.
    pub(super) fn common_folder(&self) -> PathBuf {
        self.out.join("common")
    }

    /// The figures that are there; what cannot be is none, and is measured again.
    fn judged(&self, source: ReplacementSource, job: &Job) -> Option<DetectionScores> {
        let text = regular::read(&self.figures_of(source, job)).ok()?;
        let report: Value = serde_json::from_slice(&text).ok()?;
        DetectionScores::of_report(&report, self.sampler_of(source, job))
    }

    /// All figures of a run that are there.
    pub(super) fn common(&self, job: &Job) -> Option<CommonCorruptionScores> {
        let sources = &self.sources.by_arm[job.arm];
        let of = |source| sources.contains(&source).then(|| self.judged(source, job)).flatten();
        let scores = CommonCorruptionScores {
            base: of(ReplacementSource::Base),
            unigram: of(ReplacementSource::Unigram),
        };
        (scores != CommonCorruptionScores::default()).then_some(scores)
    }

    /// Whether the networks are there that a figure needs.
    fn can_be_judged(&self, source: ReplacementSource, job: &Job) -> bool {
        let is_there = |job: &Job| self.run_of(job).join("model.safetensors").is_file();
        is_there(job) && (source == ReplacementSource::Unigram || self.base_of(job).is_some_and(is_there))
    }

    /// The next figure of a finished run that is missing and can be had.
    pub(super) fn next_source(&self, job: &Job) -> Option<ReplacementSource> {
        let missing = |source: &&ReplacementSource| {
            self.can_be_judged(**source, job) && self.judged(**source, job).is_none()
        };
        self.sources.by_arm[job.arm].iter().find(missing).copied()
    }

    /// Whether a result has all figures that can be had: without the folder of a run nothing is measured
    /// of it any more.
    pub(super) fn has_figures(&self, job: &Job, result: &ResultRecord) -> bool {
        let has = |source: ReplacementSource| {
            let common = result.common.as_ref();
            let judged = match source {
                ReplacementSource::Base => common.and_then(|common| common.base.as_ref()),
                ReplacementSource::Unigram => common.and_then(|common| common.unigram.as_ref()),
            };
            judged.is_some_and(|judged| judged.run == self.sampler_of(source, job))
        };
        self.sources.by_arm[job.arm].iter().all(|&source| has(source) || !self.can_be_judged(source, job))
    }

    /// The number of a run's figures that are still to be measured, now or once it is trained.
    pub(super) fn figures_left(&self, job: &Job) -> usize {
        self.sources.by_arm[job.arm].iter().filter(|source| self.judged(**source, job).is_none()).count()
    }

    /// Arguments of the process that judges a run.
    pub(super) fn judging(&self, source: ReplacementSource, job: &Job) -> Vec<String> {
        let text = |path: &Path| path.display().to_string();
        let sampler = match (source, self.base_of(job)) {
            (ReplacementSource::Base, Some(base)) => text(&self.run_of(base)),
            _ => UNIGRAM.to_owned(),
        };
        let mut arguments: Vec<String> = ["eval", "detection"].map(str::to_owned).to_vec();
        let mut add = |option: &str, value: String| arguments.extend([option.to_owned(), value]);
        add("--model", text(&self.model_of(job)));
        add("--generator", sampler);
        if let Some(data) = &self.sources.data {
            add("--data", text(data));
        }
        add("--out", text(&self.figures_of(source, job)));
        add("--threads", self.threads.to_string());
        add("--device", self.device.to_string());
        arguments
    }
}
