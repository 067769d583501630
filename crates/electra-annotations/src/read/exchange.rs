//! Conversion of annotations from one format to another.
//!
//! Whatever a format has is read into texts with spans, and written from them. What the format that is written
//! cannot express is left out and listed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::beside::{Answers, PassedOver};
use super::data::DataFile;
use super::document::name_of_string;
use super::encoding::Encoding;
use super::error::ReadError;
use super::file;
use super::format_name::FormatName;
use super::formats::{Reader, Writer, detect, found, marked, row};
use super::input::{self, Input};
use super::offsets::OffsetUse;
use super::options::ReadOptions;
use super::records::each_record;
use super::spans::{Aligned, Characters, MisalignedSpan, Misalignment, align, describe};
use super::split_plan::{SplitPlan, SplitUnit};
use super::survey::{each_measured, survey};
use super::target::{Target, WrittenFiles, json_lines};
use super::text::AnnotatedText;
use crate::words::{
    LineBreaks, RawSentences, SentenceDivision, SentenceSettings, WordDivision, divide, has_visible,
};

/// Annotations in another format, to be written to the disk.
#[derive(Clone, Debug)]
pub struct Conversion {
    /// All of it; or training, development and test data, where it was divided.
    pub parts: Vec<ConvertedPart>,
    /// The thing that stayed whole, where the data was divided.
    pub unit: Option<SplitUnit>,
    /// Whether the format is a folder of files.
    pub is_folder: bool,
    /// The usual ending of files of the format, with the dot; none of a folder.
    pub ending: &'static str,
    /// The files that were read, in their order.
    pub sources: Vec<Source>,
    /// Spans that the format cannot express, or that are none.
    pub left_out: Vec<MisalignedSpan>,
}

/// Annotations in another format that are written together.
#[derive(Clone, Debug)]
pub struct ConvertedPart {
    /// The name of the part, such as `train`; none where the data was not divided.
    pub name: Option<&'static str>,
    /// The files, each with its name in the folder; a single one without a name, where it is no folder.
    pub files: WrittenFiles,
    /// Texts that are written.
    pub texts: usize,
    /// Entities that are written, by type.
    pub types: BTreeMap<String, usize>,
}

/// A file that was read.
#[derive(Clone, Debug, Serialize)]
pub struct Source {
    /// Path of the file.
    pub path: String,
    /// The format that was found, in words.
    pub form: String,
    /// The unit of the offsets of its spans, and how it was found out; none where spans are of words.
    pub offsets: Option<OffsetUse>,
    /// Texts of the file.
    pub texts: usize,
    /// Records that an annotator did not accept.
    pub answers: Answers,
    /// Annotations that were passed over for other reasons.
    pub passed_over: PassedOver,
    /// Spans that were left out.
    pub left_out: usize,
}

/// Converts files to a format, of a folder that no format takes whole every file by name; as a whole, or divided into
/// training, development and test data.
///
/// # Errors
/// As [`read`](super::read), for spans that the format cannot express unless they are to be skipped, and for too little
/// data to be divided.
///
/// # Panics
/// If the format cannot be written; [`format_names`](super::format_names) says which can.
pub fn convert(
    inputs: &[PathBuf],
    to: FormatName,
    options: &ReadOptions,
    split: Option<&SplitPlan>,
) -> Result<Conversion, ReadError> {
    let writer = row(to).writer.as_ref().unwrap_or_else(|| panic!("{to} cannot be written"));
    let mut all: Vec<AnnotatedText> = Vec::new();
    let (mut sources, mut left_out) = (Vec::new(), Vec::new());
    let mut files = Vec::new();
    for path in inputs {
        match input::files_of_folder(path)? {
            Some(within) if within.is_empty() => {
                return Err(ReadError::Folder { path: path.clone(), files: 0 });
            }
            Some(within) => files.extend(within),
            None => files.push(path.clone()),
        }
    }
    for path in &files {
        let (mut texts, mut source, words) = read(path, options)?;
        if let Some(first) = texts.first_mut() {
            first.begins_file = true;
        }
        let mut wrong = Vec::new();
        for text in &mut texts {
            let record = text.record;
            if let Some(division) = options.sentences.filter(|_| text.words.is_none()) {
                text.breaks = sentence_starts(&text.text, division);
            }
            let (mut found, repeated) = fit(text, writer.target, words);
            source.passed_over.repeated += repeated;
            for span in &mut found {
                span.record = record;
                let within = text.file.as_deref().filter(|_| path.is_dir());
                span.file = Some(within.map_or(path.clone(), |file| path.join(file)).display().to_string());
            }
            wrong.append(&mut found);
        }
        if !wrong.is_empty() && !options.skip_misaligned {
            return Err(ReadError::Misaligned { path: path.clone(), spans: wrong });
        }
        source.left_out = wrong.len();
        sources.push(source);
        left_out.append(&mut wrong);
        all.append(&mut texts);
    }
    let (unit, parts) = match split {
        None => (None, vec![part(None, &all, writer)]),
        Some(plan) => {
            let divided = plan.divide(all)?;
            let parts = divided.parts.iter().map(|(name, texts)| part(Some(name), texts, writer));
            (Some(divided.unit), parts.collect())
        }
    };
    let (is_folder, ending) = (writer.target.is_folder, writer.ending);
    Ok(Conversion { parts, unit, is_folder, ending, sources, left_out })
}

/// Texts as they are written.
fn part(name: Option<&'static str>, texts: &[AnnotatedText], writer: &Writer) -> ConvertedPart {
    let mut types = BTreeMap::new();
    for span in texts.iter().flat_map(|text| &text.spans) {
        *types.entry(span.label.clone()).or_default() += 1;
    }
    ConvertedPart { name, files: (writer.write)(texts), texts: texts.len(), types }
}

/// The texts of an export, for programs that read text.
#[derive(Clone, Debug)]
pub struct ExportedTexts {
    /// The format that was found, in words.
    pub form: String,
    /// The number of texts.
    pub texts: usize,
    /// The texts as JSON lines, each under `text`.
    pub lines: Vec<u8>,
}

/// The texts of an export of a tool, whether or not somebody has annotated them; none of a file whose content
/// is of no such format, and of JSON lines that have their text under `text` as it is.
///
/// # Errors
/// As [`read`](super::read).
pub fn exported_texts(path: &Path) -> Result<Option<ExportedTexts>, ReadError> {
    let bytes = input::bytes(path)?;
    let input = Input::of(path, &bytes, Encoding::Utf8)?;
    let options = ReadOptions { texts_only: true, skip_misaligned: true, ..ReadOptions::default() };
    let Some(row) = marked(&input) else { return records_of_list(&input) };
    let Reader::Texts(each, _) = row.reader else { return Ok(None) };
    let mut texts = Vec::new();
    each(&input, &options, &mut |text| {
        texts.push(AnnotatedText { spans: Vec::new(), ..text });
        Ok(())
    })?;
    let records = texts.iter().map(|text| serde_json::json!({ "text": text.text }));
    let lines = json_lines(records).swap_remove(0).1;
    Ok(Some(ExportedTexts { form: found(row).to_string(), texts: texts.len(), lines }))
}

/// The records of a list, each in a line.
fn records_of_list(input: &Input<'_>) -> Result<Option<ExportedTexts>, ReadError> {
    if !input.is_json() || !input.text.trim_start().starts_with('[') {
        return Ok(None);
    }
    let (mut lines, mut texts) = (Vec::new(), 0);
    each_record(input.path, &input.text, |_, record| {
        // Strings have no line ends of their own.
        lines.extend(record.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
        lines.push(b'\n');
        texts += 1;
        Ok(())
    })?;
    Ok(Some(ExportedTexts { form: "a list of JSON records".into(), texts, lines }))
}

/// The texts of a file with spans in code points, and the division into words of those that have none.
fn read(path: &Path, options: &ReadOptions) -> Result<(Vec<AnnotatedText>, Source, WordDivision), ReadError> {
    let bytes = input::bytes(path)?;
    let input = Input::of(path, &bytes, options.encoding)?;
    let row = detect(&input, options)?;
    let mut texts = Vec::new();
    let mut source = Source {
        path: path.display().to_string(),
        form: found(row).to_string(),
        offsets: None,
        texts: 0,
        answers: Answers::default(),
        passed_over: PassedOver::default(),
        left_out: 0,
    };
    let mut words = options.words.unwrap_or(WordDivision::Marks);
    match row.reader {
        Reader::Texts(each, policy) => {
            let surveyed = survey(&input, options, each, policy)?;
            let beside = each_measured(&input, options, each, &surveyed, &mut |mut text| {
                text.stands_alone |= text.words.is_none() && text.document.is_none();
                texts.push(text);
                Ok(())
            })?;
            words = surveyed.words;
            (source.offsets, source.answers) = (surveyed.offsets, beside.answers);
            source.passed_over = beside.passed_over;
        }
        Reader::Sentences(read) => {
            let data = file::finish(path, read(&input, options)?, options)?;
            (source.form, source.answers) = (data.format.to_string(), data.answers);
            texts = texts_of(&data);
        }
    }
    source.texts = texts.len();
    if !texts.iter().any(|text| has_visible(&text.text)) {
        return Err(ReadError::Empty { path: path.to_owned() });
    }
    Ok((texts, source, words))
}

/// The sentences of a file as texts, each with the name of its document if there are several.
fn texts_of(data: &DataFile) -> Vec<AnnotatedText> {
    let stem = data.path.file_stem().unwrap_or_default().to_string_lossy();
    let text = |sentence: crate::SentenceView<'_>| {
        let name = || name_of_string(&format!("{stem}-{}", sentence.document + 1));
        let document = data.marks_documents.then(|| name().into_boxed_str());
        AnnotatedText { document, ..AnnotatedText::of_tagged(sentence) }
    };
    data.sentences.iter().map(text).collect()
}

/// The code points at which sentences of a text begin, apart from the first.
fn sentence_starts(text: &str, sentences: SentenceDivision) -> Vec<usize> {
    let settings = SentenceSettings {
        words: WordDivision::Corpus,
        sentences,
        max_words: usize::MAX,
        line_breaks: LineBreaks::Space,
    };
    // A text that is in memory can be read, and is UTF-8.
    let starts =
        RawSentences::new(text.as_bytes(), settings).flatten().map(|sentence| sentence.char as usize);
    starts.skip(1).collect()
}

/// Takes out of a text what a format cannot express; gives it with the number of spans that say what another one
/// says, which formats of words have once.
fn fit(text: &mut AnnotatedText, target: Target, division: WordDivision) -> (Vec<MisalignedSpan>, usize) {
    let words = text.words.take().unwrap_or_else(|| divide(&text.text, division).collect());
    let spans = std::mem::take(&mut text.spans);
    let mut wrong = Vec::new();
    if target.words {
        let Aligned { placed, mut misaligned, repeated } = align(&text.text, &words, &spans, target.overlaps);
        wrong.append(&mut misaligned);
        for entity in placed {
            let (first, last) = (&words[entity.words.start], &words[entity.words.end - 1]);
            let mut span = entity.span.clone();
            (span.start, span.end) = (first.chars.start as i64, last.chars.end as i64);
            span.parts.clear();
            text.spans.push(span);
        }
        text.words = Some(words);
        return (wrong, repeated);
    }
    let characters = Characters::of(&text.text);
    for mut span in spans {
        let reason = match characters.check(&span) {
            Err(Misalignment::Discontinuous { .. }) if target.parts => None,
            Err(reason) => Some(reason),
            Ok(()) if !characters.is_seen(&span) => Some(Misalignment::NoWord),
            Ok(()) => {
                span.parts.clear();
                None
            }
        };
        match reason {
            None => text.spans.push(span),
            Some(reason) => wrong.push(describe(&span, reason, &words, &characters)),
        }
    }
    (wrong, 0)
}
