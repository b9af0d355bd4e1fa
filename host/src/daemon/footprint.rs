//! What this process takes of the system, as the system says.

use cap_std::fs::Dir;

/// Clock ticks a second in `/proc`: always 100 on the machines that the host runs on, whatever the kernel's own clock is.
const TICKS_PER_SECOND: u64 = 100;

/// Bytes of memory that it really has, and its CPU time in milliseconds; `None` for what the system does not tell.
pub fn footprint(processes: &Dir) -> (Option<u64>, Option<u64>) {
    let read = |file: &str| processes.read_to_string(format!("{}/{file}", std::process::id())).ok();
    (read("status").as_deref().and_then(resident), read("stat").as_deref().and_then(cpu_ms))
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Fields 14 and 15 of `/proc/PID/stat`: its own time and the system's for it. The second field may hold anything, see `process.rs`.
fn cpu_ms(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let ticks: Vec<u64> =
        after_name.split_ascii_whitespace().skip(11).take(2).map_while(|field| field.parse().ok()).collect();
    match ticks.as_slice() {
        [user, system] => Some((user + system) * 1_000 / TICKS_PER_SECOND),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::powers::Powers;

    #[test]
    fn this_process_takes_memory_and_time() {
        let processes = Powers::of_this_process().processes().expect("/proc");
        let (resident, cpu) = footprint(&processes);
        assert!(resident > Some(1 << 20), "{resident:?}");
        assert!(cpu.is_some());
    }

    #[test]
    fn times_are_found_behind_a_name_with_brackets() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 1 2 3 4 150 50 7 8 20 0 1 0 987654 10 11";
        assert_eq!(cpu_ms(stat), Some(2_000));
        assert_eq!(cpu_ms("7 (short) S 1"), None);
        assert_eq!(resident("VmPeak:  10 kB\nVmRSS:\t    2048 kB\n"), Some(2 << 20));
    }
}
