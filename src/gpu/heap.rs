//! How much memory a card has: what its driver tells, and a cap by hand.
//!
//! Trap: Vulkan alone is asked; elsewhere nobody knows before the driver refuses. A software card's is the machine's own,
//! whatever it tells.
#![expect(unsafe_code, reason = "wgpu tells no heaps, so the interface below it is asked")]

use super::CardError;

/// The variable that caps what is taken of a card, in MiB.
pub const MEMORY: &str = "SAFELIGHT_GPU_MEMORY";

/// Of a card's own memory this share is taken: the desktop and other programs have the rest.
const SHARE: f64 = 0.85;

/// Bit 0 of a heap's flags: it is the card's own.
const DEVICE_LOCAL: u32 = 1;

/// Bytes of the card's own memory, if the driver tells.
#[cfg(not(target_os = "macos"))]
pub(super) fn of(adapter: &wgpu::Adapter) -> Option<u64> {
    // SAFETY: the adapter is only looked at.
    let vulkan = unsafe { adapter.as_hal::<wgpu::hal::api::Vulkan>() }?;
    let instance = vulkan.shared_instance().raw_instance();
    // SAFETY: the physical device is of this instance, and both live as long as the adapter.
    let properties = unsafe { instance.get_physical_device_memory_properties(vulkan.raw_physical_device()) };
    let heaps = properties.memory_heaps.iter().take(properties.memory_heap_count as usize);
    let own = heaps.filter(|heap| heap.flags.as_raw() & DEVICE_LOCAL != 0);
    own.map(|heap| heap.size).max()
}

/// Metal tells no heaps.
#[cfg(target_os = "macos")]
pub(super) fn of(_: &wgpu::Adapter) -> Option<u64> {
    None
}

/// Most bytes to take of a card with so much memory of its own, where that is known or said by hand.
///
/// # Errors
/// If what is said is no number.
pub(super) fn budget(memory: Option<u64>, is_software: bool) -> Result<Option<u64>, CardError> {
    let said = std::env::var(MEMORY).ok().filter(|said| !said.is_empty());
    budget_by(said.as_deref(), memory, is_software)
}

fn budget_by(said: Option<&str>, memory: Option<u64>, is_software: bool) -> Result<Option<u64>, CardError> {
    let wrong =
        |said: &str| CardError::Refused(format!("expected {MEMORY} to be a number of MiB, found {said:?}"));
    let said = said.map(|said| said.parse::<u32>().map_err(|_| wrong(said))).transpose()?;
    let told = memory.filter(|_| !is_software).map(|bytes| (bytes as f64 * SHARE) as u64);
    Ok(said.map(|said| u64::from(said) << 20).or(told))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_leaves_some_of_its_memory_and_a_software_card_is_not_believed() {
        assert_eq!(budget_by(None, Some(1000), false).unwrap(), Some(850));
        assert_eq!(budget_by(None, Some(1000), true).unwrap(), None);
        assert_eq!(budget_by(None, None, false).unwrap(), None);
        assert_eq!(budget_by(Some("3"), Some(1000), true).unwrap(), Some(3 << 20));
        let refused = budget_by(Some("much"), None, false).unwrap_err();
        assert!(refused.to_string().contains("MiB, found \"much\""), "{refused}");
    }
}
