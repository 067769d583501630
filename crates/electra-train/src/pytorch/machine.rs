//! The machine for which a pickle is a program: its bytes, its stack, and the values that it made.

use std::collections::HashMap;

use super::error::PytorchError;
use super::value::{Value, ValueId};

/// A pickle that is being read.
#[derive(Debug)]
pub(super) struct Machine<'a> {
    bytes: &'a [u8],
    /// The place of the next instruction.
    pub(super) at: usize,
    /// The place of the instruction that is being carried out.
    pub(super) instruction: usize,
    pub(super) values: Vec<Value>,
    pub(super) stack: Vec<ValueId>,
    /// Heights of the stack at its marks.
    pub(super) marks: Vec<usize>,
    pub(super) memo: HashMap<u32, ValueId>,
}

impl<'a> Machine<'a> {
    /// A machine that has done nothing yet.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let (values, stack, marks, memo) = (Vec::new(), Vec::new(), Vec::new(), HashMap::new());
        Self { bytes, at: 0, instruction: 0, values, stack, marks, memo }
    }

    pub(super) fn error(&self, what: String) -> PytorchError {
        PytorchError::Pickle { at: self.instruction, what }
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&[u8], PytorchError> {
        let end = self.at.saturating_add(length);
        let Some(taken) = self.bytes.get(self.at..end) else {
            let (end, bytes) = (end as u64, self.bytes.len() as u64);
            return Err(PytorchError::Cut { what: "its pickle".into(), end, bytes });
        };
        self.at = end;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], PytorchError> {
        Ok(self.take(N)?.try_into().expect("as many bytes were taken"))
    }

    pub(super) fn skip(&mut self, length: usize) -> Result<(), PytorchError> {
        self.take(length).map(drop)
    }

    /// The text to the end of the line.
    pub(super) fn line(&mut self) -> Result<String, PytorchError> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
        let line = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.skip(1)?;
        Ok(line)
    }

    pub(super) fn text(&mut self, length: usize) -> Result<(), PytorchError> {
        let text = std::str::from_utf8(self.take(length)?).map(str::to_owned);
        match text {
            Ok(text) => self.push(Value::Text(text)),
            Err(_) => return Err(self.error("is a text that is not UTF-8".into())),
        }
        Ok(())
    }

    /// An integer of up to 255 bytes, in two's complement.
    pub(super) fn long(&mut self) -> Result<(), PytorchError> {
        let length = self.take(1)?[0];
        let bytes = self.take(length.into())?.to_vec();
        let value = if bytes.len() > 8 {
            Value::Long(bytes)
        } else {
            let sign = if bytes.last().is_some_and(|last| last >> 7 == 1) { 0xff } else { 0 };
            let mut whole = [sign; 8];
            whole[..bytes.len()].copy_from_slice(&bytes);
            Value::Int(i64::from_le_bytes(whole))
        };
        self.push(value);
        Ok(())
    }

    pub(super) fn push(&mut self, value: Value) {
        // One for an instruction at most, so that 32 bits are enough.
        self.stack.push(ValueId(self.values.len() as u32));
        self.values.push(value);
    }

    pub(super) fn value(&self, id: ValueId) -> &Value {
        &self.values[id.0 as usize]
    }

    pub(super) fn pop(&mut self) -> Result<ValueId, PytorchError> {
        Ok(self.pop_many(1)?[0])
    }

    /// The uppermost `length` values, none of them from below a mark.
    pub(super) fn pop_many(&mut self, length: usize) -> Result<Vec<ValueId>, PytorchError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len().checked_sub(length) {
            Some(at) if at >= floor => Ok(self.stack.split_off(at)),
            _ => Err(self.error("a value is asked for that is not there".into())),
        }
    }

    pub(super) fn pop_to_mark(&mut self) -> Result<Vec<ValueId>, PytorchError> {
        match self.marks.pop() {
            Some(mark) => Ok(self.stack.split_off(mark)),
            None => Err(self.error("a mark is asked for that is not there".into())),
        }
    }

    /// The uppermost value, which stays.
    pub(super) fn top(&self) -> Result<ValueId, PytorchError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.last() {
            Some(top) if self.stack.len() > floor => Ok(*top),
            _ => Err(self.error("a value is asked for that is not there".into())),
        }
    }

    pub(super) fn keep(&mut self, key: u32) -> Result<(), PytorchError> {
        let top = self.top()?;
        self.memo.insert(key, top);
        Ok(())
    }

    pub(super) fn recall(&mut self, key: u32) -> Result<(), PytorchError> {
        match self.memo.get(&key) {
            Some(value) => self.stack.push(*value),
            None => return Err(self.error(format!("value {key} is recalled, which was never kept"))),
        }
        Ok(())
    }
}
