//! Comparison of vocabularies, and the rows that tables begin with.

use std::path::Path;

use electra_model::warm_start::RowStart;
use electra_text::Tokenizer;

use super::error::InitialWeightsError as E;

/// Refuses a tokenizer, that of `path`, which does not begin with all pieces of the weights' own, that of `of`.
///
/// # Errors
/// The first piece or setting that differs.
pub(super) fn check(new: (&Path, &Tokenizer), weights: (&Path, &Tokenizer)) -> Result<(), E> {
    let ((path, new), (of, old)) = (new, weights);
    let settings = |tokenizer: &Tokenizer| {
        let settings = tokenizer.settings();
        [
            ("lower-casing", settings.lowercase),
            ("stripping of accents", settings.strip_accents),
            ("cleaning of text", settings.clean_text),
            ("division of CJK", settings.split_cjk),
        ]
    };
    for ((setting, found), (_, expected)) in settings(new).into_iter().zip(settings(old)) {
        if found != expected {
            let (path, of) = (path.to_owned(), of.to_owned());
            return Err(E::Normaliser { path, of, setting, found, expected });
        }
    }
    let both = new.vocab_size().min(old.vocab_size()) as u32;
    let [new_piece, old_piece] = [new, old].map(|tokenizer| |id| tokenizer.vocabulary().piece(id));
    if let Some(id) = (0..both).find(|&id| new_piece(id) != old_piece(id)) {
        let quoted = |piece: Option<&str>| piece.map_or("no piece".to_owned(), |piece| format!("{piece:?}"));
        let [found, expected] = [quoted(new_piece(id)), quoted(old_piece(id))];
        return Err(E::Pieces { path: path.to_owned(), of: of.to_owned(), id, found, expected });
    }
    let (found, expected) = (new.vocab_size(), old.vocab_size());
    if found < expected {
        return Err(E::FewerPieces { path: path.to_owned(), of: of.to_owned(), found, expected });
    }
    Ok(())
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
