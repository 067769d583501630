//! A device that cannot be used, and what to do about it.

use electra_kernels::{DeviceError, DeviceName};

/// A library that the backend of a device lacks, with the remedy.
pub fn remedy_without(device: DeviceName, library: &str) -> String {
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

/// The sentence about an error of a device, and the advice.
pub fn message_and_help(error: &DeviceError) -> (String, String) {
    match error {
        DeviceError::NotCompiledIn(device) => {
            let feature = device.feature();
            (
                format!("this program was built without the {feature} backend"),
                format!("build it with `cargo build --release --features {feature}`"),
            )
        }
        DeviceError::MissingLibrary { device, library } => {
            (format!("device {device} is not available"), remedy_without(*device, library))
        }
        DeviceError::Unusable { device, .. } => (error.to_string(), when_unusable(*device).to_owned()),
        DeviceError::NoPrecision { .. } => (
            error.to_string(),
            "use f32 (train.precision of a recipe, --precision of a tagger), or a device that has it"
                .to_owned(),
        ),
        DeviceError::Threads { .. } => (error.to_string(), "give a smaller number with --threads".to_owned()),
    }
}

/// The advice for a GPU whose driver is there and that does not work all the same.
fn when_unusable(device: DeviceName) -> &'static str {
    match device {
        DeviceName::Cuda(_) => {
            "`nvidia-smi` lists the GPUs there are, numbered from 0, and the driver's version: choose one with \
             --device cuda:N, update the driver, name the folder of a CUDA toolkit in CUDA_PATH (its libdevice.10.bc \
             is needed), or use --device flex"
        }
        _ => {
            "`vulkaninfo --summary` lists the adapters there are: install your GPU's driver, or \
             `apt-get install mesa-vulkan-drivers` for a software device, or use --device flex"
        }
    }
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
