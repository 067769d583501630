//! `electra doctor`: what this machine has, and what it lacks.

use std::path::PathBuf;
use std::process::ExitCode;

use burn::prelude::Device;
use electra_files::memory;
use electra_hub::Hub;
use electra_kernels::{Card, KEEPS_KERNELS, Precision, card};
use electra_run::process;
use electra_run::record::thousands;
use serde_json::json;

use crate::device::{self, DeviceName, missing, use_threads};
use crate::failure::Failure;
use crate::gemm_peak;
use crate::hub;

/// Look at this machine: devices, memory, speed, what is missing.
#[derive(clap::Args)]
#[command(after_help = "Example:
  electra doctor --json")]
pub struct Doctor {
    /// CPU threads [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Print JSON and nothing else on standard output
    #[arg(long)]
    json: bool,
}

/// Whether models of the Hub can be downloaded.
const HAS_DOWNLOADS: bool = cfg!(feature = "hub");

/// The speed of a device that is ready.
struct Measured {
    /// 10^9 floating-point operations a second of matrix products in 32 bits.
    gflops: f64,
    card: Option<MeasuredCard>,
}

/// A card and its speed.
struct MeasuredCard {
    properties: Card,
    /// As above, in each precision that it computes in.
    gflops: Vec<(Precision, f64)>,
    /// Bytes a second.
    copy_bandwidth: f64,
}

impl Measured {
    fn of(device: &Device) -> Self {
        let Some(properties) = card(device) else {
            return Self { gflops: gemm_peak::measure(device, Precision::F32) / 1e9, card: None };
        };
        let peak = |&precision: &Precision| (precision, gemm_peak::measure(device, precision) / 1e9);
        let gflops: Vec<_> = properties.precisions.iter().map(peak).collect();
        let in_32_bits = gflops.iter().find(|(precision, _)| *precision == Precision::F32);
        let copy_bandwidth = gemm_peak::copy_bandwidth(device);
        Self {
            gflops: in_32_bits.map_or(f64::NAN, |(_, peak)| *peak),
            card: Some(MeasuredCard { properties, gflops, copy_bandwidth }),
        }
    }
}

impl MeasuredCard {
    fn line(&self) -> String {
        let memory = match self.properties.memory_bytes {
            Some(bytes) => format!("{} MB of memory", thousands(bytes / 1_000_000)),
            None => "memory unknown".to_owned(),
        };
        let peaks: Vec<String> =
            self.gflops.iter().map(|(p, peak)| format!("{} {peak:.0}", p.name())).collect();
        format!(
            "{}, {memory}, copies {:.0} GB/s; GFLOP/s of matrix products: {}",
            self.properties.name,
            self.copy_bandwidth / 1e9,
            peaks.join(", ")
        )
    }
}

/// The folder of compiled kernels, in a build that keeps them.
fn kernel_cache() -> Option<PathBuf> {
    device::kernel_cache().filter(|_| KEEPS_KERNELS)
}

/// The cache of models of the Hub and the server, in words.
fn models_line() -> String {
    let settings = match hub::settings() {
        Ok(settings) => settings,
        Err(failure) => return failure.in_one_line(),
    };
    let count = Hub::new(settings.clone()).cache().models().len();
    let server = match settings.offline {
        Some(variable) => format!("no server ({variable})"),
        None if !HAS_DOWNLOADS => "no server: built without the feature hub".to_owned(),
        None => format!("from {}", settings.endpoint),
    };
    let token = settings.token.map_or("no token".to_owned(), |token| format!("token of {}", token.origin));
    format!("{count} of the Hub in {}; {server}, {token}", settings.cache.display())
}

fn models_json() -> Result<serde_json::Value, Failure> {
    let settings = hub::settings()?;
    Ok(json!({
        "cache": settings.cache,
        "count": Hub::new(settings.clone()).cache().models().len(),
        "server": settings.endpoint,
        "downloads": HAS_DOWNLOADS && settings.offline.is_none(),
        "token": settings.token.map(|token| token.origin),
    }))
}

impl Doctor {
    /// Runs the command.
    ///
    /// # Errors
    /// If the machine cannot be looked at.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let threads = use_threads(self.threads)?;
        let devices: Vec<_> = [DeviceName::Flex, DeviceName::Ndarray, DeviceName::Wgpu, DeviceName::Cuda(0)]
            .into_iter()
            .map(|name| {
                let rebuild =
                    format!("not compiled in: `cargo build --release --features {}`", name.feature());
                let lacks = [(!name.is_compiled_in()).then_some(rebuild), missing(name)];
                let mut lacks: Vec<String> = lacks.into_iter().flatten().collect();
                let mut measured = None;
                if lacks.is_empty() {
                    match name.open() {
                        Ok(device) => measured = Some(Measured::of(&device)),
                        Err(error) => lacks.push(Failure::from(error).in_one_line()),
                    }
                }
                (name, lacks, measured)
            })
            .collect();
        let free = process::free_disk(std::path::Path::new(".")).map_err(Failure::of_system)?;
        if self.json {
            let megabytes = |bytes: u64| bytes as f64 / 1e6;
            let devices: Vec<_> = devices
                .iter()
                .map(|(name, lacks, measured)| {
                    let peak = measured.as_ref().map(|measured| measured.gflops);
                    let card = measured.as_ref().and_then(|measured| measured.card.as_ref());
                    let card = card.map(|card| {
                        let gflops: serde_json::Map<_, _> =
                            card.gflops.iter().map(|(p, peak)| (p.name().to_owned(), json!(peak))).collect();
                        json!({
                            "name": card.properties.name,
                            "memory_mb": card.properties.memory_bytes.map(megabytes),
                            "plane_sizes": card.properties.plane_sizes,
                            "multiprocessors": card.properties.multiprocessors,
                            "gflops": gflops,
                            "copy_gb_per_second": card.copy_bandwidth / 1e9,
                        })
                    });
                    json!({
                        "device": name.to_string(), "gemm_gflops": peak, "missing": lacks, "card": card,
                    })
                })
                .collect();
            let all = json!({
                "version": env!("CARGO_PKG_VERSION"),
                "system": process::system(),
                "cpu": process::cpu_model(),
                "cores": process::cpu_count(),
                "threads": threads,
                "memory_mb": process::total_memory().map(megabytes),
                "available_memory_mb": memory::available().map(megabytes),
                "free_disk_mb": megabytes(free),
                "kernel_cache": kernel_cache(),
                "models": models_json()?,
                "devices": devices,
            });
            crate::output::json_out(&all).map_err(Failure::of_json)?;
            return Ok(ExitCode::SUCCESS);
        }
        let row = |name: &str, value: String| println!("{name:<10} {value}");
        let mb = |bytes: Option<u64>| {
            bytes.map_or("unknown".into(), |b| format!("{} MB", thousands(b / 1_000_000)))
        };
        row("electra", env!("CARGO_PKG_VERSION").into());
        row("system", process::system());
        row(
            "cpu",
            format!(
                "{}, {} cores, {threads} threads used",
                process::cpu_model().unwrap_or_default(),
                process::cpu_count()
            ),
        );
        row("memory", format!("{}, {} available", mb(process::total_memory()), mb(memory::available())));
        row("disk", format!("{} free here", mb(Some(free))));
        if let Some(folder) = kernel_cache() {
            row("kernels", format!("compiled once for a GPU, kept in {}", folder.display()));
        }
        row("models", models_line());
        for (name, lacks, measured) in devices {
            let state = match &measured {
                Some(measured) => format!("ready, matrix products at {:.0} GFLOP/s", measured.gflops),
                None => lacks.join("; "),
            };
            row(&name.to_string(), state);
            if let Some(card) = measured.and_then(|measured| measured.card) {
                row("", card.line());
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
