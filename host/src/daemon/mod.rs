//! The host as a process of its system: its home, its lock, what it says of itself, and the socket by which it is asked.
//!
//! A request is checked for its shape here and handed to the run loop; what it means is not known here.

mod activation;
pub mod background;
mod chronicle;
pub mod control;
pub mod events;
pub mod eviction;
pub mod exposition;
pub mod filesystem;
pub mod footprint;
mod heart;
pub mod home;
mod lifecycle;
pub mod lock;
pub mod log;
mod peers;
mod process;
pub mod requests;
pub mod role;
mod routes;
mod server;
mod service;
pub mod shapes;
mod signals;
mod socket;
mod status_file;
mod token_socket;
pub mod tokens;

pub use chronicle::{Listener, News};
pub use filesystem::FileSystems;
pub use heart::Heart;
pub use home::Home;
pub use lifecycle::{Daemon, RunEnd, RunOptions, processes};
pub use process::{Process, give_way};
pub use signals::{Ending, Signals};
pub use status_file::{HostRecord, Phase, VERSION, spoken};

#[cfg(test)]
pub(crate) fn test_home() -> (tempfile::TempDir, Home) {
    let root = tempfile::tempdir().expect("a directory");
    let home = Home::make(&root.path().join("home"), crate::powers::Powers::of_this_process()).expect("a home");
    (root, home)
}
