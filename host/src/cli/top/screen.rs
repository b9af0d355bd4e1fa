//! How `top` looks.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line as Text;
use ratatui::widgets::{Paragraph, Row, Table, TableState};

use super::view::{Line, Order, Shown, View};
use crate::cli::amounts::{bytes, span};
use crate::cli::inspect;
use crate::cli::ps;
use crate::cli::render::escape;

/// Draws everything.
pub(super) fn draw(view: &mut View, frame: &mut Frame<'_>) {
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(3), Constraint::Min(1), Constraint::Length(1)]).areas(frame.area());
    frame.render_widget(Paragraph::new(head_lines(view)), head);
    match view.detail() {
        Some(shown) => detail(shown, frame, body),
        None => table(view, frame, body),
    }
    let keys = match view.detail() {
        Some(_) => "q back   ↑↓ scroll",
        None => "q quit   ↑↓ choose   Enter inspect   order: b busy  r rate  m memory  i inbox  n name",
    };
    frame.render_widget(Paragraph::new(keys).style(Style::new().add_modifier(Modifier::DIM)), foot);
}

fn head_lines(view: &View) -> Vec<Text<'static>> {
    let metrics = view.metrics();
    let figures = &metrics.figures;
    let vats = &figures.vats;
    let pace = view.pace();
    vec![
        Text::from(format!(
            "ocap-host {}, boot {}, up {}   {} cranks/s   {} commits/s, {:.2}ms each",
            metrics.version,
            metrics.boot,
            span(figures.uptime_ms),
            pace.cranks.round(),
            pace.commits.round(),
            pace.commit_ms
        )),
        Text::from(format!(
            "vats {} running, {} awake, {} idle, {} resting, {} quarantined   queued {}   promises {}   clients {}",
            vats.running,
            vats.awake,
            vats.idle,
            vats.resting,
            vats.quarantined,
            figures.queued,
            figures.promises,
            figures.connections
        )),
        Text::from(format!(
            "memory {}, of vats {}   store {} and {} of log",
            figures.resident_bytes.map_or_else(|| "-".to_owned(), bytes),
            bytes(figures.heap_bytes),
            bytes(figures.store_bytes),
            bytes(figures.store_log_bytes)
        )),
    ]
}

fn table(view: &View, frame: &mut Frame<'_>, area: Rect) {
    let lines = view.lines();
    let mut state = TableState::new().with_selected(view.place(&lines));
    let mark = |title: &str, order: Order| if view.order() == order { format!("{title}▼") } else { title.to_owned() };
    let head = [
        mark("VAT", Order::Name),
        "ID".to_owned(),
        "STATE".to_owned(),
        mark("BUSY", Order::Busy),
        mark("CRANKS/S", Order::Rate),
        mark("MEMORY", Order::Memory),
        mark("INBOX", Order::Inbox),
        "STORE".to_owned(),
        "LAST ERROR".to_owned(),
    ];
    let names = lines.iter().map(|line| line.usage.vat.chars().count()).max().unwrap_or(0).clamp(8, 40);
    let widths = [
        Constraint::Length(u16::try_from(names).unwrap_or(40)),
        Constraint::Length(6),
        Constraint::Length(13),
        Constraint::Length(6),
        Constraint::Length(9),
        Constraint::Length(9),
        Constraint::Length(7),
        Constraint::Length(9),
        Constraint::Min(8),
    ];
    let table = Table::new(lines.iter().map(|line| row(line, view.now_ms())), widths)
        .header(Row::new(head).style(Style::new().add_modifier(Modifier::BOLD)))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    frame.render_stateful_widget(table, area, &mut state);
}

fn row(line: &Line, now_ms: u64) -> Row<'static> {
    let usage = &line.usage;
    Row::new([
        escape(&usage.vat).into_owned(),
        usage.id.clone(),
        ps::state(usage).into_owned(),
        format!("{:.0}%", line.busy),
        format!("{:.0}", line.rate),
        bytes(usage.memory_bytes),
        usage.queued.to_string(),
        usage.store_bytes.map_or_else(|| "-".to_owned(), bytes),
        escape(&ps::last_error(usage, now_ms)).into_owned(),
    ])
}

fn detail(shown: &Shown, frame: &mut Frame<'_>, area: Rect) {
    let text = match &shown.found {
        Ok(inspection) => inspect::text(inspection),
        Err(problem) => escape(&problem.message).into_owned(),
    };
    frame.render_widget(Paragraph::new(text).scroll((shown.scrolled, 0)), area);
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::view::tests::two_looks;
    use super::*;
    use crate::problem::Problem;

    fn drawn(view: &mut View) -> String {
        let mut terminal = Terminal::new(TestBackend::new(100, 8)).expect("a terminal in memory");
        terminal.draw(|frame| draw(view, frame)).expect("drawn");
        let buffer = terminal.backend().buffer();
        let line = |row| (0..100).map(|column| buffer[(column, row)].symbol()).collect::<String>();
        (0..8).map(|row| line(row).trim_end().to_owned() + "\n").collect()
    }

    #[test]
    fn the_table_stands_under_the_figures_of_the_host() {
        let expected = "\
ocap-host 0.1.0, boot 2, up 3s   1000 cranks/s   100 commits/s, 1.00ms each
vats 0 running, 0 awake, 0 idle, 0 resting, 0 quarantined   queued 0   promises 0   clients 0
memory -, of vats 0B   store 0B and 0B of log
VAT      ID     STATE         BUSY▼  CRANKS/S  MEMORY    INBOX   STORE     LAST ERROR
many/v2  v2     awake 2s      100%   0         1.1MiB    3       512B
many/v1  v1     awake         10%    25        1.1MiB    3       512B

q quit   ↑↓ choose   Enter inspect   order: b busy  r rate  m memory  i inbox  n name
";
        assert_eq!(drawn(&mut two_looks()), expected);
    }

    #[test]
    fn a_vat_that_is_gone_is_said_to_be_in_its_own_place() {
        let mut view = two_looks();
        view.show("v1".into(), Err(Problem::new("ocap::target::unknown", "there is no `v1`\u{1b}[2J")));
        let screen = drawn(&mut view);
        assert!(screen.contains("\nthere is no `v1`\\u{1b}[2J\n"), "{screen}");
        assert!(screen.contains("\nq back   ↑↓ scroll\n"), "{screen}");
    }
}
