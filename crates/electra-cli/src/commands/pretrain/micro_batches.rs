//! Micro-batches that a recipe leaves to the program: decided on the device, once for a run.

use std::path::Path;

use electra_kernels::DeviceName;
use electra_pretrain::micro_batches::{
    MicroBatchChoice, Reason, micro_batch_choice, with_gradient_sum, with_micro_batches,
};
use electra_pretrain::recipe::{GradientSum, MicroBatchSize, Recipe};
use electra_ranks::Communicator;
use electra_run::recipe::{Resolved, load};
use electra_run::record::thousands;

use crate::failure::Failure;
use crate::ranks::agreed;

/// As [`decide_for`] the ranks that there are, of which the first decides: it has the run folder.
///
/// # Errors
/// As there, on every rank.
pub fn decide_on(
    communicator: &Communicator<'_>,
    recipe: Resolved<Recipe>,
    device: DeviceName,
    run: Option<&Path>,
) -> Result<(Resolved<Recipe>, Option<MicroBatchChoice>), Failure> {
    if !communicator.is_shared() {
        return decide_for(1, recipe, device, run);
    }
    let decided =
        communicator.is_first().then(|| decide_for(communicator.size(), recipe.clone(), device, run));
    let decided = agreed(communicator, decided.transpose())?;
    let told = decided.as_ref().map_or(String::new(), |(decided, _)| {
        let train = &decided.value.train;
        let rows = decided.value.micro_batch_size();
        format!("{rows} {}", train.gradient_sum.map_or("-", GradientSum::name))
    });
    let told = communicator.broadcast(told.into_bytes())?;
    if let Some(decided) = decided {
        return Ok(decided);
    }
    let told = String::from_utf8_lossy(&told).into_owned();
    let (rows, order) = told.split_once(' ').unwrap_or_default();
    let is_decided = !matches!(recipe.value.train.micro_batch_size, Some(MicroBatchSize::Rows(_)));
    let rows = rows.parse::<usize>().ok().filter(|&rows| is_decided && rows < recipe.value.train.batch_size);
    let with_rows = rows.map_or(recipe.clone(), |rows| with_micro_batches(&recipe, rows));
    let order = GradientSum::ALL.into_iter().find(|known| known.name() == order);
    Ok((order.map_or(with_rows.clone(), |order| with_gradient_sum(&with_rows, order)), None))
}

/// The recipe with a number of rows in each micro-batch, and why that many if the recipe leaves it to the program; and
/// with the order in which their gradients are added up. A run that has begun keeps its number and its order.
///
/// # Errors
/// A device that cannot be opened.
pub fn decide_for(
    ranks: usize,
    recipe: Resolved<Recipe>,
    device: DeviceName,
    run: Option<&Path>,
) -> Result<(Resolved<Recipe>, Option<MicroBatchChoice>), Failure> {
    let stored = run.and_then(stored);
    let of_run = stored.as_ref().and_then(|stored| rows_of_run(&recipe.value, stored));
    let choice = match of_run {
        Some(rows) if recipe.value.train.batch_size.is_multiple_of(rows) => {
            Some(MicroBatchChoice { rows, reason: Reason::Run })
        }
        _ if matches!(recipe.value.train.micro_batch_size, Some(MicroBatchSize::Rows(_))) => None,
        _ => micro_batch_choice(&recipe.value, &device.open_with(recipe.value.train.precision)?, ranks),
    };
    let decided = choice.map_or(recipe.clone(), |choice| with_micro_batches(&recipe, choice.rows));
    let order = match (&decided.value.train.gradient_sum, stored) {
        (Some(_), _) => None,
        // A run of an older program has none, and adds up one after the other.
        (None, Some(stored)) => stored.train.gradient_sum,
        // One or two gradients have one sum.
        (None, None) => (decided.value.micro_batches() > 2).then_some(GradientSum::Tree),
    };
    Ok((order.map_or(decided.clone(), |order| with_gradient_sum(&decided, order)), choice))
}

/// The rows of a micro-batch with which a run has begun, where its recipe leaves them to the program: in so many words,
/// or by saying nothing, in which case several ranks have decided.
fn rows_of_run(recipe: &Recipe, stored: &Recipe) -> Option<usize> {
    match recipe.train.micro_batch_size {
        Some(MicroBatchSize::Auto) => rows_of(stored),
        None if stored.train.micro_batch_size.is_some() => rows_of(stored),
        _ => None,
    }
}

/// The recipe that the run in a folder has begun with.
fn stored(run: &Path) -> Option<Recipe> {
    // A recipe that cannot be read is reported by whoever goes on with the run.
    let stored: Resolved<Recipe> = load(&run.join("recipe.toml"), &[]).ok()?;
    Some(stored.value)
}

/// The rows of a micro-batch of a stored recipe.
fn rows_of(stored: &Recipe) -> Option<usize> {
    let train = &stored.train;
    // Nothing is computed from it here: its numbers were not held against their bounds.
    match train.micro_batch_size {
        None => Some(train.batch_size),
        Some(MicroBatchSize::Rows(rows)) => Some(rows),
        Some(MicroBatchSize::Auto) => None,
    }
    .filter(|&rows| rows > 0)
}

/// The decision in words.
pub fn in_words(choice: MicroBatchChoice) -> String {
    let gigabytes = |bytes: u64| bytes as f64 / 1e9;
    let why = match choice.reason {
        Reason::Run => "as the run has begun".to_owned(),
        Reason::Ranks { ranks } => format!("at least one micro-batch for each of {ranks} ranks"),
        Reason::Tokens { most } => format!("{} tokens at most on a CPU", thousands(most as u64)),
        Reason::DeviceMemory { needed, of } => {
            format!("about {:.1} of {:.1} GB of the GPU's memory", gigabytes(needed), gigabytes(of))
        }
    };
    format!("{} rows at once ({why})", choice.rows)
}
