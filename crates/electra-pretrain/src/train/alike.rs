//! The check that all ranks were started alike.

use electra_files::regular;
use electra_ranks::{Communicator, RankError};
use electra_run::recipe::Resolved;

use crate::phases::RunData;
use crate::recipe::Recipe;

/// Keys of a recipe that say where things lie, which may differ from machine to machine.
const PLACES: &[&str] = &["data.path", "data.sources.path", "phases.data.path", "phases.data.sources.path"];

/// Refuses ranks that are of different programs, recipes, data, weights to begin with or processors: each of these
/// would make other updates of the same gradients.
///
/// # Errors
/// The first rank that differs, and in what; on every rank.
pub(super) fn check_alike(
    communicator: &Communicator<'_>,
    recipe: &Resolved<Recipe>,
    (program_version, device_name): (&str, &str),
    data: &RunData,
    weights_hash: Option<String>,
) -> Result<(), RankError> {
    if !communicator.is_shared() {
        return Ok(());
    }
    let short = |hash: &str| hash.get(..12).unwrap_or(hash).to_owned();
    communicator.compare(&[
        ("another program", format!("{} of {}", program(), program_version)),
        ("another recipe", short(&recipe.hash_without(PLACES))),
        ("other data", short(&data.data_hash(&recipe.value))),
        ("another tokenizer", short(&data.first().first().manifest().tokenizer.hash)),
        ("other weights to begin with", weights_hash.as_deref().map_or("none".to_owned(), short)),
        ("another device", kind_of(device_name)),
        ("a processor with other instructions", instructions()),
    ])
}

/// A hash of the program that runs; nothing where the system does not say which it is.
fn program() -> String {
    let hashed = std::env::current_exe().and_then(|path| {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(regular::open(&path)?)?;
        Ok(hasher.finalize().to_hex()[..12].to_owned())
    });
    hashed.unwrap_or_else(|_| "unknown".to_owned())
}

/// The device without its number: each rank may have a card of its own.
fn kind_of(device: &str) -> String {
    device.split(':').next().unwrap_or_default().to_owned()
}

/// The instructions by which kernels choose how they compute.
fn instructions() -> String {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        let known = [
            ("avx2", has!("avx2")),
            ("fma", has!("fma")),
            ("avx512f", has!("avx512f")),
            ("avx512bw", has!("avx512bw")),
            ("avx512dq", has!("avx512dq")),
            ("avx512vl", has!("avx512vl")),
            ("avx512bf16", has!("avx512bf16")),
        ];
        let there: Vec<&str> = known.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
        format!("x86-64 {}", there.join(" "))
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::env::consts::ARCH.to_owned()
}
