//! `electra predict`: entities in text of any length.

mod conll;
mod division;
#[cfg(test)]
mod example;
mod export;
mod html;
mod input;
mod json;
mod scores;
mod sink;
mod text;
mod writer;

use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::ValueEnum;
use electra_annotations::LabelSet;
use electra_files::disk::is_same_file;
use electra_files::shown::on_terminal;
use electra_ner::{
    Decoding, Documents, MinScores, PredictError, PredictSettings, PredictionSummary, Predictor,
    PredictorError, TaggerFolder, Tail, TextForm,
};
use electra_run::record::thousands;
use electra_train::layout::{CALIBRATION, TAGGER_SETTINGS};

use super::data::warnings::unknown;
use crate::device::{self, DeviceName, Precision, use_threads};
use crate::failure::Failure;
use crate::hub;
use crate::output;

use division::{Breaks, SentencesBy, TextDivision, WordsBy};
use scores::MinScoreArgument;
use sink::Sink;
use writer::Writer;

/// Find entities in text of any length.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  echo 'Angela Merkel visited Paris.' | electra predict --model runs/wikigold/best
  electra predict --model DIR --format json news.txt.gz > entities.jsonl
  electra predict --model DIR --format html --out news.html news.txt
  electra predict --model DIR --format json records.jsonl > entities.jsonl
  electra predict --model DIR --sentences line messages.txt
  electra predict --model DIR --min-score PER=.9,ORG=.7 --format json news.txt
  electra predict --model DIR --precision-target .95 --format json news.txt
  electra predict --model DIR --format conll --pretokenized words.txt \\
    > tags.conll

A tagger that was trained on records of text (JSON lines with spans) divides text as its training data was \
divided: every mark is a word, and records are read whole, a line or a paragraph of text each, or a record of \
JSON lines. One that was trained on given words (columns, JSON lines with tokens) does not know how they were \
made: text is divided into words like those of the usual corpora, and into sentences. Text without spaces comes \
mostly in single characters then (Chinese, Thai) or in runs of one script (Japanese), which is not what a tagger \
has seen whose training data had longer words: give it such text in words, with --pretokenized. What holds, and \
what of it is an assumption, is said on standard error.

json gives one object a line for each entity: entity_group (its type), score, word (the input from start to \
end, as it was written), start and end in Unicode characters of the whole input, as Python counts them; with \
JSON lines, line (the line of the record, from 1), and start and end in characters of its text. Line ends \
count as the file has them, CRLF as two: Python's open shows CRLF as one unless it is called with \
newline=''. The score is the probability of the entity, at the temperature that fine-tuning has fitted to the \
development data (calibration.json): with argmax the product over its words, else that of all label sequences \
which have just this entity. Each word has one label; words are never split.

--precision-target takes for each type the lowest score from which on the lower end of the 95 % interval (Wilson) \
of the precision on the development data is that high; a type without such a score is named and left out. With no mistake among them that takes 35 found \
entities of the type for .9, 73 for .95, 381 for .99. What is left out for its score is \
counted on standard error, and on the page of --format html.

conll gives `word TAB tag` lines and a blank line behind each sentence, with --pretokenized behind each line \
of the input, also if it holds no word. Text and HTML show the whole input, of JSON lines the texts.")]
pub struct Predict {
    /// Fine-tuned tagger, a folder that transformers saved (ElectraForTokenClassification), or a name on the Hub
    #[arg(long, value_name = "DIR|NAME")]
    model: PathBuf,
    /// Text in UTF-8, perhaps .gz, .zst, .xz or .bz2; - for standard input. Of .jsonl, .ndjson and .json files the text of
    /// each record is read, and of exports of annotation tools (folders of brat among them) each text
    #[arg(default_value = "-", value_name = "FILE")]
    input: PathBuf,
    /// Format of the output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Windows that go through the model together; no influence on the result but by rounding
    #[arg(long, default_value_t = 32, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    batch_size: u32,
    /// The input has a sentence a line, its words with spaces or tabs between them
    #[arg(long)]
    pretokenized: bool,
    /// The input has a JSON object a line, whose text is to be read [default: by the name of the file]
    #[arg(long, conflicts_with = "pretokenized")]
    json_lines: bool,
    /// Division of text into words [default: that of the tagger's training]
    #[arg(long, value_enum, conflicts_with = "pretokenized")]
    words: Option<WordsBy>,
    /// Division of text into sentences [default: that of the tagger's training]
    #[arg(long, value_enum, conflicts_with = "pretokenized")]
    sentences: Option<SentencesBy>,
    /// Meaning of the end of a line in running text [default: space, and the end where a line is a sentence]
    #[arg(long, value_enum, conflicts_with = "pretokenized")]
    line_breaks: Option<Breaks>,
    /// Division of the input into documents, for taggers that read a sentence with its neighbours; records of
    /// JSON lines do it themselves [default: sentence where records were documents in training, else whole]
    #[arg(long, value_enum)]
    documents: Option<DocumentsBy>,
    /// Decoding of labels, if not as the tagger was trained: for one whose CRF is lost, or to compare
    #[arg(long, value_enum)]
    decoding: Option<DecodingName>,
    /// Leave out entities with a lower score: .8 for all types, or PER=.9,ORG=.7 for some
    #[arg(long, value_name = "P", value_parser = MinScoreArgument::read)]
    min_score: Option<MinScoreArgument>,
    /// Leave out entities whose score does not say that so much of their type is correct
    #[arg(long, value_name = "P", value_parser = scores::probability, conflicts_with = "min_score")]
    precision_target: Option<f64>,
    /// Add byte_start and byte_end to the objects of --format json
    #[arg(long)]
    byte_offsets: bool,
    /// Replace bytes that are not UTF-8, each sequence by one U+FFFD, instead of stopping at them; in JSON lines
    /// halves of characters (lone surrogates) as well
    #[arg(long, conflicts_with = "byte_offsets")]
    lossy: bool,
    /// Write here instead of to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[arg(long, default_value = "flex", help = device::HELP)]
    device: DeviceName,
    #[arg(long, default_value = "f32", value_name = "TYPE", value_parser = device::precision(),
          help = device::PRECISION_HELP)]
    precision: Precision,
    /// CPU threads of the model [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Print on standard error where the time went
    #[arg(long)]
    profile: bool,
    /// The texts of an export as JSON lines, if the input is one.
    #[arg(skip)]
    export: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The input with its entities in brackets, or in colours on a terminal
    Text,
    /// JSON lines, one for each entity
    Json,
    /// A word and its tag a line
    Conll,
    /// A page of its own with highlighted entities
    Html,
}

#[derive(Clone, Copy, ValueEnum)]
enum DecodingName {
    /// The best label of each word, as transformers does
    Argmax,
    /// The best sequence that the scheme allows
    Viterbi,
}

#[derive(Clone, Copy, ValueEnum)]
enum DocumentsBy {
    /// The input is one document
    Whole,
    /// A blank line ends a document
    BlankLine,
    /// Every sentence is one, as --sentences has it
    Sentence,
}

impl Predict {
    /// Runs the command.
    ///
    /// # Errors
    /// If there is no usable tagger, or the text cannot be read or the result written.
    pub fn run(mut self) -> Result<ExitCode, Failure> {
        if self.byte_offsets && self.format != Format::Json {
            return Err(Failure::new("--byte-offsets adds to JSON objects only", "add --format json"));
        }
        self.out.iter().try_for_each(|out| crate::failure::uncompressed(out, "--out"))?;
        use_threads(self.threads)?;
        let device = self.device.open_with(self.precision)?;
        let decoding = self.decoding.map(|name| match name {
            DecodingName::Argmax => Decoding::Argmax,
            DecodingName::Viterbi => Decoding::Viterbi,
        });
        self.model = hub::model_folder(&self.model)?;
        let folder = TaggerFolder::open_with(&self.model, decoding)?;
        if folder.is_assumed {
            eprintln!("note: {}", assumed(&folder));
        }
        let predictor = Predictor::new(&folder, &device, self.precision).map_err(of_predictor)?;
        let predictor = predictor.with_min_scores(self.min_scores(&folder)?);
        let division =
            TextDivision::of(folder.settings.division, self.words, self.sentences, self.line_breaks);
        drop(folder);
        self.export = self.find_export()?;
        let settings = self.settings(&division);
        let replaced = Arc::new(AtomicU64::new(0));
        let input = self.open_input(&replaced)?;
        // What the content says comes before what the name says.
        self.check_form()?;
        let input = self.warn_of_records(input);
        let mut out = self.open_output()?;
        let mut writer = self.writer(predictor.labels());
        if !self.pretokenized {
            eprintln!("note: {}", division.description(self.has_records()));
        }

        let result = self.tag(&predictor, &settings, input, &mut out, writer.as_mut());
        let summary = match result {
            // Whoever reads has seen enough.
            Err(PredictError::Sink(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Ok(ExitCode::SUCCESS);
            }
            result => result.map_err(|error| self.failure(error))?,
        };
        out.commit().map_err(|error| self.failure(PredictError::Sink(error)))?;
        let replaced = replaced.load(Ordering::Relaxed);
        if replaced > 0 {
            eprintln!("{} sequences of bytes were not UTF-8 and were replaced", thousands(replaced));
        }
        if summary.tail.replaced > 0 {
            let halves = thousands(summary.tail.replaced);
            eprintln!("{halves} halves of characters (lone surrogates) were replaced");
        }
        let left_out = summary.left_out.iter().map(|(kind, count)| (kind.as_str(), *count));
        if let Some(left_out) = scores::left_out(left_out) {
            eprintln!("{}", on_terminal(&left_out));
        }
        if summary.coverage.unknown_words > 0 {
            let warning = if summary.coverage.exceeds_limit() { "WARNING: " } else { "" };
            eprintln!("{warning}of which the tagger sees nothing but [UNK]: {}", unknown(&summary.coverage));
        }
        if summary.cut > 0 {
            eprintln!(
                "{} sentences were cut for their length ({}): words there saw less of what is around them",
                thousands(summary.cut),
                division.limit()
            );
        }
        if self.profile {
            eprintln!(
                "{} words in {} sentences, {} entities\n{}",
                thousands(summary.words),
                thousands(summary.sentences),
                thousands(summary.entities),
                summary.profile
            );
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The lowest scores with which entities are kept. That scores are not calibrated is said where they are seen or
    /// used.
    fn min_scores(&self, folder: &TaggerFolder) -> Result<MinScores, Failure> {
        let shows_scores = matches!(self.format, Format::Json | Format::Html);
        if folder.calibration().is_none() && (shows_scores || self.min_score.is_some()) {
            let path = folder.path.display();
            match &folder.calibration {
                None => {
                    eprintln!("note: {path} has no {CALIBRATION}: scores are not calibrated (temperature 1)")
                }
                Some(_) => eprintln!(
                    "note: {CALIBRATION} of {path} is about another decoding: scores are not calibrated (temperature 1)"
                ),
            }
        }
        if let Some(calibration) = folder.calibration().filter(|found| found.found_entities().0 == 0) {
            let (path, file) = (folder.path.display(), on_terminal(&calibration.data.file));
            eprintln!(
                "WARNING: {path} found no entity in {file}, its development data: nothing is known of its scores, and it \
                 may not have learned anything"
            );
        }
        match (&self.min_score, self.precision_target) {
            (Some(scores), _) => scores.of_types(&folder.labels.kinds()),
            (None, Some(precision)) => scores::of_precision(folder, precision),
            (None, None) => Ok(MinScores::default()),
        }
    }

    /// Tags the input and writes what was found. On standard output a text that cannot be read to its
    /// end still gives a page that is whole; a file is then not written.
    fn tag(
        &self,
        predictor: &Predictor,
        settings: &PredictSettings,
        input: Box<dyn Read + Send>,
        mut out: &mut (dyn Write + Send),
        writer: &mut dyn Writer,
    ) -> Result<PredictionSummary, PredictError> {
        writer.begin(&mut out).map_err(PredictError::Sink)?;
        let summary = predictor.run(input, settings, |sentences| {
            for sentence in sentences {
                writer.sentence(&mut out, sentence)?;
            }
            // What is there can be read on, however long the next block takes.
            out.flush()
        });
        if matches!(summary, Err(PredictError::Sink(_))) {
            return summary;
        }
        let none = Tail::default();
        let tail = summary.as_ref().map_or(&none, |summary| &summary.tail);
        writer.end(&mut out, tail).and_then(|()| out.flush()).map_err(PredictError::Sink)?;
        summary
    }

    fn settings(&self, division: &TextDivision) -> PredictSettings {
        let running = division.settings();
        PredictSettings {
            form: if self.pretokenized {
                TextForm::Tokenised
            } else if self.has_records() {
                TextForm::Records { division: running, lossy: self.lossy }
            } else {
                TextForm::Running(running)
            },
            documents: match self.documents {
                None if division.records_alone() && !self.pretokenized => Documents::Sentence,
                None | Some(DocumentsBy::Whole) => Documents::Whole,
                Some(DocumentsBy::BlankLine) => Documents::BlankLine,
                Some(DocumentsBy::Sentence) => Documents::Sentence,
            },
            batch_size: self.batch_size as usize,
        }
    }

    fn open_output(&self) -> Result<Sink, Failure> {
        let out = self.out.as_deref();
        let input = if self.is_standard_input() { sink::of_standard_input() } else { self.input.metadata() };
        let there = out.map_or_else(sink::of_standard_output, Path::metadata);
        if let (Ok(input), Ok(there)) = (input, there)
            && input.is_file()
            && is_same_file(&input, &there)
        {
            let name = out.map_or("standard output".into(), |path| format!("--out {}", path.display()));
            return Err(Failure::new(
                format!("{name} is the input itself"),
                "give another name: the input would be lost",
            ));
        }
        let Some(path) = out else { return Ok(Sink::standard()) };
        Sink::open(path).map_err(|error| Failure::of_file("write", path, &error))
    }

    fn is_on_terminal(&self) -> bool {
        self.out.is_none() && io::stdout().is_terminal()
    }

    fn writer(&self, labels: &LabelSet) -> Box<dyn Writer> {
        match self.format {
            Format::Json => Box::new(json::Lines { byte_offsets: self.byte_offsets }),
            Format::Conll => Box::new(conll::Columns { is_on_terminal: self.is_on_terminal() }),
            Format::Text => {
                let in_colour = self.is_on_terminal() && output::has_colours(true);
                Box::new(text::Marked::new(labels, in_colour, self.is_on_terminal()))
            }
            Format::Html => Box::new(html::Page::new(labels, self.input_name())),
        }
    }
}

/// A tagger with which no text can be read, and what helps.
pub fn of_predictor(error: PredictorError) -> Failure {
    match error {
        PredictorError::Folder(error) => error.into(),
        PredictorError::Window { .. } => Failure::new(error, "fine-tune with a longer window"),
    }
}

/// The warning about a tagger that does not say how it is to be used.
fn assumed(folder: &TaggerFolder) -> String {
    let how = folder.settings.decoding.difference();
    let lost =
        if folder.head().is_of_transformers() { "a CRF or document context" } else { "document context" };
    format!(
        "{} has no {TAGGER_SETTINGS}: it is used as transformers does, {how} and each sentence read alone, in windows of {} pieces; {lost} of \
         its training is lost",
        folder.path.display(),
        folder.settings.window
    )
}
