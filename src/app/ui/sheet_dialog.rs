//! The dialog that asks for a sheet: what its pictures differ in, how many there are, and how far they go before
//! the ones worth it are picked.

use egui::{Align, ComboBox, Layout, TextEdit, Ui, vec2};

use crate::app::command::{Act, Command};
use crate::app::sheets::ask::{AXES, Axis, CELLS_MAX, DRAFT_STEPS, Kind, SheetDraft, is_text};
use crate::app::theme;
use crate::app::theme::icons;
use crate::app::theme::slider;
use crate::app::theme::widgets;
use crate::app::theme::widgets::{IconButton, Kind as ButtonKind};
use crate::app::ui::view::View;
use crate::settings::{Setting, Slider};

const KINDS: [(Kind, &str, &str); 3] = [
    (Kind::Seeds, "sheet-seeds", "sheet-seeds-tip"),
    (Kind::Drafts, "sheet-in-drafts", "sheet-in-drafts-tip"),
    (Kind::Values, "sheet-values", "sheet-values-tip"),
];
/// The width of the list of settings.
const LIST: f32 = 140.0;

/// Draws the dialog's inside.
pub fn sheet_dialog_ui(ui: &mut Ui, view: &mut View<'_>, name: &str) {
    let tokens = theme::tokens(ui);
    let before = view.state.draft.sheet.clone();
    let mut sheet = before.clone();
    ui.horizontal(|ui| {
        widgets::heading(ui, name);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if IconButton::new(icons::CLOSE, &view.words.t("close")).show(ui).clicked() {
                view.push(Command::CloseOverlay);
            }
        });
    });
    ui.add_space(8.0);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(6.0, 6.0);
        for (kind, key, _) in KINDS {
            let text = view.words.t(key);
            if widgets::chip(ui, &text, &text, sheet.kind == kind).clicked() {
                sheet.kind = kind;
            }
        }
    });
    ui.add_space(6.0);
    let tip = KINDS.iter().find(|(kind, ..)| *kind == sheet.kind).map_or("", |(_, _, tip)| tip);
    ui.label(widgets::small(view.words.t(tip), tokens.subdued));
    ui.add_space(12.0);
    match sheet.kind {
        Kind::Seeds | Kind::Drafts => seeds_ui(ui, view, &mut sheet),
        Kind::Values => {
            for (place, key) in ["axis-across", "axis-down"].into_iter().enumerate() {
                axis_ui(ui, view, key, &mut sheet.axes[place], place > 0);
            }
        }
    }
    let settings = &view.state.draft.settings;
    let asked = sheet.sheet(settings);
    let steps = asked.as_ref().map_or(settings.steps, |asked| asked.steps(settings));
    if sheet.kind != Kind::Drafts {
        until_ui(ui, view, &mut sheet, steps.max(1));
    }
    ui.add_space(14.0);
    end_ui(ui, view, sheet.kind, asked.ok().map(|asked| asked.cells.len()), sheet.until(steps));
    if sheet != before {
        view.push(Command::SetSheet(Box::new(sheet)));
    }
}

fn seeds_ui(ui: &mut Ui, view: &View<'_>, sheet: &mut SheetDraft) {
    let most = CELLS_MAX as f64;
    let scale = Slider { least: 2.0, most: 25.0, typed_most: most, step: 1.0, decimals: 0 };
    let mut seeds = sheet.seeds as f64;
    let (name, tip) = (view.words.t("sheet-pictures"), view.words.t("sheet-pictures-tip"));
    if slider::slider(ui, &name, &tip, &mut seeds, scale, false).changed() {
        sheet.seeds = seeds.clamp(1.0, most) as usize;
    }
    ui.add_space(10.0);
}

/// How far each goes; the rest is for those that are picked.
fn until_ui(ui: &mut Ui, view: &View<'_>, sheet: &mut SheetDraft, steps: usize) {
    let most = steps as f64;
    let scale = Slider { least: 1.0, most, typed_most: most, step: 1.0, decimals: 0 };
    let mut until = sheet.until(steps) as f64;
    let (name, tip) = (view.words.t("sheet-until"), view.words.t("sheet-until-tip"));
    if slider::slider(ui, &name, &tip, &mut until, scale, false).changed() {
        sheet.share = (until / most).clamp(0.0, 1.0);
    }
}

fn axis_ui(ui: &mut Ui, view: &View<'_>, key: &str, axis: &mut Axis, may_be_none: bool) {
    let tokens = theme::tokens(ui);
    let label = view.words.t(key);
    let title = |setting: Option<Setting>| match setting {
        Some(setting) => view.words.t(setting.row().words),
        None => view.words.t("axis-none"),
    };
    ui.label(widgets::small(&label, tokens.subdued));
    ui.add_space(2.0);
    ui.horizontal(|ui| {
        let list = ComboBox::from_id_salt(key).width(LIST).selected_text(title(axis.setting));
        let shown = list.show_ui(ui, |ui| {
            let none = may_be_none.then_some(None);
            for setting in none.into_iter().chain(AXES.map(Some)) {
                if ui.selectable_label(axis.setting == setting, title(setting)).clicked()
                    && axis.setting != setting
                {
                    axis.setting = setting;
                    axis.values = setting.map_or_else(String::new, |setting| usual(view, setting));
                }
            }
        });
        shown.response.widget_info(|| {
            egui::WidgetInfo::labeled(
                egui::accesskit::Role::ComboBox,
                true,
                format!("{label}: {}", title(axis.setting)),
            )
        });
        ui.add_enabled_ui(axis.setting.is_some(), |ui| {
            let hint = if axis.setting.is_some_and(is_text) { "axis-hint-texts" } else { "axis-hint" };
            let edit = TextEdit::singleline(&mut axis.values)
                .hint_text(widgets::body(view.words.t(hint), tokens.faint))
                .desired_width(ui.available_width() - 8.0)
                .min_size(vec2(0.0, 28.0));
            ui.add(edit).accessible_name(view.words.with("axis-values", &[("axis", label.as_str().into())]));
        });
    });
    ui.add_space(10.0);
}

/// Values worth trying, where the field was empty.
fn usual(view: &View<'_>, setting: Setting) -> String {
    let settings = &view.state.draft.settings;
    match setting {
        Setting::Guidance => "1.5, 3, 5, 8".to_owned(),
        Setting::Steps => "8, 12, 20, 30".to_owned(),
        Setting::Eta => "0, 0.3, 0.7, 1".to_owned(),
        Setting::Sampler => "ddim, euler, dpmpp_2m, euler_ancestral".to_owned(),
        Setting::Schedule => "karras, normal, exponential".to_owned(),
        Setting::Prompt => format!("{} | ", settings.prompt),
        Setting::NegativePrompt => format!("{} | ", settings.negative_prompt),
        _ => String::new(),
    }
}

/// The button: how many pictures are made, and how far; none while the values make no sheet.
fn end_ui(ui: &mut Ui, view: &mut View<'_>, kind: Kind, count: Option<usize>, until: usize) {
    let until = if kind == Kind::Drafts { DRAFT_STEPS } else { until };
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        let text = match count {
            Some(count) => view.words.with("make-sheet", &[("n", count.into()), ("step", until.into())]),
            None => Act::Develop.name(view.words),
        };
        if widgets::sized_button(ui, ButtonKind::Primary, None, &text, None, 34.0).clicked() {
            view.push(Command::MakeSheet);
        }
    });
}
