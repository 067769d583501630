//! Compute devices by name: which there are in this build, and how one is opened.

use std::error::Error;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use burn::prelude::*;

use crate::Precision;
use crate::workers::use_threads;

/// Name of a compute device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceName {
    /// The CPU, by burn's maintained backend.
    #[default]
    Flex,
    /// The CPU, by its older backend.
    Ndarray,
    /// Any GPU with Vulkan, Metal or WebGPU.
    Wgpu,
    /// An NVIDIA GPU, by its number.
    Cuda(usize),
}

/// Device and CPU threads that a model is opened with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ComputeSettings {
    /// The device to compute on.
    pub device: DeviceName,
    /// Threads among which work on a CPU is shared, by the whole process; all cores where there is no number.
    pub threads: Option<usize>,
}

/// A text that names no device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownDevice(
    /// The text that was read.
    pub String,
);

/// A device that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceError {
    /// The backend of the device was not compiled in: the cargo feature [`DeviceName::feature`] is off.
    NotCompiledIn(DeviceName),
    /// A library that its driver brings is not installed.
    MissingLibrary {
        /// The device that was asked for.
        device: DeviceName,
        /// File name of the library.
        library: &'static str,
    },
    /// The driver of the device is there and does not work.
    Unusable {
        /// The device that was asked for.
        device: DeviceName,
        /// The backend's message.
        reason: String,
    },
    /// The device does not compute in a precision.
    NoPrecision {
        /// The device that was asked for.
        device: DeviceName,
        /// The precision of matrix products that was asked for.
        precision: Precision,
    },
    /// The threads of the process cannot be started, or were before.
    Threads {
        /// The number of threads that was asked for.
        threads: usize,
        /// The message of the operating system or of the pool.
        reason: String,
    },
}

impl FromStr for DeviceName {
    type Err = UnknownDevice;

    fn from_str(text: &str) -> Result<Self, UnknownDevice> {
        match text {
            "flex" | "cpu" => Ok(Self::Flex),
            "ndarray" => Ok(Self::Ndarray),
            "wgpu" => Ok(Self::Wgpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|index| index.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| UnknownDevice(text.to_owned())),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flex => write!(f, "flex"),
            Self::Ndarray => write!(f, "ndarray"),
            Self::Wgpu => write!(f, "wgpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl fmt::Display for UnknownDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no device; known are flex, ndarray, wgpu, cuda:N", self.0)
    }
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotCompiledIn(device) => {
                write!(f, "device {device} needs the cargo feature `{}`, which is off", device.feature())
            }
            Self::MissingLibrary { device, library } => {
                write!(f, "device {device} is not available: {library} is not installed")
            }
            Self::Unusable { device, reason } => write!(f, "device {device} cannot be used: {reason}"),
            Self::NoPrecision { device, precision } => {
                write!(f, "device {device} does not compute in {}", precision.name())
            }
            Self::Threads { threads, reason } => write!(f, "cannot use {threads} threads: {reason}"),
        }
    }
}

impl Error for UnknownDevice {}
impl Error for DeviceError {}
impl miette::Diagnostic for UnknownDevice {}
impl miette::Diagnostic for DeviceError {}

impl DeviceName {
    /// Cargo feature of the backend.
    #[must_use]
    pub fn feature(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::Ndarray => "ndarray",
            Self::Wgpu => "wgpu",
            Self::Cuda(_) => "cuda",
        }
    }

    /// Whether the backend was compiled in.
    #[must_use]
    pub fn is_compiled_in(self) -> bool {
        match self {
            Self::Flex => cfg!(feature = "flex"),
            Self::Ndarray => cfg!(feature = "ndarray"),
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Cuda(_) => cfg!(feature = "cuda"),
        }
    }

    /// The library that the machine lacks for the backend, if any.
    #[must_use]
    pub fn missing_library(self) -> Option<&'static str> {
        let needed = match self {
            Self::Flex | Self::Ndarray => return None,
            Self::Wgpu if cfg!(target_os = "linux") => "libvulkan.so.1",
            Self::Wgpu => return None,
            Self::Cuda(_) => "libcuda.so.1",
        };
        (!has_library(needed)).then_some(needed)
    }

    /// Opens the device.
    ///
    /// # Errors
    /// If the backend is not compiled in or does not work on this machine.
    pub fn open(self) -> Result<Device, DeviceError> {
        if !self.is_compiled_in() {
            return Err(DeviceError::NotCompiledIn(self));
        }
        if let Some(library) = self.missing_library() {
            return Err(DeviceError::MissingLibrary { device: self, library });
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
            Self::Wgpu | Self::Cuda(_) => {
                proven(create).map_err(|reason| DeviceError::Unusable { device: self, reason })
            }
        }
    }

    /// Opens the device for matrix products in `precision`.
    ///
    /// # Errors
    /// As [`open`](Self::open), and if the device lacks the precision.
    pub fn open_with(self, precision: Precision) -> Result<Device, DeviceError> {
        let device = self.open()?;
        if precision.is_computed_by(&device) {
            Ok(device)
        } else {
            Err(DeviceError::NoPrecision { device: self, precision })
        }
    }
}

impl ComputeSettings {
    /// Starts the threads, if there is a number of them, and opens the device. The number can be set once in a
    /// process, before anything was computed.
    ///
    /// # Errors
    /// Threads that run already, or as [`DeviceName::open`].
    pub fn open(self) -> Result<Device, DeviceError> {
        self.open_with(Precision::F32)
    }

    /// As [`open`](Self::open), for matrix products in `precision`.
    ///
    /// # Errors
    /// As [`open`](Self::open), and if the device lacks the precision.
    pub fn open_with(self, precision: Precision) -> Result<Device, DeviceError> {
        if let Some(threads) = self.threads {
            let failed = |error: std::io::Error| DeviceError::Threads { threads, reason: error.to_string() };
            use_threads(threads).map_err(failed)?;
        }
        self.device.open_with(precision)
    }
}

/// The device that `create` gives, if it can add two numbers and take an exponential. burn opens a device when it is first
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
        let two = crate::read_number(one.clone() + one.clone());
        // On CUDA functions such as this one come from a library of the toolkit, without which nothing is trained.
        let e = crate::read_number(one.exp());
        (device, two, e)
    }));
    panic::set_hook(hook);
    match opened {
        Ok((device, 2.0, e)) if (e - std::f64::consts::E).abs() < 1e-5 => Ok(device),
        Ok((_, two, e)) => Err(format!("it computes 1 + 1 = {two} and exp(1) = {e}")),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_known_by_the_name_that_it_is_shown_by() {
        for device in [DeviceName::Flex, DeviceName::Ndarray, DeviceName::Wgpu, DeviceName::Cuda(3)] {
            assert_eq!(device.to_string().parse(), Ok(device));
        }
        assert_eq!("cpu".parse(), Ok(DeviceName::default()));
        assert_eq!("cuda".parse(), Ok(DeviceName::Cuda(0)));
        for wrong in ["gpu", "cuda:", "cuda:x", ""] {
            assert_eq!(wrong.parse::<DeviceName>(), Err(UnknownDevice(wrong.to_owned())));
        }
    }

    // One test: the hook is that of the whole process.
    #[cfg(feature = "flex")]
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
}
