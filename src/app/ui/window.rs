//! The window as a whole: keys first, then the parts in the order in which Tab goes through them.

use eframe::wgpu;
use egui::{
    Context, CursorIcon, Id, Rect, Sense, Stroke, Ui, UiBuilder, WidgetInfo, accesskit::Role, pos2, vec2,
};

use crate::app::command::{self, Act, Command};
use crate::app::state::generation::Stage;
use crate::app::state::memory;
use crate::app::state::{Over, State};
use crate::app::theme::widgets;
use crate::app::theme::{self, size};
use crate::app::ui::view::{Layout, Room, View};
use crate::app::ui::{canvas, controls, filmstrip, gallery, palette, prompt, settings, toasts, undo};
use crate::app::{Safelight, paste};

/// Between the prompt box and the window's edge.
const MARGIN: f32 = 14.0;
/// The text cursor blinks for so long after the person did something.
const BLINK_SECONDS: f64 = 5.0;
/// Widths that a panel may be dragged to.
const GALLERY_WIDTHS: std::ops::RangeInclusive<f32> = 168.0..=480.0;
const CONTROLS_WIDTHS: std::ops::RangeInclusive<f32> = 248.0..=420.0;

impl Safelight {
    /// Draws everything; what was asked for comes back.
    pub(in crate::app) fn draw(&mut self, ui: &mut Ui, format: Option<wgpu::TextureFormat>) -> Vec<Command> {
        let ctx = ui.ctx().clone();
        self.textures.tidy();
        note_input(&ctx, &mut self.room);
        let mut commands = paste::take(&ctx, &mut self.room);
        commands.extend(self.keys(&ctx).into_iter().map(Command::Do));
        let layout = lay_out(&ctx, &self.state, &self.room, ui.max_rect());
        let mut tasks = Vec::new();
        let memory = self.services.resident_memory();
        let mut view = View {
            places: self.services.places(),
            memory,
            now: self.services.now(),
            offset: self.services.local_offset(),
            state: &mut self.state,
            words: &self.words,
            textures: &mut self.textures,
            room: &mut self.room,
            commands: &mut commands,
            tasks: &mut tasks,
            format,
        };
        parts_ui(ui, &mut view, &layout);
        palette::palette_ui(ui, &mut view);
        settings::dialogs_ui(ui, &mut view);
        canvas::drop_ui(ui, &view, layout.tray);
        widgets::focus_ring(ui, self.room.by_keyboard);
        for task in tasks {
            self.services.ask(task);
        }
        commands
    }

    /// The acts whose keys were pressed.
    fn keys(&self, ctx: &Context) -> Vec<Act> {
        if matches!(self.state.over, Over::Closing) {
            return Vec::new();
        }
        let writing = ctx.text_edit_focused()
            || ctx.memory(|memory| memory.focused().is_some())
            || egui::Popup::is_any_open(ctx);
        let busy_elsewhere =
            self.state.over != Over::Nothing || self.room.completing || egui::Popup::is_any_open(ctx);
        let stoppable = !self.state.cards.list.is_empty()
            || self.state.desk.running().is_some()
            || self.state.compare.is_some()
            || self.state.playing.is_some()
            || self.state.model.loading.is_some();
        command::pressed(ctx, writing, |act| match act {
            Act::Stop => !busy_elsewhere && stoppable,
            Act::StopAll => {
                !busy_elsewhere && (self.state.desk.running().is_some() || !self.state.desk.queue.is_empty())
            }
            Act::Palette | Act::Settings => true,
            Act::UndoDelete => !busy_elsewhere && !self.state.deleted.is_empty() && !undo::text_can_undo(ctx),
            Act::RedoDelete => {
                !busy_elsewhere && !self.state.undeleted.is_empty() && !undo::text_can_redo(ctx)
            }
            _ => self.state.over == Over::Nothing,
        })
    }
}

/// Whether the person uses the keyboard or the pointer, and whether anything at all.
fn note_input(ctx: &Context, room: &mut Room) {
    ctx.input(|input| {
        let tabbed = input.key_pressed(egui::Key::Tab)
            || [egui::Key::ArrowUp, egui::Key::ArrowDown, egui::Key::ArrowLeft, egui::Key::ArrowRight]
                .iter()
                .any(|key| input.key_pressed(*key));
        if input.pointer.any_pressed() {
            room.by_keyboard = false;
        } else if tabbed {
            room.by_keyboard = true;
        }
        if input.events.iter().any(is_by_hand) {
            room.touched_at = input.time;
        }
    });
    // Every blink draws the window anew; one that nobody touches is at rest.
    let blinking = ctx.input(|input| input.time) - room.touched_at < BLINK_SECONDS;
    if blinking != room.blinking {
        room.blinking = blinking;
        ctx.all_styles_mut(|style| style.visuals.text_cursor.blink = blinking);
    }
}

/// Whether somebody types or clicks. Input methods, window managers and a pointer that lies still
/// send events of their own accord, some without end.
fn is_by_hand(event: &egui::Event) -> bool {
    use egui::{Event, ImeEvent};
    match event {
        Event::Ime(ImeEvent::Commit(text)) => !text.is_empty(),
        Event::Key { .. }
        | Event::Text(_)
        | Event::Paste(_)
        | Event::Cut
        | Event::Copy
        | Event::PointerButton { .. }
        | Event::Touch { .. } => true,
        _ => false,
    }
}

fn lay_out(ctx: &Context, state: &State, room: &Room, whole: Rect) -> Layout {
    let narrow = whole.width() < size::NARROW;
    let slide = |name: &str, open: bool| ctx.animate_bool_responsive(Id::unique(name), open);
    let gallery_width =
        memory::width(&state.kept, memory::GALLERY).clamp(*GALLERY_WIDTHS.start(), *GALLERY_WIDTHS.end());
    let controls_width =
        memory::width(&state.kept, memory::CONTROLS).clamp(*CONTROLS_WIDTHS.start(), *CONTROLS_WIDTHS.end());
    let left =
        slide("gallery slides", memory::is_open(&state.kept, memory::GALLERY) && !narrow) * gallery_width;
    let right = slide("controls slide", memory::is_open(&state.kept, memory::CONTROLS)) * controls_width;
    let column = |from: f32, to: f32| Rect::from_min_max(pos2(from, whole.top()), pos2(to, whole.bottom()));
    let (x0, x1) = ((whole.left() + left).round(), (whole.right() - right).round());
    let in_strip = state.development().filter(|it| !it.steps.is_empty()).or_else(|| state.desk.running());
    let strip = in_strip.map(|it| filmstrip::height(it, x1 - x0, whole.height()));
    let desk_top = whole.bottom() - MARGIN - room.prompt_height - strip.map_or(MARGIN, |_| 4.0);
    let strip_top = desk_top - strip.unwrap_or_default();
    let tray_bottom = (strip_top - size::PROGRESS).round();
    let across = |top: f32, bottom: f32| Rect::from_min_max(pos2(x0, top), pos2(x1, bottom));
    let controls = (right > 0.5).then(|| column(x1, x1 + controls_width));
    let mut tray = across(whole.top(), tray_bottom);
    let cards = match controls {
        Some(panel) => toasts::in_panel(panel),
        None => toasts::in_tray(tray),
    };
    // Where there is no room beside the picture, it makes room.
    let covering = controls.is_none() && !state.cards.list.is_empty();
    if covering && state.picture().is_some_and(|it| canvas::place(room, it, tray).intersects(cards)) {
        tray.max.x = cards.left();
    }
    Layout {
        gallery: (left > 0.5).then(|| column(x0 - gallery_width, x0)),
        peek: (narrow && room.peek)
            .then(|| Rect::from_min_max(whole.min, pos2(whole.left() + gallery_width, tray_bottom))),
        controls,
        cards,
        tray,
        progress: across(tray_bottom, tray_bottom + size::PROGRESS),
        strip: strip.map(|_| across(strip_top, desk_top)),
        desk: across(desk_top, whole.bottom()),
    }
}

fn parts_ui(ui: &mut Ui, view: &mut View<'_>, layout: &Layout) {
    let tokens = theme::tokens(ui);
    let whole = ui.max_rect();
    ui.painter().rect_filled(whole, 0.0, tokens.background);
    let part = |ui: &mut Ui,
                name: &str,
                rect: Rect,
                view: &mut View<'_>,
                add: &mut dyn FnMut(&mut Ui, &mut View<'_>)| {
        ui.scope_builder(UiBuilder::new().max_rect(rect).id_salt(name), |ui| {
            ui.set_clip_rect(rect.intersect(ui.clip_rect()));
            add(ui, view);
        });
    };
    let mut desk = layout.desk;
    desk.min.x += MARGIN;
    desk.max.x -= MARGIN;
    desk.min.y = desk.max.y - MARGIN - view.room.prompt_height;
    part(ui, "desk", desk, view, &mut |ui, view| prompt::prompt_ui(ui, view));
    progress_ui(ui, view, layout.progress);
    if let Some(rect) = layout.strip {
        part(ui, "strip", rect, view, &mut |ui, view| filmstrip::filmstrip_ui(ui, view, rect));
    }
    if let Some(rect) = layout.controls {
        ui.painter().rect_filled(rect, 0.0, tokens.panel);
        part(ui, "controls", rect, view, &mut |ui, view| controls::controls_ui(ui, view, rect));
        edge_ui(ui, view, rect.left(), rect, "controls edge");
    }
    if let Some(rect) = layout.gallery {
        ui.painter().rect_filled(rect, 0.0, tokens.panel);
        part(ui, "gallery", rect, view, &mut |ui, view| gallery::gallery_ui(ui, view, rect));
        edge_ui(ui, view, rect.right(), rect, "gallery edge");
    }
    let tray = layout.tray;
    if layout.controls.is_none() {
        // What the picture leaves to the cards is the tray's all the same.
        ui.painter().rect_filled(
            Rect::from_x_y_ranges(tray.left()..=whole.right(), tray.y_range()),
            0.0,
            tokens.tray,
        );
    }
    part(ui, "tray", tray, view, &mut |ui, view| canvas::tray_ui(ui, view, tray));
    if let Some(rect) = layout.peek {
        gallery::peek_ui(ui, view, rect);
    }
    toasts::cards_ui(ui, view, layout.cards, layout.controls.is_some());
}

/// The line between the tray and what is below; while a picture develops it tells how far it is.
fn progress_ui(ui: &mut Ui, view: &View<'_>, rect: Rect) {
    let tokens = theme::tokens(ui);
    ui.painter().rect_filled(rect, 0.0, tokens.hairline);
    let Some(running) = view.state.desk.running() else { return };
    let share = running.share();
    let mut done = rect;
    done.max.x = egui::lerp(rect.x_range(), share);
    let color = if running.stage == Stage::Paused { tokens.subdued } else { tokens.lamp };
    ui.painter().rect_filled(done, 0.0, color);
    let response = ui.interact(rect, ui.scope_id().with("progress"), Sense::hover());
    let name = view.words.t("progress");
    response.widget_info(|| WidgetInfo {
        value: Some(f64::from(share)),
        ..WidgetInfo::labeled(Role::ProgressIndicator, true, &name)
    });
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_min_numeric_value(0.0);
        node.set_max_numeric_value(1.0);
    });
}

/// A panel's inner edge: a hairline that can be dragged; a double click folds the panel away.
fn edge_ui(ui: &mut Ui, view: &mut View<'_>, x: f32, panel: Rect, name: &str) {
    let tokens = theme::tokens(ui);
    let grab = Rect::from_center_size(pos2(x, panel.center().y), vec2(6.0, panel.height()));
    let response = ui.interact(grab, ui.scope_id().with(name), Sense::DRAG | Sense::CLICK);
    let response = response.on_hover_cursor(CursorIcon::ResizeHorizontal);
    let hot = response.hovered() || response.dragged();
    let stroke = Stroke::new(1.0, if hot { tokens.faint } else { tokens.hairline });
    let inner = if panel.left() == x { x + 0.5 } else { x - 0.5 };
    ui.painter().vline(inner, panel.y_range(), stroke);
    let left = name.starts_with("gallery");
    if let Some(at) = response.interact_pointer_pos().filter(|_| response.dragged()) {
        let (name, width, widths) = match left {
            true => (memory::GALLERY, at.x - panel.left(), GALLERY_WIDTHS),
            false => (memory::CONTROLS, panel.right() - at.x, CONTROLS_WIDTHS),
        };
        memory::set_width(&mut view.state.kept, name, width.clamp(*widths.start(), *widths.end()));
    }
    let act = if left { Act::Gallery } else { Act::Controls };
    if response.double_clicked() {
        view.act(act);
    }
    let label = act.name(view.words);
    response.widget_info(|| WidgetInfo::labeled(Role::Splitter, true, &label));
}
