//! The ends of tensors' names in LoRA files: which part of which layer a tensor is.
//!
//! Trap: diffusers' older files say `to_q_lora.down`, so the layer's own name ends in the middle of a word.

use super::Parts;

/// A part of what a file has for a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PartOf {
    Down,
    Up,
    /// The product between the two, over a convolution's window.
    Mid,
    Alpha,
    /// DoRA's lengths as PEFT has them: strength acts within.
    Magnitude,
    /// The same as LyCORIS has them: strength acts on the whole.
    DoraScale,
    Hada1A,
    Hada1B,
    Hada2A,
    Hada2B,
    HadaT1,
    HadaT2,
    Lokr1,
    Lokr1A,
    Lokr1B,
    Lokr2,
    Lokr2A,
    Lokr2B,
    LokrT2,
    /// A whole difference.
    Diff,
}

use PartOf::*;

/// The first that fits decides.
const ENDS: &[(&str, PartOf)] = &[
    (".lora_linear_layer.down.weight", Down),
    (".lora_linear_layer.up.weight", Up),
    ("_lora.down.weight", Down),
    ("_lora.up.weight", Up),
    (".lora.down.weight", Down),
    (".lora.up.weight", Up),
    (".lora_down.weight", Down),
    (".lora_up.weight", Up),
    (".lora_mid.weight", Mid),
    (".lora_A.weight", Down),
    (".lora_B.weight", Up),
    (".lora_A.default.weight", Down),
    (".lora_B.default.weight", Up),
    (".alpha", Alpha),
    (".lora_magnitude_vector.weight", Magnitude),
    (".lora_magnitude_vector.default.weight", Magnitude),
    (".lora_magnitude_vector.default", Magnitude),
    (".lora_magnitude_vector", Magnitude),
    (".dora_scale", DoraScale),
    (".hada_w1_a", Hada1A),
    (".hada_w1_b", Hada1B),
    (".hada_w2_a", Hada2A),
    (".hada_w2_b", Hada2B),
    (".hada_t1", HadaT1),
    (".hada_t2", HadaT2),
    (".lokr_w1", Lokr1),
    (".lokr_w1_a", Lokr1A),
    (".lokr_w1_b", Lokr1B),
    (".lokr_w2", Lokr2),
    (".lokr_w2_a", Lokr2A),
    (".lokr_w2_b", Lokr2B),
    (".lokr_t2", LokrT2),
    (".diff", Diff),
];

/// The layer's name and the part; `None` if the end is unknown.
pub(super) fn split(name: &str) -> Option<(&str, PartOf)> {
    // PEFT names what it holds by the adapter's name, which is "default" unless a program says otherwise.
    let plain = |name| ENDS.iter().find_map(|(end, part)| Some((str::strip_suffix(name, end)?, *part)));
    plain(name).or_else(|| plain(name.strip_suffix(".default")?))
}

/// The algorithm that has these parts, by its usual name.
pub(super) fn kind_of(parts: &Parts) -> Option<&'static str> {
    let has = |part| parts.contains_key(&part);
    Some(match () {
        () if has(Magnitude) || has(DoraScale) => "DoRA",
        () if has(Hada1A) => "LoHa",
        () if has(Lokr1) || has(Lokr1A) => "LoKr",
        () if parts.get(&Down).is_some_and(|down| down.shape.len() == 4) => "LoCon",
        () if has(Down) => "LoRA",
        () if has(Diff) => "differences",
        () => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_writer_s_ends_are_known() {
        for (name, module, part) in [
            ("lora_unet_a.lora_down.weight", "lora_unet_a", Down),
            ("unet.a.to_q.lora_B.weight", "unet.a.to_q", Up),
            ("unet.a.attn1.processor.to_q_lora.down.weight", "unet.a.attn1.processor.to_q", Down),
            ("text_encoder.a.q_proj.lora_linear_layer.up.weight", "text_encoder.a.q_proj", Up),
            ("base_model.model.a.lora_magnitude_vector", "base_model.model.a", Magnitude),
            ("lycoris_a.lokr_w2_a", "lycoris_a", Lokr2A),
            ("base_model.model.a.hada_w1_a.default", "base_model.model.a", Hada1A),
        ] {
            assert_eq!(split(name), Some((module, part)), "{name}");
        }
        assert_eq!(split("lora_unet_a.oft_blocks"), None);
        assert_eq!(split("a.weight"), None);
    }
}
