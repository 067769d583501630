//! `electra export`: a run as other libraries read it.

mod card;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use burn::prelude::Device;
use electra_files::staged::{self, NewFolder};
use electra_model::hf::{self, HfDropout, HfNetwork};
use electra_model::{Architecture, GeneratorKind, parameters};
use electra_run::run_folder::RunProgress;
use electra_text::wordpiece::SAVED_FILES;
use electra_train::model_folder::ModelFolder;
use electra_train::{add_ancestors, ancestors};

use crate::commands::detect::warn_if_unfinished;
use crate::device::DeviceName;
use crate::failure::Failure;
use crate::hub;

/// Write a run as other libraries read it.
#[derive(clap::Subcommand)]
pub enum ExportCommand {
    /// For Hugging Face transformers: DIR/discriminator and DIR/generator
    #[command(after_help = "Examples:
  electra export hf runs/tiny --out exported
  electra export hf runs/tiny/average --out averaged

The second is of a run that keeps an average of its weights ([average] of its recipe).

Then, in Python:
  ElectraForPreTraining.from_pretrained(\"exported/discriminator\")
  ElectraForMaskedLM.from_pretrained(\"exported/generator\")")]
    Hf(HfExport),
}

/// Arguments of `electra export hf`.
#[derive(clap::Args)]
pub struct HfExport {
    /// Run folder (its final weights, or its last checkpoint), imported model, or a name on the Hub
    run: PathBuf,
    /// Folder to write
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Dropout that config.json states, for fine-tuning
    #[arg(long, default_value_t = 0.1, value_parser = dropout_rate, value_name = "P")]
    dropout: f64,
    /// Replace an earlier export
    #[arg(long)]
    force: bool,
}

impl ExportCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// If there is no usable model, or the folder cannot be written.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let Self::Hf(arguments) = self;
        let device: Device = DeviceName::Flex.open()?;
        let run = hub::model_folder(&arguments.run)?;
        let folder = ModelFolder::open(&run)?;
        let progress = warn_if_unfinished(&run);
        let out = &arguments.out;
        staged::recover(out)?;
        if out.exists() {
            if !arguments.force {
                let message = format!("{} exists", out.display());
                return Err(Failure::new(
                    message,
                    "give another folder, or --force to replace an earlier export",
                ));
            }
            check_earlier_export(out)?;
        }
        let dropout = HfDropout { hidden: arguments.dropout, attention: arguments.dropout };
        let mut networks = vec![("discriminator", HfNetwork::Discriminator)];
        // transformers has no generator of two towers.
        if Architecture::of(&folder.tensors).generator == GeneratorKind::Masked {
            networks.push(("generator", HfNetwork::Generator));
        }
        let electra = folder.electra(&device)?;
        let names: Vec<&str> = networks.iter().map(|(name, _)| *name).collect();
        // Networks of an earlier export that this model does not have.
        let stale = NETWORKS.into_iter().filter(|name| !names.contains(name) && out.join(name).exists());
        let stale: Vec<&str> = stale.collect();
        let new = NewFolder::begin(out)?;
        for (name, network) in networks {
            let model = hf::export(&electra, &folder.config, dropout, network);
            write_network(&new, name, &folder, &model, progress)?;
        }
        new.commit()?;
        for name in &names {
            println!("{}", out.join(name).display());
        }
        for name in stale {
            println!("removed {}, which was of an earlier export", out.join(name).display());
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Folders of an export.
const NETWORKS: [&str; 2] = ["discriminator", "generator"];
/// The files of each, beside the tokenizer's.
const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";

/// A share of numbers that are set to zero.
fn dropout_rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if (0.0..1.0).contains(&rate) { Ok(rate) } else { Err("expected at least 0 and less than 1".to_owned()) }
}

/// Refuses to write over a folder that is no export, or that holds something else as well: the whole
/// folder is replaced.
fn check_earlier_export(out: &Path) -> Result<(), Failure> {
    for name in names(out)? {
        if !NETWORKS.iter().any(|network| name == *network) {
            let message = format!(
                "{} is no earlier export: it holds {}, and an export holds {} alone",
                out.display(),
                Path::new(&name).display(),
                NETWORKS.join(" and ")
            );
            return Err(Failure::new(message, "give another folder"));
        }
        let network = out.join(name);
        let mut below = names(&network)?.into_iter();
        let is_own = |name: &OsString| {
            [CONFIG, WEIGHTS, card::README].iter().chain(&SAVED_FILES).any(|own| name == *own)
        };
        if let Some(name) = below.find(|name| !is_own(name)) {
            let message = format!(
                "{} cannot be replaced: it holds {} as well, which no export has and which would be lost",
                out.display(),
                network.join(name).display()
            );
            return Err(Failure::new(message, "move that elsewhere, or give another folder"));
        }
    }
    Ok(())
}

/// The names in a folder.
fn names(folder: &Path) -> Result<Vec<OsString>, Failure> {
    let failed = |e: std::io::Error| Failure::of_file("read", folder, &e);
    let entries = fs::read_dir(folder).map_err(failed)?;
    entries.map(|entry| Ok(entry.map_err(failed)?.file_name())).collect()
}

fn write_network(
    new: &NewFolder,
    name: &str,
    folder: &ModelFolder,
    model: &hf::HfModel,
    progress: Option<RunProgress>,
) -> Result<(), Failure> {
    let mut config = model.config.clone();
    config["pad_token_id"] = folder.tokenizer.special().pad.into();
    if let Some(progress) = progress {
        progress.add_to(&mut config);
    }
    let ancestors = ancestors(&folder.path);
    add_ancestors(&mut config, &ancestors);
    let card = card::card(name, &config, progress, &ancestors);
    let name = Path::new(name);
    new.write(name.join(card::README), card.as_bytes())?;
    let weights = parameters::to_safetensors(&model.tensors, Some(("format", "pt")));
    new.write(name.join(WEIGHTS), &weights)?;
    for (file, text) in folder.tokenizer.files(folder.config.max_position_embeddings) {
        new.write(name.join(file), text.as_bytes())?;
    }
    new.write(
        name.join(CONFIG),
        (serde_json::to_string_pretty(&config).map_err(Failure::of_json)? + "\n").as_bytes(),
    )?;
    Ok(())
}
