//! What `top` shows: two looks at the host, an order, and the vat that is chosen.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::daemon::requests::{Inspection, Metrics, Ps, Spread, VatUsage};
use crate::problem::Problem;

/// What a key asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    /// The end.
    End,
    /// The end, by control-C.
    Interrupt,
    /// Everything about this vat.
    Inspect(String),
    /// A change of what is shown.
    Press(KeyCode),
}

/// What the table is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Busy,
    Rate,
    Memory,
    Inbox,
    Name,
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) usage: VatUsage,
    /// The part of one worker that it took since the last look, in per cent.
    pub(super) busy: f64,
    /// Deliveries a second since the last look.
    pub(super) rate: f64,
}

/// What happened between the last two looks.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Pace {
    pub(super) cranks: f64,
    pub(super) commits: f64,
    /// How long one took on average, in milliseconds.
    pub(super) commit_ms: f64,
}

/// Everything that is shown.
#[derive(Debug)]
pub(super) struct View {
    now: (Ps, Metrics),
    before: Option<(Ps, Metrics)>,
    order: Order,
    chosen: Option<String>,
    shown: Option<Shown>,
}

/// A vat that is shown whole.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) vat: String,
    pub(super) found: Result<Inspection, Problem>,
    /// How many lines are above the first that is seen.
    pub(super) scrolled: u16,
}

impl View {
    pub(super) fn new(now: (Ps, Metrics)) -> View {
        View { now, before: None, order: Order::Busy, chosen: None, shown: None }
    }

    /// A new look.
    pub(super) fn update(&mut self, now: (Ps, Metrics)) {
        self.before = Some(std::mem::replace(&mut self.now, now));
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.now.1
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.now.0.now_ms
    }

    pub(super) fn order(&self) -> Order {
        self.order
    }

    /// Seconds between the last two looks; since the boot, if there was one look.
    fn seconds(&self) -> f64 {
        let before = self.before.as_ref().map_or(0, |(ps, _)| ps.uptime_ms);
        (self.now.0.uptime_ms.saturating_sub(before)).max(1) as f64 / 1e3
    }

    /// The table, in its order.
    pub(super) fn lines(&self) -> Vec<Line> {
        let before: BTreeMap<&str, &VatUsage> =
            self.before.iter().flat_map(|(ps, _)| &ps.vats).map(|usage| (usage.id.as_str(), usage)).collect();
        let seconds = self.seconds();
        let line = |usage: &VatUsage| {
            let before = before.get(usage.id.as_str()).copied();
            let spent = taken(usage).saturating_sub(before.map_or(0, taken));
            let cranks = usage.cranks.saturating_sub(before.map_or(0, |before| before.cranks));
            let usage = usage.clone();
            Line { usage, busy: spent as f64 / 1e4 / seconds, rate: cranks as f64 / seconds }
        };
        let mut lines: Vec<Line> = self.now.0.vats.iter().map(line).collect();
        match self.order {
            Order::Busy => lines.sort_by(|one, other| other.busy.total_cmp(&one.busy)),
            Order::Rate => lines.sort_by(|one, other| other.rate.total_cmp(&one.rate)),
            Order::Memory => lines.sort_by_key(|line| Reverse(line.usage.memory_bytes)),
            Order::Inbox => lines.sort_by_key(|line| Reverse(line.usage.queued)),
            Order::Name => lines.sort_by(|one, other| one.usage.vat.cmp(&other.usage.vat)),
        }
        lines
    }

    /// What the whole host did since the last look.
    pub(super) fn pace(&self) -> Pace {
        let done = |metrics: &Metrics| {
            let done = &metrics.since_boot;
            (done.cranks_applied + done.cranks_undone, done.commit_us.clone())
        };
        let (cranks, commits) = done(&self.now.1);
        let (cranks_before, commits_before) =
            self.before.as_ref().map_or((0, Spread::default()), |(_, metrics)| done(metrics));
        let count = commits.count.saturating_sub(commits_before.count);
        let spent = commits.sum.saturating_sub(commits_before.sum);
        Pace {
            cranks: cranks.saturating_sub(cranks_before) as f64 / self.seconds(),
            commits: count as f64 / self.seconds(),
            commit_ms: if count == 0 { 0.0 } else { spent as f64 / count as f64 / 1e3 },
        }
    }

    /// The place of the chosen vat among these; the first, if it is not there.
    pub(super) fn place(&self, lines: &[Line]) -> Option<usize> {
        let chosen = self.chosen.as_ref();
        let place = lines.iter().position(|line| Some(&line.usage.id) == chosen);
        place.or((!lines.is_empty()).then_some(0))
    }

    /// The vat that is shown whole.
    pub(super) fn shown(&self) -> Option<String> {
        self.shown.as_ref().map(|shown| shown.vat.clone())
    }

    pub(super) fn detail(&self) -> Option<&Shown> {
        self.shown.as_ref()
    }

    /// Shows a vat whole; one that is shown already stays where it was scrolled to.
    pub(super) fn show(&mut self, vat: String, found: Result<Inspection, Problem>) {
        let scrolled = self.shown.as_ref().filter(|shown| shown.vat == vat).map_or(0, |shown| shown.scrolled);
        self.shown = Some(Shown { vat, found, scrolled });
    }

    /// What a key asks for.
    pub(super) fn wish(&self, key: KeyEvent) -> Wish {
        match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Wish::Interrupt,
            KeyCode::Char('q') | KeyCode::Esc if self.shown.is_none() => Wish::End,
            KeyCode::Enter if self.shown.is_none() => {
                let lines = self.lines();
                match self.place(&lines) {
                    Some(place) => Wish::Inspect(lines[place].usage.id.clone()),
                    None => Wish::Press(key.code),
                }
            }
            code => Wish::Press(code),
        }
    }

    /// Changes what is shown.
    pub(super) fn press(&mut self, key: KeyCode) {
        if let Some(shown) = &mut self.shown {
            match key {
                KeyCode::Up | KeyCode::Char('k') => shown.scrolled = shown.scrolled.saturating_sub(1),
                KeyCode::Down | KeyCode::Char('j') => shown.scrolled = shown.scrolled.saturating_add(1),
                KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q') => self.shown = None,
                _ => {}
            }
            return;
        }
        match key {
            KeyCode::Up | KeyCode::Char('k') => self.choose(-1),
            KeyCode::Down | KeyCode::Char('j') => self.choose(1),
            KeyCode::PageUp => self.choose(-10),
            KeyCode::PageDown => self.choose(10),
            KeyCode::Home => self.choose(isize::MIN),
            KeyCode::End => self.choose(isize::MAX),
            KeyCode::Char('b') => self.order = Order::Busy,
            KeyCode::Char('r') => self.order = Order::Rate,
            KeyCode::Char('m') => self.order = Order::Memory,
            KeyCode::Char('i') => self.order = Order::Inbox,
            KeyCode::Char('n') => self.order = Order::Name,
            _ => {}
        }
    }

    /// Chooses the vat so many lines further down.
    fn choose(&mut self, down: isize) {
        let lines = self.lines();
        let Some(place) = self.place(&lines) else { return };
        let next = place.saturating_add_signed(down).min(lines.len() - 1);
        self.chosen = Some(lines[next].usage.id.clone());
    }
}

/// Time of workers since the boot, the delivery that is under way included, in microseconds.
fn taken(usage: &VatUsage) -> u64 {
    usage.busy_us + usage.running_ms.unwrap_or(0) * 1_000
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::cli::ps::tests::vat;
    use crate::daemon::requests::{Activity, Figures, SinceBoot};

    pub(in crate::cli) fn look(uptime_ms: u64, vats: Vec<VatUsage>) -> (Ps, Metrics) {
        let none = Spread::default();
        let since_boot = SinceBoot {
            cranks_applied: uptime_ms,
            cranks_undone: 0,
            cranks_quarantined: 0,
            cranks_rolled_back: 0,
            cranks_stale: 0,
            crank_us: none.clone(),
            commit_us: Spread { count: uptime_ms / 10, sum: uptime_ms * 100, ..none.clone() },
            commit_cranks: none,
            messages_in: 0,
            messages_out: 0,
            clients: 0,
            clients_refused: 0,
            clients_expelled: 0,
            lines_in: 0,
            lines_out: 0,
            lines_torn: 0,
            log_lines_dropped: 0,
            process_cpu_ms: None,
        };
        let figures = Figures { uptime_ms, ..Figures::default() };
        let metrics = Metrics { version: "0.1.0".into(), boot: 2, now_ms: uptime_ms, figures, since_boot };
        (Ps { boot: 2, uptime_ms, now_ms: uptime_ms, vats }, metrics)
    }

    pub(in crate::cli) fn two_looks() -> View {
        let busy = |id: &str, busy_us: u64, cranks: u64, running_ms: Option<u64>| VatUsage {
            busy_us,
            cranks,
            running_ms,
            ..vat(id, &format!("many/{id}"), Activity::Awake)
        };
        let mut view = View::new(look(1_000, vec![busy("v1", 0, 0, None), busy("v2", 500_000, 0, None)]));
        view.update(look(3_000, vec![busy("v1", 200_000, 50, None), busy("v2", 500_000, 0, Some(2_000))]));
        view
    }

    fn ids(view: &View) -> Vec<String> {
        view.lines().into_iter().map(|line| line.usage.id).collect()
    }

    fn key(code: KeyCode) -> KeyEvent {
        KeyEvent::new(code, KeyModifiers::NONE)
    }

    #[test]
    fn a_vat_that_spins_is_seen_before_its_delivery_has_ended() {
        let lines = two_looks().lines();
        assert_eq!((lines[0].usage.id.as_str(), lines[0].busy, lines[0].rate), ("v2", 100.0, 0.0));
        assert_eq!((lines[1].usage.id.as_str(), lines[1].busy, lines[1].rate), ("v1", 10.0, 25.0));
    }

    #[test]
    fn the_pace_is_that_of_the_time_between_two_looks() {
        assert_eq!(two_looks().pace(), Pace { cranks: 1_000.0, commits: 100.0, commit_ms: 1.0 });
    }

    #[test]
    fn letters_order_arrows_choose_and_the_choice_stays_with_its_vat() {
        let mut view = two_looks();
        assert_eq!(ids(&view), ["v2", "v1"]);
        view.press(KeyCode::Down);
        assert_eq!(view.wish(key(KeyCode::Enter)), Wish::Inspect("v1".into()));
        view.press(KeyCode::Char('r'));
        assert_eq!(ids(&view), ["v1", "v2"]);
        assert_eq!(view.wish(key(KeyCode::Enter)), Wish::Inspect("v1".into()));
        view.press(KeyCode::End);
        assert_eq!(view.wish(key(KeyCode::Enter)), Wish::Inspect("v2".into()));
        view.press(KeyCode::Home);
        view.press(KeyCode::Char('n'));
        assert_eq!((ids(&view)[0].as_str(), view.order()), ("v1", Order::Name));
    }

    #[test]
    fn q_goes_back_from_a_vat_and_ends_the_table_and_control_c_ends_both() {
        let mut view = two_looks();
        assert_eq!(view.wish(key(KeyCode::Char('q'))), Wish::End);
        view.show("v1".into(), Err(Problem::new("ocap::target::unknown", "gone")));
        assert_eq!(view.wish(key(KeyCode::Char('q'))), Wish::Press(KeyCode::Char('q')));
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(view.wish(interrupt), Wish::Interrupt);
        view.press(KeyCode::Char('q'));
        assert_eq!(view.shown(), None);
    }
}
