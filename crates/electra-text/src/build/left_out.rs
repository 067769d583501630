//! Documents that a build leaves out.

/// The documents of the input that are left out, by their numbers.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    /// A bit for each document.
    bits: Vec<u64>,
}

impl LeftOut {
    /// Whether the document of this number, from 0, is left out.
    pub(super) fn contains(&self, number: u64) -> bool {
        let word = usize::try_from(number / 64).ok().and_then(|word| self.bits.get(word));
        word.is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Adds the next document.
    pub(super) fn push(&mut self, number: u64, is_left_out: bool) {
        if number.is_multiple_of(64) {
            self.bits.push(0);
        }
        if is_left_out {
            *self.bits.last_mut().expect("a word was pushed") |= 1 << (number % 64);
        }
    }
}
