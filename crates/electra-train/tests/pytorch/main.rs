//! Files that torch.save wrote: the numbers in them, and what is refused.
//!
//! `scripts/reference/pytorch_files.py` wrote the fixtures.

mod archive;
mod hostile;

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::TensorData;
use electra_files::shown::with_help;
use electra_model::parameters::{NamedTensors, headers_of};
use electra_train::pytorch::PytorchFile;

/// A file that the script wrote.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pytorch").join(name)
}

/// All tensors of a file, or the message and advice of the error.
fn read(path: &Path) -> Result<NamedTensors, String> {
    let file = PytorchFile::open(path).map_err(|error| with_help(&error))?;
    let tensors = file.read().map_err(|error| with_help(&error))?;
    assert_eq!(*file.headers(), headers_of(&tensors), "what the pickle says is what is there");
    Ok(tensors)
}

/// As [`read`], of a file with this content.
fn read_bytes(bytes: &[u8]) -> Result<NamedTensors, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.bin");
    fs::write(&path, bytes).unwrap();
    read(&path)
}

fn refused(bytes: &[u8], parts: &[&str]) {
    let error = read_bytes(bytes).unwrap_err();
    parts.iter().for_each(|part| assert!(error.contains(part), "{part:?} is not in: {error}"));
}

/// The number that the script puts at a place of a tensor.
fn number(tensor: usize, element: usize) -> f32 {
    ((tensor * 5 + element * 7) % 17) as f32 / 16.0 - 0.5
}

/// The tensors of the script, given their shapes.
fn expected(found: &NamedTensors) -> NamedTensors {
    let numbers = |(at, (name, data)): (usize, (&String, &TensorData))| {
        let count = data.num_elements();
        let numbers: Vec<f32> = (0..count).map(|element| number(at, element)).collect();
        (name.clone(), TensorData::new(numbers, data.shape().to_vec()))
    };
    found.iter().enumerate().map(numbers).collect()
}

#[test]
fn both_formats_and_every_width_hold_the_same_numbers() {
    let whole = read(&fixture("model/pytorch_model.bin")).unwrap();
    assert_eq!(whole.len(), 27);
    assert_eq!(whole["electra.embeddings_project.weight"].shape().to_vec(), [8, 4]);
    assert_eq!(whole, expected(&whole));
    for name in ["older.bin", "half.bin", "bfloat16-older.bin", "double.bin", "protocol-4.bin"] {
        assert_eq!(read(&fixture(name)).unwrap(), whole, "{name}");
    }
    let mut shards = NamedTensors::new();
    for at in 1..=2 {
        shards.extend(read(&fixture(&format!("pytorch_model-0000{at}-of-00002.bin"))).unwrap());
    }
    assert_eq!(shards, whole);
}

#[test]
fn parameters_and_transposed_views_of_converted_checkpoints_are_read_in_the_order_of_their_axes() {
    let whole = read(&fixture("model/pytorch_model.bin")).unwrap();
    for name in ["old-names.bin", "old-names-older.bin"] {
        let mut found = read(&fixture(name)).unwrap();
        let positions = found.remove("electra.embeddings.position_ids").unwrap();
        assert_eq!(positions, TensorData::new((0..16).collect::<Vec<i64>>(), [1, 16]), "{name}");
        let renamed = |(name, data): (String, TensorData)| {
            (
                name.replace("LayerNorm.gamma", "LayerNorm.weight")
                    .replace("LayerNorm.beta", "LayerNorm.bias"),
                data,
            )
        };
        assert_eq!(found.into_iter().map(renamed).collect::<NamedTensors>(), whole, "{name}");
    }
}

#[test]
fn a_file_that_ends_early_is_refused_wherever_it_ends() {
    for name in ["model/pytorch_model.bin", "older.bin"] {
        let whole = fs::read(fixture(name)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.bin");
        for length in (0..whole.len()).step_by(37).chain([whole.len() - 1]) {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(read(&path).is_err(), "{name} of {length} bytes");
        }
    }
    let older = fs::read(fixture("older.bin")).unwrap();
    refused(&older[..older.len() - 1], &["it is cut short: storage ", "copy the file again"]);
    refused(&[&older[..], b"more"].concat(), &["its storages end at byte"]);
    let archive = fs::read(fixture("model/pytorch_model.bin")).unwrap();
    refused(&archive[..archive.len() / 2], &["it has no end, as an archive that was cut short"]);
}

#[test]
fn numbers_that_changed_are_not_those_that_were_saved() {
    let mut whole = fs::read(fixture("model/pytorch_model.bin")).unwrap();
    let bytes = number(8, 1).to_le_bytes();
    let second = [number(8, 0).to_le_bytes(), bytes].concat();
    let at = whole.windows(8).position(|window| window == second).unwrap();
    whole[at] ^= 1;
    refused(&whole, &["data/", "is not what was saved (CRC-32 differs)"]);
}

#[test]
fn what_is_no_state_dict_is_named() {
    for (name, parts) in [
        (
            "training.bin",
            &["\"state_dict\"", "expected tensors by name", "torch.save(model.state_dict()"][..],
        ),
        ("whole-network.bin", &["torch.nn.modules.linear.Linear", "nothing of it was run"]),
        ("script.bin", &["a program of TorchScript"]),
        ("truth-values.bin", &["electra.mask holds BoolStorage"]),
    ] {
        let error = read(&fixture(name)).unwrap_err();
        parts.iter().for_each(|part| assert!(error.contains(part), "{name}: {part:?} is not in: {error}"));
    }
    refused(b"", &["it is no file of torch.save"]);
    refused(b"{\"a\": 1}", &["it is no file of torch.save: it begins with \"{"]);
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 54000000\n";
    refused(pointer.as_bytes(), &["a pointer of Git LFS", "git lfs pull"]);
    assert!(read(&fixture("model")).unwrap_err().contains("a folder"));
}
