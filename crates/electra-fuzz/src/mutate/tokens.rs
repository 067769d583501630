//! Damage to numbers, strings and words of a text, whatever its grammar.

use std::ops::Range;

use rand::RngExt;
use rand::seq::IndexedRandom;

use super::values::{number, string};
use crate::rng::Rng;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Number,
    String,
    Word,
    Mark,
}

/// Damages a token: another value, none, or twice.
pub(super) fn damage(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let tokens = split(bytes);
    let Some((kind, range)) = tokens.choose(rng).cloned() else { return };
    let quoted = |rng: &mut Rng| format!("{:?}", string(rng));
    let new: Vec<u8> = match (rng.random_range(0..10), kind) {
        (0, _) => Vec::new(),
        (1, _) => bytes[range.clone()].repeat(2),
        (2, _) => {
            let other = tokens.choose(rng).cloned().map_or(0..0, |(_, range)| range);
            bytes[other].to_vec()
        }
        (3, _) => number(true, rng).into(),
        (4, _) => quoted(rng).into(),
        (5, _) => ["null", "nan", "inf", "true", "[]", "{}", "\"", "[", "{", "=", "\\"]
            .choose(rng)
            .copied()
            .unwrap_or_default()
            .into(),
        (_, Kind::Number) => {
            let is_whole = !bytes[range.clone()].iter().any(|byte| b".eE".contains(byte));
            number(is_whole, rng).into()
        }
        (_, Kind::String) => quoted(rng).into(),
        (_, Kind::Word) => string(rng).into(),
        (_, Kind::Mark) => {
            [",", ":", "=", ".", "\n", "\"", "#", "-"].choose(rng).copied().unwrap_or_default().into()
        }
    };
    bytes.splice(range, new);
}

fn split(bytes: &[u8]) -> Vec<(Kind, Range<usize>)> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let while_it_is = |is: fn(u8) -> bool| rest.iter().position(|&byte| !is(byte)).unwrap_or(rest.len());
        let (kind, length) = match rest[0] {
            b'"' => {
                let end = rest[1..].iter().position(|&byte| byte == b'"' || byte == b'\n');
                (Kind::String, end.map_or(rest.len(), |end| end + 2))
            }
            b'0'..=b'9' | b'-' => {
                (Kind::Number, while_it_is(|byte| byte.is_ascii_digit() || b"+-.eE_".contains(&byte)))
            }
            byte if byte.is_ascii_alphabetic() || byte >= 0x80 => {
                (Kind::Word, while_it_is(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80))
            }
            byte if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            _ => (Kind::Mark, 1),
        };
        tokens.push((kind, at..at + length));
        at += length;
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_numbers_strings_words_and_marks() {
        let text = b"key = -1e5 # \"a b\"";
        let found: Vec<(Kind, &[u8])> =
            split(text).into_iter().map(|(kind, range)| (kind, &text[range])).collect();
        assert_eq!(
            found,
            [
                (Kind::Word, &b"key"[..]),
                (Kind::Mark, b"="),
                (Kind::Number, b"-1e5"),
                (Kind::Mark, b"#"),
                (Kind::String, b"\"a b\"")
            ]
        );
        assert_eq!(split(b"\"open").len(), 1);
    }
}
