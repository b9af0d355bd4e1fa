//! What waits for a commit before the world may know it.

use ocap_kernel::Output;

use crate::engine::{Level, LogLine};
use crate::escape::escape;

use super::RunLoop;

/// Something that leaves the host.
pub(super) enum Effect {
    /// From the kernel.
    Output(Output),
    /// A vat's own words.
    Said(String, Vec<LogLine>),
    /// Something about a vat that operators should know.
    Noted(String, String),
    /// An answer to an act.
    Reply(Box<dyn FnOnce() + Send>),
}

impl RunLoop {
    /// Does `then` when everything that was done up to now is durable.
    pub fn when_durable(&mut self, then: impl FnOnce() + Send + 'static) {
        self.effects.push(Effect::Reply(Box::new(then)));
    }

    /// Notes something about a vat in the host's log, when it is durable.
    pub(super) fn note(&mut self, label: String, what: String) {
        self.effects.push(Effect::Noted(label, what));
    }

    pub(super) fn release(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Output(output) => self.release_output(output),
                Effect::Said(label, lines) => lines.iter().for_each(|line| say(&label, line)),
                Effect::Noted(label, what) => tracing::warn!(vat = label, "{what}"),
                Effect::Reply(reply) => reply(),
            }
        }
    }

    fn release_output(&mut self, output: Output) {
        match output {
            Output::Answered { ask, resolution } => {
                if let Some(traces) = &mut self.traces {
                    traces.answered(ask, &resolution, (self.clock)().wall);
                }
                if let Some(asker) = self.asks.remove(&ask) {
                    // An asker that went away does not want to know.
                    let _ = asker.send(resolution);
                }
            }
            Output::Call(call) => {
                self.meters.totals.called += 1;
                if let Err(call) = self.services.take(call) {
                    self.io.call(call);
                }
            }
            Output::Released(object) => {
                self.services.forget(object);
                self.io.release(object);
            }
            Output::Exited(vat, reason) => {
                let how = if reason.is_ok() { "well" } else { "with an error" };
                tracing::info!(%vat, "the vat ended itself {how}");
            }
        }
    }
}

/// A vat's words, as a line of the host's log. They are the guest's: escaped, and marked with its name.
fn say(label: &str, line: &LogLine) {
    let message = escape(&line.message);
    let fields: Vec<String> =
        line.fields.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
    let fields = fields.join(" ");
    match line.level {
        Level::Trace => tracing::trace!(target: "vat", vat = label, fields, "{message}"),
        Level::Debug => tracing::debug!(target: "vat", vat = label, fields, "{message}"),
        Level::Info => tracing::info!(target: "vat", vat = label, fields, "{message}"),
        Level::Warn => tracing::warn!(target: "vat", vat = label, fields, "{message}"),
        Level::Error => tracing::error!(target: "vat", vat = label, fields, "{message}"),
    }
}
