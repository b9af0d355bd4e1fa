//! The settings of `host.toml` as operators see them.

use cap_std::fs::MetadataExt;

use crate::daemon::home::CONFIG;
use crate::daemon::{Home, HostRecord, Phase, processes};
use crate::declaration::HostConfig;
pub use crate::declaration::Setting;
use crate::powers::Powers;
use crate::problem::Problem;

/// Every setting, with the line of `host.toml` that says it.
///
/// # Errors
/// If the file can't be read, or what is wrong in it.
pub fn list(home: Option<&Home>) -> Result<Vec<Setting>, Problem> {
    let Some(home) = home else { return HostConfig::settings("", CONFIG) };
    let name = home.path_of(CONFIG).display().to_string();
    match home.dir().read_to_string(CONFIG) {
        Ok(text) => HostConfig::settings(&text, &name),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => HostConfig::settings("", &name),
        Err(error) => Err(super::house::unusable(home, CONFIG, &error)),
    }
}

/// Advice if a host runs that has read the file before its last change.
///
/// # Errors
/// If the system does not tell of its processes.
pub fn changed_since_start(home: &Home, powers: Powers) -> Result<Option<Problem>, Problem> {
    let (Ok(Some(record)), Ok(metadata)) = (HostRecord::read(home), home.dir().metadata(CONFIG)) else {
        return Ok(None);
    };
    let runs = record.phase == Phase::Ready && record.process.runs(&processes(powers)?);
    let changed_ms = u64::try_from(metadata.mtime()).unwrap_or(0).saturating_mul(1_000);
    Ok((runs && changed_ms > record.since_ms).then(|| {
        Problem::new("ocap::host_config::changed", "host.toml was changed after the host had read it")
            .at_path(CONFIG, home.path_of(CONFIG).display())
            .with_help("what is listed is in force from the next start on: `ocap-host stop`, then `ocap-host run`")
            .as_advice()
    }))
}
