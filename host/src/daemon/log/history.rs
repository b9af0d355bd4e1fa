//! The last lines of the log's files, of everything or of one vat.

use std::collections::{BTreeSet, VecDeque};
use std::io::{BufRead, BufReader, Read};

use super::journal::Pages;
use super::line::{LogLevel, LogLine};
use crate::problem::{Problem, printable};

/// Which lines are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Of one vat, as `subcluster/vat`, or of a subcluster with all its vats; of all where `None`.
    pub vat: Option<String>,
    /// Of this importance or more.
    pub level: LogLevel,
    /// Said by this part of the host; by all where `None`.
    pub target: Option<&'static str>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// The last ones, oldest first, as they are in the file.
    pub lines: Vec<String>,
    /// The vats and subclusters that lines were about, where none was of the wanted one: one of them may have been meant.
    pub others: BTreeSet<String>,
}

impl Selection {
    /// Everything.
    pub const ALL: Selection = Selection { vat: None, level: LogLevel::Trace, target: None };

    /// Whether a line is wanted.
    pub fn takes(&self, line: &str) -> bool {
        if *self == Selection::ALL {
            return true;
        }
        // Most lines are told apart without a look at what they are made of.
        let may_be = |word: &str| line.contains(word.rsplit('/').next().unwrap_or(word));
        if self.vat.as_deref().is_some_and(|vat| !may_be(vat)) || self.target.is_some_and(|target| !may_be(target)) {
            return false;
        }
        LogLine::parse(line).is_some_and(|line| self.takes_parsed(&line))
    }

    fn takes_parsed(&self, line: &LogLine) -> bool {
        let is_of = |vat: &str| {
            line.label().is_some_and(|label| {
                label.strip_prefix(vat).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        };
        line.level >= self.level
            && self.vat.as_deref().is_none_or(is_of)
            && self.target.is_none_or(|target| line.target == target)
    }
}

/// The last lines that are wanted, at most so many. Older files are looked at only if newer ones have too few.
pub fn last(pages: Pages, selection: &Selection, most: usize) -> Found {
    let mut lines: VecDeque<String> = VecDeque::new();
    let mut others = BTreeSet::new();
    for (file, length) in pages {
        let wanted = most - lines.len();
        if wanted == 0 {
            break;
        }
        let mut of_page: VecDeque<String> = VecDeque::new();
        for line in BufReader::new(file.into_std().take(length)).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            if selection.takes(&line) {
                if of_page.len() == wanted {
                    of_page.pop_front();
                }
                of_page.push_back(line.into_owned());
            } else if lines.is_empty() && of_page.is_empty() && selection.vat.is_some() {
                others.extend(LogLine::parse(&line).and_then(|line| line.label()));
            }
        }
        of_page.append(&mut lines);
        lines = of_page;
    }
    if !lines.is_empty() {
        others.clear();
    }
    Found { lines: lines.into(), others }
}

/// That no line is of what was named, and nothing of that name lives.
pub fn unknown(name: &str, names: &[String]) -> Problem {
    let distances = names.iter().map(|other| (strsim::damerau_levenshtein(other, name), other));
    let nearest = distances.filter(|(distance, other)| *distance <= 1 + other.len() / 4).min();
    let help = match nearest {
        Some((_, other)) => format!("did you mean `{other}`? `ocap-host status` lists what there is"),
        None => "`ocap-host status` lists what there is".to_owned(),
    };
    let message = format!("there is no `{}`, and no line of the log is about it", printable(name));
    Problem::new("ocap::target::unknown", message).with_help(help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::log::journal::pages;
    use crate::daemon::test_home;

    fn line(level: &str, vat: &str, message: &str) -> String {
        format!(
            r#"{{"$type":"log","timestamp":"t","level":"{level}","target":"vat","message":"{message}","vat":"{vat}"}}"#
        )
    }

    fn of(vat: &str, level: LogLevel) -> Selection {
        Selection { vat: Some(vat.into()), level, target: None }
    }

    /// The messages that are found in these files, newest first.
    fn found(files: &[&[String]], selection: &Selection, most: usize) -> (Vec<String>, Vec<String>) {
        let (_root, home) = test_home();
        for (number, lines) in files.iter().enumerate() {
            let name = if number == 0 { "log".to_owned() } else { format!("log.{number}") };
            home.dir().write(name, format!("{}\n", lines.join("\n"))).expect("written");
        }
        let found = last(pages(home.dir()), selection, most);
        let messages = found.lines.iter().map(|line| LogLine::parse(line).expect("a line").message);
        (messages.collect(), found.others.into_iter().collect())
    }

    #[test]
    fn the_last_lines_come_from_as_many_files_as_it_takes() {
        let newer = [line("INFO", "a/b", "3"), line("INFO", "a/b", "4")];
        let older = [line("INFO", "a/b", "1"), line("INFO", "a/b", "2")];
        let files: [&[String]; 2] = [&newer, &older];
        assert_eq!(found(&files, &Selection::ALL, 3).0, ["2", "3", "4"]);
        assert_eq!(found(&files, &Selection::ALL, 1).0, ["4"]);
        assert_eq!(found(&files, &Selection::ALL, 9).0, ["1", "2", "3", "4"]);
    }

    #[test]
    fn lines_are_chosen_by_vat_by_subcluster_and_by_level() {
        let lines = [
            line("INFO", "a/b", "1"),
            line("ERROR", "a/c", "2"),
            line("INFO", "ab/b", "3"),
            r#"{"timestamp":"t","level":"WARN","target":"ocap::problem","message":"4","subcluster":"a","vat":"b"}"#
                .into(),
            "{\"cut short".into(),
        ];
        let chosen = |selection: Selection| found(&[&lines], &selection, 9).0;
        assert_eq!(chosen(of("a/b", LogLevel::Trace)), ["1", "4"]);
        assert_eq!(chosen(of("a", LogLevel::Trace)), ["1", "2", "4"]);
        assert_eq!(chosen(of("a", LogLevel::Warn)), ["2", "4"]);
        assert_eq!(chosen(Selection { target: Some("vat"), ..Selection::ALL }), ["1", "2", "3"]);
    }

    #[test]
    fn where_nothing_is_found_the_others_are_named() {
        let lines = [line("INFO", "a/b", "1"), line("INFO", "counter/counter", "2")];
        let (messages, others) = found(&[&lines], &of("conter", LogLevel::Trace), 9);
        assert_eq!((messages.len(), others), (0, vec!["a/b".to_owned(), "counter/counter".into()]));
        assert_eq!(found(&[&lines], &of("a/b", LogLevel::Trace), 9).1, Vec::<String>::new());
    }
}
