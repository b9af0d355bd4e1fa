//! A terminal with a command in it, and what a person would see on its screen.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::built;
use crate::patience::eventually;
use crate::place::Place;
use crate::screen::Screen;

const ROWS: u16 = 24;
const COLUMNS: u16 = 110;

/// A command that has a terminal of 24 lines of 110 characters to itself.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    keys: File,
    line: OwnedFd,
    screen: Arc<Mutex<Screen>>,
}

impl Terminal {
    /// Starts a command on the home of a place.
    ///
    /// # Panics
    /// If the system gives no terminal, or has no `setsid`.
    pub fn start(place: &Place, args: &[&str]) -> Terminal {
        let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&keys).expect("it is ours");
        unlockpt(&keys).expect("it is ours");
        let name = ptsname(&keys, Vec::new()).expect("it has a name");
        let line = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("its other side");
        let size = Winsize { ws_row: ROWS, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&keys, size).expect("it has a size");
        let stream = || Stdio::from(line.try_clone().expect("a descriptor"));
        let home = place.home("");
        // In a session of its own: what opens the terminal of its session finds this one, not that of whoever runs the tests.
        let child = Command::new("setsid")
            .arg("--ctty")
            .arg(built::ocap_host())
            .arg("--home")
            .arg(&home)
            .args(args)
            .env_clear()
            .env("TERM", "xterm")
            .env("HOME", place.root())
            .current_dir(place.root())
            .stdin(stream())
            .stdout(stream())
            .stderr(stream())
            .spawn()
            .expect("`setsid` of util-linux can be started");
        let screen = Arc::new(Mutex::new(Screen::new(usize::from(ROWS), usize::from(COLUMNS))));
        let keys = File::from(keys);
        let mut said = keys.try_clone().expect("a descriptor");
        let drawn = screen.clone();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The other side closed is an error here.
            while let Ok(count @ 1..) = said.read(&mut bytes) {
                drawn.lock().unwrap_or_else(PoisonError::into_inner).write(&bytes[..count]);
            }
        });
        Terminal { child, keys, line, screen }
    }

    /// What stands on the screen, line by line.
    pub fn text(&self) -> String {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner).text()
    }

    /// Waits until something stands on the screen; the screen then.
    ///
    /// # Panics
    /// If it does not come.
    #[track_caller]
    pub fn shows(&self, text: &str) -> String {
        eventually(&format!("`{text}` on the screen"), || Some(self.text()).filter(|screen| screen.contains(text)))
    }

    /// Presses keys.
    ///
    /// # Panics
    /// If nobody has the terminal any more.
    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("a terminal takes keys");
    }

    /// Sends the command a signal.
    ///
    /// # Panics
    /// If it has ended.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Waits until the command has ended; its exit status.
    ///
    /// # Panics
    /// If it does not, or was killed.
    #[track_caller]
    pub fn ended(&mut self) -> i32 {
        let status = eventually("the command's end", || self.child.try_wait().expect("a child of this process"));
        status.code().unwrap_or_else(|| panic!("it was killed: {status}\n{}", self.text()))
    }

    /// Whether the terminal is as it was: it shows what is typed, a line at a time, and the screen is the first one.
    ///
    /// # Panics
    /// If the system does not tell.
    pub fn is_as_it_was(&self) -> bool {
        let modes = tcgetattr(&self.line).expect("a terminal").local_modes;
        let on_first = self.screen.lock().unwrap_or_else(PoisonError::into_inner).is_first_with_cursor();
        modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG) && on_first
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended already, and then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
