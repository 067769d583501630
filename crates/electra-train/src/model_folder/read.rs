//! Reading of the files of a model, each checked before its weights are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use electra_files::regular;
use electra_model::hf::{self, HfError, HfNetwork};
use electra_model::parameters::{self, Headers, NamedTensors};
use electra_model::{Architecture, ModelConfig, shapes};
use electra_run::checkpoint;
use electra_run::run_folder::{check_hash, final_weights_hash};
use electra_run::weight_files::{self, WeightFormat, weight_files};
use electra_text::Tokenizer;
use serde_json::Value;

use super::ModelFolderError as E;
use crate::layout::{HF_CONFIG, MODEL_CONFIG, WEIGHTS};
use crate::pytorch::PytorchFile;

/// How what git has in place of a large file begins.
const LFS_POINTER: &[u8] = b"version https://git-lfs";

/// A JSON file.
///
/// # Errors
/// A file that cannot be read, or is damaged.
pub fn read_json(path: &Path) -> Result<Value, E> {
    let bytes = regular::read(path).map_err(E::read(path))?;
    serde_json::from_slice(&bytes).map_err(|source| E::Json { path: path.into(), source })
}

/// Sizes in the content of a `config.json` of `folder`, and in that of a generator beside it.
///
/// # Errors
/// Another architecture, or sizes that no model can have.
pub fn read_sizes(folder: &Path, config: &Value, generator: Option<&Value>) -> Result<ModelConfig, E> {
    let sizes = hf::import_config(config, generator).map_err(E::foreign(folder))?;
    validate(&folder.join(HF_CONFIG), &sizes)?;
    Ok(sizes)
}

fn validate(file: &Path, sizes: &ModelConfig) -> Result<(), E> {
    sizes.validate().map_err(|source| E::Config { path: file.into(), source })
}

/// The tokenizer of a model of these sizes. In a folder that was written here (`is_own`) no file may say otherwise
/// than the others; any other folder is read as transformers reads it.
///
/// # Errors
/// No tokenizer, or one of another vocabulary.
pub fn read_tokenizer(folder: &Path, config: &ModelConfig, is_own: bool) -> Result<Tokenizer, E> {
    let tokenizer = if is_own { Tokenizer::load_saved(folder)? } else { Tokenizer::load(folder)? };
    if tokenizer.vocab_size() > config.vocab_size {
        let (path, tokenizer, model) = (folder.into(), tokenizer.vocab_size(), config.vocab_size);
        return Err(E::Vocabulary { path, tokenizer, model });
    }
    Ok(tokenizer)
}

/// All tensors of a safetensors file.
///
/// # Errors
/// A file that cannot be read, or is damaged.
pub fn read_tensors(path: &Path) -> Result<NamedTensors, E> {
    parameters::from_safetensors(&weight_files::read(path).map_err(E::read(path))?)
        .map_err(E::safetensors(path))
}

/// Names and shapes of the tensors in a safetensors file, none of which is read.
///
/// # Errors
/// A file that cannot be read, or is damaged.
pub fn read_headers(path: &Path) -> Result<Headers, E> {
    let beginning = weight_files::read_header_bytes(path).map_err(E::read(path))?;
    if beginning.bytes.starts_with(LFS_POINTER) {
        return Err(E::LfsPointer(path.into()));
    }
    parameters::headers(&beginning.bytes, beginning.file_bytes).map_err(E::safetensors(path))
}

/// Sizes and weights of a run, final or of its last checkpoint, or of an imported model.
///
/// # Errors
/// What is missing, damaged or does not fit.
pub(super) fn read_own(folder: &Path) -> Result<(ModelConfig, NamedTensors), E> {
    let file = folder.join(MODEL_CONFIG);
    let config: ModelConfig =
        serde_json::from_value(read_json(&file)?).map_err(|source| E::Json { path: file.clone(), source })?;
    validate(&file, &config)?;
    let file = folder.join(WEIGHTS);
    let tensors = if file.exists() {
        check_own(folder, &config, &read_headers(&file)?)?;
        let bytes = weight_files::read(&file).map_err(E::read(&file))?;
        if let Some(saved) = final_weights_hash(folder) {
            check_hash(&file, &bytes, &saved)?;
        }
        parameters::from_safetensors(&bytes).map_err(E::safetensors(&file))?
    } else {
        let found = checkpoint::latest_blob(&folder.join("checkpoints"), WEIGHTS)?;
        let (file, bytes) = found.ok_or_else(|| E::NoWeights(folder.into()))?;
        let headers = parameters::headers(&bytes, bytes.len() as u64).map_err(E::safetensors(&file))?;
        check_own(folder, &config, &headers)?;
        parameters::from_safetensors(&bytes).map_err(E::safetensors(&file))?
    };
    Ok((config, tensors))
}

/// Refuses weights in our names that are not of these sizes.
pub(super) fn check_own(folder: &Path, config: &ModelConfig, headers: &Headers) -> Result<(), E> {
    let expected = shapes::of_electra(config, Architecture::of(headers));
    shapes::check(headers, &expected).map_err(E::weights(folder))
}

/// An error of a transformers folder in which a pretrained model was to be.
pub(super) fn of_class(path: &Path) -> impl Fn(HfError) -> E {
    let path = path.to_path_buf();
    move |source| match source {
        HfError::Class { found, .. } if found == HfNetwork::Tagger.architecture() => E::Tagger(path.clone()),
        _ => E::Foreign { path: path.clone(), source },
    }
}

/// The weights of a transformers folder, in its names, from however many files they are in: what is known of them
/// before they are read.
#[derive(Debug)]
pub struct ForeignWeights {
    files: Vec<WeightFile>,
    /// Names and shapes of all tensors.
    pub headers: Headers,
}

/// A file of weights of which the names and shapes were read.
#[derive(Debug)]
enum WeightFile {
    Safetensors(PathBuf),
    Pytorch(PathBuf, PytorchFile),
}

impl ForeignWeights {
    /// `config` is the content of the folder's `config.json`, and `network` what it is taken for if that does not
    /// say.
    ///
    /// # Errors
    /// No weights, weights in a form that is not read, or a tensor in two shards.
    pub fn find(folder: &Path, config: &Value, network: HfNetwork) -> Result<Self, E> {
        let class = hf::architecture(config).unwrap_or(network.architecture());
        let found = weight_files(folder, class)?;
        let (mut files, mut headers) = (Vec::new(), Headers::new());
        let mut shards = BTreeMap::<String, PathBuf>::new();
        for path in found.paths {
            let (file, of_file) = match found.format {
                WeightFormat::Safetensors => (WeightFile::Safetensors(path.clone()), read_headers(&path)?),
                WeightFormat::Pytorch => {
                    let file = PytorchFile::open(&path).map_err(E::pytorch(&path))?;
                    let of_file = file.headers().clone();
                    (WeightFile::Pytorch(path.clone(), file), of_file)
                }
            };
            for tensor in of_file.keys() {
                if let Some(first) = shards.insert(tensor.clone(), path.clone()) {
                    return Err(E::TensorTwice { tensor: tensor.clone(), first, second: path });
                }
            }
            headers.extend(of_file);
            files.push(file);
        }
        Ok(Self { files, headers })
    }

    /// All of them.
    ///
    /// # Errors
    /// A file that cannot be read, or is damaged.
    pub fn read(&self) -> Result<NamedTensors, E> {
        let mut tensors = NamedTensors::new();
        for file in &self.files {
            tensors.extend(match file {
                WeightFile::Safetensors(path) => read_tensors(path)?,
                WeightFile::Pytorch(path, file) => file.read().map_err(E::pytorch(path))?,
            });
        }
        Ok(tensors)
    }
}
