//! Graphics cards from the command line: a driver that crashes while it lists its cards takes a child down and
//! not the program, and is not asked again.
//!
//! The crashing driver is a library that the test compiles; the loader of Vulkan is told to read no other.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::{command, folder};

/// A driver for Vulkan that notes that it was loaded, and dies.
fn deadly_driver(folder: &TempDir) -> PathBuf {
    let (source, library) = (folder.path().join("driver.rs"), folder.path().join("libdriver.so"));
    let asked = folder.path().join("asked");
    let text = format!(
        r#"
        #[unsafe(no_mangle)]
        pub extern "C" fn vk_icdNegotiateLoaderICDInterfaceVersion(_: *mut u32) -> i32 {{
            use std::io::Write;
            let file = std::fs::OpenOptions::new().create(true).append(true).open("{}");
            file.unwrap().write_all(b"x").unwrap();
            std::process::abort()
        }}
        #[unsafe(no_mangle)]
        pub extern "C" fn vk_icdGetInstanceProcAddr(_: usize, _: usize) -> usize {{ 0 }}
        "#,
        asked.display()
    );
    fs::write(&source, text).unwrap();
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--edition", "2024", "--crate-type", "cdylib", "-o"]).arg(&library).arg(&source);
    assert!(rustc.status().unwrap().success());
    let manifest = folder.path().join("driver.json");
    let icd = serde_json::json!({
        "file_format_version": "1.0.0",
        "ICD": { "library_path": library, "api_version": "1.3.0" },
    });
    fs::write(&manifest, icd.to_string()).unwrap();
    manifest
}

#[test]
fn a_driver_that_crashes_ends_a_child_and_not_the_program() {
    let folder = folder();
    let driver = deadly_driver(&folder);
    let times_asked = || fs::read(folder.path().join("asked")).unwrap_or_default().len();
    let run = |arguments: &[&str]| {
        let mut command = command(&folder, arguments);
        command.env("SAFELIGHT_HOME", folder.path().join("home")).env_remove("SAFELIGHT_BACKEND");
        command.env("VK_DRIVER_FILES", &driver).env("VK_ICD_FILENAMES", &driver).output().unwrap()
    };
    // The starter by itself asks nobody.
    let run_by_cpu = run(&["generate", "a boat", "--steps", "1", "-o", "boat.png"]);
    assert_eq!((run_by_cpu.status.code(), times_asked()), (Some(0), 0));
    let refused = run(&["generate", "a boat", "--device", "wgpu", "-o", "a.png"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    if times_asked() == 0 {
        // There is no loader of Vulkan here that could be told of a driver.
        assert!(std::env::var_os("CI").is_none(), "no loader of Vulkan: {said}");
        return;
    }
    assert!(said.contains("found only drivers that crash"), "{said}");
    let asked = times_asked();
    // What is known is not asked again, whatever the command.
    for arguments in [
        &["generate", "a boat", "--device", "lava", "-o", "a.png"][..],
        &["verify", "--device", "wgpu"],
        &["bench", "--synthetic", "starter", "--only", "text", "--device", "wgpu"],
    ] {
        let refused = run(arguments);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {said}");
    }
    assert_eq!(times_asked(), asked);
}
