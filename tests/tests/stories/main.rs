//! Stories through the real binary: one theme a file, one true sentence a test.

mod bundles;
mod channels;
mod commands;
mod declarations;
mod doctor;
mod endings;
mod fairness;
mod hibernation;
mod issue963;
mod issue964;
mod kill;
mod launch;
mod limits;
mod misbehaver;
mod poison;
mod python;
mod quarantine;
mod references;
mod reset;
mod restart;
mod restarted;
mod revoke;
mod scenes;
mod terminate;
mod upgrade;
