//! Input that cannot be followed: one sentence on stderr, the exit code, and no file left.

use std::fs;

use tempfile::TempDir;

use super::{done, files, folder, picture, safelight, shipped, shipped_text};

const MODEL: &str = "tests/golden/formats/model.safetensors";

/// Runs what must be refused and gives its sentence. Nothing but `before` lies in the folder then.
fn refusal(folder: &TempDir, arguments: &[&str]) -> String {
    let before = files(folder.path());
    let run = safelight(folder, arguments);
    assert_eq!(run.code, 2, "{arguments:?}: {}", run.stderr);
    assert_eq!(run.stdout, "", "{arguments:?}");
    assert_eq!(run.stderr.lines().count(), 1, "{arguments:?}: {}", run.stderr);
    assert!(run.stderr.starts_with("safelight: "), "{}", run.stderr);
    assert_eq!(files(folder.path()), before, "{arguments:?}");
    run.stderr
}

fn refused_model(folder: &TempDir, model: &str) -> String {
    refusal(folder, &["generate", "a boat", "--model", model, "-o", "out.png"])
}

#[test]
fn a_missing_truncated_or_foreign_file_is_named() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    assert!(refused_model(&folder, "nothing.safetensors").contains("nothing.safetensors"));
    let bytes = fs::read(shipped(MODEL)).unwrap();
    fs::write(at("cut.safetensors"), &bytes[..bytes.len() / 2]).unwrap();
    assert!(refused_model(&folder, "cut.safetensors").contains("incomplete"));
    fs::write(at("letter.ckpt"), "Dear reader, this is no model.\n").unwrap();
    assert!(refused_model(&folder, "letter.ckpt").contains("letter.ckpt"));
    fs::write(at("empty.ckpt"), "").unwrap();
    assert!(refused_model(&folder, "empty.ckpt").contains("empty"));
    let evil = shipped_text("tests/golden/formats/evil.ckpt");
    assert!(refused_model(&folder, &evil).contains("posix.system"));
    fs::create_dir(at("folder")).unwrap();
    assert!(refused_model(&folder, "folder").contains("model_index.json"));
}

#[test]
fn a_refused_run_makes_no_folder() {
    let folder = folder();
    for folders in
        [["-o", "new/"], ["-o", "a/b/c.png"], ["--previews", "new/previews"], ["--trace", "t/x.safetensors"]]
    {
        let arguments = [&["generate", "a boat", "--width", "100"][..], &folders].concat();
        assert!(refusal(&folder, &arguments).contains("100"), "{folders:?}");
    }
    // A file is no folder to make others in.
    fs::write(folder.path().join("file"), "").unwrap();
    refusal(&folder, &["generate", "a boat", "-o", "file/new/"]);
    done(&folder, &["generate", "a boat", "--steps", "1", "-o", "new/deep/"]);
    assert_eq!(files(&folder.path().join("new")).len(), 1);
}

#[test]
fn a_renamed_model_is_known_by_its_bytes() {
    let folder = folder();
    fs::copy(shipped(MODEL), folder.path().join("renamed.ckpt")).unwrap();
    let config = shipped_text("tests/golden/formats/config.yaml");
    let run = ["generate", "a red tomato", "--seed", "1", "--steps", "2", "--config", &config];
    done(&folder, &[&run[..], &["--model", "renamed.ckpt", "-o", "a.png"]].concat());
    done(&folder, &[&run[..], &["--model", &shipped_text(MODEL), "-o", "b.png"]].concat());
    assert_eq!(picture(&folder, "a.png"), picture(&folder, "b.png"));
}

#[test]
fn a_config_that_does_not_fit_names_the_tensor_and_both_shapes() {
    let folder = folder();
    let text = fs::read_to_string(shipped("tests/golden/formats/config.yaml")).unwrap();
    fs::copy(shipped("tests/golden/formats/tokenizer.json"), folder.path().join("tokenizer.json")).unwrap();
    let model = shipped_text(MODEL);
    let refused = |from: &str, to: &str| {
        assert!(text.contains(from));
        fs::write(folder.path().join("other.yaml"), text.replace(from, to)).unwrap();
        refusal(
            &folder,
            &["generate", "a boat", "--model", &model, "--config", "other.yaml", "-o", "out.png"],
        )
    };
    let said = refused("model_channels: 4", "model_channels: 8");
    for part in ["model.diffusion_model.input_blocks.0.0.weight", "[8, 4, 3, 3]", "[4, 4, 3, 3]"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert!(refused("modules.FrozenCLIPEmbedder", "modules.Mystery").contains("Mystery"));
    assert!(refused("num_heads: 4", "num_heads: 4\n        num_herds: 4").contains("num_herds"));
    assert!(refused("model:", "model: [").contains("other.yaml"));
    assert!(refused("tokenizer: tokenizer.json", "tokenizer: elsewhere.json").contains("elsewhere.json"));
    let said =
        refusal(&folder, &["generate", "a boat", "--model", &model, "--config", "no.yaml", "-o", "o.png"]);
    assert!(said.contains("no.yaml"), "{said}");
}

#[test]
fn settings_out_of_range_are_refused() {
    let folder = folder();
    let refused = |arguments: &[&str]| {
        refusal(&folder, &[&["generate", "a boat", "-o", "out.png"][..], arguments].concat())
    };
    let said = refused(&["--width", "100"]);
    assert!(["width", "100", "64", "128"].iter().all(|part| said.contains(part)), "{said}");
    let said = refused(&["--height", "1"]);
    assert!(["height", "64", "128"].iter().all(|part| said.contains(part)), "{said}");
    assert!(refused(&["--width", "65536"]).contains("8192, found 65536"));
    assert!(refused(&["--steps", "0"]).contains("1000"));
    assert!(refused(&["--steps", "1001"]).contains("1001"));
    assert!(refused(&["--sampler", "plms", "--eta", "0.5"]).contains("0.5"));
    assert!(refused(&["--eta", "1.5"]).contains("1.5"));
    assert!(refused(&["--guidance", "inf"]).contains("inf"));
    assert!(refused(&["--temperature", "-1"]).contains("-1"));
    assert!(refused(&["--trace", "t.safetensors", "--count", "2"]).contains("--count 1"));
}

#[test]
fn numbers_that_are_none_give_one_sentence_and_no_picture() {
    let folder = folder();
    for file in fs::read_dir(shipped("assets/starter")).unwrap() {
        let file = file.unwrap().path();
        fs::copy(&file, folder.path().join(file.file_name().unwrap())).unwrap();
    }
    let path = folder.path().join("model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let end = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..end]).unwrap();
    let place = &header["model.diffusion_model.out.2.bias"]["data_offsets"];
    let at = |number: usize| end + place[number].as_u64().unwrap() as usize;
    // All bits set are no number in any float type.
    bytes[at(0)..at(1)].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let before = files(folder.path());
    let run = safelight(&folder, &["generate", "a boat", "--model", ".", "--steps", "2", "-o", "out.png"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{}", run.stderr);
    let said = run.stderr.lines().last().unwrap();
    assert!(said.contains("not finite") || said.contains("NaN"), "{said}");
    assert_eq!(files(folder.path()), before);
}

#[test]
fn a_place_that_cannot_be_written_is_refused_before_the_work() {
    let folder = folder();
    fs::write(folder.path().join("file"), "").unwrap();
    // Below a file nobody can write, the system's owner included.
    for place in [&["-o", "file/out.png"][..], &["-o", "file/"], &["-o", "a.png", "--previews", "file/steps"]]
    {
        assert!(refusal(&folder, &[&["generate", "a boat"][..], place].concat()).contains("file"));
    }
    let name = format!("{}.png", "n".repeat(252));
    for place in [name.clone(), format!("new/{name}"), format!("{name}/")] {
        assert!(refusal(&folder, &["generate", "a boat", "-o", &place]).contains("shorten"), "{place}");
    }
    let trace = ["generate", "a boat", "-o", "a.png", "--trace", "file/t.safetensors"];
    assert!(refusal(&folder, &trace).contains("file"));
    assert!(refusal(&folder, &["generate", "a boat", "-o", "a.bmp"]).contains("bmp"));
}

#[test]
fn a_device_that_is_not_there_is_refused() {
    let folder = folder();
    let cuda = cfg!(feature = "cuda");
    if !cuda {
        let said = refusal(&folder, &["generate", "a boat", "--device", "cuda:0", "-o", "a.png"]);
        assert!(said.to_lowercase().contains("cuda"), "{said}");
    }
    let run = safelight(&folder, &["generate", "a boat", "--device", "abacus"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("abacus"), "{}", run.stderr);
}

#[test]
fn an_error_is_a_json_event_too() {
    let folder = folder();
    let run = safelight(&folder, &["generate", "a boat", "--steps", "0", "--json", "-o", "a.png"]);
    let event: serde_json::Value = serde_json::from_str(run.stdout.trim()).unwrap();
    assert_eq!((run.code, &event["event"], &event["code"]), (2, &"error".into(), &2.into()));
    assert!(run.stderr.contains(event["message"].as_str().unwrap()));
}

#[cfg(unix)]
#[test]
fn ctrl_c_in_the_middle_leaves_nothing() {
    use std::io::{BufRead as _, BufReader, Read as _};
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    let folder = folder();
    let arguments = [
        "generate",
        "a boat",
        "--steps",
        "1000",
        "--seed",
        "1",
        "--json",
        "--trace",
        "t.safetensors",
        "-o",
        "out.png",
    ];
    let mut child =
        super::command(&folder, &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("\"event\":\"step\"")));
    let pressed = Instant::now();
    interrupt(child.id());
    let last = lines.last().unwrap().unwrap();
    let status = child.wait().unwrap();
    assert!(pressed.elapsed() < Duration::from_secs(5), "{:?}", pressed.elapsed());
    assert_eq!(status.code(), Some(130));
    assert!(last.contains("\"code\":130"), "{last}");
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.lines().last().unwrap().starts_with("safelight: interrupted"), "{said}");
    assert_eq!(files(folder.path()), Vec::<String>::new());
}

/// What Ctrl-C sends.
#[cfg(unix)]
#[expect(unsafe_code, reason = "a signal can be sent no other way")]
fn interrupt(process: u32) {
    // SAFETY: kill takes two numbers and touches no memory of this process.
    assert_eq!(unsafe { libc::kill(process.cast_signed(), libc::SIGINT) }, 0);
}

#[test]
fn a_sampler_and_what_it_does_not_follow_are_refused_together() {
    let folder = folder();
    for (arguments, wanted) in [
        (["--sampler", "lcm", "--schedule", "karras"], "--schedule does nothing with the lcm sampler"),
        (["--sampler", "ddpm", "--schedule", "karras"], "the ddpm sampler does not go with the schedule"),
        (["--sampler", "euler_a", "--timesteps", "quad"], "--timesteps does nothing"),
        (["--sampler", "heun", "--guidance-kind", "cfg++"], "--guidance-kind does nothing"),
        (["--sampler", "euler", "--eta", "0.5"], "the euler sampler needs eta 0"),
    ] {
        let asked = [&["generate", "an apple", "-o", "out.png"], &arguments[..]].concat();
        assert!(refusal(&folder, &asked).contains(wanted), "{arguments:?}");
    }
}
