//! GLiNER: words with spans of words, whose ends are included.
//!
//! ```text
//! [{"tokenized_text": ["In", "New", "York"], "ner": [[1, 2, "city"]]}]
//! ```

use serde_json::json;

use crate::read::beside::Beside;
use crate::read::error::ReadError;
use crate::read::input::Input;
use crate::read::objects::{Fault, Object};
use crate::read::options::ReadOptions;
use crate::read::records::each_record;
use crate::read::target::{WrittenFiles, json_list};
use crate::read::text::{AnnotatedText, Take};
use crate::words::trimmed;

const TOKENS: &str = "tokenized_text";
const SPANS: &str = "ner";

pub(in crate::read) fn recognises(input: &Input<'_>) -> bool {
    input.first_object().is_some_and(|record| record.get(TOKENS).is_some())
}

pub(in crate::read) fn each_text(
    input: &Input<'_>,
    _: &ReadOptions,
    take: Take<'_>,
) -> Result<Beside, ReadError> {
    each_record(input.path, &input.text, |place, text| {
        Ok(take(read(&Object::record(input.path, place, text)?)?)?)
    })?;
    Ok(Beside::default())
}

fn read(record: &Object<'_>) -> Result<AnnotatedText, Fault> {
    let tokens = record.list(record.needed(TOKENS, "a list of words")?, TOKENS)?;
    let mut words = Vec::new();
    for (at, token) in tokens.into_iter().enumerate() {
        let word = record.string(token, &format!("{TOKENS}[{at}]"))?;
        if word.is_empty() {
            let found = format!("an empty string at {TOKENS}[{at}]");
            return Err(record.error(record.line_of(token), found, "a word"));
        }
        words.push(word);
    }
    let seen = words.iter().map(|word| Some(trimmed(word)).filter(|seen| !seen.is_empty()).unwrap_or(word));
    let mut text = AnnotatedText::of_words(record.line(), seen);
    text.record = record.record_place();
    let spans = record.get(SPANS).map(|spans| record.list(spans, SPANS)).transpose()?.unwrap_or_default();
    for (at, span) in spans.into_iter().enumerate() {
        let what = format!("{SPANS}[{at}]");
        let expected = "[first word, last word, type]";
        let &[first, last, label] = record.list(span, &what)?.as_slice() else {
            return Err(record.error(record.line_of(span), format!("another list at {what}"), expected));
        };
        let [first, last] = [record.integer(first, &what)?, record.integer(last, &what)?];
        let label = record.label(label, &what)?;
        let within = |word: i64| usize::try_from(word).ok().filter(|&word| word < words.len());
        match within(first).zip(within(last)).filter(|(first, last)| first <= last) {
            Some((first, last)) => text.spans.push(text.span_of_words(record.line(), first..last + 1, label)),
            None => {
                let found = format!("the words {first} to {last} at {what}");
                let expected = format!("words of the {} that there are, counted from 0", words.len());
                return Err(record.error(record.line_of(span), found, expected));
            }
        }
    }
    Ok(text)
}

/// Writes a list with a record for each sentence.
pub(in crate::read) fn write(texts: &[AnnotatedText]) -> WrittenFiles {
    json_list(texts.iter().flat_map(AnnotatedText::sentences).map(|sentence| {
        let spans: Vec<_> =
            sentence.spans.iter().map(|(words, label)| json!([words.start, words.end - 1, label])).collect();
        json!({ TOKENS: sentence.words, SPANS: spans })
    }))
}
