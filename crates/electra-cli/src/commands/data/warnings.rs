//! Warnings about a text beside its counts: unknown words, lost accents, records passed over, documents that
//! were divided or held out otherwise than was meant.

use electra_text::Coverage;
use electra_text::corpus::{DocumentsBy, Skipped};
use electra_text::shard::Split;
use electra_text::warning::TextWarning;

use super::meter::{count, megabytes};

/// Each warning as a sentence or two.
pub(in crate::commands) fn sentences(warnings: &[TextWarning]) -> Vec<String> {
    warnings.iter().map(sentence).collect()
}

/// Says them on standard error.
pub(in crate::commands) fn warn(sentences: &[String]) {
    for sentence in sentences {
        eprintln!("warning: {sentence}");
    }
}

fn sentence(warning: &TextWarning) -> String {
    match *warning {
        TextWarning::FewDocuments { documents, text_bytes, split, by } => {
            let found = format!(
                "only {} in {} of {}, {} each",
                counted(documents, "document"),
                megabytes(text_bytes),
                text_of(split),
                megabytes(text_bytes / documents.max(1))
            );
            match by {
                Some(DocumentsBy::BlankLine) => format!(
                    "{found}: in .txt files blank lines divide documents; if every line is one, use --documents line"
                ),
                Some(DocumentsBy::File) => format!("{found}: --documents file takes a file as one document"),
                Some(DocumentsBy::Line) | None => found,
            }
        }
        TextWarning::HeldOutShare { asked, found, held_out, documents } => format!(
            "{} % of the text is held out where {} % was asked for: {} of {}, and documents differ in length; \
             name files with --heldout, try another --heldout-salt, or divide the text into more documents",
            percent(found),
            percent(asked),
            count(held_out),
            counted(documents, "document"),
        ),
        TextWarning::Unknown { split, coverage } => {
            let of = text_of(split);
            format!(
                "{} of the {of} are unknown to the vocabulary; raise --max-word-length if its words are long or \
                 --character-coverage if its characters are many, use a vocabulary of its language, or let this one grow \
                 with `electra data tokenizer --extend`",
                unknown(&coverage)
            )
        }
        TextWarning::Accents { coverage } => {
            let stripped = (coverage.stripped > 0).then(|| {
                format!("{} % of the characters lose their accents", percent(coverage.stripped_share()))
            });
            let jamo = (coverage.jamo > 0).then(|| {
                format!(
                    "{} % of the characters are Hangul that falls into jamo",
                    percent(coverage.jamo_share())
                )
            });
            let found: Vec<String> = stripped.into_iter().chain(jamo).collect();
            format!(
                "{} as this vocabulary drops them; `data tokenizer --keep-accents` drops upper case alone, --cased \
                 keeps both",
                found.join(", ")
            )
        }
    }
}

fn text_of(split: Option<Split>) -> &'static str {
    match split {
        None => "text",
        Some(Split::Train) => "training text",
        Some(Split::HeldOut) => "held-out text",
    }
}

/// Shares of words and of characters that are unknown.
pub(in crate::commands) fn unknown(coverage: &Coverage) -> String {
    format!(
        "{} % of the words and {} % of the characters",
        percent(coverage.unknown_word_share()),
        percent(coverage.unknown_character_share())
    )
}

/// A line about accents, where any are lost; the loud ones are told as warnings.
pub(super) fn accents(coverage: &Coverage) -> Option<String> {
    let lost = coverage.stripped + coverage.jamo;
    let share = percent(coverage.stripped_share() + coverage.jamo_share());
    (lost > 0).then(|| format!("{} characters ({share} %) change as accents are dropped", count(lost)))
}

/// Records that were passed over, by what was wrong with them.
pub(super) fn skipped(skipped: &Skipped) -> Option<String> {
    let kinds = [
        (skipped.malformed, "no JSON object"),
        (skipped.without_text, "without text"),
        (skipped.not_unicode, "not Unicode"),
        (skipped.too_long, "too long"),
    ];
    let kinds: Vec<String> =
        kinds.into_iter().filter(|kind| kind.0 > 0).map(|(n, kind)| format!("{} {kind}", count(n))).collect();
    let records = skipped.total() - skipped.members;
    let records =
        (records > 0).then(|| format!("{} passed over: {}", counted(records, "record"), kinds.join(", ")));
    let members = (skipped.members > 0).then(|| {
        let members = counted(skipped.members, "member");
        format!("{members} of archives passed over: no files of a known kind")
    });
    let warnings: Vec<String> = [records, members].into_iter().flatten().collect();
    (!warnings.is_empty()).then(|| warnings.join("; "))
}

fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A percentage with as many decimals as tell a small share from none.
pub(super) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent == 0.0 || percent >= 0.95 { format!("{percent:.1}") } else { format!("{percent:.3}") }
}
