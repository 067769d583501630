//! Checkpoints of fine-tuning.

use std::path::Path;

use burn::prelude::Device;
use electra_annotations::{LabelScheme, LabelSet};
use electra_model::Precision;
use electra_ner::{HeadType, Recipe, TaggerShape, TokenClassifier, load_snapshot, start_snapshot, tagger_of};
use electra_run::checkpoint::CheckpointStore;
use electra_train::epochs::EpochProgress;

use super::checkpoint::{CHECKPOINTS, damage, saved_at, seal};
use super::material::sizes;
use crate::case::Case;
use crate::reader::{OkRendered, Reached, Reader, Rng};

/// Two checkpoints of a small tagger.
pub(super) struct TaggerCheckpoints;

impl Reader for TaggerCheckpoints {
    fn name(&self) -> &'static str {
        "tagger-checkpoint"
    }

    fn stages(&self) -> &'static [&'static str] {
        &["found", "loaded", "scored", "taken"]
    }

    fn seeds(&self) -> Vec<Case> {
        let (config, labels) = (sizes(), labels());
        let shape = TaggerShape { config: &config, labels: &labels, head: HeadType::Crf };
        let rates = Recipe::load(None, &[]).expect("the default is right").value.rates;
        let rates = rates.of(config.num_hidden_layers).expect("the default is right");
        let tagger = TokenClassifier::init(shape, 1, &Device::flex().autodiff(), Precision::F32);
        let mut snapshot = start_snapshot(tagger, &rates);
        let state = serde_json::json!({
            "step": 2,
            "epochs": [{"loss": 1.0, "f1": 0.5}],
            "open": {"loss": 0.5, "weight": 2.0, "grad_norm": 1.0, "steps": 1},
        });
        snapshot.progress =
            serde_json::from_value::<EpochProgress>(state).expect("that is how progress is written");
        vec![saved_at(&[1, 2], |_| snapshot.to_blobs())]
    }

    fn mutate(&self, case: &mut Case, rng: &mut Rng) {
        damage(case, rng);
    }

    fn seal(&self, case: &mut Case, rng: &mut Rng) {
        seal(case, rng);
    }

    fn run(&self, folder: &Path, reached: &Reached<'_>) -> Option<()> {
        let (config, labels) = (sizes(), labels());
        let shape = TaggerShape { config: &config, labels: &labels, head: HeadType::Crf };
        let rates =
            Recipe::load(None, &[]).ok_rendered()?.value.rates.of(config.num_hidden_layers).ok_rendered()?;
        let store = CheckpointStore::reading(folder.join(CHECKPOINTS));
        let checkpoint = store.latest_valid().ok_rendered()?.checkpoint?;
        reached.stage("found");
        let device = Device::flex();
        // One step an epoch, as the seed has it.
        let autodiff = device.clone().autodiff();
        let snapshot =
            load_snapshot(&checkpoint, shape, &rates, &autodiff, Precision::F32, [1, 5]).ok_rendered()?;
        reached.stage("loaded");
        std::hint::black_box((snapshot.progress.best(), snapshot.progress.epochs_since_best()));
        reached.stage("scored");
        tagger_of(&checkpoint, shape, &device, Precision::F32).ok_rendered()?;
        reached.stage("taken");
        Some(())
    }

    fn quick(&self) -> u64 {
        400
    }
}

fn labels() -> LabelSet {
    LabelSet::new(["LOC", "PER"], LabelScheme::Iob2)
}
