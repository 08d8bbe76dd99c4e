//! torch's first files, a tar of pickles with numbers between them: read as torch reads them, and never believed.

use std::fs;

use safelight::checkpoint::{Checkpoint, CheckpointKind};
use safelight::ops::host::TensorSource;
use tempfile::TempDir;

use super::fixture;

const NAME: &str = "model.diffusion_model.out.2.bias";

#[test]
fn a_file_of_the_tar_age_holds_what_was_put_in() {
    let found = Checkpoint::open(fixture("tar.ckpt")).unwrap();
    let model = Checkpoint::open(fixture("model.safetensors")).unwrap();
    assert_eq!((found.kind(), found.has_state_dict()), (CheckpointKind::TorchTar, true));
    assert_eq!(found.beside(), ["epoch", "lr_schedulers"]);
    let names = found.names();
    assert_eq!(names.len(), 8);
    for name in names.iter().filter(|name| *name != "model_ema.num_updates") {
        assert!(found.tensor(name).unwrap() == model.tensor(name).unwrap(), "{name}");
        assert_eq!(found.element(name), model.element(name), "{name}");
    }
    assert_eq!(found.tensor("model_ema.num_updates").unwrap().to_f32()[0], 470_000.0);
}

/// A pickle of protocol 2.
fn pickle(program: &[u8]) -> Vec<u8> {
    [b"\x80\x02", program, b"."].concat()
}

/// A tar of these members.
fn tar(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut file = Vec::new();
    for (name, data) in members {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..136].copy_from_slice(format!("{:011o}\0", data.len()).as_bytes());
        header[148..156].fill(b' ');
        header[156] = b'0';
        header[257..263].copy_from_slice(b"ustar\0");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        file.extend(header);
        file.extend(data);
        file.resize(file.len().next_multiple_of(512), 0);
    }
    file.resize(file.len() + 1024, 0);
    file
}

/// The members of a file with two half floats under one name: 1 and -2.
fn sound() -> [(&'static str, Vec<u8>); 4] {
    let [size, stride, offset] = [2i64, 1, 0].map(i64::to_le_bytes);
    let name = [b"X", &(NAME.len() as u32).to_le_bytes()[..], NAME.as_bytes()].concat();
    [
        ("sys_info", pickle(b"}X\x0d\0\0\0little_endian\x88s")),
        ("pickle", pickle(&[b"ccollections\nOrderedDict\n]\x85R", &name[..], b"K\x07Qs"].concat())),
        (
            "tensors",
            [
                pickle(b"K\x01"),
                pickle(b"K\x07K\x05ctorch\nHalfTensor\n\x87"),
                1i64.to_le_bytes().to_vec(),
                [size, stride, offset].concat(),
            ]
            .concat(),
        ),
        (
            "storages",
            [
                pickle(b"K\x01"),
                pickle(b"K\x05X\x03\0\0\0cpuctorch\nHalfStorage\n\x87"),
                2i64.to_le_bytes().to_vec(),
                vec![0, 0x3c, 0, 0xc0],
                pickle(b"]"),
            ]
            .concat(),
        ),
    ]
}

fn opened(file: &[u8]) -> Result<Checkpoint, String> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("model.ckpt");
    fs::write(&path, file).unwrap();
    Checkpoint::open(&path).map_err(|error| error.to_string())
}

/// What is said of the sound file with a member changed.
fn refused(member: &str, change: impl Fn(&mut Vec<u8>)) -> String {
    let mut members = sound();
    let changed = members.iter_mut().find(|(name, _)| *name == member).unwrap();
    change(&mut changed.1);
    opened(&tar(&members)).unwrap_err()
}

fn replace(data: &mut Vec<u8>, from: &[u8], to: &[u8]) {
    let at = data.windows(from.len()).position(|window| window == from).unwrap();
    data.splice(at..at + from.len(), to.to_vec());
}

#[test]
fn nothing_in_it_is_run_and_no_size_is_believed() {
    let found = opened(&tar(&sound())).unwrap();
    assert_eq!(found.tensor(NAME).unwrap().to_f32().into_owned(), [1.0, -2.0]);

    let said = refused("pickle", |data| replace(data, b"ccollections\nOrderedDict\n", b"cos\nsystem\n"));
    assert!(said.contains("asks to run `os.system`"), "{said}");
    let said = refused("storages", |data| replace(data, b"K\x01", b"cos\nsystem\n)R"));
    assert!(said.contains("asks to run `os.system`"), "{said}");
    let said = refused("pickle", |data| replace(data, b"K\x07Q", b"K\x08Q"));
    assert!(said.contains("a reference to 8, which is not in its lists"), "{said}");
    let said = refused("sys_info", |data| replace(data, b"\x88", b"\x89"));
    assert!(said.contains("big-endian"), "{said}");

    let two = 2i64.to_le_bytes();
    for lie in [5, 1 << 40, i64::MAX] {
        let said = refused("storages", |data| replace(data, &two, &i64::to_le_bytes(lie)));
        assert!(said.contains(&format!("of {lie} elements, which end outside")), "{said}");
        let said = refused("tensors", |data| replace(data, &two, &i64::to_le_bytes(lie)));
        assert!(said.contains("outside of its storage"), "{said}");
    }
    let said = refused("storages", |data| replace(data, &two, &i64::to_le_bytes(-1)));
    assert!(said.contains("a size of -1"), "{said}");
    let said = refused("tensors", |data| replace(data, &1i64.to_le_bytes(), &1000i64.to_le_bytes()));
    assert!(said.contains("1000 dimensions"), "{said}");
    let said = refused("tensors", |data| replace(data, b"K\x01", b"J\xff\xff\xff\x7f"));
    assert!(said.contains("for a count"), "{said}");
    let said = refused("tensors", |data| data.truncate(data.len() - 1));
    assert!(said.contains("incomplete"), "{said}");
}

#[test]
fn a_part_of_a_storage_lies_within_it() {
    // Storage 6 is the second half of storage 5.
    let part = |first: u8, count: u8| {
        let mut members = sound();
        replace(&mut members[2].1, b"K\x07K\x05", b"K\x07K\x06");
        let list = [b"](K\x06K\x05K".as_slice(), &[first], b"K", &[count], b"ta"].concat();
        replace(&mut members[3].1, b"]", &list);
        opened(&tar(&members))
    };
    assert!(part(1, 1).unwrap_err().contains("outside of its storage"));
    assert!(part(0, 1).unwrap_err().contains("outside of its storage"));
    assert!(part(1, 2).unwrap_err().contains("outside of its storage"));
    assert_eq!(part(0, 2).unwrap().tensor(NAME).unwrap().to_f32().into_owned(), [1.0, -2.0]);
}

#[test]
fn a_tar_of_other_files_is_an_archive_and_half_a_file_is_incomplete() {
    let other = opened(&tar(&[("weights/model.ckpt", vec![1, 2, 3])])).unwrap_err();
    assert!(other.contains("a tar archive; unpack it"), "{other}");
    let whole = tar(&sound());
    for end in (512..whole.len() - 1536).step_by(256) {
        let said = opened(&whole[..end]).unwrap_err();
        assert!(said.contains("again"), "{end}: {said}");
    }
    let said = opened(&tar(&sound()[..2])).unwrap_err();
    assert!(said.contains("the tar's other members"), "{said}");
    let mut changed = whole;
    changed[130] ^= 1;
    let said = opened(&changed).unwrap_err();
    assert!(said.contains("whose sum is another"), "{said}");
}
