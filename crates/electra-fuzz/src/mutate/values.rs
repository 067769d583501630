//! Values at and beyond the bounds of what can be meant.

use rand::RngExt;
use rand::seq::IndexedRandom;

use crate::rng::Rng;

/// Whole numbers as they are written: small ones, ends of integer types, and their neighbours.
const WHOLE: [&str; 29] = [
    "0",
    "-1",
    "-3",
    "1",
    "2",
    "3",
    "5",
    "7",
    "8",
    "16",
    "100",
    "127",
    "128",
    "255",
    "256",
    "1000",
    "32768",
    "65535",
    "65536",
    "1000000",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "1099511627776",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
];

/// Other numbers: fractions, the ends of floats, and what is beyond them.
const OTHER: [&str; 17] = [
    "0.0",
    "-0.0",
    "0.5",
    "0.999",
    "1.0",
    "1.5",
    "-0.1",
    "1e-320",
    "1e-30",
    "1e30",
    "1e308",
    "-1e308",
    "1e400",
    "0.1e1",
    "-3.5",
    "1.75e308",
    "-1.75e308",
];

/// Integers of a binary field.
const INTEGERS: [u64; 16] = [
    0,
    1,
    2,
    0x7f,
    0xff,
    0x100,
    0x7fff,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0xffff_ffff,
    0x1_0000_0000,
    1 << 62,
    i64::MAX as u64,
    1 << 63,
    u64::MAX,
];

/// Strings that mean something to somebody.
const STRINGS: [&str; 30] = [
    "",
    " ",
    ".",
    "..",
    "/",
    "../canary/victim",
    "../../canary/victim",
    "/dev/zero",
    "/nonexistent/file",
    "a/b",
    "a\\b",
    "\0",
    "\n",
    "\r\n",
    "\u{1b}[31mred",
    "\u{feff}",
    "\u{202e}",
    "\u{200d}",
    "e\u{301}",
    "\u{10ffff}",
    "ß",
    "İ",
    "[MASK]",
    "##",
    "O",
    "B-",
    "I-PER",
    "null",
    "-1",
    "18446744073709551616",
];

/// A number as it is written in text, nearly always of the kind of the one that it replaces.
#[must_use]
pub(super) fn number(is_whole: bool, rng: &mut Rng) -> &'static str {
    let list = if is_whole == rng.random_bool(0.9) { &WHOLE[..] } else { &OTHER[..] };
    list.choose(rng).copied().unwrap_or("0")
}

/// An integer of a binary field.
#[must_use]
pub(super) fn integer(rng: &mut Rng) -> u64 {
    INTEGERS.choose(rng).copied().unwrap_or(0)
}

/// A string; now and then a very long one.
#[must_use]
pub(super) fn string(rng: &mut Rng) -> String {
    match rng.random_range(0..20) {
        0 => "a".repeat(rng.random_range(100..70_000)),
        1 => "é".repeat(rng.random_range(1..300)),
        _ => STRINGS.choose(rng).copied().unwrap_or("").to_owned(),
    }
}
