//! Devices of CubeCL behind those of burn.

use burn::prelude::*;

/// The device of CubeCL behind `device`, tracked or not; nothing for a CPU.
#[cfg(feature = "cube")]
pub(crate) fn cube_of(device: &Device) -> Option<&burn_cubecl::CubeDevice> {
    use burn::backend::DispatchDevice;

    match device.as_dispatch() {
        DispatchDevice::Cube(cube) => Some(cube),
        DispatchDevice::Autodiff(inner) => match &**inner {
            DispatchDevice::Cube(cube) => Some(cube),
            #[allow(unreachable_patterns)]
            _ => None,
        },
        #[allow(unreachable_patterns)]
        _ => None,
    }
}

/// Whether tensors of `device` are in the memory of a card.
pub(crate) fn is_on_card(device: &Device) -> bool {
    #[cfg(feature = "cube")]
    {
        cube_of(device).is_some()
    }
    #[cfg(not(feature = "cube"))]
    {
        let _ = device;
        false
    }
}
