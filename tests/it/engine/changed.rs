//! A model file that changes between two pictures, when the text encoder has been freed.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use half::f16;
use serde_json::{Map, json};

use safelight::config::parse_yaml;
use safelight::message::{Event, JobId, ModelSource, Request};
use safelight::model::instantiate_from_config;
use safelight::ops::host::{HostData, HostTensor, TensorSource};
use safelight::ops::{self, Device, StopFlag, Weights};
use safelight::settings::{PreviewMode, Settings};
use safelight::told::Sentence;

use super::Bench;
use super::tiny::CONFIG;

/// Records every name and shape that a network asks for, and returns zeros.
struct Listed(Mutex<Vec<(String, Vec<usize>)>>);

impl TensorSource for Listed {
    fn shape(&self, _name: &str, expected: &[usize]) -> Option<Vec<usize>> {
        Some(expected.to_vec())
    }

    fn read(&self, name: &str, shape: &[usize]) -> ops::Result<HostTensor<'_>> {
        self.0.lock().unwrap().push((name.to_owned(), shape.to_vec()));
        let zeros = vec![f16::ZERO; shape.iter().product()];
        Ok(HostTensor { shape: shape.to_vec(), data: HostData::F16(zeros.into()) })
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A model of zeros whose text encoder is large enough to be freed. Its numbers are a hole in the
/// file: they take no room on the drive.
fn write_hole(folder: &Path) -> PathBuf {
    let config = CONFIG
        .replace("context_dim: 32", "context_dim: 648")
        .replace("hidden_size: 32", "hidden_size: 648")
        .replace("num_hidden_layers: 2", "num_hidden_layers: 1");
    let listed = Arc::new(Listed(Mutex::default()));
    let weights = Weights::new(listed.clone(), Device::cpu(StopFlag::default()));
    let nothing = |_: &str| Err("it carries its own words".to_owned());
    instantiate_from_config(&parse_yaml(&config).unwrap(), &weights, &nothing).unwrap();
    let (mut header, mut end) = (Map::new(), 0);
    for (name, shape) in listed.0.lock().unwrap().iter() {
        let start = end;
        end += 2 * shape.iter().product::<usize>();
        header.insert(name.clone(), json!({"dtype": "F16", "shape": shape, "data_offsets": [start, end]}));
    }
    let header = serde_json::to_vec(&header).unwrap();
    let path = folder.join("hole.safetensors");
    let mut file = File::create(&path).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(&header).unwrap();
    file.set_len((8 + header.len() + end) as u64).unwrap();
    fs::write(path.with_extension("yaml"), config).unwrap();
    path
}

/// How the second of two pictures ends if `change` is done to the file between them.
fn second_picture(change: impl Fn(&Path)) -> Event {
    let folder = tempfile::tempdir().unwrap();
    let path = write_hole(folder.path());
    let mut bench = Bench::start();
    bench.engine.request(Request::Open(ModelSource::file(path.clone()))).unwrap();
    let opened = bench.until(|event| matches!(event, Event::Opened(_) | Event::OpenFailed { .. }));
    let Event::Opened(info) = opened else { panic!("{opened:?}") };
    let settings = Settings { prompt: "a fox".into(), steps: 1, ..info.defaults };
    let ended = |event: &Event| matches!(event, Event::Finished { .. } | Event::Failed { .. });
    bench.generate(1, settings.clone(), PreviewMode::Off);
    let first = bench.until(ended);
    assert!(matches!(first, Event::Finished { job: JobId(1), .. }), "{first:?}");
    change(&path);
    // Other words need the text encoder; those of the first picture would be remembered.
    let settings = Settings { prompt: "an owl".into(), ..settings };
    bench.generate(2, settings, PreviewMode::Off);
    let second = bench.until(ended);
    // Whatever the change was, the engine continues.
    let starter = bench.open();
    bench.generate(3, super::apple(&starter, 1), PreviewMode::Off);
    bench.until(|event| matches!(event, Event::Finished { job: JobId(3), .. }));
    second
}

#[test]
fn a_file_that_changed_fails_the_job_in_one_sentence_and_one_that_is_gone_does_not() {
    let cut = second_picture(|path| {
        let file = File::options().write(true).open(path).unwrap();
        file.set_len(fs::metadata(path).unwrap().len() / 100).unwrap();
    });
    let overwritten = second_picture(|path| {
        let file = File::options().write(true).open(path).unwrap();
        file.write_all_at(&[0x3c; 4096], fs::metadata(path).unwrap().len() - 4096).unwrap();
    });
    for event in [cut, overwritten] {
        let Event::Failed { job: JobId(2), report } = &event else { panic!("{event:?}") };
        assert_eq!(report.sentence, Sentence::with("error-file-changed", "file", "hole.safetensors"));
    }
    let deleted = second_picture(|path| fs::remove_file(path).unwrap());
    assert!(matches!(deleted, Event::Finished { job: JobId(2), .. }), "{deleted:?}");
}
