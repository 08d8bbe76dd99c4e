//! `Plan`: what would be fetched, from where, to where, and under which license.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::catalog::offers;
use super::hub_cache::Repository;
use super::license::License;
use super::listing::{Chosen, Listing, RemoteFile, choose};
use super::origins;
use super::wanted::Wanted;
use crate::checkpoint::{ENDINGS, has_model_ending};
use crate::hashes;
use crate::library::entry::name_of;
use crate::library::hub::Hub;
use crate::told::{Told, quoted};
use crate::transfer::{Http, Pace, Remote, Source, TransferError, probe, shown};

/// The most names that an error lists.
const MOST_NAMES: usize = 12;

/// Why a model was not got.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GetError {
    /// The transfer.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// A repository with more than one model.
    #[error("expected one model in {repository}, found several; name one of them with --file ({})", some(.names))]
    Several {
        /// The repository.
        repository: String,
        /// The files.
        names: Vec<String>,
    },
    /// A repository without a model, or without the file that was named.
    #[error("expected {wanted} in {repository}, found none; look at the files on its page")]
    Nothing {
        /// The repository.
        repository: String,
        /// What was looked for.
        wanted: String,
    },
    /// An address that gives no name of a model file.
    #[error("expected the address of a model file ({}), found one of {name}; give the file's own address", ENDINGS.join(", "))]
    NoModelFile {
        /// What it is of.
        name: String,
    },
    /// There is no place for models.
    #[error("expected a folder for models, found none; set SAFELIGHT_HOME to a folder")]
    NoFolder,
    /// The server answers with something else.
    #[error("expected the list of a repository's files, found another answer from {host}; check HF_ENDPOINT")]
    NoListing {
        /// The server.
        host: String,
    },
    /// The disk refuses.
    #[error("expected a folder that can be written, found that it cannot ({cause}); see to {}", .path.display())]
    NotWritable {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        cause: String,
    },
}

fn some(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(MOST_NAMES).map(String::as_str).collect();
    let more = names.len().saturating_sub(MOST_NAMES);
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}

impl Told for GetError {
    fn key(&self) -> &'static str {
        match self {
            Self::Transfer(error) => error.key(),
            Self::Several { .. } => "error-get-several",
            Self::Nothing { .. } => "error-get-nothing",
            Self::NoModelFile { .. } => "error-get-no-model-file",
            Self::NoFolder => "error-get-no-folder",
            Self::NoListing { .. } => "error-get-no-listing",
            Self::NotWritable { .. } => "error-get-not-writable",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Transfer(error) => error.values(),
            Self::Several { repository, names } => {
                vec![("repository", repository.clone()), ("names", some(names))]
            }
            Self::Nothing { repository, .. } => vec![("repository", repository.clone())],
            Self::NoModelFile { name } => vec![("name", name.clone())],
            Self::NoListing { host } => vec![("host", host.clone())],
            Self::NoFolder | Self::NotWritable { .. } => Vec::new(),
        }
    }
}

/// Who gets, and whereto.
pub struct Getting<'a> {
    /// The client.
    pub http: &'a Http,
    /// The hub.
    pub hub: &'a Hub,
    /// The folder for models.
    pub models: Option<&'a Path>,
    /// How patient it is.
    pub pace: Pace,
    /// The folder of kept hashes.
    pub hashes: Option<&'a Path>,
}

/// Where a model goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// One file.
    File(PathBuf),
    /// A diffusers folder.
    Folder(PathBuf),
    /// The hub's cache, as one file of a repository or as a folder.
    HubCache {
        /// The repository in the cache.
        repository: Repository,
        /// Whether the whole is a diffusers folder.
        is_folder: bool,
    },
}

/// One file to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Its path within the model.
    pub path: String,
    /// Where it comes from.
    pub source: Source,
}

/// What would be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The model's name.
    pub name: String,
    /// The repository or address.
    pub origin: String,
    /// What its license asks.
    pub license: License,
    /// The files; of a folder its index last.
    pub files: Vec<Planned>,
    /// Where it goes.
    pub place: Place,
    /// Where it is already.
    pub here: Option<PathBuf>,
}

impl Plan {
    /// Bytes of all its files, as far as they are known.
    pub fn bytes(&self) -> Option<u64> {
        let known: Option<Vec<u64>> = self.files.iter().map(|file| file.source.known.bytes).collect();
        known.map(|bytes| bytes.iter().sum())
    }
}

/// Whether to go on; asked before each request and while it waits.
pub type GoOn<'a> = &'a mut dyn FnMut() -> ControlFlow<()>;

/// Finds out what would be fetched.
///
/// # Errors
/// If there is no such thing, or no one model, or the connection fails, or `go_on` breaks.
pub fn plan(wanted: &Wanted, getting: &Getting<'_>, go_on: GoOn<'_>) -> Result<Plan, GetError> {
    match wanted {
        Wanted::Address(address) => of_address(address, getting, go_on),
        Wanted::Hub { repository, revision, file } => {
            let cached =
                getting.hub.cache.as_deref().map(|cache| Repository::new(cache, repository, revision));
            if let Some(here) = cached.as_ref().and_then(|cached| cached.find(file.as_deref())) {
                return Ok(here_already(repository, cached, here));
            }
            of_hub(repository, revision, file.as_deref(), getting, go_on)
        }
    }
}

/// The plan for what lies in the hub's cache: there is nothing to do.
fn here_already(repository: &str, cached: Option<Repository>, here: PathBuf) -> Plan {
    let license = License::of(crate::library::look::license_beside(&here).as_deref());
    // Where no card lies beside it, the list of what is offered may know.
    let license = match offers().iter().find(|offer| offer.repository == repository) {
        Some(offer) if license == License::Unnamed => offer.license(),
        _ => license,
    };
    let is_folder = here.is_dir();
    let place = match cached {
        Some(repository) => Place::HubCache { repository, is_folder },
        None => Place::File(here.clone()),
    };
    Plan {
        name: name_of(&here, Some(repository)),
        origin: repository.to_owned(),
        license,
        files: Vec::new(),
        place,
        here: Some(here),
    }
}

fn of_address(address: &str, getting: &Getting<'_>, go_on: GoOn<'_>) -> Result<Plan, GetError> {
    let remote = probe(getting.http, address, getting.pace, go_on)?;
    let file = remote.name.clone().unwrap_or_default();
    if !has_model_ending(Path::new(&file)) {
        return Err(GetError::NoModelFile { name: quoted(&file) });
    }
    let target = getting.models.ok_or(GetError::NoFolder)?.join(&file);
    let known = Remote { tag: None, ..remote };
    let planned = Planned { path: file, source: Source { address: address.to_owned(), known } };
    let here = same_file(&target, &planned.source, getting, go_on)?;
    Ok(Plan {
        name: name_of(&target, None),
        origin: shown(address),
        license: License::Unnamed,
        files: vec![planned],
        place: Place::File(target),
        here,
    })
}

fn of_hub(
    repository: &str,
    revision: &str,
    file: Option<&str>,
    getting: &Getting<'_>,
    go_on: GoOn<'_>,
) -> Result<Plan, GetError> {
    let hub = getting.hub;
    let revision_in_address = encoded(revision).replace('/', "%2F");
    let listing =
        format!("{}/api/models/{repository}/revision/{revision_in_address}?blobs=true", hub.endpoint);
    let listing = getting.http.text(&listing, getting.pace, go_on)?;
    let listing = Listing::read(&listing).ok_or_else(|| GetError::NoListing {
        host: hub.endpoint.split("://").last().unwrap_or_default().to_owned(),
    })?;
    let commit =
        listing.commit.clone().filter(|commit| commit.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let at = commit.as_deref().unwrap_or(&revision_in_address);
    let (files, is_folder) = match choose(&listing, file) {
        Chosen::File(file) => (vec![file], false),
        Chosen::Folder(files) => (files, true),
        Chosen::Several(names) => {
            return Err(GetError::Several { repository: repository.to_owned(), names });
        }
        Chosen::Nothing => {
            let wanted = file.map_or_else(|| "a model".to_owned(), quoted);
            return Err(GetError::Nothing { repository: repository.to_owned(), wanted });
        }
    };
    let planned = |file: RemoteFile| {
        let address = format!("{}/{repository}/resolve/{at}/{}", hub.endpoint, encoded(&file.path));
        let (bytes, sha256) = (file.bytes, file.sha256);
        let known = Remote { bytes, sha256, commit: commit.clone(), ..Remote::default() };
        Planned { path: file.path, source: Source { address, known } }
    };
    let mut files: Vec<Planned> = files.into_iter().map(planned).collect();
    // A folder is a model by its index: it comes last.
    files.sort_by_key(|file| file.path == "model_index.json");
    let cached = hub.cache.as_deref().filter(|_| hub.chosen);
    let (place, here) = match (cached, commit.as_deref()) {
        (Some(cache), Some(commit)) => {
            let repository = Repository::new(cache, repository, revision).at(commit);
            let here =
                repository.find(if is_folder { None } else { files.first().map(|file| file.path.as_str()) });
            (Place::HubCache { repository, is_folder }, here)
        }
        _ => own_place(repository, &files, is_folder, getting, go_on)?,
    };
    let name = match (&place, files.as_slice()) {
        (Place::File(path) | Place::Folder(path), _) => name_of(path, None),
        (_, [one]) => name_of(Path::new(&one.path), Some(repository)),
        _ => repository.rsplit('/').next().unwrap_or(repository).to_owned(),
    };
    Ok(Plan {
        name,
        origin: repository.to_owned(),
        license: License::of(listing.license.as_deref()),
        files,
        place,
        here,
    })
}

/// The place in the program's own folder, and whether the model is there already.
fn own_place(
    repository: &str,
    files: &[Planned],
    is_folder: bool,
    getting: &Getting<'_>,
    go_on: GoOn<'_>,
) -> Result<(Place, Option<PathBuf>), GetError> {
    let models = getting.models.ok_or(GetError::NoFolder)?;
    let short = repository.rsplit('/').next().unwrap_or(repository);
    match files.first().filter(|_| !is_folder) {
        Some(file) => {
            let path = Path::new(&file.path);
            let ending =
                path.extension().map(|ending| ending.to_string_lossy().into_owned()).unwrap_or_default();
            if !has_model_ending(path) {
                return Err(GetError::NoModelFile { name: quoted(&file.path) });
            }
            let target = models.join(format!("{}.{ending}", name_of(path, Some(repository))));
            let here = same_file(&target, &file.source, getting, go_on)?;
            Ok((Place::File(target), here))
        }
        None => {
            let target = models.join(short);
            let here = same_folder(&target, files, getting, go_on)?;
            Ok((Place::Folder(target), here))
        }
    }
}

/// The file at `target`, if it has the content that is asked for; a name and a length alone prove nothing.
fn same_file(
    target: &Path,
    source: &Source,
    getting: &Getting<'_>,
    go_on: GoOn<'_>,
) -> Result<Option<PathBuf>, GetError> {
    let there = std::fs::metadata(target).ok().map(|metadata| metadata.len());
    if there.is_none() || there != source.known.bytes {
        return Ok(None);
    }
    let got_before = || origins::find(getting.hashes?, source);
    let Some(expected) = source.known.sha256.clone().or_else(got_before) else { return Ok(None) };
    match hashes::sha256(target, getting.hashes, &mut || go_on().is_continue()) {
        Ok(Some(found)) => Ok((found == expected).then(|| target.to_owned())),
        Ok(None) => Err(TransferError::Paused.into()),
        Err(_) => Ok(None),
    }
}

/// The folder at `target`, if its files have the content that is asked for. Small ones, whose hash the hub
/// does not tell, have the right length.
fn same_folder(
    target: &Path,
    files: &[Planned],
    getting: &Getting<'_>,
    go_on: GoOn<'_>,
) -> Result<Option<PathBuf>, GetError> {
    let length = |file: &Planned| std::fs::metadata(target.join(&file.path)).ok().map(|it| it.len());
    let fits = |file: &Planned| length(file).is_some_and(|there| file.source.known.bytes == Some(there));
    let mut large = files.iter().filter(|file| file.source.known.sha256.is_some()).peekable();
    if large.peek().is_none() || !files.iter().all(fits) {
        return Ok(None);
    }
    for file in large {
        if same_file(&target.join(&file.path), &file.source, getting, go_on)?.is_none() {
            return Ok(None);
        }
    }
    Ok(Some(target.to_owned()))
}

/// A path as an address has it.
fn encoded(path: &str) -> String {
    let mut text = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
