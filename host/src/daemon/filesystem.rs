//! Where a home may lie: on a file system of this machine, because on others neither locks nor syncs can be relied on.

use cap_std::fs::{Dir, MetadataExt};

use super::home::Home;
use crate::problem::Problem;

/// Which file systems a home may lie on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystems {
    /// Those of this machine.
    Local,
    /// All, because the operator says so.
    Any,
}

/// The file system types that reach over a network, by the number that the system has for each (`linux/magic.h`).
const REMOTE: &[(u32, &str)] = &[
    (0x0000_6969, "NFS"),
    (0x0000_517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x0102_1997, "9P"),
    (0x5346_414f, "AFS"),
    (0x6b41_4653, "AFS"),
    (0x7375_7245, "Coda"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
    (0x0000_564c, "NCP"),
    (0x0116_1970, "GFS2"),
    (0x7461_636f, "OCFS2"),
];

/// FUSE: a program stands behind it, and only its name says what it does.
const FUSE: u32 = 0x6573_5546;

/// Programs behind FUSE that keep their files on a disk of this machine.
const LOCAL_FUSE: &[&str] = &["fuseblk", "fuse.gocryptfs", "fuse.encfs", "fuse.cryfs", "fuse.mergerfs", "fuse.bindfs"];

/// Sees that the home lies where locks and syncs do what they say.
///
/// # Errors
/// If it does not, or the system does not tell.
pub fn check(home: &Home, allowed: FileSystems, processes: &Dir) -> Result<(), Problem> {
    if allowed == FileSystems::Any {
        return Ok(());
    }
    let unknown = |error: &(dyn std::error::Error + 'static)| {
        let message = format!("the system does not tell what the home {} lies on", home.path().display());
        Problem::new("ocap::home::unusable", message).because(error)
    };
    let found = rustix::fs::fstatfs(home.dir()).map_err(|error| unknown(&error))?;
    // The number has 32 bits and comes in a wider word, on some machines with its sign.
    let magic = (found.f_type as u64 & u64::from(u32::MAX)) as u32;
    let kind = match REMOTE.iter().find(|(number, _)| *number == magic) {
        Some((_, kind)) => Some((*kind).to_owned()),
        None if magic == FUSE => {
            let device = home.dir().dir_metadata().map_err(|error| unknown(&error))?.dev();
            let mounts = processes.read_to_string("self/mountinfo").map_err(|error| unknown(&error))?;
            let kind = kind_of_device(&mounts, device).unwrap_or("fuse");
            (!LOCAL_FUSE.contains(&kind)).then(|| format!("`{kind}`"))
        }
        None => None,
    };
    kind.map_or(Ok(()), |kind| Err(remote(home, &kind)))
}

fn remote(home: &Home, kind: &str) -> Problem {
    let message = format!(
        "the home {} lies on a file system of type {kind}, which is not this machine's alone",
        home.path().display()
    );
    let mut problem = Problem::new("ocap::home::remote", message);
    problem.causes.push(
        "there a lock may not keep another host out, and what was synced may be lost: two hosts could write one store, or one lose what it \
         acknowledged"
            .to_owned(),
    );
    problem.with_help("choose a directory on a disk of this machine: `ocap-host --home DIR ...`; if you know better, `--any-filesystem`")
}

/// A line is `36 35 98:0 /root /mount options - type source super-options`, with any number of fields before the dash.
fn kind_of_device(mounts: &str, device: u64) -> Option<&str> {
    let device = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    mounts.lines().find_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        (mount.split(' ').nth(2)? == device).then(|| kind.split(' ').next()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::test_home;
    use crate::powers::Powers;

    #[test]
    fn a_home_on_this_machine_is_taken() {
        let (_root, home) = test_home();
        let processes = Powers::of_this_process().processes().expect("/proc");
        assert_eq!(check(&home, FileSystems::Local, &processes), Ok(()));
        assert_eq!(check(&home, FileSystems::Any, &processes), Ok(()));
    }

    #[test]
    fn the_type_of_a_mount_is_found_behind_any_number_of_optional_fields() {
        let mounts = "22 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw\n\
                      40 22 0:45 / /mnt/far rw,nosuid - fuse.sshfs me@there:/ rw,user_id=0\n";
        assert_eq!(kind_of_device(mounts, rustix::fs::makedev(0, 45)), Some("fuse.sshfs"));
        assert_eq!(kind_of_device(mounts, rustix::fs::makedev(254, 0)), Some("ext4"));
        assert_eq!(kind_of_device(mounts, rustix::fs::makedev(9, 9)), None);
    }

    #[test]
    fn a_refusal_says_why_and_what_to_do() {
        let (_root, home) = test_home();
        let problem = remote(&home, "NFS");
        assert!(problem.message.contains("type NFS"), "{problem}");
        assert!(problem.help.is_some_and(|help| help.contains("--any-filesystem")));
    }
}
