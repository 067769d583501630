//! Options that help against an error of files of text, labelled sentences and predictions.

use std::error::Error;

use electra_annotations::{PredictionsError, ReadError};
use electra_files::shown::shell_word;
use electra_text::build::BuildError;
use electra_text::corpus::{CorpusError, ParquetRemedy};
use electra_text::wordpiece::TrainError as VocabularyError;

/// The advice for an error of corpora, data folders and tokenizers in words of the command line.
pub(super) fn help(error: &(dyn Error + 'static)) -> Option<String> {
    error
        .downcast_ref()
        .and_then(of_corpus)
        .or_else(|| error.downcast_ref().and_then(of_build))
        .map(str::to_owned)
        .or_else(|| error.downcast_ref().and_then(of_vocabulary))
        .or_else(|| error.downcast_ref().and_then(of_sentences))
        .or_else(|| error.downcast_ref().and_then(of_predictions))
}

fn of_corpus(error: &CorpusError) -> Option<&'static str> {
    Some(match error {
        CorpusError::WithoutParquet { .. } => "build it with `cargo build --release --features parquet`",
        CorpusError::UnknownKind { path } if path.as_os_str() == "-" => {
            "say what standard input holds with `--kind`"
        }
        CorpusError::UnknownKind { .. } if cfg!(feature = "parquet") => {
            "give it a name that ends in .txt, .jsonl or .parquet, perhaps followed by .gz, .zst, .xz or .bz2, or in \
             .tar or .zip, or say what it holds with `--kind`"
        }
        CorpusError::UnknownKind { .. } => {
            "give it a name that ends in .txt or .jsonl, perhaps followed by .gz, .zst, .xz or .bz2, or in .tar or \
             .zip, or say what it holds with `--kind`"
        }
        CorpusError::NotUtf8 { .. } => "convert the file, or go on with `--lossy`, which replaces such bytes",
        CorpusError::BadJson { .. } => "mend it, or pass over such records with `--skip-bad-records`",
        CorpusError::LoneSurrogate { .. } => {
            "go on with `--lossy`, which replaces it by U+FFFD, or pass over such records with \
             `--skip-bad-records`"
        }
        CorpusError::LongRecord { .. } => {
            "divide the record, or pass over such records with `--skip-bad-records`"
        }
        CorpusError::MissingField { .. } => {
            "name the right one with `--text-field`, or pass over such records with `--skip-bad-records`"
        }
        CorpusError::NotText { .. } => {
            "name another field with `--text-field`, or pass over such records with `--skip-bad-records`"
        }
        CorpusError::Parquet { remedy: ParquetRemedy::OtherColumn, .. } => {
            "name the right one with `--text-field`"
        }
        CorpusError::Parquet { remedy: ParquetRemedy::ReplaceBytes, .. } => {
            "go on with `--lossy`, which replaces such bytes, or pass over such records with \
             `--skip-bad-records`"
        }
        _ => return None,
    })
}

fn of_build(error: &BuildError) -> Option<&'static str> {
    Some(match error {
        BuildError::NothingHeldOut { .. } => {
            "raise --heldout-fraction, name files with --heldout, or ask for none with --heldout-fraction 0"
        }
        BuildError::NothingToTrainOn { .. } => {
            "give more documents (blank lines divide them, or lines with --documents line), name files with \
             --heldout, or use --heldout-fraction 0"
        }
        BuildError::AllLeftOut { .. } => {
            "give --input other documents, or hold out a share of them with --heldout-fraction"
        }
        BuildError::OutputOccupied { can_be_replaced: true, .. } => {
            "choose another folder or replace it with --force"
        }
        BuildError::TooManyDocuments { .. } => {
            "give more memory with --deduplicate-memory, or divide the corpus"
        }
        BuildError::Threshold { .. } => "give --deduplicate a similarity from 0.7 to 1",
        BuildError::NotAPart { .. } => "`electra data build --part i/n` makes one",
        _ => return None,
    })
}

fn of_vocabulary(error: &VocabularyError) -> Option<String> {
    match error {
        VocabularyError::TooSmall { .. } => Some("ask for more, or lower --character-coverage".to_owned()),
        VocabularyError::TooLarge { supported, too_long, .. } if too_long.exceeds_limit() => Some(format!(
            "raise --max-word-length (the longest word has {} characters), divide long words, or ask for \
             {supported} or fewer",
            too_long.longest
        )),
        VocabularyError::NoRoomForCharacters { had, lacking, .. } => Some(format!(
            "ask for {} or more with --vocab-size, or lower --character-coverage",
            had + lacking
        )),
        VocabularyError::NoWords { too_long } if too_long.words == 0 => {
            Some("give text, or keep accents with --cased or --keep-accents".to_owned())
        }
        VocabularyError::NoWords { too_long } => Some(format!(
            "raise --max-word-length (the longest word has {} characters), or divide words by spaces",
            too_long.longest
        )),
        _ => None,
    }
}

fn of_sentences(error: &ReadError) -> Option<String> {
    let help = match error {
        ReadError::TooManyTags { .. } => "name the column of the tags with `--tag-column`",
        ReadError::NotUtf8 { .. } => {
            "if it is an old file of Western Europe, say so with `--encoding cp1252` or `--encoding latin-1`, \
             else convert it"
        }
        ReadError::NotCp1252 { .. } => "look at the line, and leave `--encoding` out if the file is UTF-8",
        ReadError::Columns { .. } => {
            "correct the line, or describe the file with `--separator`, `--token-column` and `--tag-column`"
        }
        ReadError::SeveralTagColumns { first, second, .. } => {
            return Some(format!("choose it with `--tag-column {first}` or `--tag-column {second}`"));
        }
        ReadError::UnknownTag { .. } => "correct it, or name the column of the tags with `--tag-column`",
        ReadError::NotInScheme { .. } => "correct it, or leave `--scheme` out",
        ReadError::Unnamed { .. } => {
            "give them in order with `--labels O,B-PER,I-PER` and so on, or put the `dataset_info.json` of the data \
             set beside the file"
        }
        ReadError::InRecord { reason, .. } => return of_sentences(reason),
        ReadError::UnknownAnnotator { .. } => "choose one of them with `--annotator`",
        ReadError::Folder { path, .. } => {
            let folder = shell_word(&path.display().to_string());
            return Some(format!(
                "give one of its files, or make one of them all: electra convert ner {folder} --to spans --out all.jsonl"
            ));
        }
        ReadError::SeveralAnnotators { .. } => "choose whose work counts with `--annotator`",
        ReadError::OffsetUnits { .. } => {
            "say what the tool counts with `--offsets`: nothing in the file tells (JavaScript counts `utf-16`, Python \
             `code-points`)"
        }
        ReadError::UnknownNumber { .. } => "complete `--labels`",
        ReadError::Misaligned { .. } => "correct them, or leave them out with `--skip-misaligned`",
        _ => return None,
    };
    Some(help.to_owned())
}

fn of_predictions(error: &PredictionsError) -> Option<String> {
    let help = match error {
        PredictionsError::Form { .. } => {
            "give columns with a token first and with the gold and the predicted tag last, or with `--gold` columns \
             or JSON lines with the predicted tag alone (`--pred-column` names its column)"
        }
        PredictionsError::NoGold { .. } => {
            "name the gold file with `--gold`, or give three columns: token, gold, predicted"
        }
        PredictionsError::OtherGold { .. } => {
            "the predictions were made for another version of the gold file: name the one that counts with `--gold`"
        }
        _ => return None,
    };
    Some(help.to_owned())
}
