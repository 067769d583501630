//! `electra import`: a model of other libraries as ours.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use electra_files::shown::shell_word;
use electra_files::staged::{self, NewFolder};
use electra_hub::model_of_folder;
use electra_model::parameters;
use electra_run::run_folder::PROGRESS;
use electra_text::Tokenizer;
use electra_train::layout::{INIT, MODEL_CONFIG, WEIGHTS};
use electra_train::model_folder::{ModelFolder, PretrainedNetworks};
use electra_train::{Ancestor, ancestors, ancestors_file};

use crate::commands::detect::warn_if_unfinished;
use crate::device::DeviceName;
use crate::failure::Failure;
use crate::hub;

/// Read a model of other libraries.
#[derive(clap::Subcommand)]
pub enum ImportCommand {
    /// A folder that Hugging Face transformers saved, or a model of the Hub
    #[command(after_help = "Example:
  electra import hf google/electra-small-discriminator \\
    --generator google/electra-small-generator --out models/small

Weights are read from model.safetensors or from pytorch_model.bin, or from shards of one of them and their \
index. Nothing of a pickle is run. The tokenizer divides text as \
AutoTokenizer of transformers does: BertTokenizer and ElectraTokenizer as tokenizer_config.json has them, \
PreTrainedTokenizerFast as tokenizer.json has it, with the tokens that were added to them. Others are \
refused by name. So it is wherever a folder of transformers is read.")]
    Hf(HfImport),
}

/// Arguments of `electra import hf`.
#[derive(clap::Args)]
pub struct HfImport {
    /// Folder of an ElectraForPreTraining, or its name on the Hub
    folder: PathBuf,
    /// Folder of its ElectraForMaskedLM, if there is one, or its name on the Hub
    #[arg(long, value_name = "DIR|NAME")]
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
        let folder = hub::model_folder(&arguments.folder)?;
        let generator = arguments.generator.as_deref().map(hub::model_folder).transpose()?;
        let model = ModelFolder::open_transformers(&folder, generator.as_deref())?;
        let progress = warn_if_unfinished(&folder);
        let out = &arguments.out;
        staged::recover(out)?;
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
        let new = NewFolder::begin(out)?;
        for (name, text) in model.tokenizer.files(Tokenizer::MAX_LENGTH) {
            new.write(Path::new("tokenizer").join(name), text.as_bytes())?;
        }
        new.write(WEIGHTS, &parameters::to_safetensors(&model.tensors, None))?;
        new.write(
            MODEL_CONFIG,
            serde_json::to_string_pretty(&model.config).map_err(Failure::of_json)?.as_bytes(),
        )?;
        if let Some(progress) = progress {
            new.write(PROGRESS, progress.file().as_bytes())?;
        }
        let ancestors = named_ancestors(&folder, generator.as_deref())?;
        if !ancestors.is_empty() {
            new.write(INIT, ancestors_file(&ancestors).as_bytes())?;
        }
        new.commit()?;
        println!("{}", out.display());
        let model = shell_word(&out.display().to_string());
        eprintln!("Next: electra detect --model {model} \"The quick brown fox\"");
        Ok(ExitCode::SUCCESS)
    }
}

/// The models of the Hub that are imported, by name and commit, and what they began with. A folder alone says nothing:
/// an export that is imported stays what it was.
fn named_ancestors(folder: &Path, generator: Option<&Path>) -> Result<Vec<Ancestor>, Failure> {
    let imported = [Some(folder), generator].into_iter().flatten();
    let of_hub = imported.filter(|folder| model_of_folder(folder).is_some());
    let named = of_hub.map(|folder| Ok(PretrainedNetworks::open(folder)?.as_ancestor()));
    let named: Vec<Ancestor> = named.collect::<Result<_, Failure>>()?;
    Ok(named.into_iter().chain(ancestors(folder)).collect())
}
