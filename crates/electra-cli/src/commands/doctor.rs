//! `electra doctor`: what this machine has, and what it lacks.

use std::process::ExitCode;

use electra_files::memory;
use electra_kernels::Precision;
use electra_run::process;
use electra_run::record::thousands;
use serde_json::json;

use crate::device::{DeviceName, missing, use_threads};
use crate::failure::Failure;
use crate::gemm_peak;

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
                let mut peak = None;
                if lacks.is_empty() {
                    match name.open() {
                        Ok(device) => peak = Some(gemm_peak::measure(&device, Precision::F32) / 1e9),
                        Err(error) => lacks.push(Failure::from(error).in_one_line()),
                    }
                }
                (name, lacks, peak)
            })
            .collect();
        let free = process::free_disk(std::path::Path::new(".")).map_err(Failure::of_system)?;
        if self.json {
            let megabytes = |bytes: u64| bytes as f64 / 1e6;
            let devices: Vec<_> = devices
                .iter()
                .map(|(name, lacks, peak)| json!({ "device": name.to_string(), "gemm_gflops": peak, "missing": lacks }))
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
        for (name, lacks, peak) in devices {
            let state = match peak {
                Some(gflops) => format!("ready, matrix products at {gflops:.0} GFLOP/s"),
                None => lacks.join("; "),
            };
            row(&name.to_string(), state);
        }
        Ok(ExitCode::SUCCESS)
    }
}
