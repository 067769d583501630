//! Micro-batches that a recipe leaves to the program: decided on the device, once for a run.

use std::path::Path;

use electra_kernels::DeviceName;
use electra_pretrain::micro_batches::{
    MicroBatchChoice, Reason, micro_batch_choice, with_gradient_sum, with_micro_batches_in,
};
use electra_pretrain::recipe::{GradientSum, MicroBatchSize, Recipe};
use electra_ranks::Communicator;
use electra_run::recipe::{Resolved, load};
use electra_run::record::thousands;

use crate::failure::Failure;
use crate::ranks::agreed;

/// The decisions for a run: of each phase whose rows the recipe leaves to the program, by its index.
pub type Decisions = Vec<(usize, MicroBatchChoice)>;

/// As [`decide_for`] the ranks that there are, of which the first decides: it has the run folder.
///
/// # Errors
/// As there, on every rank.
pub fn decide_on(
    communicator: &Communicator<'_>,
    recipe: Resolved<Recipe>,
    device: DeviceName,
    run: Option<&Path>,
) -> Result<(Resolved<Recipe>, Decisions), Failure> {
    if !communicator.is_shared() {
        return decide_for(1, recipe, device, run);
    }
    let decided =
        communicator.is_first().then(|| decide_for(communicator.size(), recipe.clone(), device, run));
    let decided = agreed(communicator, decided.transpose())?;
    let message = decided.as_ref().map_or(String::new(), |(decided, _)| {
        let rows =
            decided.value.phases().into_iter().map(|phase| phase.recipe.micro_batch_size().to_string());
        let rows = rows.collect::<Vec<_>>().join(",");
        format!("{rows} {}", decided.value.train.gradient_sum.map_or("-", GradientSum::name))
    });
    let message = communicator.broadcast(message.into_bytes())?;
    if let Some(decided) = decided {
        return Ok(decided);
    }
    let message = String::from_utf8_lossy(&message).into_owned();
    let (rows, order) = message.split_once(' ').unwrap_or_default();
    let mut with_rows = recipe.clone();
    for (phase, rows) in recipe.value.phases().iter().zip(rows.split(',')) {
        let train = &phase.recipe.train;
        let is_decided = !matches!(train.micro_batch_size, Some(MicroBatchSize::Rows(_)));
        if let Some(rows) = rows.parse::<usize>().ok().filter(|&rows| is_decided && rows < train.batch_size) {
            with_rows = with_micro_batches_in(&with_rows, phase, rows);
        }
    }
    let order = GradientSum::ALL.into_iter().find(|known| known.name() == order);
    Ok((order.map_or(with_rows.clone(), |order| with_gradient_sum(&with_rows, order)), vec![]))
}

/// The recipe with a number of rows in each micro-batch, and why that many if the recipe leaves it to the program, phase
/// by phase; and with the order in which their gradients are added up. A run that has begun keeps its numbers and its
/// order.
///
/// # Errors
/// A device that cannot be opened.
pub fn decide_for(
    ranks: usize,
    recipe: Resolved<Recipe>,
    device: DeviceName,
    run: Option<&Path>,
) -> Result<(Resolved<Recipe>, Decisions), Failure> {
    let stored = run.and_then(stored);
    let of_stored = stored.as_ref().map_or(vec![], Recipe::phases);
    let (mut decided, mut choices) = (recipe.clone(), Decisions::new());
    for (index, phase) in recipe.value.phases().iter().enumerate() {
        let r = &phase.recipe;
        let of_run = of_stored.get(index).and_then(|stored| rows_of_run(r, &stored.recipe));
        let choice = match of_run {
            Some(rows) if r.train.batch_size.is_multiple_of(rows) => {
                Some(MicroBatchChoice { rows, reason: Reason::Run })
            }
            _ if matches!(r.train.micro_batch_size, Some(MicroBatchSize::Rows(_))) => None,
            _ => micro_batch_choice(r, &device.open_with(r.train.precision)?, ranks),
        };
        if let Some(choice) = choice {
            decided = with_micro_batches_in(&decided, phase, choice.rows);
            choices.push((index, choice));
        }
    }
    let order = match (&decided.value.train.gradient_sum, stored) {
        (Some(_), _) => None,
        // A run of an older program has none, and adds up one after the other.
        (None, Some(stored)) => stored.train.gradient_sum,
        // One or two gradients have one sum.
        (None, None) => {
            let mut phases = decided.value.phases().into_iter();
            phases.any(|phase| phase.recipe.micro_batches() > 2).then_some(GradientSum::Tree)
        }
    };
    Ok((order.map_or(decided.clone(), |order| with_gradient_sum(&decided, order)), choices))
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

/// The decisions in words, a line for each phase that has one.
pub fn lines(recipe: &Recipe, decisions: &Decisions) -> Vec<String> {
    let line = |(index, choice): &(usize, MicroBatchChoice)| match recipe.phases.len() {
        0 => in_words(*choice),
        _ => format!("phase {}: {}", index + 1, in_words(*choice)),
    };
    decisions.iter().map(line).collect()
}

/// The decision in words.
fn in_words(choice: MicroBatchChoice) -> String {
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
