//! Compiled kernels for cards, kept from one process to the next.

use std::path::PathBuf;

/// Whether this build keeps the kernels that it compiles: the feature `kernel-cache`, which `cuda` and `vulkan`
/// bring. WGSL, of a build with `wgpu` alone, is compiled by the driver, which may keep it or not.
pub const KEEPS_KERNELS: bool = cfg!(feature = "kernel-cache");

/// Keeps the kernels that are compiled from now on in a database in `folder`, and takes those that are there; nowhere
/// without a folder. Several processes may share it. To be called before the first device is opened; whether it was.
///
/// Settings for CubeCL come from its environment variables and from nowhere else: a `cubecl.toml` or `burn.toml`
/// that happens to lie around would change what is computed.
pub fn keep_kernels_in(folder: Option<PathBuf>) -> bool {
    #[cfg(feature = "cube")]
    {
        use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig, cache::CacheConfig};

        let mut config = CubeClRuntimeConfig::default();
        if let Some(folder) = folder {
            config.environment.path = CacheConfig::Directory(folder);
            #[cfg(feature = "kernel-cache")]
            {
                config.compilation.cache = true;
            }
        }
        CubeClRuntimeConfig::try_set(config.override_from_env())
    }
    #[cfg(not(feature = "cube"))]
    {
        let _ = folder;
        true
    }
}
