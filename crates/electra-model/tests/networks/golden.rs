//! Golden files: what PyTorch computed in double precision, and how far from it 32-bit floats may be.

use std::path::{Path, PathBuf};

use burn::prelude::*;
use electra_model::parameters::NamedTensors;
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;

/// The largest deviation of a result, as a share of the largest number of its tensor.
///
/// PyTorch's own 32-bit run of these networks is within 2e-6 of its 64-bit run.
pub const TOLERANCE: f64 = 1e-5;

/// The path of a golden file: in the fixtures of the crate under test, or in those of the networks.
pub fn fixture(name: &str) -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = crate_folder.join("tests/fixtures").join(name);
    if own.exists() { own } else { crate_folder.join("../electra-model/tests/fixtures").join(name) }
}

/// A golden JSON file.
pub fn json(name: &str) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(fixture(name)).unwrap()).unwrap()
}

/// A golden safetensors file.
pub struct Golden(Vec<u8>);

impl Golden {
    pub fn read(name: &str) -> Self {
        Self(std::fs::read(fixture(name)).unwrap())
    }

    fn file(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.0).unwrap()
    }

    /// Names of the tensors below `prefix`, without it.
    pub fn below(&self, prefix: &str) -> Vec<String> {
        let file = self.file();
        let mut names: Vec<String> = file
            .names()
            .into_iter()
            .filter_map(|name| name.strip_prefix(prefix))
            .map(str::to_owned)
            .collect();
        names.sort();
        names
    }

    pub fn shape(&self, name: &str) -> Vec<usize> {
        self.file().tensor(name).unwrap().shape().to_vec()
    }

    /// Floats or integers of any width.
    pub fn doubles(&self, name: &str) -> Vec<f64> {
        let file = self.file();
        let tensor = file.tensor(name).unwrap_or_else(|_| panic!("no golden tensor {name}"));
        let data = tensor.data();
        match tensor.dtype() {
            Dtype::F64 => data.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b)).collect(),
            Dtype::F32 => data.as_chunks().0.iter().map(|&b| f64::from(f32::from_le_bytes(b))).collect(),
            Dtype::I64 => data.as_chunks().0.iter().map(|&b| i64::from_le_bytes(b) as f64).collect(),
            other => panic!("{name} holds {other:?}"),
        }
    }

    /// 32-bit weights below `prefix`, without it.
    pub fn weights(&self, prefix: &str) -> NamedTensors {
        let read = |name: String| {
            let full = format!("{prefix}{name}");
            let values: Vec<f32> = self.doubles(&full).into_iter().map(|v| v as f32).collect();
            let data = TensorData::new(values, self.shape(&full));
            (name, data)
        };
        self.below(prefix).into_iter().map(read).collect()
    }

    /// Asserts that `found` are exactly the tensors below `prefix`, each close to its truth.
    ///
    /// `foreign` gives the golden name of our path, `tolerance` the share of its largest number.
    /// Dense weights are transposed in PyTorch.
    pub fn assert_all_close(
        &self,
        prefix: &str,
        found: &NamedTensors,
        foreign: impl Fn(&str) -> String,
        tolerance: impl Fn(&str) -> f64,
    ) {
        let mut names: Vec<String> = found.keys().map(|path| foreign(path)).collect();
        names.sort();
        assert_eq!(names, self.below(prefix));
        let truth = |path: &str| {
            let name = format!("{prefix}{}", foreign(path));
            let (values, shape) = (self.doubles(&name), self.shape(&name));
            match shape[..] {
                [rows, columns] if path.ends_with(".weight") => {
                    let at = |i: usize| values[i % rows * columns + i / rows];
                    (vec![columns, rows], (0..rows * columns).map(at).collect())
                }
                _ => (shape, values),
            }
        };
        let truths: Vec<(Vec<usize>, Vec<f64>)> = found.keys().map(|path| truth(path)).collect();
        // The gradient of a key's bias is exactly zero, because softmax does not see what all its
        // inputs share: what 32-bit floats leave of it is measured against the other tensors.
        let noise = 1e-7 * truths.iter().map(|(_, values)| largest(values)).fold(0.0, f64::max);
        for ((path, data), (shape, truth)) in found.iter().zip(&truths) {
            assert_eq!(data.shape().to_vec(), *shape, "{path}");
            let within = noise + tolerance(path) * largest(truth);
            assert_within(&format!("{prefix}{path}"), data, truth, within);
        }
    }

    /// Asserts that a tensor is close to the golden one of that name.
    pub fn assert_close<const D: usize>(&self, name: &str, found: Tensor<D>) {
        assert_eq!(found.dims().to_vec(), self.shape(name), "{name}");
        let truth = self.doubles(name);
        assert_within(name, &found.into_data(), &truth, TOLERANCE * largest(&truth));
    }
}

/// The largest absolute value.
pub fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, v| most.max(v.abs()))
}

/// Asserts that no number is further than `within`, times the slack of the devices under test, from the
/// expected one.
pub fn assert_within(name: &str, found: &TensorData, expected: &[f64], within: f64) {
    let found: Vec<f64> = found.iter::<f64>().collect();
    assert_eq!(found.len(), expected.len(), "{name}");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs();
        assert!(error <= within, "{name}[{i}] is {found}, expected {expected} within {within:e}");
    }
}

/// Asserts that two sets of tensors have the same names and nearly the same numbers: within
/// `tolerance` of the largest number of each tensor, and of 1e-2 of the largest of all, below
/// which sums in another order leave nothing but noise.
pub fn assert_alike(found: &NamedTensors, expected: &NamedTensors, tolerance: f64) {
    let doubles = |data: &TensorData| data.iter::<f64>().collect::<Vec<_>>();
    assert!(found.keys().eq(expected.keys()), "{:?} and {:?}", found.keys(), expected.keys());
    let floor = 1e-2 * expected.values().map(|data| largest(&doubles(data))).fold(0.0, f64::max);
    for (path, data) in found {
        let expected = doubles(&expected[path]);
        assert_within(path, data, &expected, tolerance * largest(&expected).max(floor));
    }
}
