//! Folders of fine-tuning: its log, its scores and its summary, as `report`, `ablate` and the same command
//! given again read them.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use burn::prelude::Device;
use electra_ablate::record::ProbeScores;
use electra_annotations::{Sentence, Split, Splits};
use electra_files::{durable, regular};
use electra_ner::{
    Environment, Recipe, SUMMARY, SilentMonitor, finetune_seeds, is_finetuning, render_report, seeds_folder,
    stopped_by,
};
use electra_run::interrupt::Interrupt;
use electra_run::recipe::Resolved;
use electra_train::encoder_init::EncoderInit;
use rand::RngExt;
use rand::seq::IndexedRandom;

use super::material::{sizes, tokenizer};
use crate::case::Case;
use crate::mutate;
use crate::reader::{OkRendered, Reached, Reader, Rng};

/// A finished seed, the best tagger, and the summary.
pub(super) struct Finetuned;

/// The files that are read without a hash of them.
const READ: [&str; 5] =
    ["seed-1/scores.json", "seed-1/metrics.jsonl", "seed-1/run.json", "best/scores.json", "summary.json"];

/// The folder that seeds say they were written in.
const RUN_FOLDER: &str = "runs/fine-tuned";

fn replaced(bytes: &[u8], there: &[u8], instead: &[u8]) -> Vec<u8> {
    let mut written = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(there.len()).position(|window| window == there) {
        written.extend_from_slice(&rest[..at]);
        written.extend_from_slice(instead);
        rest = &rest[at + there.len()..];
    }
    written.extend_from_slice(rest);
    written
}

impl Reader for Finetuned {
    fn name(&self) -> &'static str {
        "finetuned"
    }

    fn stages(&self) -> &'static [&'static str] {
        &["reported", "scored", "standing"]
    }

    fn seeds(&self) -> Vec<Case> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let summary = again(folder.path(), &Interrupt::default());
        assert!(summary.is_some(), "a network of some hundred weights is trained in an epoch");
        let found = Case::of_folder(folder.path()).expect("what was written can be read");
        let mut case = Case::default();
        let is_kept = |name: &&str| !name.ends_with("/lock") && !name.contains("/tensorboard/");
        // The log and the summary name the folder, which is another one each time.
        let written = folder.path().display().to_string();
        for name in found.files().filter(is_kept) {
            let bytes = found.file(name).unwrap_or_default();
            case.set(name, replaced(bytes, written.as_bytes(), RUN_FOLDER.as_bytes()));
        }
        vec![case]
    }

    fn mutate(&self, case: &mut Case, rng: &mut Rng) {
        match READ.choose(rng) {
            Some(name) if rng.random_bool(0.85) => mutate::damage(case, name, rng),
            _ => mutate::mutate(case, rng),
        }
    }

    fn writes(&self) -> &'static [&'static str] {
        &[
            "seed-1/report.html",
            "seed-1/lock",
            "seed-1/metrics.jsonl",
            "seed-1/scores.json.tmp",
            "best",
            ".best.lock",
            "summary.json.tmp",
        ]
    }

    fn run(&self, folder: &Path, reached: &Reached<'_>) -> Option<()> {
        let run = folder.join("seed-1");
        std::hint::black_box((is_finetuning(&run), seeds_folder(folder).finished(), stopped_by(&run)));
        // As `report` writes it.
        if let Some(page) = render_report(&run).ok_rendered()
            && durable::write(&run.join("report.html"), page.as_bytes()).ok_rendered().is_some()
        {
            reached.stage("reported");
        }
        if let Some(summary) = regular::read(&folder.join(SUMMARY)).ok_rendered()
            && let Some(scores) = ProbeScores::of_summary(&summary, 1, String::new())
        {
            std::hint::black_box((scores.mean_f1(), scores.found_nothing()));
            reached.stage("scored");
        }
        // Nothing is trained: what is not there is told, and what is there is looked at.
        let interrupt = Interrupt::default();
        interrupt.request();
        again(folder, &interrupt)?;
        reached.stage("standing");
        Some(())
    }

    fn quick(&self) -> u64 {
        400
    }
}

/// The command that made the folder, given again; the summary as it is printed.
fn again(folder: &Path, interrupt: &Interrupt) -> Option<String> {
    // Made once: it is asked for with every input.
    static MADE: LazyLock<(EncoderInit, Splits, Resolved<Recipe>)> = LazyLock::new(|| {
        let start = EncoderInit::scratch(&PathBuf::from("sizes.json"), sizes(), tokenizer());
        (start.expect("the sizes are right"), splits(), recipe())
    });
    let (start, splits, recipe) = &*MADE;
    let environment = Environment {
        device: Device::flex(),
        device_name: "flex".to_owned(),
        threads: 1,
        program_version: "electra 0.1.0".to_owned(),
    };
    let recipes = std::slice::from_ref(recipe);
    let summary =
        finetune_seeds(recipes, &[], start, splits, folder, &environment, interrupt, &mut SilentMonitor);
    summary.ok_rendered()?.map(|summary| format!("{summary}"))
}

fn recipe() -> Resolved<Recipe> {
    let changes = ["input.window=16", "train.epochs=1", "train.batch_size=4", "guard.epochs=9", "seed=1"];
    Recipe::load(None, &changes.map(str::to_owned)).expect("the recipe is right")
}

fn splits() -> Splits {
    let split = |name: &str| {
        let sentence = |(line, (tokens, tags)): (usize, (&str, &str))| {
            let words = |text: &str| text.split(' ').map(str::to_owned).collect();
            Sentence { tokens: words(tokens), tags: words(tags), document: 0, line: line + 1 }
        };
        let sentences = [
            ("Ada met Bo in Rome .", "B-PER O B-PER O B-LOC O"),
            ("the mill stands by the Tiber .", "O O O O O B-LOC O"),
            ("Bo had lost his map .", "B-PER O O O O O"),
        ];
        Split::new(Path::new(name), sentences.into_iter().enumerate().map(sentence).collect::<Vec<_>>())
    };
    Splits { train: split("train.conll"), dev: split("dev.conll"), test: Some(split("test.conll")) }
}
