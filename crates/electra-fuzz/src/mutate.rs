//! Damage: what happens to files, by what is in them.

mod bytes;
mod json;
mod lines;
mod safetensors;
mod tokens;
mod values;

use std::io::{Read, Write};

use rand::RngExt;
use rand::seq::IndexedRandom;

use crate::case::{Case, Entry};
use crate::rng::Rng;

pub use bytes::damage_bytes;
pub use json::damage_json;
pub use lines::damage_lines;

/// Files that unpack to more are left packed.
const MAX_UNPACKED: u64 = 1 << 20;

/// Names beside files that writers may take for their own.
const BESIDE: [&str; 4] = [".tmp", ".lock", ".building", ".partial"];

/// Damages one file of the case, or changes what stands under one name.
pub fn mutate(case: &mut Case, rng: &mut Rng) {
    let names: Vec<String> = case.files().map(str::to_owned).collect();
    let Some(name) = names.choose(rng).cloned() else { return };
    if rng.random_bool(0.04) {
        return replace_entry(case, &name, rng);
    }
    damage(case, &name, rng);
}

/// Damages the file of that name by what its name says it is.
pub fn damage(case: &mut Case, name: &str, rng: &mut Rng) {
    let Some(bytes) = case.file_mut(name) else { return };
    if rng.random_bool(0.03) {
        return damage_bytes(bytes, rng);
    }
    let name = name.rsplit('/').next().unwrap_or(name);
    if let Some(inner) = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")) {
        return damage_packed(bytes, inner, name.ends_with(".gz"), rng);
    }
    damage_content(bytes, name, rng);
}

fn damage_content(bytes: &mut Vec<u8>, name: &str, rng: &mut Rng) {
    match name.rsplit('.').next().unwrap_or_default() {
        "json" => damage_json_text(bytes, rng),
        "jsonl" | "ndjson" => damage_records(bytes, rng),
        "toml" => damage_toml(bytes, rng),
        "safetensors" => safetensors::damage(bytes, rng),
        "txt" | "conll" | "tsv" | "md" => damage_text(bytes, rng),
        _ => damage_bytes(bytes, rng),
    }
}

fn damage_text(bytes: &mut Vec<u8>, rng: &mut Rng) {
    match rng.random_range(0..10) {
        0..6 => damage_lines(bytes, rng),
        6..9 => tokens::damage(bytes, rng),
        _ => damage_bytes(bytes, rng),
    }
}

fn damage_json_text(bytes: &mut Vec<u8>, rng: &mut Rng) {
    match rng.random_range(0..10) {
        0..6 => {
            if let Ok(mut value) = serde_json::from_slice(bytes) {
                damage_json(&mut value, rng);
                *bytes = serde_json::to_vec_pretty(&value).unwrap_or_default();
            } else {
                tokens::damage(bytes, rng);
            }
        }
        6..8 => tokens::damage(bytes, rng),
        8 => damage_lines(bytes, rng),
        _ => json::damage_text(bytes, rng),
    }
}

fn damage_records(bytes: &mut Vec<u8>, rng: &mut Rng) {
    if rng.random_bool(0.3) {
        return damage_lines(bytes, rng);
    }
    let mut lines: Vec<Vec<u8>> = bytes.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
    let at = rng.random_range(0..lines.len());
    damage_json_text(&mut lines[at], rng);
    // A record stays a line, most of the time.
    if rng.random_bool(0.9) {
        lines[at].retain(|&byte| byte != b'\n');
    }
    *bytes = lines.join(&b'\n');
}

fn damage_toml(bytes: &mut Vec<u8>, rng: &mut Rng) {
    match rng.random_range(0..10) {
        0..4 => {
            let table = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<toml::Table>().ok());
            let Some(mut value) = table.and_then(|table| serde_json::to_value(table).ok()) else {
                return tokens::damage(bytes, rng);
            };
            damage_json(&mut value, rng);
            // TOML has no null and no numbers of more than 63 bits.
            match toml::to_string(&value) {
                Ok(text) => *bytes = text.into_bytes(),
                Err(_) => tokens::damage(bytes, rng),
            }
        }
        4..9 => tokens::damage(bytes, rng),
        _ => damage_lines(bytes, rng),
    }
}

/// Damages a compressed file, or more often what is in it.
fn damage_packed(bytes: &mut Vec<u8>, inner: &str, is_gzip: bool, rng: &mut Rng) {
    if rng.random_bool(0.3) {
        return damage_bytes(bytes, rng);
    }
    let mut content = Vec::new();
    let is_whole = if is_gzip {
        flate2::read::MultiGzDecoder::new(&bytes[..]).take(MAX_UNPACKED).read_to_end(&mut content).is_ok()
    } else {
        zstd::Decoder::new(&bytes[..])
            .and_then(|decoder| decoder.take(MAX_UNPACKED).read_to_end(&mut content))
            .is_ok()
    };
    if !is_whole {
        return damage_bytes(bytes, rng);
    }
    damage_content(&mut content, inner, rng);
    *bytes = if is_gzip { gzip(&content) } else { zstd(&content) };
}

/// Packs with gzip.
///
/// # Panics
/// Never: memory takes all that is written.
#[must_use]
pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).and_then(|()| encoder.finish()).expect("memory takes all that is written")
}

/// Packs with zstd.
///
/// # Panics
/// Never: memory takes all that is written.
#[must_use]
pub fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 1).expect("memory takes all that is written")
}

/// Puts a link where reading would write.
pub fn add_link(case: &mut Case, name: &str, rng: &mut Rng) {
    case.put(name, Entry::Link(target(name, rng)));
}

/// The target of a link of that name: the canary beside the input, an endless file, or the link itself.
fn target(name: &str, rng: &mut Rng) -> String {
    let canary = "../".repeat(1 + name.matches('/').count()) + "canary";
    match rng.random_range(0..8) {
        0..4 => canary + "/victim",
        4 => canary + "/new",
        5 => canary,
        6 => "/dev/zero".to_owned(),
        _ => name.rsplit('/').next().unwrap_or(name).to_owned(),
    }
}

/// A file is not there, or is something else, or something stands beside it.
fn replace_entry(case: &mut Case, name: &str, rng: &mut Rng) {
    let target = target(name, rng);
    match rng.random_range(0..8) {
        0 => case.remove(name),
        1 => case.put(name, Entry::Folder),
        2 => case.put(name, Entry::Pipe),
        3 => case.put(name, Entry::Link(target)),
        4 | 5 => {
            let suffix = BESIDE.choose(rng).unwrap_or(&".tmp");
            case.put(&format!("{name}{suffix}"), Entry::Link(target));
        }
        6 => case.set(name, Vec::new()),
        // The folder around it is a link.
        _ => add_link(case, name.rsplit_once('/').map_or(name, |(folder, _)| folder), rng),
    }
}
