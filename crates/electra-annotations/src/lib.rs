//! Annotated named entities: reading files of tagged sentences, converting tagging schemes, checking a
//! data set, and scoring predictions as `conlleval` and seqeval do.
//!
//! Nothing here needs a model. Predictions of any tagger are scored in three lines, once they stand in
//! a file of `token gold predicted` lines, as the `conlleval` script reads it:
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("predictions.conll");
//! # std::fs::write(&path, "Angela B-PER B-PER\nMerkel I-PER I-PER\nvisited O O\nParis B-LOC B-ORG\n. O O\n")?;
//! use electra_annotations::{EvaluationSettings, Predictions, evaluate};
//!
//! let predictions = Predictions::read(&path, None)?;
//! let evaluation = evaluate(&[predictions], None, EvaluationSettings::default())?;
//! println!("{evaluation}"); // precision, recall and F1 of every type, an interval, what went wrong
//! assert_eq!(evaluation.scores().micro.f1, 0.5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to | use |
//! |---|---|
//! | read a file of any form and scheme, or an export of a tool | [`read`], [`ReadOptions`], [`DataFile`] |
//! | convert it to the format of another tool, whole or divided | [`convert`], [`format_names`], [`Conversion`], [`SplitPlan`] |
//! | read train, dev and test together | [`Split`], [`Splits`], [`Overlap`] |
//! | hold and walk sentences | [`Sentences`], [`SentenceView`], [`TagSequences`] |
//! | convert and check tags | [`Scheme`], [`detect_scheme`], [`to_iob2`], [`from_iob2`], [`violations`] |
//! | number the labels of a tagger | [`LabelSet`], [`LabelScheme`] |
//! | look a data set over before training | [`check()`], [`CheckReport`] |
//! | find labels that may be wrong | [`suspected_words`], [`Folds`] |
//! | divide plain text into words and sentences | [`words()`], [`RawSentences`] |
//! | align words with the pieces of a tokenizer | [`Aligner`] |
//! | read and write predictions | [`Predictions`], [`Gold`] |
//! | score | [`evaluate`], [`Comparison`], [`Scores`], [`paired_bootstrap`] |
//!
//! # What it never does
//!
//! It loads no model and depends on no tensor library, prints nothing, and opens no connection. It
//! never changes a file that it reads, and guesses no tag: what leaves the tag of a token open is an
//! error with file and line. The one thing it writes is a file of predictions, whole or not at all.
//! The feature `parquet` reads Parquet.

// Files are written by electra-files alone.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]
#![warn(unreachable_pub)]

mod align;
mod check;
mod folds;
mod labels;
mod metrics;
mod overlap;
mod predictions;
mod read;
mod scheme;
mod sentence;
mod sentences;
mod splits;
mod words;

pub use align::{AlignedSentence, Aligner, coverage};
pub use check::{
    CheckOptions, CheckReport, CheckedSplit, Drift, Duplicates, Leak, LongSentence, Measure, SplitReport,
    SplitRole, SuspectedWord, TooLong, TypeShare, check, suspected_words,
};
pub use folds::{Folds, TooFewSentences};
pub use labels::{LabelError, LabelScheme, LabelSet};
pub use metrics::{
    Average, Bootstrap, Comparison, Confusion, Counts, Credit, Credits, Difference, ErrorClass, ErrorClasses,
    Evaluation, EvaluationError, EvaluationSettings, Interval, Match, MetricsError, Mode, NotInScheme,
    PartialCredit, PrecisionRecall, Recall, Reliability, ReliabilityBin, ScoredEntity, Scores, SeenEntities,
    SeenRecall, SentenceSpans, Slice, SliceBy, Slices, StrictScheme, ThresholdCounts, TypeScores, Unit,
    Units, evaluate, f1_interval, paired_bootstrap, percent_of, spans,
};
pub use overlap::{Overlap, overlap_warnings};
pub use predictions::{
    Gold, PredictionForm, PredictionPlace, Predictions, PredictionsError, check_writable_tags,
};
pub use read::{
    Answers, Conversion, ConvertedPart, DataFile, DocumentNumbers, Encoding, ExportedTexts, Format,
    FormatName, InvalidTransition, InvalidTransitions, MAX_LINE_BYTES, MisalignedSpan, Misalignment,
    NoShares, OffsetEvidence, OffsetUse, Offsets, PassedOver, ReadError, ReadOptions, RecordPlace, Separator,
    Source, SplitPlan, SplitUnit, WrittenFile, convert, document_name, exported_texts, format_names,
    is_named_columns, is_named_json, read, read_as_written,
};
pub use scheme::{
    Scheme, SchemeError, TagPlace, TagRole, UnknownTag, Violation, detect_scheme, from_iob2, to_iob2,
    violations,
};
pub use sentence::{LeftOut, Sentence, Span};
pub use sentences::{SentenceView, Sentences, TagSequences, Tags};
pub use splits::{Split, SplitFacts, Splits};
pub use words::{
    Division, LineBreaks, MAX_SENTENCE_BYTES, MAX_SENTENCE_WORDS, RawSentence, RawSentences,
    SentenceDivision, SentenceSettings, TextError, Word, WordDivision, Words, divide, division_of_record,
    trimmed, without_unseen, words,
};
