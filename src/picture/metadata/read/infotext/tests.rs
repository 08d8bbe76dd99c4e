//! A1111's form in the shapes that its family writes.

use super::*;
use crate::sampler::SamplerKind;
use crate::settings::PartialSettings;

const PAIRS: &str = "Steps: 22, Sampler: DDIM, CFG scale: 6.5, Seed: 4242, Size: 512x640";

fn settings(text: &str) -> PartialSettings {
    parse(text).unwrap_or_else(|| panic!("nothing is read of {text:?}")).settings
}

/// Checks the two texts and the five numbers that all cases here share.
fn assert_told(text: &str, prompt: &str, negative: &str) {
    let found = settings(text);
    assert_eq!(found.prompt.as_deref(), Some(prompt), "{text}");
    assert_eq!(found.negative_prompt.as_deref(), Some(negative), "{text}");
    assert_eq!((found.steps, found.guidance, found.seed), (Some(22), Some(6.5), Some(4242)), "{text}");
    assert_eq!((found.width, found.height), (Some(512), Some(640)), "{text}");
    assert_eq!(found.sampler, Some(SamplerKind::Ddim), "{text}");
}

#[test]
fn pairs_after_the_texts() {
    for tail in [
        "",
        ", Wildcard prompt: \"one\ntwo, Steps: 3, Sampler: x, Seed: 9\", Version: v1.10.1",
        ", Wildcard prompt: \"one\nSteps: 3, Sampler: x, Seed: 9, CFG scale: 1\", Version: v1.10.1",
        ", ADetailer prompt: \"face, Steps: 50, Seed: 9\", Hires prompt: \"x, CFG scale: 3\", Hires upscale: 2",
        ", Civitai resources: [{\"modelName\":\"m, v1: new\",\"weight\":0.8}], Civitai metadata: {\"Seed\": 1, \"Steps\": 3}",
        ", Nested: \"a \"big, red\" fox\", Version: f2.0.1v1.10.1",
        "\nTemplate: a {lighthouse|barn}, dusk\nNegative Template: fog",
        "\n",
    ] {
        assert_told(
            &format!("a lighthouse, dusk\nNegative prompt: fog\n{PAIRS}{tail}"),
            "a lighthouse, dusk",
            "fog",
        );
    }
}

#[test]
fn keys_in_any_order_and_spelling() {
    for pairs in [
        "Seed: 4242, Size: 512x640, CFG scale: 6.5, Sampler: DDIM, Steps: 22",
        "Steps: 22, Size: 512x640, Sampler: DDIM, Seed: 4242, CFG scale: 6.5, CFG rescale: 0.7, App: SD.Next, Version: 0",
        "App: SD.Next, Steps: 22, Size: 512x640, Sampler: DDIM, Seed: 4242, CFG scale: 6.5",
        "Mystery: 3, Steps: 22, Size: 512x640, Sampler: DDIM, Seed: 4242, CFG scale: 6.5",
        "steps: 22, sampler: ddim, cfg scale: 6,5, seed: 4242, width: 512, height: 640",
        "Steps: 22,Sampler: DDIM,Guidance Scale: 6.5,Seed: 4242,Resolution: (512, 640),Schedule type: Karras",
    ] {
        assert_told(
            &format!("a lighthouse, dusk\nNegative prompt: fog\n{pairs}"),
            "a lighthouse, dusk",
            "fog",
        );
    }
}

#[test]
fn all_on_one_line() {
    for text in [
        format!("a lighthouse, dusk Negative prompt: fog {PAIRS}"),
        format!("a lighthouse, dusk.Negative prompt: fog.{PAIRS}"),
        format!("a lighthouse, dusk, Negative prompt: fog, {PAIRS}"),
        format!("a lighthouse, dusk\nNegative prompt: fog {PAIRS}"),
        format!(
            "Prompt: a lighthouse, dusk Negative prompt: fog {PAIRS}, TI: \"x, Steps: 5, Sampler: y, Seed: 1\""
        ),
    ] {
        assert_told(&text, "a lighthouse, dusk", "fog");
    }
    assert_told(&format!("a lighthouse, dusk {PAIRS}"), "a lighthouse, dusk", "");
    assert_told(&format!("mood: calm. A lighthouse. {PAIRS}"), "mood: calm. A lighthouse.", "");
}

#[test]
fn line_ends_and_marks_of_other_systems() {
    let text = format!("\u{feff}a lighthouse,\ndusk\nNegative prompt: fog\nand rain\n{PAIRS}\0");
    assert_told(&text, "a lighthouse,\ndusk", "fog\nand rain");
    assert_told(&text.replace('\n', "\r\n"), "a lighthouse,\ndusk", "fog\nand rain");
}

#[test]
fn a_prompt_may_look_like_pairs() {
    let prompt =
        "stairs, Steps: 99, Sampler: none, CFG scale: 1, Seed: 1\nSteps: 1, Sampler: no, Seed: 5\nend";
    assert_told(&format!("{prompt}\nNegative prompt: fog\n{PAIRS}"), prompt, "fog");
    assert_told(&format!("{PAIRS}\na lighthouse\nNegative prompt: fog"), "a lighthouse", "fog");
}

#[test]
fn texts_without_pairs() {
    let found = parse("a lighthouse,\ndusk\nNegative prompt: fog").unwrap();
    assert_eq!(found.settings.prompt.as_deref(), Some("a lighthouse,\ndusk"));
    assert_eq!(found.settings.negative_prompt.as_deref(), Some("fog"));
    assert_eq!((found.settings.rng, found.settings.known()), (None, 2));
    for text in ["", "a prompt", "a: b, c: d, e: f", "Steps: 20", "stairs, steps: 9, of oak", "Screenshot"] {
        assert_eq!(parse(text), None, "{text}");
    }
}

#[test]
fn an_empty_prompt_leaves_the_users_own() {
    for text in [PAIRS.to_owned(), format!("\n{PAIRS}"), format!("Negative prompt: fog\n{PAIRS}")] {
        let found = settings(&text);
        assert_eq!((found.prompt, found.seed), (None, Some(4242)), "{text}");
    }
}

#[test]
fn whose_noise_and_which_rule() {
    let with = |tail: &str| parse(&format!("a\n{PAIRS}{tail}")).unwrap();
    assert_eq!(with("").settings.rng, Some(RngKind::Nv));
    assert_eq!(with(", RNG: CPU").settings.rng, Some(RngKind::Cpu));
    assert_eq!(with(", Version: ComfyUI").settings.rng, Some(RngKind::Cpu));
    let foreign = parse(&format!("a\n{}", PAIRS.replace("DDIM", "DPM adaptive"))).unwrap();
    assert_eq!(foreign.foreign_sampler.as_deref(), Some("DPM adaptive"));
    assert_eq!(foreign.settings.sampler, None);
}

#[test]
fn schedules_are_told_behind_the_sampler_by_a_key_or_by_the_version() {
    use crate::sampler::ScheduleKind::{Auto, Exponential, Karras, Normal};
    let read = |sampler: &str, tail: &str| {
        let text = format!("a\n{}{tail}", PAIRS.replace("DDIM", sampler));
        parse(&text).unwrap().plausible().settings
    };
    for (sampler, tail, schedule) in [
        ("DPM++ 2M Karras", "", Karras),
        ("DPM++ 2M", ", Schedule type: Exponential", Exponential),
        ("DPM++ 2M", ", Schedule type: Automatic, Version: v1.10.1", Auto),
        ("DPM++ 2M", ", Version: v1.10.1", Auto),
        ("DPM++ 2M", ", Version: f2.0.1v1.10.1-previous-659", Auto),
        ("DPM++ 2M", ", Version: v1.8.0", Normal),
        ("DPM++ 2M", "", Normal),
        ("DDIM", ", Schedule type: Karras, Version: v1.9.4", Auto),
        ("UniPC", ", Version: v1.6.0", Auto),
    ] {
        assert_eq!(read(sampler, tail).schedule, Some(schedule), "{sampler}{tail}");
    }
    let ancestral = read("Euler a", "");
    assert_eq!((ancestral.sampler, ancestral.eta), (Some(SamplerKind::EulerAncestral), Some(1.0)));
    assert_eq!(read("Euler a", ", Eta: 0.3").eta, Some(0.3));
    assert_eq!(read("Euler", ", Sigma churn: 4").s_churn, Some(4.0));
}

#[test]
fn it_reads_what_we_write() {
    let mut made = crate::picture::metadata::parameters::tests::made();
    made.stopped_after = Some(3);
    made.guidance_of_steps = vec![7.5, 7.5, 3.25];
    let found = parse(&crate::picture::a1111_text(&made)).unwrap();
    assert_eq!(
        found.settings.over(&crate::settings::Settings { seed: 1, ..made.settings.clone() }),
        made.settings
    );
    assert_eq!((found.stopped_after, found.guidance_of_steps), (Some(3), made.guidance_of_steps));
    assert_eq!(found.model_hash.as_deref(), Some("0123456789"));
}

#[test]
fn endless_texts_end() {
    for part in ["Steps: \"\n", "Steps: 1 ", "a: [", "\"", "Negative prompt:", "x\n"] {
        parse(&part.repeat(100_000 / part.len()));
    }
}
