//! brat: a folder of texts (`.txt`), each with its annotations beside (`.ann`).
//!
//! ```text
//! T1 TAB LOC 3 7 TAB Rome              a span
//! T2 TAB LOC 0 3;8 11 TAB New York     one of two parts
//! R1, E1, A1, N1, #1, *                relations, events, attributes, links, notes: no spans
//! ```
//!
//! Offsets count code points of the text. A line of it is a sentence, as brat shows it, unless an entity goes
//! on in the next.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use electra_text::corpus::CorpusError;

use crate::read::beside::Beside;
use crate::read::encoding::decode;
use crate::read::error::ReadError;
use crate::read::input::Input;
use crate::read::lines::lines;
use crate::read::options::ReadOptions;
use crate::read::spans::CharSpan;
use crate::read::target::WrittenFiles;
use crate::read::text::{AnnotatedText, Take};
use crate::read::{content, document};
use crate::words::{has_visible, without_unseen};

/// Folders within one another that are gone through.
const MAX_DEPTH: usize = 8;

pub(in crate::read) fn recognises(input: &Input<'_>) -> bool {
    input.is_folder || input.has_ending("ann")
}

pub(in crate::read) fn each_text(
    input: &Input<'_>,
    options: &ReadOptions,
    take: Take<'_>,
) -> Result<Beside, ReadError> {
    let mut files = BTreeMap::new();
    if input.is_folder {
        find(input.path, 0, &mut files)?;
    } else {
        let both = ["txt", "ann"]
            .map(|ending| input.path.with_extension(ending))
            .map(|path| path.is_file().then_some(path));
        files.insert(input.path.with_extension(""), both);
    }
    if files.values().all(|[_, annotations]| annotations.is_none()) {
        return Err(missing(input.path, "annotations of brat (.ann)".into()));
    }
    let mut beside = Beside::default();
    for (stem, paths) in files {
        let [Some(text_path), annotations] = paths else {
            let name = stem.file_name().unwrap_or_default().to_string_lossy();
            return Err(missing(input.path, format!("{name}.txt, the text of {name}.ann")));
        };
        if annotations.is_none() && !options.texts_only {
            beside.passed_over.unannotated += 1;
            continue;
        }
        let bytes = content::read(&text_path)?;
        let text = decode(&text_path, &bytes, options.encoding)?.into_owned();
        let annotations = annotations.filter(|_| !options.texts_only);
        let spans = match &annotations {
            Some(annotations) => {
                let bytes = content::read(annotations)?;
                read(annotations, &decode(annotations, &bytes, options.encoding)?, &mut beside)?
            }
            None => Vec::new(),
        };
        let breaks = text.chars().enumerate().filter(|(_, c)| *c == '\n').map(|(at, _)| at + 1).collect();
        let shown = |path: &Path| match path.strip_prefix(input.path) {
            Ok(within) if input.is_folder => within.display().to_string(),
            _ => path.display().to_string(),
        };
        let document = document::name_of_string(&shown(&stem));
        take(AnnotatedText {
            line: 1,
            file: Some(shown(annotations.as_deref().unwrap_or(&text_path)).into()),
            document: Some(document.into()),
            text,
            spans,
            breaks,
            ..AnnotatedText::default()
        })?;
    }
    Ok(beside)
}

fn missing(path: &Path, missing: String) -> ReadError {
    ReadError::MissingFile { path: path.to_owned(), missing }
}

/// The texts and annotations in a folder, by their path without ending.
fn find(
    folder: &Path,
    depth: usize,
    files: &mut BTreeMap<PathBuf, [Option<PathBuf>; 2]>,
) -> Result<(), ReadError> {
    let error = |source| ReadError::from(CorpusError::Read { path: folder.to_owned(), source });
    for entry in fs::read_dir(folder).map_err(error)? {
        let path = entry.map_err(error)?.path();
        if path.is_dir() {
            if depth < MAX_DEPTH && !path.is_symlink() {
                find(&path, depth + 1, files)?;
            }
            continue;
        }
        let at = match path.extension().and_then(|ending| ending.to_str()) {
            Some("txt") => 0,
            Some("ann") => 1,
            _ => continue,
        };
        let stem = path.with_extension("");
        files.entry(stem).or_default()[at] = Some(path);
    }
    Ok(())
}

/// The spans of a file of annotations.
fn read(path: &Path, text: &str, beside: &mut Beside) -> Result<Vec<CharSpan>, ReadError> {
    let mut spans = Vec::new();
    for (line, content) in lines(text).filter(|(_, content)| has_visible(content)) {
        if !content.starts_with('T') {
            beside.passed_over.other_annotations += usize::from(!content.starts_with('#'));
            beside.comments += usize::from(content.starts_with('#'));
            continue;
        }
        let span = span(line, content).ok_or_else(|| ReadError::Line {
            path: path.to_owned(),
            line,
            found: content.chars().take(60).collect(),
            expected: "T1, a tab, the type with start and end of the span, a tab, its text".into(),
        })?;
        spans.push(span);
    }
    Ok(spans)
}

/// `T1 TAB LOC 3 7 TAB Rome`, perhaps of several parts.
fn span(line: usize, content: &str) -> Option<CharSpan> {
    // The text of a span may have tabs of its own.
    let mut cells = content.splitn(3, '\t');
    let (_, place) = (cells.next()?, cells.next()?);
    let (label, bounds) = place.trim().split_once(' ')?;
    let label = Some(without_unseen(label).into_owned()).filter(|label| !label.is_empty())?;
    let part = |part: &str| {
        let (start, end) = part.trim().split_once(' ')?;
        Some((start.trim().parse().ok()?, end.trim().parse().ok()?))
    };
    let parts: Vec<(i64, i64)> = bounds.split(';').map(part).collect::<Option<_>>()?;
    let start = parts.iter().map(|part| part.0).min()?;
    let end = parts.iter().map(|part| part.1).max()?;
    let marked = cells.next().map(Into::into);
    let parts = if parts.len() > 1 { parts } else { Vec::new() };
    Some(CharSpan { parts, marked, ..CharSpan::new(line, start, end, label) })
}

/// Writes a text and its annotations for each document. Neighbouring texts of one document are its lines.
pub(in crate::read) fn write(texts: &[AnnotatedText]) -> WrittenFiles {
    let mut files = WrittenFiles::new();
    let mut rest = texts;
    let mut number = 0;
    while !rest.is_empty() {
        let goes_on = |pair: &&[AnnotatedText]| !pair[1].begins_document(Some(&pair[0]));
        let (these, others) = rest.split_at(1 + rest.windows(2).take_while(goes_on).count());
        rest = others;
        number += 1;
        let (mut text, mut annotations, mut before, mut spans) = (String::new(), String::new(), 0, 0);
        for one in these {
            let characters: Vec<char> = one.text.chars().collect();
            for span in &one.spans {
                spans += 1;
                let whole = [(span.start, span.end)];
                let parts = lines_of(&characters, if span.parts.is_empty() { &whole } else { &span.parts });
                let places: Vec<String> =
                    parts.iter().map(|(start, end)| format!("{} {}", start + before, end + before)).collect();
                let marked: Vec<String> = parts
                    .iter()
                    .map(|&(start, end)| characters[start as usize..end as usize].iter().collect())
                    .collect();
                // A type is one word.
                let label = span.label.replace(char::is_whitespace, "_");
                let marked = marked.join(" ").replace('\t', " ");
                annotations += &format!("T{spans}\t{label} {}\t{marked}\n", places.join(";"));
            }
            text += &one.text;
            text.push('\n');
            before += characters.len() as i64 + 1;
        }
        let name = format!("{number:06}");
        files.push((PathBuf::from(format!("{name}.txt")), text.into_bytes()));
        files.push((PathBuf::from(format!("{name}.ann")), annotations.into_bytes()));
    }
    files
}

/// Parts without the ends of lines, at which brat divides them.
fn lines_of(characters: &[char], parts: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let mut divided = Vec::new();
    for &(start, end) in parts {
        let mut from = start;
        for at in start..=end {
            if at == end || matches!(characters[at as usize], '\n' | '\r') {
                if from < at {
                    divided.push((from, at));
                }
                from = at + 1;
            }
        }
    }
    divided
}
