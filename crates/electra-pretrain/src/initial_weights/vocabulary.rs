//! Comparison of vocabularies, and the rows that tables begin with.

use std::path::Path;

use electra_model::warm_start::RowStart;
use electra_text::Tokenizer;

use super::error::InitialWeightsError as E;
use crate::tokenizer_difference::Difference;

/// Refuses a tokenizer, that of `path`, which does not begin with all pieces of the weights' own, that of `of`.
///
/// # Errors
/// The first piece or setting that differs.
pub(super) fn check(new: (&Path, &Tokenizer), weights: (&Path, &Tokenizer)) -> Result<(), E> {
    let ((path, new), (of, old)) = (new, weights);
    let (path, of) = (path.to_owned(), of.to_owned());
    match Difference::of(old, new) {
        Difference::Setting { name: setting, first: expected, other: found } => {
            Err(E::Normaliser { path, of, setting, found, expected })
        }
        Difference::Piece { id, first: expected, other: found } => {
            Err(E::Pieces { path, of, id, found, expected })
        }
        Difference::Length { first: expected, other: found } if found < expected => {
            Err(E::FewerPieces { path, of, found, expected })
        }
        Difference::Length { .. } | Difference::None => Ok(()),
    }
}

/// The start of each of `rows` rows of a table over the vocabulary of `new`, from tables of `old_rows` rows over
/// that of `old`, with which it begins: of a piece that is new the mean of those that it was divided into.
pub(super) fn rows(new: &Tokenizer, old: &Tokenizer, old_rows: usize, rows: usize) -> Vec<RowStart> {
    let unknown = old.vocabulary().special().unk;
    let start = |row: usize| {
        let piece = new.vocabulary().piece(row as u32);
        match piece.filter(|_| row >= old.vocab_size()).map(|piece| old.divide(piece)) {
            Some(divided) if divided == [unknown] => RowStart::Unknown(unknown),
            Some(divided) => RowStart::Mean(divided),
            None if row < old_rows => RowStart::Copied(row),
            None => RowStart::Fresh,
        }
    };
    (0..rows).map(start).collect()
}
