//! The first difference of two tokenizers, which a mixture and weights to begin with must not have.

use electra_text::Tokenizer;

/// The first difference of two tokenizers.
pub(crate) enum Difference {
    /// A setting of the normaliser.
    Setting { name: &'static str, first: bool, other: bool },
    /// A piece with an id that both have.
    Piece { id: u32, first: String, other: String },
    /// The number of pieces, of which all that both have are the same.
    Length { first: usize, other: usize },
    /// None of settings and pieces.
    None,
}

impl Difference {
    /// The first difference of two tokenizers: settings, then pieces, then their number.
    pub(crate) fn of(first: &Tokenizer, other: &Tokenizer) -> Self {
        let settings = |tokenizer: &Tokenizer| {
            let settings = tokenizer.settings();
            [
                ("lower-casing", settings.lowercase),
                ("stripping of accents", settings.strip_accents),
                ("cleaning of text", settings.clean_text),
                ("division of CJK", settings.split_cjk),
            ]
        };
        for ((name, first), (_, other)) in settings(first).into_iter().zip(settings(other)) {
            if first != other {
                return Difference::Setting { name, first, other };
            }
        }
        let sizes = [first, other].map(Tokenizer::vocab_size);
        let [first_piece, other_piece] =
            [first, other].map(|tokenizer| |id| tokenizer.vocabulary().piece(id));
        let both = sizes[0].min(sizes[1]) as u32;
        if let Some(id) = (0..both).find(|&id| first_piece(id) != other_piece(id)) {
            let quoted =
                |piece: Option<&str>| piece.map_or("no piece".to_owned(), |piece| format!("{piece:?}"));
            return Difference::Piece { id, first: quoted(first_piece(id)), other: quoted(other_piece(id)) };
        }
        match sizes {
            [first, other] if first != other => Difference::Length { first, other },
            _ => Difference::None,
        }
    }
}
