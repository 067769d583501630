//! Whether a file of weights is whole, by its own header: no tensor is read.
//!
//! A safetensors file begins with the length of its header in eight bytes, then the header in JSON,
//! which says at which bytes behind it each tensor begins and ends.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// A header of more bytes is none: that of the largest models has a few hundred thousand.
const LONGEST_HEADER: u64 = 100_000_000;

/// A file of weights that is not there or was not written to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} is damaged: {damage}")]
pub struct DamagedWeights {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
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

fn whole(path: &Path) -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    let mut file = File::open(path).map_err(text)?;
    let bytes = file.metadata().map_err(text)?.len();
    let mut length = [0; 8];
    if bytes < 8 {
        return Err(format!("it has {bytes} bytes, and the header alone needs more"));
    }
    file.read_exact(&mut length).map_err(text)?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST_HEADER {
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
