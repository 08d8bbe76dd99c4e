//! LoRAs and embeddings in the window: dropped, set by sliders, taken off.

use egui::{Key, Modifiers};

use safelight::app::services::Answer;
use safelight::message::Request;
use safelight::sampler::SamplerKind;
use safelight::settings::Settings;

use super::stage::{Setup, Stage};

/// The settings of the picture that is asked for now.
fn asked(stage: &mut Stage) -> Settings {
    stage.press(Modifiers::COMMAND, Key::Enter);
    let requests = stage.requests();
    let job = requests.into_iter().find_map(|request| match request {
        Request::Generate(job) => Some(*job),
        _ => None,
    });
    job.unwrap().settings
}

/// The settings as the controls show them.
fn draft(stage: &Stage) -> Settings {
    stage.harness.state().state().draft.settings.clone()
}

#[test]
fn a_dropped_lora_is_laid_over_the_model_until_it_is_taken_off() {
    let mut stage = Setup::default().open();
    stage.requests();
    stage.answer(Answer::Lora("/m/loras/ink.safetensors".into()));
    stage.answer(Answer::Embedding("/m/easy.pt".into()));
    assert!(stage.says("LoRA added: ink.safetensors"));
    assert!(stage.says("Embedding: the word “easy”"));
    // A second time it is the same one.
    stage.answer(Answer::Lora("/m/loras/ink.safetensors".into()));
    let settings = asked(&mut stage);
    assert_eq!(settings.loras.to_string(), "/m/loras/ink.safetensors:1");
    assert_eq!(settings.embeddings.0, ["/m/easy.pt"]);
    stage.click("Remove “ink”");
    stage.click("Remove “easy”");
    assert_eq!(draft(&stage).loras.0, []);
    assert!(draft(&stage).embeddings.0.is_empty());
}

#[test]
fn a_lora_for_few_steps_brings_its_settings() {
    let mut stage = Setup::default().open();
    stage.answer(Answer::Lora("/m/lcm-lora-sdv1-5.safetensors".into()));
    let settings = draft(&stage);
    assert_eq!((settings.sampler, settings.steps, settings.guidance), (SamplerKind::Lcm, 4, 1.0));
}
