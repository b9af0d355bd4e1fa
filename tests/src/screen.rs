//! What bytes make of a screen: as much of a terminal as the host's own output needs.

/// A screen of characters.
#[derive(Debug)]
pub(crate) struct Screen {
    cells: Vec<Vec<char>>,
    row: usize,
    column: usize,
    /// Bytes that are not a whole character or sequence yet.
    rest: Vec<u8>,
    second: bool,
    cursor_hidden: bool,
}

impl Screen {
    pub(crate) fn new(rows: usize, columns: usize) -> Screen {
        let cells = vec![vec![' '; columns]; rows];
        Screen { cells, row: 0, column: 0, rest: Vec::new(), second: false, cursor_hidden: false }
    }

    /// Takes what a program writes.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        let all = std::mem::take(&mut self.rest);
        let mut left = all.as_slice();
        while let Some(used) = self.take(left) {
            left = &left[used..];
        }
        self.rest = left.to_vec();
    }

    /// The lines, without blanks at their ends.
    pub(crate) fn text(&self) -> String {
        let line = |cells: &Vec<char>| cells.iter().collect::<String>().trim_end().to_owned() + "\n";
        self.cells.iter().map(line).collect()
    }

    /// Whether it is not the second screen, which programs draw on, and the cursor can be seen.
    pub(crate) fn is_first_with_cursor(&self) -> bool {
        !self.second && !self.cursor_hidden
    }

    /// Takes the first character or sequence, if it is whole; how many bytes it had.
    fn take(&mut self, bytes: &[u8]) -> Option<usize> {
        match bytes {
            [] | [0x1b] => None,
            [0x1b, b'[', rest @ ..] => {
                let end = rest.iter().position(|byte| (0x40..=0x7e).contains(byte))?;
                self.control(&rest[..end], rest[end]);
                Some(end + 3)
            }
            [0x1b, _, ..] => Some(2),
            [b'\r', ..] => {
                self.column = 0;
                Some(1)
            }
            [b'\n', ..] => {
                self.row = (self.row + 1).min(self.cells.len() - 1);
                Some(1)
            }
            [first, ..] => {
                let length = match first {
                    0x00..=0x7f => 1,
                    0xc0..=0xdf => 2,
                    0xe0..=0xef => 3,
                    _ => 4,
                };
                let text = std::str::from_utf8(bytes.get(..length)?).unwrap_or("\u{fffd}");
                text.chars().for_each(|c| self.put(c));
                Some(length)
            }
        }
    }

    fn put(&mut self, c: char) {
        if let Some(cell) = self.cells[self.row].get_mut(self.column) {
            *cell = c;
            self.column += 1;
        }
    }

    fn control(&mut self, parameters: &[u8], kind: u8) {
        let text = String::from_utf8_lossy(parameters);
        let number = |index: usize| text.split(';').nth(index).and_then(|word| word.parse::<usize>().ok());
        match (kind, text.as_ref()) {
            (b'H', _) => {
                self.row = number(0).unwrap_or(1).clamp(1, self.cells.len()) - 1;
                self.column = number(1).unwrap_or(1).clamp(1, self.cells[0].len()) - 1;
            }
            (b'C', _) => self.column = (self.column + number(0).unwrap_or(1)).min(self.cells[0].len() - 1),
            (b'J', "2") => self.cells.iter_mut().for_each(|line| line.fill(' ')),
            (b'K', "" | "0") => self.cells[self.row][self.column..].fill(' '),
            (b'h', "?1049") => {
                self.second = true;
                self.cells.iter_mut().for_each(|line| line.fill(' '));
            }
            (b'l', "?1049") => self.second = false,
            (b'l', "?25") => self.cursor_hidden = true,
            (b'h', "?25") => self.cursor_hidden = false,
            // Colours and the like.
            _ => {}
        }
    }
}

#[test]
fn text_stands_where_it_was_put_however_the_bytes_arrive() {
    let said = "\u{1b}[?1049h\u{1b}[2J\u{1b}[2;3H\u{1b}[1mä▼\u{1b}[0mb\r\nx\u{1b}[?25l".as_bytes();
    let mut screen = Screen::new(3, 6);
    said.chunks(1).for_each(|byte| screen.write(byte));
    assert_eq!(screen.text(), "\n  ä▼b\nx\n");
    assert!(!screen.is_first_with_cursor());
    screen.write(b"\x1b[?1049l\x1b[?25h");
    assert!(screen.is_first_with_cursor());
}
