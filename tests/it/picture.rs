//! Pictures and their settings: what is written is read again, and strangers' files do no harm.

mod carriers;

use std::path::Path;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use safelight::picture::metadata::read::{Origin, recover, recover_bytes};
use safelight::picture::{Format, Frame, Made, a1111_text, encode, open, save_new, write_to};
use safelight::sampler::GuidanceCurve;
use safelight::settings::{Kind, PartialSettings, Row, Setting, Settings, Value};

fn frame() -> Frame {
    let rgb: Vec<u8> = (0..24 * 16 * 3).map(|i| (i * 11 % 256) as u8).collect();
    Frame { width: 24, height: 16, rgb: rgb.into() }
}

/// A value of a setting that a run accepts and a file may hold.
fn value(row: &'static Row) -> BoxedStrategy<Value> {
    match row.kind {
        Kind::Text => prop_oneof!["\\PC{0,200}", "(?s).{0,80}"].prop_map(Value::Text).boxed(),
        Kind::Whole { range, read } => {
            (range[0].max(read[0])..=range[1].min(read[1])).prop_map(Value::Whole).boxed()
        }
        Kind::Real { range, read } => {
            (range[0].max(read[0])..=range[1].min(read[1])).prop_map(Value::Real).boxed()
        }
        Kind::Choice(choices) => {
            let names: Vec<&str> = choices().iter().map(|choice| choice.name).collect();
            prop::sample::select(names).prop_map(Value::Choice).boxed()
        }
        Kind::Loras => {
            // Pictures tell names without folders and endings.
            let items = prop::collection::vec(("[a-z]{1,9}", -20.0..=20.0_f64), 0..4);
            let list = |items: Vec<(String, f64)>| {
                items
                    .into_iter()
                    .map(|(name, strength)| format!("{name}:{strength}"))
                    .collect::<Vec<_>>()
                    .join("|")
            };
            items.prop_map(move |items| row.kind.parse(&list(items)).unwrap()).boxed()
        }
        Kind::File => "[a-z]{0,9}".prop_map(Value::Text).boxed(),
        Kind::Files => prop::collection::vec("[a-z]{1,9}", 0..4)
            .prop_map(|names| row.kind.parse(&names.join("|")).unwrap())
            .boxed(),
        Kind::Compound(compound) => {
            prop::sample::select(compound.examples.to_vec()).prop_map(|text| Value::Text(text.into())).boxed()
        }
        Kind::Curve => {
            let points = prop::collection::vec((0.0..=1.0_f64, -20.0..=20.0_f64), 0..5);
            let points =
                points.prop_map(|points| points.into_iter().map(|(share, value)| [share, value]).collect());
            points.prop_map(|points| Value::Text(GuidanceCurve::new(points).unwrap().to_string())).boxed()
        }
    }
}

/// Every setting of the table.
fn settings() -> impl Strategy<Value = Settings> {
    let values: Vec<_> = Setting::TABLE.iter().map(value).collect();
    values.prop_map(|values| {
        let mut settings = PartialSettings::default();
        for (row, value) in Setting::TABLE.iter().zip(values) {
            settings.set(row.setting, Some(value));
        }
        assert_eq!(settings.missing(), Vec::<&str>::new());
        settings.put_over(&Settings::default())
    })
}

fn made() -> impl Strategy<Value = Made> {
    let steps = prop::collection::vec(1.0..20.0_f64, 0..4);
    (settings(), steps, "\\PC{0,30}", "[0-9a-f]{10}", prop::option::of(1_usize..50)).prop_map(
        |(mut settings, guidance_of_steps, model, model_hash, stopped_after)| {
            if !guidance_of_steps.is_empty() {
                let done = guidance_of_steps.len();
                let steps = if stopped_after.is_some() { settings.steps.max(done) } else { done };
                settings.guidance_curve = GuidanceCurve::through(&guidance_of_steps, steps);
            }
            Made {
                settings,
                guidance_of_steps,
                model,
                model_hash,
                stopped_after,
                added: Vec::new(),
                branched_from: None,
                beginning: None,
            }
        },
    )
}

/// A picture with some texts, as another program would write it.
fn png_with(texts: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 1, 1);
    for (keyword, text) in texts {
        encoder.add_itxt_chunk((*keyword).to_owned(), (*text).to_owned()).unwrap();
    }
    encoder.write_header().unwrap().write_image_data(&[0]).unwrap();
    bytes
}

const COMFY: &str = r#"{"3": {"class_type": "KSampler", "inputs": {"seed": 5, "steps": 20, "cfg": 8,
    "sampler_name": "euler", "positive": ["6", 0], "latent_image": ["5", 0]}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 768}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a bottle"}}}"#;
const INVOKE: &str = r#"{"positive_prompt": "a barn", "seed": 3, "steps": 30, "model": {"name": "m"}}"#;
const LEGACY: &str = r#"{"model_weights": "w", "image": {"prompt": "a [b]", "steps": 50, "seed": 42}}"#;
const A1111: &str =
    "a cat\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, RNG: CPU";

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_format_gives_back_what_was_written(made in made()) {
        for format in [Format::Png, Format::Jpeg, Format::Webp] {
            let bytes = encode(&frame(), Some(&made), format).unwrap();
            let found = recover_bytes(&bytes).unwrap();
            prop_assert_eq!(found.origin, Origin::Safelight);
            prop_assert_eq!(found.made.as_ref(), Some(&made));
            let other = Settings { prompt: "other".into(), ..made.settings.clone() };
            prop_assert_eq!(found.settings.over(&other), made.settings.clone());
        }
    }

    /// Other programs see only A1111's form; prompts on one line, as people type them.
    #[test]
    fn a1111s_form_alone_gives_back_the_core(made in made(), prompt in "[a-zA-Z0-9 ,.:()é城]{0,60}") {
        let mut made = made;
        made.settings.prompt = prompt.trim_end().to_owned();
        made.settings.negative_prompt = prompt.trim().to_owned();
        // LoRAs stand in the prompt there, as tags.
        made.settings.loras = Default::default();
        let found = recover_bytes(&png_with(&[("parameters", &a1111_text(&made))])).unwrap();
        prop_assert_eq!(found.origin, Origin::A1111);
        let (found, wanted) = (found.settings, made.settings);
        // An empty prompt tells nothing, so that it never takes the place of the user's own.
        let empty = wanted.prompt.trim().is_empty();
        prop_assert_eq!(found.prompt, (!empty).then_some(wanted.prompt));
        let negative = Some(wanted.negative_prompt).filter(|text| !empty || !text.is_empty());
        prop_assert_eq!(found.negative_prompt, negative);
        prop_assert_eq!((found.seed, found.steps), (Some(wanted.seed), Some(wanted.steps)));
        prop_assert_eq!((found.width, found.height), (Some(wanted.width), Some(wanted.height)));
        prop_assert_eq!((found.guidance, found.sampler), (Some(wanted.guidance), Some(wanted.sampler)));
    }

    #[test]
    fn damaged_files_do_no_harm(
        format in prop_oneof![Just(Format::Png), Just(Format::Jpeg), Just(Format::Webp)],
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        length in any::<prop::sample::Index>(),
        made in made(),
    ) {
        let mut bytes = encode(&frame(), Some(&made), format).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(length.index(bytes.len()).max(bytes.len() / 2));
        recover_bytes(&bytes);
        if let Ok(frame) = open::open_bytes(Path::new("x"), &bytes) {
            prop_assert_eq!(frame.rgb.len(), frame.width * frame.height * 3);
        }
    }

    #[test]
    fn damaged_texts_do_no_harm(
        which in 0_usize..4,
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop::char::any()), 0..8),
    ) {
        let keywords = ["prompt", "invokeai_metadata", "sd-metadata", "parameters"];
        let mut letters: Vec<char> = [COMFY, INVOKE, LEGACY, A1111][which].chars().collect();
        for (at, letter) in changes {
            let at = at.index(letters.len());
            letters[at] = letter;
        }
        let text: String = letters.into_iter().filter(|&letter| letter != '\0').collect();
        if let Some(found) = recover_bytes(&png_with(&[(keywords[which], &text)])) {
            prop_assert!(found.settings.steps.is_none_or(|steps| (1..=10_000).contains(&steps)));
        }
    }
}

#[test]
fn each_program_is_known_and_our_own_record_comes_first() {
    let origin = |texts: &[(&str, &str)]| recover_bytes(&png_with(texts)).map(|found| found.origin);
    assert_eq!(origin(&[("prompt", COMFY), ("workflow", "{}")]), Some(Origin::ComfyUi));
    assert_eq!(origin(&[("invokeai_metadata", INVOKE)]), Some(Origin::InvokeAi));
    assert_eq!(origin(&[("sd-metadata", LEGACY)]), Some(Origin::InvokeAi));
    assert_eq!(origin(&[("prompt", COMFY), ("parameters", A1111)]), Some(Origin::A1111));
    let ours = r#"{"version":1,"made":{"settings":{"seed":8}}}"#;
    assert_eq!(origin(&[("parameters", A1111), ("safelight", ours)]), Some(Origin::Safelight));
    assert_eq!(origin(&[("safelight", "{"), ("parameters", A1111)]), Some(Origin::A1111));
    assert_eq!(origin(&[("Software", "paint")]), None);
}

#[test]
fn saved_pictures_are_whole_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("new").join("Safelight");
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let made = made().new_tree(&mut runner).unwrap().current();
    let first = save_new(&pictures, "apple-1", Format::Png, &frame(), &made).unwrap();
    let second = save_new(&pictures, "apple-1", Format::Png, &frame(), &made).unwrap();
    assert_eq!(first, pictures.join("apple-1.png"));
    assert_eq!(second, pictures.join("apple-1-2.png"));
    assert_eq!(recover(&second).unwrap().unwrap().made, Some(made));
    assert_eq!(open::open(&first).unwrap(), frame());

    let forced = write_to(&first, true, &frame(), None).unwrap();
    assert_eq!(forced, first);
    assert_eq!(recover(&first).unwrap(), None);
    let error = write_to(&pictures.join("x.bmp"), false, &frame(), None).unwrap_err();
    assert!(error.to_string().contains("use .png, .jpg or .webp"), "{error}");
    let missing = folder.path().join("missing").join("x.png");
    let error = write_to(&missing, false, &frame(), None).unwrap_err().to_string();
    assert!(error.contains("choose another place"), "{error}");
    assert_eq!(std::fs::read_dir(&pictures).unwrap().count(), 2);
}
