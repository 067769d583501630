//! Labels that a tagger holds for improbable, as text, JSON and a page.

use std::fmt::Write as _;
use std::io::{BufWriter, IntoInnerError};
use std::path::Path;

use electra_annotations::{CheckedSplit, SentenceView, SuspectedWord, suspected_words};
use electra_files::durable::Replacement;
use electra_files::shown::{in_page, on_terminal};
use electra_ner::SentenceTagger;
use electra_run::report::{PAGE_END, page_head};
use serde::Serialize;

/// Suspected stretches that a page has at most: it has to open in a browser.
const ON_PAGE: usize = 2000;

const STYLE: &str = "\
.suspect { max-width: 52rem; margin: 1.2rem 0; overflow-wrap: anywhere; }
.suspect .what { color: var(--muted); font-size: .85rem; }
.suspect mark { padding: .1em .25em; border-radius: .3em; }
";

/// Neighbouring words of a sentence with suspected labels.
#[derive(Debug, Serialize)]
pub(super) struct SuspectedStretch {
    /// The file.
    split: String,
    /// Line of its first word, or of its sentence where a line holds one.
    line: usize,
    /// Number of the sentence in the file, from 1.
    sentence: usize,
    /// The first of its words in the sentence, from 0.
    start: usize,
    /// One past the last.
    end: usize,
    /// Its words.
    text: String,
    /// The tags that they have.
    given: Vec<String>,
    /// The labels that the tagger gives them.
    suggested: Vec<String>,
    /// The lowest probability of a given label among them.
    probability: f64,
    /// The lowest margin among them, that of the ranking.
    margin: f64,
    /// Every word of the sentence.
    #[serde(skip)]
    words: Vec<String>,
}

/// Labels of the words of some files, with the probability of each label at each word by a tagger.
pub(super) struct JudgedWords<'a> {
    /// The files, one behind the other.
    pub(super) splits: &'a [CheckedSplit],
    /// The labels that the tagger tells apart.
    pub(super) names: Vec<String>,
    /// Label of each word `[W]`, by number; none where the tagger does not know it.
    pub(super) given: Vec<Option<usize>>,
    /// Probability of each label at each word, `[W, L]`.
    pub(super) probabilities: Vec<f64>,
}

impl<'a> JudgedWords<'a> {
    /// Labels of the words of a file with their probabilities by one tagger.
    pub(super) fn by(tagger: &SentenceTagger, split: &'a CheckedSplit) -> Self {
        let sentences = &split.data.sentences;
        let labels = tagger.labels();
        Self {
            splits: std::slice::from_ref(split),
            names: labels.names().to_vec(),
            given: sentences.tags().iter().flat_map(|tags| labels.encode(&tags.to_vec())).collect(),
            probabilities: tagger.probabilities(sentences),
        }
    }

    /// The suspected labels, in the order of the files. The thresholds of confident learning are those of all
    /// these words together.
    fn suspects(&self) -> Vec<SuspectedStretch> {
        let mut words = suspected_words(&self.given, &self.probabilities, self.names.len());
        words.sort_by_key(|suspect| suspect.word);
        let mut found = Vec::new();
        let (mut first, mut rest) = (0, &words[..]);
        for split in self.splits {
            for (number, sentence) in split.data.sentences.iter().enumerate() {
                let here = rest.partition_point(|suspect| suspect.word < first + sentence.len());
                let (own, others) = rest.split_at(here);
                for run in own.chunk_by(|a, b| a.word + 1 == b.word) {
                    found.push(stretch(split, (number, sentence), run, first, &self.names));
                }
                (first, rest) = (first + sentence.len(), others);
            }
        }
        found
    }

    /// A line of JSON for each sentence: its words, their labels, and the probability of each label at each word.
    fn write_probabilities(&self, out: &mut dyn std::io::Write) -> std::io::Result<()> {
        #[derive(Serialize)]
        struct Line<'a> {
            split: &'a str,
            line: usize,
            tokens: Vec<&'a str>,
            labels: Vec<&'a str>,
            names: &'a [String],
            probabilities: Vec<&'a [f64]>,
        }
        let mut rows = self.probabilities.chunks(self.names.len());
        for split in self.splits {
            for sentence in split.data.sentences.iter() {
                let line = Line {
                    split: &split.name,
                    line: sentence.line,
                    tokens: sentence.tokens().collect(),
                    labels: sentence.tags().to_vec(),
                    names: &self.names,
                    probabilities: rows.by_ref().take(sentence.len()).collect(),
                };
                serde_json::to_writer(&mut *out, &line)?;
                out.write_all(b"\n")?;
            }
        }
        Ok(())
    }
}

/// The suspected labels of all words, the most suspect first.
pub(super) fn suspects(judged: &[JudgedWords<'_>]) -> Vec<SuspectedStretch> {
    let mut all: Vec<SuspectedStretch> = judged.iter().flat_map(JudgedWords::suspects).collect();
    all.sort_by(|a, b| a.margin.total_cmp(&b.margin));
    all
}

/// Writes the probability of each label at each word, as JSON lines.
///
/// # Errors
/// Those of the disk.
pub(super) fn write_probabilities(path: &Path, judged: &[JudgedWords<'_>]) -> std::io::Result<()> {
    let mut file = BufWriter::new(Replacement::begin(path)?);
    judged.iter().try_for_each(|words| words.write_probabilities(&mut file))?;
    file.into_inner().map_err(IntoInnerError::into_error)?.commit()
}

fn stretch(
    split: &CheckedSplit,
    (number, sentence): (usize, SentenceView<'_>),
    run: &[SuspectedWord],
    first: usize,
    names: &[String],
) -> SuspectedStretch {
    let words: Vec<String> = sentence.tokens().map(str::to_owned).collect();
    let start = run[0].word - first;
    let end = start + run.len();
    let lowest = |of: fn(&SuspectedWord) -> f64| run.iter().map(of).fold(f64::INFINITY, f64::min);
    SuspectedStretch {
        split: split.name.clone(),
        line: sentence.line,
        sentence: number + 1,
        start,
        end,
        text: words[start..end].join(" "),
        given: run.iter().map(|word| names[word.given].clone()).collect(),
        suggested: run.iter().map(|word| names[word.suggested].clone()).collect(),
        probability: lowest(|word| word.probability),
        margin: lowest(|word| word.margin),
        words,
    }
}

impl SuspectedStretch {
    fn what(&self) -> String {
        format!(
            "{}: sentence {} (line {}), {} -> {}, probability of what it has {:.3}",
            self.split,
            self.sentence,
            self.line,
            self.given.join(" "),
            self.suggested.join(" "),
            self.probability
        )
    }
}

/// The first `places` of them, as text.
pub(super) fn text(suspects: &[SuspectedStretch], places: usize) -> String {
    let mut text = format!(
        "\nsuspected labels, the most suspect first: {} stretches of {} words\n",
        suspects.len(),
        suspects.iter().map(|stretch| stretch.end - stretch.start).sum::<usize>()
    );
    for stretch in suspects.iter().take(places) {
        let _ = writeln!(text, "  {:?}: {}", on_terminal(&stretch.text), on_terminal(&stretch.what()));
    }
    if suspects.len() > places {
        let _ = writeln!(text, "  and {} more (--places N, --json, --page FILE)", suspects.len() - places);
    }
    text
}

/// A page with the sentence of each; `title` says who suspects them.
pub(super) fn page(suspects: &[SuspectedStretch], title: &str) -> String {
    let mut page = page_head(title, STYLE);
    let _ = writeln!(
        page,
        "<h1>{}</h1>\n<p class=\"note\">{} stretches of words, the most suspect first.</p>",
        in_page(title),
        suspects.len()
    );
    for stretch in suspects.iter().take(ON_PAGE) {
        let words = |range: std::ops::Range<usize>| in_page(&stretch.words[range].join(" ")).into_owned();
        let _ = writeln!(
            page,
            "<div class=\"suspect\"><div class=\"what\">{}</div>\n<div dir=\"auto\">{} <mark>{}</mark> {}</div></div>",
            in_page(&stretch.what()),
            words(0..stretch.start),
            words(stretch.start..stretch.end),
            words(stretch.end..stretch.words.len())
        );
    }
    if suspects.len() > ON_PAGE {
        let _ = writeln!(page, "<p class=\"note\">and {} more</p>", suspects.len() - ON_PAGE);
    }
    page + PAGE_END
}
