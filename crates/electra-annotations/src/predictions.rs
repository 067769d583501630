//! Predictions as files of columns: `token gold predicted`, as the `conlleval` script reads them.
//!
//! One token a line, a blank line behind each sentence, one space between columns. White space and
//! control characters within a token or tag are written as `_`, and so are the hyphens of the tokens `-X-`,
//! `-DOCSTART-` and `-LEFT-OUT-`: the script takes the first for a boundary that needs no tag, readers take
//! the second for the beginning of a document, and the third is ours.
//!
//! Where the data say where documents begin, `-DOCSTART- O O` stands before each. A gold entity that no tags
//! say is a line `-LEFT-OUT- B-TYPE O` in a block of its own behind its sentence: here it is no token, and
//! every other program counts an entity that was missed, which is what it is.
//!
//! Files of tokens with one tag are read as well, in whatever form labelled files have, so that other
//! tools' predictions can be scored.

mod agreement;
mod error;
mod gold;
mod written;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;

use electra_files::{durable, regular};
use electra_text::corpus::CorpusError;

use crate::read::{PredictedFile, ReadError, ReadOptions, TokenLines, WrittenFile, read_predictions};
use crate::scheme::Scheme;
use crate::sentences::{Tags, packed};
use crate::{LeftOut, SentenceView, Sentences, TagSequences};

pub use error::{PredictionPlace, PredictionsError};
pub use gold::Gold;

use agreement::{different_tags, same_entities, same_tokens};
use written::{DOCUMENT_START, LEFT_OUT, safe};

/// Predictions: sentences with their gold tags and their predicted tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predictions {
    /// Tokens and gold tags.
    pub sentences: Sentences,
    /// Scheme of the gold tags.
    pub gold_scheme: Scheme,
    /// A tag for each token.
    pub predicted: TagSequences,
    /// Scheme of the predicted tags.
    pub predicted_scheme: Scheme,
    /// Gold entities that no tags say.
    pub left_out: Vec<LeftOut>,
    /// Tags of the gold column beside the predictions that are others than the gold tags from elsewhere;
    /// none where there are not both.
    pub other_gold: Option<usize>,
    /// The line of each predicted tag.
    lines: TokenLines,
}

/// Form of a file of predictions: its column, and what is known of it otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct PredictionForm<'a> {
    /// Column of the predicted tags, from 1; the last if it is not given.
    pub column: Option<usize>,
    /// Options for reading a file that does not consist of columns: its format, the names of its numbered tags, the unit
    /// of its offsets, its annotator, its words.
    pub options: Option<&'a ReadOptions>,
}

impl Predictions {
    /// The predictions for gold sentences, in IOB2.
    #[must_use]
    pub fn of(gold: Gold<'_>, predicted: TagSequences) -> Self {
        Self {
            sentences: gold.sentences.clone(),
            gold_scheme: gold.scheme,
            predicted,
            predicted_scheme: Scheme::Iob2,
            left_out: gold.left_out.to_vec(),
            other_gold: None,
            lines: TokenLines::Consecutive,
        }
    }

    /// The gold tags that stand beside the predictions of the file at `path`.
    #[must_use]
    pub fn gold<'a>(&'a self, path: &'a Path) -> Gold<'a> {
        Gold {
            path,
            sentences: &self.sentences,
            scheme: self.gold_scheme,
            left_out: &self.left_out,
            lines: &self.lines,
        }
    }

    /// The line of a predicted tag in the file it is from.
    #[must_use]
    pub fn line(&self, sentence: usize, token: usize) -> usize {
        self.lines.of(&self.sentences, sentence, token)
    }

    /// Writes `token gold predicted` lines, so that a crash leaves the old file or the new one.
    ///
    /// # Errors
    /// If the file cannot be written, or two different tags would look the same in it.
    ///
    /// # Panics
    /// If there is not one predicted tag for each token.
    pub fn write(&self, path: &Path) -> Result<(), PredictionsError> {
        let Predictions { sentences, predicted, left_out, .. } = self;
        assert_eq!(sentences.len(), predicted.len(), "predictions of other sentences");
        let beginnings: Vec<String> =
            left_out.iter().map(|left_out| format!("B-{}", left_out.kind)).collect();
        let tags = sentences.tags().names().chain(predicted.names());
        check_writable_tags(path, tags.chain(beginnings.iter().map(String::as_str)))?;
        let mut lines = Vec::new();
        write_lines(&mut lines, self)
            .and_then(|()| durable::write(path, &lines))
            .map_err(|source| PredictionsError::Write { path: path.to_owned(), source })
    }

    /// Reads the predictions in the folder of a run, as [`read`](Self::read) does, from a regular file: a
    /// named pipe there would be waited for without end.
    ///
    /// # Errors
    /// As [`read`](Self::read), and for anything else than a regular file.
    pub fn read_of_run(path: &Path, gold: Option<Gold<'_>>) -> Result<Self, PredictionsError> {
        match regular::open(path) {
            Ok(_) => Self::read(path, gold),
            Err(source) => Err(CorpusError::Read { path: path.to_owned(), source }.into()),
        }
    }

    /// Reads predictions and holds them against `gold`, if there is any.
    ///
    /// Predicted tags stand in the last column, and gold tags in the one before: their entities must be those
    /// of `gold`, while both may be of another scheme. Without gold tags in the file, `gold` is needed. The
    /// tokens must be those of `gold`, and so are the sentences that are returned.
    ///
    /// # Errors
    /// If the file cannot be read, or for the first place where file and gold differ.
    pub fn read(path: &Path, gold: Option<Gold<'_>>) -> Result<Self, PredictionsError> {
        match gold {
            Some(gold) => Self::read_agreeing(path, gold, PredictionForm::default()),
            None => Self::read_as(path, None, PredictionForm::default()),
        }
    }

    /// Reads predictions of this form, whose own gold entities, if there are any, must be those of `gold`.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_agreeing(
        path: &Path,
        gold: Gold<'_>,
        form: PredictionForm<'_>,
    ) -> Result<Self, PredictionsError> {
        let (predictions, beside) = read_with(path, Some(gold), form)?;
        if let Some(beside) = beside {
            same_entities(path, &beside, gold)?;
        }
        Ok(predictions)
    }

    /// Reads predictions of this form and holds them against `gold`, which wins over a gold column in the file.
    ///
    /// # Errors
    /// As [`read`](Self::read), apart from other gold tags.
    pub fn read_as(
        path: &Path,
        gold: Option<Gold<'_>>,
        form: PredictionForm<'_>,
    ) -> Result<Self, PredictionsError> {
        Ok(read_with(path, gold, form)?.0)
    }
}

/// Refuses different tags that would look the same in a file of predictions; `path` is theirs.
///
/// # Errors
/// The first two such tags.
pub fn check_writable_tags<'a>(
    path: &Path,
    tags: impl Iterator<Item = &'a str>,
) -> Result<(), PredictionsError> {
    let mut written: BTreeMap<String, &str> = BTreeMap::new();
    for tag in tags {
        let earlier = written.entry(safe(tag).into_owned()).or_insert(tag);
        if *earlier != tag {
            return Err(PredictionsError::SameWhenWritten {
                path: path.to_owned(),
                first: (*earlier).to_owned(),
                second: tag.to_owned(),
            });
        }
    }
    Ok(())
}

fn write_lines(out: &mut impl Write, predictions: &Predictions) -> io::Result<()> {
    let Predictions { sentences, predicted, left_out, .. } = predictions;
    let document_of = |sentence: Option<SentenceView<'_>>| sentence.map(|sentence| sentence.document);
    let marks_documents = document_of(sentences.iter().next()) != document_of(sentences.iter().next_back());
    // By sentence: looking through all for each sentence takes their product.
    let mut left_out: Vec<&LeftOut> = left_out.iter().collect();
    left_out.sort_by_key(|left_out| left_out.sentence);
    let mut document = None;
    for (index, (sentence, predicted)) in sentences.iter().zip(predicted.iter()).enumerate() {
        if marks_documents && document.replace(sentence.document) != Some(sentence.document) {
            writeln!(out, "{DOCUMENT_START} O O\n")?;
        }
        assert_eq!(sentence.len(), predicted.len(), "one predicted tag for each token");
        for ((token, gold), predicted) in sentence.tokens().zip(sentence.tags()).zip(predicted) {
            writeln!(out, "{} {} {}", safe(token), safe(gold), safe(predicted))?;
        }
        writeln!(out)?;
        let first = left_out.partition_point(|left_out| left_out.sentence < index);
        let here = &left_out[first..];
        let here = &here[..here.partition_point(|left_out| left_out.sentence == index)];
        if !here.is_empty() {
            for LeftOut { kind, .. } in here {
                writeln!(out, "{LEFT_OUT} B-{} O", safe(kind))?;
            }
            writeln!(out)?;
        }
    }
    Ok(())
}

/// With the gold column of the file.
fn read_with(
    path: &Path,
    gold: Option<Gold<'_>>,
    form: PredictionForm<'_>,
) -> Result<(Predictions, Option<WrittenFile>), PredictionsError> {
    let default = ReadOptions::default();
    let file = read_predictions(path, form.column, form.options.unwrap_or(&default), gold.is_some());
    let file = file.map_err(|source| match source {
        ReadError::Content(source) => PredictionsError::Content(source),
        size @ (ReadError::Device { .. } | ReadError::TooLarge { .. } | ReadError::LongLine { .. }) => {
            PredictionsError::Size(Box::new(size))
        }
        reason => PredictionsError::Form { path: path.to_owned(), reason: Box::new(reason) },
    })?;
    let PredictedFile { predicted, gold: beside } = file;
    let (predicted, _) = without_left_out(predicted);
    let beside = beside.map(without_left_out);
    let predictions = match (gold, &beside) {
        (Some(gold), _) => {
            same_tokens(path, &predicted, gold)?;
            let other_gold = beside.as_ref().map(|(beside, _)| different_tags(beside, gold));
            let names = Names::of(gold);
            let tags = predicted.sentences.tags().iter().map(|tags| names.written_out(tags)).collect();
            let (predicted_scheme, lines) = (predicted.scheme, predicted.lines);
            Predictions { other_gold, predicted_scheme, lines, ..Predictions::of(gold, tags) }
        }
        (None, Some((beside, left_out))) => Predictions {
            sentences: beside.sentences.clone(),
            gold_scheme: beside.scheme,
            predicted: predicted.sentences.tags().clone(),
            predicted_scheme: predicted.scheme,
            left_out: left_out.clone(),
            other_gold: None,
            lines: predicted.lines,
        },
        (None, None) => return Err(PredictionsError::NoGold { path: path.to_owned() }),
    };
    Ok((predictions, beside.map(|(beside, _)| beside)))
}

/// Sentences that are sentences, and the gold entities of the blocks that are none.
fn without_left_out(file: WrittenFile) -> (WrittenFile, Vec<LeftOut>) {
    let is_sentence = |sentence: &SentenceView<'_>| sentence.tokens().any(|token| token != LEFT_OUT);
    if file.sentences.iter().all(|sentence| is_sentence(&sentence)) {
        return (WrittenFile { left_out: Vec::new(), ..file }, Vec::new());
    }
    let (mut left_out, mut kept, mut lines) = (Vec::new(), 0, Vec::new());
    for (number, sentence) in file.sentences.iter().enumerate() {
        if is_sentence(&sentence) {
            kept += 1;
            let line = |token| packed(file.lines.of(&file.sentences, number, token));
            lines.extend((0..sentence.len()).map(line));
        } else {
            let kinds = sentence.tags().iter().filter_map(|tag| tag.split_once('-'));
            let place = usize::saturating_sub(kept, 1);
            left_out.extend(kinds.map(|(_, kind)| LeftOut { sentence: place, kind: kind.to_owned() }));
        }
    }
    let sentences = file.sentences.iter().filter(is_sentence).collect();
    let WrittenFile { path, scheme, .. } = file;
    (WrittenFile { path, scheme, sentences, lines: TokenLines::Each(lines), left_out: Vec::new() }, left_out)
}

/// Types as the gold file has them, by what stands in a file of columns for them.
struct Names<'a> {
    known: BTreeSet<&'a str>,
    written: BTreeMap<Cow<'a, str>, &'a str>,
}

impl<'a> Names<'a> {
    fn of(gold: Gold<'a>) -> Self {
        let tags = gold.sentences.tags().names();
        let known: BTreeSet<&str> = tags.filter_map(|tag| Some(tag.split_once('-')?.1)).collect();
        let written = known.iter().map(|&kind| (safe(kind), kind)).collect();
        Self { known, written }
    }

    /// Tags with the types as the gold file has them.
    fn written_out<'t>(&self, tags: Tags<'t>) -> Vec<Cow<'t, str>> {
        let written_out = |tag: &'t str| {
            let (prefix, kind) = tag.split_once('-')?;
            let name = self.written.get(kind).filter(|_| !self.known.contains(kind))?;
            Some(format!("{prefix}-{name}"))
        };
        tags.iter().map(|tag| written_out(tag).map_or(Cow::Borrowed(tag), Cow::Owned)).collect()
    }
}
