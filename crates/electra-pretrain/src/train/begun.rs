//! The state of a run at its begin.

use electra_model::flops::ParameterCount;
use electra_ranks::Communicator;
use electra_run::checkpoint::CheckpointStore;
use electra_run::recipe::Resolved;
use electra_run::record::{HeldoutRows, RunRecord, read_metrics};
use electra_run::run_folder::RunFolder;
use electra_train::{Recorder, RunError, RunStart};

use super::error::TrainError;
use super::hparams::hparams;
use super::setup::Estimate;
use crate::code;
use crate::heldout::rows_of_run;
use crate::recipe::Recipe;
use crate::snapshot::Snapshot;

/// The state of a run at its begin: what the first rank has of it, or what it has told another one.
pub(super) struct Begun {
    pub(super) snapshot: Snapshot,
    /// Log, TensorBoard and checkpoints, which the first rank alone has.
    pub(super) records: Option<Recorder>,
    /// The held-out rows that the run goes on with.
    pub(super) rows: HeldoutRows,
}

impl Begun {
    /// Opens the records of a run in its folder.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub(super) fn of_first(
        communicator: &Communicator<'_>,
        recipe: &Resolved<Recipe>,
        estimate: Estimate,
        snapshot: Snapshot,
        (folder, store, last_saved): (RunFolder, CheckpointStore, Option<u64>),
    ) -> Result<Self, TrainError> {
        let r = &recipe.value;
        let count = ParameterCount::of(&r.model, r.architecture());
        let record = RunRecord {
            recipe_hash: recipe.hash.clone(),
            code: code::versions(),
            parameters: serde_json::json!({
                "discriminator": count.discriminator,
                "generator": count.generator,
                "total": count.total(),
            }),
            flops_per_step: r.run_flops() / r.train.steps as f64,
            plan: estimate.plan,
            ranks: communicator.is_shared().then_some(communicator.size()),
        };
        let beginning = RunStart {
            record: &record,
            recipe_text: &recipe.text,
            step: snapshot.step(),
            last_saved,
            hparams: (hparams(r), &["eval/loss", "eval/mlm_loss", "eval/rtd_loss", "eval/rtd_auc"]),
        };
        let recorder = Recorder::open(folder, store, &beginning)?;
        let log = read_metrics(&recorder.folder().metrics()).map_err(RunError::from)?;
        Ok(Self { snapshot, records: Some(recorder), rows: rows_of_run(&log) })
    }
}
