//! Short hashes of LoRAs and embeddings, as A1111 writes them into pictures.
//!
//! A LoRA's is that of its tensors without the header, which trainers store in the header and which stays the
//! same when only the description changes; an embedding's is that of the file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::checkpoint::Lora;

/// Hexadecimal digits that are shown.
const DIGITS: usize = 12;
/// Bytes read at once.
const PIECE: usize = 1 << 20;

/// Of a LoRA's file; empty where it cannot be read.
pub(super) fn of_lora(lora: &Lora) -> String {
    let told = lora.metadata().get("sshs_model_hash").and_then(serde_json::Value::as_str);
    if let Some(told) =
        told.filter(|told| told.len() >= DIGITS && told.bytes().all(|b| b.is_ascii_hexdigit()))
    {
        return told[..DIGITS].to_lowercase();
    }
    of_data(lora.path()).unwrap_or_default()
}

/// Of a file without the header of safetensors.
fn of_data(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let is_safetensors = path.extension().is_some_and(|ending| ending == "safetensors" || ending == "sft");
    if is_safetensors {
        let mut length = [0; 8];
        file.read_exact(&mut length).ok()?;
        file.seek(SeekFrom::Current(i64::try_from(u64::from_le_bytes(length)).ok()?)).ok()?;
    }
    digest(file)
}

/// Of a whole file.
pub(super) fn of_file(path: &Path) -> Option<String> {
    digest(File::open(path).ok()?)
}

fn digest(mut file: File) -> Option<String> {
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece).ok()? {
            0 => break,
            read => hash.update(&piece[..read]),
        }
    }
    Some(
        hash.finalize()
            .iter()
            .flat_map(|byte| format!("{byte:02x}").into_bytes())
            .take(DIGITS)
            .map(char::from)
            .collect(),
    )
}
