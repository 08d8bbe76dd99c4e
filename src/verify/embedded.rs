//! The cases inside the binary: recorded runs of small synthetic models, and of the starter.

use super::case::Case;
#[cfg(feature = "starter")]
use super::case::STARTER;

macro_rules! case {
    ($folder:literal) => {
        Embedded {
            name: $folder,
            config: include_str!(concat!("../../assets/cases/", $folder, "/config.yaml")),
            request: include_bytes!(concat!("../../assets/cases/", $folder, "/request.json")),
            expected: include_bytes!(concat!("../../assets/cases/", $folder, "/expected.safetensors")),
        }
    };
}

struct Embedded {
    name: &'static str,
    config: &'static str,
    request: &'static [u8],
    expected: &'static [u8],
}

static CASES: [Embedded; 16] = [
    case!("ldm-adm"),
    case!("ldm-class"),
    case!("ldm-concat"),
    case!("ldm-unconditional"),
    case!("ldm-updown"),
    case!("sd-batch"),
    case!("sd-ddim"),
    case!("sd-eta"),
    case!("sd-hybrid"),
    case!("sd-img2img"),
    case!("sd-inpaint"),
    case!("sd-noguidance"),
    case!("sd-plms"),
    case!("v2-base"),
    case!("v2-inpaint"),
    case!("v2-v"),
];

/// Every embedded case of synthetic weights.
///
/// # Errors
/// If the binary is damaged: the case, the file at fault and why.
pub fn cases() -> Result<Vec<Case>, String> {
    CASES
        .iter()
        .map(|case| {
            Case::parse(case.name.to_owned(), case.config, case.request, case.expected)
                .map_err(|(file, cause)| format!("the embedded case {}: {file}: {cause}", case.name))
        })
        .collect()
}

/// The reference's run on the starter model's own weights.
///
/// # Errors
/// If the binary is damaged.
#[cfg(feature = "starter")]
pub fn starter() -> Result<Case, String> {
    use crate::starter;
    Case::parse(STARTER.to_owned(), starter::CONFIG, starter::REQUEST, starter::EXPECTED)
        .map_err(|(file, cause)| format!("the embedded starter: {file}: {cause}"))
}
