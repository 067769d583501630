//! A reader with every fault, by which the engine itself is tested.

use std::fs;
use std::path::Path;

use crate::case::Case;
use crate::reader::{Reached, Reader, Rng};

/// Does what its file says.
pub(super) struct Faulty;

impl Reader for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn stages(&self) -> &'static [&'static str] {
        &["read", "obeyed"]
    }

    fn seeds(&self) -> Vec<Case> {
        ["sound", "panic", "panic on a thread", "abort", "memory", "overflow", "hang", "outside"]
            .map(|word| Case::default().with("word", word))
            .into()
    }

    fn mutate(&self, _case: &mut Case, _rng: &mut Rng) {}

    fn run(&self, folder: &Path, reached: &Reached<'_>) -> Option<()> {
        let word = fs::read_to_string(folder.join("word")).ok()?;
        reached.stage("read");
        match word.as_str() {
            "panic" => panic!("as it was told"),
            "panic on a thread" => drop(std::thread::spawn(|| panic!("as it was told, elsewhere")).join()),
            "abort" => std::process::abort(),
            "memory" => drop(std::hint::black_box(vec![1u8; 3 << 30])),
            "overflow" => {
                std::hint::black_box(deeper(0));
            }
            "hang" => std::thread::sleep(std::time::Duration::from_secs(3600)),
            "outside" => fs::write(folder.join("../canary/victim"), "another song").ok()?,
            _ => {}
        }
        reached.stage("obeyed");
        Some(())
    }
}

#[expect(unconditional_recursion, reason = "a stack that overflows is one of the faults")]
fn deeper(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 64]);
    deeper(depth + 1) + room[0]
}
