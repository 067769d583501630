//! `electra demo`: everything once, on text that is part of the program.

mod names;
mod swaps;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use electra_files::shown::shell_word;
use electra_files::{disk, durable};
use electra_ner::SeedSummary;
use electra_pretrain::Detector;
use electra_pretrain::RunEnd;
use electra_pretrain::recipe::{self, Recipe};
use electra_run::interrupt::Interrupt;
use electra_run::recipe::load_str;
use electra_run::record::{duration, thousands};
use electra_text::build::{BLOCK_BYTES, BuildRequest, HeldOut, build};
use electra_text::corpus::ReadOptions;
use electra_text::pack::{PackMode, PackSettings};
use electra_text::wordpiece::{TrainProgress, VocabularySettings, train as train_vocabulary};
use electra_text::{DataSet, Split, Tokenizer};
use electra_train::model_folder::ModelFolder;

use crate::commands::data::meter::Meter;
use crate::commands::pretrain::{Begin, report_interruption, train, write_report};
use crate::device::{DeviceName, use_threads};
use crate::failure::{self, Failure};
use crate::ranks::refuse_several;
use crate::watch::{Display, Lines};

/// The corpus: public domain, see `corpus/SOURCES.md`.
const CORPUS: [(&str, &[u8]); 3] = [
    ("factbook-2015.txt.zst", include_bytes!("../../corpus/factbook-2015.txt.zst")),
    ("sotu-1790-1944.txt.zst", include_bytes!("../../corpus/sotu-1790-1944.txt.zst")),
    ("sotu-1945-2018.txt.zst", include_bytes!("../../corpus/sotu-1945-2018.txt.zst")),
];

const RECIPE: &str = include_str!("../../configs/debug.toml");

/// Everything once, on embedded text: vocabulary, shards, pretraining, report, detection of swapped
/// words, and two taggers of names, one pretrained and one from scratch.
#[derive(clap::Args)]
#[command(after_help = "Example:
  electra demo --out runs/demo

Interrupted, the same command goes on. It needs no network and a few minutes on two cores; how many on yours \
it says before it trains.")]
pub struct Demo {
    /// Folder for everything that is made
    #[arg(long, default_value = "runs/demo", value_name = "DIR")]
    out: PathBuf,
    /// CPU threads [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Change a value of the pretraining recipe (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Change a value of the fine-tuning recipe (repeatable)
    #[arg(long = "set-ner", value_name = "KEY=VALUE")]
    ner_overrides: Vec<String>,
}

impl Demo {
    /// Runs the command.
    ///
    /// # Errors
    /// If a step fails.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let start = Instant::now();
        refuse_several("the demonstration")?;
        failure::utf8(&self.out, "its recipes")?;
        let threads = use_threads(self.threads)?;
        let [corpus, tokenizer, data] = ["corpus", "tokenizer", "data"].map(|name| self.out.join(name));
        let mut overrides = vec![format!("data.path={}", toml_string(&data))];
        overrides.extend(self.overrides);
        let recipe =
            load_str::<Recipe>("configs/pretrain/debug.toml", RECIPE, &overrides).map_err(failure::recipe)?;
        recipe::check(&recipe).map_err(failure::recipe)?;
        let ner = names::recipe(&self.ner_overrides)?;
        let r = &recipe.value;

        eprintln!("1/6  vocabulary of {} word pieces", thousands(r.model.vocab_size as u64));
        let files = write_corpus(&corpus)?;
        let words = vocabulary(&files, &tokenizer, r.model.vocab_size, threads).map_err(|failure| {
            failure.with_help("use fewer word pieces, such as --set model.vocab_size=4096")
        })?;
        eprintln!("2/6  rows of {} tokens", r.data.sequence_length);
        let elsewhere = format!("remove {}, or give another folder with --out", data.display());
        build_data(files, words, &data, r.data.sequence_length, threads)
            .map_err(with_help_of_demo(elsewhere))?;

        eprintln!("3/6  pretraining: generator and discriminator, {} steps", thousands(r.train.steps));
        let run = self.out.join("run");
        let interrupt = Interrupt::listen().map_err(Failure::of_system)?;
        let begin = Begin {
            speed_test_notice: Some("     timing a few steps first"),
            verify_data: true,
            display: Display::Lines,
            weights: None,
        };
        let elsewhere = format!("remove {}, or give another folder with --out", run.display());
        let ended = {
            // Ends with the training: it would go on to tell of it every ten seconds.
            let mut monitor = Lines::new(&run, &interrupt);
            train(&recipe, DeviceName::Flex, threads, run.clone(), begin, &interrupt, &mut monitor)
                .map_err(with_help_of_demo(elsewhere))?
        };
        let report = write_report(&run)?;
        if ended == RunEnd::Interrupted {
            return Ok(report_interruption(Display::Lines));
        }

        eprintln!("4/6  what it learned: held-out text in which some words were swapped\n");
        show_swaps(&run, &data)?;

        eprintln!("5/6  fine-tuning: it learns to mark names, and so does a network from scratch");
        let Some(names) = names::learn(&self.out, &run, ner, threads, &interrupt)? else {
            return Ok(report_interruption(Display::Lines));
        };
        eprintln!("6/6  what pretraining was worth\n");
        let percent = |summary: &SeedSummary| 100.0 * summary.test.map_or(0.0, |test| test.mean);
        println!(
            "  test F1 of names: {:.1} pretrained, {:.1} from scratch\n  {}\n",
            percent(&names.pretrained),
            percent(&names.scratch),
            names::marked_example(&names.pretrained.best)?
        );
        println!(
            "Done in {}. Report: {}\nNext: electra detect --model {} \"The president of the bread spoke to congress.\"\n      \
             echo \"Lincoln spoke of Mexico.\" | electra predict --model {}",
            duration(start.elapsed().as_secs_f64()),
            report.display(),
            shell_word(&run.display().to_string()),
            shell_word(&names.pretrained.best.display().to_string())
        );
        Ok(ExitCode::SUCCESS)
    }
}

/// Advice for other commands, which name options that there are none of here, gives way to `help`: the
/// demo's only folder is `--out`.
fn with_help_of_demo(help: String) -> impl FnOnce(Failure) -> Failure {
    move |failure| failure.without_options(help)
}

fn toml_string(path: &Path) -> String {
    serde_json::Value::from(path.display().to_string()).to_string()
}

fn write_corpus(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |e: std::io::Error| {
        Failure::new(format!("cannot write {}: {e}", folder.display()), "give another folder with --out")
    };
    disk::create_folders(folder).map_err(failed)?;
    let mut files = Vec::new();
    for (name, bytes) in CORPUS {
        let path = folder.join(name);
        durable::write(&path, bytes).map_err(failed)?;
        files.push(path);
    }
    Ok(files)
}

fn vocabulary(
    files: &[PathBuf],
    folder: &Path,
    vocab_size: usize,
    threads: usize,
) -> Result<Tokenizer, Failure> {
    let settings = VocabularySettings::new(vocab_size, false);
    let mut meter = Meter::new("     counting words");
    let trained =
        train_vocabulary(files, &ReadOptions::default(), &settings, threads, |event| match event {
            TrainProgress::Counting { bytes, total, documents } => {
                meter.show(bytes, total, || format!("{} documents", thousands(documents)));
            }
            TrainProgress::Merging { words, .. } => {
                meter.stage(format!("     merging pieces of {} distinct words", thousands(words)));
            }
        })?;
    meter.finish();
    eprintln!(
        "     from {} documents, {} words, {} of them distinct",
        thousands(trained.documents),
        thousands(trained.words),
        thousands(trained.distinct_words)
    );
    trained.tokenizer.save(folder)?;
    Ok(trained.tokenizer)
}

fn build_data(
    inputs: Vec<PathBuf>,
    tokenizer: Tokenizer,
    out: &Path,
    seq_len: usize,
    threads: usize,
) -> Result<(), Failure> {
    let request = BuildRequest {
        inputs,
        heldout: HeldOut::Fraction { fraction: 0.05, salt: 0 },
        read: ReadOptions::default(),
        deduplicate: None,
        tokenizer,
        pack: PackSettings { mode: PackMode::Carry, seq_len, seed: 0 },
        block_bytes: BLOCK_BYTES,
        threads,
        out: out.to_path_buf(),
        force: false,
    };
    let mut meter = Meter::new("     tokenising");
    let built = build(&request, |progress| {
        meter.show(progress.bytes, progress.total, || format!("{} tokens", thousands(progress.tokens)));
    })?;
    meter.finish();
    let manifest = built.manifest();
    eprintln!(
        "     {} rows for training, {} rows of {} documents held out",
        thousands(manifest.train.examples),
        thousands(manifest.heldout.examples),
        manifest.heldout.documents
    );
    Ok(())
}

/// Swapped held-out sentences, and what the discriminator thinks of them.
fn show_swaps(run: &Path, data: &Path) -> Result<(), Failure> {
    let device = DeviceName::Flex.open()?;
    let folder = ModelFolder::open(run)?;
    let rows = DataSet::open(data)?;
    swaps::show(&Detector::new(&folder, device)?, rows.split(Split::HeldOut));
    Ok(())
}

#[cfg(test)]
mod tests {
    use electra_run::lock::LockError;
    use electra_text::corpus::CorpusError;

    use super::*;

    #[test]
    fn advice_never_names_options_of_other_commands() {
        let told = |failure: Failure| with_help_of_demo("instead".into())(failure).in_one_line();
        let held = LockError::Held { path: "demo/run".into(), holder: "process 7".into() };
        assert_eq!(told(held.into()), "demo/run is in use by process 7: instead");
        let text = CorpusError::LongRecord { path: "a".into(), line: 1, limit: 9 };
        assert_eq!(told(text.into()), "line 1 of a is longer than 9 bytes: instead");
        let empty = CorpusError::Empty { files: 1, first: "a".into() };
        assert!(told(empty.into()).ends_with(": give files with text in them"));
        let own = Failure::new("broken", "lower it with --set train.steps=5");
        assert_eq!(told(own), "broken: lower it with --set train.steps=5");
    }
}
