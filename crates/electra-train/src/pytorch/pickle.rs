//! Reading of a pickle of tensors, in which nothing is ever run.
//!
//! A pickle is a program for a machine with a stack. This machine knows the instructions that torch.save writes, a
//! handful of names ([`Global`]) and what each of them makes of its arguments. It refuses everything else, and counts
//! what it makes, so that a small file cannot take much memory.

use super::error::PytorchError;
use super::machine::Machine;
use super::value::{Global, StorageRef, TensorRef, Value, ValueId};

/// Bytes of a pickle at most: that of a network of four hundred tensors has fifty thousand.
pub(super) const MAX_PICKLE_BYTES: usize = 16 << 20;
/// Instructions of a pickle at most.
const MAX_INSTRUCTIONS: usize = 1 << 20;
/// The newest protocol of pickles.
const MAX_PROTOCOL: u8 = 5;
/// Axes of a tensor at most. Sizes are copied for each tensor that has them.
const MAX_AXES: usize = 8;
/// Characters of a name that a message shows.
const MAX_SHOWN: usize = 60;

/// A pickle that was read.
#[derive(Debug)]
pub(super) struct Pickle {
    values: Vec<Value>,
    /// The value that it is of.
    pub(super) root: ValueId,
    /// Its bytes; others may follow.
    pub(super) length: usize,
}

impl Pickle {
    /// Reads the pickle with which `bytes` begins.
    ///
    /// # Errors
    /// An instruction, a name or a value that no state dict has, or an end that is not there.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, PytorchError> {
        let mut machine = Machine::new(bytes);
        for _ in 0..MAX_INSTRUCTIONS {
            machine.instruction = machine.at;
            if let Some(root) = machine.step()? {
                return Ok(Self { values: machine.values, root, length: machine.at });
            }
        }
        Err(PytorchError::TooLarge { what: "instructions", most: MAX_INSTRUCTIONS })
    }

    pub(super) fn value(&self, id: ValueId) -> &Value {
        &self.values[id.0 as usize]
    }

    pub(super) fn root(&self) -> &Value {
        self.value(self.root)
    }

    /// All storages that it names.
    pub(super) fn storages(&self) -> impl Iterator<Item = StorageRef> {
        self.values.iter().filter_map(|value| match value {
            Value::Storage(storage) => Some(*storage),
            _ => None,
        })
    }

    /// The text of a value that is one.
    pub(super) fn text(&self, id: ValueId) -> Option<&str> {
        match self.value(id) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl Machine<'_> {
    /// Carries out one instruction; the value of the pickle, if it was the last.
    fn step(&mut self) -> Result<Option<ValueId>, PytorchError> {
        let code = self.take(1)?[0];
        match code {
            b'.' => return self.pop().map(Some),
            0x80 => {
                let protocol = self.take(1)?[0];
                if protocol > MAX_PROTOCOL {
                    return Err(self.error(format!("is protocol {protocol}, which is not known")));
                }
            }
            // The length of a frame helps those who read from a stream.
            0x95 => self.skip(8)?,
            b'(' => self.marks.push(self.stack.len()),
            b'0' => self.pop().map(drop)?,
            b'1' => self.pop_to_mark().map(drop)?,
            b'N' => self.push(Value::Nothing),
            0x88 => self.push(Value::Bool(true)),
            0x89 => self.push(Value::Bool(false)),
            b'J' => {
                let number = i32::from_le_bytes(self.array()?);
                self.push(Value::Int(number.into()));
            }
            b'K' => {
                let number = self.take(1)?[0];
                self.push(Value::Int(number.into()));
            }
            b'M' => {
                let number = u16::from_le_bytes(self.array()?);
                self.push(Value::Int(number.into()));
            }
            0x8a => self.long()?,
            b'G' => {
                self.skip(8)?;
                self.push(Value::Nothing);
            }
            b'X' => {
                let length = u32::from_le_bytes(self.array()?);
                self.text(length as usize)?;
            }
            // Texts of Python 2, whose names of tensors are ASCII.
            b'T' => {
                let length = u32::from_le_bytes(self.array()?);
                self.text(length as usize)?;
            }
            0x8c | b'U' => {
                let length = self.take(1)?[0];
                self.text(length.into())?;
            }
            b')' => self.push(Value::Tuple(Vec::new())),
            b't' => {
                let items = self.pop_to_mark()?;
                self.push(Value::Tuple(items));
            }
            0x85..=0x87 => {
                let length = usize::from(code - 0x84);
                let items = self.pop_many(length)?;
                self.push(Value::Tuple(items));
            }
            b']' => self.push(Value::List(Vec::new())),
            b'a' => {
                let items = self.pop_many(1)?;
                self.append(items)?;
            }
            b'e' => {
                let items = self.pop_to_mark()?;
                self.append(items)?;
            }
            b'}' => self.push(Value::Dict(Vec::new())),
            b's' => {
                let items = self.pop_many(2)?;
                self.set(&items)?;
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.set(&items)?;
            }
            b'c' => {
                let [module, name] = [self.line()?, self.line()?];
                let global = self.global(&module, &name)?;
                self.push(Value::Global(global));
            }
            0x93 => {
                let names = self.pop_many(2)?;
                let [Value::Text(module), Value::Text(name)] = [names[0], names[1]].map(|id| self.value(id))
                else {
                    return Err(self.error("a name is no text".into()));
                };
                let global = self.global(module, name)?;
                self.push(Value::Global(global));
            }
            b'R' => self.call()?,
            b'b' => self.build()?,
            b'Q' => self.persistent()?,
            b'q' => {
                let key = self.take(1)?[0];
                self.keep(key.into())?;
            }
            b'r' => {
                let key = u32::from_le_bytes(self.array()?);
                self.keep(key)?;
            }
            0x94 => self.keep(self.memo.len() as u32)?,
            b'h' => {
                let key = self.take(1)?[0];
                self.recall(key.into())?;
            }
            b'j' => {
                let key = u32::from_le_bytes(self.array()?);
                self.recall(key)?;
            }
            _ => {
                let shown = code.escape_ascii();
                return Err(
                    self.error(format!("stands the instruction `{shown}` ({code:#04x}), which none needs"))
                );
            }
        }
        Ok(None)
    }

    fn append(&mut self, items: Vec<ValueId>) -> Result<(), PytorchError> {
        let list = self.top()?;
        match &mut self.values[list.0 as usize] {
            Value::List(own) => own.extend(items),
            other => {
                let what = format!("something is added to {}, expected a list", other.in_words());
                return Err(self.error(what));
            }
        }
        Ok(())
    }

    fn set(&mut self, items: &[ValueId]) -> Result<(), PytorchError> {
        let dict = self.top()?;
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(self.error("a key has no value".into()));
        }
        match &mut self.values[dict.0 as usize] {
            Value::Dict(own) => own.extend(pairs.iter().map(|&[key, value]| (key, value))),
            other => {
                let what = format!("a key is set in {}, expected a dict", other.in_words());
                return Err(self.error(what));
            }
        }
        Ok(())
    }

    fn global(&self, module: &str, name: &str) -> Result<Global, PytorchError> {
        Global::of(module, name).ok_or_else(|| {
            let shown = |text: &str| text.chars().take(MAX_SHOWN).collect::<String>();
            PytorchError::Forbidden {
                global: format!("{}.{}", shown(module), shown(name)),
                at: self.instruction,
            }
        })
    }

    /// What a function of the few that are known makes of its arguments.
    fn call(&mut self) -> Result<(), PytorchError> {
        let both = self.pop_many(2)?;
        let (Value::Global(global), Value::Tuple(arguments)) = (self.value(both[0]), self.value(both[1]))
        else {
            return Err(self.error("something is called that is no function".into()));
        };
        let value = match (global, &arguments[..]) {
            (Global::OrderedDict, []) => Value::Dict(Vec::new()),
            (Global::RebuildTensor, [storage, offset, shape, strides, ..]) => {
                self.tensor(*storage, *offset, *shape, *strides)?
            }
            (Global::RebuildParameter, [tensor, ..]) if matches!(self.value(*tensor), Value::Tensor(_)) => {
                let tensor = *tensor;
                self.stack.push(tensor);
                return Ok(());
            }
            _ => return Err(self.error(format!("{global:?} is called with other arguments than its own"))),
        };
        self.push(value);
        Ok(())
    }

    fn tensor(
        &self,
        storage: ValueId,
        offset: ValueId,
        shape: ValueId,
        strides: ValueId,
    ) -> Result<Value, PytorchError> {
        let sizes = |id: ValueId| match self.value(id) {
            Value::Tuple(items) | Value::List(items) if items.len() <= MAX_AXES => {
                items.iter().map(|id| self.size(*id)).collect()
            }
            _ => None,
        };
        let (storage, Value::Storage(_)) = (storage, self.value(storage)) else {
            return Err(self.error("a tensor is made of what is no storage".into()));
        };
        let made = || -> Option<TensorRef> {
            let (shape, strides): (Vec<usize>, Vec<usize>) = (sizes(shape)?, sizes(strides)?);
            let is_one = shape.len() == strides.len();
            is_one.then_some(TensorRef { storage, offset: self.size(offset)? as u64, shape, strides })
        };
        made().map(Value::Tensor).ok_or_else(|| self.error("a tensor has sizes that are none".into()))
    }

    fn size(&self, id: ValueId) -> Option<usize> {
        match self.value(id) {
            Value::Int(number) => usize::try_from(*number).ok(),
            _ => None,
        }
    }

    /// What a dict knows beside its items (versions of the layers, in `_metadata`) is not of its tensors.
    fn build(&mut self) -> Result<(), PytorchError> {
        let state = self.pop()?;
        let built = self.top()?;
        match (self.value(built), self.value(state)) {
            (Value::Dict(_), Value::Dict(_)) => Ok(()),
            (other, _) => Err(self.error(format!("attributes are given to {}", other.in_words()))),
        }
    }

    /// A storage, which the pickle names and the file has elsewhere.
    fn persistent(&mut self) -> Result<(), PytorchError> {
        let id = self.pop()?;
        let Value::Tuple(parts) = self.value(id) else {
            return Err(self.error("a storage is named by no tuple".into()));
        };
        // "storage", class, key, device, elements; in the older format None or the part that is meant follows.
        let storage = || match parts[..] {
            [kind, class, key, _, count, ref rest @ ..] => {
                let Value::Text(kind) = self.value(kind) else { return None };
                let Value::Global(Global::Storage(element)) = *self.value(class) else { return None };
                let Value::Text(_) = self.value(key) else { return None };
                let is_whole = rest.iter().all(|part| *self.value(*part) == Value::Nothing);
                let is_known = kind == "storage" && is_whole && rest.len() <= 1;
                is_known.then_some(StorageRef { key, element, count: self.size(count)? as u64 })
            }
            _ => None,
        };
        let Some(storage) = storage() else {
            return Err(self.error("a storage is named otherwise than torch.save names it".into()));
        };
        self.push(Value::Storage(storage));
        Ok(())
    }
}
