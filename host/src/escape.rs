//! Text from a guest on its way to people: made harmless in one place.
//!
//! Whoever prints or logs what a guest wrote passes it through [`escape`]; nothing else in the house decides what is
//! harmless. It does not know where the text goes.

/// The text with everything spelled out that would act on a terminal instead of being read: line ends, ESC and all
/// other controls, and the characters that reorder or hide text (bidirectional overrides, zero-width and other
/// invisible ones).
///
/// Quotes and letters of any language stay as they are; a backslash becomes two, so that the result can be read back
/// unambiguously.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            char if acts(char) => escaped.extend(char.escape_unicode()),
            char => escaped.push(char),
        }
    }
    escaped
}

/// [`escape`]d text of at most `bytes_max` bytes; where something was cut off it ends in `…`.
pub fn escape_short(text: &str, bytes_max: usize) -> String {
    let escaped = escape(text.get(..text.floor_char_boundary(bytes_max)).unwrap_or(text));
    if escaped.len() <= bytes_max && text.len() <= bytes_max {
        return escaped;
    }
    let room = bytes_max.saturating_sub('…'.len_utf8());
    format!("{}…", &escaped[..escaped.floor_char_boundary(room)])
}

/// Whether a character does something to the text around it instead of standing for itself.
fn acts(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{00ad}'                  // soft hyphen: invisible
            | '\u{061c}'                // Arabic letter mark
            | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' // Hangul fillers: invisible
            | '\u{180b}'..='\u{180f}'   // Mongolian selectors: invisible
            | '\u{200b}'..='\u{200f}'   // zero width, and the marks of direction
            | '\u{2028}'..='\u{202e}'   // line and paragraph ends, embeddings and overrides of direction
            | '\u{2060}'..='\u{206f}'   // invisible operators, isolates
            | '\u{fe00}'..='\u{fe0f}'   // variation selectors: invisible
            | '\u{feff}'                // byte order mark
            | '\u{fff9}'..='\u{fffb}'   // interlinear annotations: hide text
            | '\u{e0000}'..='\u{e0fff}' // tags and more selectors: carry hidden text
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_quotes_stay_as_they_are() {
        assert_eq!(escape("Grüße, \"мир\" 世界 'x' 🙂"), "Grüße, \"мир\" 世界 'x' 🙂");
    }

    #[test]
    fn a_line_end_cannot_forge_a_second_log_line() {
        assert_eq!(escape("ok\nERROR host: forged\r"), "ok\\nERROR host: forged\\r");
    }

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        assert_eq!(escape("\u{1b}[2J\u{9b}31m\u{7f}\0"), "\\u{1b}[2J\\u{9b}31m\\u{7f}\\u{0}");
    }

    #[test]
    fn text_cannot_be_reordered_or_hidden() {
        assert_eq!(escape("abc\u{202e}gpj.exe"), "abc\\u{202e}gpj.exe");
        assert_eq!(
            escape("\u{2066}a\u{2069}\u{200b}\u{feff}\u{e0041}"),
            "\\u{2066}a\\u{2069}\\u{200b}\\u{feff}\\u{e0041}"
        );
    }

    #[test]
    fn what_looks_escaped_already_is_told_apart() {
        assert_ne!(escape("\\n"), escape("\n"));
    }

    #[test]
    fn short_text_is_whole_and_long_text_is_cut_between_characters() {
        assert_eq!(escape_short("four", 4), "four");
        assert_eq!(escape_short("äääää", 8), "ää…");
        let cut = escape_short(&"\u{1b}".repeat(100), 20);
        assert!(cut.len() <= 20 && cut.ends_with('…'), "{cut}");
    }
}
