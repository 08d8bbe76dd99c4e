//! The menu of styles: apply one, keep the prompts as another, forget one; and how many lists of words there are.

use egui::accesskit::Role;
use egui::{
    Align, Align2, Layout, Margin, Popup, PopupCloseBehavior, RectAlign, ScrollArea, Sense, TextEdit, Ui,
    WidgetInfo, vec2,
};

use crate::app::command::Command;
use crate::app::command::phrases::OfPhrases;
use crate::app::theme;
use crate::app::theme::icons;
use crate::app::theme::widgets;
use crate::app::theme::widgets::{IconButton, Kind};
use crate::app::ui::view::View;
use crate::grammar::Style;

/// The width of the menu's inside.
const WIDTH: f32 = 264.0;
/// The height of a row.
const ROW: f32 = 28.0;
/// The height of the list of styles, at most.
const LIST: f32 = 224.0;

/// What the menu remembers from frame to frame.
#[derive(Debug, Default)]
pub(super) struct StylesUi {
    /// The name for a style to be kept.
    name: String,
}

/// The button in the row, and the menu while it is open.
pub(super) fn styles_ui(ui: &mut Ui, view: &mut View<'_>, state: &mut StylesUi, folded: bool) {
    let (name, tip) = (view.words.t("styles"), view.words.t("styles-tip"));
    let button = match folded {
        true => IconButton::new(icons::MODEL, &name).in_row().tip(tip).show(ui),
        false => {
            widgets::sized_button(ui, Kind::Ghost, Some(icons::MODEL), &name, None, 28.0).on_hover_text(tip)
        }
    };
    Popup::menu(&button)
        .align(RectAlign::TOP_START)
        .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
        .accessible_name(name)
        .show(|ui| {
            ui.set_width(WIDTH);
            menu_ui(ui, view, state);
        });
}

fn menu_ui(ui: &mut Ui, view: &mut View<'_>, state: &mut StylesUi) {
    let tokens = theme::tokens(ui);
    let styles = &view.state.phrases.styles;
    if styles.is_empty() {
        ui.label(widgets::small(view.words.t("styles-none"), tokens.subdued));
    }
    let mut asked = None;
    ScrollArea::vertical().max_height(LIST).auto_shrink([false, true]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for style in styles {
            asked = style_ui(ui, view, style).or(asked.take());
        }
    });
    ui.add_space(4.0);
    widgets::hairline(ui, ui.max_rect().x_range());
    ui.add_space(6.0);
    asked = save_ui(ui, view, state).or(asked);
    lists_ui(ui, view);
    if let Some(asked) = asked {
        if matches!(asked, OfPhrases::Apply(_)) {
            ui.close();
        }
        view.push(Command::Phrases(asked));
    }
}

/// A style: its name, what it says, and the button that forgets it.
fn style_ui(ui: &mut Ui, view: &View<'_>, style: &Style) -> Option<OfPhrases> {
    let tokens = theme::tokens(ui);
    let mut asked = None;
    ui.horizontal(|ui| {
        ui.set_height(ROW);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let forget = view.words.with("style-delete", &[("name", style.name.as_str().into())]);
            if IconButton::new(icons::TRASH, &forget).in_row().tip(forget.clone()).show(ui).clicked() {
                asked = Some(OfPhrases::Delete(style.name.clone()));
            }
            let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
            widgets::paint_row(ui, rect.expand2(vec2(4.0, 0.0)), &response);
            let name = widgets::line(ui, &style.name, theme::body(), tokens.text, rect.width() - 6.0);
            let end = widgets::paint_line(ui, rect.left(), rect.center().y, name);
            let left = rect.right() - 6.0 - end - 10.0;
            if left > 40.0 {
                let text = if style.prompt.is_empty() { &style.negative } else { &style.prompt };
                let says = widgets::line(ui, text.trim(), theme::small(), tokens.subdued, left);
                widgets::paint_line(ui, end + 10.0, rect.center().y, says);
            }
            let apply = view.words.with("style-apply", &[("name", style.name.as_str().into())]);
            response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &apply));
            let says = [style.prompt.trim(), style.negative.trim()].join("\n\u{2212} ");
            if response.on_hover_text(says.trim_end_matches("\n\u{2212} ")).clicked() {
                asked = Some(OfPhrases::Apply(style.name.clone()));
            }
        });
    });
    asked
}

/// A name for the prompts as they stand, and the button that keeps them.
fn save_ui(ui: &mut Ui, view: &View<'_>, state: &mut StylesUi) -> Option<OfPhrases> {
    let tokens = theme::tokens(ui);
    let settings = &view.state.draft.settings;
    let name = state.name.trim().to_owned();
    let says = !settings.prompt.trim().is_empty() || !settings.negative_prompt.trim().is_empty();
    let replaces = view.state.phrases.styles.iter().any(|style| style.name == name);
    let text = view.words.t(if replaces { "style-replace" } else { "style-save" });
    let mut asked = None;
    ui.horizontal(|ui| {
        let button = widgets::button_width(ui, Kind::Outlined, false, &text, None, ROW);
        let edit = TextEdit::singleline(&mut state.name)
            .hint_text(widgets::body(view.words.t("style-name-hint"), tokens.faint))
            .desired_width(ui.available_width() - button - 8.0 - 16.0)
            .align(Align2::LEFT_CENTER)
            .margin(Margin::symmetric(8, 2))
            .min_size(vec2(0.0, ROW));
        let field = ui.add(edit);
        let entered = field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        field.accessible_name(view.words.t("style-name"));
        ui.add_enabled_ui(!name.is_empty() && says, |ui| {
            let tip = view.words.t("style-save-tip");
            let clicked = widgets::sized_button(ui, Kind::Outlined, None, &text, None, ROW)
                .on_hover_text(tip)
                .clicked();
            if clicked || (entered && !name.is_empty() && says) {
                asked = Some(OfPhrases::Save(name));
            }
        });
    });
    if asked.is_some() {
        state.name.clear();
    }
    asked
}

/// How many lists of words there are, and the way to them.
fn lists_ui(ui: &mut Ui, view: &mut View<'_>) {
    let Some(folder) = view.places.and_then(|places| places.wildcards.clone()) else { return };
    let count = view.state.phrases.lists.names().count();
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        let said = view.words.with("lists-count", &[("n", count.into())]);
        let tip = view.words.with("lists-tip", &[("folder", folder.display().to_string().into())]);
        ui.label(widgets::small(said, theme::tokens(ui).subdued)).on_hover_text(tip);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let show = view.words.t("lists-show");
            if IconButton::new(icons::FOLDER_OPEN, &show).in_row().tip(show.clone()).show(ui).clicked() {
                view.push(Command::Reveal(folder));
            }
        });
    });
}
