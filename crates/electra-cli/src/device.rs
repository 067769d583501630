//! The device that a user names, and what to do when it is not there.

use std::panic::{self, AssertUnwindSafe};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use burn::prelude::*;
use electra_model::Precision;

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

/// A device as written after `--device`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceName {
    /// burn's maintained CPU backend.
    Flex,
    /// Its older CPU backend.
    Ndarray,
    /// Any GPU with Vulkan, Metal or WebGPU.
    Wgpu,
    /// An NVIDIA GPU.
    Cuda(usize),
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "flex" | "cpu" => Ok(Self::Flex),
            "ndarray" => Ok(Self::Ndarray),
            "wgpu" => Ok(Self::Wgpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|index| index.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| format!("`{text}` is no device; known are flex, ndarray, wgpu, cuda:N")),
        }
    }
}

impl std::fmt::Display for DeviceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flex => write!(f, "flex"),
            Self::Ndarray => write!(f, "ndarray"),
            Self::Wgpu => write!(f, "wgpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl DeviceName {
    /// Cargo feature of the backend.
    pub fn feature(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::Ndarray => "ndarray",
            Self::Wgpu => "wgpu",
            Self::Cuda(_) => "cuda",
        }
    }

    /// Whether this program was built with the backend.
    pub fn is_compiled_in(self) -> bool {
        match self {
            Self::Flex => cfg!(feature = "flex"),
            Self::Ndarray => cfg!(feature = "ndarray"),
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Cuda(_) => cfg!(feature = "cuda"),
        }
    }

    /// What the machine lacks for the backend, if anything: a sentence with the remedy.
    pub fn missing(self) -> Option<String> {
        match self {
            Self::Flex | Self::Ndarray => None,
            Self::Wgpu if cfg!(target_os = "linux") && !has_library("libvulkan.so.1") => Some(
                "no Vulkan loader (libvulkan.so.1): install your GPU's driver, or `apt-get install libvulkan1 \
                 mesa-vulkan-drivers` for Mesa's, which also has a software device"
                    .into(),
            ),
            Self::Wgpu => None,
            Self::Cuda(_) if !has_library("libcuda.so.1") => Some(
                "no CUDA driver (libcuda.so.1): install NVIDIA's driver; `nvidia-smi` should list the GPU".into(),
            ),
            Self::Cuda(_) => None,
        }
    }

    /// Opens the device.
    ///
    /// # Errors
    /// If the backend is not compiled in or not present on this machine.
    pub fn open(self) -> Result<Device, Failure> {
        if !self.is_compiled_in() {
            let feature = self.feature();
            return Err(Failure::new(
                format!("this program was built without the {feature} backend"),
                format!("build it with `cargo build --release --features {feature}`"),
            ));
        }
        if let Some(missing) = self.missing() {
            return Err(Failure::new(format!("device {self} is not available"), missing));
        }
        let create = || match self {
            #[cfg(feature = "flex")]
            Self::Flex => Device::flex(),
            #[cfg(feature = "ndarray")]
            #[allow(deprecated)]
            Self::Ndarray => Device::ndarray(),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Device::wgpu(Default::default()),
            #[cfg(feature = "cuda")]
            Self::Cuda(index) => Device::cuda(index),
            #[allow(unreachable_patterns)]
            other => panic!("{other} passed as compiled in"),
        };
        match self {
            Self::Flex | Self::Ndarray => Ok(create()),
            Self::Wgpu | Self::Cuda(_) => proven(create).map_err(|reason| {
                let sentence = format!("device {self} cannot be used: {reason}");
                Failure::new(sentence, self.when_unusable())
            }),
        }
    }

    /// What to do about a GPU whose driver is there and that does not work all the same.
    fn when_unusable(self) -> &'static str {
        match self {
            Self::Cuda(_) => {
                "`nvidia-smi` lists the GPUs there are, numbered from 0, and the driver's version: choose one with \
                 --device cuda:N, update the driver, or use --device flex"
            }
            _ => {
                "`vulkaninfo --summary` lists the adapters there are: install your GPU's driver, or \
                 `apt-get install mesa-vulkan-drivers` for a software device, or use --device flex"
            }
        }
    }

    /// Opens the device for matrix products in `precision`.
    ///
    /// # Errors
    /// As [`DeviceName::open`], and if the device lacks the precision.
    pub fn open_with(self, precision: Precision) -> Result<Device, Failure> {
        let device = self.open()?;
        match precision.half_dtype() {
            Some(dtype) if !device.supports_dtype(dtype) => Err(Failure::new(
                format!("device {self} does not compute in {dtype:?}"),
                "use train.precision = \"f32\", or a device that has it",
            )),
            _ => Ok(device),
        }
    }
}

/// The device that `create` gives, if it can add two numbers. burn opens a device when it is first
/// used, and panics, here or on a thread of its own, if that fails; the error is what it said.
fn proven(create: impl FnOnce() -> Device) -> Result<Device, String> {
    let said = Arc::new(Mutex::new(String::new()));
    let note = Arc::clone(&said);
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        let mut said = note.lock().unwrap_or_else(PoisonError::into_inner);
        // The first panic is the cause of the others.
        if said.is_empty() {
            *said = panic.payload_as_str().unwrap_or("the backend panicked").to_owned();
        }
    }));
    let opened = panic::catch_unwind(AssertUnwindSafe(|| {
        let device = create();
        let one = Tensor::<1>::ones([1], &device);
        let two = (one.clone() + one).into_scalar::<f32>();
        (device, two)
    }));
    panic::set_hook(hook);
    match opened {
        Ok((device, 2.0)) => Ok(device),
        Ok((_, other)) => Err(format!("it computes 1 + 1 = {other}")),
        Err(_) => {
            let said = said.lock().unwrap_or_else(PoisonError::into_inner);
            Err(said.lines().next().unwrap_or("the backend panicked").trim().to_owned())
        }
    }
}

/// Whether the dynamic linker would find a library.
fn has_library(name: &str) -> bool {
    let from_environment = std::env::var("LD_LIBRARY_PATH").unwrap_or_default();
    let usual = ["/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/local/lib", "/usr/lib/wsl/lib"];
    let triple = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    from_environment
        .split(':')
        .chain(usual)
        .chain([triple.as_str(), "/usr/local/cuda/lib64", "/usr/local/nvidia/lib64"])
        .any(|folder| !folder.is_empty() && std::path::Path::new(folder).join(name).exists())
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

    // One test: the hook is that of the whole process.
    #[test]
    fn a_device_that_panics_is_an_error_that_says_what_it_said() {
        let error = proven(|| panic!("No possible adapter available for backend.\nInstance: ..."));
        assert_eq!(error.unwrap_err(), "No possible adapter available for backend.");
        // The thread that serves the device panics, and then whoever waits for it.
        let error = proven(|| {
            std::thread::spawn(|| panic!("no device 7")).join().expect("the server answers");
            unreachable!("the server has panicked")
        });
        assert_eq!(error.unwrap_err(), "no device 7");
        assert!(proven(Device::flex).is_ok());
    }

    #[test]
    fn advice_on_a_gpu_that_does_not_work_names_a_way_on() {
        for name in [DeviceName::Wgpu, DeviceName::Cuda(3)] {
            assert!(name.when_unusable().contains("--device flex"));
        }
    }
}
