//! The row below the prompt: what is quiet at the left, how many tokens there are, and the button.

use egui::{Align, Layout, Ui};

use crate::app::command::Act;
use crate::app::command::table::keys;
use crate::app::state::draft::Text;
use crate::app::state::generation::Stage;
use crate::app::theme::icons;
use crate::app::theme::icons::Icon;
use crate::app::theme::widgets;
use crate::app::theme::widgets::{IconButton, Kind};
use crate::app::theme::{self, size};
use crate::app::ui::prompt::reads_grammar;
use crate::app::ui::prompt::styles::{StylesUi, styles_ui};
use crate::app::ui::view::View;
use crate::message::TokenCount;

/// What the row leaves out where it is narrow, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fold {
    /// The row is wide enough for everything.
    Open,
    /// *Surprise me* is its icon.
    Surprise,
    /// Buttons leave out their keys.
    Keys,
    /// *Negative prompt* is its icon.
    Negative,
    /// *Add to queue* is its icon.
    Queue,
}

impl Fold {
    const ALL: [Self; 5] = [Self::Open, Self::Surprise, Self::Keys, Self::Negative, Self::Queue];

    /// The first that fits into the row.
    fn of(ui: &Ui, view: &View<'_>) -> Self {
        let room = ui.available_width();
        Self::ALL.into_iter().find(|fold| fold.width(ui, view) <= room).unwrap_or(Self::Queue)
    }

    /// The row's width then; the count of tokens is shown only where there is room.
    fn width(self, ui: &Ui, view: &View<'_>) -> f32 {
        let gap = ui.spacing().item_spacing.x;
        let text = |kind, icon, text: &str, keys: Option<String>| {
            let keys = keys.filter(|_| self < Self::Keys);
            widgets::button_width(ui, kind, icon, text, keys.as_deref(), BUTTON)
        };
        let quiet = |name: String, folded: bool| {
            if folded { size::SMALL_TARGET } else { text(Kind::Ghost, true, &name, None) }
        };
        let negative = quiet(view.words.t("negative-prompt"), self >= Self::Negative);
        let surprise = if knows_things(view) {
            QUIET_GAP + quiet(Act::Surprise.name(view.words), self >= Self::Surprise)
        } else {
            0.0
        };
        let styles = match reads_grammar(view) {
            true => QUIET_GAP + quiet(view.words.t("styles"), self >= Self::Negative),
            false => 0.0,
        };
        let right = if view.state.queue.running().is_some() {
            let stop = text(Kind::Outlined, true, &Act::Stop.name(view.words), Some("Esc".to_owned()));
            let add = view.words.t("add-to-queue");
            let add =
                if self >= Self::Queue { size::TARGET } else { text(Kind::Outlined, false, &add, None) };
            add + gap + stop + gap + size::TARGET
        } else {
            let develop = text(Kind::Primary, false, &Act::Develop.name(view.words), develop_keys(ui));
            2.0 * (size::TARGET + gap) + develop
        };
        negative + surprise + styles + 2.0 * gap + right
    }
}

/// The height of the row's buttons.
const BUTTON: f32 = 34.0;
/// Between the quiet buttons.
const QUIET_GAP: f32 = 18.0;

fn knows_things(view: &View<'_>) -> bool {
    view.state.model.info.as_ref().is_some_and(|info| !info.concepts.is_empty())
}

fn develop_keys(ui: &Ui) -> Option<String> {
    Act::Develop.row().shortcut.as_ref().map(|shortcut| keys(ui.ctx(), shortcut))
}

pub(super) fn row_ui(ui: &mut Ui, view: &mut View<'_>, styles: &mut StylesUi) {
    ui.horizontal(|ui| {
        ui.set_height(BUTTON);
        let fold = Fold::of(ui, view);
        ui.scope(|ui| quiet_ui(ui, view, fold, styles));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            match view.state.queue.running().map(|running| running.stage) {
                Some(stage) => working_ui(ui, view, stage, fold),
                None => develop_ui(ui, view, fold),
            }
            ui.add_space(6.0);
            tokens_ui(ui, view);
        });
    });
}

fn quiet_ui(ui: &mut Ui, view: &mut View<'_>, fold: Fold, styles: &mut StylesUi) {
    ui.spacing_mut().item_spacing.x = QUIET_GAP;
    let icon = if view.state.negative_open { icons::MINUS } else { icons::PLUS };
    let name = view.words.t("negative-prompt");
    if quiet_button(ui, view, Act::Negative, icon, &name, fold >= Fold::Negative) {
        view.act(Act::Negative);
    }
    if knows_things(view) {
        let name = Act::Surprise.name(view.words);
        if quiet_button(ui, view, Act::Surprise, icons::WAND, &name, fold >= Fold::Surprise) {
            view.act(Act::Surprise);
        }
    }
    if reads_grammar(view) {
        styles_ui(ui, view, styles, fold >= Fold::Negative);
    }
}

/// Whether it was clicked.
fn quiet_button(ui: &mut Ui, view: &View<'_>, act: Act, icon: Icon, name: &str, folded: bool) -> bool {
    let tip = act.tip(view.words, ui.ctx());
    if folded {
        return IconButton::new(icon, name).in_row().tip(tip).show(ui).clicked();
    }
    widgets::sized_button(ui, Kind::Ghost, Some(icon), name, None, 28.0).on_hover_text(tip).clicked()
}

fn develop_ui(ui: &mut Ui, view: &mut View<'_>, fold: Fold) {
    let shortcut = develop_keys(ui).filter(|_| fold < Fold::Keys);
    let text = Act::Develop.name(view.words);
    let tip = Act::Develop.tip(view.words, ui.ctx());
    ui.add_enabled_ui(view.state.can_develop(), |ui| {
        if widgets::button(ui, Kind::Primary, None, &text, shortcut.as_deref()).on_hover_text(tip).clicked() {
            view.act(Act::Develop);
        }
        let (name, tip) = (Act::Sheet.name(view.words), Act::Sheet.tip(view.words, ui.ctx()));
        if IconButton::new(icons::GRID, &name).boxed().tip(tip).show(ui).clicked() {
            view.act(Act::Sheet);
        }
        let photo = if view.state.tray.laid.is_some() { Act::ShowTray } else { Act::PickPhoto };
        let (name, tip) = (photo.name(view.words), photo.tip(view.words, ui.ctx()));
        if IconButton::new(icons::PICTURE, &name).boxed().tip(tip).show(ui).clicked() {
            view.act(photo);
        }
    });
}

fn working_ui(ui: &mut Ui, view: &mut View<'_>, stage: Stage, fold: Fold) {
    let add = view.words.t("add-to-queue");
    let tip = view.words.t("add-to-queue-tip");
    let added = if fold >= Fold::Queue {
        IconButton::new(icons::PLUS, &add).boxed().tip(tip).show(ui).clicked()
    } else {
        widgets::button(ui, Kind::Outlined, None, &add, None).on_hover_text(tip).clicked()
    };
    if added {
        view.act(Act::Develop);
    }
    let stop = Act::Stop.name(view.words);
    let tip = Act::Stop.tip(view.words, ui.ctx());
    let keys = (fold < Fold::Keys).then_some("Esc");
    if widgets::button(ui, Kind::Outlined, Some(icons::STOP), &stop, keys).on_hover_text(tip).clicked() {
        view.act(Act::Stop);
    }
    let paused = matches!(stage, Stage::Paused | Stage::Pausing);
    let name = if paused { view.words.t("resume") } else { Act::Pause.name(view.words) };
    let icon = if paused { icons::PLAY } else { icons::PAUSE };
    let tip = Act::Pause.tip(view.words, ui.ctx());
    let in_sheet = view.state.queue.running().is_some_and(|running| running.sheet.is_some());
    let able = matches!(stage, Stage::Running | Stage::Paused | Stage::Pausing) && !in_sheet;
    if IconButton::new(icon, &name).tip(tip).enabled(able).show(ui).clicked() {
        view.act(Act::Pause);
    }
}

fn tokens_ui(ui: &mut Ui, view: &View<'_>) {
    let Some((text, count)) = &view.state.draft.tokens else { return };
    let tokens = theme::tokens(ui);
    let fits = count.dropped_from.is_none();
    let current = *text == view.state.draft.counted(Text::Prompt, &view.state.phrases.lists).as_str();
    let color = match (fits, current) {
        (false, true) => tokens.bad,
        _ => tokens.subdued,
    };
    let in_chunks = reads_grammar(view);
    let said = match in_chunks {
        true => {
            let [used, max] = in_chunks_of(count);
            view.words.with("tokens-chunks", &[("used", used.into()), ("max", max.into())])
        }
        false => view.words.with("tokens", &[("used", count.used.into()), ("max", count.max.into())]),
    };
    let tip = match (fits, in_chunks) {
        (false, _) => "tokens-dropped",
        (true, true) => "tokens-tip-chunks",
        (true, false) => "tokens-tip",
    };
    // In a small window the buttons come first.
    let width = ui.painter().layout_no_wrap(said.clone(), theme::small(), color).size().x;
    if width + 8.0 > ui.available_width() {
        return;
    }
    ui.label(widgets::small(said, color)).on_hover_text(view.words.t(tip));
}

/// A count as A1111 has it: without the start and the end of each chunk, closed chunks before the last.
fn in_chunks_of(count: &TokenCount) -> [String; 2] {
    // Chunks without a word have no start; the length of one is known from a text of one.
    let chunks = count.chunks.max(1);
    let room = (count.max / chunks).saturating_sub(2);
    let used = count.used.saturating_sub(2 * chunks);
    let closed = room * (chunks - 1);
    let used = match closed {
        0 => used.to_string(),
        _ => format!("{closed}+{}", used.saturating_sub(closed)),
    };
    [used, (room * chunks).to_string()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_told_as_a1111_tells_them() {
        let told = |used, max, chunks| {
            in_chunks_of(&TokenCount { used, max, chunks, ..TokenCount::default() }).join(" of ")
        };
        assert_eq!(told(12, 77, 1), "10 of 75");
        assert_eq!(told(75 + 10 + 4, 154, 2), "75+10 of 150");
        assert_eq!(told(150 + 1 + 6, 231, 3), "150+1 of 225");
        assert_eq!(told(0, 0, 0), "0 of 0");
    }
}
