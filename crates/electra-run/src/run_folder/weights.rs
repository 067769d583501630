//! A check that a file of weights is complete, by its own header: no tensor is read.
//!
//! A safetensors file begins with the length of its header in eight bytes, then the header in JSON,
//! which says at which bytes behind it each tensor begins and ends.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use electra_files::regular;
use serde_json::{Map, Value};

use crate::record::Record;
use crate::weight_files::MAX_HEADER_BYTES;

/// A file of weights that is not there or was not written to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("{path} is damaged: {damage}")]
pub struct DamagedWeights {
    /// The damaged file.
    pub path: PathBuf,
    /// A description of the damage.
    pub damage: String,
}

/// Refuses a safetensors file that is not there, was cut short or has bytes too many. What a power
/// cut or a full disk leaves under a name is found here; a bit that has changed is not.
///
/// # Errors
/// The file and what is wrong with it.
pub fn check_weights(path: &Path) -> Result<(), DamagedWeights> {
    whole(path).map_err(|damage| DamagedWeights { path: path.to_owned(), damage })
}

/// Field of the line with which the log of a finished run ends: BLAKE3 of its weights, in hexadecimal.
pub const WEIGHTS_HASH: &str = "weights_hash";

/// BLAKE3 of the final weights of the run whose log lies in `run`, in hexadecimal; none where it is not
/// finished, or was finished by a program that did not say.
#[must_use]
pub fn final_weights_hash(run: &Path) -> Option<String> {
    let log = regular::read_at_most(&run.join("metrics.jsonl"), regular::MAX_LOG_BYTES).ok()?;
    // The end stands at the end.
    let is_finished = |record: &Record| {
        record.kind == "end" && record.fields.get("reason").is_some_and(|reason| reason == "finished")
    };
    let end = log.rsplit(|&byte| byte == b'\n').filter_map(Record::parse).find(is_finished)?;
    Some(end.fields.get(WEIGHTS_HASH)?.as_str()?.to_owned())
}

/// Refuses the final weights of the run in `run` if they are not whole, or not those that its log says.
///
/// # Errors
/// The file and what is wrong with it.
pub fn check_final_weights(run: &Path) -> Result<(), DamagedWeights> {
    let path = run.join("model.safetensors");
    check_weights(&path)?;
    final_weights_hash(run).map_or(Ok(()), |saved| check_file_hash(&path, &saved))
}

/// BLAKE3 of the content of a file of weights, in hexadecimal.
#[must_use]
pub fn weights_hash(weights: &[u8]) -> String {
    blake3::hash(weights).to_hex().to_string()
}

/// Refuses `weights`, the content of the file at `path`, if they are not those whose hash was saved.
///
/// # Errors
/// The file and what is wrong with it.
pub fn check_hash(path: &Path, weights: &[u8], saved: &str) -> Result<(), DamagedWeights> {
    compare(path, blake3::hash(weights), saved)
}

/// As [`check_hash`], of a file whose content nobody needs.
///
/// # Errors
/// As there, or that the file cannot be read.
pub fn check_file_hash(path: &Path, saved: &str) -> Result<(), DamagedWeights> {
    let mut hasher = blake3::Hasher::new();
    let hash = regular::open(path).and_then(|file| Ok(hasher.update_reader(file)?.finalize()));
    match hash {
        Ok(hash) => compare(path, hash, saved),
        Err(error) => Err(DamagedWeights { path: path.to_owned(), damage: error.to_string() }),
    }
}

fn compare(path: &Path, found: blake3::Hash, saved: &str) -> Result<(), DamagedWeights> {
    if found.to_hex().as_str() == saved {
        return Ok(());
    }
    let damage = "its content is not what was saved (BLAKE3 differs)".to_owned();
    Err(DamagedWeights { path: path.to_owned(), damage })
}

fn whole(path: &Path) -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    let mut file = regular::open(path).map_err(text)?;
    let bytes = file.metadata().map_err(text)?.len();
    let mut length = [0; 8];
    if bytes < 8 {
        return Err(format!("it has {bytes} bytes, and the header alone needs more"));
    }
    file.read_exact(&mut length).map_err(text)?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER_BYTES {
        return Err("it does not begin as a safetensors file does".to_owned());
    }
    if length > bytes - 8 {
        return Err(format!("it has {bytes} bytes, and the header alone needs {}", 8 + length));
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header).map_err(text)?;
    let header: Map<String, Value> =
        serde_json::from_slice(&header).map_err(|error| format!("its header is no JSON ({error})"))?;
    let tensors = header.iter().filter(|(name, _)| *name != "__metadata__");
    let ends = tensors.map(|(name, tensor)| {
        tensor["data_offsets"][1].as_u64().ok_or_else(|| format!("its header does not say where {name} ends"))
    });
    let end = ends.collect::<Result<Vec<_>, _>>()?.into_iter().max().unwrap_or(0);
    let expected = end.saturating_add(8 + length);
    if bytes != expected {
        return Err(format!("it has {bytes} bytes, and its header speaks of {expected}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Two tensors of 4 and 8 bytes behind their header.
    fn weights() -> Vec<u8> {
        let header = r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#;
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &[7; 12]].concat()
    }

    #[test]
    fn a_file_of_weights_that_is_cut_short_anywhere_is_told_from_a_whole_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let whole = weights();
        fs::write(&path, &whole).unwrap();
        assert_eq!(check_weights(&path), Ok(()));
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let error = check_weights(&path).unwrap_err();
            assert!(error.damage.contains(&format!("it has {length} bytes")), "{error}");
        }
        fs::write(&path, [whole.as_slice(), &[0]].concat()).unwrap();
        let error = check_weights(&path).unwrap_err().to_string();
        assert!(error.contains("model.safetensors is damaged: it has"), "{error}");
    }

    #[test]
    fn a_finished_run_says_which_its_weights_are() {
        let folder = tempfile::tempdir().unwrap();
        let log = |lines: &str| {
            fs::write(folder.path().join("metrics.jsonl"), lines).unwrap();
            final_weights_hash(folder.path())
        };
        let line =
            |kind: &str, rest: &str| format!("{{\"kind\":\"{kind}\",\"step\":5,\"time\":1.0{rest}}}\n");
        let end = |hash: &str| line("end", &format!(",\"reason\":\"finished\",\"weights_hash\":\"{hash}\""));
        assert_eq!(log(""), None);
        assert_eq!(log(&line("end", ",\"reason\":\"finished\"")), None);
        assert_eq!(log(&line("end", ",\"reason\":\"SIGINT\",\"weights_hash\":\"a\"")), None);
        assert_eq!(
            log(&[end("old"), line("resume", ""), end("new"), "{\"torn".into()].concat()),
            Some("new".into())
        );

        let saved = weights_hash(b"weights");
        let path = folder.path().join("model.safetensors");
        for (weights, is_right) in [(b"weights", true), (b"Weights", false)] {
            fs::write(&path, weights).unwrap();
            for checked in [check_hash(&path, weights, &saved), check_file_hash(&path, &saved)] {
                let error = checked.err().map(|error| error.to_string()).unwrap_or_default();
                assert_eq!(error.is_empty(), is_right, "{error}");
                assert!(
                    is_right || error.contains("is damaged: its content is not what was saved"),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn what_is_not_there_or_never_was_a_file_of_weights_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let message = || check_weights(&path).unwrap_err().to_string();
        assert!(message().contains("No such file"));
        fs::write(&path, "plain text, and not a little of it").unwrap();
        assert!(message().contains("does not begin as a safetensors file does"));
        // What a power cut leaves of a file whose length was known, and its bytes were not.
        fs::write(&path, vec![0; 300]).unwrap();
        assert!(message().contains("its header is no JSON"), "{}", message());
    }
}
