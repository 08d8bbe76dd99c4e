//! Lines below the prompt: words that the model does not know, what is wrong with lists, where the next picture begins.

use egui::accesskit::Role;
use egui::{Sense, Ui, Vec2, WidgetInfo, vec2};

use crate::app::command::phrases::OfPhrases;
use crate::app::command::{Act, Command};
use crate::app::state::concepts;
use crate::app::state::concepts::Hint;
use crate::app::state::draft::Text;
use crate::app::theme;
use crate::app::theme::icons;
use crate::app::theme::widgets;
use crate::app::theme::widgets::IconButton;
use crate::app::ui::view::View;
use crate::told::Told as _;

/// Unknown words that are named, at most.
const UNKNOWN_MAX: usize = 6;

/// The note on the prompt's words, kept until the prompt or the model changes.
#[derive(Debug, Default)]
pub(super) struct PromptHint {
    /// The prompt looked at.
    prompt: String,
    /// How many things the model knows; another model knows another number.
    concepts: usize,
    found: Hint,
}

/// Draws a note: the words that the model does not know, or what it knows where the prompt names none.
pub(super) fn note_ui(ui: &mut Ui, view: &View<'_>, hint: &mut PromptHint, completing: bool) {
    let Some(info) = &view.state.model.info else { return };
    let (prompt, concepts) = (view.state.draft.settings.prompt.as_str(), &info.concepts);
    // A word that is being completed is not reported as unknown.
    let prompt = if completing { prompt.trim_end_matches(char::is_alphanumeric) } else { prompt };
    if hint.prompt != prompt || hint.concepts != concepts.len() {
        *hint = PromptHint {
            found: concepts::hint(concepts, prompt),
            prompt: prompt.to_owned(),
            concepts: concepts.len(),
        };
    }
    let said = match &hint.found {
        Hint::Nothing => return,
        Hint::NothingKnown if completing => return,
        Hint::NothingKnown => {
            let step = (concepts.len() / 4).max(1);
            let names =
                concepts.iter().skip(step / 2).step_by(step).filter_map(|concept| concept.names.first());
            let examples: Vec<&str> = names.take(4).map(String::as_str).collect();
            let values = [("n", concepts.len().into()), ("examples", examples.join(", ").into())];
            view.words.with("knows-only", &values)
        }
        Hint::Unknown(words) => {
            let mut named = words.iter().take(UNKNOWN_MAX).cloned().collect::<Vec<_>>().join(", ");
            if words.len() > UNKNOWN_MAX {
                named.push_str(", …");
            }
            view.words.with("unknown-words", &[("words", named.into())])
        }
    };
    ui.label(widgets::small(said, theme::tokens(ui).subdued));
}

/// Draws what is wrong with the lists that the prompts name.
pub(super) fn wildcard_ui(ui: &mut Ui, view: &View<'_>) {
    let lists = &view.state.phrases.lists;
    let wrong = |which| view.state.draft.written(which, lists).err();
    if let Some(error) = wrong(Text::Prompt).or_else(|| wrong(Text::Negative)) {
        let said = view.words.say(&error.sentence());
        ui.label(widgets::small(said, theme::tokens(ui).bad));
    }
}

/// What a picture's prompts were written out of, while they stand as they were found.
pub(super) fn template_ui(ui: &mut Ui, view: &mut View<'_>) {
    let [prompt, negative] = view.state.draft.templates();
    let Some(template) = prompt.or(negative) else { return };
    let tokens = theme::tokens(ui);
    let said = view.words.with("written-out-of", &[("template", template.trim().into())]);
    let (using, tip) = (view.words.t("use-template"), view.words.t("use-template-tip"));
    let leaving = view.words.t("forget-template");
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        let buttons = widgets::chip_width(ui, &using) + 24.0 + 3.0 * 8.0;
        let galley = widgets::line(ui, &said, theme::small(), tokens.subdued, ui.available_width() - buttons);
        let (rect, response) = ui.allocate_exact_size(vec2(galley.size().x, 26.0), Sense::hover());
        widgets::paint_line(ui, rect.left(), rect.center().y, galley);
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &said));
        response.on_hover_text(template);
        if widgets::chip(ui, &using, &using, false).on_hover_text(tip).clicked() {
            view.push(Command::Phrases(OfPhrases::UseTemplate));
        }
        if IconButton::new(icons::CLOSE, &leaving).in_row().tip(leaving.clone()).show(ui).clicked() {
            view.push(Command::Phrases(OfPhrases::ForgetTemplate));
        }
    });
}

/// Where the next picture begins, if it does not begin anew.
pub(super) fn branch_ui(ui: &mut Ui, view: &mut View<'_>) {
    let Some(branch) = &view.state.draft.branch else { return };
    let tokens = theme::tokens(ui);
    let values = [("step", branch.at.into()), ("steps", branch.steps.into())];
    let said = view.words.with("branches-at", &values);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        let (icon, _) = ui.allocate_exact_size(Vec2::splat(16.0), Sense::hover());
        widgets::paint_icon(ui, icon, icons::BRANCH, 15.0, tokens.lamp);
        ui.label(widgets::small(said, tokens.text));
        let (name, tip) = (Act::EndBranch.name(view.words), Act::EndBranch.tip(view.words, ui.ctx()));
        if IconButton::new(icons::CLOSE, &name).in_row().tip(tip).show(ui).clicked() {
            view.act(Act::EndBranch);
        }
    });
}
