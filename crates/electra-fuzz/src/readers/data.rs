//! Data folders and their shards, as `pretrain`, `data verify` and `data inspect` read them.

use std::path::Path;

use electra_pretrain::data::batch_plan;
use electra_pretrain::loader::Loader;
use electra_pretrain::mask::Masking;
use electra_text::build::{BuildRequest, HeldOut, build};
use electra_text::corpus::ReadOptions;
use electra_text::inspect::{example_text, statistics};
use electra_text::manifest::MANIFEST_FILE;
use electra_text::pack::{PackMode, PackSettings};
use electra_text::shard::HEADER_BYTES;
use electra_text::verify::verify;
use electra_text::{DataSet, Manifest, Split, Tokenizer};
use rand::RngExt;
use rand::seq::IndexedRandom;
use serde_json::Value;

use super::material::{TEXT, recipe, tokenizer};
use crate::case::Case;
use crate::mutate;
use crate::reader::{OkRendered, Reached, Reader, Rng};

const STAGES: &[&str] = &["opened", "rows", "batched", "verified", "inspected"];
/// The most rows that are read one by one.
const MAX_ROWS: usize = 2000;

/// A whole data folder.
pub(super) struct DataFolder;
/// A data folder whose shards alone are damaged.
pub(super) struct Shards;

impl Reader for DataFolder {
    fn name(&self) -> &'static str {
        "data-folder"
    }

    fn stages(&self) -> &'static [&'static str] {
        STAGES
    }

    fn seeds(&self) -> Vec<Case> {
        seeds()
    }

    fn mutate(&self, case: &mut Case, rng: &mut Rng) {
        match rng.random_bool(0.6) {
            true => mutate::damage(case, MANIFEST_FILE, rng),
            false => mutate::mutate(case, rng),
        }
    }

    fn seal(&self, case: &mut Case, rng: &mut Rng) {
        seal(case, rng);
    }

    fn run(&self, folder: &Path, reached: &Reached<'_>) -> Option<()> {
        run(folder, reached)
    }
}

impl Reader for Shards {
    fn name(&self) -> &'static str {
        "shard"
    }

    fn stages(&self) -> &'static [&'static str] {
        STAGES
    }

    fn seeds(&self) -> Vec<Case> {
        seeds()
    }

    fn mutate(&self, case: &mut Case, rng: &mut Rng) {
        let shards: Vec<String> = shards(case);
        if let Some(name) = shards.choose(rng)
            && let Some(bytes) = case.file_mut(name)
        {
            // The header is short beside the rows.
            let mut header = bytes[..HEADER_BYTES.min(bytes.len())].to_vec();
            match rng.random_bool(0.3) {
                true => {
                    mutate::damage_bytes(&mut header, rng);
                    header.resize(HEADER_BYTES.min(bytes.len()), 0);
                    bytes[..header.len()].copy_from_slice(&header);
                }
                false => mutate::damage_bytes(bytes, rng),
            }
        }
    }

    fn seal(&self, case: &mut Case, rng: &mut Rng) {
        seal(case, rng);
    }

    fn run(&self, folder: &Path, reached: &Reached<'_>) -> Option<()> {
        run(folder, reached)
    }
}

/// A request to build data from the text in `folder`.
pub(super) fn request(folder: &Path, out: &str) -> BuildRequest {
    BuildRequest {
        inputs: vec![folder.join("text.txt")],
        heldout: HeldOut::Fraction { fraction: 0.3, salt: 1 },
        read: ReadOptions::default(),
        deduplicate: None,
        tokenizer: tokenizer(),
        pack: PackSettings { mode: PackMode::Carry, seq_len: 16, seed: 0 },
        block_bytes: 100,
        threads: 1,
        out: folder.join(out),
        force: false,
    }
}

fn seeds() -> Vec<Case> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("a temporary folder can be written to");
    };
    write("text.txt", &TEXT.repeat(3));
    write("held.txt", TEXT);
    let plain = request(folder.path(), "plain");
    let pairs = BuildRequest {
        pack: PackSettings { mode: PackMode::Google, seq_len: 16, seed: 3 },
        heldout: HeldOut::Files(vec![folder.path().join("held.txt")]),
        ..request(folder.path(), "pairs")
    };
    [plain, pairs]
        .map(|request| {
            build(&request, |_| {}).expect("the text can be built");
            Case::of_folder(&request.out).expect("what was built can be read")
        })
        .into()
}

fn shards(case: &Case) -> Vec<String> {
    case.files().filter(|name| name.ends_with(".ids")).map(str::to_owned).collect()
}

/// Lengths and hashes of shards are those that they have, and the manifest's own follows.
fn seal(case: &mut Case, rng: &mut Rng) {
    if rng.random_bool(0.1) {
        return;
    }
    let manifest = case.file(MANIFEST_FILE).and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
    let Some(mut manifest) = manifest.filter(Value::is_object) else { return };
    if rng.random_bool(0.5) {
        seal_tokenizer(case, &mut manifest);
    }
    let agrees = rng.random_bool(0.5);
    let at = |pointer: &str| manifest.pointer(pointer).cloned().unwrap_or_default();
    let [vocab_size, hash] = ["/tokenizer/vocab_size", "/tokenizer/hash"].map(at);
    let seq_len = at("/settings/pack/seq_len");
    let records = manifest.get_mut("shards").and_then(Value::as_array_mut);
    for record in records.into_iter().flatten().filter(|record| record.is_object()) {
        let Some(name) = record["file"].as_str().map(str::to_owned) else { continue };
        let Some(bytes) = case.file_mut(&name) else { continue };
        if bytes.len() >= HEADER_BYTES {
            if agrees {
                // What the manifest says stands in the headers as well.
                let mut field = |at: usize, width: usize, value: &Value| {
                    if let Some(value) = value.as_u64() {
                        bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
                    }
                };
                field(16, 4, &seq_len);
                field(20, 4, &vocab_size);
                field(32, 8, &record["examples"]);
                field(40, 8, &record["tokens"]);
                if let Some(hash) = hash.as_str().and_then(|hash| blake3::Hash::from_hex(hash).ok()) {
                    bytes[48..80].copy_from_slice(hash.as_bytes());
                }
            }
            let end = HEADER_BYTES - 32;
            let checksum = blake3::hash(&bytes[..end]);
            bytes[end..HEADER_BYTES].copy_from_slice(checksum.as_bytes());
        }
        record["bytes"] = bytes.len().into();
        record["blake3"] = blake3::hash(bytes).to_hex().as_str().into();
    }
    // Only what is a manifest has a hash of its own.
    let text = match serde_json::from_value::<Manifest>(manifest.clone()) {
        Ok(typed) => typed.sealed().to_json(),
        Err(_) => format!("{manifest:#}"),
    };
    case.set(MANIFEST_FILE, text);
}

/// The manifest is of the tokenizer that stands beside it, if it is one.
fn seal_tokenizer(case: &Case, manifest: &mut Value) -> Option<()> {
    let mut files = Case::default();
    for name in case.files() {
        if let Some(inner) = name.strip_prefix("tokenizer/") {
            files.set(inner, case.file(name)?);
        }
    }
    let folder = tempfile::tempdir().ok()?;
    files.write(folder.path()).ok()?;
    let tokenizer = Tokenizer::load(folder.path()).ok()?;
    manifest
        .get_mut("tokenizer")?
        .as_object_mut()?
        .insert("hash".into(), tokenizer.hash().to_hex().as_str().into());
    Some(())
}

fn run(folder: &Path, reached: &Reached<'_>) -> Option<()> {
    let data = DataSet::open(folder).ok_rendered()?;
    reached.stage("opened");
    for split in Split::ALL {
        for example in data.split(split).iter().take(MAX_ROWS) {
            let types = (0..example.ids.len()).map(|index| example.token_type(index)).sum::<u32>();
            std::hint::black_box((example.ids.to_vec(), types));
        }
    }
    reached.stage("rows");
    batch(folder)?;
    reached.stage("batched");
    verify(folder, |done, of| {
        std::hint::black_box((done, of));
    })
    .ok_rendered()?;
    reached.stage("verified");
    let tokenizer = Tokenizer::load(data.tokenizer_folder()).ok_rendered()?;
    for split in Split::ALL {
        std::hint::black_box(serde_json::to_string(&statistics(&data, &tokenizer, split, 5)).ok_rendered());
        for example in data.split(split).iter().take(5) {
            assert!(
                example.ids.iter().all(|id| (id as usize) < tokenizer.vocab_size()),
                "an id of no piece was verified"
            );
            std::hint::black_box(example_text(example, &tokenizer, &[0, 1]));
        }
    }
    reached.stage("inspected");
    Some(())
}

/// The batches of a run with `--no-verify`.
fn batch(folder: &Path) -> Option<()> {
    let mut recipe = recipe().value.clone();
    recipe.data.path = folder.to_owned();
    for masking in [recipe.masking, Masking::WholeWord { probability: 0.15 }] {
        recipe.masking = masking;
        let data = electra_pretrain::data::open_data(&recipe).ok_rendered()?;
        let loader = Loader::new(data.clone(), batch_plan(&recipe)).ok_rendered()?;
        let mut batches = loader.at(0).ok_rendered()?;
        batches.extend(loader.at(u64::from(u32::MAX)).ok_rendered()?);
        if loader.heldout_len() > 0 {
            batches.push(loader.heldout(&[0, loader.heldout_len() - 1]).ok_rendered()?);
        }
        std::hint::black_box(loader.epochs(1));
        for batch in batches {
            // What the tables of the networks are asked for.
            let most = recipe.model.vocab_size as i32;
            let ids = batch.ids.iter().chain(&batch.masked_ids).chain(&batch.targets);
            assert!(
                ids.clone().all(|id| (0..most).contains(id)),
                "an id beyond the model's table in a batch"
            );
            std::hint::black_box(batch.to_device(&burn::prelude::Device::flex()));
        }
    }
    Some(())
}
