//! Damage to lines of text: cut, swapped, repeated, of other ends and other encodings.

use rand::RngExt;
use rand::seq::IndexedRandom;

use super::values::string;
use crate::rng::Rng;

/// What is not UTF-8, or is but is seldom meant.
const ODD: [&[u8]; 14] = [
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xc0\xaf",
    b"\xf4\x90\x80\x80",
    b"\0",
    b"\r",
    b"\t",
    b"\x1b[2J",
    b"\x0b",
    "\u{a0}".as_bytes(),
    "\u{2028}".as_bytes(),
    "\u{feff}".as_bytes(),
    "\u{1f469}\u{200d}\u{1f469}".as_bytes(),
];

/// Bytes that no line grows beyond, and no line's copies: repeated again and again, one would fill the memory
/// of the worker before a reader has seen it.
const LARGEST: usize = 16 << 20;

/// That many copies of `size` bytes, or as many as stay within [`LARGEST`].
fn within_bounds(copies: usize, size: usize) -> usize {
    copies.min(LARGEST / size.max(1))
}

/// Removes, repeats, swaps, cuts, joins or changes lines of a text.
pub fn damage_lines(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let mut lines: Vec<Vec<u8>> = bytes.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
    let at = rng.random_range(0..lines.len());
    let other = rng.random_range(0..lines.len());
    match rng.random_range(0..16) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(other, lines[at].clone()),
        2 => lines.swap(at, other),
        3 => {
            let line = lines[at].clone();
            let copies = within_bounds(rng.random_range(2..200), line.len());
            lines.splice(at..at, (0..copies).map(|_| line.clone()));
        }
        4 => lines.truncate(at),
        5 => {
            let cut = rng.random_range(0..=lines[at].len());
            lines[at].truncate(cut);
        }
        6 => {
            let cut = rng.random_range(0..=lines[at].len());
            let rest = lines[at].split_off(cut);
            lines.insert(at + 1, rest);
        }
        7 => lines[at].clear(),
        8 => lines.iter_mut().for_each(|line| line.push(b'\r')),
        9 => lines[at].push(b'\r'),
        10 => drop(lines[0].splice(0..0, *b"\xef\xbb\xbf")),
        11 | 12 => {
            let odd = *ODD.choose(rng).unwrap_or(&ODD[0]);
            let place = rng.random_range(0..=lines[at].len());
            lines[at].splice(place..place, odd.iter().copied());
        }
        13 => {
            let text = string(rng).into_bytes();
            let place = rng.random_range(0..=lines[at].len());
            lines[at].splice(place..place, text);
        }
        14 => {
            let (from, to) =
                [(b'\t', b' '), (b' ', b'\t'), (b' ', b','), (b'-', b'_')][rng.random_range(0..4)];
            lines[at].iter_mut().filter(|byte| **byte == from).for_each(|byte| *byte = to);
        }
        _ => {
            let line = lines[at].clone();
            let times = within_bounds(rng.random_range(2..100), line.len());
            lines[at] = line.repeat(times);
        }
    }
    *bytes = lines.join(&b'\n');
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn a_line_that_is_repeated_again_and_again_stays_within_memory() {
        let mut rng = Rng::seed_from_u64(1);
        let mut bytes = b"a line\tO\n".to_vec();
        for _ in 0..500 {
            damage_lines(&mut bytes, &mut rng);
            assert!(bytes.len() < 8 * LARGEST, "{} bytes", bytes.len());
            bytes.truncate(LARGEST);
        }
    }
}
