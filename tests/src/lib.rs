//! Stories through the real binary: what they have in common.
//!
//! A story has a [`Place`] of its own: a temporary directory with a home and whatever a user keeps beside it. It starts the binary
//! there with an empty environment, and sees of it what a user sees: standard streams, exit status, sockets, files. Every wait ends
//! after [`PATIENCE`] with a failure, so that a host that hangs is a test that fails, and a story that hangs all the same ends the test
//! program with its name; nothing here measures time. No process outlives the value that stands for it.

mod background;
mod built;
mod compiled;
pub mod components;
pub mod damage;
mod dialogue;
mod halted;
mod host;
mod http;
mod line;
mod ocap;
mod patience;
mod place;
mod sample;
mod screen;
mod terminal;
mod time;
mod watch;
mod wire;

pub use background::Background;
pub use built::{ocap_host, repository, sample_component};
pub use dialogue::Shown;
pub use halted::Halted;
pub use host::Host;
pub use http::{Http, Reply};
pub use line::LineClient;
pub use ocap::{Done, Pending};
pub use patience::{PATIENCE, eventually};
pub use place::{Hold, Place};
pub use sample::Sample;
pub use terminal::Terminal;
pub use time::is_time;
pub use wire::Wire;
