//! `electra check ner`: what is wrong with a data set.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use electra_annotations::{CheckOptions, CheckReport, CheckedSplit, Measure, SplitRole, check, read};
use electra_files::durable;
use electra_ner::{Precision, SentenceTagger, TaggerFolder};
use electra_text::Tokenizer;
use electra_train::encoder_init::EncoderInit;
use serde::Serialize;

use super::findings;
use super::folds::{CrossValidation, FoldOptions};
use super::suspects::{self, JudgedWords, SuspectedStretch};
use crate::commands::finetune::ModelArgument;
use crate::commands::predict::of_predictor;
use crate::commands::pretrain::report_interruption;
use crate::commands::reading::ReadArguments;
use crate::device::use_threads;
use crate::failure::Failure;
use crate::hub;
use crate::output;

/// Window of the default recipe of fine-tuning.
const DEFAULT_WINDOW: usize = 128;

/// The caveat about a tagger that may have learned from the sentences that it judges.
const LEARNED: &str = "A tagger that has learned from these sentences has learned their mistakes as well: take one that has not, or \
     a pretrained model with --folds 5.\n";

/// Look labelled sentences over: schemes, types, invalid tags, lengths, duplicates, leaks between files
#[derive(Args)]
#[command(after_help = "Examples:
  electra check ner train.conll dev.conll test.conll
  electra check ner --train a.jsonl.gz --test b.jsonl.gz \\
    --tokenizer runs/tiny/tokenizer
  electra check ner train.conll dev.conll --model runs/tiny
  electra check ner dev.conll --model runs/wnut17/best --page suspects.html
  electra check ner train.conll --model runs/tiny --folds 5 --out runs/folds
  electra check ner old.txt --encoding cp1252 --json \\
    | jq .splits[0].invalid_transitions

Files are columns (a token and its tag a line, blank lines between sentences), JSON lines with \"tokens\" \
and \"ner_tags\", JSON lines with \"text\" and \"spans\", each also .gz, .zst, .xz or .bz2, or what annotation tools \
export (electra convert ner --help lists them). What FILES are for is \
told by their names: train, dev (valid, testa) or test (testb) as a word of its own.

If --model is a tagger, labels that it holds for improbable are listed, the most suspect first, by confident \
learning (Northcutt et al. 2021): a label is suspected where another one has at least the probability that it has \
on average at the words which carry it. That says something of sentences from which the tagger has not learned.

--folds N judges the labels of all files together, training data included: they are divided into N folds by \
documents (by sentences where there are fewer documents), and --model is fine-tuned for each fold on the others, \
of which a tenth chooses the epoch. Ctrl-C saves and exits with 75; the same command goes on.")]
pub struct CheckNer {
    /// Files, named after what they are for
    #[arg(value_name = "FILES", required_unless_present_any = ["train", "dev", "test"])]
    files: Vec<PathBuf>,
    /// File to train on; may be repeated
    #[arg(long, value_name = "F")]
    train: Vec<PathBuf>,
    /// File to choose by; may be repeated
    #[arg(long, value_name = "F")]
    dev: Vec<PathBuf>,
    /// File to report; may be repeated
    #[arg(long, value_name = "F")]
    test: Vec<PathBuf>,
    /// Positions of the model, `[CLS]` and `[SEP]` included [default: 128, or those of --model if it has fewer]
    #[arg(long, value_name = "N")]
    window: Option<usize>,
    /// Measure in the pieces of this model: a run, a folder of transformers, a name on the Hub, or
    /// scratch:RUN; of a tagger, also list the labels that it holds for improbable
    #[arg(
        long,
        value_name = "RUN|DIR|NAME",
        conflicts_with = "tokenizer",
        value_parser = OsStringValueParser::new().try_map(|text| ModelArgument::read(&text))
    )]
    model: Option<ModelArgument>,
    /// Measure lengths in this tokenizer's pieces, not in words: its folder, a tokenizer.json or a vocab.txt
    #[arg(long, value_name = "DIR|NAME")]
    tokenizer: Option<PathBuf>,
    /// Number of longest sentences to show
    #[arg(long, value_name = "N", default_value_t = 3)]
    longest: usize,
    /// Number of places to name for each finding; --json names all
    #[arg(long, value_name = "N", default_value_t = 5)]
    places: usize,
    /// Write a page with the sentences whose labels a tagger suspects
    #[arg(long, value_name = "FILE", requires = "model")]
    page: Option<PathBuf>,
    /// Write the probability of each label at each word, a line of JSON for each sentence
    #[arg(long, value_name = "FILE", requires = "model")]
    probabilities: Option<PathBuf>,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    folds: FoldOptions,
    #[command(flatten)]
    reading: ReadArguments,
}

/// The JSON output.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    report: CheckReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    suspects: Option<Vec<SuspectedStretch>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cross_validation: Option<CrossValidation>,
}

impl CheckNer {
    /// Runs the command.
    ///
    /// # Errors
    /// If a file cannot be read for sure.
    pub fn run(mut self) -> Result<ExitCode, Failure> {
        let options = self.reading.options();
        self.model = self.model.take().map(ModelArgument::found).transpose()?;
        self.folds.check()?;
        let start = self.model.as_ref().map(|model| model.open(None)).transpose()?;
        let alone = self.tokenizer.as_deref().map(hub::tokenizer).transpose()?;
        let alone = alone.map(|path| Tokenizer::load_named(&path, None)).transpose()?;
        let tokenizer = start.as_ref().map(EncoderInit::tokenizer).or(alone.as_ref());
        let positions = start.as_ref().map_or(DEFAULT_WINDOW, |start| start.config().max_position_embeddings);
        let window = self.window.unwrap_or(positions.min(DEFAULT_WINDOW));
        let splits = self
            .named()?
            .into_iter()
            .map(|(name, role, path)| read(&path, &options).map(|data| CheckedSplit { name, role, data }))
            .collect::<Result<Vec<_>, _>>()?;
        let measure = tokenizer.map_or(Measure::Words, Measure::Pieces);
        let report = check(&splits, &CheckOptions { window, measure, longest: self.longest });
        let (judged, cross_validation) = match (&start, self.folds.are_given()) {
            (Some(start), true) => match self.folds.judge(start, &splits)? {
                Some((judged, how)) => (Some(vec![judged]), Some(how)),
                None => return Ok(report_interruption(self.folds.display())),
            },
            _ => {
                let by = |tagger: &SentenceTagger| {
                    splits.iter().map(|split| JudgedWords::by(tagger, split)).collect()
                };
                (self.tagger()?.as_ref().map(by), None)
            }
        };
        let suspects = judged.as_deref().map(suspects::suspects);
        if let (Some(path), Some(suspects), Some(start)) = (&self.page, &suspects, &start) {
            let by = start.path().display();
            let title = match &cross_validation {
                Some(_) => format!("Suspected labels by cross-validation of {by}"),
                None => format!("Suspected labels by {by}"),
            };
            durable::write(path, suspects::page(suspects, &title).as_bytes())
                .map_err(|error| Failure::of_file("write", path, &error))?;
        }
        if let (Some(path), Some(judged)) = (&self.probabilities, &judged) {
            suspects::write_probabilities(path, judged)
                .map_err(|error| Failure::of_file("write", path, &error))?;
        }
        if self.json {
            let report = Report { report, suspects, cross_validation };
            output::json_out(&report).map_err(Failure::of_json)?;
        } else {
            print!("{}", findings::text(&report, self.places));
            if let Some(suspects) = &suspects {
                let caveat = cross_validation.map_or_else(|| LEARNED.to_owned(), |how| how.caveat());
                print!("{}{caveat}", suspects::text(suspects, self.places));
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The tagger, if the model is one.
    ///
    /// # Errors
    /// A model that is none where its judgement is asked for, or a device that cannot be used.
    fn tagger(&self) -> Result<Option<SentenceTagger>, Failure> {
        let asked = [("--page", &self.page), ("--probabilities", &self.probabilities)];
        let asked = asked.into_iter().find(|(_, path)| path.is_some()).map(|(option, _)| option);
        let path = match (&self.model, asked) {
            (Some(ModelArgument::Folder(path)), _) => path,
            (_, Some(option)) => {
                return Err(Failure::new(
                    format!("{option} is about what a tagger suspects"),
                    "name a tagger with --model, or a pretrained model with --model and --folds 5",
                ));
            }
            (_, None) => return Ok(None),
        };
        match TaggerFolder::open(path) {
            Ok(folder) => {
                use_threads(self.folds.with.threads)?;
                let device = self.folds.with.device.open()?;
                Ok(Some(SentenceTagger::new(&folder, &device, Precision::F32).map_err(of_predictor)?))
            }
            Err(error) if asked.is_some() => Err(error.into()),
            // A model that lengths are measured in alone.
            Err(_) => Ok(None),
        }
    }

    /// The files with name and role: those to train on first. A role with one file gives it its name.
    fn named(&self) -> Result<Vec<(String, SplitRole, PathBuf)>, Failure> {
        let given =
            [(&self.train, SplitRole::Train), (&self.dev, SplitRole::Dev), (&self.test, SplitRole::Test)];
        let given = given.into_iter().flat_map(|(paths, role)| paths.iter().map(move |path| (role, path)));
        let mut files: Vec<(SplitRole, &PathBuf)> =
            given.chain(self.files.iter().map(|path| (role_of(path), path))).collect();
        files.sort_by_key(|(role, _)| *role);
        let mut seen = HashSet::new();
        let mut again = |path: &Path| !seen.insert(path.canonicalize().unwrap_or_else(|_| path.to_owned()));
        if let Some((_, path)) = files.iter().find(|(_, path)| again(path)) {
            return Err(Failure::new(
                format!("{} was given twice", path.display()),
                "give every file once; all of it would count as shared between splits",
            ));
        }
        let name = |role, path: &Path| {
            let word = match role {
                SplitRole::Train => Some("train"),
                SplitRole::Dev => Some("dev"),
                SplitRole::Test => Some("test"),
                SplitRole::Unknown => None,
            };
            let alone = files.iter().filter(|(other, _)| *other == role).count() == 1;
            word.filter(|_| alone).map_or_else(|| path.display().to_string(), str::to_owned)
        };
        Ok(files.iter().map(|&(role, path)| (name(role, path), role, path.clone())).collect())
    }
}

/// The split that a file belongs to, by the words of its name.
fn role_of(path: &Path) -> SplitRole {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let is = |words: &[&str]| name.split(|c: char| !c.is_alphabetic()).any(|word| words.contains(&word));
    if is(&["train", "training"]) {
        SplitRole::Train
    } else if is(&["dev", "devel", "development", "val", "valid", "validation", "testa"]) {
        SplitRole::Dev
    } else if is(&["test", "testb"]) {
        SplitRole::Test
    } else {
        SplitRole::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_files_are_for() {
        for (name, role) in [
            ("train/wnut17train.conll", SplitRole::Train),
            ("emerging.dev.conll", SplitRole::Dev),
            ("da_ddt-ud-valid.iob2.gz", SplitRole::Dev),
            ("eng.testa", SplitRole::Dev),
            ("eng.testb", SplitRole::Test),
            ("emerging.test.annotated", SplitRole::Test),
            ("train/device_contest.conll", SplitRole::Unknown),
        ] {
            assert_eq!(role_of(Path::new(name)), role, "{name}");
        }
    }
}
