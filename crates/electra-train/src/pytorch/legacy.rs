//! The format of torch before 1.6: pickles one after the other, and the storages behind them.
//!
//! A number by which the format is known, its version, what wrote it, the object, the keys of its storages; then of
//! each storage in that order the count of its elements in eight bytes, and the elements.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

use super::error::PytorchError;
use super::pickle::{MAX_PICKLE_BYTES, Pickle};
use super::value::{StorageRef, Value};

/// The number with which the format begins: `0x1950a86a20f9469cfc6c`.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// The version that torch writes since it has the format.
const VERSION: i64 = 1001;

/// A file of the older format.
#[derive(Debug)]
pub(super) struct Legacy {
    file: File,
    /// Where the elements of each storage begin.
    storages: HashMap<String, u64>,
}

impl Legacy {
    /// Reads a file of `bytes` bytes as far as its pickles, and finds its storages.
    ///
    /// # Errors
    /// Another format, or a file that is cut short or too long.
    pub(super) fn open(file: File, bytes: u64) -> Result<(Self, Pickle), PytorchError> {
        let mut beginning = vec![0; bytes.min(MAX_PICKLE_BYTES as u64) as usize];
        file.read_exact_at(&mut beginning, 0)?;
        let mut at = 0;
        let mut next = || -> Result<Pickle, PytorchError> {
            let pickle = Pickle::read(&beginning[at..]).map_err(|error| match error {
                // What is missing may be behind the bytes that were read.
                PytorchError::Cut { .. } if bytes > beginning.len() as u64 => {
                    PytorchError::TooLarge { what: "bytes", most: MAX_PICKLE_BYTES }
                }
                other => other.behind(at),
            })?;
            at += pickle.length;
            Ok(pickle)
        };
        let unknown = |what: &str| PytorchError::Pickle { at: 0, what: what.to_owned() };
        if *next()?.root() != Value::Long(MAGIC.to_vec()) {
            return Err(unknown("begins something else than a file of torch.save"));
        }
        if *next()?.root() != Value::Int(VERSION) {
            return Err(unknown("begins a format of another version than 1001"));
        }
        let system = next()?;
        if is_big_endian(&system) {
            return Err(PytorchError::BigEndian);
        }
        let object = next()?;
        let keys = next()?;
        let storages = storages(&file, (at as u64, bytes), &object, &keys)?;
        Ok((Self { file, storages }, object))
    }

    /// The elements of a storage.
    ///
    /// # Errors
    /// A storage that the file does not have.
    pub(super) fn read(&self, key: &str, bytes: u64) -> Result<Vec<u8>, PytorchError> {
        let start = self.storages.get(key).ok_or_else(|| missing(key))?;
        let mut content = vec![0; bytes as usize];
        self.file.read_exact_at(&mut content, *start)?;
        Ok(content)
    }
}

fn missing(key: &str) -> PytorchError {
    let key: String = key.chars().take(60).collect();
    PytorchError::Archive(format!("it has no storage {key:?}"))
}

fn is_big_endian(system: &Pickle) -> bool {
    let Value::Dict(pairs) = system.root() else { return false };
    let is_little = |id| *system.value(id) != Value::Bool(false);
    pairs.iter().any(|(key, value)| system.text(*key) == Some("little_endian") && !is_little(*value))
}

/// Where the elements of each storage begin, in a file of this length whose pickles end at `at`.
fn storages(
    file: &File,
    (mut at, bytes): (u64, u64),
    object: &Pickle,
    keys: &Pickle,
) -> Result<HashMap<String, u64>, PytorchError> {
    let mut named: HashMap<&str, StorageRef> = HashMap::new();
    for storage in object.storages() {
        let key = object.text(storage.key).unwrap_or_default();
        let known = named.entry(key).or_insert(storage);
        if (known.element, known.count) != (storage.element, storage.count) {
            return Err(PytorchError::Archive(format!("storage {key:?} has two lengths")));
        }
    }
    let wrong = || PytorchError::Archive("its list of storages is none".into());
    let Value::List(list) = keys.root() else { return Err(wrong()) };
    let mut storages = HashMap::new();
    for id in list {
        let key = keys.text(*id).ok_or_else(wrong)?;
        let storage = named.get(key).ok_or_else(wrong)?;
        let cut = |end: u64| PytorchError::Cut { what: format!("storage {key}"), end, bytes };
        let start = at + 8;
        if start > bytes {
            return Err(cut(start));
        }
        let mut count = [0; 8];
        file.read_exact_at(&mut count, at)?;
        if u64::from_le_bytes(count) != storage.count {
            return Err(PytorchError::Archive(format!("storage {key:?} has two lengths")));
        }
        let end =
            storage.count.checked_mul(storage.element.bytes()).and_then(|length| start.checked_add(length));
        at = end.filter(|end| *end <= bytes).ok_or_else(|| cut(end.unwrap_or(u64::MAX)))?;
        if storages.insert(key.to_owned(), start).is_some() {
            return Err(wrong());
        }
    }
    match named.keys().find(|key| !storages.contains_key(**key)) {
        Some(key) => Err(missing(key)),
        None if at != bytes => Err(PytorchError::Long { found: bytes, expected: at }),
        None => Ok(storages),
    }
}
