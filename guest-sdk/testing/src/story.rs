//! What happened, in words: deliveries in order, with what came of each. A test that fails prints it.

use std::collections::BTreeMap;
use std::fmt;

use ocap_kernel::{
    Answer, AnswerTo, Delivery, Held, Kernel, Kref, Owner, Payload, Report, Resolution, Slot, Syscall, VatId, Verdict,
};
use ocap_passable::{decode, to_json};

use crate::log::LogLine;

/// The lines that a failing test prints at most; the first ones are left out.
const LINES_MAX: usize = 200;

/// The deliveries so far.
#[derive(Default, Clone)]
pub(crate) struct Story {
    lines: Vec<String>,
    deliveries: u64,
}

impl Story {
    pub(crate) fn delivery(&mut self, vat: &str, delivery: &Delivery) {
        self.deliveries += 1;
        let told = match delivery {
            Delivery::Start(boot) => format!("starts, incarnation {}", boot.incarnation),
            Delivery::Message { object, method, args, .. } => {
                let args = text(args, |held: &Held| format!("cap {}", held.slot.0));
                let args = args.strip_prefix('[').and_then(|args| args.strip_suffix(']')).unwrap_or(&args).to_owned();
                let object = if *object == 0 { String::new() } else { format!("#{}", short(*object)) };
                return self.told(vat, &format!("{object} is told {method}({args})"));
            }
            Delivery::Settled(ended) => {
                let ended = ended.iter().map(|(_, resolution)| ending(resolution));
                format!("hears {}", ended.collect::<Vec<_>>().join(", "))
            }
            Delivery::Dropped(objects) => {
                let objects: Vec<_> = objects.iter().map(|object| format!("#{}", short(*object))).collect();
                format!("hears that nobody holds {}", objects.join(", "))
            }
        };
        self.told(vat, &format!(" {told}"));
    }

    fn told(&mut self, vat: &str, told: &str) {
        self.lines.push(format!("{:>4}. {vat}{told}", self.deliveries));
    }

    /// What the vat did, as far as others notice.
    pub(crate) fn effects(&mut self, names: &Names, report: &Report, log: &[LogLine]) {
        for line in log {
            self.note(format!("{line}"));
        }
        let name = |slot: &Slot| names.0.get(slot).cloned().unwrap_or_else(|| "a promise".to_owned());
        for syscall in &report.syscalls {
            match syscall {
                Syscall::Send { target, method, args, answer } => {
                    let verb = if *answer == AnswerTo::Nobody { "sends" } else { "calls" };
                    let args = text(args, name);
                    let args = args.strip_prefix('[').and_then(|args| args.strip_suffix(']')).unwrap_or(&args);
                    self.note(format!("{verb} {}.{method}({args})", name(target)));
                }
                Syscall::Settle { answer: Answer::Fulfill(value), .. } => {
                    self.note(format!("answers {}", text(value, name)));
                }
                Syscall::Settle { answer: Answer::Forward(target), .. } => {
                    self.note(format!("answers {}", name(target)));
                }
                Syscall::Settle { answer: Answer::Break(error), .. } => {
                    self.note(format!("answers with {}", text(error, name)));
                }
                _ => {}
            }
        }
    }

    /// How the kernel took it, if not well.
    pub(crate) fn verdict(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Applied => {}
            Verdict::Undone(cause) => self.note(format!("TRAPPED, nothing of this happened: {cause}")),
            Verdict::Quarantined(cause) => self.note(format!("QUARANTINED: {cause}")),
            Verdict::RolledBack(cause) => self.note(format!("ROLLED BACK to the code before: {cause}")),
            Verdict::Stale => self.note("came too late, and counts for nothing".to_owned()),
        }
    }

    pub(crate) fn note(&mut self, text: String) {
        self.lines.push(format!("        {text}"));
    }

    /// What the test did with the host.
    pub(crate) fn act(&mut self, text: String) {
        self.lines.push(format!("   -- {text}"));
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left_out = self.lines.len().saturating_sub(LINES_MAX);
        if left_out > 0 {
            writeln!(f, "   .. {left_out} lines before")?;
        }
        self.lines.iter().skip(left_out).try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Objects that end with the incarnation have numbers from 2^62 on.
fn short(object: u64) -> String {
    const EPHEMERAL: u64 = 1 << 62;
    if object >= EPHEMERAL { format!("e{}", object - EPHEMERAL) } else { object.to_string() }
}

/// A body as JSON, with each capability by its name.
pub(crate) fn text<R>(payload: &Payload<R>, name: impl Fn(&R) -> String) -> String {
    match decode(&payload.body) {
        Ok(value) => to_json(&value, |index| payload.caps.get(index).map_or_else(String::new, &name)).to_string(),
        Err(_) => format!("{} bytes", payload.body.len()),
    }
}

fn ending(resolution: &Resolution<Held>) -> String {
    let name = |held: &Held| format!("cap {}", held.slot.0);
    match resolution {
        Resolution::Fulfilled(value) => text(value, name),
        Resolution::Forwarded(held) => name(held),
        Resolution::Broken(error) => format!("the error {}", text(error, name)),
        Resolution::Failed(code) => format!("the error {code}"),
    }
}

/// Whose each reference of a vat is: `index`, `index#7`, `a promise`.
#[derive(Default)]
pub(crate) struct Names(BTreeMap<Slot, String>);

impl Names {
    /// Adds what the vat holds at present.
    pub(crate) fn learn(&mut self, kernel: &Kernel, vat: VatId) {
        self.0.extend(kernel.references(vat).map(|(slot, kref)| (slot, name_of_kref(kernel, kref))));
    }
}

fn name_of_kref(kernel: &Kernel, kref: Kref) -> String {
    let Kref::Object(object) = kref else {
        return if matches!(kref, Kref::Promise(_)) { "a promise".to_owned() } else { "a resolver".to_owned() };
    };
    match kernel.object(object).map(|row| &row.owner) {
        Some(Owner::Vat(vat, exposed)) => {
            let vat = kernel.vat(*vat).map_or_else(|| vat.to_string(), |vat| vat.row.name.clone());
            if exposed.object == 0 { vat } else { format!("{vat}#{}", short(exposed.object)) }
        }
        Some(Owner::Caretaker { target }) => name_of_kref(kernel, *target),
        Some(Owner::Host(name) | Owner::HostUntilBoot(name) | Owner::HostWhileHeld(name)) => name.clone(),
        _ => format!("{kref}"),
    }
}
