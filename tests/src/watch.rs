//! The last resort against a story that hangs where no wait of its own ends: it would keep every other result back.

use std::io::{self, Write};
use std::process;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// How long a whole story may take: many times what the longest takes on a busy machine.
const STORY_MAX: Duration = Duration::from_secs(20 * 60);

/// A story that is under way. Unless this is dropped in time, the test program ends and says which it was.
#[derive(Debug)]
pub(crate) struct Watch {
    _under_way: Sender<()>,
}

impl Watch {
    /// For the story whose thread this is.
    pub(crate) fn begin() -> Watch {
        let (under_way, over) = mpsc::channel();
        let story = thread::current().name().unwrap_or("a story").to_owned();
        thread::spawn(move || {
            if over.recv_timeout(STORY_MAX) == Err(RecvTimeoutError::Timeout) {
                // Not by `eprintln!`, which the test runner would keep for the end that does not come.
                let _ = writeln!(io::stderr(), "{story} hangs: it has not ended within {} s", STORY_MAX.as_secs());
                process::exit(101);
            }
        });
        Watch { _under_way: under_way }
    }
}
