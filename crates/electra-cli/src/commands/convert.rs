//! `electra convert`: data of one tool for another.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use electra_annotations::{
    Conversion, ConvertedPart, FormatName, MisalignedSpan, ReadError, ReadOptions, SentenceDivision, Source,
    SplitPlan, SplitUnit, convert,
};
use electra_files::disk::is_same_file;
use electra_files::staged::NewFolder;
use electra_files::{durable, shown};
use serde::Serialize;

use super::check::findings::passed_over;
use super::reading::{FileArguments, format_of};
use crate::commands::data::meter::count;
use crate::failure::{self, Failure};

/// Spans that are named where all are not.
const SHOWN: usize = 5;

/// The path that stands for standard input and standard output.
const STANDARD: &str = "-";

/// Convert data from one tool's format to another's.
#[derive(Subcommand)]
pub enum ConvertCommand {
    /// Annotated entities: exports of doccano, Label Studio, brat, GLiNER, spaCy and others
    Ner(Box<ConvertNer>),
}

impl ConvertCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// If a file cannot be read for sure, or the result not be written.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let Self::Ner(command) = self;
        command.run()
    }
}

/// Convert annotated entities from one tool's format to another's
#[derive(Args)]
#[command(after_help = "Examples:
  electra convert ner export.json --to conll --out train.conll
  electra convert ner brat-folder --to label-studio --out tasks.json
  electra convert ner a.jsonl b.jsonl --from doccano --offsets utf-16 \\
    --to spans --out all.jsonl
  electra convert ner export.json --to conll --split 80/10/10 --out data/names
  zcat train.jsonl.gz | electra convert ner - --to gliner --out - > gliner.json

Read are columns in their dialects (conll: comments, numbered tokens, CoNLL-U with tags in its last column; \
germeval: outer and inner entities), JSON and Parquet of Hugging Face (hf, parquet), plain spans and Prodigy \
(spans, prodigy), doccano, Label Studio in JSON and JSON-MIN (label-studio), folders of brat, GLiNER, spaCy's \
Doc.to_json (spacy), and the TSV of INCEpTION and WebAnno (inception). What a file is, its content tells; the \
summary says what was found, and what the offsets of spans count.

What the format that is written cannot express is left out and listed: spans that share text or begin within \
a word in formats of words, spans of several parts everywhere but in brat. With --strict it is an error. \
Offsets are written in code points. Files are replaced; a folder must be new or empty.

--split divides the data into train, dev and, with a third number, test, which --out holds then (train.conll, ...): \
what finetune ner learns from, chooses by and reports on. Shares are of characters. Documents stay whole, where the \
data says which texts are of one, and equal ones stay together: what is tested was not learned. The order is drawn \
from --split-seed and the texts themselves, so that most of them stay where they were when data is added. A type that a \
part lacks is named.")]
pub struct ConvertNer {
    /// Files or folders to read; of a folder every file by name, if it is not one of brat; - for standard input
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<PathBuf>,
    /// Format to write
    #[arg(long, value_name = "FORMAT", value_parser = format_of(|can_be_written| can_be_written))]
    to: FormatName,
    /// File to write, of brat and with --split a folder; - for standard output
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    /// Divide into training, development and test data in these shares, such as 80/10/10, or 90/10 without test data
    #[arg(long, value_name = "SHARES", value_parser = split_plan)]
    split: Option<SplitPlan>,
    /// Seed of --split: another one divides in another way
    #[arg(long, value_name = "N", default_value_t = 0, requires = "split")]
    split_seed: u64,
    /// Sentences of texts in formats of words [default: as the file has them, else a text is one]
    #[arg(long, value_enum, value_name = "NAME")]
    sentences: Option<SentencesBy>,
    /// Refuse what the format cannot express, instead of leaving it out
    #[arg(long)]
    strict: bool,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reading: FileArguments,
}

#[derive(Clone, Copy, ValueEnum)]
enum SentencesBy {
    /// A sentence, to its full stop or a blank line
    FullStop,
    /// A line
    Line,
    /// The text between blank lines
    Paragraph,
    /// The whole text
    Text,
}

/// Reads the shares of `--split`.
fn split_plan(text: &str) -> Result<SplitPlan, String> {
    text.parse().map_err(|error| shown::with_help(&error))
}

/// The JSON output.
#[derive(Serialize)]
struct Summary {
    out: PathBuf,
    /// The format that was written, by its name.
    form: String,
    files: Vec<Source>,
    texts: usize,
    entities: usize,
    types: BTreeMap<String, usize>,
    /// With `--split`: each part, and what stayed whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    split: Option<SplitSummary>,
    left_out: usize,
    misaligned_spans: Vec<MisalignedSpan>,
}

#[derive(Serialize)]
struct SplitSummary {
    unit: SplitUnit,
    seed: u64,
    parts: Vec<PartSummary>,
}

#[derive(Serialize)]
struct PartSummary {
    path: PathBuf,
    texts: usize,
    entities: usize,
    types: BTreeMap<String, usize>,
}

impl ConvertNer {
    fn run(self) -> Result<ExitCode, Failure> {
        let to_standard_output = self.out == Path::new(STANDARD);
        failure::uncompressed(&self.out, "--out")?;
        if self.json {
            failure::utf8(&self.out, "JSON")?;
            if to_standard_output {
                let message = "--json and --out - would both write to standard output";
                return Err(Failure::new(message, "give --out a file"));
            }
        }
        self.check_out()?;
        let sentences = self.sentences.map(|sentences| match sentences {
            SentencesBy::FullStop => SentenceDivision::FullStop,
            SentencesBy::Line => SentenceDivision::Line,
            SentencesBy::Paragraph => SentenceDivision::Paragraph,
            SentencesBy::Text => SentenceDivision::Text,
        });
        let skip_misaligned = !self.strict;
        let options = ReadOptions { skip_misaligned, sentences, ..self.reading.options() };
        let plan = self.split.clone().map(|plan| plan.with_seed(self.split_seed));
        let conversion =
            convert(&self.inputs, self.to, &options, plan.as_ref()).map_err(|error| match error {
                ReadError::Misaligned { .. } => Failure::from(error).with_help(format!(
                    "correct them, or leave --strict out: {} is written without them",
                    self.to
                )),
                error => error.into(),
            })?;
        self.write(&conversion, to_standard_output)?;
        let summary = self.summary(conversion);
        if self.json {
            crate::output::json_out(&summary).map_err(Failure::of_json)?;
        } else {
            summary.tell();
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Refuses a place where something would be lost.
    fn check_out(&self) -> Result<(), Failure> {
        let Ok(there) = self.out.metadata() else { return Ok(()) };
        let is_input = |path: &PathBuf| path.metadata().is_ok_and(|input| is_same_file(&input, &there));
        if let Some(input) = self.inputs.iter().find(|path| is_input(path)) {
            return Err(Failure::new(
                format!("--out {} is the input {} itself", self.out.display(), input.display()),
                "give another name: the input would be lost",
            ));
        }
        Ok(())
    }

    fn write(&self, conversion: &Conversion, to_standard_output: bool) -> Result<(), Failure> {
        let out = &self.out;
        match conversion.parts.as_slice() {
            [ConvertedPart { name: None, files, .. }] if !conversion.is_folder => {
                let bytes = files.first().map_or(&[][..], |(_, bytes)| bytes);
                if to_standard_output {
                    crate::output::bytes_out(bytes);
                    return Ok(());
                }
                durable::write(out, bytes).map_err(|error| Failure::of_file("write", out, &error))
            }
            _ if to_standard_output => {
                let what = if self.split.is_some() { "divided data" } else { self.to.as_str() };
                let message = format!("{what} is a folder of files and cannot go to standard output");
                Err(Failure::new(message, "name a folder with --out"))
            }
            parts => {
                let is_free = match fs::read_dir(out) {
                    Ok(mut entries) => entries.next().is_none(),
                    Err(error) => error.kind() == io::ErrorKind::NotFound,
                };
                if !is_free {
                    return Err(Failure::new(
                        format!("{} exists and holds something", out.display()),
                        "give --out a new folder, or an empty one",
                    ));
                }
                let folder = NewFolder::begin(out).map_err(|error| Failure::of_out(&error))?;
                for part in parts {
                    for (name, bytes) in &part.files {
                        let name = file_name(conversion, part, name);
                        folder.write(name, bytes).map_err(|error| Failure::of_out(&error))?;
                    }
                }
                folder.commit().map_err(|error| Failure::of_out(&error))
            }
        }
    }

    fn summary(&self, conversion: Conversion) -> Summary {
        let mut types: BTreeMap<String, usize> = BTreeMap::new();
        for (kind, number) in conversion.parts.iter().flat_map(|part| &part.types) {
            *types.entry(kind.clone()).or_default() += number;
        }
        let part = |part: &ConvertedPart| PartSummary {
            path: self.out.join(file_name(&conversion, part, Path::new(""))),
            texts: part.texts,
            entities: part.types.values().sum(),
            types: part.types.clone(),
        };
        let parts: Vec<PartSummary> = conversion.parts.iter().map(part).collect();
        Summary {
            out: self.out.clone(),
            form: self.to.to_string(),
            texts: parts.iter().map(|part| part.texts).sum(),
            entities: types.values().sum(),
            types,
            split: conversion.unit.map(|unit| SplitSummary { unit, seed: self.split_seed, parts }),
            files: conversion.sources,
            left_out: conversion.left_out.len(),
            misaligned_spans: conversion.left_out,
        }
    }
}

/// The name of a part's file in the folder that is written, or of its folder.
fn file_name(conversion: &Conversion, part: &ConvertedPart, name: &Path) -> PathBuf {
    match part.name {
        None => name.to_owned(),
        Some(part) if conversion.is_folder && name.as_os_str().is_empty() => part.into(),
        Some(part) if conversion.is_folder => Path::new(part).join(name),
        Some(part) => format!("{part}{}", conversion.ending).into(),
    }
}

/// Types with their numbers, in brackets; nothing where there are none.
fn of_types(types: &BTreeMap<String, usize>) -> String {
    let types: Vec<String> =
        types.iter().map(|(kind, number)| format!("{kind} {}", count(*number as u64))).collect();
    if types.is_empty() { String::new() } else { format!(" ({})", types.join(", ")) }
}

impl Summary {
    /// Says on standard error what was done: standard output may be the result.
    fn tell(&self) {
        for file in &self.files {
            let path = if file.path == STANDARD { "standard input" } else { &file.path };
            eprintln!("{path}: {}, {}", file.form, counted(file.texts, "text", "texts"));
            if let Some(offsets) = &file.offsets {
                eprintln!("  offsets in {offsets}");
            }
            let answers = file.answers;
            let answers = [
                (answers.rejected, "records that an annotator rejected"),
                (answers.ignored, "records that an annotator ignored"),
            ];
            let answers = answers.into_iter().filter(|(number, _)| *number > 0);
            for (number, what) in answers.chain(passed_over(file.passed_over)) {
                eprintln!("  passed over: {} {what}", count(number as u64));
            }
        }
        let out = if self.out == Path::new(STANDARD) {
            "standard output".into()
        } else {
            self.out.display().to_string()
        };
        let entities = counted(self.entities, "entity", "entities");
        let types = of_types(&self.types);
        eprintln!("{out}: {}, {}, {entities}{types}", self.form, counted(self.texts, "text", "texts"));
        self.split.iter().for_each(|split| split.tell(&self.types));
        if self.left_out > 0 {
            let spans = counted(self.left_out, "span", "spans");
            eprintln!("WARNING: {spans} left out, which {} cannot express or which are none:", self.form);
            for span in self.misaligned_spans.iter().take(SHOWN) {
                eprintln!("  {span}");
            }
            if let more @ 1.. = self.left_out.saturating_sub(SHOWN) {
                eprintln!("  and {} more; --json lists all", count(more as u64));
            }
        }
    }
}

impl SplitSummary {
    /// Says how much each part has, and what it lacks of all `types`.
    fn tell(&self, types: &BTreeMap<String, usize>) {
        let unit = match self.unit {
            SplitUnit::Document => "documents stay whole",
            SplitUnit::Text => "divided text by text: the data does not say which are of one document",
        };
        eprintln!("  {unit}, equal ones stay together (seed {})", self.seed);
        for PartSummary { path, texts, entities, types: found } in &self.parts {
            let entities = counted(*entities, "entity", "entities");
            let found = of_types(found);
            eprintln!("  {}: {}, {entities}{found}", path.display(), counted(*texts, "text", "texts"));
        }
        for part in &self.parts {
            let lacks = |kind: &&String| !part.types.contains_key(*kind);
            let missing: Vec<&str> = types.keys().filter(lacks).map(String::as_str).collect();
            if !missing.is_empty() {
                let path = part.path.display();
                eprintln!(
                    "WARNING: {path} has no entity of {}: nothing is known of it there",
                    missing.join(", ")
                );
            }
        }
    }
}

fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(number as u64), if number == 1 { one } else { many })
}
