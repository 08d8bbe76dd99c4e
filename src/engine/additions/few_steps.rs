//! LoRAs and models for few steps that nothing but their names tells, and the settings that they are made for.
//!
//! LCM's, Hyper-SD's and TCD's tensors are those of any LoRA, and of any model that one was merged into.

use crate::sampler::{SamplerKind, TimestepSpacing};
use crate::settings::{PartialSettings, short_name};

/// What suits a LoRA or a model of this name, if it is one for few steps; and the kind's name.
pub fn suiting(name: &str) -> Option<(&'static str, PartialSettings)> {
    let name = short_name(name).to_lowercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).collect();
    let few = |sampler, steps, guidance, eta| PartialSettings {
        sampler: Some(sampler),
        steps: Some(steps),
        guidance: Some(guidance),
        eta: Some(eta),
        ..PartialSettings::default()
    };
    let is = |word: &str| words.contains(&word);
    if name.contains("hyper") && words.iter().any(|word| word.starts_with("sd")) {
        let steps = words
            .iter()
            .find_map(|word| word.strip_suffix("steps").or(word.strip_suffix("step"))?.parse().ok());
        let trailing = |steps, guidance| PartialSettings {
            timesteps: Some(TimestepSpacing::Trailing),
            ..few(SamplerKind::Ddim, steps, guidance, 0.0)
        };
        let settings = match steps? {
            1 => few(SamplerKind::Tcd, 1, 1.0, 1.0),
            steps if is("cfg") => trailing(steps, 5.0),
            steps => trailing(steps, 1.0),
        };
        return Some(("Hyper-SD", settings));
    }
    if is("tcd") {
        return Some(("TCD", few(SamplerKind::Tcd, 4, 1.0, 0.3)));
    }
    let lcm = is("lcm") || words.iter().any(|word| word.starts_with("lcm") && word.contains("lora"));
    lcm.then(|| ("LCM", few(SamplerKind::Lcm, 4, 1.0, 0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_suits() {
        let told = |name: &str| {
            suiting(name).map(|(_, it)| (it.sampler.unwrap(), it.steps.unwrap(), it.guidance.unwrap()))
        };
        for (name, sampler, steps, guidance) in [
            ("lcm-lora-sdv1-5.safetensors", SamplerKind::Lcm, 4, 1.0),
            ("/a/LCM_LoRA_SD15.safetensors", SamplerKind::Lcm, 4, 1.0),
            ("Hyper-SD15-1step-lora", SamplerKind::Tcd, 1, 1.0),
            ("Hyper-SD15-4steps-lora.safetensors", SamplerKind::Ddim, 4, 1.0),
            ("Hyper-SD15-8steps-CFG-lora", SamplerKind::Ddim, 8, 5.0),
            ("TCD-SD15-LoRA", SamplerKind::Tcd, 4, 1.0),
        ] {
            assert_eq!(told(name), Some((sampler, steps, guidance)), "{name}");
        }
        assert_eq!(suiting("Hyper-SD15-4steps-lora").unwrap().1.timesteps, Some(TimestepSpacing::Trailing));
        for name in ["ink", "hyperrealism", "calm", "sd15", "hyper_realistic_sd15"] {
            assert_eq!(told(name), None, "{name}");
        }
    }
}
