//! Memory that the system refuses: one sentence and an exit code, never a signal.

use std::process::{Command, Stdio};

use super::{Run, files, folder};

/// A run that may take so many times 1,024 bytes of address space; nothing if the system's loader or the
/// C library gave up on its own account.
fn limited(folder: &tempfile::TempDir, kilobytes: usize, arguments: &[&str]) -> Option<Run> {
    let output = Command::new("/bin/sh")
        .args(["-c", &format!("ulimit -v {kilobytes} && exec \"$0\" \"$@\"")])
        .arg(env!("CARGO_BIN_EXE_safelight"))
        .args(arguments)
        .current_dir(folder.path())
        .env("SAFELIGHT_HOME", super::home())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let not_ours = stderr.is_empty() || stderr.contains("shared libraries") || stderr.contains("glibc error");
    if not_ours && !output.status.success() {
        return None;
    }
    let code = output.status.code().unwrap_or_else(|| panic!("at {kilobytes} kB a signal: {stderr}"));
    Some(Run { code, stdout: String::from_utf8(output.stdout).unwrap(), stderr })
}

#[test]
fn less_memory_than_a_picture_takes_is_one_sentence() {
    let folder = folder();
    let arguments = ["generate", "a red apple", "--steps", "1", "--seed", "7", "-o", "apple.png"];
    let (mut told, mut made) = (0, false);
    // From what the program cannot even be started in to what is enough.
    for megabytes in (60..2000).step_by(20) {
        let Some(run) = limited(&folder, megabytes * 1000, &arguments) else { continue };
        match run.code {
            1 => {
                told += 1;
                // A warning of the journal is no sentence to the user.
                let ours = |line: &&str| line.starts_with("safelight: ") && !line.contains(": warn: ");
                let said: Vec<&str> = run.stderr.lines().filter(ours).collect();
                let sentence = "safelight: the system has no memory left (it refused ";
                assert!(said.len() == 1 && said[0].starts_with(sentence), "{megabytes} MB: {}", run.stderr);
                assert!(!run.stderr.contains("backtrace"), "{megabytes} MB: {}", run.stderr);
                assert_eq!(files(folder.path()), Vec::<String>::new(), "{megabytes} MB");
            }
            0 => {
                made = true;
                break;
            }
            code => panic!("{megabytes} MB: {code}, {}", run.stderr),
        }
    }
    assert!(told >= 3 && made, "{told} refusals, a picture: {made}");
}
