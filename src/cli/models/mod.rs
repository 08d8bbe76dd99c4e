//! `safelight models`: the library on the command line.

mod get;
mod list;
mod remove;

use std::io::Write as _;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use serde_json::json;

use super::Failure;
use super::develop::say_json;
use super::library::user_library;
use crate::library::{FolderOrigin, ListError, Sort, absolute};

/// The arguments of `safelight models`.
#[derive(Debug, Args)]
pub struct Models {
    /// What to do.
    #[command(subcommand)]
    command: Action,
}

/// What can be done with the library. A NAME is a model's name, file name, place, repository, hash or path.
#[derive(Debug, Subcommand)]
enum Action {
    /// List what lies in the folders of models.
    List(List),
    /// Add a folder of models: of A1111, Forge, ComfyUI, of the Hugging Face cache, or any other.
    Add(Add),
    /// Get a model from the Hugging Face hub or any address, its license told first; list what is offered.
    Get(Get),
    /// Leave a folder or a file out of the library, or delete a file.
    Remove(Remove),
    /// List the folders.
    Folders(Json),
}

#[derive(Debug, Args)]
struct Json {
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct List {
    /// Only this sort.
    #[arg(long, value_name = "SORT", value_parser = sort_parser())]
    kind: Option<Sort>,
    /// Also list what cannot be used: models of other families, other parts, damaged files.
    #[arg(long)]
    all: bool,
    /// Find out hashes that are not known yet, which reads the files; with --json that is the default.
    #[arg(long, overrides_with = "no_hash")]
    hash: bool,
    /// Print only hashes that are known.
    #[arg(long)]
    no_hash: bool,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
struct Add {
    /// The folder, or a file that was left out.
    #[arg(value_name = "FOLDER")]
    path: PathBuf,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
struct Get {
    /// What is offered by name, a repository (OWNER/NAME, with @REVISION and a file behind it), or an address
    /// [default: list what is offered].
    what: Option<String>,
    /// The file of the repository.
    #[arg(long, requires = "what")]
    file: Option<String>,
    /// A branch, tag or commit of the repository.
    #[arg(long, requires = "what")]
    revision: Option<String>,
    /// Tell what would be fetched, and fetch nothing.
    #[arg(long, requires = "what")]
    dry_run: bool,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
struct Remove {
    /// A folder that was added, or a file's name or path.
    name: PathBuf,
    /// Move the file to the system's trash.
    #[arg(long)]
    delete: bool,
    #[command(flatten)]
    json: Json,
}

fn sort_parser() -> impl TypedValueParser<Value = Sort> {
    let names = PossibleValuesParser::new(Sort::ALL.map(Sort::name));
    names.try_map(|name| Sort::of_name(&name).ok_or("unknown"))
}

impl Models {
    /// Whether the answer is JSON.
    pub fn is_json(&self) -> bool {
        match &self.command {
            Action::List(list) => list.json.json,
            Action::Add(add) => add.json.json,
            Action::Get(get) => get.json.json,
            Action::Remove(remove) => remove.json.json,
            Action::Folders(json) => json.json,
        }
    }
}

/// Runs `safelight models`.
///
/// # Errors
/// With the sentence and the exit code.
pub fn run(arguments: &Models) -> Result<(), Failure> {
    match &arguments.command {
        Action::List(asked) => list::run(asked),
        Action::Add(add) => self::add(add),
        Action::Get(asked) => get::run(asked),
        Action::Remove(asked) => remove::run(asked),
        Action::Folders(json) => folders(json),
    }
}

fn failure(error: ListError) -> Failure {
    Failure::Input(error.to_string())
}

fn add(add: &Add) -> Result<(), Failure> {
    let library = user_library()?;
    let path = absolute(&add.path);
    if !library.show_again(&path).map_err(failure)? {
        library.add_folder(&path).map_err(failure)?;
    }
    let within = user_library()?.entries();
    let found = within.iter().filter(|entry| entry.path.starts_with(&path) && entry.sort() != Sort::Other);
    let (text, found) = (path.display().to_string(), found.count());
    if add.json.json {
        say_json(&json!({ "added": text, "found": found }));
    } else {
        say(&format!("{text}: {found} found"));
    }
    Ok(())
}

fn folders(json: &Json) -> Result<(), Failure> {
    for folder in &user_library()?.folders {
        let origin = match folder.origin {
            FolderOrigin::Own => "own",
            FolderOrigin::Added => "added",
            FolderOrigin::HubCache => "hub_cache",
        };
        let is_there = folder.path.is_dir();
        if json.json {
            let path = folder.path.display().to_string();
            say_json(&json!({ "path": path, "origin": origin, "exists": is_there }));
        } else {
            let missing = if is_there { "" } else { "  (not there)" };
            say(&format!("{}{missing}", folder.path.display()));
        }
    }
    Ok(())
}

fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").ok();
}
