//! Panels and folds of the window, as the preferences remember them.

use crate::preferences::Memory;

/// The gallery's panel.
pub const GALLERY: &str = "gallery";
/// The controls' panel.
pub const CONTROLS: &str = "controls";
/// The rarer controls.
pub const MORE: &str = "more";
/// Guidance over the steps.
pub const CURVE: &str = "curve";

/// Whether a part of the window is open; the panels are at first, the rest is folded.
pub fn is_open(memory: &Memory, name: &str) -> bool {
    memory.folds.get(name).copied().unwrap_or(!matches!(name, MORE | CURVE))
}

/// Opens or folds a part of the window.
pub fn toggle(memory: &mut Memory, name: &str) {
    let open = is_open(memory, name);
    memory.folds.insert(name.to_owned(), !open);
}

/// The width that the user gave a panel, in points.
pub fn width(memory: &Memory, name: &str) -> Option<f32> {
    memory.panels.get(name).copied()
}

/// Sets the width of a panel, in points.
pub fn set_width(memory: &mut Memory, name: &str, width: f32) {
    memory.panels.insert(name.to_owned(), width);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_are_open_at_first_and_the_rest_is_folded() {
        let mut memory = Memory::default();
        assert!(is_open(&memory, GALLERY) && is_open(&memory, CONTROLS) && !is_open(&memory, MORE));
        assert!(!is_open(&memory, CURVE));
        toggle(&mut memory, MORE);
        toggle(&mut memory, GALLERY);
        assert!(is_open(&memory, MORE) && !is_open(&memory, GALLERY));
        set_width(&mut memory, GALLERY, 300.0);
        assert_eq!((width(&memory, GALLERY), width(&memory, CONTROLS)), (Some(300.0), None));
    }
}
