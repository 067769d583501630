//! The demo's second half: the discriminator learns to mark names, and what pretraining was worth.

use std::path::{Path, PathBuf};

use electra_annotations::{Mode, ReadOptions, Sentence, Split, Splits, spans, words};
use electra_files::{disk, durable};
use electra_model::Precision;
use electra_ner::{Recipe, SeedSummary, TaggerFolder, WindowSettings, WindowedSentences};
use electra_run::interrupt::Interrupt;
use electra_run::recipe::Resolved;

use crate::commands::finetune::{self, ModelArgument, Recipes};
use crate::device::DeviceName;
use crate::failure::{self, Failure};
use crate::watch::EpochLines;

/// Sentences of the speeches with their names marked: see `corpus/speeches/README.md`.
const SENTENCES: [(&str, &str); 3] = [
    ("train.conll", include_str!("../../../corpus/speeches/train.conll")),
    ("dev.conll", include_str!("../../../corpus/speeches/dev.conll")),
    ("test.conll", include_str!("../../../corpus/speeches/test.conll")),
];

/// The changes to the default recipe: windows of the demo's model, and more and smaller steps over so few
/// sentences, which help the network from scratch as much as the pretrained one.
const CHANGES: [&str; 5] = [
    "name=\"speeches\"",
    "input.window=64",
    "schedule.learning_rate=2e-3",
    "train.epochs=20",
    "train.batch_size=8",
];

/// A sentence that is in no speech of the collection.
const EXAMPLE: &str =
    "The Secretary of State spoke with President Jefferson about Spain and the Mississippi.";

/// The taggers of the demo.
pub struct Names {
    /// The scores of the tagger on the pretrained discriminator.
    pub pretrained: SeedSummary,
    /// The scores of the tagger on the same network with nothing learned.
    pub scratch: SeedSummary,
}

/// The recipe of fine-tuning, changed by `overrides`.
///
/// # Errors
/// With the caret under the offending text.
pub fn recipe(overrides: &[String]) -> Result<Resolved<Recipe>, Failure> {
    let changes: Vec<String> =
        CHANGES.iter().map(|change| (*change).to_owned()).chain(overrides.to_vec()).collect();
    Recipe::load(None, &changes).map_err(|error| failure::recipe_changed_by("--set-ner", error))
}

/// Fine-tunes the model of `run` below `out`, and the same network from scratch; none if somebody
/// interrupts.
///
/// # Errors
/// If a step fails.
pub fn learn(
    out: &Path,
    run: &Path,
    recipe: Resolved<Recipe>,
    threads: usize,
    interrupt: &Interrupt,
) -> Result<Option<Names>, Failure> {
    let splits = write_sentences(&out.join("names"))?;
    let recipe = [recipe];
    let learn = |model: ModelArgument, out: PathBuf| {
        let start = model.open(None)?;
        let recipes = Recipes { asked: &recipe, others: &[] };
        let mut lines = EpochLines::new(interrupt);
        finetune::train(recipes, &start, &splits, &out, DeviceName::Flex, threads, interrupt, &mut lines)
    };
    let Some(pretrained) = learn(ModelArgument::Folder(run.into()), out.join("tagger"))? else {
        return Ok(None);
    };
    eprintln!("     the same network from scratch");
    let scratch = learn(ModelArgument::Scratch(run.into()), out.join("control"))?;
    Ok(scratch.map(|scratch| Names { pretrained, scratch }))
}

fn write_sentences(folder: &Path) -> Result<Splits, Failure> {
    let failed = |e: std::io::Error| {
        Failure::new(format!("cannot write {}: {e}", folder.display()), "give another folder with --out")
    };
    disk::create_folders(folder).map_err(failed)?;
    let mut splits = Vec::new();
    for (name, text) in SENTENCES {
        let path = folder.join(name);
        durable::write(&path, text.as_bytes()).map_err(failed)?;
        splits.push(Split::read(&path, &ReadOptions::default())?);
    }
    let [train, dev, test] = splits.try_into().expect("three files were written");
    Ok(Splits { train, dev, test: Some(test) })
}

/// The example with its names marked by the tagger in `folder`: `[PER Jefferson]`.
///
/// # Errors
/// If the folder cannot be read.
pub fn marked_example(folder: &Path) -> Result<String, Failure> {
    let folder = TaggerFolder::open(folder)?;
    let device = DeviceName::Flex.open()?;
    let tagger = folder.tagger(&device, Precision::F32)?;
    let tokens: Vec<String> = words(EXAMPLE).map(|word| word.of(EXAMPLE).to_owned()).collect();
    let sentence = Sentence { tags: vec!["O".into(); tokens.len()], tokens, document: 0, line: 1 };
    let settings = WindowSettings::new(folder.settings.window, folder.settings.context);
    let sentences = vec![sentence.clone()].into();
    let windowed = WindowedSentences::new(&sentences, &folder.tokenizer, &settings);
    let tags = windowed.tags(&tagger, &folder.decoder(&tagger), &folder.labels, 1, &device, &mut |_| {});
    Ok(marked(&sentence.tokens, &tags.get(0).to_vec()))
}

/// Words with a bracket around each entity, which is one by the rules that score it.
fn marked(tokens: &[String], tags: &[impl AsRef<str>]) -> String {
    let mut shown = tokens.to_vec();
    for span in spans(tags, Mode::Default).expect("default mode takes every tag") {
        shown[span.start].insert_str(0, &format!("[{} ", span.kind));
        shown[span.end - 1].push(']');
    }
    shown.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entity_has_a_bracket_of_its_own() {
        let strings = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        assert_eq!(
            marked(&strings("Ada Lovelace saw Rome Paris"), &strings("B-PER I-PER O B-LOC B-LOC")),
            "[PER Ada Lovelace] saw [LOC Rome] [LOC Paris]"
        );
        // A tagger may begin an entity with I- or change the type inside one.
        assert_eq!(
            marked(&strings("the Mississippi Delta"), &strings("O I-LOC I-ORG")),
            "the [LOC Mississippi] [ORG Delta]"
        );
    }
}
