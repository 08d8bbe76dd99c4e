//! Where things lie: nothing covers anything else, whatever the window's size, its language, the
//! picture's shape and what has to be told.

use egui::accesskit::{Role, Toggled};
use egui::{Key, Modifiers, Rect, vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use safelight::app::graphics;
use safelight::app::services::Answer;
use safelight::app::state::shown::Shown;
use safelight::app::theme::size;
use safelight::gpu::Trouble;
use safelight::message::{Event, ModelSource, Preview, Report};
use safelight::picture::Frame;
use safelight::preferences::Memory;
use safelight::settings::PreviewMode;

use super::stage::{Setup, Stage};

fn setup(size: [f32; 2], language: &str, controls: bool) -> Setup {
    let base = Setup::default();
    let mut remembered = Memory { language: Some(language.into()), ..base.remembered };
    remembered.folds.insert("controls".into(), controls);
    Setup { size, remembered, ..Setup::default() }
}

/// A picture half developed by keys alone, which are the same in every language.
fn developing(stage: &mut Stage) -> safelight::message::JobId {
    stage.press(Modifiers::COMMAND, Key::Enter);
    let job = stage.job().id;
    stage.begin(job, 25);
    for step in 0..5 {
        stage.step(job, step, 25, 5);
    }
    job
}

fn fail(stage: &mut Stage) {
    let source = ModelSource::file("/models/xl.safetensors");
    let report = Report::new("engine-no-thread", "a technical sentence\nand its cause");
    stage.tell(Event::OpenFailed { source, report, former_is_open: true });
    stage.run();
}

/// What a user can act on and see whole, toasts and the picture, each with its name.
fn parts(stage: &Stage) -> Vec<(Role, String, Rect)> {
    let window = stage.harness.ctx.content_rect();
    let roles = [
        Role::Button,
        Role::Switch,
        Role::Slider,
        Role::MultilineTextInput,
        Role::Alert,
        Role::Image,
        Role::RadioButton,
    ];
    let controls = stage.harness.query_all_by_role(Role::Splitter).map(|edge| edge.rect().center().x);
    let left_of_controls = controls.fold(0.0, f32::max);
    let left_of_controls = if left_of_controls > 0.0 { left_of_controls } else { window.right() };
    let pictured = stage.harness.state().state().picture().is_some();
    stage
        .harness
        .root()
        .children_recursive()
        .filter_map(|node| {
            let at = node.accesskit_node();
            // An empty canvas is a picture of nothing, as large as it is.
            let role = Some(at.role()).filter(|role| roles.contains(role))?;
            if role == Role::Image && !pictured {
                return None;
            }
            Some((role, at.label().unwrap_or_default(), node.rect()))
        })
        // The controls scroll: what is out of sight there lies under what is in sight below.
        .filter(|(role, _, rect)| *role == Role::Alert || rect.right() <= left_of_controls + 1.0)
        .collect()
}

/// Fails where two of them lie over each other; what lies in a toast belongs to the toast.
fn nothing_covers(stage: &Stage, when: &str) {
    let parts = parts(stage);
    assert!(parts.len() > 3, "{when}: {parts:?}");
    let window = stage.harness.ctx.content_rect();
    let toasts: Vec<Rect> = parts.iter().filter(|part| part.0 == Role::Alert).map(|part| part.2).collect();
    for (i, (role, name, rect)) in parts.iter().enumerate() {
        assert!(window.expand(1.0).contains_rect(*rect), "{when}: {name:?} at {rect} leaves the window");
        for (other_role, other, over) in &parts[i + 1..] {
            let in_toast = |part: &Rect| toasts.iter().any(|toast| toast.contains_rect(*part));
            let of_a_toast =
                (*role == Role::Alert || *other_role == Role::Alert) && in_toast(rect) && in_toast(over);
            assert!(
                of_a_toast || !rect.shrink(1.0).intersects(over.shrink(1.0)),
                "{when}: {role:?} {name:?} at {rect} and {other_role:?} {other:?} at {over}"
            );
        }
    }
}

#[test]
fn nothing_covers_anything_in_any_state_of_a_small_window() {
    for (size, controls) in [
        (size::WINDOW_LEAST, true),
        (size::WINDOW_LEAST, false),
        ([900.0, 600.0], true),
        ([900.0, 600.0], false),
    ] {
        for language in ["en", "zh-Hans"] {
            let when = |state: &str| format!("{state}, {size:?}, controls {controls}, {language}");
            let mut stage = setup(size, language, controls).open();
            stage.answer(Answer::Gallery(Vec::new()));
            nothing_covers(&stage, &when("at first"));
            let job = developing(&mut stage);
            nothing_covers(&stage, &when("developing"));
            fail(&mut stage);
            assert!(stage.harness.query_by_role(Role::Alert).is_some());
            nothing_covers(&stage, &when("failed"));
            stage.press(Modifiers::NONE, Key::Escape);
            assert!(stage.harness.query_by_role(Role::Alert).is_none(), "Esc dismisses the toast");
            assert!(stage.controls().is_empty(), "and nothing else");
            stage.stopped(job, 5);
            nothing_covers(&stage, &when("stopped"));
            let strip = stage.harness.get_all_by_role(Role::Slider).map(|it| it.rect());
            let strip = strip.max_by(|a, b| a.height().total_cmp(&b.height())).unwrap();
            let at = strip.left_center() + vec2(3.0, 0.0);
            stage.harness.drag_at(at);
            stage.run();
            stage.harness.drop_at(at);
            stage.run();
            assert_eq!(stage.harness.state().state().shown, Shown::Generation { job, step: Some(0) });
            nothing_covers(&stage, &when("a step"));
            fail(&mut stage);
            nothing_covers(&stage, &when("a step, failed"));
        }
    }
}

#[test]
fn toasts_cover_no_picture_of_any_shape() {
    for (width, height) in [(16, 16), (64, 16), (16, 64)] {
        for (size, controls) in [([1280.0, 800.0], false), ([1280.0, 800.0], true), ([1920.0, 1080.0], false)]
        {
            let mut stage = setup(size, "en", controls).open();
            stage.fill_gallery(3);
            stage.click("a pepper on pink");
            let frame = Frame { width, height, rgb: vec![99; 3 * width * height].into() };
            stage.answer(Answer::Read { path: "/pictures/0001.png".into(), frame });
            for name in ["one.png", "two.png", "three.png"] {
                stage.answer(Answer::Saved(format!("/x/{name}").into()));
                let toast = stage.harness.get_by_role_and_label(Role::Label, &format!("Saved {name}")).rect();
                let picture = stage.harness.get_by_role(Role::Image).rect();
                let delete = stage.harness.get_by_role_and_label(Role::Button, "Delete").rect();
                assert!(!toast.intersects(picture), "{name}: {toast} covers {picture}");
                assert!(!toast.intersects(delete), "{name}: {toast} covers {delete}");
                // What can be done stands in the middle below the picture.
                let first = stage.harness.get_by_label("Reuse settings").rect();
                assert!((first.union(delete).center().x - picture.center().x).abs() < 2.0);
            }
        }
    }
}

/// A picture of one color in each half.
fn halves(width: usize, height: usize) -> Frame {
    let row: Vec<u8> =
        (0..width).flat_map(|x| if x < width / 2 { [200, 40, 40] } else { [40, 40, 200] }).collect();
    Frame { width, height, rgb: row.repeat(height).into() }
}

#[test]
fn pictures_beyond_what_the_card_takes_are_looked_at_compared_and_scrubbed() {
    for (width, height) in [(9000, 64), (64, 20_000)] {
        let mut stage = Setup { painted: true, ..Setup::default() }.open();
        stage.fill_gallery(3);
        for name in ["a pepper on pink", "a lion on gray"] {
            stage.click(name);
            let path = stage.harness.state().state().shown_path().unwrap().to_owned();
            stage.answer(Answer::Read { path, frame: halves(width, height) });
        }
        assert!(stage.says("0002.png: a lion on gray"));
        stage.press(Modifiers::COMMAND, Key::D);
        stage.harness.render().unwrap();
        stage.press(Modifiers::NONE, Key::Escape);
        // The copy is made beside the window.
        let picture = stage.harness.get_by_role(Role::Image).rect();
        let at = picture.center();
        let colored = |stage: &mut Stage| {
            stage.harness.step();
            let image = stage.harness.render().unwrap();
            let [r, g, b, _] = image.get_pixel(at.x as u32, at.y as u32).0;
            g + 40 < r.max(b)
        };
        assert!((0..500).any(|_| colored(&mut stage)), "{width} × {height} is not drawn");
        assert_eq!((stage.on_canvas().width, stage.on_canvas().height), (width, height), "saved whole");
        // And as a step, in the strip and under the pointer.
        let job = developing(&mut stage);
        stage.engine.borrow().as_ref().unwrap().preview(Preview {
            job,
            step: 5,
            image: safelight::message::PreviewImage::Frame(halves(width, height)),
            mode: PreviewMode::Full,
            took: Default::default(),
            share: 0.0,
            note: None,
        });
        stage.run();
        let strip = stage.harness.get_by_role_and_label(Role::Slider, "Filmstrip").rect();
        stage.harness.hover_at(strip.left_center() + vec2(strip.width() * 5.5 / 25.0, 0.0));
        stage.run();
        stage.harness.render().unwrap();
    }
}

#[test]
fn what_the_graphics_card_refuses_is_told_and_ends_nothing() {
    use egui_kittest::wgpu::{create_render_state, default_wgpu_setup};
    let state = create_render_state(default_wgpu_setup(), eframe::egui_wgpu::RendererOptions::default());
    let (_, troubles) = graphics::listen(&state.device, &state.queue, state.adapter.get_info(), || ());
    let side = state.device.limits().max_texture_dimension_2d + 1;
    let wide = eframe::wgpu::TextureDescriptor {
        label: Some("too wide"),
        size: eframe::wgpu::Extent3d { width: side, height: 1, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: eframe::wgpu::TextureDimension::D2,
        format: eframe::wgpu::TextureFormat::Rgba8Unorm,
        usage: eframe::wgpu::TextureUsages::TEXTURE_BINDING,
        view_formats: &[],
    };
    for _ in 0..3 {
        drop(state.device.create_texture(&wide));
    }
    let told: Vec<Trouble> = troubles.try_iter().collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(matches!(&told[0], Trouble::Error(why) if why.contains(&side.to_string())), "{told:?}");
    // A loss is more than an error, and is heard by the one callback that both have.
    drop(state.device.create_texture(&wide));
    state.device.destroy();
    state.device.poll(eframe::wgpu::PollType::Poll).ok();
    let told: Vec<Trouble> = troubles.try_iter().collect();
    assert!(matches!(&told[..], [Trouble::Lost(_)]), "{told:?}");
}

#[test]
fn the_palettes_list_grows_again_and_its_choice_stays_in_sight() {
    let mut stage = Setup::default().open();
    stage.press(Modifiers::COMMAND, Key::K);
    let rows = |stage: &Stage| stage.harness.query_all_by_role(Role::MenuItem).count();
    let chosen = |stage: &Stage| -> Vec<Rect> {
        let rows = stage.harness.query_all_by_role(Role::MenuItem);
        rows.filter(|row| row.accesskit_node().toggled() == Some(Toggled::True))
            .map(|row| row.rect())
            .collect()
    };
    let (all, row) = (rows(&stage), 36.0);
    assert!(all > 20 && chosen(&stage).len() == 1);
    // The first of nine rows in sight.
    let top = chosen(&stage)[0].top();
    stage.harness.event(egui::Event::Text("seed".into()));
    stage.run();
    assert!((2..5).contains(&rows(&stage)));
    for _ in 0..4 {
        stage.press(Modifiers::NONE, Key::Backspace);
    }
    stage.run();
    assert_eq!(rows(&stage), all);
    for _ in 0..7 {
        stage.press(Modifiers::NONE, Key::ArrowDown);
    }
    assert!((chosen(&stage)[0].top() - top - 7.0 * row).abs() < 1.0, "the list is as tall as before");
    for key in [Key::ArrowDown, Key::ArrowUp] {
        for _ in 0..all {
            stage.press(Modifiers::NONE, key);
            let found = chosen(&stage);
            assert_eq!(found.len(), 1);
            let in_sight = (top - 1.0..=top + 8.0 * row + 1.0).contains(&found[0].top());
            assert!(in_sight, "{} with the list at {top}", found[0]);
        }
    }
    // English names find commands in every language.
    let chinese = Memory { language: Some("zh-Hans".into()), ..Setup::default().remembered };
    let mut stage = Setup { remembered: chinese, ..Setup::default() }.open();
    stage.press(Modifiers::COMMAND, Key::K);
    stage.harness.event(egui::Event::Text("seed".into()));
    stage.run();
    assert!((2..5).contains(&rows(&stage)));
}
