//! Damage to bytes whose form is not known.

use rand::RngExt;

use super::values::integer;
use crate::rng::Rng;

/// The most bytes that are put in at once.
const MAX_INSERTED: usize = 64;

/// Damages bytes: bits, fields, ends and ranges.
pub fn damage_bytes(bytes: &mut Vec<u8>, rng: &mut Rng) {
    if bytes.is_empty() {
        bytes.extend((0..rng.random_range(1..MAX_INSERTED)).map(|_| rng.random::<u8>()));
        return;
    }
    let length = bytes.len();
    let at = rng.random_range(0..length);
    match rng.random_range(0..12) {
        0 | 1 => bytes[at] ^= 1 << rng.random_range(0..8),
        2 => bytes[at] = rng.random(),
        // Fields of headers stand at the beginning, at multiples of their width.
        3 | 4 => overwrite(bytes, at.min(rng.random_range(0..length.min(256))), rng),
        5 => overwrite(bytes, at, rng),
        6 => bytes.truncate(at),
        7 => bytes.truncate(length - rng.random_range(1..=length.min(8))),
        8 => {
            let filler = if rng.random_bool(0.5) { 0 } else { rng.random() };
            bytes.resize(length + rng.random_range(1..MAX_INSERTED), filler);
        }
        9 => {
            let end = (at + rng.random_range(1..MAX_INSERTED)).min(length);
            bytes.drain(at..end);
        }
        10 => {
            let end = (at + rng.random_range(1..MAX_INSERTED)).min(length);
            let copy = bytes[at..end].to_vec();
            let to = rng.random_range(0..=length);
            bytes.splice(to..to, copy);
        }
        _ => {
            let end = (at + rng.random_range(1..MAX_INSERTED)).min(length);
            let value = if rng.random_bool(0.5) { 0 } else { 0xff };
            bytes[at..end].fill(value);
        }
    }
}

/// Writes a boundary value over a field of 2, 4 or 8 bytes.
fn overwrite(bytes: &mut [u8], at: usize, rng: &mut Rng) {
    let width = [2, 4, 8][rng.random_range(0..3)];
    let at = at - at % width;
    let value = if rng.random_bool(0.8) { integer(rng) } else { rng.random() };
    for (place, byte) in bytes[at..].iter_mut().zip(&value.to_le_bytes()[..width]) {
        *place = *byte;
    }
}
