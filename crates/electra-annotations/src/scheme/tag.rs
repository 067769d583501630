//! One tag: a letter and a type.

/// A tag of no scheme.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error(
    "token {token} has the tag {tag:?}, expected O, or one of the letters B I E S L U M, a dash and a type"
)]
pub struct UnknownTag {
    /// Which token of the sentence, from 0.
    pub token: usize,
    /// The tag as it is written.
    pub tag: String,
}

/// Position of a token within an entity: what the letter of a tag says, whatever the scheme calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagRole {
    /// The token belongs to no entity.
    Outside,
    /// First token of an entity of several.
    Begin,
    /// Neither its first token nor, where the scheme marks it, its last.
    Inside,
    /// Last token of an entity of several.
    End,
    /// Only token of an entity.
    Single,
}

/// A tag, taken apart. `O` has an empty type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag<'a> {
    pub letter: char,
    pub kind: &'a str,
}

impl Tag<'_> {
    pub(crate) fn role(self) -> TagRole {
        match self.letter {
            'O' => TagRole::Outside,
            'B' => TagRole::Begin,
            'I' | 'M' => TagRole::Inside,
            'E' | 'L' => TagRole::End,
            'S' | 'U' => TagRole::Single,
            other => unreachable!("{other} was let through as the letter of a tag"),
        }
    }
}

/// Takes a tag apart; `None` if it is of no scheme.
pub(crate) fn parse(tag: &str) -> Option<Tag<'_>> {
    if tag == "O" {
        return Some(Tag { letter: 'O', kind: "" });
    }
    let letter = tag.chars().next().filter(|letter| "BIESLUM".contains(*letter))?;
    let rest = &tag[letter.len_utf8()..];
    let kind = if rest.is_empty() { rest } else { rest.strip_prefix('-')? };
    Some(Tag { letter, kind: if kind.is_empty() { "_" } else { kind } })
}

/// Whether a column with this in it may hold tags: a tag, or one with an unknown letter.
pub(crate) fn looks_like_tag(cell: &str) -> bool {
    let mut characters = cell.chars();
    let letter = characters.next().is_some_and(|letter| letter.is_ascii_uppercase());
    parse(cell).is_some() || letter && characters.next() == Some('-') && characters.next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_all_behind_the_first_dash() {
        let kind = |tag| parse(tag).map(|tag| (tag.letter, tag.kind));
        assert_eq!(kind("B-GPE-LOC"), Some(('B', "GPE-LOC")));
        assert_eq!(kind("E-creative work"), Some(('E', "creative work")));
        assert_eq!([kind("B"), kind("B-")], [Some(('B', "_")); 2]);
        assert_eq!(kind("O"), Some(('O', "")));
        for unknown in ["", "o", "b-PER", "PER", "Q-PER", "O-PER", "BPER", "B_PER", "-"] {
            assert_eq!(kind(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn an_unknown_letter_still_looks_like_a_tag_and_an_address_does_not() {
        for tag in ["O", "B-PER", "Q-PER", "S"] {
            assert!(looks_like_tag(tag), "{tag}");
        }
        for other in ["-", "-X-", "NNP", "http://de.x-y.org", "Jean-Paul", "12", ""] {
            assert!(!looks_like_tag(other), "{other}");
        }
    }
}
