//! Scores a file of `token gold predicted` lines as `conlleval` does, and prints everything that is
//! known about it. Without an argument it scores a small example.
//!
//! ```text
//! cargo run -p electra-annotations --example score_conll -- predictions.conll
//! ```

use std::error::Error;
use std::path::PathBuf;

use electra_annotations::{Evaluation, EvaluationSettings, Predictions, evaluate};

/// Three entities, of which one is found whole, one with a wrong type and one not at all.
const EXAMPLE: &str = "\
Angela B-PER B-PER
Merkel I-PER I-PER
visited O O
Paris B-LOC B-ORG
. O O

Rome B-LOC O
sleeps O O
";

fn main() -> Result<(), Box<dyn Error>> {
    print!("{}", score(std::env::args_os().nth(1).map(PathBuf::from))?);
    Ok(())
}

/// Scores of the file, or of the embedded example.
pub fn score(path: Option<PathBuf>) -> Result<Evaluation, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = match path {
        Some(path) => path,
        None => {
            let path = folder.path().join("example.conll");
            std::fs::write(&path, EXAMPLE)?;
            path
        }
    };
    let predictions = Predictions::read(&path, None)?;
    Ok(evaluate(&[predictions], None, EvaluationSettings::default())?)
}
