//! Logits of a tagger for every piece of the lines of standard input, as lines of JSON: what
//! `scripts/reference/check_tagger.py` compares with transformers.
//!
//! ```text
//! cargo run -p electra-ner --example tagger_logits -- DIR [COPY] < TEXT
//! ```
//!
//! With COPY the tagger is also written again, to that folder.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use burn::prelude::*;
use electra_model::{DropoutSites, Precision};
use electra_ner::{TaggerFolder, WindowBatchData};
use electra_text::wordpiece::OffsetUnit;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (folder, copy) = match arguments.as_slice() {
        [folder] => (folder, None),
        [folder, copy] => (folder, Some(copy)),
        _ => return Err("expected DIR [COPY] and lines of text on standard input".into()),
    };
    let device = Device::flex();
    let folder = TaggerFolder::open(Path::new(folder))?;
    let tagger = folder.tagger(&device, Precision::F32)?;
    for line in io::stdin().lines() {
        let encoding =
            folder.tokenizer.encode(&line?, OffsetUnit::Chars, Some(folder.config.max_position_embeddings));
        let ids: Vec<u32> = encoding.ids.clone();
        let mut windows = WindowBatchData::new(ids.len());
        windows.push(&ids, &[], folder.tokenizer.special().pad);
        let logits = tagger.forward_all(&windows.to_device(&device), &DropoutSites::off()); // [1, S, L]
        let logits: Vec<f32> = logits.into_data().iter::<f32>().collect();
        let pieces: Vec<&str> = folder.tokenizer.pieces(ids).collect();
        let rows: Vec<&[f32]> = logits.chunks(folder.labels.len()).collect();
        println!("{}", serde_json::json!({"pieces": pieces, "logits": rows}));
    }
    if let Some(copy) = copy {
        TaggerFolder { path: PathBuf::from(copy), ..folder }.write()?;
    }
    Ok(())
}
