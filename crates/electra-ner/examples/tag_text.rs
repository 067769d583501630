//! Tags a text with a tagger that `electra finetune` or transformers wrote, and prints an entity a line.
//! Without arguments it tags an example with a small tagger of random weights.
//!
//! ```text
//! cargo run -p electra-ner --example tag_text -- runs/names/best "Angela Merkel visited Paris."
//! ```

/// Makes the tagger of random weights.
pub mod small_tagger;

use std::error::Error;
use std::path::PathBuf;

use electra_ner::{Entity, Tagger};

/// The text that is tagged where none is given.
pub const EXAMPLE: &str = "Angela Merkel visited Paris. She met the mayor there.";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = arguments.next().map(PathBuf::from);
    let text = arguments.next().map_or(EXAMPLE.to_owned(), |text| text.to_string_lossy().into_owned());
    for Entity { label, text, score, start, end } in tag(folder, &text)? {
        println!("{label} {text} {score:.2} ({start}..{end})");
    }
    Ok(())
}

/// The entities that the tagger in `folder`, or a small one, finds in a text.
pub fn tag(folder: Option<PathBuf>, text: &str) -> Result<Vec<Entity>, Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let folder = match folder {
        Some(folder) => folder,
        None => small_tagger::write(temporary.path())?,
    };
    Ok(Tagger::open(folder)?.tag(text)?)
}
