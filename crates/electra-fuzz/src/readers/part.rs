//! Parts of data folders, as `data merge` joins them.

use std::path::Path;

use electra_text::DataSet;
use electra_text::build::{PART_FILE, Part, PartManifest, build_part, merge};
use electra_text::verify::verify;
use rand::RngExt;
use serde_json::Value;

use super::data::request;
use super::material::TEXT;
use crate::case::Case;
use crate::mutate;
use crate::reader::{OkRendered, Reached, Reader, Rng};

const PARTS: [&str; 2] = ["first", "second"];

/// Two parts of a folder.
pub(super) struct Parts;

impl Reader for Parts {
    fn name(&self) -> &'static str {
        "part"
    }

    fn stages(&self) -> &'static [&'static str] {
        &["read", "joined", "verified"]
    }

    fn seeds(&self) -> Vec<Case> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("text.txt"), TEXT).expect("a temporary folder can be written to");
        let mut case = Case::default();
        for (number, name) in (1..).zip(PARTS) {
            let request = request(folder.path(), name);
            build_part(&request, Part { number, of: 2 }, |_| {}).expect("the text can be built");
            let part = Case::of_folder(&request.out).expect("what was built can be read");
            for file in part.files() {
                case.set(&format!("{name}/{file}"), part.file(file).unwrap_or_default());
            }
        }
        vec![case]
    }

    fn mutate(&self, case: &mut Case, rng: &mut Rng) {
        let name = PARTS[rng.random_range(0..2)];
        match rng.random_bool(0.7) {
            true => mutate::damage(case, &format!("{name}/{PART_FILE}"), rng),
            false => mutate::mutate(case, rng),
        }
    }

    fn writes(&self) -> &'static [&'static str] {
        &[".out.building", ".out.lock", ".out.replaced"]
    }

    fn seal(&self, case: &mut Case, rng: &mut Rng) {
        if rng.random_bool(0.1) {
            return;
        }
        let copies = rng.random_bool(0.5);
        let mut common = None;
        for name in PARTS {
            let file = format!("{name}/{PART_FILE}");
            let part = case.file(&file).and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
            let Some(mut part) = part else { continue };
            if part.is_object() {
                // What parts have in common is damaged in both.
                let shared = ["settings", "tokenizer", "inputs", "format", "replaced"];
                let first = common.get_or_insert_with(|| part.clone());
                for key in shared.into_iter().filter(|_| copies) {
                    part[key] = first[key].clone();
                }
                let rows = ["train", "heldout"].map(|split| {
                    let rows = case.file(&format!("{name}/{split}.rows")).unwrap_or_default();
                    blake3::hash(rows).to_hex().to_string()
                });
                part["rows"] = rows.to_vec().into();
            }
            // Only what is a part has a seal of its own.
            let sealed = match serde_json::from_value::<PartManifest>(part.clone()) {
                Ok(typed) => serde_json::to_vec_pretty(&typed.sealed()),
                Err(_) => serde_json::to_vec_pretty(&part),
            };
            case.set(&file, sealed.unwrap_or_default());
        }
    }

    fn run(&self, folder: &Path, reached: &Reached<'_>) -> Option<()> {
        let parts = PARTS.map(|name| folder.join(name));
        for part in &parts {
            let part = PartManifest::read(part).ok_rendered()?;
            std::hint::black_box((part.left_out(), electra_text::Split::ALL.map(|split| part.counts(split))));
        }
        reached.stage("read");
        let out = folder.join("out");
        merge(&parts, &out, false, |done, of| {
            std::hint::black_box((done, of));
        })
        .ok_rendered()?;
        reached.stage("joined");
        DataSet::open(&out).ok_rendered()?;
        verify(&out, |_, _| {}).ok_rendered()?;
        reached.stage("verified");
        Some(())
    }
}
