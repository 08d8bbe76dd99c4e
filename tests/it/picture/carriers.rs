//! Where texts lie in a file, and in which letters: PNG's chunks, EXIF's fields, a JPEG's room.

use safelight::picture::metadata::read::{Origin, Recovered, recover_bytes};
use safelight::picture::{Format, Frame, Held, Made, encode, held};
use safelight::sampler::RngKind;

use super::{COMFY, INVOKE, LEGACY, frame};

const TEXT: &str = "灯台 café, 👩‍🚀 dusk\nNegative prompt: fog\nSteps: 22, Sampler: DDIM, CFG scale: 6.5, Seed: 4242, Size: 512x640";

fn assert_told(found: Option<Recovered>, prompt: &str, what: &str) {
    let settings = found.unwrap_or_else(|| panic!("nothing is read of {what}")).settings;
    assert_eq!(settings.prompt.as_deref(), Some(prompt), "{what}");
    assert_eq!(settings.negative_prompt.as_deref(), Some("fog"), "{what}");
    assert_eq!((settings.steps, settings.seed, settings.width), (Some(22), Some(4242), Some(512)), "{what}");
}

/// A chunk of a PNG with its length and sum.
fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let named = [&kind[..], data].concat();
    let length = (data.len() as u32).to_be_bytes();
    [&length[..], &named, &crc32fast::hash(&named).to_be_bytes()].concat()
}

fn png_with_chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut bytes = encode(&frame(), None, Format::Png).unwrap();
    // Behind the signature and the head.
    bytes.splice(33..33, chunk(kind, data));
    bytes
}

/// A block with one field in its inner directory, or in the first one.
fn exif(tag: u16, kind: u16, data: &[u8], little: bool) -> Vec<u8> {
    let short = |value: u16| if little { value.to_le_bytes() } else { value.to_be_bytes() };
    let long =
        |value: usize| if little { (value as u32).to_le_bytes() } else { (value as u32).to_be_bytes() };
    let mut block = if little { b"II*\0".to_vec() } else { b"MM\0*".to_vec() };
    block.extend(long(8));
    let field = |tag: u16, kind: u16, count: usize, at: usize| {
        [&short(1)[..], &short(tag), &short(kind), &long(count), &long(at), &long(0)].concat()
    };
    if tag == 0x9286 {
        block.extend(field(0x8769, 4, 1, 26));
    }
    block.extend(field(tag, kind, data.len(), block.len() + 18));
    block.extend(data);
    block
}

fn jpeg_with(block: &[u8]) -> Vec<u8> {
    let mut bytes = encode(&frame(), None, Format::Jpeg).unwrap();
    let length = ((block.len() + 8) as u16).to_be_bytes();
    bytes.splice(2..2, [b"\xff\xe1", &length[..], b"Exif\0\0", block].concat());
    bytes
}

fn webp_with(block: &[u8]) -> Vec<u8> {
    let mut bytes = encode(&frame(), None, Format::Webp).unwrap();
    bytes.extend([b"EXIF", &(block.len() as u32).to_le_bytes()[..], block].concat());
    let length = (bytes.len() - 8) as u32;
    bytes[4..8].copy_from_slice(&length.to_le_bytes());
    bytes
}

fn packed(text: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn every_chunk_and_its_letters() {
    let prompt = "灯台 café, 👩‍🚀 dusk";
    let plain = [b"parameters\0", TEXT.as_bytes()].concat();
    assert_told(recover_bytes(&png_with_chunk(b"tEXt", &plain)), prompt, "UTF-8 in tEXt");
    let zipped = [&b"parameters\0\0"[..], &packed(TEXT.as_bytes())].concat();
    assert_told(recover_bytes(&png_with_chunk(b"zTXt", &zipped)), prompt, "UTF-8 in zTXt");
    let international = [&b"parameters\0\x01\0\0\0"[..], &packed(TEXT.as_bytes())].concat();
    assert_told(recover_bytes(&png_with_chunk(b"iTXt", &international)), prompt, "packed iTXt");
    // Latin-1, as the standard has it.
    let text = TEXT.replace("灯台 café, 👩‍🚀", "caf\u{e9},");
    let latin: Vec<u8> =
        b"parameters\0".iter().copied().chain(text.chars().map(|letter| letter as u8)).collect();
    assert_told(recover_bytes(&png_with_chunk(b"tEXt", &latin)), "café, dusk", "Latin-1");
    let block = exif(0x9286, 7, &[b"UNICODE\0", TEXT.as_bytes()].concat(), true);
    assert_told(recover_bytes(&png_with_chunk(b"eXIf", &block)), prompt, "eXIf");
}

#[test]
fn comments_in_every_order_and_kind_of_field() {
    let prompt = "灯台 café, 👩‍🚀 dusk";
    let utf16 = |order: fn(u16) -> [u8; 2]| TEXT.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    let ascii = TEXT.replace(prompt, "dusk");
    let comments = [
        (prompt, [b"UNICODE\0", &utf16(u16::to_le_bytes)[..]].concat()),
        (prompt, [b"UNICODE\0", &utf16(u16::to_be_bytes)[..]].concat()),
        (prompt, [&b"UNICODE\0\xff\xfe"[..], &utf16(u16::to_le_bytes)].concat()),
        (prompt, [&b"UNICODE\0\xfe\xff"[..], &utf16(u16::to_be_bytes)].concat()),
        (prompt, [b"UNICODE\0", TEXT.as_bytes()].concat()),
        (prompt, [&b"UNICODE\0\xef\xbb\xbf"[..], TEXT.as_bytes()].concat()),
        (prompt, [&[0; 8], TEXT.as_bytes()].concat()),
        (prompt, TEXT.as_bytes().to_vec()),
        ("dusk", [b"ASCII\0\0\0", ascii.as_bytes(), b"\0"].concat()),
        ("dusk", [b"JIS\0\0\0\0\0", ascii.as_bytes()].concat()),
    ];
    for (number, (prompt, comment)) in comments.iter().enumerate() {
        for kind in [1, 2, 7] {
            for little in [true, false] {
                let block = exif(0x9286, kind, comment, little);
                let what = format!("comment {number} in a field of kind {kind}, little-endian: {little}");
                assert_told(recover_bytes(&jpeg_with(&block)), prompt, &what);
                assert_told(recover_bytes(&webp_with(&block)), prompt, &what);
                let named = [b"Exif\0\0", &block[..]].concat();
                assert_told(recover_bytes(&webp_with(&named)), prompt, &what);
            }
        }
    }
    let title: Vec<u8> = utf16(u16::to_le_bytes);
    assert_told(recover_bytes(&jpeg_with(&exif(0x9c9c, 1, &title, false))), prompt, "XPComment");
    assert_told(
        recover_bytes(&jpeg_with(&exif(0x010e, 2, TEXT.as_bytes(), true))),
        prompt,
        "ImageDescription",
    );
    for cut in 0..60 {
        let block = exif(0x9286, 7, &[b"UNICODE\0", TEXT.as_bytes()].concat(), true);
        recover_bytes(&webp_with(&block[..cut]));
    }
}

#[test]
fn graphs_and_records_wherever_they_stand() {
    for (tag, text) in [(0x0110, format!("prompt:{COMFY}")), (0x010f, format!("Prompt: {COMFY}"))] {
        let found = recover_bytes(&webp_with(&exif(tag, 2, text.as_bytes(), true))).unwrap();
        assert_eq!((found.origin, found.settings.seed), (Origin::ComfyUi, Some(5)));
        assert_eq!(found.settings.prompt.as_deref(), Some("a bottle"));
        assert_eq!(found.not_read(), ["negative_prompt"]);
    }
    let python = COMFY.replacen(
        "\"cfg\": 8",
        "\"cfg\": 8, \"is_changed\": [NaN, -Infinity], \"note\": \"\\ud83d\"",
        1,
    );
    for text in [python.clone(), format!("{python}\0"), serde_json::Value::from(python.as_str()).to_string()]
    {
        let found = recover_bytes(&super::png_with(&[("prompt", &text.replace('\0', " "))])).unwrap();
        assert_eq!((found.settings.guidance, found.settings.height), (Some(8.0), Some(768)), "{text}");
    }
    let dream = "\"a [b]\" -s 50 -S 42 -W 512 -H 512 -C 7.5 -A k_lms";
    let legacy = LEGACY.replacen('{', "{\"x\": NaN, ", 1);
    for (key, text) in [("Dream", dream), ("sd-metadata", &legacy)] {
        let found = recover_bytes(&super::png_with(&[(key, text)])).unwrap();
        assert_eq!((found.origin, found.settings.seed), (Origin::InvokeAi, Some(42)), "{key}");
        assert_eq!(found.settings.negative_prompt.as_deref(), Some("b"), "{key}");
    }
    let invoke = INVOKE.replacen('{', "{\"x\": Infinity, ", 1);
    assert_eq!(
        recover_bytes(&super::png_with(&[("invokeai_metadata", &invoke)])).unwrap().settings.rng,
        None::<RngKind>
    );
}

/// A picture whose prompt is as long as told.
fn made(prompt: String) -> Made {
    let text = r#"{"settings": {"prompt": "", "negative_prompt": "fog", "steps": 22, "guidance": 6.5, "eta": 0.0, "seed": 4242,
        "width": 512, "height": 640, "sampler": "ddim", "timesteps": "quad", "rng": "cpu", "temperature": 1.0},
        "guidance_of_steps": [], "model": "m", "model_hash": "0123456789", "stopped_after": null}"#;
    let mut made: Made = serde_json::from_str(text).unwrap();
    made.settings.prompt = prompt;
    made
}

#[test]
fn long_settings_keep_what_fits() {
    let small = Frame { width: 8, height: 8, rgb: vec![128; 192].into() };
    for (letters, expected) in [
        ("x".repeat(14_000), Held::Whole),
        ("apple, ".repeat(4_000), Held::Whole),
        ("apple, ".repeat(6_000), Held::Common),
        ("apple, ".repeat(30_000), Held::Cut),
        ("城".repeat(31_000), Held::Common),
        ("城".repeat(40_000), Held::Cut),
        // Short in the program's own note, and twice as long for others.
        (format!("é{}", "x".repeat(40_000)), Held::Whole),
    ] {
        let prompt = letters.trim_end().to_owned();
        let made = made(prompt.clone());
        let what = format!("{:.3}… of {} bytes", prompt, prompt.len());
        assert_eq!(held(&made, Format::Jpeg), expected, "{what}");
        let found = recover_bytes(&encode(&small, Some(&made), Format::Jpeg).unwrap()).unwrap();
        assert_eq!(found.made.is_some(), expected == Held::Whole, "{what}");
        let read = found.settings.prompt.as_deref().unwrap();
        assert!(prompt.starts_with(read) && read.len() > 25_000.min(prompt.len() - 1), "{what}");
        assert_eq!(read == prompt, expected != Held::Cut, "{what}");
        assert_told(Some(Recovered { made: None, ..found.clone() }), read, &what);
        // WebP and PNG have room for all.
        for format in [Format::Webp, Format::Png] {
            let found = recover_bytes(&encode(&small, Some(&made), format).unwrap()).unwrap();
            assert_eq!((held(&made, format), found.made.as_ref()), (Held::Whole, Some(&made)), "{what}");
        }
    }
}
