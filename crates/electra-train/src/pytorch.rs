//! Weights as `torch.save` writes them: `pytorch_model.bin`, in the format of torch 1.6 and later (an archive) and in
//! the one before (pickles and numbers behind them).
//!
//! Both name their tensors in a pickle, a program that Python runs as it reads. Nothing of it is run here: the
//! instructions and names that a `state_dict` needs are known, and any other ends the reading. Names, sizes and places
//! of all tensors are compared with the file before memory is taken for their numbers.

mod archive;
mod error;
mod legacy;
mod machine;
mod pickle;
mod value;
mod view;

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::Path;

use burn::tensor::DType;
use electra_files::regular;
use electra_model::parameters::{Headers, NamedTensors, TensorHeader, check_finite};
use electra_run::process::check_memory;

use archive::Archive;
use legacy::Legacy;
use pickle::{MAX_PICKLE_BYTES, Pickle};
use value::{ElementType, TensorRef, Value, ValueId};
use view::View;

pub use error::PytorchError;

/// Bytes of the name of a tensor at most.
const MAX_NAME_BYTES: usize = 1000;
/// Tensors may share their numbers, as the output matrix of a generator does with its table; their numbers together
/// are at most so many times those of the file.
const MAX_SHARED: u64 = 8;
/// The archive's entry that says how its numbers are stored.
const BYTE_ORDER: &str = "byteorder";
/// The archive's entry with the pickle.
const PICKLE: &str = "data.pkl";

/// A file of tensors by name, as far as its pickle.
#[derive(Debug)]
pub struct PytorchFile {
    container: Container,
    /// Tensors by their storage, which is read once.
    storages: BTreeMap<String, Storage>,
    /// Names and shapes of all tensors.
    headers: Headers,
    /// Bytes of all numbers as they are in memory.
    bytes: u64,
}

#[derive(Debug)]
enum Container {
    Archive(Archive),
    Legacy(Legacy),
}

#[derive(Debug)]
struct Storage {
    element: ElementType,
    bytes: u64,
    views: Vec<(String, View)>,
}

impl PytorchFile {
    /// Reads a file as far as the names, shapes and places of its tensors.
    ///
    /// # Errors
    /// Another format, a file that is not whole, a pickle of something else than tensors by name, or one that calls
    /// for anything that weights do not need.
    pub fn open(path: &Path) -> Result<Self, PytorchError> {
        let file = regular::open(path)?;
        let bytes = file.metadata()?.len();
        let mut beginning = vec![0; bytes.min(40) as usize];
        file.read_exact_at(&mut beginning, 0)?;
        let (container, pickle) = match beginning.first_chunk::<4>() {
            Some(b"PK\x03\x04" | b"PK\x05\x06") => {
                let archive = Archive::open(file, bytes)?;
                let pickle = pickle_of(&archive)?;
                (Container::Archive(archive), pickle)
            }
            Some([0x80, ..]) => {
                let (legacy, pickle) = Legacy::open(file, bytes)?;
                (Container::Legacy(legacy), pickle)
            }
            _ if beginning.starts_with(b"version https://git-lfs") => return Err(PytorchError::LfsPointer),
            _ => {
                return Err(PytorchError::Format {
                    begins: format!("{:?}", beginning.escape_ascii().to_string()),
                });
            }
        };
        let mut found = Self { container, storages: BTreeMap::new(), headers: Headers::new(), bytes: 0 };
        for (name, tensor) in tensors(&pickle)? {
            found.add(&pickle, name, tensor)?;
        }
        if found.bytes > bytes.saturating_mul(MAX_SHARED) {
            return Err(PytorchError::Shared { found: found.bytes, bytes });
        }
        Ok(found)
    }

    /// Names and shapes of all tensors.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// All tensors: floats of any width as 32-bit floats, integers as 64-bit integers.
    ///
    /// # Errors
    /// Numbers that cannot be read, are not what was saved, or are none; too little memory.
    pub fn read(&self) -> Result<NamedTensors, PytorchError> {
        let largest = self.storages.values().map(|storage| storage.bytes).max().unwrap_or(0);
        check_memory(self.bytes.saturating_add(largest))
            .map_err(|error| std::io::Error::new(std::io::ErrorKind::OutOfMemory, error))?;
        let mut tensors = NamedTensors::new();
        for (key, storage) in &self.storages {
            let numbers = match &self.container {
                Container::Archive(archive) => archive.read(&storage_entry(key))?,
                Container::Legacy(legacy) => legacy.read(key, storage.bytes)?,
            };
            for (name, view) in &storage.views {
                let tensor = view.read(&numbers, storage.element);
                check_finite(name, &tensor)?;
                tensors.insert(name.clone(), tensor);
            }
        }
        Ok(tensors)
    }

    /// Takes in a tensor whose storage the file has, and whose numbers lie in it.
    fn add(&mut self, pickle: &Pickle, name: &str, tensor: &TensorRef) -> Result<(), PytorchError> {
        let wrong = |what: String| PytorchError::Tensor { name: name.to_owned(), what };
        let Value::Storage(storage) = *pickle.value(tensor.storage) else {
            return Err(wrong("it has no storage".into()));
        };
        let key = pickle.text(storage.key).filter(|key| key.len() <= MAX_NAME_BYTES).unwrap_or_default();
        let dtype = match storage.element {
            ElementType::F64 | ElementType::F32 | ElementType::F16 | ElementType::Bf16 => DType::F32,
            ElementType::I64 | ElementType::I32 => DType::I64,
            other => return Err(PytorchError::Type { name: name.to_owned(), found: other.storage() }),
        };
        let bytes = storage.count.checked_mul(storage.element.bytes());
        let bytes = bytes.ok_or_else(|| wrong("its storage has more than 2^64 bytes".into()))?;
        let view = View::new(tensor, storage.count).map_err(wrong)?;
        if !self.storages.contains_key(key) {
            if let Container::Archive(archive) = &self.container {
                let found = archive.length(&storage_entry(key))?;
                if found != bytes {
                    return Err(wrong(format!("its storage has {found} bytes, expected {bytes}")));
                }
            }
            let new = Storage { element: storage.element, bytes, views: Vec::new() };
            self.storages.insert(key.to_owned(), new);
        }
        let known = self.storages.get_mut(key).expect("it is there now");
        if (known.element, known.bytes) != (storage.element, bytes) {
            return Err(wrong("its storage has two lengths".into()));
        }
        let header = TensorHeader { dtype, shape: tensor.shape.clone() };
        self.bytes = self.bytes.saturating_add(view.elements().saturating_mul(dtype.size() as u64));
        known.views.push((name.to_owned(), view));
        self.headers.insert(name.to_owned(), header);
        Ok(())
    }
}

fn storage_entry(key: &str) -> String {
    format!("data/{key}")
}

/// The pickle of an archive whose numbers can be read here.
fn pickle_of(archive: &Archive) -> Result<Pickle, PytorchError> {
    if archive.has(BYTE_ORDER) && archive.length(BYTE_ORDER)? < 16 && archive.read(BYTE_ORDER)? == b"big" {
        return Err(PytorchError::BigEndian);
    }
    if archive.length(PICKLE)? > MAX_PICKLE_BYTES as u64 {
        return Err(PytorchError::TooLarge { what: "bytes", most: MAX_PICKLE_BYTES });
    }
    Pickle::read(&archive.read(PICKLE)?)
}

/// The tensors of a state dict by name. Of a name that is there twice the later counts, as in Python.
fn tensors(pickle: &Pickle) -> Result<BTreeMap<&str, &TensorRef>, PytorchError> {
    let other = |found: String| PytorchError::NoStateDict { found };
    let Value::Dict(pairs) = pickle.root() else { return Err(other(pickle.root().in_words().into())) };
    let named = |&(key, value): &(ValueId, ValueId)| {
        let key = match pickle.text(key) {
            Some(key) if key.len() <= MAX_NAME_BYTES => key,
            Some(_) => return Err(other(format!("a name of more than {MAX_NAME_BYTES} bytes"))),
            None => return Err(other(format!("{} as a name", pickle.value(key).in_words()))),
        };
        match pickle.value(value) {
            Value::Tensor(tensor) => Ok((key, tensor)),
            value => Err(other(format!("{} under {key:?}", value.in_words()))),
        }
    };
    pairs.iter().map(named).collect()
}
