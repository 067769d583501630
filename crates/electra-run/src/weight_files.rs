//! Files with the weights of a network that transformers saved: one, or shards that an index names, as safetensors
//! or as `torch.save` writes them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use electra_files::regular;
use electra_files::shown::shell_word;
use serde::Deserialize;
use thiserror::Error;

use crate::process::check_memory;

/// The file of weights that are in one piece.
pub const WEIGHTS: &str = "model.safetensors";
/// The file that says which shard each tensor is in.
pub const INDEX: &str = "model.safetensors.index.json";
/// The file of weights that `torch.save` wrote.
pub const PYTORCH_WEIGHTS: &str = "pytorch_model.bin";
/// The file that says which of its shards each tensor is in.
pub const PYTORCH_INDEX: &str = "pytorch_model.bin.index.json";

/// The formats in which weights are read, in the order in which they are looked for: of a folder that has them in
/// two, transformers reads those of the first as well.
const FORMATS: [(WeightFormat, &str, &str); 2] =
    [(WeightFormat::Safetensors, WEIGHTS, INDEX), (WeightFormat::Pytorch, PYTORCH_WEIGHTS, PYTORCH_INDEX)];

/// Weights in forms that are not read: what names of such files hold, what they are, and what
/// transformers 4 needs to know to load them. The 5th loads them no more.
const OTHER_FORMS: &[(&str, &str, &str)] = &[
    ("tf_model.h5", "those of TensorFlow", "from_tf=True"),
    ("flax_model.msgpack", "those of Flax", "from_flax=True"),
];

/// How the numbers of a file of weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightFormat {
    /// Names and numbers, and nothing else.
    Safetensors,
    /// A pickle and numbers.
    Pytorch,
}

/// The files whose tensors together are a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightFiles {
    /// The format of every file.
    pub format: WeightFormat,
    /// Their paths.
    pub paths: Vec<PathBuf>,
}

/// A folder whose weights cannot be read.
#[derive(Debug, Error, miette::Diagnostic)]
pub enum WeightFilesError {
    /// A file or the folder cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
    /// Weights in a form that is not read.
    #[error("{path}: the weights are {form}, expected {WEIGHTS} or {PYTORCH_WEIGHTS}")]
    #[diagnostic(help(
        "load the folder in transformers before version 5 and save it again, which writes {WEIGHTS}: {load}.save_pretrained(\"NEW\")"
    ))]
    OtherForm {
        /// The file found.
        path: PathBuf,
        /// The format of that file.
        form: &'static str,
        /// Python that loads the folder.
        load: String,
    },
    /// A checkpoint of TensorFlow, as Google published the first ELECTRA.
    #[error("{checkpoint}.index is a checkpoint of TensorFlow, expected {WEIGHTS} or {PYTORCH_WEIGHTS}")]
    #[diagnostic(help(
        "transformers 4.47.1 is the last that converts it, with torch and tensorflow beside it, given a config.json of \
         its sizes: python -m transformers.models.electra.convert_electra_original_tf_checkpoint_to_pytorch \
         --tf_checkpoint_path {checkpoint} --config_file {} --pytorch_dump_path {} \
         --discriminator_or_generator discriminator",
        shell_word(&.checkpoint.with_file_name("config.json").display().to_string()),
        shell_word(&.checkpoint.with_file_name(PYTORCH_WEIGHTS).display().to_string()),
        checkpoint = shell_word(&.checkpoint.display().to_string()),
    ))]
    Tensorflow {
        /// Its files without their ends, `.index` and `.data-00000-of-00001`.
        checkpoint: PathBuf,
    },
    /// No weights in any form that is known.
    #[error(
        "{0} has no weights: neither {WEIGHTS} nor {PYTORCH_WEIGHTS}, nor shards of one of them with their index"
    )]
    #[diagnostic(help("copy the folder again, with all its files"))]
    None(PathBuf),
    /// An index that names no shards.
    #[error("{path} does not say which shard each tensor is in: {what}")]
    #[diagnostic(help("copy the folder again"))]
    Index {
        /// The file of weights.
        path: PathBuf,
        /// A description of what is wrong with the file.
        what: String,
    },
}

/// A safetensors file as far as its header, and its length: enough to know names and shapes of all its
/// tensors.
#[derive(Clone, Debug)]
pub struct HeaderBytes {
    /// The length of the header and the header, or what there is of them.
    pub bytes: Vec<u8>,
    /// Bytes of the whole file.
    pub file_bytes: u64,
}

/// A header of more bytes is none: that of the largest models has a few hundred thousand.
pub(crate) const MAX_HEADER_BYTES: u64 = 100_000_000;

/// Reads a file of weights as far as its header.
///
/// # Errors
/// The system's answer, or that it is no regular file. A file that is no safetensors file is no error
/// here: whoever reads the header will see.
pub fn read_header_bytes(path: &Path) -> io::Result<HeaderBytes> {
    let mut file = regular::open(path)?;
    let file_bytes = file.metadata()?.len();
    let mut bytes = Vec::new();
    file.by_ref().take(8).read_to_end(&mut bytes)?;
    if let Some(length) = bytes.first_chunk::<8>() {
        file.take(u64::from_le_bytes(*length).min(MAX_HEADER_BYTES)).read_to_end(&mut bytes)?;
    }
    Ok(HeaderBytes { bytes, file_bytes })
}

/// Reads a whole file of weights, where there is memory for it and for the weights.
///
/// # Errors
/// As [`read_header_bytes`], or that there is too little memory.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let length = regular::open(path)?.metadata()?.len();
    // The file, and the tensors that are made of it.
    check_memory(length.saturating_mul(2))
        .map_err(|error| io::Error::new(io::ErrorKind::OutOfMemory, error))?;
    regular::read_at_most(path, length)
}

/// The checkpoint of TensorFlow in `folder`, by its path without the ends of its files' names.
#[must_use]
pub fn tensorflow_checkpoint(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let has_data = |name: &str| names.iter().any(|other| other.starts_with(&format!("{name}.data-")));
    let found = names.iter().filter_map(|name| name.strip_suffix(".index")).find(|name| has_data(name));
    found.map(|name| folder.join(name))
}

/// The files whose tensors together are the network of `folder`, an instance of `class`.
///
/// # Errors
/// Weights of another form, by name, or none at all.
pub fn weight_files(folder: &Path, class: &str) -> Result<WeightFiles, WeightFilesError> {
    for (format, whole, index) in FORMATS {
        let [whole, index] = [whole, index].map(|name| folder.join(name));
        if whole.exists() {
            return Ok(WeightFiles { format, paths: vec![whole] });
        }
        if index.exists() {
            return Ok(WeightFiles { format, paths: shards(folder, &index)? });
        }
    }
    let failed = |source| WeightFilesError::Read { path: folder.into(), source };
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        names.insert(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    let found = OTHER_FORMS.iter().find_map(|(part, form, argument)| {
        let path = folder.join(names.iter().find(|name| name.starts_with(part))?);
        let load = format!("{class}.from_pretrained({:?}, {argument})", folder.display().to_string());
        Some(WeightFilesError::OtherForm { path, form, load })
    });
    let of_tensorflow = || Some(WeightFilesError::Tensorflow { checkpoint: tensorflow_checkpoint(folder)? });
    Err(found.or_else(of_tensorflow).unwrap_or_else(|| WeightFilesError::None(folder.into())))
}

fn shards(folder: &Path, index: &Path) -> Result<Vec<PathBuf>, WeightFilesError> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let wrong = |what: String| WeightFilesError::Index { path: index.into(), what };
    let bytes =
        regular::read(index).map_err(|source| WeightFilesError::Read { path: index.into(), source })?;
    let Index { weight_map } = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    let names: BTreeSet<String> = weight_map.into_values().collect();
    if names.is_empty() {
        return Err(wrong("its weight_map is empty".into()));
    }
    // A shard lies beside its index and nowhere else.
    match names.iter().find(|name| Path::new(name).file_name() != Some(name.as_ref())) {
        Some(name) => Err(wrong(format!("{name:?} is no name of a file"))),
        None => Ok(names.iter().map(|name| folder.join(name)).collect()),
    }
}

#[cfg(test)]
mod tests {
    use electra_files::shown::with_help;

    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        files.iter().for_each(|(name, content)| fs::write(folder.path().join(name), content).unwrap());
        folder
    }

    fn found(files: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let folder = folder(files);
        let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        let found =
            weight_files(folder.path(), "ElectraForPreTraining").map_err(|error| with_help(&error))?;
        let is_pytorch = found.format == WeightFormat::Pytorch;
        let names: Vec<String> = found.paths.into_iter().map(name).collect();
        assert!(names.iter().all(|name| name.ends_with(if is_pytorch { ".bin" } else { ".safetensors" })));
        Ok(names)
    }

    const MAP: &str = r#"{"metadata": {}, "weight_map": {"b": "model-2.safetensors", "a": "model-1.safetensors",
        "c": "model-2.safetensors"}}"#;

    #[test]
    fn weights_are_one_file_or_the_shards_of_an_index() {
        assert_eq!(found(&[(INDEX, MAP), (WEIGHTS, "")]).unwrap(), [WEIGHTS]);
        let shards = ["model-1.safetensors", "model-2.safetensors"];
        assert_eq!(found(&[(INDEX, MAP), (PYTORCH_WEIGHTS, "")]).unwrap(), shards);
        assert_eq!(found(&[(PYTORCH_WEIGHTS, ""), ("tf_model.h5", "")]).unwrap(), [PYTORCH_WEIGHTS]);
        let of_pytorch = r#"{"weight_map": {"a": "pytorch_model-1.bin", "b": "pytorch_model-2.bin"}}"#;
        let shards = ["pytorch_model-1.bin", "pytorch_model-2.bin"];
        assert_eq!(found(&[(PYTORCH_INDEX, of_pytorch), ("config.json", "")]).unwrap(), shards);
    }

    #[test]
    fn weights_in_another_form_are_named_with_the_way_out() {
        for (name, form, argument) in [
            ("tf_model.h5", "those of TensorFlow", "\", from_tf=True).save_pretrained"),
            ("flax_model.msgpack", "those of Flax", "\", from_flax=True).save_pretrained"),
        ] {
            let error = found(&[("config.json", "{}"), (name, "")]).unwrap_err();
            for part in [name, form, "before version 5", "ElectraForPreTraining.from_pretrained(", argument] {
                assert!(error.contains(part), "{part:?} is not in: {error}");
            }
        }
        assert!(found(&[("config.json", "{}")]).unwrap_err().contains("has no weights: neither"));
    }

    #[test]
    fn a_checkpoint_of_tensorflow_is_known_by_its_files_and_named_with_what_converts_it() {
        let files = [("electra_small.index", ""), ("electra_small.data-00000-of-00001", "")];
        let error = found(&files).unwrap_err();
        for part in [
            "electra_small.index is a checkpoint of TensorFlow",
            "transformers 4.47.1",
            "convert_electra_original_tf_checkpoint_to_pytorch",
            "electra_small --config_file ",
            "pytorch_model.bin --discriminator_or_generator discriminator",
        ] {
            assert!(error.contains(part), "{part:?} is not in: {error}");
        }
        // An index of something else.
        assert!(found(&files[..1]).unwrap_err().contains("has no weights"));
    }

    #[test]
    fn the_beginning_of_a_file_is_its_header_and_no_more() {
        let file = |bytes: &[u8]| {
            let folder = folder(&[]);
            let path = folder.path().join(WEIGHTS);
            fs::write(&path, bytes).unwrap();
            let found = read_header_bytes(&path).unwrap();
            (found.bytes, found.file_bytes)
        };
        let whole = [&3u64.to_le_bytes()[..], b"{ }", b"numbers"].concat();
        assert_eq!(file(&whole), (whole[..11].to_vec(), 18));
        assert_eq!(file(&whole[..9]), (whole[..9].to_vec(), 9));
        assert_eq!(file(&whole[..5]), (whole[..5].to_vec(), 5));
        let endless = [&u64::MAX.to_le_bytes()[..], b"{ }"].concat();
        assert_eq!(file(&endless), (endless.clone(), 11));
        let here = folder(&[]);
        assert!(read_header_bytes(here.path()).unwrap_err().to_string().contains("a folder"));
    }

    #[test]
    fn weights_that_no_memory_holds_are_not_read() {
        let folder = folder(&[]);
        let path = folder.path().join(WEIGHTS);
        fs::File::create(&path).unwrap().set_len(1 << 42).unwrap();
        let error = read(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
        assert!(error.to_string().starts_with("needs 8796.1 GB of "), "{error}");
    }

    #[test]
    fn an_index_that_leads_nowhere_is_refused() {
        for (index, what) in [
            ("{}", "weight_map"),
            (r#"{"weight_map": {}}"#, "its weight_map is empty"),
            (
                r#"{"weight_map": {"a": "../model.safetensors"}}"#,
                "\"../model.safetensors\" is no name of a file",
            ),
        ] {
            let error = found(&[(INDEX, index)]).unwrap_err();
            assert!(error.contains(INDEX) && error.contains(what), "{error}");
        }
    }
}
