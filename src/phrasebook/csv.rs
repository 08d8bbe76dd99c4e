//! Tables as text: fields between commas, in quotes where they need some (RFC 4180, as Python's `csv` has it).
//!
//! Trap: a field in quotes may hold line ends, so a table is not its lines.

/// The rows of a table.
pub(super) fn read(text: &str) -> Vec<Vec<String>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut begun) = (false, false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted => match letters.next_if_eq(&'"') {
                Some(quote) => field.push(quote),
                None => quoted = false,
            },
            '"' if field.is_empty() => (quoted, begun) = (true, true),
            ',' if !quoted => {
                row.push(std::mem::take(&mut field));
                begun = true;
            }
            '\r' | '\n' if !quoted => {
                if begun || !field.is_empty() {
                    row.push(std::mem::take(&mut field));
                    rows.push(std::mem::take(&mut row));
                }
                begun = false;
            }
            letter => field.push(letter),
        }
    }
    if begun || !field.is_empty() {
        row.push(field);
        rows.push(row);
    }
    rows
}

/// The text of a table, as spreadsheets and A1111 read it: with a mark of its encoding.
pub(super) fn write(rows: &[Vec<String>]) -> String {
    let field = |field: &String| {
        let needs = |letter: char| matches!(letter, ',' | '"' | '\r' | '\n');
        let quotes = field.contains(needs) || field.trim() != field;
        if quotes { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.clone() }
    };
    let row = |row: &Vec<String>| row.iter().map(field).collect::<Vec<_>>().join(",") + "\r\n";
    std::iter::once("\u{feff}".to_owned()).chain(rows.iter().map(row)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_as_python_writes_them() {
        for (text, expected) in [
            (
                "\u{feff}name,prompt\r\nx,\"a, \"\"b\"\"\nc\"\r\n",
                vec![vec!["name", "prompt"], vec!["x", "a, \"b\"\nc"]],
            ),
            ("a,,b\n\n,\n", vec![vec!["a", "", "b"], vec!["", ""]]),
            ("a\"b,\"c\"d", vec![vec!["a\"b", "cd"]]),
            ("\"open, and\nso on", vec![vec!["open, and\nso on"]]),
            ("\"\"", vec![vec![""]]),
            ("", vec![]),
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let rows = vec![vec!["a".to_owned(), " b ".to_owned()], vec!["c\"d,\n".to_owned(), String::new()]];
        assert_eq!(read(&write(&rows)), rows);
        assert_eq!(write(&rows), "\u{feff}a,\" b \"\r\n\"c\"\"d,\n\",\r\n");
    }
}
