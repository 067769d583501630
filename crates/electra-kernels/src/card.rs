//! The properties of a card: name, memory, the precisions that it multiplies in.

use burn::prelude::*;

use crate::Precision;
#[cfg(feature = "cube")]
use crate::cube_device::cube_of;

/// The properties of a card.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// The device's name, as it gives it.
    pub name: String,
    /// Bytes of its memory, if its driver says.
    pub memory_bytes: Option<u64>,
    /// The fewest and the most lanes of a plane (a warp, or a subgroup).
    pub plane_sizes: [u32; 2],
    /// Streaming multiprocessors, if its driver says.
    pub multiprocessors: Option<u32>,
    /// The precisions of matrix products that it computes in.
    pub precisions: Vec<Precision>,
}

/// The properties of the card behind `device`; nothing for a CPU.
pub fn card(device: &Device) -> Option<Card> {
    #[cfg(feature = "cube")]
    {
        let cube = cube_of(device)?;
        let client = cube.client();
        let properties = client.properties();
        Some(Card {
            name: properties.identity.name.clone(),
            memory_bytes: properties.memory.max_memory(),
            plane_sizes: [properties.hardware.plane_size_min, properties.hardware.plane_size_max],
            multiprocessors: properties.hardware.num_streaming_multiprocessors,
            precisions: Precision::ALL.into_iter().filter(|p| p.is_computed_by(device)).collect(),
        })
    }
    #[cfg(not(feature = "cube"))]
    {
        let _ = device;
        None
    }
}

/// The bytes that this process has taken of the memory of a card; nothing for a CPU. Memory that was taken is kept
/// for what comes next, so this is close to the most that was in use.
pub fn device_memory(device: &Device) -> Option<u64> {
    device.memory_pool_usage().map(|usage| usage.bytes_reserved)
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_is_no_card() {
        assert_eq!(card(&Device::flex()), None);
        assert_eq!(device_memory(&Device::flex()), None);
    }
}
