//! Short names of models, as the window, pictures, progress and the library carry them.

use std::path::Path;

use super::formats::ENDINGS;

/// A model's short name: its path's last part without the ending of a model file, or the name of a
/// repository in the hub's cache.
pub fn model_name(path: &Path) -> String {
    let of_hub = path.ancestors().take(3).find_map(|part| {
        let name = part.file_name()?.to_str()?.strip_prefix("models--")?;
        name.rsplit("--").next().map(str::to_owned)
    });
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    of_hub.unwrap_or_else(|| match name.rsplit_once('.') {
        // A version number has a dot as well.
        Some((stem, ending)) if ENDINGS.contains(&ending.to_lowercase().as_str()) => stem.to_owned(),
        _ => name.into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_keeps_its_whole_name() {
        for (path, name) in [
            ("m/Realistic-V5.0", "Realistic-V5.0"),
            ("m/Realistic-V5.1.safetensors", "Realistic-V5.1"),
            ("m/v1-5.CKPT", "v1-5"),
            ("m/a.fp16.safetensors", "a.fp16"),
            ("hub/models--runwayml--stable-diffusion-v1-5/snapshots/0123abcd", "stable-diffusion-v1-5"),
            ("hub/models--a--b", "b"),
        ] {
            assert_eq!(model_name(Path::new(path)), name);
        }
    }
}
