//! The tray in the window: pictures laid on it, painted over, given room, and what is developed of them.

use egui::accesskit::Role;
use egui::{Event, Key, Modifiers, PointerButton, Pos2, vec2};
use egui_kittest::kittest::Queryable;

use safelight::app::command::tray::Tool;
use safelight::app::services::photos::{Developed, Wanted};
use safelight::app::services::{Answer, Began, Task};
use safelight::app::state::shown::Shown;
use safelight::app::state::tray::Laid;
use safelight::message::{Event as Told, Origin};
use safelight::picture::{Frame, MadeBy};
use safelight::settings::{Beginning, Named, PartialSettings, Resize, Treatment};
use safelight::tray::{Mask, MaskFrom, Photo, PictureFrom};

use super::stage::{Setup, Stage, records, sample};

/// A photograph of a beach, as far as anybody can tell: bands of sky, sea and sand.
pub fn photo(width: usize, height: usize) -> Photo {
    let rgb = (0..width * height).flat_map(|i| {
        let (x, y) = ((i % width) as f32 / width as f32, (i / width) as f32 / height as f32);
        let wave = (x * 40.0 + y * 90.0).sin() * 6.0;
        let sun = (1.0 - ((x - 0.72).powi(2) * 2.0 + (y - 0.22).powi(2) * 3.0).sqrt() * 5.0).clamp(0.0, 1.0);
        let color = match y {
            y if y < 0.5 => {
                [120.0 + 90.0 * y + 120.0 * sun, 160.0 + 60.0 * y + 70.0 * sun, 205.0 - 60.0 * sun]
            }
            y if y < 0.68 => [40.0 + wave, 105.0 + wave, 130.0 + wave],
            _ => [214.0 + wave / 2.0, 190.0 + wave / 2.0, 150.0],
        };
        color.map(|level| level.clamp(0.0, 255.0) as u8)
    });
    Photo::from(Frame { width, height, rgb: rgb.collect() })
}

pub fn developed(photo: Photo) -> Developed {
    Developed { from: PictureFrom::File("/x/beach.jpg".into()), photo, mask: None, treatment: None }
}

/// Lays the photograph on the tray.
pub fn lay(stage: &mut Stage, width: usize, height: usize) {
    stage.answer(Answer::Developed(Box::new(developed(photo(width, height)))));
}

fn laid(stage: &Stage) -> &Laid {
    stage.harness.state().state().tray.laid.as_deref().expect("a picture lies on the tray")
}

/// Where a share of the picture, across and down, is on the canvas.
pub fn on_picture(stage: &Stage, across: f32, down: f32) -> Pos2 {
    let node = stage.harness.get_by_label_contains("The picture to work from");
    let rect = node.rect();
    rect.min + vec2(across, down) * rect.size()
}

/// Presses, goes through all of the places, and lets go.
pub fn drag(stage: &mut Stage, places: &[Pos2], modifiers: Modifiers) {
    let button =
        |pos, pressed| Event::PointerButton { pos, button: PointerButton::Primary, pressed, modifiers };
    stage.harness.event(Event::PointerMoved(places[0]));
    stage.run();
    stage.harness.event_modifiers(button(places[0], true), modifiers);
    stage.harness.step();
    for place in &places[1..] {
        stage.harness.event_modifiers(Event::PointerMoved(*place), modifiers);
        stage.harness.step();
    }
    let last = places[places.len() - 1];
    stage.harness.event_modifiers(button(last, false), modifiers);
    stage.run();
}

/// Paints over the sun.
pub fn paint(stage: &mut Stage) {
    let places: Vec<Pos2> = [(0.62, 0.2), (0.7, 0.16), (0.8, 0.2), (0.78, 0.3), (0.66, 0.28)]
        .map(|(across, down)| on_picture(stage, across, down))
        .to_vec();
    drag(stage, &places, Modifiers::NONE);
}

/// Whether the line above the picture says so.
fn hints(stage: &Stage, said: &str) -> bool {
    stage.harness.query_all_by_label_contains(said).next().is_some()
}

fn level(stage: &Stage, across: f32, down: f32) -> u8 {
    let laid = laid(stage);
    let [width, height] = laid.painting.size();
    let at = (down * height as f32) as usize * width + (across * width as f32) as usize;
    laid.painting.levels()[at]
}

/// Drags the right edge outwards.
pub fn widen(stage: &mut Stage) {
    let handle = stage.harness.get_by_label_contains("Room on the right").rect().center();
    drag(stage, &[handle, handle + vec2(20.0, 3.0), handle + vec2(61.0, 0.0)], Modifiers::NONE);
}

#[test]
fn a_photograph_is_laid_painted_over_and_developed() {
    let mut stage = Setup::default().open();
    lay(&mut stage, 300, 200);
    assert_eq!(stage.harness.state().state().shown, Shown::Tray);
    assert!(hints(&stage, "beach.jpg · 300 × 200. Paint what shall change, or develop all of it"));
    // A shape that the model can draw.
    let draft = &stage.harness.state().state().draft.settings;
    assert_eq!((draft.width, draft.height), (320, 192));
    paint(&mut stage);
    assert!(hints(&stage, "What is painted changes, the rest stays"));
    assert_eq!((level(&stage, 0.7, 0.18), level(&stage, 0.1, 0.9)), (255, 0));
    stage.requests();
    stage.click("Develop");
    let job = stage.job();
    let source = job.source.expect("it begins from the picture");
    assert_eq!((source.picture, job.origin), (PictureFrom::File("/x/beach.jpg".into()), Origin::Anew));
    let Some(MaskFrom::Painted(mask)) = source.mask else { panic!("nothing is painted") };
    assert_eq!((mask.width, mask.height), (300, 200));
    // While nothing has formed yet the picture stays in sight.
    assert_eq!(stage.on_canvas().width, 300);
    stage.begin(job.id, 15);
    stage.step(job.id, 0, 15, 5);
    assert_ne!(stage.on_canvas().width, 300);
    stage.finish(job.id, 5);
    // Back to it, with what was painted.
    stage.press(Modifiers::COMMAND, Key::T);
    assert_eq!(stage.harness.state().state().shown, Shown::Tray);
    assert_eq!(level(&stage, 0.7, 0.18), 255);
}

#[test]
fn strength_says_how_many_steps_run_and_controls_of_a_mask_wait_for_one() {
    let mut stage = Setup::default().open();
    assert!(!stage.says("Strength"));
    lay(&mut stage, 256, 256);
    assert!(stage.says("18 of 25 steps run"));
    assert!(!stage.says("Soft edge") && stage.says("Fit to size"));
    stage.harness.get_by_role_and_label(Role::Slider, "Strength").focus();
    stage.run();
    for _ in 0..5 {
        stage.press(Modifiers::NONE, Key::PageDown);
    }
    assert_eq!((laid(&stage).treatment.strength * 100.0).round(), 25.0);
    assert!(stage.says("6 of 25 steps run"));
    stage.click("All steps");
    assert!(stage.says("25 of 25 steps run") && laid(&stage).treatment.full_steps);
    stage.harness.get_by_label("Fit to size: Stretch").click();
    stage.run();
    assert_eq!(laid(&stage).treatment.resize, Some(Resize::Stretch));
    paint(&mut stage);
    assert!(stage.says("Soft edge") && stage.says("Only the painted part") && !stage.says("Around it"));
    stage.click("Only the painted part");
    assert!(stage.says("Around it") && !stage.says("Fit to size"));
    stage.click("Develop");
    let source = stage.job().source.unwrap();
    assert_eq!((source.treatment.only_masked, source.treatment.full_steps), (Some(32), true));
}

#[test]
fn strokes_are_undone_and_what_is_lifted_off_comes_back() {
    let mut stage = Setup::default().open();
    lay(&mut stage, 300, 200);
    paint(&mut stage);
    stage.press(Modifiers::COMMAND, Key::Z);
    assert!(laid(&stage).painting.is_empty());
    stage.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    assert_eq!(level(&stage, 0.7, 0.18), 255);
    stage.click("Invert");
    assert_eq!((level(&stage, 0.7, 0.18), level(&stage, 0.1, 0.9)), (0, 255));
    stage.click("Clear what is painted");
    assert!(laid(&stage).painting.is_empty());
    stage.press(Modifiers::COMMAND, Key::Z);
    // The act of its section.
    stage.harness.get_all_by_label("Remove from the tray").next().unwrap().click();
    stage.run();
    let state = stage.harness.state().state();
    assert!(state.tray.laid.is_none() && state.shown == Shown::Nothing);
    assert_eq!(state.draft.settings.width, super::stage::settings("").width, "its size goes with it");
    assert!(stage.says("Removed from the tray."));
    stage.click("Undo");
    assert_eq!((level(&stage, 0.7, 0.18), level(&stage, 0.1, 0.9)), (0, 255));
    assert_eq!(stage.harness.state().state().shown, Shown::Tray);
}

#[test]
fn the_hand_holds_brush_eraser_and_lasso() {
    let mut stage = Setup::default().open();
    lay(&mut stage, 300, 200);
    let place = |stage: &Stage, across, down| on_picture(stage, across, down);
    // A straight line from where the last stroke ended.
    let at = place(&stage, 0.1, 0.5);
    drag(&mut stage, &[at], Modifiers::NONE);
    let at = place(&stage, 0.9, 0.5);
    drag(&mut stage, &[at], Modifiers::SHIFT);
    assert_eq!((level(&stage, 0.5, 0.5), level(&stage, 0.5, 0.9)), (255, 0));
    // Once something was painted the keys are the tray's.
    stage.press(Modifiers::NONE, Key::E);
    let at = place(&stage, 0.5, 0.5);
    drag(&mut stage, &[at], Modifiers::NONE);
    assert_eq!(level(&stage, 0.5, 0.5), 0);
    stage.press(Modifiers::NONE, Key::E);
    let radius = |stage: &Stage| stage.harness.state().state().tray.brush.radius;
    let before = radius(&stage);
    stage.press(Modifiers::NONE, Key::CloseBracket);
    assert!(radius(&stage) > before);
    stage.press(Modifiers::NONE, Key::OpenBracket);
    stage.press(Modifiers::NONE, Key::OpenBracket);
    assert!(radius(&stage) < before);
    stage.press(Modifiers::NONE, Key::L);
    assert_eq!(stage.harness.state().state().tray.tool, Tool::Lasso);
    let around: Vec<Pos2> = [(0.2, 0.6), (0.8, 0.6), (0.8, 0.95), (0.2, 0.95)]
        .map(|(across, down)| place(&stage, across, down))
        .to_vec();
    drag(&mut stage, &around, Modifiers::NONE);
    assert_eq!((level(&stage, 0.5, 0.8), level(&stage, 0.1, 0.8)), (255, 0));
}

#[test]
fn a_pen_that_is_pressed_less_paints_thinner() {
    let mut stage = Setup::default().open();
    lay(&mut stage, 300, 200);
    let painted = |stage: &Stage| laid(stage).painting.levels().iter().filter(|level| **level > 127).count();
    let mut areas = Vec::new();
    for force in [0.2, 1.0] {
        let at = on_picture(&stage, 0.5, 0.5);
        stage.harness.event(Event::Touch {
            device_id: egui::TouchDeviceId(1),
            id: egui::TouchId::from(1_u64),
            phase: egui::TouchPhase::Start,
            pos: at,
            force: Some(force),
        });
        drag(&mut stage, &[at], Modifiers::NONE);
        areas.push(painted(&stage));
        stage.press(Modifiers::COMMAND, Key::Z);
    }
    assert!(areas[0] > 0 && areas[0] * 3 < areas[1], "{areas:?}");
}

#[test]
fn an_edge_is_dragged_for_room_in_steps_and_taken_back() {
    let mut stage = Setup::default().open();
    lay(&mut stage, 256, 256);
    widen(&mut stage);
    let room = laid(&stage).treatment.outpaint;
    assert!(room.right > 0 && room.right.is_multiple_of(8) && room.left == 0, "{room}");
    let draft = &stage.harness.state().state().draft.settings;
    assert!(draft.width > draft.height, "the run is as wide as the whole");
    assert!(stage.says("Soft edge"), "a part of it is kept");
    stage.click("Develop");
    let source = stage.job().source.unwrap();
    assert_eq!((source.treatment.outpaint, source.mask), (room, None));
    // By keys, at a corner.
    stage.press(Modifiers::COMMAND, Key::T);
    stage.harness.get_by_label_contains("Room at the top left").focus();
    stage.run();
    stage.press(Modifiers::NONE, Key::ArrowUp);
    stage.press(Modifiers::NONE, Key::ArrowLeft);
    let room = laid(&stage).treatment.outpaint;
    assert_eq!((room.left, room.top), (8, 8));
}

#[test]
fn pictures_come_from_files_the_clipboard_and_what_is_shown() {
    let mut stage = Setup::default().open();
    stage.click("Begin from a picture…");
    assert!(stage.tasks().contains(&Task::PickPhoto));
    stage.answer(Answer::Gallery(records(1)));
    stage.click("a heart on blue");
    stage.answer(Answer::Read { path: "/pictures/0000.png".into(), frame: sample(5) });
    stage.tasks();
    stage.click("Work from this picture");
    assert_eq!(stage.tasks(), [Task::Photo(Wanted::File("/pictures/0000.png".into()))]);
}

#[test]
fn a_step_is_decoded_in_full_and_worked_from() {
    let mut stage = Setup::default().open();
    let job = stage.develop();
    stage.begin(job, 10);
    for step in 0..10 {
        stage.step(job, step, 10, 5);
    }
    stage.finish(job, 5);
    super::negatives::scrub_back(&mut stage, 4);
    let Shown::Generation { step: Some(step), .. } = stage.harness.state().state().shown else {
        panic!("no step is shown")
    };
    stage.click("Work from this step");
    let from = laid(&stage).from.clone();
    assert_eq!(from, PictureFrom::Step { negative: format!("run-{}", job.0), at: step + 1 });
    assert!(stage.says(&format!("Step {} · 256 × 256", step + 1)));
}

#[test]
fn a_mask_comes_from_a_file_or_from_what_is_transparent() {
    let mut stage = Setup::default().open();
    let mut holes = photo(64, 64);
    holes.alpha = Some((0..64 * 64).map(|i| if i % 64 < 32 { 0 } else { 255 }).collect());
    stage.answer(Answer::Developed(Box::new(developed(holes))));
    assert_eq!((level(&stage, 0.2, 0.5), level(&stage, 0.8, 0.5)), (255, 0));
    stage.click("Clear what is painted");
    stage.click("More");
    stage.click("Mask from transparency");
    assert_eq!(level(&stage, 0.2, 0.5), 255);
    stage.click("More");
    stage.click("Mask from a file…");
    assert!(stage.tasks().contains(&Task::PickMask([64, 64])));
    let path = Some("/x/mask.png".into());
    stage.answer(Answer::Mask { mask: Mask::flat(64, 64, 255), path });
    assert_eq!(level(&stage, 0.8, 0.5), 255);
    stage.click("Develop");
    assert_eq!(stage.job().source.unwrap().mask, Some(MaskFrom::File("/x/mask.png".into())));
}

#[test]
fn settings_of_a_picture_bring_back_what_it_began_from() {
    let mut stage = Setup::default().open();
    let picture = Named { path: Some("/x/beach.jpg".into()), ..Named::default() };
    let beginning = Beginning { picture, ..Beginning::default() };
    stage.answer(Answer::Recovered {
        path: "/x/from-beach.png".into(),
        settings: Box::new(PartialSettings { prompt: Some("a harbor".into()), ..Default::default() }),
        foreign_sampler: None,
        made_by: MadeBy::default(),
        frame: sample(60),
        began: Began::From(Box::new(beginning.clone())),
    });
    assert!(stage.tasks().contains(&Task::Photo(Wanted::Beginning(Box::new(beginning)))));
    let treatment = Treatment { strength: 0.4, ..Treatment::default() };
    let mask = Some((Mask::flat(300, 200, 255), None));
    stage.answer(Answer::Developed(Box::new(Developed {
        treatment: Some(treatment),
        mask,
        ..developed(photo(300, 200))
    })));
    assert_eq!(laid(&stage).treatment.strength, 0.4);
    assert!(matches!(stage.harness.state().state().shown, Shown::Record(_)), "the picture stays in sight");
    // The same of a run of this session.
    stage.click("Develop");
    let job = stage.job();
    stage.begin(job.id, 10);
    stage.finish(job.id, 5);
    stage.tasks();
    stage.click("Reuse settings");
    assert!(stage.tasks().contains(&Task::Photo(Wanted::Source(Box::new(job.source.unwrap())))));
}

#[test]
fn a_model_without_an_encoder_is_told_before_anything_is_made() {
    let mut stage = Setup::default().build();
    let info = safelight::message::ModelInfo { encodes: false, ..super::stage::starter() };
    stage.tell(Told::Opened(Box::new(info)));
    stage.run();
    lay(&mut stage, 300, 200);
    assert!(stage.says("This model can't read pictures: its VAE has no encoder. Use its whole file."));
}

#[test]
fn several_pictures_and_sheets_begin_from_the_same_one() {
    let mut stage = Setup::default().open();
    lay(&mut stage, 256, 256);
    stage.press(Modifiers::COMMAND, Key::G);
    stage.click("Develop 9 to step 5");
    let sheet = super::sheets::asked(&stage);
    let from = PictureFrom::File("/x/beach.jpg".into());
    assert!(sheet.jobs.iter().all(|job| job.source.as_ref().is_some_and(|source| source.picture == from)));
}
