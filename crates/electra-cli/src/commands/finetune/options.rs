//! Options that every `electra finetune` has.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use electra_model::Precision;
use electra_run::recipe::Resolved;
use electra_train::Environment;
use electra_train::encoder_init::EncoderInit;

use super::model_argument::ModelArgument;
use crate::commands::pretrain::RecipeOptions;
use crate::device::DeviceName;
use crate::failure::Failure;
use crate::watch;

/// Options that every task has.
#[derive(Args)]
pub struct FinetuneOptions {
    /// A run of `electra pretrain`, a folder of transformers, a name on the Hub, or scratch:RECIPE.toml (or
    /// scratch:RUN) for the same network with nothing learned
    #[arg(
        long,
        value_name = "RUN|DIR|NAME|scratch:RECIPE",
        value_parser = OsStringValueParser::new().try_map(|text| ModelArgument::read(&text))
    )]
    model: ModelArgument,
    /// Tokenizer of a network from scratch [default: that of the recipe's data folder, or of the run]
    #[arg(long, value_name = "DIR")]
    tokenizer: Option<PathBuf>,
    /// Train with so many seeds, beginning at the recipe's
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub seeds: u64,
    /// Folder for everything [default: runs/NAME, with the recipe's name]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub with: RecipeOptions,
    /// Display of the run's progress
    #[arg(long, value_enum, default_value_t = watch::Display::Auto)]
    pub display: watch::Display,
    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,
}

impl FinetuneOptions {
    /// Folder for everything, where the recipe has this name.
    pub fn out(&self, name: &str) -> PathBuf {
        self.out.clone().unwrap_or_else(|| Path::new("runs").join(name))
    }

    /// The model that fine-tuning starts from.
    ///
    /// # Errors
    /// What is missing or does not fit.
    pub fn start(&self) -> Result<EncoderInit, Failure> {
        let _heartbeat = watch::start_heartbeat(self.display, "reading the model");
        self.model.open(self.tokenizer.as_deref())
    }
}

/// The environment of a run: its device, precision and threads.
///
/// # Errors
/// A device that cannot be used, or not in this precision.
pub fn environment(name: DeviceName, precision: Precision, threads: usize) -> Result<Environment, Failure> {
    Ok(Environment {
        device: name.open_with(precision)?,
        device_name: name.to_string(),
        threads,
        program_version: concat!("electra ", env!("CARGO_PKG_VERSION")).into(),
    })
}

/// The recipe with its own seed and those that follow, which `other` loads.
///
/// # Errors
/// More seeds than there are numbers, or what `other` says.
pub fn with_seeds<R>(
    first: Resolved<R>,
    seed: u64,
    seeds: u64,
    other: impl Fn(u64) -> Result<Resolved<R>, Failure>,
) -> Result<Vec<Resolved<R>>, Failure> {
    if seed.checked_add(seeds).is_none_or(|end| i64::try_from(end).is_err()) {
        return Err(Failure::new(
            format!("{seeds} seeds from {seed} on are too many"),
            "use a smaller `seed`",
        ));
    }
    let others = (seed + 1..seed + seeds).map(other).collect::<Result<Vec<_>, _>>()?;
    Ok(std::iter::once(first).chain(others).collect())
}
