//! Fonts: Inter in three weights with tabular figures, and the icons.
//!
//! Trap: egui falls back within a family only, so every family ends with the icons; characters
//! beyond these come from the system's fonts (eframe sets that up).

use std::sync::Arc;

use egui::{Context, FontData, FontDefinitions, FontFamily, FontId};

/// Installs the bundled fonts.
pub fn install(ctx: &Context) {
    ctx.set_fonts(definitions(None));
}

/// Installs the bundled fonts and one more for what they lack, where the system's fonts must not count.
pub fn install_with(ctx: &Context, more: &'static [u8]) {
    ctx.set_fonts(definitions(Some(more)));
}

/// The icons, `size` points high.
pub fn icons(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name("icons".into()))
}

fn definitions(more: Option<&'static [u8]>) -> FontDefinitions {
    let mut fonts = FontDefinitions::empty();
    let files: [(&str, &'static [u8]); 4] = [
        ("regular", include_bytes!("../../../assets/fonts/Inter-Regular.otf")),
        ("medium", include_bytes!("../../../assets/fonts/Inter-Medium.otf")),
        ("semibold", include_bytes!("../../../assets/fonts/Inter-SemiBold.otf")),
        ("icons", include_bytes!("../../../assets/icons/icons.ttf")),
    ];
    for (name, bytes) in files {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    }
    let mut after = vec!["icons".to_owned()];
    if let Some(bytes) = more {
        fonts.font_data.insert("more".to_owned(), Arc::new(FontData::from_static(bytes)));
        after.push("more".to_owned());
    }
    for (family, first) in [
        (FontFamily::Proportional, "regular"),
        (FontFamily::Monospace, "regular"),
        (FontFamily::Name("medium".into()), "medium"),
        (FontFamily::Name("semibold".into()), "semibold"),
        (FontFamily::Name("icons".into()), "icons"),
    ] {
        let names =
            std::iter::once(first.to_owned()).chain(after.iter().filter(|name| *name != first).cloned());
        fonts.families.insert(family, names.collect());
    }
    fonts
}
