//! `Session`: a folder of this process's own, for what is needed while it runs and, if it ends without
//! order, for what the next start must not lose.
//!
//! Each session holds a lock on a file in its folder, which goes with the process however it ends: a
//! folder whose lock can be had is a dead one's. What lies in it then (pictures that could not be saved,
//! the settings of what was being made) is taken over, and the rest removed.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::files::write_atomically;
use crate::settings::Settings;

/// The file that is locked: in a session's folder for as long as it lasts, above them all for a moment.
const LOCK: &str = "lock";
/// The settings of what is being made and of what waits.
const UNDER_WAY: &str = "under-way.json";
/// A longer file was written by another program.
const UNDER_WAY_BYTES_MAX: u64 = 64 << 20;

/// A folder of this process's own; it goes at the end, but for what must not be lost.
#[derive(Debug)]
pub struct Session {
    folder: PathBuf,
    /// Held, never read.
    _lock: File,
}

/// What sessions that ended without order have left.
#[derive(Debug, Default, PartialEq)]
pub struct Left {
    /// Pictures that could not be saved, in this session's [`Session::pictures`] now.
    pub pictures: Vec<PathBuf>,
    /// What was being made and what waited, in order.
    pub under_way: Vec<Settings>,
}

impl Session {
    /// Opens a session below `root` (made if missing) and takes over what dead ones have left.
    ///
    /// # Errors
    /// If the folder cannot be written, or its file system knows no locks.
    pub fn open(root: &Path) -> io::Result<(Self, Left)> {
        fs::create_dir_all(root)?;
        // One start at a time: a folder without a lock yet must not look dead to another start.
        let gate = File::create(root.join(LOCK))?;
        gate.lock()?;
        let session = Self::create(root)?;
        let mut left = Left::default();
        for entry in fs::read_dir(root)?.filter_map(Result::ok) {
            let folder = entry.path();
            if folder != session.folder && folder.is_dir() && is_dead(&folder) {
                session.take_over(&folder, &mut left);
            }
        }
        Ok((session, left))
    }

    fn create(root: &Path) -> io::Result<Self> {
        let id = std::process::id();
        let mut number = 1;
        let folder = loop {
            let folder = root.join(format!("{id}-{number}"));
            match fs::create_dir(&folder) {
                Ok(()) => break folder,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 1000 => number += 1,
                Err(error) => return Err(error),
            }
        };
        let lock = File::create(folder.join(LOCK))?;
        lock.try_lock()?;
        let session = Self { folder, _lock: lock };
        fs::create_dir(session.steps())?;
        Ok(session)
    }

    /// Where the steps of this session's pictures go.
    pub fn steps(&self) -> PathBuf {
        self.folder.join("steps")
    }

    /// The folder for pictures that cannot be saved in their place; it need not exist.
    pub fn pictures(&self) -> PathBuf {
        self.folder.join("pictures")
    }

    /// Notes what is being made and what waits, for the next start if this one does not get to the end.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn note(&self, under_way: &[Settings]) -> io::Result<()> {
        let path = self.folder.join(UNDER_WAY);
        if under_way.is_empty() {
            return match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        let text = serde_json::to_vec(under_way).map_err(io::Error::other)?;
        write_atomically(&path, &text, true).map(drop)
    }

    /// Takes over what a dead session has left, then removes it.
    fn take_over(&self, dead: &Path, left: &mut Left) {
        left.under_way.extend(read_under_way(&dead.join(UNDER_WAY)).unwrap_or_default());
        let mut whole = true;
        for entry in fs::read_dir(dead.join("pictures")).into_iter().flatten().filter_map(Result::ok) {
            match self.adopt(&entry.path()) {
                Ok(path) => left.pictures.push(path),
                Err(error) => {
                    log::warn!("{} stays where it is: {error}", entry.path().display());
                    whole = false;
                }
            }
        }
        if whole && let Err(error) = fs::remove_dir_all(dead) {
            log::info!("{} was not removed: {error}", dead.display());
        }
    }

    fn adopt(&self, picture: &Path) -> io::Result<PathBuf> {
        fs::create_dir_all(self.pictures())?;
        let bytes = fs::read(picture)?;
        let adopted = self.pictures().join(picture.file_name().unwrap_or_default());
        let adopted = write_atomically(&adopted, &bytes, false)?;
        fs::remove_file(picture)?;
        Ok(adopted)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A folder with what must not be lost stays, and the next start finds it.
        let kept = self.folder.join(UNDER_WAY).exists() || !is_empty(&self.pictures());
        let gone = match kept {
            true => fs::remove_dir_all(self.steps()),
            false => fs::remove_dir_all(&self.folder),
        };
        if let Err(error) = gone {
            log::info!("{} was not removed: {error}", self.folder.display());
        }
    }
}

fn is_dead(folder: &Path) -> bool {
    // Without locks no session is known to be dead, so nothing is touched.
    File::create(folder.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok())
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none())
}

fn read_under_way(path: &Path) -> Option<Vec<Settings>> {
    let mut text = Vec::new();
    File::open(path).ok()?.take(UNDER_WAY_BYTES_MAX).read_to_end(&mut text).ok()?;
    let read = serde_json::from_slice(&text);
    read.inspect_err(|error| log::warn!("{} cannot be read: {error}", path.display())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(prompt: &str) -> Settings {
        let text = format!(
            r#"{{"prompt": "{prompt}", "negative_prompt": "", "steps": 9, "guidance": 3.0, "eta": 0.0, "seed": 1,
            "width": 64, "height": 64, "sampler": "ddim", "timesteps": "uniform", "rng": "cpu", "temperature": 1.0}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn folders(root: &Path) -> usize {
        fs::read_dir(root).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir()).count()
    }

    #[test]
    fn sessions_do_not_collide_and_leave_nothing_behind_when_they_end_in_order() {
        let root = tempfile::tempdir().unwrap();
        let (a, left) = Session::open(root.path()).unwrap();
        a.note(&[settings("a fox")]).unwrap();
        let (b, again) = Session::open(root.path()).unwrap();
        assert_eq!((&left, &again), (&Left::default(), &Left::default()), "a lives");
        assert_ne!(a.steps(), b.steps());
        fs::write(a.steps().join("1.pred_x0"), "numbers").unwrap();
        a.note(&[]).unwrap();
        drop((a, b));
        assert_eq!(folders(root.path()), 0);
    }

    #[test]
    fn what_a_dead_session_has_left_is_taken_over_once() {
        let root = tempfile::tempdir().unwrap();
        let (dead, _) = Session::open(root.path()).unwrap();
        dead.note(&[settings("a fox"), settings("an owl")]).unwrap();
        fs::create_dir(dead.pictures()).unwrap();
        fs::write(dead.pictures().join("fox.png"), "pixels").unwrap();
        fs::write(dead.steps().join("1.pred_x0"), "numbers").unwrap();
        // As at a kill: the lock goes, the files stay.
        let Session { _lock, .. } = &*std::mem::ManuallyDrop::new(dead);
        _lock.unlock().unwrap();
        let (session, left) = Session::open(root.path()).unwrap();
        assert_eq!(left.under_way, [settings("a fox"), settings("an owl")]);
        assert_eq!(left.pictures, [session.pictures().join("fox.png")]);
        assert_eq!(fs::read(&left.pictures[0]).unwrap(), b"pixels");
        assert_eq!(folders(root.path()), 1);
        // Not saved again, it is there for the next start.
        drop(session);
        let (session, left) = Session::open(root.path()).unwrap();
        assert_eq!((left.pictures.len(), left.under_way.len()), (1, 0));
        fs::remove_file(&left.pictures[0]).unwrap();
        drop(session);
        assert_eq!(folders(root.path()), 0);
    }

    #[test]
    fn a_damaged_note_is_passed_over() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("7-1")).unwrap();
        fs::write(root.path().join("7-1").join(UNDER_WAY), "[{\"prompt\": 3").unwrap();
        let (_session, left) = Session::open(root.path()).unwrap();
        assert_eq!(left, Left::default());
        assert_eq!(folders(root.path()), 1);
    }
}
