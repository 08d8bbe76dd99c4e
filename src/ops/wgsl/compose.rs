//! Puts a shader together: the files that its first line asks for, then the file, with constants of a
//! variant in place of those that the file has. The build does the same to check every shader.
//!
//! A shader that needs others begins with `//! with storage weights activation`; `storage` and `weights`
//! stand for `storage_f32` or `storage_f16`, as the variant has it. One that begins with `//! part of others` is
//! nothing by itself.

/// The shader's whole text. `text_of` has every file by its name; `storage` and `weights` are "f32" or
/// "f16".
///
/// # Errors
/// The name of a file that is not there.
pub fn compose<'a>(
    name: &str,
    text_of: impl Fn(&str) -> Option<&'a str>,
    storage: &str,
    weights: &str,
) -> Result<String, String> {
    let text = text_of(name).ok_or_else(|| name.to_owned())?;
    let asked = text.lines().next().and_then(|line| line.strip_prefix("//! with ")).unwrap_or_default();
    let mut whole = String::new();
    for part in asked.split_whitespace() {
        let file = match part {
            "storage" => format!("storage_{storage}"),
            "weights" => format!("weights_{weights}"),
            _ => part.to_owned(),
        };
        whole.push_str(text_of(&file).ok_or(file)?);
        whole.push('\n');
    }
    whole.push_str(text);
    Ok(whole)
}

/// The constant that says how often a line with a hash is repeated.
const REPEATED: &str = "MATRICES";

/// The text with `const NAME: TYPE = …;` and `alias NAME = …;` changed to each of the values, and each line with a
/// hash as often as there are matrices, its number in place of the hash.
pub fn with_constants(text: &str, constants: &[(&str, String)]) -> String {
    let value = |name: &str| constants.iter().find(|constant| constant.0 == name).map(|(_, value)| value);
    let number = |value: &String| value.trim_end_matches('u').parse().ok();
    let count = value(REPEATED).and_then(number).unwrap_or(1usize);
    let line = |line: &str| {
        if line.contains('#') && !line.trim_start().starts_with("//") {
            let repeated = (0..count).map(|i| line.replace('#', &i.to_string()));
            return repeated.collect::<Vec<_>>().join("\n");
        }
        let (kind, rest) = line.split_once(' ').unwrap_or_default();
        let (declared, _) = rest.split_once(" = ").unwrap_or_default();
        let name = declared.split(':').next().unwrap_or_default();
        match value(name) {
            Some(value) if matches!(kind, "const" | "alias") => format!("{kind} {declared} = {value};"),
            _ => line.to_owned(),
        }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}
