//! Lists, choices and styles on the command line: written out by the seed, told by the picture, refused in a sentence.

use std::fs;

use serde_json::Value;

use super::{command, done, folder, picture, safelight};

/// Runs the program in `folder`, which is its home as well.
fn at_home(folder: &tempfile::TempDir, arguments: &[&str]) -> (i32, String) {
    let output = command(folder, arguments).env("SAFELIGHT_HOME", folder.path()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

fn told(folder: &tempfile::TempDir, name: &str) -> Value {
    serde_json::from_str(&done(folder, &["inspect", name, "--json"])).unwrap()
}

const USUAL: [&str; 5] = ["--grammar", "a1111", "--steps", "2", "--no-negative"];

#[test]
fn a_prompt_is_written_out_by_its_seed_and_the_picture_tells_both() {
    let folder = folder();
    fs::create_dir_all(folder.path().join("lists/deep")).unwrap();
    fs::write(folder.path().join("lists/animal.txt"), "# those that the starter knows\nfox\nlion\nowl\n")
        .unwrap();
    fs::write(folder.path().join("lists/deep/scene.txt"), "a __animal__ on a {red|blue} background\n")
        .unwrap();
    let make = |prompt: &str, more: &[&str]| {
        done(&folder, &[&["generate", prompt][..], &USUAL, &["--wildcards", "lists"], more].concat())
    };
    let scene = "__deep/scene__ # a note";
    make(scene, &["--seed", "1", "--count", "3", "-o", "."]);
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".png"))
        .collect();
    names.sort();
    assert_eq!(names.len(), 3, "{names:?}");
    let all: Vec<Value> = names.iter().map(|name| told(&folder, name)).collect();
    for told in &all {
        let prompt = told["settings"]["prompt"].as_str().unwrap();
        let written = prompt.strip_suffix(" # a note").unwrap();
        let [animal, color] = ["fox", "lion", "owl"]
            .into_iter()
            .flat_map(|animal| ["red", "blue"].map(|color| [animal, color]))
            .find(|[animal, color]| written == format!("a {animal} on a {color} background"))
            .unwrap_or_else(|| panic!("{prompt}"));
        assert!(!animal.is_empty() && !color.is_empty());
        assert_eq!(told["settings"]["template"], scene);
    }
    // The same seed gives the same picture, by its words and by the picture.
    let first = all.iter().position(|told| told["settings"]["seed"] == 1).unwrap();
    let words = all[first]["settings"]["prompt"].as_str().unwrap();
    make(scene, &["--seed", "1", "-o", "again.png"]);
    make(words, &["--seed", "1", "-o", "words.png"]);
    fs::remove_dir_all(folder.path().join("lists")).unwrap();
    done(&folder, &["generate", "--like", &names[first], "--no-negative", "-o", "like.png"]);
    for name in ["again.png", "words.png", "like.png"] {
        assert!(picture(&folder, name) == picture(&folder, &names[first]), "{name}");
    }
    assert_eq!(told(&folder, "like.png")["settings"]["template"], scene);
    assert!(told(&folder, "words.png")["settings"].get("template").is_none());
    let text = String::from_utf8_lossy(&fs::read(folder.path().join("again.png")).unwrap()).into_owned();
    assert!(text.contains(&format!("parameters\0{words}\n")), "other programs read what was written out");
}

#[test]
fn styles_of_a1111_go_around_the_prompts() {
    let folder = folder();
    let table =
        "\u{feff}name,prompt,negative_prompt\r\nInk,\"{prompt}, ink\",\r\n\"Soft\",light,\"hard, cold\"\r\n";
    fs::write(folder.path().join("styles.csv"), table).unwrap();
    let arguments =
        [&["generate", "a fox", "--styles", "Ink,soft", "--seed", "1", "-o", "a.png"][..], &USUAL].concat();
    let (code, said) = at_home(&folder, &arguments);
    assert_eq!(code, 0, "{said}");
    let told = told(&folder, "a.png");
    assert_eq!(told["settings"]["prompt"], "a fox, ink, light");
    assert_eq!(told["settings"]["negative_prompt"], "hard, cold");
    let arguments = [&["generate", "a fox", "--styles", "Oil"][..], &USUAL].concat();
    let (code, said) = at_home(&folder, &arguments);
    assert_eq!(code, 2);
    assert!(
        said.contains("expected a style called \"Oil\" in ") && said.contains("found Ink, Soft;"),
        "{said}"
    );
}

#[test]
fn what_is_missing_is_told_in_a_sentence_before_anything_is_made() {
    let folder = folder();
    fs::create_dir(folder.path().join("wildcards")).unwrap();
    let fails = |arguments: &[&str]| {
        let (code, said) = at_home(&folder, &[&["generate"], arguments].concat());
        assert_eq!(code, 2, "{said}");
        said
    };
    let prompt = "a {fox|fox|fox|__animal__}";
    let a1111 = ["--grammar", "a1111", "--steps", "1", "--no-negative"];
    let none = fails(&[&[prompt, "--count", "40", "--seed", "0"][..], &a1111].concat());
    assert!(none.contains("found no list at all; put animal.txt there"), "{none}");
    fs::write(folder.path().join("wildcards/animals.txt"), "fox\n").unwrap();
    let missing = fails(&[&["a __animal__"][..], &a1111].concat());
    assert!(
        missing.contains("expected a list called \"animal\"") && missing.contains("found only animals;"),
        "{missing}"
    );
    let folder_missing = fails(&[&["a fox", "--wildcards", "nowhere"][..], &a1111].concat());
    assert!(folder_missing.contains("expected a folder of lists at nowhere, found none"), "{folder_missing}");
    let literal = fails(&["a fox", "--styles", "Ink"]);
    assert!(literal.contains("--styles does nothing where prompts are taken literally"), "{literal}");
    let pictures = fs::read_dir(folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|ending| ending == "png"));
    assert_eq!(pictures.count(), 0);
    // The starter takes prompts literally, unless it is told otherwise.
    let made = safelight(&folder, &["generate", "a __fox__", "--steps", "1", "--no-negative", "-o", "a.png"]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    assert_eq!(told(&folder, "a.png")["settings"]["prompt"], "a __fox__");
}
