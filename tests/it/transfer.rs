//! The transfer of a file from a real server on loopback that breaks, lies, redirects and refuses.

pub mod server;

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use safelight::transfer::{Fetch, Http, Pace, Progress, Remote, Source, TransferError, fetch};
use server::{Answer, Server};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const PACE: Pace = Pace { first: Duration::from_millis(1), tries: 4 };

/// Bytes that do not repeat.
fn content(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i as u32).wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Fetches `address` into a folder, pausing once `pause` bytes are here.
fn get_until(folder: &Path, address: &str, pause: u64) -> Result<(PathBuf, String), TransferError> {
    let source = Source { address: address.to_owned(), known: Remote::default() };
    get_with(folder, &source, &Http::new(address, Some("hf_secret")), &|_| None, pause)
}

fn get_with(
    folder: &Path,
    source: &Source,
    http: &Http,
    free: &dyn Fn(&Path) -> Option<u64>,
    pause: u64,
) -> Result<(PathBuf, String), TransferError> {
    let mut tell = |progress: Progress| match progress.done >= pause {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let mut how = Fetch { http, pace: PACE, free, tell: &mut tell, check: &|_| Ok(()) };
    fetch(source, &folder.join("rote Füchse.safetensors"), &mut how)
}

fn get(folder: &TempDir, server: &Server) -> Result<(PathBuf, String), TransferError> {
    get_until(folder.path(), &format!("{}/m", server.address), u64::MAX)
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_whole_file_arrives_under_its_name_alone() {
    let bytes = content(700_000);
    let (sent, tag) = (bytes.clone(), format!("\"{}\"", sha256(&bytes)));
    let server = Server::start(move |asked, _| Answer::file(&sent, asked).with("ETag", &tag));
    let folder = folder();
    let (path, hash) = get(&folder, &server).unwrap();
    assert_eq!((fs::read(&path).unwrap(), hash), (bytes.clone(), sha256(&bytes)));
    assert_eq!(names(folder.path()), ["rote Füchse.safetensors"]);
    // What has the name already stays.
    let (again, _) = get(&folder, &server).unwrap();
    assert_eq!(again.file_name().unwrap(), "rote Füchse-2.safetensors");
}

#[test]
fn a_connection_that_breaks_costs_nothing() {
    let bytes = content(5_000);
    let sent = bytes.clone();
    let server = Server::start(move |asked, _| Answer::file(&sent, asked).cut(1_000));
    let folder = folder();
    let (path, _) = get(&folder, &server).unwrap();
    assert_eq!(fs::read(path).unwrap(), bytes);
    assert_eq!(server.starts(), [0, 1_000, 2_000, 3_000, 4_000]);
    assert_eq!(names(folder.path()).len(), 1);
}

#[test]
fn a_server_that_sends_nothing_any_more_is_given_up_and_the_rest_kept() {
    let bytes = content(5_000);
    let server = Server::start(move |asked, before| {
        let answer = Answer::file(&bytes, asked);
        if before < 2 { answer.cut(1_000) } else { answer.cut(0) }
    });
    let folder = folder();
    let error = get(&folder, &server).unwrap_err();
    assert!(matches!(error, TransferError::Connection { .. }), "{error}");
    let left = names(folder.path());
    assert!(left.len() == 1 && left[0].ends_with(".part"), "{left:?}");
    assert_eq!(fs::metadata(folder.path().join(&left[0])).unwrap().len(), 1_000);
}

#[test]
fn a_pause_and_a_restart_go_on_where_they_were() {
    let bytes = content(3_000_000);
    let sent = bytes.clone();
    let server = Server::start(move |asked, _| Answer::file(&sent, asked).with("ETag", "\"v1\""));
    let (folder, address) = (folder(), format!("{}/m", server.address));
    assert_eq!(get_until(folder.path(), &address, 1), Err(TransferError::Paused));
    let left = names(folder.path());
    assert!(left.len() == 1 && left[0].ends_with(".part"), "{left:?}");
    let here = fs::metadata(folder.path().join(&left[0])).unwrap().len() as usize;
    assert!(here > 0 && here < bytes.len(), "{here}");
    let (path, _) = get(&folder, &server).unwrap();
    assert_eq!(fs::read(path).unwrap(), bytes);
    assert_eq!(server.starts(), [0, here]);
    assert_eq!(server.asked().last().unwrap().if_range.as_deref(), Some("\"v1\""));
    assert_eq!(names(folder.path()).len(), 1);
}

#[test]
fn what_may_be_of_another_state_or_server_is_not_gone_on_with() {
    let serve = |first: u8, tag: &'static str| {
        let mut bytes = content(1_000_000);
        bytes[0] = first;
        Server::start(move |asked, _| Answer::file(&bytes, asked).with("ETag", tag))
    };
    // A weak tag proves nothing, and another server's strong one neither.
    for (tag, other) in [("W/\"v1\"", false), ("\"v1\"", true)] {
        let (folder, server) = (folder(), serve(1, tag));
        let paused = get_until(folder.path(), &format!("{}/m", server.address), 1);
        assert_eq!(paused, Err(TransferError::Paused));
        let second = if other { serve(2, tag) } else { server };
        let (path, _) = get(&folder, &second).unwrap();
        assert_eq!(fs::read(path).unwrap()[0], if other { 2 } else { 1 });
        assert!(second.starts().iter().all(|start| *start == 0), "{tag}");
    }
}

#[test]
fn a_server_that_always_begins_anew_and_breaks_off_is_given_up() {
    let sent = content(4_000);
    let server = Server::start(move |_, _| Answer { body: sent.clone(), ..Answer::of(200) }.cut(1_000));
    let error = get(&folder(), &server).unwrap_err();
    assert!(matches!(error, TransferError::Connection { .. }), "{error}");
    assert_eq!(server.asked().len(), 1 + PACE.tries as usize);
    // One that sends a beginning and never what follows.
    let sent = content(4_000);
    let server = Server::start(move |asked, _| match asked.range {
        Some((1.., _)) => Answer::of(416),
        _ => Answer::file(&sent, asked).cut(1_000),
    });
    let error = get(&folder(), &server).unwrap_err();
    assert!(matches!(error, TransferError::OtherFile { .. }), "{error}");
    assert_eq!(server.starts(), [0, 1_000, 0, 1_000]);
}

#[test]
fn a_whole_file_that_cannot_be_looked_at_stays_for_the_next_run() {
    let server = Server::start(|asked, _| Answer::file(&content(4_000), asked).with("ETag", "\"a\""));
    let (folder, http) = (folder(), Http::new(&server.address, None));
    let source = Source { address: server.address.clone(), known: Remote::default() };
    let run = |check: &dyn Fn(&Path) -> Result<(), TransferError>| {
        let mut tell = |_: Progress| ControlFlow::Continue(());
        let mut how = Fetch { http: &http, pace: PACE, free: &|_| None, tell: &mut tell, check };
        fetch(&source, &folder.path().join("m.ckpt"), &mut how)
    };
    let unread = |part: &Path| {
        // Another handle reads it.
        assert_eq!(fs::read(part).unwrap(), content(4_000));
        Err(TransferError::Unread { part: part.to_owned(), cause: "too many open files".to_owned() })
    };
    let error = run(&unread).unwrap_err();
    assert!(matches!(error, TransferError::Unread { .. }), "{error}");
    let (path, _) = run(&|_| Ok(())).unwrap();
    assert_eq!(fs::read(path).unwrap(), content(4_000));
    assert_eq!(server.starts(), [0], "what was here is fetched again");
}

#[test]
fn another_version_never_goes_on_in_the_part_of_an_older_one() {
    let version = std::sync::Arc::new(AtomicUsize::new(1));
    let at = version.clone();
    let server = Server::start(move |asked, _| {
        let now = at.load(Ordering::Relaxed);
        let bytes = content(1_000_000 + now);
        Answer::file(&bytes, asked).with("ETag", &format!("\"v{now}\""))
    });
    let (folder, address) = (folder(), format!("{}/m", server.address));
    assert_eq!(get_until(folder.path(), &address, 1), Err(TransferError::Paused));
    version.store(2, Ordering::Relaxed);
    let (path, _) = get(&folder, &server).unwrap();
    assert_eq!(fs::read(path).unwrap(), content(1_000_002));
}

#[test]
fn a_server_without_ranges_begins_anew() {
    let bytes = content(400_000);
    let sent = bytes.clone();
    let server = Server::start(move |_, before| {
        let answer = Answer { body: sent.clone(), ..Answer::of(200) };
        if before == 1 { answer.cut(100_000) } else { answer }
    });
    let folder = folder();
    let (path, _) = get(&folder, &server).unwrap();
    assert_eq!(fs::read(path).unwrap(), bytes);
}

#[test]
fn lies_about_the_length_leave_nothing() {
    let bytes = content(4_000);
    for lie in 0..3 {
        let sent = bytes.clone();
        let server = Server::start(move |asked, before| {
            let answer = Answer::file(&sent, asked);
            match (lie, before) {
                // The hub's word against the server's.
                (0, _) => answer.with("X-Linked-Size", "3000"),
                // Another length in the second answer.
                (1, 1..) => Answer { body: content(9_000), ..Answer::of(200) },
                // A piece of somewhere else.
                (2, 1..) => {
                    Answer { body: content(9), ..Answer::of(206) }.with("Content-Range", "bytes 7-15/4000")
                }
                _ => answer,
            }
        });
        let folder = folder();
        let error = get(&folder, &server).unwrap_err();
        assert!(matches!(error, TransferError::OtherFile { .. }), "{lie}: {error}");
        assert_eq!(names(folder.path()), Vec::<String>::new(), "{lie}");
    }
}

#[test]
fn a_length_that_promises_more_is_asked_for_until_it_is_given_up() {
    let bytes = content(4_000);
    let server =
        Server::start(move |_, _| Answer { announced: Some(5_000), body: bytes.clone(), ..Answer::of(200) });
    let folder = folder();
    let error = get(&folder, &server).unwrap_err();
    assert!(matches!(error, TransferError::Connection { .. }), "{error}");
    assert!(names(folder.path()).iter().all(|name| name.ends_with(".part")));
}

#[test]
fn content_of_another_hash_is_not_kept() {
    let tag = format!("\"{}\"", sha256(b"something else"));
    let server =
        Server::start(move |asked, _| Answer::file(&content(4_000), asked).with("X-Linked-ETag", &tag));
    let folder = folder();
    let error = get(&folder, &server).unwrap_err();
    assert!(matches!(error, TransferError::Hash { .. }), "{error}");
    assert_eq!(names(folder.path()), Vec::<String>::new());
    // A hash that is known beforehand is held against the server's word.
    let server = Server::start(|asked, _| Answer::file(&content(10), asked));
    let known = Remote { sha256: Some("0".repeat(64)), ..Remote::default() };
    let source = Source { address: server.address.clone(), known };
    let http = Http::new(&server.address, None);
    let error = get_with(folder.path(), &source, &http, &|_| None, u64::MAX).unwrap_err();
    assert!(matches!(error, TransferError::Hash { .. }), "{error}");
}

#[test]
fn the_token_goes_to_the_hub_and_not_where_it_redirects() {
    let bytes = content(2_000);
    let (sent, hash) = (bytes.clone(), sha256(&bytes));
    let cdn = Server::start(move |asked, _| Answer::file(&sent, asked).with("ETag", "\"cdn\""));
    let to = format!("{}/blob?signed=1", cdn.address);
    let server = Server::start(move |asked, _| match asked.path.as_str() {
        "/m" => Answer::of(307).with("Location", "/moved"),
        _ => Answer::of(302).with("Location", &to).with("X-Linked-ETag", &hash).with("X-Linked-Size", "2000"),
    });
    let folder = folder();
    let (path, _) = get(&folder, &server).unwrap();
    assert_eq!(fs::read(path).unwrap(), bytes);
    let token = Some("Bearer hf_secret".to_owned());
    assert!(server.asked().iter().all(|asked| asked.authorization == token));
    assert!(cdn.asked().iter().all(|asked| asked.authorization.is_none() && asked.path == "/blob?signed=1"));
    let circle = Server::start(|_, _| Answer::of(302).with("Location", "/m"));
    let error = get(&folder, &circle).unwrap_err();
    assert!(matches!(error, TransferError::Redirect { .. }), "{error}");
}

#[test]
fn refusals_are_told_at_once_and_leave_nothing() {
    for (status, word) in [(401, "HF_TOKEN"), (403, "conditions"), (404, "404"), (418, "418")] {
        let server = Server::start(move |_, _| Answer::of(status));
        let folder = folder();
        let said = get(&folder, &server).unwrap_err().to_string();
        assert!(said.contains(word), "{said}");
        assert_eq!(server.asked().len(), 1, "{status}");
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }
}

#[test]
fn what_may_pass_is_asked_again_and_then_given_up() {
    let bytes = content(2_000);
    for status in [429, 500, 503] {
        let sent = bytes.clone();
        let server = Server::start(move |asked, before| match before {
            0 | 2 => Answer::of(status).with("Retry-After", "0"),
            _ => Answer::file(&sent, asked),
        });
        let folder = folder();
        let (path, _) = get(&folder, &server).unwrap();
        assert_eq!(fs::read(path).unwrap(), bytes);
        let server = Server::start(move |_, _| Answer::of(status).with("Retry-After", "0"));
        let error = get(&folder, &server).unwrap_err();
        let expected = match status {
            429 => matches!(error, TransferError::Busy { .. }),
            _ => matches!(error, TransferError::Status { .. }),
        };
        assert!(expected && server.asked().len() == PACE.tries as usize, "{error}");
    }
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/m", listener.local_addr().unwrap())
    };
    let error = get_until(folder().path(), &gone, u64::MAX).unwrap_err();
    assert!(matches!(error, TransferError::Connection { .. }), "{error}");
}

#[test]
fn a_disk_without_room_is_told_before_a_byte_is_fetched() {
    let server = Server::start(|asked, _| Answer::file(&content(4_000), asked));
    let (folder, http) = (folder(), Http::new(&server.address, None));
    let source = Source { address: server.address.clone(), known: Remote::default() };
    let error = get_with(folder.path(), &source, &http, &|_| Some(1_000), u64::MAX).unwrap_err();
    assert!(matches!(error, TransferError::NoRoom { .. }), "{error}");
    assert_eq!(names(folder.path()), Vec::<String>::new());
    assert_eq!(server.starts(), Vec::<usize>::new());
}

#[test]
fn a_folder_that_cannot_be_one_and_a_part_in_use_are_told() {
    let server = Server::start(|asked, _| Answer::file(&content(1_000_000), asked).with("ETag", "\"a\""));
    let (folder, address) = (folder(), format!("{}/m", server.address));
    fs::write(folder.path().join("file"), b"in the way").unwrap();
    let error = get_until(&folder.path().join("file"), &address, u64::MAX).unwrap_err();
    assert!(matches!(error, TransferError::NotWritable { .. }), "{error}");
    fs::remove_file(folder.path().join("file")).unwrap();
    assert_eq!(get_until(folder.path(), &address, 1), Err(TransferError::Paused));
    let part = folder.path().join(&names(folder.path())[0]);
    let held = fs::File::open(&part).unwrap();
    held.lock().unwrap();
    let error = get_until(folder.path(), &address, u64::MAX).unwrap_err();
    assert!(matches!(error, TransferError::Twice { .. }), "{error}");
    drop(held);
    get_until(folder.path(), &address, u64::MAX).unwrap();
}

/// A disk of 2 MB, where the system lets us have one.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_becomes_full_keeps_nothing_of_the_file_and_all_others() {
    let folder = folder();
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let mount = |arguments: &[&str]| {
        let run = std::process::Command::new(arguments[0]).args(&arguments[1..]).arg(&disk).output();
        run.is_ok_and(|run| run.status.success())
    };
    if !mount(&["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs"]) {
        eprintln!("no disk of its own can be mounted here, so a full one is not tried");
        return;
    }
    fs::write(disk.join("mine.ckpt"), b"mine").unwrap();
    let server = Server::start(|asked, _| Answer::file(&content(4_000_000), asked));
    let outcome = get_until(&disk, &format!("{}/m", server.address), u64::MAX);
    let (left, mine) = (names(&disk), fs::read(disk.join("mine.ckpt")).unwrap());
    assert!(mount(&["umount"]));
    assert_eq!(outcome, Err(TransferError::DiskFull { folder: disk.clone() }));
    assert_eq!((left, mine), (vec!["mine.ckpt".to_owned()], b"mine".to_vec()));
}
