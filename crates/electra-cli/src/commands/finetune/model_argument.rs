//! The argument `--model` of fine-tuning: the model that it starts from.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use electra_text::{DataSet, Tokenizer};
use electra_train::encoder_init::EncoderInit;
use electra_train::model_folder::PretrainedEncoder;

use crate::commands::pretrain::load_recipe;
use crate::failure::Failure;
use crate::hub;

/// The start of fine-tuning, as written after `--model`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelArgument {
    /// A pretrained model.
    Folder(PathBuf),
    /// A pretraining recipe, or a run of one, of which only sizes and tokenizer are taken.
    Scratch(PathBuf),
}

impl ModelArgument {
    /// Reads the argument; a folder may have any name.
    pub fn read(argument: &OsStr) -> Result<Self, String> {
        let Some(text) = argument.to_str() else {
            return match argument.as_encoded_bytes().starts_with(b"scratch:") {
                true => {
                    Err(format!("the path in {argument:?} is not UTF-8: rename the recipe or its folder"))
                }
                false => Ok(Self::Folder(argument.into())),
            };
        };
        match text.strip_prefix("scratch:") {
            Some("") => {
                Err("expected a recipe behind `scratch:`, such as scratch:configs/pretrain/tiny.toml".into())
            }
            Some(recipe) => Ok(Self::Scratch(recipe.into())),
            None => Ok(Self::Folder(text.into())),
        }
    }

    /// The argument with the folder of a model of the Hub in place of its name.
    ///
    /// # Errors
    /// A folder that is not there, or a model that cannot be fetched.
    pub fn found(self) -> Result<Self, Failure> {
        Ok(match self {
            Self::Folder(path) => Self::Folder(hub::model_folder(&path)?),
            Self::Scratch(recipe) => Self::Scratch(recipe),
        })
    }

    /// Opens the model; `tokenizer` is for a network from scratch alone.
    ///
    /// # Errors
    /// What is missing or does not fit.
    pub fn open(&self, tokenizer: Option<&Path>) -> Result<EncoderInit, Failure> {
        match (self, tokenizer) {
            (Self::Folder(path), None) => {
                let folder = hub::model_folder(path)?;
                Ok(EncoderInit::Pretrained(Box::new(PretrainedEncoder::open(&folder)?)))
            }
            (Self::Folder(_), Some(_)) => Err(Failure::new(
                "a pretrained model has a tokenizer of its own",
                "leave --tokenizer out, or use --model scratch:RECIPE.toml",
            )),
            (Self::Scratch(path), tokenizer) => {
                let (recipe, own) = match path.is_dir() {
                    true => (path.join("recipe.toml"), Some(path.join("tokenizer"))),
                    false => (path.clone(), None),
                };
                let resolved = load_recipe(&recipe, &[])?;
                let tokenizer = match tokenizer.map(Path::to_path_buf).or(own) {
                    Some(named) => Tokenizer::load_named(&hub::tokenizer(&named)?, None)?,
                    None => of_data(resolved.value.phases()[0].recipe.data.first_folder())?,
                };
                Ok(EncoderInit::scratch(path, resolved.value.model.clone(), tokenizer)?)
            }
        }
    }
}

fn of_data(data: &Path) -> Result<Tokenizer, Failure> {
    let opened = DataSet::open(data).map_err(|error| {
        let help = format!(
            "name the tokenizer with --tokenizer DIR, or build the data folder {} of the recipe, which is to have \
             one",
            data.display()
        );
        Failure::new(error, help)
    })?;
    Ok(Tokenizer::load(opened.tokenizer_folder())?)
}
