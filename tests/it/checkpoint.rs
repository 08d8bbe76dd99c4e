//! Checkpoint files of every layout, and files that are none.
//!
//! Invariant: whatever the bytes, opening and reading end in tensors or in one sentence.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod changed;
mod configs;
mod damage;
mod folders;
pub(crate) mod gguf;
pub(crate) mod kinds;
mod parts;
mod refusals;
mod tar;
mod wrapped;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use safelight::checkpoint::{Checkpoint, CheckpointKind, ElementType, Part, inspect};
use safelight::ops::cpu::{Element, WeightRows as _};
use safelight::ops::host::{HostData, TensorSource};
use safetensors::tensor::{Dtype, TensorView, serialize};
use tempfile::TempDir;

const FIRST: &str = "model.diffusion_model.input_blocks.0.0.weight";
const SINGLE_FILES: &[&str] =
    &["model.safetensors", "model.ckpt", "model-legacy.ckpt", "bare.ckpt", "tar.ckpt"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/formats").join(name)
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn every_layout_holds_the_same_tensors() {
    let expected = Checkpoint::open(fixture("model.safetensors")).unwrap();
    assert_eq!(expected.tensors().count(), 514);
    for layout in ["model.ckpt", "model-legacy.ckpt", "bare.ckpt", "diffusers", "diffusers-old"] {
        let found = Checkpoint::open(fixture(layout)).unwrap();
        for tensor in expected.tensors() {
            let folder = found.kind() == CheckpointKind::DiffusersFolder;
            if folder && Part::of(tensor.name) == Part::Schedule {
                assert!(!found.contains(tensor.name));
                continue;
            }
            assert_eq!(found.stored_shape(tensor.name), Some(tensor.shape), "{layout} {}", tensor.name);
            assert_eq!(found.element(tensor.name), Some(tensor.element), "{layout} {}", tensor.name);
            let same = found.tensor(tensor.name).unwrap() == expected.tensor(tensor.name).unwrap();
            assert!(same, "{layout} {}", tensor.name);
        }
        assert_eq!(inspect(&found).leftovers, Vec::<String>::new(), "{layout}");
    }
}

#[test]
fn kinds_and_what_is_known_of_them() {
    let open = |name: &str| Checkpoint::open(fixture(name)).unwrap();
    let kinds = [
        ("model.safetensors", CheckpointKind::Safetensors, false),
        ("model.ckpt", CheckpointKind::TorchZip, true),
        ("model-legacy.ckpt", CheckpointKind::TorchLegacy, true),
        ("bare.ckpt", CheckpointKind::TorchZip, false),
        ("diffusers", CheckpointKind::DiffusersFolder, false),
    ];
    for (name, kind, has_state_dict) in kinds {
        let found = open(name);
        assert_eq!((found.kind(), found.has_state_dict()), (kind, has_state_dict), "{name}");
    }
    let size = fs::metadata(fixture("model.ckpt")).unwrap().len();
    assert_eq!(open("model.ckpt").total_bytes(), size);
}

#[test]
fn lightnings_additions_are_carried_or_skipped() {
    for name in ["model.ckpt", "model-legacy.ckpt"] {
        let found = Checkpoint::open(fixture(name)).unwrap();
        assert!(found.has_ema());
        let beside = [
            "callbacks",
            "epoch",
            "global_step",
            "lr_schedulers",
            "optimizer_states",
            "pytorch-lightning_version",
        ];
        assert_eq!(found.beside(), beside);
        assert_eq!(found.tensor("model_ema.num_updates").unwrap().data, HostData::I64(vec![470_000].into()));
        let ids = found.tensor("cond_stage_model.transformer.text_model.embeddings.position_ids").unwrap();
        assert_eq!((ids.shape, ids.data), (vec![1, 77], HostData::I64((0..77).collect())));
        let report = inspect(&found);
        assert_eq!(report.parts[&Part::Ema].tensors, 3);
        assert_eq!(report.parts[&Part::Unet].elements, BTreeMap::from([(ElementType::F16, 286)]));
    }
    assert!(!Checkpoint::open(fixture("bare.ckpt")).unwrap().has_ema());
}

#[test]
fn rows_stay_in_the_file_and_are_those_of_the_tensor() {
    for name in SINGLE_FILES {
        let found = Checkpoint::open(fixture(name)).unwrap();
        let tensor = found.tensor(FIRST).unwrap();
        let rows = TensorSource::rows(&found, FIRST, &tensor.shape).unwrap();
        assert!(rows.in_memory().is_none() && rows.element() == Element::F16, "{name} was copied");
        let HostData::F16(values) = &tensor.data else { panic!("{tensor:?}") };
        let mut bytes = vec![0; 2 * (values.len() - 5)];
        rows.read(5, &mut bytes).unwrap();
        assert_eq!(bytes, bytemuck::cast_slice::<_, u8>(&values[5..]), "{name}");
    }
}

#[test]
fn a_file_within_the_program_opens_as_one_on_the_drive() {
    /// Bytes at an address that every element's type may have; `include_bytes` alone promises none.
    #[repr(align(64))]
    struct Aligned<B: ?Sized>(B);
    static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!("../golden/formats/model.safetensors"));
    let embedded = &FILE.0;
    let found = Checkpoint::embedded("the fixture", embedded).unwrap();
    let file = Checkpoint::open(fixture("model.safetensors")).unwrap();
    assert_eq!(found.names(), file.names());
    assert_eq!(found.tensor(FIRST).unwrap(), file.tensor(FIRST).unwrap());
    assert!(matches!(found.tensor(FIRST).unwrap().data, HostData::F16(Cow::Borrowed(_))), "it was copied");
    assert!(Checkpoint::embedded("nothing", b"").unwrap_err().to_string().ends_with(": nothing"));
}

#[test]
fn a_linear_layer_serves_as_a_convolution_and_nothing_else_does() {
    let found = Checkpoint::open(fixture("model.safetensors")).unwrap();
    let name = "model.diffusion_model.time_embed.0.weight";
    assert_eq!(found.shape(name, &[16, 4, 1, 1]).unwrap(), [16, 4, 1, 1]);
    assert_eq!(found.read(name, &[16, 4, 1, 1]).unwrap().shape, [16, 4, 1, 1]);
    assert_eq!(found.shape(name, &[4, 16]).unwrap(), [16, 4]);
    let said = found.read(name, &[4, 16]).unwrap_err().to_string();
    assert!(said.contains("[4, 16]") && said.contains("[16, 4]") && said.contains(name), "{said}");
    assert_eq!(found.shape("no.such", &[1]), None);
    assert!(found.read("no.such", &[1]).unwrap_err().to_string().contains("no.such"));
}

#[test]
fn sums_and_the_stop_flag() {
    let found = Checkpoint::open(fixture("diffusers")).unwrap();
    let unet = Checkpoint::open(fixture("diffusers/unet/diffusion_pytorch_model.safetensors")).unwrap();
    let mut go_on = || true;
    assert_eq!(found.sha256(&mut go_on).unwrap(), unet.sha256(&mut go_on).unwrap());
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("one");
    let file = serialize([("a", TensorView::new(Dtype::U8, vec![1], &[7]).unwrap())], None).unwrap();
    fs::write(&path, &file).unwrap();
    assert_eq!(Checkpoint::open(&path).unwrap().sha256(&mut go_on).unwrap()[..10], *"febaeb7419");
    assert!(found.sha256(&mut || false).unwrap_err().to_string().contains("stopped"));
}

#[test]
fn element_types_that_are_not_read_are_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("f8.safetensors");
    let view = TensorView::new(Dtype::F8_E8M0, vec![2], &[0, 1]).unwrap();
    fs::write(&path, serialize([("a", view)], None).unwrap()).unwrap();
    let found = Checkpoint::open(&path).unwrap();
    assert_eq!(found.element("a").unwrap().name(), "F8_E8M0");
    assert!(found.tensor("a").unwrap_err().to_string().contains("F8_E8M0"));
}
