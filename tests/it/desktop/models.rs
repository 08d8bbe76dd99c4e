//! The library of models as the services keep it: folders, files that come and go, hashes, and what is given up.

use std::fs;
use std::path::{Path, PathBuf};

use safelight::app::services::models::{Ended, ListedFolder, ModelsNews, OfModels};
use safelight::app::services::{Answer, Task};
use safelight::library::{Entry, FolderOrigin, Hub, Sort};
use safelight::preferences::read_memory;
use sha2::{Digest, Sha256};

use super::{Home, Open, fixture};
use crate::transfer::server::{Answer as Sent, Server};

fn ask(open: &mut Open, asked: OfModels) {
    open.ask(Task::Models(asked));
}

fn news<T>(open: &mut Open, mut wanted: impl FnMut(&ModelsNews) -> Option<T>) -> T {
    open.wait(|answer| match answer {
        Answer::Models(news) => wanted(news),
        _ => None,
    })
}

/// The next list, as it was told.
fn list(open: &mut Open) -> (Vec<Entry>, Vec<ListedFolder>) {
    news(open, |news| match news {
        ModelsNews::Listed { entries, folders } => Some((entries.clone(), folders.clone())),
        _ => None,
    })
}

fn names(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(Entry::name).collect()
}

#[test]
fn files_that_come_and_go_are_seen_while_somebody_looks() {
    let home = Home::new();
    let models = home.places().models.unwrap();
    fs::create_dir_all(&models).unwrap();
    fs::copy(fixture("model.safetensors"), models.join("a.safetensors")).unwrap();
    let mut open = home.open();
    ask(&mut open, OfModels::Watch(true));
    let (entries, folders) = list(&mut open);
    assert_eq!((names(&entries), folders[0].folder.origin), (vec!["a".to_owned()], FolderOrigin::Own));
    assert_eq!(entries[0].sort(), Sort::Model);
    fs::copy(fixture("evil.ckpt"), models.join("b.ckpt")).unwrap();
    let (entries, _) = list(&mut open);
    assert_eq!(names(&entries), ["a", "b"]);
    let refusal = entries[1].facts.refusal.clone().unwrap();
    assert_eq!((entries[1].sort(), refusal.key.as_str()), (Sort::Other, "error-asks-to-run"));
    fs::remove_file(models.join("a.safetensors")).unwrap();
    assert_eq!(names(&list(&mut open).0), ["b"]);
}

#[test]
fn folders_are_kept_in_the_file_that_the_command_line_reads() {
    let home = Home::new();
    let added = home.root.path().join("webui");
    fs::create_dir_all(&added).unwrap();
    fs::copy(fixture("model.safetensors"), added.join("m.safetensors")).unwrap();
    let file = home.places().memory.unwrap();
    let mut open = home.open();
    ask(&mut open, OfModels::AddFolder(added.clone()));
    let (entries, folders) = list(&mut open);
    assert_eq!((names(&entries), folders.len()), (vec!["m".to_owned()], 2));
    assert_eq!(read_memory(&file).unwrap().models_folders, [added.to_str().unwrap()]);
    // What the window remembers meanwhile leaves the list alone.
    let memory = safelight::preferences::Memory { seed_locked: true, ..open.memory.clone() };
    open.ask(Task::Remember(Box::new(memory)));
    ask(&mut open, OfModels::AddFolder(added.join("m.safetensors")));
    let key = news(&mut open, |news| match news {
        ModelsNews::Refused(report) => Some(report.sentence.key),
        _ => None,
    });
    assert_eq!(key, "error-models-no-folder");
    drop(open);
    let memory = read_memory(&file).unwrap();
    assert!(memory.seed_locked && memory.models_folders.len() == 1);
    let mut open = home.open();
    ask(&mut open, OfModels::RemoveFolder(added.clone()));
    assert!(list(&mut open).0.is_empty() && added.join("m.safetensors").exists());
    assert!(read_memory(&file).unwrap().models_folders.is_empty());
}

#[test]
fn a_hash_is_found_and_kept() {
    let home = Home::new();
    let models = home.places().models.unwrap();
    fs::create_dir_all(&models).unwrap();
    let path = models.join("a.safetensors");
    fs::copy(fixture("model.safetensors"), &path).unwrap();
    let mut open = home.open();
    ask(&mut open, OfModels::Watch(true));
    assert_eq!(list(&mut open).0[0].sha256, None);
    let hash = |open: &mut Open, entry: &Path| {
        ask(open, OfModels::Hash { entry: entry.to_owned(), file: entry.to_owned() });
        news(open, |news| match news {
            ModelsNews::Hashed { entry: of, sha256 } if of == entry => Some(sha256.clone()),
            _ => None,
        })
    };
    let digest: String =
        Sha256::digest(fs::read(&path).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hash(&mut open, &path), Some(digest.clone()));
    assert_eq!(hash(&mut open, &models.join("gone.ckpt")), None);
    // The next list has it.
    assert_eq!(list(&mut open).0[0].sha256, Some(digest));
}

#[test]
fn what_is_given_up_leaves_nothing_half_written() {
    let bytes = fs::read(fixture("model.safetensors")).unwrap();
    let server = Server::start(move |asked, _| {
        let answer = Sent::file(&bytes, asked).with("ETag", "\"v1\"");
        // Nothing comes after the first part.
        match asked.range {
            Some((0, Some(0))) => answer,
            None => answer.cut(60_000),
            _ => answer.cut(0),
        }
    });
    let home = Home::new();
    let hub = Hub { endpoint: "http://127.0.0.1:9".to_owned(), ..Hub::default() };
    let mut open = home.open_with(hub);
    let text = format!("{}/m/a.safetensors?download=true", server.address);
    ask(&mut open, OfModels::Fetch { id: 3, text, plan: None });
    let plan = news(&mut open, |news| match news {
        ModelsNews::Begun { id: 3, plan } => Some(plan.clone()),
        _ => None,
    });
    assert_eq!(plan.name, "a");
    // All that the server gives comes, in however many reports.
    news(&mut open, |news| match news {
        ModelsNews::Progress { id: 3, progress } if progress.done == 60_000 => Some(()),
        _ => None,
    });
    ask(&mut open, OfModels::Pause);
    let how = |open: &mut Open| {
        news(open, |news| match news {
            ModelsNews::Ended { id: 3, how } => Some(how.clone()),
            _ => None,
        })
    };
    assert_eq!(how(&mut open), Ended::Paused);
    let models = home.places().models.unwrap();
    let files =
        || -> Vec<PathBuf> { fs::read_dir(&models).unwrap().map(|entry| entry.unwrap().path()).collect() };
    assert!(files().len() == 1 && files()[0].extension().unwrap() == "part", "{:?}", files());
    ask(&mut open, OfModels::GiveUp(plan.under_way()));
    let began = std::time::Instant::now();
    while !files().is_empty() {
        assert!(began.elapsed() < super::PATIENCE, "{:?}", files());
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn a_file_of_taesd_is_told_from_a_model() {
    let home = Home::new();
    let path = home.root.path().join("decoder.safetensors");
    let tensor =
        safetensors::tensor::TensorView::new(safetensors::tensor::Dtype::F16, vec![1], &[0, 0]).unwrap();
    let bytes = safetensors::serialize([("decoder.layers.0.weight", tensor)], None).unwrap();
    fs::write(&path, bytes).unwrap();
    let mut open = home.open();
    open.ask(Task::Examine(path.clone()));
    let found = open.wait(|answer| match answer {
        Answer::Taesd(path) => Some(path.clone()),
        _ => None,
    });
    assert_eq!(found, path);
}

#[test]
fn a_memory_that_cannot_be_read_is_told_once_and_the_rest_listed() {
    let home = Home::new();
    let models = home.places().models.unwrap();
    fs::create_dir_all(&models).unwrap();
    fs::copy(fixture("model.safetensors"), models.join("a.safetensors")).unwrap();
    let mut open = home.open();
    fs::write(home.places().memory.unwrap(), "no JSON").unwrap();
    ask(&mut open, OfModels::Watch(true));
    let key = news(&mut open, |news| match news {
        ModelsNews::Refused(report) => Some(report.sentence.key),
        _ => None,
    });
    assert_eq!((key, names(&list(&mut open).0)), ("error-models-list", vec!["a".to_owned()]));
}
