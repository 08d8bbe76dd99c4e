//! The theme: every color, size and font of the window, and how they become an egui style.
//!
//! Invariant: no other file names a color. One lamp color means "go" and "working" and the
//! keyboard's focus, nothing else; selection is drawn in the text color.

pub mod fonts;
pub(in crate::app) mod heat;
pub mod icons;
pub mod lettering;
pub mod logo;
pub mod painter;
pub(in crate::app) mod reduced;
pub(in crate::app) mod scale;
pub(in crate::app) mod slider;
pub(in crate::app) mod textures;
pub(in crate::app) mod widgets;

use egui::style::{HandleShape, ScrollAnimation, ScrollStyle, Selection, WidgetVisuals, Widgets};
use egui::{
    Color32, Context, CornerRadius, FontFamily, FontId, Margin, Shadow, Stroke, Style, TextStyle, Theme,
    ThemePreference, Ui, Vec2, Visuals,
};

use crate::preferences;

/// The colors of one theme.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tokens {
    /// Behind the prompt and the filmstrip.
    pub background: Color32,
    /// The side panels.
    pub panel: Color32,
    /// Fields, toasts and menus.
    pub raised: Color32,
    /// A raised thing under the pointer.
    pub hovered: Color32,
    /// Lines between things.
    pub hairline: Color32,
    /// Around the picture: neutral, so that it tints nothing.
    pub canvas: Color32,
    /// Small text on the canvas.
    pub text_on_canvas: Color32,
    /// Text of the first rank.
    pub text: Color32,
    /// Text that explains.
    pub subdued: Color32,
    /// Text of the third rank.
    pub faint: Color32,
    /// Go, and working.
    pub lamp: Color32,
    /// The lamp under the pointer.
    pub lamp_hovered: Color32,
    /// Text on the lamp.
    pub on_lamp: Color32,
    /// All is well.
    pub good: Color32,
    /// Something failed, or does not fit.
    pub bad: Color32,
    /// Words that count more.
    pub stronger: Color32,
    /// Words that count less.
    pub weaker: Color32,
    /// Over what of a picture is repainted: no lamp, and rare in pictures.
    pub mask: Color32,
    /// The unfilled part of a slider's rail.
    pub rail: Color32,
    /// Behind selected text.
    pub selection: Color32,
    /// Labels that lie on a picture.
    pub veil: Color32,
    /// Text on a veil; also the wipe's line.
    pub on_veil: Color32,
    /// Behind a dialog.
    pub scrim: Color32,
    /// Under the picture and under menus.
    pub shadow: Color32,
}

/// A weight is in full color from here on, and from 1 over this downwards.
const WEIGHED_FULL: f64 = 1.5;
/// The least share of its color that a weight has, or nobody would see it.
const WEIGHED_LEAST: f64 = 0.4;

impl Tokens {
    /// The color of words that count so much, beside the color of those that count 1.
    pub fn weighed(&self, plain: Color32, weight: f64) -> Color32 {
        let full = if weight > 1.0 { self.stronger } else { self.weaker };
        let far = if weight > 0.0 { (weight.ln() / WEIGHED_FULL.ln()).abs().min(1.0) } else { 1.0 };
        plain.lerp_to_gamma(full, egui::lerp(WEIGHED_LEAST..=1.0, far) as f32)
    }
}

/// egui's name for a theme.
pub fn preference(theme: preferences::Theme) -> ThemePreference {
    match theme {
        preferences::Theme::System => ThemePreference::System,
        preferences::Theme::Dark => ThemePreference::Dark,
        preferences::Theme::Light => ThemePreference::Light,
    }
}

const fn hex(rgb: u32) -> Color32 {
    Color32::from_rgb((rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8)
}

/// The dark theme: a darkroom under a red lamp.
pub const DARK: Tokens = Tokens {
    background: hex(0x141110),
    panel: hex(0x1B1716),
    raised: hex(0x26201E),
    hovered: hex(0x2D2523),
    hairline: hex(0x332B28),
    canvas: hex(0x1E1E1E),
    text_on_canvas: hex(0x9C9C9C),
    text: hex(0xEDE6E1),
    subdued: hex(0xA69A93),
    faint: hex(0x978C85),
    lamp: hex(0xFF6A45),
    lamp_hovered: hex(0xFF7D5C),
    on_lamp: hex(0x1A0C07),
    good: hex(0x7BC796),
    bad: hex(0xFF8A80),
    stronger: hex(0xEBC46A),
    weaker: hex(0x86B6E8),
    mask: hex(0xC552FF),
    rail: hex(0x332B28),
    selection: hex(0x5A463E),
    veil: Color32::from_rgba_premultiplied(0, 0, 0, 140),
    on_veil: hex(0xFFFFFF),
    scrim: Color32::from_rgba_premultiplied(0, 0, 0, 120),
    shadow: Color32::from_rgba_premultiplied(0, 0, 0, 110),
};

/// The light theme: warm paper.
pub const LIGHT: Tokens = Tokens {
    background: hex(0xF6F2EC),
    panel: hex(0xFBF8F4),
    raised: hex(0xFFFFFF),
    hovered: hex(0xF3EEE7),
    hairline: hex(0xE3DBD2),
    canvas: hex(0xD9D9D9),
    text_on_canvas: hex(0x5A5A5A),
    text: hex(0x231E1B),
    subdued: hex(0x6B615A),
    faint: hex(0x756A62),
    lamp: hex(0xB8351A),
    lamp_hovered: hex(0xA32E16),
    on_lamp: hex(0xFFFFFF),
    good: hex(0x2B6E47),
    bad: hex(0xA8201A),
    stronger: hex(0x805300),
    weaker: hex(0x1F5E9E),
    mask: hex(0xA62BEA),
    rail: hex(0xE0D8CF),
    selection: hex(0xE6D3C8),
    veil: Color32::from_rgba_premultiplied(0, 0, 0, 150),
    on_veil: hex(0xFFFFFF),
    scrim: Color32::from_rgba_premultiplied(0, 0, 0, 70),
    shadow: Color32::from_rgba_premultiplied(0, 0, 0, 46),
};

/// The colors in force.
pub fn tokens(ui: &Ui) -> &'static Tokens {
    of(ui.visuals().dark_mode)
}

/// The colors of the dark or the light theme.
pub fn of(dark: bool) -> &'static Tokens {
    if dark { &DARK } else { &LIGHT }
}

/// What a texture is multiplied by to look as it is.
pub const UNTINTED: Color32 = Color32::WHITE;

/// Measures, in points.
pub mod size {
    /// The smallest window, in which nothing covers anything else.
    pub const WINDOW_LEAST: [f32; 2] = [700.0, 500.0];
    /// The gallery's panel.
    pub const GALLERY: f32 = 208.0;
    /// The controls' panel.
    pub const CONTROLS: f32 = 272.0;
    /// Inside the controls' panel, left and right.
    pub const GUTTER: f32 = 16.0;
    /// Narrower windows fold the gallery away.
    pub const NARROW: f32 = 1000.0;
    /// The filmstrip, at least.
    pub const STRIP: f32 = 52.0;
    /// Above and below the filmstrip's frames.
    pub const STRIP_MARGIN: f32 = 4.0;
    /// The progress line.
    pub const PROGRESS: f32 = 2.0;
    /// Side of an icon.
    pub const ICON: f32 = 18.0;
    /// A target that holds an icon.
    pub const TARGET: f32 = 32.0;
    /// The same in rows.
    pub const SMALL_TARGET: f32 = 24.0;
    /// Corners of pictures.
    pub const RADIUS_FRAME: u8 = 3;
    /// Corners of small things.
    pub const RADIUS_SMALL: u8 = 5;
    /// Corners of buttons.
    pub const RADIUS_BUTTON: u8 = 7;
    /// Corners of the prompt box, toasts and dialogs.
    pub const RADIUS_BOX: u8 = 10;
}

/// Weights of the one typeface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Weight 400: text.
    Regular,
    /// Weight 500: buttons and names.
    Medium,
    /// Weight 600: headings and the main button.
    SemiBold,
}

/// A font of `size` points.
pub fn font(size: f32, weight: Weight) -> FontId {
    FontId::new(
        size,
        match weight {
            Weight::Regular => FontFamily::Proportional,
            Weight::Medium => FontFamily::Name("medium".into()),
            Weight::SemiBold => FontFamily::Name("semibold".into()),
        },
    )
}

/// 14 points: labels and controls.
pub fn body() -> FontId {
    font(14.0, Weight::Regular)
}

/// 12 points: notes.
pub fn small() -> FontId {
    font(12.0, Weight::Regular)
}

/// 16 points: what is being written.
pub fn prompt() -> FontId {
    font(16.0, Weight::Regular)
}

/// Whether animations run.
pub fn moves(ctx: &Context) -> bool {
    ctx.global_style().animation_time > 0.0
}

/// Installs both themes in egui. Without motion nothing is animated.
pub fn install(ctx: &Context, reduce_motion: bool) {
    for (theme, dark) in [(Theme::Dark, true), (Theme::Light, false)] {
        ctx.set_style_of(theme, style(of(dark), dark, reduce_motion));
    }
    ctx.options_mut(|options| options.fallback_theme = Theme::Dark);
}

fn style(tokens: &Tokens, dark: bool, reduce_motion: bool) -> Style {
    let mut style = Style { visuals: visuals(tokens, dark), ..Style::default() };
    style.text_styles = [
        (TextStyle::Small, small()),
        (TextStyle::Body, body()),
        (TextStyle::Button, body()),
        (TextStyle::Monospace, body()),
        (TextStyle::Heading, font(20.0, Weight::SemiBold)),
    ]
    .into();
    style.drag_value_text_style = TextStyle::Body;
    style.animation_time = if reduce_motion { 0.0 } else { 0.12 };
    style.scroll_animation = if reduce_motion { ScrollAnimation::none() } else { ScrollAnimation::default() };
    style.explanation_tooltips = false;
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.4;
    let spacing = &mut style.spacing;
    spacing.item_spacing = Vec2::new(8.0, 4.0);
    spacing.button_padding = Vec2::new(10.0, 5.0);
    spacing.interact_size = Vec2::new(40.0, 24.0);
    spacing.menu_margin = Margin::same(6);
    spacing.window_margin = Margin::same(16);
    spacing.tooltip_width = 280.0;
    spacing.icon_width = 16.0;
    spacing.scroll = ScrollStyle {
        bar_width: 8.0,
        floating_width: 3.0,
        floating_allocated_width: 0.0,
        bar_inner_margin: 2.0,
        bar_outer_margin: 2.0,
        dormant_handle_opacity: 0.0,
        dormant_background_opacity: 0.0,
        active_background_opacity: 0.0,
        interact_background_opacity: 0.0,
        ..ScrollStyle::floating()
    };
    style
}

fn visuals(tokens: &Tokens, dark: bool) -> Visuals {
    let mut visuals = if dark { Visuals::dark() } else { Visuals::light() };
    if dark {
        // egui's own choice makes light text on dark look half a weight heavier.
        visuals.text_options.color_transfer_function = egui::epaint::FontColorTransferFunction::Gamma(0.75);
    }
    visuals.widgets = widgets(tokens);
    visuals.selection = Selection { bg_fill: tokens.selection, stroke: Stroke::new(1.0, tokens.text) };
    visuals.hyperlink_color = tokens.text;
    visuals.weak_text_color = Some(tokens.subdued);
    visuals.extreme_bg_color = tokens.background;
    visuals.text_edit_bg_color = Some(tokens.background);
    visuals.faint_bg_color = tokens.raised;
    visuals.code_bg_color = tokens.background;
    visuals.warn_fg_color = tokens.lamp;
    visuals.error_fg_color = tokens.bad;
    visuals.panel_fill = tokens.panel;
    visuals.window_fill = tokens.raised;
    visuals.window_stroke = Stroke::new(1.0, tokens.hairline);
    visuals.window_corner_radius = CornerRadius::same(size::RADIUS_BOX);
    visuals.menu_corner_radius = CornerRadius::same(size::RADIUS_BUTTON);
    visuals.window_shadow = Shadow { offset: [0, 15], blur: 50, spread: 0, color: tokens.shadow };
    visuals.popup_shadow = Shadow { offset: [0, 6], blur: 20, spread: 0, color: tokens.shadow };
    visuals.text_cursor.stroke = Stroke::new(1.0, tokens.lamp);
    // A blinking cursor would draw the window twice a second while nothing happens.
    visuals.text_cursor.blink = false;
    visuals.handle_shape = HandleShape::Circle;
    visuals.slider_trailing_fill = true;
    visuals.indent_has_left_vline = false;
    visuals.image_loading_spinners = false;
    visuals.interact_cursor = None;
    visuals
}

fn widgets(tokens: &Tokens) -> Widgets {
    let radius = CornerRadius::same(size::RADIUS_SMALL);
    let look = |fill: Color32, line: Color32, text: Color32| WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: Stroke::new(1.0, line),
        corner_radius: radius,
        fg_stroke: Stroke::new(1.0, text),
        expansion: 0.0,
    };
    Widgets {
        noninteractive: look(tokens.panel, tokens.hairline, tokens.text),
        inactive: look(tokens.background, tokens.hairline, tokens.text),
        hovered: look(tokens.hovered, tokens.faint, tokens.text),
        active: look(tokens.hovered, tokens.text, tokens.text),
        open: look(tokens.hovered, tokens.faint, tokens.text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG 2 relative luminance.
    fn luminance(color: Color32) -> f64 {
        let channel = |level: u8| {
            let x = f64::from(level) / 255.0;
            if x <= 0.04045 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(color.r()) + 0.7152 * channel(color.g()) + 0.0722 * channel(color.b())
    }

    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn all_text_has_contrast_of_at_least_4_5() {
        for tokens in [&DARK, &LIGHT] {
            for surface in [tokens.background, tokens.panel, tokens.raised, tokens.hovered] {
                let plain = [tokens.text, tokens.subdued];
                let weights = [-1.0, 0.0, 0.5, 0.8, 0.95, 1.05, 1.2, 1.4, 3.0];
                let weighed = plain.into_iter().flat_map(|it| weights.map(|by| tokens.weighed(it, by)));
                let others = [tokens.text, tokens.subdued, tokens.faint, tokens.good, tokens.bad];
                for text in others.into_iter().chain(weighed) {
                    let found = contrast(text, surface);
                    assert!(found >= 4.5, "{text:?} on {surface:?}: {found:.2}");
                }
            }
            for text in [tokens.text, tokens.text_on_canvas, tokens.bad] {
                assert!(contrast(text, tokens.canvas) >= 4.5, "{text:?} on the canvas");
            }
            for lamp in [tokens.lamp, tokens.lamp_hovered] {
                assert!(contrast(tokens.on_lamp, lamp) >= 4.5, "on {lamp:?}");
            }
            assert!(contrast(tokens.text, tokens.selection) >= 4.5);
        }
    }
}
