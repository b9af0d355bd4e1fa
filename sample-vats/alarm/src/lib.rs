//! Reminds of things, once or again and again, also of what came due while the host was down.

use std::time::Duration;

use ocap_guest_sdk::prelude::*;

/// What it was told to remind of, and the timer that ticks for it.
#[derive(Durable, Default)]
pub struct Alarm {
    reminders: Vec<This<Reminder>>,
    /// It ticks for as long as somebody holds it: here, for as long as it is kept.
    beat: Option<Cap>,
    ticks: u64,
}

#[object]
impl Alarm {
    /// Reminds of something after so many milliseconds.
    fn remind(&mut self, milliseconds: u64, what: String) -> Result<()> {
        self.note(timer()?.after(Duration::from_millis(milliseconds)), what)
    }

    /// Reminds of something at a time, in milliseconds since 1970.
    fn remind_at(&mut self, time: u64, what: String) -> Result<()> {
        self.note(timer()?.at(time), what)
    }

    /// Everything it was told, oldest first, with the time when it reminded of it.
    fn reminders(&self) -> Vec<Reminder> {
        self.reminders.iter().map(|reminder| reminder.read(Reminder::clone)).collect()
    }

    /// Begins to count, one each period.
    async fn beat(this: This<Self>, milliseconds: u64) -> Result<()> {
        let beat = timer()?.every(Duration::from_millis(milliseconds), &this.cap()).await?;
        this.with(|alarm| alarm.beat = Some(beat));
        Ok(())
    }

    /// What the timer says.
    fn tick(&mut self, _time: u64) {
        self.ticks += 1;
    }

    fn ticks(&self) -> u64 {
        self.ticks
    }

    /// Ends the beat.
    fn cancel(&self) -> Result<Promise<()>> {
        let beat = self.beat.as_ref().ok_or_else(|| Error::new("no-beat", "nothing ticks"))?;
        Ok(beat.call("cancel", ()))
    }

    /// Lets the timer go. It ends by itself, because nobody else holds it.
    fn forget(&mut self) {
        self.beat = None;
    }

    /// The timer, to be held by somebody else too.
    fn lend(&self) -> Option<Cap> {
        self.beat.clone()
    }
}

impl Alarm {
    /// The answer goes to a durable object: it comes also when this vat, or the whole host, was restarted meanwhile.
    fn note(&mut self, time: Promise<u64>, what: String) -> Result<()> {
        let reminder = This::durable(Reminder { what, rang: None });
        time.then(&reminder, Reminder::ring);
        self.reminders.push(reminder);
        Ok(())
    }
}

/// One thing to be reminded of.
#[derive(Durable, Default, Clone, Serialize)]
struct Reminder {
    what: String,
    /// In milliseconds since 1970.
    rang: Option<u64>,
}

#[object]
impl Reminder {
    #[answer]
    fn ring(&mut self, time: Result<u64>) {
        match time {
            Ok(time) => {
                info!("time for: {}", self.what);
                self.rang = Some(time);
            }
            Err(error) => error!("the timer will not ring: {error}"),
        }
    }
}

fn timer() -> Result<Timer> {
    context().timer()
}

vat!(Alarm, Reminder);

#[cfg(test)]
mod tests;
