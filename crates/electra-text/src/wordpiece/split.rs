//! Division of a piece that a vocabulary lacks into those that it has.

use super::tokenizer::Tokenizer;
use crate::vocab::CONTINUATION;

impl Tokenizer {
    /// The ids of the pieces that words with `piece` in them are divided into there: the longest piece first, and
    /// so on, as WordPiece divides a word; `##` at its start says that it goes on with a word. `[UNK]` alone where
    /// that leads nowhere, as with a character that the vocabulary lacks.
    pub fn divide(&self, piece: &str) -> Vec<u32> {
        let (mut rest, mut continues) = match piece.strip_prefix(CONTINUATION) {
            Some(rest) if !rest.is_empty() => (rest, true),
            _ => (piece, false),
        };
        let mut ids = Vec::new();
        while !rest.is_empty() {
            let prefix = if continues { CONTINUATION } else { "" };
            let ends = rest.char_indices().map(|(at, c)| at + c.len_utf8()).rev();
            let longest = ends.into_iter().find_map(|end| {
                let id = self.vocabulary().id(&format!("{prefix}{}", &rest[..end]))?;
                Some((id, end))
            });
            let Some((id, end)) = longest else { return vec![self.special().unk] };
            ids.push(id);
            (rest, continues) = (&rest[end..], true);
        }
        if ids.is_empty() { vec![self.special().unk] } else { ids }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::vocab::{SPECIAL_TOKENS, Vocabulary};
    use crate::wordpiece::Settings;

    #[test]
    fn a_piece_is_divided_as_within_a_word() {
        let pieces =
            SPECIAL_TOKENS.into_iter().chain(["hepat", "he", "##itis", "##it", "##is", "##i", "##s"]);
        let vocabulary = Vocabulary::new(pieces.map(str::to_owned).collect(), Path::new("v")).unwrap();
        let tokenizer = Tokenizer::new(vocabulary, Settings::UNCASED);
        let divided = |piece: &str| tokenizer.pieces(tokenizer.divide(piece)).collect::<Vec<_>>().join(" ");
        assert_eq!(divided("hepatitis"), "hepat ##itis");
        assert_eq!(divided("##itis"), "##itis");
        assert_eq!(divided("##itisis"), "##itis ##is");
        // Longest first, without a way back: as in a word.
        assert_eq!(divided("##itsx"), "[UNK]");
        assert_eq!(divided("itis"), "[UNK]");
        assert_eq!(divided("##"), "[UNK]");
        assert_eq!(divided(""), "[UNK]");
    }
}
