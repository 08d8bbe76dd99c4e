//! Upscalers of every layout against what PyTorch makes of the same weights, and in tiles.
//!
//! `tests/golden/upscalers/make_cases.py` records files and results.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use safelight::checkpoint::open_upscaler;
use safelight::engine::upscale::{OpenUpscaler, UpscaleError};
use safelight::model::Upscaler;
use safelight::ops::{Device, Error, StopFlag, Weights};
use safelight::picture::Frame;
use safetensors::SafeTensors;

use crate::backends::devices;

/// The recorded files and results.
pub struct Cases(Vec<u8>);

impl Cases {
    pub fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/upscalers/cases.safetensors.gz");
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
        Self(bytes)
    }

    fn tensors(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.0).unwrap()
    }

    /// Every case with its file's name and its scale.
    fn about(&self) -> BTreeMap<String, (String, usize)> {
        let (_, header) = SafeTensors::read_metadata(&self.0).unwrap();
        let about = &header.metadata().as_ref().unwrap()["about"];
        let about: BTreeMap<String, serde_json::Value> = serde_json::from_str(about).unwrap();
        let one = |case: &serde_json::Value| {
            (case["file"].as_str().unwrap().to_owned(), case["scale"].as_u64().unwrap() as usize)
        };
        about.iter().map(|(name, case)| (name.clone(), one(case))).collect()
    }

    /// Writes a case's file into a folder.
    pub fn unpack(&self, name: &str, folder: &Path) -> PathBuf {
        let file = &self.about()[name].0;
        let ending = file.rsplit_once('.').unwrap().1;
        let path = folder.join(format!("{name}.{ending}"));
        std::fs::write(&path, self.tensors().tensor(&format!("{name}/{file}")).unwrap().data()).unwrap();
        path
    }

    fn numbers(&self, name: &str) -> (Vec<f32>, Vec<usize>) {
        let tensors = self.tensors();
        let tensor = tensors.tensor(name).unwrap();
        let values = tensor.data().as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four));
        (values.collect(), tensor.shape().to_vec())
    }
}

/// A picture of smooth colors with an edge in it.
fn drawn(width: usize, height: usize) -> Frame {
    let level = |x: usize, y: usize, c: usize| {
        let wave = ((x as f32 * 0.11 + c as f32).sin() * (y as f32 * 0.07).cos() + 1.0) * 100.0;
        if (x + 2 * y) % 61 < 20 { 255 - wave as u8 } else { wave as u8 }
    };
    let rgb = (0..width * height).flat_map(|i| (0..3).map(move |c| level(i % width, i / width, c)));
    Frame { width, height, rgb: rgb.collect() }
}

#[test]
fn every_layout_makes_what_pytorch_makes() {
    let (cases, folder) = (Cases::read(), tempfile::tempdir().unwrap());
    let about = cases.about();
    assert_eq!(about.len(), 8);
    for device in devices() {
        for (name, (_, scale)) in &about {
            let checkpoint = open_upscaler(&cases.unpack(name, folder.path())).unwrap();
            let upscaler = Upscaler::new(&Weights::new(Arc::new(checkpoint), device.clone())).unwrap();
            assert_eq!(upscaler.scale(), *scale, "{name}");
            let (x, shape) = cases.numbers(&format!("{name}/x"));
            let made = upscaler.forward(&device, &x, [shape[2], shape[3]]).unwrap();
            let (expected, _) = cases.numbers(&format!("{name}/y"));
            assert_eq!(made.len(), expected.len(), "{name}");
            let off = made.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            println!("{device:?} {name}: {off:e}");
            assert!(off < 1e-5, "{device:?} {name}: {off:e}");
        }
    }
}

#[test]
fn tiles_leave_no_seam() {
    let (cases, folder) = (Cases::read(), tempfile::tempdir().unwrap());
    let device = Device::cpu(StopFlag::default());
    for name in ["real", "real-x2plus", "real-x1", "compact"] {
        let path = cases.unpack(name, folder.path());
        let upscaler = OpenUpscaler::open(&path, &device).unwrap();
        let picture = drawn(403, 261);
        let whole = upscaler.enlarge_by(&picture, 1000).unwrap();
        let size = [upscaler.scale() * 403, upscaler.scale() * 261];
        assert_eq!([whole.width, whole.height], size, "{name}");
        let tiled = upscaler.enlarge_by(&picture, 64).unwrap();
        let off = whole.rgb.iter().zip(&*tiled.rgb).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        println!("{name}: {off} of 255");
        assert!(off <= 1, "{name}: {off} of 255");
        assert_eq!(upscaler.enlarge(&picture).unwrap(), upscaler.enlarge(&picture).unwrap());
    }
}

#[test]
fn an_enlargement_tells_how_far_it_is_and_stops() {
    let (cases, folder) = (Cases::read(), tempfile::tempdir().unwrap());
    let stop = StopFlag::default();
    let upscaler =
        OpenUpscaler::open(&cases.unpack("real", folder.path()), &Device::cpu(stop.clone())).unwrap();
    let raise = stop.clone();
    upscaler.report_to(Box::new(move |done, tiles| {
        assert!(tiles > 3, "{tiles}");
        if done == 2 {
            raise.raise();
        }
    }));
    assert_eq!(upscaler.enlarge_by(&drawn(200, 100), 64).unwrap_err(), Error::Stopped);
}

#[test]
fn what_is_no_upscaler_of_the_family_is_refused_in_a_sentence() {
    let (cases, folder) = (Cases::read(), tempfile::tempdir().unwrap());
    let device = Device::cpu(StopFlag::default());
    let said = |path: &Path| OpenUpscaler::open(path, &device).unwrap_err().to_string();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/formats/model.safetensors");
    for path in [model, folder.path().join("gone.pth")] {
        let said = said(&path);
        assert!(said.contains("expected") && !said.contains('\n'), "{said}");
    }
    // As a model it is still refused by its name.
    for name in ["old", "real", "compact"] {
        let path = cases.unpack(name, folder.path());
        let refused = safelight::engine::is_model(&path).unwrap_err().to_string();
        assert!(refused.contains("found an upscaler"), "{refused}");
    }
    let upscaler = OpenUpscaler::open(&cases.unpack("real", folder.path()), &device).unwrap();
    let refused = upscaler.check([40_000, 40_000]).unwrap_err();
    assert_eq!(refused, UpscaleError::TooLarge { width: 160_000, height: 160_000 });
}
