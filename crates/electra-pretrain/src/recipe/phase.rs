//! `[[phases]]` of a recipe: parts of a run, each with what it has otherwise than the recipe.

use std::path::PathBuf;

use electra_optim::Decay;
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};

use super::data::{DataConfig, SourceConfig};
use super::micro_batch::MicroBatchSize;
use crate::mask::Masking;

/// A phase of a run. What it does not name is the recipe's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhaseConfig {
    /// Optimizer steps of the phase.
    pub steps: u64,
    /// Rows of an optimizer step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<usize>,
    /// Rows that go through the networks at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micro_batch_size: Option<MicroBatchSize>,
    /// The data to train on.
    #[serde(default, skip_serializing_if = "PhaseData::is_absent")]
    pub data: PhaseData,
    /// Which positions the generator fills in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masking: Option<PhaseMasking>,
    /// A course of the learning rate over the steps of this phase alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<PhaseSchedule>,
}

/// The data of a phase, by the keys of `[data]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhaseData {
    /// Folder that `electra data build` wrote. Empty: that of the recipe, unless there are sources.
    #[serde(default, skip_serializing_if = "super::data::is_empty")]
    pub path: PathBuf,
    /// Tokens of a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence_length: Option<usize>,
    /// The folders of a mixture, in place of `path`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceConfig>,
}

/// The masking of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum PhaseMasking {
    /// That of the recipe with another share of tokens.
    Share {
        /// Share of an example's tokens, special tokens counted.
        probability: f64,
    },
    /// One of its own: a table that names its kind.
    Whole(Masking),
}

/// The learning rate of a phase: warmup and decay over its own steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhaseSchedule {
    /// The peak of the learning rate.
    pub learning_rate: f64,
    /// Steps of linear warmup. Absent: those of the recipe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup_steps: Option<u64>,
    /// The form of the decay after the warmup. Absent: that of the recipe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decay: Option<Decay>,
}

impl PhaseData {
    fn is_absent(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it names data, and not a length alone.
    pub fn names_folders(&self) -> bool {
        !super::data::is_empty(&self.path) || !self.sources.is_empty()
    }

    /// The data of a phase of a recipe that has `of_recipe`.
    pub fn over(&self, of_recipe: &DataConfig) -> DataConfig {
        let mut data = of_recipe.clone();
        if self.names_folders() {
            data.path.clone_from(&self.path);
            data.sources.clone_from(&self.sources);
        }
        if let Some(length) = self.sequence_length {
            data.sequence_length = length;
        }
        data
    }
}

impl PhaseMasking {
    /// The masking of a phase of a recipe that has `of_recipe`.
    pub fn over(&self, of_recipe: Masking) -> Masking {
        match *self {
            Self::Share { probability } => of_recipe.with_probability(probability),
            Self::Whole(masking) => masking,
        }
    }
}

impl<'de> Deserialize<'de> for PhaseMasking {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Share {
            probability: f64,
        }
        let table = toml::Table::deserialize(deserializer)?;
        let names_kind = table.contains_key("kind");
        let table = toml::Value::Table(table);
        let read = match names_kind {
            true => table.try_into().map(Self::Whole),
            false => table.try_into().map(|Share { probability }| Self::Share { probability }),
        };
        read.map_err(|error: toml::de::Error| D::Error::custom(error.message()))
    }
}

/// The sum of the steps of all phases; of none 0. What no recipe may have stays a number that can be written.
pub(super) fn steps_of(phases: &[PhaseConfig]) -> u64 {
    let sum = phases.iter().fold(0u64, |sum, phase| sum.saturating_add(phase.steps));
    sum.min(i64::MAX as u64)
}
