//! Tables of text: columns as wide as their widest cell, two blanks between them, nothing at the end of a line.

use unicode_width::UnicodeWidthStr;

use super::render::escape;

/// A table with a head; a cell never breaks its line.
pub(super) fn table<C: AsRef<str>, const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [C; N]>) -> String {
    let mut cells = Cells::default();
    head.into_iter().for_each(|title| cells.push(title));
    rows.into_iter().flatten().for_each(|cell| cells.push(cell.as_ref()));
    let width = |column: usize| cells.shown.iter().skip(column).step_by(N).map(|cell| cell.width).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    cells.lines(&widths)
}

/// The cells of a table, row by row. Their text is one piece: a table may have ten thousand, and memory for each is most of what they cost.
#[derive(Default)]
struct Cells {
    text: String,
    shown: Vec<Cell>,
}

/// Where a cell's text ends, and how many columns of a terminal it takes.
struct Cell {
    end: usize,
    width: usize,
}

impl Cells {
    fn push(&mut self, cell: &str) {
        let cell = cell.trim_end();
        // Nearly all of them.
        let width = if cell.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            self.text.push_str(cell);
            cell.len()
        } else {
            let shown = escape(cell).replace(['\n', '\t'], " ");
            self.text.push_str(&shown);
            shown.width()
        };
        self.shown.push(Cell { end: self.text.len(), width });
    }

    fn lines(&self, widths: &[usize]) -> String {
        let rows = self.shown.len() / widths.len();
        let mut lines = String::with_capacity(rows * (widths.iter().sum::<usize>() + 2 * widths.len()));
        let mut begin = 0;
        for row in self.shown.chunks(widths.len()) {
            let mut blanks = 0;
            for (cell, width) in row.iter().zip(widths) {
                let text = &self.text[begin..cell.end];
                begin = cell.end;
                if !text.is_empty() {
                    (0..std::mem::take(&mut blanks)).for_each(|_| lines.push(' '));
                    lines.push_str(text);
                }
                blanks += width - cell.width + 2;
            }
            lines.push('\n');
        }
        lines
    }
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
