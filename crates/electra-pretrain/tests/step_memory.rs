//! Tests of the memory of a step: always the same, all of it given back, no page for the first time, and no
//! more at once than now.
//!
//! A program of its own without the test harness: it counts what the allocator hands out and
//! changes what it keeps.

#[path = "training/recipe.rs"]
mod recipe;
#[allow(dead_code)]
#[path = "../../electra-model/tests/networks/tiny.rs"]
mod tiny;

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use burn::prelude::*;
use electra_kernels::CacheLineAllocator;
use electra_pretrain::Recipe;
use electra_pretrain::bench::{StepBench, bench_step};
use serde_json::{Value, json};

/// Bytes handed out now, and the most since [`PEAK`] was last lowered.
static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counted;

impl Counted {
    fn more(bytes: usize) {
        let live = LIVE.fetch_add(bytes, Relaxed) + bytes;
        PEAK.fetch_max(live, Relaxed);
    }
}

// SAFETY: every call goes to the allocator of the program as it is.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::more(layout.size());
        // SAFETY: our caller owes what the trait asks for, which is what the allocator behind asks for.
        unsafe { CacheLineAllocator.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::more(layout.size());
        // SAFETY: our caller owes what the trait asks for, which is what the allocator behind asks for.
        unsafe { CacheLineAllocator.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: our caller owes what the trait asks for, which is what the allocator behind asks for.
        unsafe { CacheLineAllocator.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTED: Counted = Counted;

/// Memory at the end of a step.
#[derive(Clone, Copy, Debug)]
struct Usage {
    /// The number of bytes in use.
    live: usize,
    /// The most bytes in use since the end of the step before.
    peak: usize,
    /// Pages that this process has touched for the first time, since it began.
    fresh_pages: u64,
}

impl Usage {
    fn now() -> Self {
        let live = LIVE.load(Relaxed);
        Self { live, peak: PEAK.swap(live, Relaxed), fresh_pages: fresh_pages() }
    }
}

/// Minor faults, the eighth field behind the name in Linux's `/proc/self/stat`; 0 elsewhere.
fn fresh_pages() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    fields.split_whitespace().nth(7).map_or(0, |count| count.parse().expect("a number of faults"))
}

/// Architecture so wide that activations outweigh everything else: 1,024 tokens of 128.
fn wide() -> Recipe {
    let mut recipe = recipe::recipe(0.1);
    let model = &mut recipe.model;
    (model.vocab_size, model.embedding_size, model.max_position_embeddings) = (1000, 64, 64);
    (model.hidden_size, model.intermediate_size, model.num_attention_heads) = (128, 512, 2);
    (model.generator.hidden_size, model.generator.intermediate_size) = (Some(32), Some(128));
    recipe.data.sequence_length = 64;
    recipe.train.batch_size = 16;
    recipe
}

/// The recipe with other objectives and schemes; the second of two stages begins with step 2.
fn variants() -> Vec<(String, Recipe)> {
    let with = |table: &str, key: &str, value: Value| {
        let mut recipe = serde_json::to_value(wide()).unwrap();
        recipe.pointer_mut(table).unwrap()[key] = value;
        recipe
    };
    let objective = |kind: &str| {
        let objective = json!({
            "kind": kind, "generator_weight": 1.0, "discriminator_weight": 1.0, "temperature": 1.0,
            "disallow_correct": false,
        });
        (
            kind.to_owned(),
            with("", "objective", if kind == "mlm" { json!({ "kind": kind }) } else { objective }),
        )
    };
    let mut two_stages = with("/model/generator", "tie", json!("none"));
    two_stages["scheme"] = json!({ "kind": "two-stage", "generator_steps": 2, "initialise": false });
    let schemes = [
        ("two-stage".to_owned(), two_stages),
        ("adversarial".to_owned(), with("", "scheme", json!({ "kind": "adversarial" }))),
    ];
    let objectives = ["electra-15", "mlm", "replace-mlm", "all-tokens-mlm", "electric"].map(objective);
    let all = schemes.into_iter().chain(objectives);
    all.map(|(name, recipe)| (name, serde_json::from_value(recipe).unwrap())).collect()
}

/// Memory at the end of each of 16 steps.
fn steps_of(recipe: &Recipe) -> Vec<Usage> {
    let bench = StepBench {
        device: Device::flex(),
        device_name: "flex".into(),
        threads: 2,
        warmup: 0,
        steps: 16,
        peak_flops: None,
    };
    let mut steps = Vec::with_capacity(bench.steps);
    bench_step(recipe, &bench, |_, _| steps.push(Usage::now())).expect("steps that do not diverge");
    steps
}

/// The first steps make moments, thread-local scratch and lists that keep their capacity.
const SETTLED: usize = 4;

/// The largest of the later steps.
fn largest(steps: &[Usage], of: fn(&Usage) -> usize) -> usize {
    steps[SETTLED + 1..].iter().map(of).max().expect("later steps")
}

/// Asserts that later steps give back what they take.
fn assert_all_is_given_back(steps: &[Usage]) {
    let growth = largest(steps, |step| step.live).saturating_sub(steps[SETTLED].live);
    assert!(growth < 64 << 10, "{growth} bytes were not given back in 11 steps: {steps:#?}");
}

fn main() {
    electra_kernels::keep_freed_memory();
    electra_kernels::use_threads(2).expect("no pool before this one");
    let steps = steps_of(&wide());
    assert_all_is_given_back(&steps);
    let settled = steps[SETTLED];
    let peak = largest(&steps, |step| step.peak) - settled.live;
    println!("{peak} bytes at most beyond the {} that stay", settled.live);
    assert!(peak < MAX_PEAK, "a step takes {peak} bytes beyond what stays, {MAX_PEAK} were enough");
    if fresh_pages() > 0 {
        let fresh = steps[15].fresh_pages - settled.fresh_pages;
        println!("{fresh} fresh pages in 11 steps");
        let of_a_step = peak as u64 / 4096;
        assert!(fresh < of_a_step / 20, "{fresh} fresh pages in 11 steps of {of_a_step} pages: {steps:#?}");
    }
    for (name, recipe) in variants() {
        println!("{name}");
        assert_all_is_given_back(&steps_of(&recipe));
    }
}

/// Bytes that were seen, 36.0 million, and a twenty-fifth: whoever keeps more activations for the
/// backward pass, or gradients for longer, has to raise this.
const MAX_PEAK: usize = 37_500_000;
