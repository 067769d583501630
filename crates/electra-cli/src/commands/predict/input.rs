//! The input of `electra predict`: its form, and the errors where it has another.

use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, IsTerminal, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use electra_annotations::{MAX_LINE_BYTES, TextError, is_named_columns, is_named_json};
use electra_ner::{Lossy, PredictError};
use electra_text::corpus::{self, Compression, Signature, json_object};
use electra_text::invisible::has_visible;

use super::Predict;
use crate::failure::{self, Failure};

impl Predict {
    /// Whether the input has a JSON object a line.
    pub(super) fn has_records(&self) -> bool {
        self.json_lines || self.export.is_some() || (!self.is_standard_input() && is_named_json(&self.input))
    }

    /// Refuses input that by its name is no text of the form that it would be read in.
    pub(super) fn check_form(&self) -> Result<(), Failure> {
        let name = self.input.display();
        if self.pretokenized && self.has_records() {
            return Err(Failure::new(
                format!("{name} is JSON lines by its name, and --pretokenized reads lines of words"),
                "leave --pretokenized out to read the text of each record, or feed the file through standard \
                 input if it does hold lines of words",
            ));
        }
        if !self.pretokenized
            && !self.json_lines
            && !self.is_standard_input()
            && is_named_columns(&self.input)
        {
            return Err(Failure::new(
                format!("{name} holds a token and its tag a line by its name, and predict reads text"),
                "write a sentence a line, its words with spaces between them, and use --pretokenized; or feed the \
                 file through standard input if it does hold text",
            ));
        }
        Ok(())
    }

    pub(super) fn is_standard_input(&self) -> bool {
        self.input == Path::new("-")
    }

    /// The input as messages call it.
    pub(super) fn input_name(&self) -> String {
        if self.is_standard_input() { "standard input".into() } else { self.input.display().to_string() }
    }

    pub(super) fn open_input(&self, replaced: &Arc<AtomicU64>) -> Result<Box<dyn Read + Send>, Failure> {
        let reader: Box<dyn Read + Send> = if self.is_standard_input() {
            if io::stdin().is_terminal() {
                eprintln!("reading from the terminal; Ctrl-D on an empty line ends the text");
            }
            let mut input = BufReader::new(io::stdin());
            let found = input.fill_buf().map(Signature::of);
            let found = found.map_err(|e| Failure::of_file("read", Path::new(&self.input_name()), &e))?;
            if let Some(found) = found {
                return Err(failure::no_text(&self.input_name(), found));
            }
            Box::new(input)
        } else if let Some(lines) = &self.export {
            Box::new(Cursor::new(lines.clone()))
        } else {
            Box::new(corpus::open_content(&self.input)?)
        };
        Ok(if self.lossy { Box::new(Lossy::new(reader, Arc::clone(replaced))) } else { reader })
    }

    fn is_compressed(&self) -> bool {
        !self.is_standard_input() && Compression::of(&self.input).0 != Compression::None
    }

    /// Says so where the first line of text is a record whose text was probably meant.
    pub(super) fn warn_of_records(&self, mut input: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        if self.has_records() {
            return input;
        }
        let (head, end) = read_first_line(&mut input);
        if is_record(&head) {
            let instead = if self.pretokenized {
                "use --json-lines instead of --pretokenized"
            } else {
                "add --json-lines"
            };
            eprintln!(
                "WARNING: the first line of {} is a JSON object with a \"text\", and its braces and names are tagged \
                 as words: {instead} to read the text of each record",
                self.input_name()
            );
        }
        Box::new(Cursor::new(head).chain(Failing(end)).chain(input))
    }

    /// The error that kept the text from being tagged, in the words of the command.
    pub(super) fn failure(&self, error: PredictError) -> Failure {
        match error {
            PredictError::Text(TextError::NotUtf8 { line, byte }) => {
                let (of, convert) = match self.is_compressed() {
                    true => (" of the uncompressed text", "unpack and convert it"),
                    false => ("", "convert it, for example with `iconv -f cp1252 -t utf-8`"),
                };
                Failure::new(
                    format!(
                        "{} is not UTF-8: line {line} has a wrong byte at offset {byte}{of}",
                        self.input_name()
                    ),
                    format!("{convert}, or go on with `--lossy`, which replaces such bytes"),
                )
            }
            PredictError::Text(TextError::LongRecord { line, limit }) => Failure::new(
                format!("line {line} of {} is longer than {limit} bytes", self.input_name()),
                "divide the record; a file that holds plain text is read through standard input, whatever its name",
            ),
            PredictError::Text(TextError::HalfCharacter { line, column, excerpt }) => Failure::new(
                format!(
                    "line {line} of {} has half of a character in its text, at character {column} of the line: \
                     {excerpt:?}",
                    self.input_name()
                ),
                "mend the record, or go on with `--lossy`, which replaces it by U+FFFD",
            ),
            PredictError::Text(TextError::NoRecord { line, found }) => Failure::new(
                format!("line {line} of {} is no record with a text: {found}", self.input_name()),
                "write a JSON object a line with the text to be read under `text`; tokens are read with \
                 --pretokenized, a sentence a line with spaces between them; a file that holds plain text is read \
                 through standard input, whatever its name",
            ),
            PredictError::Text(TextError::Read(error)) => {
                Failure::of_file("read", Path::new(&self.input_name()), &error)
            }
            error @ (PredictError::Text(TextError::Corpus(_)) | PredictError::Sink(_)) => {
                Failure::from(error)
            }
        }
    }
}

/// The beginning of an input: its first line in which anything is seen, if that may be a record, and
/// the error that came behind it.
fn read_first_line(input: &mut dyn Read) -> (Vec<u8>, Option<io::Error>) {
    let (mut head, mut chunk) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        match input.read(&mut chunk) {
            Ok(0) => return (head, None),
            Ok(read) => head.extend_from_slice(&chunk[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (head, Some(error)),
        }
        let (line, is_whole) = first_line(&head);
        let may_be_record = line.is_empty() || line.starts_with('{');
        if !may_be_record || is_whole || head.len() > MAX_LINE_BYTES {
            return (head, None);
        }
    }
}

/// The first line in which anything is seen, and whether its end is there.
fn first_line(head: &[u8]) -> (&str, bool) {
    // What follows the last whole character is not needed to tell.
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default(),
    };
    let mut lines = text.split_inclusive(['\n', '\r']);
    let line = lines.find(|line| has_visible(line)).unwrap_or_default();
    (line.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace()), line.ends_with(['\n', '\r']))
}

/// Whether the first line of a file is a record with a text.
///
/// # Errors
/// If the file cannot be opened.
pub(super) fn first_line_is_record(path: &Path) -> Result<bool, Failure> {
    Ok(is_record(&read_first_line(&mut corpus::open_content(path)?).0))
}

fn is_record(head: &[u8]) -> bool {
    let (line, _) = first_line(head);
    let mut has_text = false;
    let read = json_object::for_each_field::<json_object::Malformed>(line, |name, _| {
        has_text |= name == "text";
        Ok(())
    });
    has_text && read.is_ok()
}

/// A reader that fails once with the error that it holds, if any.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}
