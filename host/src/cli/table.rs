//! Tables of text: columns as wide as their widest cell, two blanks between them, nothing at the end of a line.

use unicode_width::UnicodeWidthStr;

use super::render::escape;

/// A table with a head; a cell never breaks its line.
pub(super) fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let head = head.map(|title| Cell::of(title.to_owned()));
    let rows: Vec<[Cell; N]> = std::iter::once(head).chain(rows.into_iter().map(|row| row.map(Cell::of))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].width).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::with_capacity(rows.len() * (widths.iter().sum::<usize>() + 2 * N));
    rows.iter().for_each(|row| write_line(&mut text, row, &widths));
    text
}

/// What is shown of a cell, and how many columns of a terminal it takes.
struct Cell {
    text: String,
    width: usize,
}

impl Cell {
    fn of(text: String) -> Cell {
        // Nearly all of them, and a table may have ten thousand.
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Cell { width: text.len(), text };
        }
        let text = escape(&text).replace(['\n', '\t'], " ");
        Cell { width: text.width(), text }
    }
}

fn write_line(text: &mut String, row: &[Cell], widths: &[usize]) {
    let begin = text.len();
    for (cell, width) in row.iter().zip(widths) {
        text.push_str(&cell.text);
        text.extend(std::iter::repeat_n(' ', width - cell.width + 2));
    }
    text.truncate(begin + text[begin..].trim_end().len());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_at_their_last_word() {
        let rows = [["a".to_owned(), "long cell".to_owned(), String::new()], ["日本".into(), "b".into(), "c".into()]];
        assert_eq!(table(["X", "Y", "Z"], rows), "X     Y          Z\na     long cell\n日本  b          c\n");
    }

    #[test]
    fn a_cell_can_not_break_its_line() {
        assert_eq!(table(["X"], [["a\nb\u{1b}".to_owned()]]), "X\na b\\u{1b}\n");
    }
}
