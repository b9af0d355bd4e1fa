//! Tables of text: columns as wide as their widest cell, two blanks between them, nothing at the end of a line.

use unicode_width::UnicodeWidthStr;

use super::render::escape;

/// A table with a head; a cell never breaks its line.
pub(super) fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let clean = |cell: &str| escape(cell).replace(['\n', '\t'], " ");
    let rows: Vec<[String; N]> =
        std::iter::once(head.map(str::to_owned)).chain(rows).map(|row| row.map(|cell| clean(&cell))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    rows.iter().map(|row| line(row, &widths)).collect()
}

fn line(row: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in row.iter().zip(widths) {
        line.push_str(cell);
        line.push_str(&" ".repeat(width - cell.width() + 2));
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
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
