//! Styles in a table (`styles.csv` of A1111: `name,prompt,negative_prompt`).

use std::borrow::Cow;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::csv;
use super::error::PhraseError;
use crate::files::write_atomically;
use crate::grammar::Style;

const NAME: &str = "name";
const PROMPT: &str = "prompt";
const NEGATIVE: &str = "negative_prompt";
/// What the prompt's column was called at first.
const FORMER_PROMPT: &str = "text";
/// Names of styles that a sentence tells, at most.
const NAMED_MAX: usize = 12;

/// A table as it stands in its file.
struct Table {
    rows: Vec<Vec<String>>,
    /// Whether the file has bytes that are no text.
    is_lossy: bool,
    name: usize,
    prompt: Option<usize>,
    negative: Option<usize>,
}

impl Table {
    /// Reads a file to change it; one that is not there is empty.
    ///
    /// Trap: what is not UTF-8 can be shown, but would not be written back as it was.
    fn read_whole(path: &Path) -> Result<Self, PhraseError> {
        let table = Self::read(path)?;
        if table.is_lossy {
            let source =
                io::Error::new(ErrorKind::InvalidData, "its text is not UTF-8; save it as UTF-8 first");
            return Err(PhraseError::Write { path: path.to_owned(), source });
        }
        Ok(table)
    }

    /// Reads a file; one that is not there is empty.
    fn read(path: &Path) -> Result<Self, PhraseError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(PhraseError::Read { path: path.to_owned(), source }),
        };
        let text = String::from_utf8_lossy(&bytes);
        let is_lossy = matches!(text, Cow::Owned(_));
        let mut rows = csv::read(&text);
        if rows.is_empty() {
            rows.push([NAME, PROMPT, NEGATIVE].map(str::to_owned).to_vec());
        }
        let column = |name: &str| rows[0].iter().position(|title| title.trim().eq_ignore_ascii_case(name));
        let name = column(NAME).ok_or_else(|| PhraseError::NoNames { path: path.to_owned() })?;
        let (prompt, negative) = (column(PROMPT).or_else(|| column(FORMER_PROMPT)), column(NEGATIVE));
        Ok(Self { rows, is_lossy, name, prompt, negative })
    }

    fn write(&self, path: &Path) -> Result<(), PhraseError> {
        let failed = |source| PhraseError::Write { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        write_atomically(path, csv::write(&self.rows).as_bytes(), true).map(drop).map_err(failed)
    }

    fn field(&self, row: &[String], column: Option<usize>) -> String {
        column.and_then(|column| row.get(column)).cloned().unwrap_or_default()
    }

    /// All rows that say something; of several of a name the last one, in the place of the first.
    fn styles(&self) -> Vec<Style> {
        let mut styles: Vec<Style> = Vec::new();
        for row in &self.rows[1..] {
            let style = Style {
                name: self.field(row, Some(self.name)).trim().to_owned(),
                prompt: self.field(row, self.prompt),
                negative: self.field(row, self.negative),
            };
            // Some have rows that only part others.
            if style.name.is_empty() || (style.prompt.is_empty() && style.negative.is_empty()) {
                continue;
            }
            match styles.iter_mut().find(|known| known.name == style.name) {
                Some(known) => *known = style,
                None => styles.push(style),
            }
        }
        styles
    }

    fn is_named(&self, row: &[String], name: &str) -> bool {
        row.get(self.name).is_some_and(|title| title.trim() == name)
    }

    /// The number of a column, which is added where there is none.
    fn column(&mut self, known: Option<usize>, name: &str) -> usize {
        known.unwrap_or_else(|| {
            self.rows[0].push(name.to_owned());
            self.rows[0].len() - 1
        })
    }

    fn put(&mut self, style: &Style) {
        let (prompt, negative) = (self.column(self.prompt, PROMPT), self.column(self.negative, NEGATIVE));
        (self.prompt, self.negative) = (Some(prompt), Some(negative));
        let width = self.rows[0].len();
        let found = self.rows.iter().skip(1).rposition(|row| self.is_named(row, &style.name));
        let place = found.map_or(self.rows.len(), |place| place + 1);
        if place == self.rows.len() {
            self.rows.push(Vec::new());
        }
        let row = &mut self.rows[place];
        row.resize(width.max(row.len()), String::new());
        row[self.name].clone_from(&style.name);
        row[prompt].clone_from(&style.prompt);
        row[negative].clone_from(&style.negative);
    }
}

/// The styles of a file; none where there is no file.
///
/// # Errors
/// If the file cannot be read or is another table.
pub fn read_styles(path: &Path) -> Result<Vec<Style>, PhraseError> {
    Ok(Table::read(path)?.styles())
}

/// Writes a style into a file, in place of one of that name.
///
/// # Errors
/// If the file cannot be read or written, or is another table.
pub fn save_style(path: &Path, style: &Style) -> Result<(), PhraseError> {
    let mut table = Table::read_whole(path)?;
    table.put(style);
    table.write(path)
}

/// Takes a style out of a file.
///
/// # Errors
/// If the file cannot be read or written, or is another table.
pub fn remove_style(path: &Path, name: &str) -> Result<(), PhraseError> {
    let mut table = Table::read_whole(path)?;
    let mut rows = std::mem::take(&mut table.rows);
    let mut number = 0;
    rows.retain(|row| {
        number += 1;
        number == 1 || !table.is_named(row, name)
    });
    table.rows = rows;
    table.write(path)
}

/// The style of a name among some, upper or lower case where none is written so.
///
/// # Errors
/// If there is none; `path` is the file that they are of.
pub fn find<'a>(styles: &'a [Style], name: &str, path: &Path) -> Result<&'a Style, PhraseError> {
    let exact = styles.iter().find(|style| style.name == name);
    let found = exact.or_else(|| styles.iter().find(|style| style.name.eq_ignore_ascii_case(name)));
    found.ok_or_else(|| {
        let mut known: Vec<&str> =
            styles.iter().take(NAMED_MAX + 1).map(|style| style.name.as_str()).collect();
        if known.len() > NAMED_MAX {
            known[NAMED_MAX] = "…";
        }
        let known = if known.is_empty() { "no style at all".to_owned() } else { known.join(", ") };
        PhraseError::NoStyle { name: name.to_owned(), path: path.to_owned(), known }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(name: &str, prompt: &str, negative: &str) -> Style {
        Style { name: name.into(), prompt: prompt.into(), negative: negative.into() }
    }

    #[test]
    fn a_table_of_a1111_is_read_and_keeps_what_is_not_ours() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("styles.csv");
        let text = "\u{feff}name,prompt,negative_prompt,notes\r\n---,,,\r\nInk,\"{prompt}, ink\",blur,mine\r\nOld,x\r\n";
        fs::write(&path, text).unwrap();
        let found = read_styles(&path).unwrap();
        assert_eq!(found, [style("Ink", "{prompt}, ink", "blur"), style("Old", "x", "")]);
        save_style(&path, &style("Ink", "brush", "")).unwrap();
        save_style(&path, &style("New, too", "a\nb", "c")).unwrap();
        remove_style(&path, "Old").unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "\u{feff}name,prompt,negative_prompt,notes\r\n---,,,\r\nInk,brush,,mine\r\n\"New, too\",\"a\nb\",c,\r\n"
        );
        assert_eq!(read_styles(&path).unwrap(), [style("Ink", "brush", ""), style("New, too", "a\nb", "c")]);
    }

    #[test]
    fn a_table_of_the_first_kind_gets_the_columns_that_it_lacks() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("deep/styles.csv");
        assert_eq!(read_styles(&path).unwrap(), []);
        save_style(&path, &style("a", "b", "c")).unwrap();
        assert_eq!(read_styles(&path).unwrap(), [style("a", "b", "c")]);
        fs::write(&path, "name,text\nx,y\nx,z\n").unwrap();
        assert_eq!(read_styles(&path).unwrap(), [style("x", "z", "")]);
        save_style(&path, &style("x", "y", "n")).unwrap();
        assert_eq!(read_styles(&path).unwrap(), [style("x", "y", "n")]);
    }

    #[test]
    fn a_table_of_another_encoding_is_read_and_left_as_it_is() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("styles.csv");
        let latin = b"name,prompt,negative_prompt\nCaf\xe9,warm,\nInk,ink,\n";
        fs::write(&path, latin).unwrap();
        assert_eq!(read_styles(&path).unwrap()[1], style("Ink", "ink", ""));
        for changed in [save_style(&path, &style("New", "x", "")), remove_style(&path, "Ink")] {
            assert!(changed.unwrap_err().to_string().contains("UTF-8"));
        }
        assert_eq!(fs::read(&path).unwrap(), latin);
    }

    #[test]
    fn styles_are_found_by_name() {
        let (styles, path) = ([style("Ink", "a", ""), style("ink", "b", "")], Path::new("s.csv"));
        assert_eq!(find(&styles, "ink", path).unwrap().prompt, "b");
        assert_eq!(find(&styles, "INK", path).unwrap().prompt, "a");
        assert_eq!(
            find(&styles, "oil", path).unwrap_err().to_string(),
            "expected a style called \"oil\" in s.csv, found Ink, ink; correct the name or add it there"
        );
        assert!(find(&[], "x", path).unwrap_err().to_string().contains("found no style at all"));
    }
}
