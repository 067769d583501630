//! Pretrains a tiny ELECTRA on a few sentences and shows which tokens of a text look replaced to it.
//!
//! ```text
//! cargo run -p electra-pretrain --example pretrain_tiny
//! ```

/// Makes a run of a few steps.
pub mod small_run;

use std::error::Error;

use electra_pretrain::{Detection, Detector};

fn main() -> Result<(), Box<dyn Error>> {
    for Detection { token, probability, .. } in detect("the boat runs to the market and the sea")? {
        println!("{probability:.3}  {token}");
    }
    Ok(())
}

/// The judgement of a tiny model about the words of a text.
pub fn detect(text: &str) -> Result<Vec<Detection>, Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let run = small_run::pretrain_tiny(temporary.path())?;
    Ok(Detector::open(run)?.detect(text))
}
