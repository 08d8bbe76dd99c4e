//! What A1111's text tells of the noise, the picture and the second pass that a run begins with: several keys for what
//! is one setting here, or none.
//!
//! Trap: "Denoising strength" is that of a picture, or of the second pass where there is one and no picture.

use crate::picture::metadata::made::Made;
use crate::settings::{Enlarged, Fill, Hires, Treatment, Variation};

/// The keys, in lower case.
pub(in crate::picture) const KEYS: [&str; 13] = [
    "variation seed",
    "variation seed strength",
    "denoising strength",
    "image cfg scale",
    "mask blur",
    "mask mode",
    "masked content",
    "inpaint area",
    "masked area padding",
    "hires upscale",
    "hires steps",
    "hires strength",
    "hires upscaler",
];
/// What A1111 calls an enlargement without a network.
const LANCZOS: &str = "Lanczos";
/// What A1111 calls a mask that is inverted, and a run that works on the masked part alone.
const NOT_MASKED: &str = "Inpaint not masked";
const ONLY_MASKED: &str = "Only masked";

/// The pairs of a picture.
pub(super) fn pairs(made: &Made) -> Vec<(&'static str, String)> {
    let (Variation { seed, strength }, hires) = (made.settings.variation, made.settings.hires);
    let mut pairs = Vec::new();
    if strength != 0.0 {
        pairs.push(("Variation seed", seed.to_string()));
        pairs.push(("Variation seed strength", strength.to_string()));
    }
    if let Some(beginning) = &made.beginning {
        pairs.push(("Denoising strength", beginning.treatment.strength.to_string()));
        pairs.extend(treatment(&beginning.treatment, beginning.is_masked));
    } else if !hires.is_none() {
        pairs.push(("Denoising strength", hires.strength.to_string()));
    }
    if !hires.is_none() {
        pairs.push(("Hires upscale", hires.scale.to_string()));
        if hires.steps > 0 {
            pairs.push(("Hires steps", hires.steps.to_string()));
        }
        if made.beginning.is_some() {
            pairs.push(("Hires strength", hires.strength.to_string()));
        }
        let by = match hires.by {
            Enlarged::Latent => "Latent".to_owned(),
            Enlarged::Pixels => LANCZOS.to_owned(),
            Enlarged::Upscaler => value(&made.settings.upscaler),
        };
        pairs.push(("Hires upscaler", by));
    }
    pairs
}

/// A value without the characters that separate values.
pub(super) fn value(text: &str) -> String {
    let plain = |c: char| if c.is_control() || matches!(c, ',' | ':' | '"') { '_' } else { c };
    text.trim().chars().map(plain).collect()
}

fn treatment(treatment: &Treatment, is_masked: bool) -> Vec<(&'static str, String)> {
    let mut pairs = Vec::new();
    if treatment.image_guidance != Treatment::default().image_guidance {
        pairs.push(("Image CFG scale", treatment.image_guidance.to_string()));
    }
    if !is_masked {
        return pairs;
    }
    if treatment.mask_blur > 0.0 {
        pairs.push(("Mask blur", treatment.mask_blur.to_string()));
    }
    if treatment.mask_invert {
        pairs.push(("Mask mode", NOT_MASKED.to_owned()));
    }
    if treatment.fill != Fill::Original {
        pairs.push(("Masked content", treatment.fill.a1111().to_owned()));
    }
    if let Some(padding) = treatment.only_masked {
        pairs.push(("Inpaint area", ONLY_MASKED.to_owned()));
        pairs.push(("Masked area padding", padding.to_string()));
    }
    pairs
}

/// What a text of that form tells.
#[derive(Clone, Debug, Default)]
pub(in crate::picture) struct Told {
    /// The variation, if it tells one.
    pub(in crate::picture) variation: Option<Variation>,
    /// The second pass, if it tells one.
    pub(in crate::picture) hires: Option<Hires>,
    /// What was done with a picture, if there was one.
    pub(in crate::picture) treatment: Option<Treatment>,
}

/// What the pairs under [`KEYS`], the keys in lower case, tell.
pub(in crate::picture) fn told(pairs: &[(String, String)]) -> Told {
    let text = |key: &str| pairs.iter().find(|(known, _)| known == key).map(|(_, value)| value.trim());
    let real = |key: &str| text(key)?.parse::<f64>().ok().filter(|number| number.is_finite());
    let variation = text("variation seed").and_then(|seed| seed.parse().ok());
    let variation = variation.zip(real("variation seed strength"));
    let variation = variation.map(|(seed, strength)| Variation { seed, strength });
    let usual = Hires::default();
    let denoising = real("denoising strength");
    let own = real("hires strength");
    let hires = real("hires upscale").map(|scale| Hires {
        scale,
        steps: text("hires steps").and_then(|steps| steps.parse().ok()).unwrap_or(usual.steps),
        strength: own.or(denoising).unwrap_or(usual.strength),
        by: match text("hires upscaler") {
            Some(name) if name.starts_with("Latent") => Enlarged::Latent,
            _ => Enlarged::Pixels,
        },
    });
    // Where the second pass has a strength of its own, the other one is a picture's.
    let of_picture = denoising.filter(|_| hires.is_none() || own.is_some());
    let treatment = of_picture.map(|strength| {
        let usual = Treatment::default();
        let fill = text("masked content");
        let fill = Fill::ALL.into_iter().find(|known| Some(known.a1111()) == fill);
        let padding = text("masked area padding").and_then(|padding| padding.parse().ok());
        let only_masked = (text("inpaint area") == Some(ONLY_MASKED)).then_some(padding.unwrap_or(32));
        Treatment {
            strength,
            mask_invert: text("mask mode") == Some(NOT_MASKED),
            mask_blur: real("mask blur").unwrap_or(0.0),
            fill: fill.unwrap_or(usual.fill),
            only_masked,
            image_guidance: real("image cfg scale").unwrap_or(usual.image_guidance),
            ..usual
        }
    });
    Told {
        variation: variation.filter(Variation::is_sound),
        hires: hires.filter(Hires::is_sound),
        treatment: treatment.filter(|treatment| treatment.strength > 0.0 && treatment.strength <= 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::made_for_tests;
    use crate::settings::{Beginning, Settings};

    fn again(made: &Made) -> Told {
        let pairs = pairs(made);
        for (key, _) in &pairs {
            assert!(KEYS.contains(&key.to_lowercase().as_str()), "{key}");
        }
        told(&pairs.into_iter().map(|(key, value)| (key.to_lowercase(), value)).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_written_is_read_again() {
        let made = made_for_tests();
        assert!(pairs(&made).is_empty());
        let hires: Hires = "2:12:0.45:latent".parse().unwrap();
        let variation = Variation { seed: 9, strength: 0.25 };
        let settings = Settings { hires, variation, ..made.settings.clone() };
        let words = Made { settings: settings.clone(), ..made.clone() };
        let found = again(&words);
        assert_eq!((found.hires, found.variation), (Some(hires), Some(variation)));
        assert!(found.treatment.is_none());
        let text: Vec<String> = pairs(&words).iter().map(|(key, value)| format!("{key}: {value}")).collect();
        assert_eq!(
            text.join(", "),
            "Variation seed: 9, Variation seed strength: 0.25, Denoising strength: 0.45, Hires upscale: 2, \
             Hires steps: 12, Hires upscaler: Latent"
        );
        let treatment = Treatment {
            strength: 0.6,
            mask_invert: true,
            fill: Fill::Noise,
            only_masked: Some(16),
            image_guidance: 2.0,
            ..Treatment::default()
        };
        let beginning = Some(Beginning { is_masked: true, treatment, ..Beginning::default() });
        let found = again(&Made { settings, beginning, ..made });
        assert_eq!((found.treatment, found.hires), (Some(treatment), Some(hires)));
    }

    #[test]
    fn what_cannot_be_is_left_out() {
        let told = |pairs: &[(&str, &str)]| {
            told(&pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect::<Vec<_>>())
        };
        let found = told(&[("hires upscale", "900"), ("variation seed", "3"), ("denoising strength", "7")]);
        assert!(found.hires.is_none() && found.variation.is_none() && found.treatment.is_none());
        // A text-to-picture run of A1111 has a strength of its second pass alone.
        let found = told(&[("hires upscale", "1.5"), ("denoising strength", "0.5")]);
        assert_eq!((found.hires.map(|hires| hires.strength), found.treatment), (Some(0.5), None));
    }
}
