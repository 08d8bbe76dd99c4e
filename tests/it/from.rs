//! Runs that begin from pictures, with the starter: what is outside of a mask stays, edges do not show, strengths run
//! the steps that they say.

use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, Rgba, RgbaImage};
use safelight::engine::from::{Ground, SourceError, suiting_size};
use safelight::engine::generate::{self, GenerateError, Plan};
use safelight::engine::takeover::{Developed, develop_through};
use safelight::engine::{OpenModel, Opening, open_model};
use safelight::message::ModelSource;
use safelight::note::{Note, SourceNote};
use safelight::ops::{Device, StopFlag};
use safelight::picture::Frame;
use safelight::sampler::{Next, RunState, SamplerKind, StepReport};
use safelight::settings::{Fill, Hires, Margins, Resize, Settings, Treatment, Variation};
use safelight::tray::{Mask, MaskError, MaskFrom, Photo, PictureFrom, Source, extended, resized};
use tempfile::TempDir;

fn starter() -> OpenModel {
    let device = Device::cpu(StopFlag::default());
    open_model(&ModelSource::Starter, Opening::on(&device)).unwrap()
}

fn settings(model: &OpenModel, side: usize, steps: usize) -> Settings {
    let prompt = "a red apple".to_owned();
    Settings { prompt, steps, seed: 3, width: side, height: side, ..model.info.defaults.clone() }
}

/// Lays the ground and plans.
fn planned(model: &OpenModel, settings: &Settings, source: &Source) -> Result<(Ground, Plan), GenerateError> {
    let ground = model.ground(settings, source, None)?;
    let plan = model.plan_on(settings, Some(model.seeded(&ground, settings)))?;
    Ok((ground, plan))
}

/// Everything from a source to its picture.
fn developed(model: &OpenModel, settings: &Settings, source: &Source) -> (Ground, Developed) {
    let (ground, plan) = planned(model, settings, source).unwrap();
    let start = generate::start(&model.networks, settings, &plan);
    let mut go_on = |_: &StepReport<'_>, _: &RunState| ControlFlow::Continue(Next::default());
    let done = develop_through(model, settings, &plan, start, &mut go_on, &mut |_, _| None, None);
    (ground, done.unwrap().unwrap())
}

/// Numbers that are the same in every run of the tests.
struct Scattered(u64);

impl Scattered {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most.max(1)
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }
}

/// A picture in a file of a kind that changes from turn to turn.
fn picture(folder: &Path, random: &mut Scattered, turn: usize) -> (PathBuf, Photo) {
    let (width, height) = (random.between(8, 300), random.between(8, 300));
    let (seed, holes) = (random.below(251), turn.is_multiple_of(9));
    let hole = (random.below(width), random.below(height));
    let pixels = RgbaImage::from_fn(width as u32, height as u32, |x, y| {
        let (x, y) = (x as usize, y as usize);
        let alpha = if holes && x >= hole.0 && y >= hole.1 { 0 } else { 255 };
        let [r, g, b] = [x * 5 + seed, y * 3, x * y / 7 + seed].map(|level| level as u8);
        Rgba([r, g, b, alpha])
    });
    let name = ["a.png", "a.jpg", "a.webp"][if holes { 0 } else { turn % 3 }];
    let path = folder.join(name);
    match name {
        "a.png" => pixels.save_with_format(&path, ImageFormat::Png).unwrap(),
        "a.webp" => pixels.save_with_format(&path, ImageFormat::WebP).unwrap(),
        _ => {
            let rgb = image::DynamicImage::from(pixels).into_rgb8();
            JpegEncoder::new_with_quality(File::create(&path).unwrap(), 80).encode_image(&rgb).unwrap();
        }
    }
    let photo = Photo::open(&path).unwrap();
    (path, photo)
}

/// Some rectangles, hard or soft.
fn mask(random: &mut Scattered, width: usize, height: usize) -> Mask {
    let mut levels = vec![0; width * height];
    for _ in 0..random.between(1, 3) {
        let (x, y) = (random.below(width), random.below(height));
        let (right, bottom) = (random.between(x, width - 1), random.between(y, height - 1));
        let level = random.one_of(&[255, 255, 200, 90]);
        for row in y..=bottom {
            levels[row * width + x..=row * width + right].fill(level);
        }
    }
    Mask { width, height, levels: levels.into() }
}

/// Random masks, sizes, formats, ways to place and to fill, samplers and rooms, each through the whole path.
#[test]
fn outside_of_the_mask_the_pictures_pixels_come_back_bit_for_bit() {
    let (model, folder, mut random) = (starter(), TempDir::new().unwrap(), Scattered(11));
    let samplers = ["ddim", "plms", "euler", "euler_ancestral", "dpmpp_2m", "dpmpp_sde", "uni_pc", "lcm"];
    let mut kept = 0;
    for turn in 0..200 {
        let (path, photo) = picture(folder.path(), &mut random, turn);
        let (width, height) = (photo.frame.width, photo.frame.height);
        let drawn = photo.alpha.is_none().then(|| mask(&mut random, width, height));
        let outpaint = if turn.is_multiple_of(7) {
            Margins { left: random.below(40), right: random.below(9), ..Margins::default() }
        } else {
            Margins::default()
        };
        let treatment = Treatment {
            strength: random.one_of(&[0.3, 0.75, 1.0]),
            resize: random.one_of(&[None, Some(Resize::Crop), Some(Resize::Stretch), Some(Resize::Latent)]),
            mask_invert: drawn.is_some() && turn.is_multiple_of(5),
            mask_blur: random.one_of(&[0.0, 1.5, 4.0, 9.0]),
            fill: random.one_of(&Fill::ALL),
            only_masked: random.one_of(&[None, None, Some(0), Some(12)]),
            outpaint,
            ..Treatment::default()
        };
        let source = Source {
            mask: drawn.clone().map(MaskFrom::Painted),
            treatment,
            ..Source::of(PictureFrom::File(path))
        };
        let sampler = SamplerKind::from_name(random.one_of(&samplers)).unwrap();
        let side = random.one_of(&[64, 128]);
        let settings = Settings { sampler, eta: sampler.row().eta(), ..settings(&model, side, 2) }.settled();
        let told = format!("turn {turn}: {treatment:?} {settings:?}");

        let raw = drawn.or_else(|| Mask::of_holes(&photo));
        let raw = raw.map(|mask| if treatment.mask_invert { mask.inverted() } else { mask });
        if raw.as_ref().is_none_or(Mask::is_empty) {
            continue;
        }
        let (original, raw) = match outpaint.is_none() {
            true => (photo.frame.clone(), raw.unwrap()),
            false => {
                let (larger, room) = extended(&photo, raw.as_ref(), outpaint);
                (larger.frame, room)
            }
        };
        let soft = raw.blurred(treatment.mask_blur as f32);
        let soft = if soft.is_empty() { raw } else { soft };
        let (_, Developed { frame, .. }) = developed(&model, &settings, &source);
        assert_eq!((frame.width, frame.height), (original.width, original.height), "{told}");
        for pixel in (0..soft.levels.len()).filter(|pixel| soft.levels[*pixel] == 0) {
            let at = 3 * pixel..3 * pixel + 3;
            assert_eq!(frame.rgb[at.clone()], original.rgb[at], "pixel {pixel} of {told}");
            kept += 1;
        }
        // What blurring leaves next to nothing of is next to nothing of the picture.
        let is_faint = soft.levels.iter().all(|level| *level < 128);
        assert!(is_faint || frame != original, "nothing was drawn: {told}");
    }
    assert!(kept > 1_000_000, "{kept}");
}

/// The measure of seams: what lies within 8 pixels of the edge, inside against outside, of a flat gray picture that is
/// drawn anew as little as can be.
#[test]
fn the_edge_of_a_mask_does_not_show() {
    let model = starter();
    let side = model.info.trained_side;
    let square = |x: usize, from: usize, to: usize| {
        (from..to).contains(&(x % side)) && (from..to).contains(&(x / side))
    };
    let (from, to) = (side / 4, 3 * side / 4);
    let levels: Vec<u8> = (0..side * side).map(|i| 255 * u8::from(square(i, from, to))).collect();
    let mask = Mask { width: side, height: side, levels: levels.into() };
    let mut worst = 0.0_f64;
    // Guidance by words draws something, however little; without it the edge alone is left.
    for (gray, blur, sampler, guidance) in [
        (128, 4.0, "ddim", 3.0),
        (128, 0.0, "ddim", 3.0),
        (60, 4.0, "euler", 3.0),
        (128, 4.0, "dpmpp_2m", 3.0),
        (200, 8.0, "dpmpp_2m", 1.0),
        (230, 4.0, "euler_ancestral", 1.0),
        (60, 4.0, "ddim", 1.0),
    ] {
        let flat = Frame { width: side, height: side, rgb: vec![gray; 3 * side * side].into() };
        let treatment = Treatment { strength: 0.001, mask_blur: blur, ..Treatment::default() };
        let source = Source {
            mask: Some(MaskFrom::Painted(mask.clone())),
            treatment,
            ..Source::of(PictureFrom::Pixels(Photo::from(flat)))
        };
        let sampler = SamplerKind::from_name(sampler).unwrap();
        let settings =
            Settings { sampler, guidance, eta: sampler.row().eta(), ..settings(&model, side, 25) }.settled();
        let (_, Developed { frame, .. }) = developed(&model, &settings, &source);
        let mean = |inside: fn(bool, bool, bool) -> bool| {
            let pixels: Vec<f64> = (0..side * side)
                .filter(|i| {
                    inside(square(*i, from, to), square(*i, from + 8, to - 8), square(*i, from - 8, to + 8))
                })
                .map(|i| frame.rgb[3 * i..3 * i + 3].iter().map(|level| f64::from(*level)).sum::<f64>() / 3.0)
                .collect();
            pixels.iter().sum::<f64>() / pixels.len() as f64
        };
        let within = mean(|is_in, deep, _| is_in && !deep);
        let without = mean(|is_in, _, near| !is_in && near);
        println!("gray {gray}, blur {blur}, {}: {:.3}", sampler.row().name, within - without);
        worst = worst.max((within - without).abs());
    }
    assert!(worst < 1.0, "{worst}");
}

#[test]
fn a_strength_runs_the_steps_that_it_says() {
    let model = starter();
    let photo = Photo::from(Frame { width: 64, height: 64, rgb: vec![90; 64 * 64 * 3].into() });
    let source = |strength, full_steps| {
        let treatment = Treatment { strength, full_steps, ..Treatment::default() };
        Source { treatment, ..Source::of(PictureFrom::Pixels(photo.clone())) }
    };
    let of = |sampler: &str| Settings {
        sampler: SamplerKind::from_name(sampler).unwrap(),
        ..settings(&model, 64, 10)
    };
    for (sampler, strength, full, runs) in [
        ("ddim", 1.0, false, 10),
        ("ddim", 0.6, false, 6),
        ("ddim", 0.01, false, 1),
        ("ddim", 0.5, true, 10),
        ("euler", 1.0, false, 10),
        ("euler", 0.6, false, 7),
        ("euler", 0.01, false, 1),
        ("euler", 0.3, true, 10),
        ("uni_pc", 0.6, false, 6),
        ("lcm", 0.5, false, 10),
    ] {
        let settings = of(sampler);
        let (_, plan) = planned(&model, &settings, &source(strength, full)).unwrap();
        assert_eq!(plan.schedule.len(), runs, "{sampler} {strength} {full}");
        let said = plan.notes.contains(&Note::Source(SourceNote::Steps { asked: 10, runs, strength }));
        assert_eq!(said, runs != 10, "{sampler} {strength}: {:?}", plan.notes);
        let (_, developed) = developed(&model, &settings, &source(strength, full));
        assert_eq!((developed.frame.width, developed.frame.height), (64, 64));
    }
    for strength in [0.0, -0.5, 1.001, f64::NAN] {
        let refused = planned(&model, &of("ddim"), &source(strength, false)).unwrap_err();
        assert!(matches!(refused, GenerateError::Source(SourceError::Strength(_))), "{refused}");
        let said = refused.to_string();
        assert!(said.starts_with("expected a strength above 0") && !said.contains('\n'), "{said}");
    }
    // Little strength keeps the picture, and much does not.
    let far = |strength| {
        let (_, Developed { frame, .. }) = developed(&model, &of("ddim"), &source(strength, false));
        frame.rgb.iter().map(|level| f64::from(level.abs_diff(90))).sum::<f64>() / frame.rgb.len() as f64
    };
    let (little, much) = (far(0.1), far(1.0));
    assert!(little < 15.0 && much > little, "{little} {much}");
}

#[test]
fn what_does_not_go_together_is_one_sentence() {
    let model = starter();
    let photo = |width: usize, height: usize| {
        Photo::from(Frame { width, height, rgb: vec![90; width * height * 3].into() })
    };
    let plain = |photo| Source::of(PictureFrom::Pixels(photo));
    let with = |mask: Mask, treatment: Treatment| Source {
        mask: Some(MaskFrom::Painted(mask)),
        treatment,
        ..plain(photo(200, 100))
    };
    let usual = Treatment::default();
    let folder = TempDir::new().unwrap();
    let letter = folder.path().join("letter.png");
    std::fs::write(&letter, "no picture").unwrap();
    for (source, part) in [
        (plain(photo(1, 1)), "found 1x1"),
        (plain(photo(20_000, 3)), "found 20000x3"),
        (with(Mask::flat(200, 100, 0), usual), "an empty one"),
        (with(Mask::flat(200, 100, 255), Treatment { mask_invert: true, ..usual }), "an empty one"),
        (with(Mask::flat(100, 100, 255), usual), "found one of 100x100"),
        (with(Mask::flat(200, 100, 255), Treatment { mask_blur: -1.0, ..usual }), "mask blur"),
        (with(Mask::flat(200, 100, 255), Treatment { mask_blur: f64::INFINITY, ..usual }), "mask blur"),
        (with(Mask::flat(200, 100, 255), Treatment { image_guidance: -2.0, ..usual }), "image guidance"),
        (Source { treatment: Treatment { mask_invert: true, ..usual }, ..plain(photo(64, 64)) }, "a mask"),
        (Source { treatment: Treatment { only_masked: Some(8), ..usual }, ..plain(photo(64, 64)) }, "a mask"),
        (
            Source {
                treatment: Treatment {
                    outpaint: Margins { left: usize::MAX, ..Margins::default() },
                    ..usual
                },
                ..plain(photo(64, 64))
            },
            "room around it",
        ),
        (
            Source { depth: Some(PictureFrom::Pixels(photo(64, 64))), ..plain(photo(64, 64)) },
            "takes a depth map",
        ),
        (Source::of(PictureFrom::File(folder.path().join("missing.png"))), "missing.png"),
        (Source::of(PictureFrom::File(letter)), "letter.png"),
        (Source::of(PictureFrom::Step { negative: "x".into(), at: 1 }), "kept runs"),
    ] {
        let refused = model.ground(&settings(&model, 64, 2), &source, None).unwrap_err().to_string();
        assert!(refused.contains(part) && !refused.contains('\n'), "{part}: {refused}");
    }
    // Nearly of the picture's shape.
    let ground =
        model.ground(&settings(&model, 64, 2), &with(Mask::flat(401, 200, 255), usual), None).unwrap();
    let resized = Note::Source(SourceNote::MaskResized { from: [401, 200], to: [200, 100] });
    assert_eq!(ground.notes, [resized]);
    let error = MaskError::Shape { width: 1, height: 2, picture_width: 3, picture_height: 4 };
    assert!(error.to_string().contains("3x4"));
    // A long picture is placed without anything as large as its square.
    let long = with(Mask::flat(200, 100, 255), usual);
    let long = Source {
        picture: PictureFrom::Pixels(photo(16_000, 8)),
        mask: Some(MaskFrom::Painted(Mask::flat(16_000, 8, 255))),
        ..long
    };
    let (_, Developed { frame, .. }) = developed(&model, &settings(&model, 64, 1), &long);
    assert_eq!((frame.width, frame.height), (16_000, 8));
}

#[test]
fn a_part_of_the_mask_that_is_cropped_away_is_said() {
    let model = starter();
    let photo = Photo::from(Frame { width: 200, height: 64, rgb: vec![90; 200 * 64 * 3].into() });
    let mut levels = vec![0; 200 * 64];
    levels[..10].fill(255);
    let mask = Mask { width: 200, height: 64, levels: levels.into() };
    let source = |resize| Source {
        mask: Some(MaskFrom::Painted(mask.clone())),
        treatment: Treatment { resize, ..Treatment::default() },
        ..Source::of(PictureFrom::Pixels(photo.clone()))
    };
    let notes = |resize| model.ground(&settings(&model, 64, 2), &source(resize), None).unwrap().notes;
    assert_eq!(notes(Some(Resize::Crop)), [Note::Source(SourceNote::MaskBeyond)]);
    assert_eq!(notes(None), []);
}

#[test]
fn a_second_pass_makes_a_larger_picture_and_keeps_what_is_kept() {
    let model = starter();
    let hires: Hires = "2:2:0.5".parse().unwrap();
    for hires in [hires, Hires { by: safelight::settings::Enlarged::Latent, ..hires }] {
        let settings = Settings { hires, ..settings(&model, 64, 4) };
        let plan = model.plan(&settings).unwrap();
        assert_eq!((plan.schedule.len(), plan.schedule.turn()), (6, Some(4)));
        let start = generate::start(&model.networks, &settings, &plan);
        let mut shapes = Vec::new();
        let mut on_step = |report: &StepReport<'_>, state: &RunState| {
            shapes.push((report.step, report.steps, state.step, report.pred_x0.shape[3]));
            ControlFlow::Continue(Next::default())
        };
        let done = develop_through(&model, &settings, &plan, start, &mut on_step, &mut |_, _| None, None);
        let frame = done.unwrap().unwrap().frame;
        assert_eq!((frame.width, frame.height), (128, 128));
        let expected: Vec<_> = (0..6).map(|step| (step, 6, step + 1, if step < 4 { 4 } else { 8 })).collect();
        assert_eq!(shapes, expected);

        let rgb: Vec<u8> = (0..96 * 80 * 3).map(|i| (i * 7 % 253) as u8).collect();
        let original = Frame { width: 96, height: 80, rgb: rgb.into() };
        let levels: Vec<u8> = (0..96 * 80).map(|i| 255 * u8::from(i % 96 < 30)).collect();
        let source = Source {
            mask: Some(MaskFrom::Painted(Mask { width: 96, height: 80, levels: levels.into() })),
            ..Source::of(PictureFrom::Pixels(Photo::from(original.clone())))
        };
        let (_, Developed { frame, .. }) = developed(&model, &settings, &source);
        let larger = resized(&original, [192, 160]);
        assert_eq!((frame.width, frame.height), (192, 160));
        // Four times the blur beyond the edge.
        let outside = (0..192 * 160).filter(|i| i % 192 > 2 * (30 + 12));
        assert!(outside.into_iter().all(|i| frame.rgb[3 * i..3 * i + 3] == larger.rgb[3 * i..3 * i + 3]));
    }
    let too_large = Settings { hires: "8".parse().unwrap(), ..settings(&model, 2048, 3) };
    assert!(matches!(model.plan(&too_large), Err(GenerateError::Size { .. })));
    let unsound =
        Settings { hires: Hires { scale: f64::NAN, ..Hires::default() }, ..settings(&model, 64, 3) };
    assert!(matches!(model.plan(&unsound), Err(GenerateError::Source(SourceError::Hires(_)))));
}

#[test]
fn a_variation_begins_between_two_seeds() {
    let model = starter();
    let start = |seed, variation| {
        let settings = Settings { seed, variation, ..settings(&model, 64, 3) };
        let plan = model.plan(&settings).unwrap();
        generate::start(&model.networks, &settings, &plan).x
    };
    let none = Variation::default();
    let own = start(3, none);
    assert_eq!(start(3, Variation { seed: 8, strength: 0.0 }), own);
    let all = start(3, Variation { seed: 8, strength: 1.0 });
    assert!(all.values.iter().zip(&start(8, none).values).all(|(a, b)| (a - b).abs() < 1e-4));
    assert_ne!(start(3, Variation { seed: 8, strength: 0.4 }), own);
}

#[test]
fn noise_in_the_masked_part_is_the_seeds() {
    let model = starter();
    let photo = Photo::from(Frame { width: 64, height: 64, rgb: vec![90; 64 * 64 * 3].into() });
    let treatment = Treatment { fill: Fill::Noise, mask_blur: 0.0, ..Treatment::default() };
    let source = Source {
        mask: Some(MaskFrom::Painted(Mask::flat(64, 64, 255))),
        treatment,
        ..Source::of(PictureFrom::Pixels(photo))
    };
    let settings = settings(&model, 64, 2);
    let ground = model.ground(&settings, &source, None).unwrap();
    let of_seed = |seed| {
        let settings = Settings { seed, ..settings.clone() };
        (model.seeded(&ground, &settings), generate::fresh(&model.networks, &settings).0)
    };
    let (filled, fresh): (Arc<Ground>, _) = of_seed(5);
    assert_eq!(filled.x0, fresh);
    assert_ne!(of_seed(6).0.x0, filled.x0);
}

#[test]
fn a_picture_suggests_the_size_of_its_run() {
    let info = starter().info;
    assert_eq!((info.trained_side, info.size_multiple), (256, 64));
    for (picture, size) in [
        ([256, 256], [256, 256]),
        ([300, 200], [320, 192]),
        ([4000, 3000], [320, 192]),
        ([40, 40], [256, 256]),
        ([20_000, 8], [1024, 64]),
    ] {
        let found = suiting_size(&info, picture, false);
        assert!(found.iter().all(|side| side.is_multiple_of(64)), "{picture:?}: {found:?}");
        let share = |[width, height]: [usize; 2]| width as f64 / height as f64;
        if picture[0] < 10 * picture[1] {
            assert!((share(found) / share(picture)).ln().abs() < 0.3, "{picture:?}: {found:?}");
        }
        if picture != [4000, 3000] {
            assert_eq!(found, size, "{picture:?}");
        }
    }
    assert_eq!(suiting_size(&info, [4000, 30], true), [info.defaults.width, info.defaults.height]);
}
