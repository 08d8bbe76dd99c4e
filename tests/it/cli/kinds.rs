//! Files that are no model of Stable Diffusion v1 or v2, on the command line.

use super::{folder, safelight};
use crate::checkpoint::kinds::{entries, write};

#[test]
fn what_is_no_model_is_refused_with_a_sentence() {
    let folder = folder();
    let mut named = Vec::new();
    for (words, _, tensors) in entries() {
        let kind = words.split([':', '(']).next().unwrap().to_owned();
        // One of each sentence.
        if named.contains(&kind) {
            continue;
        }
        let path = write(&folder, &tensors);
        let run =
            safelight(&folder, &["generate", "a boat", "--model", &path.to_string_lossy(), "-o", "out.png"]);
        assert_eq!((run.code, run.stderr.lines().count()), (2, 1), "{words}: {}", run.stderr);
        assert!(run.stderr.contains(&words), "{}", run.stderr);
        named.push(kind);
    }
    assert!(named.len() >= 11, "{named:?}");
}
