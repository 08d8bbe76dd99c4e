//! Puts a shader together: the files that its first line asks for, then the file, with constants of a
//! variant in place of those that the file has. The build does the same to check every shader.
//!
//! A shader that needs others begins with `//! with storage weights activation`; `storage` and `weights`
//! stand for `storage_f32` or `storage_f16`, as the variant has it.

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

/// The text with `const NAME: TYPE = …;` changed to each of the values.
pub fn with_constants(text: &str, constants: &[(&str, String)]) -> String {
    let line = |line: &str| {
        let found = line.strip_prefix("const ").and_then(|rest| rest.split_once(": "));
        let value = found.and_then(|(name, rest)| {
            let (kind, _) = rest.split_once(" = ")?;
            let (_, value) = constants.iter().find(|(constant, _)| *constant == name)?;
            Some(format!("const {name}: {kind} = {value};"))
        });
        value.unwrap_or_else(|| line.to_owned())
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}
