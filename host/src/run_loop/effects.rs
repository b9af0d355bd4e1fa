//! What waits for a commit before the world may know it.

use ocap_kernel::Output;

use super::RunLoop;
use super::news::News;

/// Something that leaves the host.
pub(super) enum Effect {
    /// From the kernel.
    Output(Output),
    /// Something that operators may hear, and whom it befell.
    News(String, News),
    /// An answer to an act.
    Reply(Box<dyn FnOnce() + Send>),
}

impl RunLoop {
    /// Does `then` when everything that was done up to now is durable.
    pub fn when_durable(&mut self, then: impl FnOnce() + Send + 'static) {
        self.effects.push(Effect::Reply(Box::new(then)));
    }

    /// Lets operators know what happened to something of this name, when it is durable.
    pub(super) fn tell_news(&mut self, label: String, news: News) {
        self.effects.push(Effect::News(label, news));
    }

    pub(super) fn release(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Output(output) => self.release_output(output),
                Effect::News(label, news) => (self.witness)(&label, news),
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
