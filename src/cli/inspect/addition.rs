//! `safelight inspect` of what is laid over models: LoRAs and embeddings.

use std::io::Write as _;
use std::path::Path;

use crate::checkpoint::{Kind, Lora, read_embedding};
use crate::engine::additions::suiting;
use crate::settings::short_name;

use crate::cli::Failure;

/// What its writer says that people may want to know.
const TOLD: [(&str, &str); 6] = [
    ("ss_output_name", "name"),
    ("ss_sd_model_name", "trained on"),
    ("ss_base_model_version", "for models of"),
    ("ss_network_module", "network"),
    ("modelspec.title", "title"),
    ("modelspec.license", "license"),
];

/// Prints a LoRA or an embedding; false if the file is neither.
///
/// # Errors
/// If it is one, and damaged.
pub(super) fn run(path: &Path) -> Result<bool, Failure> {
    match Kind::of_file(path) {
        Some(Kind::Addition("LoRA")) => lora(path)?,
        None if path.is_dir() && path.join("adapter_config.json").is_file() => lora(path)?,
        Some(kind @ (Kind::Embedding | Kind::XL_EMBEDDING)) => embedding(path, kind)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn lora(path: &Path) -> Result<(), Failure> {
    let lora = Lora::open(path).map_err(|error| Failure::Input(error.to_string()))?;
    let rank = lora.rank().map_or_else(String::new, |rank| format!(", rank {rank}"));
    say(&format!("{}: {} for {} layers{rank}", path.display(), lora.kinds().join(", "), lora.count()));
    for (key, name) in TOLD {
        if let Some(told) = lora.metadata().get(key).and_then(serde_json::Value::as_str) {
            say(&format!("  {name}: {}", crate::told::quoted(told)));
        }
    }
    if !lora.words().is_empty() {
        say(&format!("  words: {}", lora.words().keys().cloned().collect::<Vec<_>>().join(", ")));
    }
    let name = short_name(&path.to_string_lossy()).to_owned();
    if let Some((_, suits)) = suiting(&name) {
        let sampler = suits.sampler.map_or("", |sampler| sampler.row().name);
        let (steps, guidance) = (suits.steps.unwrap_or_default(), suits.guidance.unwrap_or_default());
        say(&format!("  made for few steps: sampler {sampler}, {steps} steps, guidance {guidance}"));
    }
    say(&format!("  use it with --lora {}:1, or with <lora:{name}:1> in the prompt", path.display()));
    Ok(())
}

fn embedding(path: &Path, kind: Kind) -> Result<(), Failure> {
    let words = read_embedding(path).map_err(|error| Failure::Input(error.to_string()))?;
    say(&format!("{}: embedding (textual inversion)", path.display()));
    if kind == Kind::XL_EMBEDDING {
        say(
            "  made for Stable Diffusion XL; the vectors for its first text encoder are read, which v1 has too",
        );
    }
    for word in words {
        let [vectors, channels] = [word.vectors.shape[0], word.vectors.shape[1]];
        say(&format!("  {}: {vectors} vectors of {channels} channels", crate::told::quoted(&word.word)));
    }
    Ok(())
}

fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").ok();
}
