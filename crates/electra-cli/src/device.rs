//! The device that a user names, and what to do when it is not there.

use electra_kernels::DeviceError;

pub use electra_kernels::DeviceName;

use crate::failure::Failure;

/// The devices that this program was built for, for the help of `--device`.
pub const HELP: &str = match (cfg!(feature = "ndarray"), cfg!(feature = "wgpu"), cfg!(feature = "cuda")) {
    (false, false, false) => "flex, the CPU",
    (true, false, false) => "flex or ndarray",
    (false, true, false) => "flex or wgpu",
    (false, false, true) => "flex or cuda:N",
    (true, true, false) => "flex, ndarray or wgpu",
    (true, false, true) => "flex, ndarray or cuda:N",
    (false, true, true) => "flex, wgpu or cuda:N",
    (true, true, true) => "flex, ndarray, wgpu or cuda:N",
};

/// What the machine lacks for the backend of a device, if anything: a sentence with the remedy.
pub fn missing(device: DeviceName) -> Option<String> {
    device.missing_library().map(|library| remedy_without(device, library))
}

fn remedy_without(device: DeviceName, library: &str) -> String {
    match device {
        DeviceName::Cuda(_) => {
            format!("no CUDA driver ({library}): install NVIDIA's driver; `nvidia-smi` should list the GPU")
        }
        _ => format!(
            "no Vulkan loader ({library}): install your GPU's driver, or `apt-get install libvulkan1 \
             mesa-vulkan-drivers` for Mesa's, which also has a software device"
        ),
    }
}

/// That a device cannot be used, and what to do about it.
pub fn unavailable(error: &DeviceError) -> Failure {
    match error {
        DeviceError::NotCompiledIn(device) => {
            let feature = device.feature();
            Failure::new(
                format!("this program was built without the {feature} backend"),
                format!("build it with `cargo build --release --features {feature}`"),
            )
        }
        DeviceError::MissingLibrary { device, library } => {
            Failure::new(format!("device {device} is not available"), remedy_without(*device, library))
        }
        DeviceError::Unusable { device, .. } => Failure::new(error, when_unusable(*device)),
        DeviceError::NoPrecision { .. } => {
            Failure::new(error, "use train.precision = \"f32\", or a device that has it")
        }
    }
}

/// What to do about a GPU whose driver is there and that does not work all the same.
fn when_unusable(device: DeviceName) -> &'static str {
    match device {
        DeviceName::Cuda(_) => {
            "`nvidia-smi` lists the GPUs there are, numbered from 0, and the driver's version: choose one with \
             --device cuda:N, update the driver, or use --device flex"
        }
        _ => {
            "`vulkaninfo --summary` lists the adapters there are: install your GPU's driver, or \
             `apt-get install mesa-vulkan-drivers` for a software device, or use --device flex"
        }
    }
}

/// The most threads that anybody could mean.
pub const MOST_THREADS: usize = 4096;

/// Sets the number of CPU threads that every operation shares.
///
/// # Errors
/// If the pool exists already or cannot be made.
pub fn use_threads(threads: Option<usize>) -> Result<usize, Failure> {
    let threads = match threads {
        Some(threads) if !(1..=MOST_THREADS).contains(&threads) => {
            let help =
                format!("give at least 1 and at most {MOST_THREADS}; more than there are cores are slower");
            return Err(Failure::new(format!("--threads {threads}"), help));
        }
        Some(threads) => threads,
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    electra_kernels::use_threads(threads)?;
    Ok(threads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_on_a_gpu_that_does_not_work_names_a_way_on() {
        for name in [DeviceName::Wgpu, DeviceName::Cuda(3)] {
            assert!(when_unusable(name).contains("--device flex"));
        }
    }
}
