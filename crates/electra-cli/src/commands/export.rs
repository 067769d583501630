//! `electra export`: a run as other libraries read it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use burn::prelude::Device;
use electra_model::hf::{self, HfDropout, HfNetwork};
use electra_model::{GeneratorKind, Networks, parameters};
use electra_pretrain::model_folder::ModelFolder;

use crate::device::DeviceName;
use crate::failure::Failure;

/// Write a run as other libraries read it.
#[derive(clap::Subcommand)]
pub enum ExportCommand {
    /// For Hugging Face transformers: DIR/discriminator and DIR/generator
    #[command(
        after_help = "Example:\n  electra export hf runs/tiny --out exported\n\nThen, in Python:\n  ElectraForPreTraining.from_pretrained(\"exported/discriminator\")\n  ElectraForMaskedLM.from_pretrained(\"exported/generator\")"
    )]
    Hf(HfExport),
}

/// What to export where.
#[derive(clap::Args)]
pub struct HfExport {
    /// Run folder (its final weights, or its last checkpoint) or imported model
    run: PathBuf,
    /// Folder to write
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Dropout that config.json states, for fine-tuning
    #[arg(long, default_value_t = 0.1)]
    dropout: f64,
    /// Write over an earlier export
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
        let folder = ModelFolder::open(&arguments.run)?;
        if arguments.out.exists() && !arguments.force {
            let out = arguments.out.display();
            return Err(Failure::new(
                format!("{out} exists"),
                "give another folder, or --force to write over it",
            ));
        }
        let dropout = HfDropout { hidden: arguments.dropout, attention: arguments.dropout };
        let mut networks = vec![("discriminator", HfNetwork::Discriminator)];
        // transformers has no generator of two towers.
        if Networks::of(&folder.tensors).generator == GeneratorKind::Masked {
            networks.push(("generator", HfNetwork::Generator));
        }
        let electra = folder.electra(&device)?;
        for (name, network) in networks {
            let model = hf::export(&electra, &folder.config, dropout, network);
            let out = arguments.out.join(name);
            write_folder(&out, &folder, &model)?;
            println!("{}", out.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn write_folder(out: &Path, folder: &ModelFolder, model: &hf::HfModel) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::new(format!("cannot write {}: {e}", out.display()), "");
    fs::create_dir_all(out).map_err(failed)?;
    let mut config = model.config.clone();
    config["pad_token_id"] = folder.tokenizer.special().pad.into();
    fs::write(out.join("config.json"), serde_json::to_string_pretty(&config)? + "\n").map_err(failed)?;
    let weights = parameters::to_safetensors(&model.tensors, Some(("format", "pt")));
    fs::write(out.join("model.safetensors"), weights).map_err(failed)?;
    folder.tokenizer.save_for(out, folder.config.max_position_embeddings)?;
    Ok(())
}
