//! Torch files whose weights lie deeper, under wrapped names, or in 8 bits. Written here opcode by opcode.

use std::fs;
use std::io::{Cursor, Write};

use half::f16;
use safelight::checkpoint::Checkpoint;
use safelight::ops::host::{HostData, TensorSource};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

const BIAS: &str = "model.diffusion_model.out.2.bias";

/// A text, pushed.
fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

/// A dictionary of one item.
fn dictionary(key: &str, value: &[u8]) -> Vec<u8> {
    [b"}", &text(key)[..], value, b"s"].concat()
}

/// A reference to the storage `0` of so many elements.
fn storage(class: &str, count: u8) -> Vec<u8> {
    [b"(", &text("storage")[..], class.as_bytes(), &text("0"), &text("cpu"), &[b'K', count], b"tQ"].concat()
}

/// A row of two half floats.
fn halves() -> Vec<u8> {
    let storage = storage("ctorch\nHalfStorage\n", 2);
    [b"ctorch._utils\n_rebuild_tensor_v2\n(", &storage[..], b"K\0K\x02\x85K\x01\x85\x89}tR"].concat()
}

/// The same in 8 bits, as torch writes types that have no storage class of their own.
fn eighths(dtype: &str) -> Vec<u8> {
    let storage = storage("ctorch.storage\nUntypedStorage\n", 2);
    [
        b"ctorch._utils\n_rebuild_tensor_v3\n(",
        &storage[..],
        b"K\0K\x02\x85K\x01\x85\x89}ctorch\n",
        dtype.as_bytes(),
        b"\nNtR",
    ]
    .concat()
}

/// torch's zip around a pickle and the bytes of its storage.
fn opened(program: &[u8], data: &[u8]) -> Result<Checkpoint, String> {
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in [("a/data.pkl", [b"\x80\x02", program, b"."].concat()), ("a/data/0", data.to_vec())]
    {
        archive.start_file(name, stored).unwrap();
        archive.write_all(&bytes).unwrap();
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("model.ckpt");
    fs::write(&path, archive.finish().unwrap().get_ref()).unwrap();
    Checkpoint::open(&path).map_err(|error| error.to_string())
}

#[test]
fn weights_are_found_under_whatever_lies_around_them() {
    let plain = dictionary(BIAS, &halves());
    let wrapped = dictionary(&format!("_orig_mod.module.{BIAS}"), &halves());
    for (what, program, noted) in [
        ("bare", plain.clone(), false),
        ("one level", dictionary("state_dict", &plain), false),
        ("two levels", dictionary("state_dict", &dictionary("model", &plain)), false),
        ("an unusual key", dictionary("net", &dictionary("params", &plain)), false),
        ("wrapped names", dictionary("state_dict", &wrapped), true),
    ] {
        let found = opened(&program, &[0, 0x3c, 0, 0xc0]).unwrap();
        assert_eq!(found.names(), [BIAS], "{what}");
        assert_eq!(found.notes().is_empty(), !noted, "{what}: {:?}", found.notes());
        let expected = [f16::ONE, f16::from_f32(-2.0)];
        assert_eq!(found.tensor(BIAS).unwrap().data, HostData::F16(expected.to_vec().into()), "{what}");
    }
}

#[test]
fn a_dictionary_that_holds_itself_ends() {
    let circle = [b"}q\0", &text("a")[..], b"h\0s"].concat();
    assert!(opened(&circle, &[]).unwrap_err().contains("no tensor under a name"));
}

#[test]
fn eight_bit_floats_of_torch_are_widened() {
    for (dtype, expected) in [("float8_e4m3fn", [1.0, -448.0]), ("float8_e5m2", [0.5, f32::NEG_INFINITY])] {
        let data = if dtype == "float8_e4m3fn" { [0x38, 0xfe] } else { [0x38, 0xfc] };
        let found = opened(&dictionary(BIAS, &eighths(dtype)), &data).unwrap();
        assert_eq!(found.tensor(BIAS).unwrap().to_f32().into_owned(), expected, "{dtype}");
    }
}
