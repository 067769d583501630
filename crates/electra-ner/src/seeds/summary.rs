//! Summary of several seeds.

use std::fmt;
use std::path::PathBuf;

use electra_annotations::{Evaluation, Overlap};
use electra_train::seeds::Spread;
use serde::Serialize;

/// The summary of several seeds.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Name of the recipe.
    pub name: String,
    /// One for each seed that came to its end.
    pub runs: Vec<SeedRun>,
    /// Seeds that learned nothing or diverged; no mean or deviation knows of them.
    pub stopped: Vec<StoppedSeed>,
    /// F1 on the development data.
    pub dev: Spread,
    /// F1 on the test data, if there is any.
    pub test: Option<Spread>,
    /// The seed with the best F1 on the development data.
    pub best_seed: u64,
    /// A copy of its tagger.
    pub best: PathBuf,
    /// The test predictions of all seeds together.
    pub pooled_test: Option<Evaluation>,
    /// The number of seeds that found nothing, which the means count with their 0.
    pub found_nothing: usize,
    /// Sentences that the files share.
    pub overlaps: Vec<Overlap>,
    /// The warnings that have to be known about the data to read the scores.
    pub warnings: Vec<String>,
}

/// The scores of one seed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeedRun {
    /// The seed of the run.
    pub seed: u64,
    /// The folder of the run.
    pub run: PathBuf,
    /// The epoch that was kept, from 1.
    pub best_epoch: usize,
    /// The number of epochs done.
    pub epochs: usize,
    /// F1 on the development data.
    pub dev_f1: f64,
    /// F1 on the test data; none without test data, or if they have no entity.
    pub test_f1: Option<f64>,
    /// Whether no epoch found an entity of the development data correctly.
    pub found_nothing: bool,
}

/// A seed that learned nothing or diverged.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoppedSeed {
    /// The seed of the run.
    pub seed: u64,
    /// The folder of the run.
    pub run: PathBuf,
    /// The reason why it stopped.
    pub reason: String,
    /// The advice: what to do about it.
    pub remedy: String,
}

/// A line for each seed, then mean, deviation and the best.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent =
            |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{:.2}", 100.0 * share));
        let line = |name: &str, epoch: &str, dev: &str, test: &str| {
            format!("{name:>6} {epoch:>8} {dev:>8} {test:>8}")
        };
        writeln!(f, "{}", line("seed", "epoch", "dev F1", "test F1"))?;
        for run in &self.runs {
            let epoch = format!("{}/{}", run.best_epoch, run.epochs);
            let (dev, test) = (percent(Some(run.dev_f1)), percent(run.test_f1));
            let mark = if run.found_nothing { "  found nothing in any epoch" } else { "" };
            writeln!(f, "{}{mark}", line(&run.seed.to_string(), &epoch, &dev, &test))?;
        }
        for seed in &self.stopped {
            writeln!(f, "{}  stopped: {}", line(&seed.seed.to_string(), "-", "-", "-"), seed.reason)?;
        }
        if !self.stopped.is_empty() {
            let (runs, all) = (self.runs.len(), self.runs.len() + self.stopped.len());
            writeln!(f, "of the {runs} seeds out of {all} that came to their end:")?;
        }
        if self.runs.len() > 1 {
            let (dev, test) = (percent(Some(self.dev.mean)), percent(self.test.map(|test| test.mean)));
            writeln!(f, "{}", line("mean", "", &dev, &test))?;
            let (dev, test) = (percent(self.dev.sd), percent(self.test.and_then(|test| test.sd)));
            writeln!(f, "{}", line("sd", "", &dev, &test))?;
            if self.found_nothing > 0 {
                let (nothing, all) = (self.found_nothing, self.runs.len());
                writeln!(
                    f,
                    "{nothing} of these {all} seeds found nothing in any epoch: their 0 is in the mean"
                )?;
            }
        }
        for warning in &self.warnings {
            writeln!(f, "! {warning}")?;
        }
        write!(f, "best: seed {}, {}", self.best_seed, self.best.display())
    }
}
