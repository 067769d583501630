//! A test of the memory of a data set, to be looked over and to be trained on: at most ten times its text,
//! however short its sentences are. Alone in its process, whose allocations are counted.

#[path = "finetuning/small.rs"]
#[allow(dead_code)]
mod small;

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use electra_annotations::{
    CheckOptions, CheckedSplit, Measure, Overlap, ReadOptions, Split, SplitRole, Splits, check, read,
};
use electra_ner::{EpochBatches, Targets, WindowedSentences, check_finetuning};

/// Bytes handed out now, and the most of them at once.
static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counted;

impl Counted {
    fn more(bytes: usize) {
        let live = LIVE.fetch_add(bytes, Relaxed) + bytes;
        PEAK.fetch_max(live, Relaxed);
    }
}

// SAFETY: every call goes to the allocator of the system as it is.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::more(layout.size());
        // SAFETY: our caller owes what the trait asks for, which is what the allocator behind asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // The system moves large blocks without a second copy of them.
        Self::more(size);
        LIVE.fetch_sub(layout.size(), Relaxed);
        PEAK.fetch_max(LIVE.load(Relaxed), Relaxed);
        // SAFETY: our caller owes what the trait asks for, which is what the allocator behind asks for.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: our caller owes what the trait asks for, which is what the allocator behind asks for.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTED: Counted = Counted;

/// The most bytes that `work` has in use at once, and what it gives.
fn peak<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    let made = work();
    (PEAK.load(Relaxed) - before, made)
}

/// Bytes of a file.
const LENGTH: usize = 1 << 20;

/// Numbers that look random, the same in every run.
struct Numbers(u64);

impl Numbers {
    /// The next one, below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % bound
    }

    /// A word of one to `longest` letters.
    fn word(&mut self, longest: usize) -> String {
        let length = 1 + self.below(longest);
        (0..length).map(|_| char::from(b'a' + self.below(26) as u8)).collect()
    }

    /// One to `most` words of at most so many letters, each with whether it is a place.
    fn sentence(&mut self, most: usize, longest: usize) -> Vec<(String, bool)> {
        let words = 1 + self.below(most);
        (0..words).map(|_| (self.word(longest), self.below(4) == 0)).collect()
    }
}

fn tag(is_place: bool) -> &'static str {
    if is_place { "B-LOC" } else { "O" }
}

/// A form of files: its name and how it writes a sentence.
type Form = (&'static str, fn(&mut String, &[(String, bool)]));

fn columns(text: &mut String, sentence: &[(String, bool)]) {
    sentence.iter().for_each(|(word, is_place)| writeln!(text, "{word} {}", tag(*is_place)).unwrap());
    text.push('\n');
}

fn tags(text: &mut String, sentence: &[(String, bool)]) {
    let (tokens, tags): (Vec<&str>, Vec<&str>) =
        sentence.iter().map(|(word, is_place)| (word.as_str(), tag(*is_place))).unzip();
    writeln!(text, "{}", serde_json::json!({ "tokens": tokens, "ner_tags": tags })).unwrap();
}

fn spans(text: &mut String, sentence: &[(String, bool)]) {
    let (mut record, mut spans) = (String::new(), Vec::new());
    for (word, is_place) in sentence {
        let start = record.len();
        record.push_str(word);
        spans.extend(
            is_place.then(|| serde_json::json!({ "start": start, "end": record.len(), "label": "LOC" })),
        );
        record.push(' ');
    }
    writeln!(text, "{}", serde_json::json!({ "text": record, "spans": spans })).unwrap();
}

const FORMS: [Form; 3] = [("columns.conll", columns), ("tags.jsonl", tags), ("spans.jsonl", spans)];

/// Two files of sentences of up to so many short words, half of [`LENGTH`] each.
fn files(folder: &Path, (name, write): Form, words: usize, letters: usize) -> [PathBuf; 2] {
    ["train", "dev"].map(|split| {
        let mut numbers = Numbers(split.len() as u64);
        let mut text = String::with_capacity(LENGTH);
        while text.len() < LENGTH / 2 {
            write(&mut text, &numbers.sentence(words, letters));
        }
        let path = folder.join(format!("{split}-{name}"));
        std::fs::write(&path, text).unwrap();
        path
    })
}

#[test]
fn a_data_set_takes_ten_times_its_text_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let options = ReadOptions::default();
    let (start, recipe) = (small::start(), small::recipe(&["train.batch_size=32"]).value);
    for form in FORMS {
        for (words, letters) in [(1, 1), (1, 3), (3, 4), (400, 4)] {
            let paths = files(folder.path(), form, words, letters);
            let what = format!("{} with up to {words} words of up to {letters} letters", form.0);
            let (looked_over, report) = peak(|| {
                let splits =
                    [(SplitRole::Train, &paths[0]), (SplitRole::Dev, &paths[1])].map(|(role, path)| {
                        let data = read(path, &options).unwrap();
                        CheckedSplit { name: format!("{role:?}"), role, data }
                    });
                let measure = Measure::Pieces(start.tokenizer());
                check(&splits, &CheckOptions { window: 128, measure, longest: 3 })
            });
            assert!(report.splits[0].sentences > LENGTH / 2 / (5 * (words + 1) * (letters + 20)), "{what}");
            drop(report);
            let (trained_on, steps) = peak(|| {
                let [train, dev] = [0, 1].map(|at| Split::read(&paths[at], &options).unwrap());
                let splits = Splits { train, dev, test: None };
                let checked = check_finetuning(&recipe, start.path(), start.config(), &splits).unwrap();
                let windows = |split: &Split| {
                    WindowedSentences::new(&split.sentences, start.tokenizer(), &recipe.windows())
                };
                let [train, _dev] = [windows(&checked.train), windows(&splits.dev)];
                let sentences = splits.train.sentences.iter();
                let _targets: Targets =
                    sentences.map(|sentence| checked.labels.encode(&sentence.tags().to_vec())).collect();
                let batches = EpochBatches::new(&train.windows, recipe.train.batch_size, recipe.seed);
                let _overlaps = Overlap::all(&splits, None);
                batches.of_epoch(0, recipe.micro_batch_size()).len()
            });
            assert!(steps > 1, "{what}");
            let [looked_over, trained_on] =
                [looked_over, trained_on].map(|bytes| bytes as f64 / LENGTH as f64);
            println!("{what}: {looked_over:.1} and {trained_on:.1} bytes a byte");
            assert!(looked_over <= 10.0, "{what}: {looked_over:.1} bytes a byte to look over");
            assert!(trained_on <= 10.0, "{what}: {trained_on:.1} bytes a byte to train on");
        }
    }
}
