//! Short passes on the kernels, with pauses of random length and other processes beside them: none may hang.
//!
//! Most of the passes divide work as burn's own operations do: by `rayon::join`, which waits, into tasks of
//! very unequal length. Threads that wait there while a pass begins or ends are what hung a pool
//! whose workers looked for work inside jobs of rayon ([decision 12]).
//!
//! [decision 12]: ../../../docs/decisions/0012-worker-pool.md
//!
//! `ELECTRA_STRESS_SECONDS` says for how long each number of threads is tried; 2 if it is not set.

use std::env;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use burn::prelude::*;
use electra_kernels::{ComputeSettings, DeviceError, Pass, embed, gelu, layer_norm, on_workers};

/// The variable with the role of a copy of this program: a busy neighbour, or passes on some threads.
const ROLE: &str = "ELECTRA_STRESS_ROLE";
/// Passes take a hundred microseconds; one that is not over after this long, however busy the machine,
/// never will be.
const HANGS: Duration = Duration::from_secs(60);
const NEIGHBOURS: usize = 2;

static PASSES: AtomicU64 = AtomicU64::new(0);

fn main() -> ExitCode {
    let seconds = env::var("ELECTRA_STRESS_SECONDS").map_or(2.0, |s| s.parse().expect("a number of seconds"));
    match env::var(ROLE) {
        Err(_) => supervise(seconds),
        Ok(role) if role == "neighbour" => loop {
            std::hint::spin_loop();
        },
        Ok(threads) => {
            passes(threads.parse().expect("a number of threads"), Duration::from_secs_f64(seconds))
        }
    }
}

/// A child that ends with this program.
struct Neighbour(Child);

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).expect("the child can be ended");
    }
}

fn copy(role: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("this program has a path"));
    command.env(ROLE, role).stdin(Stdio::null());
    command
}

fn supervise(seconds: f64) -> ExitCode {
    let neighbours = (0..NEIGHBOURS).map(|_| Neighbour(copy("neighbour").spawn().expect("a second process")));
    let _neighbours: Vec<_> = neighbours.collect();
    println!("running {seconds} s on each number of threads");
    let hung = [2, 3, 4, 8].into_iter().filter(|threads| {
        let status = copy(&threads.to_string()).status().expect("a second process");
        !status.success()
    });
    let hung: Vec<usize> = hung.collect();
    let outcome = if hung.is_empty() { "ok" } else { "FAILED" };
    println!("test result: {outcome}. {} passed; {} failed; 0 ignored", 4 - hung.len(), hung.len());
    if hung.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Makes passes on `threads` threads for some time. The program ends as soon as one of them hangs.
fn passes(threads: usize, time: Duration) -> ExitCode {
    electra_kernels::use_threads(threads).expect("no pool before this one");
    let again = ComputeSettings { threads: Some(threads), ..ComputeSettings::default() }.open();
    assert!(matches!(again, Err(DeviceError::Threads { .. })), "the number can be set once");
    let start = Instant::now();
    std::thread::spawn(move || {
        let (mut last, mut since) = (0, Instant::now());
        loop {
            std::thread::sleep(Duration::from_millis(100));
            let passes = PASSES.load(Ordering::Relaxed);
            if passes != last {
                (last, since) = (passes, Instant::now());
            } else if since.elapsed() > HANGS {
                println!("{threads} threads: hangs after {passes} passes, {:.1?}", start.elapsed() - HANGS);
                std::process::exit(1);
            }
        }
    });
    let device = Device::flex();
    let tensors = Tensors::new(&device);
    let expected = tensors.pass();
    let mut random = 1u64;
    while start.elapsed() < time {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Up to some 100 microseconds, so that passes begin while workers are falling asleep.
        for _ in 0..random >> 52 {
            std::hint::spin_loop();
        }
        let pass = PASSES.load(Ordering::Relaxed);
        if pass.is_multiple_of(8) {
            let found = on_workers(Pass::Training, &device, || tensors.pass());
            assert_eq!(found, expected, "the bits of pass {pass}");
        } else {
            let found = on_workers(Pass::Training, &device, || tree(6, random, true));
            let expected = tree(6, random, false);
            assert_eq!(found, expected, "the sum of pass {pass}");
        }
        PASSES.fetch_add(1, Ordering::Relaxed);
    }
    println!("{threads} threads: {} passes", PASSES.load(Ordering::Relaxed));
    ExitCode::SUCCESS
}

/// A sum over a tree of halves, shared by rayon's threads or not; each leaf has up to 300 additions.
fn tree(depth: u32, random: u64, is_shared: bool) -> f64 {
    if depth == 0 {
        return (0..random % 300).fold(0.0, |sum, i| std::hint::black_box(sum + (i * i) as f64));
    }
    let other = random.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17);
    let half = |random| tree(depth - 1, random, is_shared);
    let (a, b) = if is_shared {
        rayon::join(|| half(random.rotate_left(7)), || half(other))
    } else {
        (half(random.rotate_left(7)), half(other))
    };
    a + b
}

/// Operands of operations that are large enough to be shared and over in microseconds.
struct Tensors {
    ids: Tensor<2, Int>,
    table: Tensor<2>,
    positions: Tensor<2>,
    scale: Tensor<1>,
}

impl Tensors {
    const WIDTH: usize = 32;

    fn new(device: &Device) -> Self {
        let floats = |n: usize| {
            let values: Vec<f32> = (0..n).map(|i| (i * 37 % 101) as f32 / 101.0 - 0.5).collect();
            Tensor::<1>::from_data(TensorData::new(values, [n]), device)
        };
        let table = |rows: usize| floats(rows * Self::WIDTH).reshape([rows, Self::WIDTH]);
        let ids: Vec<i64> = (0..64 * 24).map(|i| i * i % 50).collect();
        Self {
            ids: Tensor::from_data(TensorData::new(ids, [64, 24]), device),
            table: table(50),
            positions: table(24),
            scale: floats(Self::WIDTH),
        }
    }

    /// A few operations one after the other; a sum of all results.
    fn pass(&self) -> u32 {
        let (ids, positions) = (self.ids.clone(), self.positions.clone());
        let types = positions.clone().narrow(0, 0, 2);
        let x = embed(self.table.clone(), positions, types, ids.clone(), ids.zeros_like());
        let x = gelu(layer_norm(x, self.scale.clone(), self.scale.clone(), 1e-12));
        x.slice([0..64, 0..1, 0..1]).sum().into_scalar::<f32>().to_bits()
    }
}
