//! `electra import`: a model of other libraries as ours.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use electra_model::parameters;
use electra_pretrain::model_folder::{MODEL_CONFIG, ModelFolder};
use electra_pretrain::snapshot::MODEL;

use crate::commands::detect::tell_unfinished;
use crate::device::DeviceName;
use crate::failure::Failure;

/// Read a model of other libraries.
#[derive(clap::Subcommand)]
pub enum ImportCommand {
    /// A folder that Hugging Face transformers saved
    #[command(after_help = "Example:
  electra import hf electra-small-discriminator --generator electra-small-generator --out models/small

Weights are read from model.safetensors, or from its shards and their index. The tokenizer divides text as \
AutoTokenizer of transformers does: BertTokenizer and ElectraTokenizer as tokenizer_config.json has them, \
PreTrainedTokenizerFast as tokenizer.json has it, with the tokens that were added to them. Others are refused by \
name. So it is wherever a folder of transformers is read.")]
    Hf(HfImport),
}

/// What to import where.
#[derive(clap::Args)]
pub struct HfImport {
    /// Folder of an ElectraForPreTraining
    folder: PathBuf,
    /// Folder of its ElectraForMaskedLM, if there is one
    #[arg(long, value_name = "DIR")]
    generator: Option<PathBuf>,
    /// Folder to write
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl ImportCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// If the folder holds no such model, or nothing can be written.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let Self::Hf(arguments) = self;
        let model = ModelFolder::open_transformers(&arguments.folder, arguments.generator.as_deref())?;
        let progress = tell_unfinished(&arguments.folder);
        let out = &arguments.out;
        if out.exists() {
            return Err(Failure::new(
                format!("{} exists", out.display()),
                "give a folder that is not there yet",
            ));
        }
        // Loading checks every shape before anything is written.
        let device = DeviceName::Flex.open()?;
        if model.has_generator() {
            model.electra(&device)?;
        } else {
            model.discriminator(&device)?;
        }
        let failed = |e: std::io::Error| Failure::of_file("write", out, &e);
        fs::create_dir_all(out).map_err(failed)?;
        model.tokenizer.save(&out.join("tokenizer"))?;
        fs::write(out.join(MODEL), parameters::to_safetensors(&model.tensors, None)).map_err(failed)?;
        fs::write(out.join(MODEL_CONFIG), serde_json::to_string_pretty(&model.config)?).map_err(failed)?;
        if let Some(progress) = progress {
            progress.write(out).map_err(failed)?;
        }
        println!("{}", out.display());
        eprintln!("Next: electra detect --model {} \"The quick brown fox\"", out.display());
        Ok(ExitCode::SUCCESS)
    }
}
