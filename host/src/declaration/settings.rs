//! What `host.toml` settles, key by key, with the line that says it.

use super::HostConfig;
use super::host::{MemoryBudget, VatLimits};
use super::read::Section;
use super::text::Text;
use super::units::{show_bytes, show_time};
use crate::problem::Problem;

/// A setting in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its dotted key.
    pub key: String,
    /// As it would be written.
    pub value: String,
    /// The line of its key, from 1; none where the file says nothing of it.
    pub line: Option<u64>,
}

impl HostConfig {
    /// Every setting, in a fixed order. An empty text is a file that is not there.
    ///
    /// # Errors
    /// As [`HostConfig::parse`].
    pub fn settings(text: &str, file: &str) -> Result<Vec<Setting>, Problem> {
        let HostConfig { roots, ceilings, memory, log, system, telemetry } = HostConfig::parse(text, file)?;
        let VatLimits { memory_bytes, crank, store_bytes, mailbox, references } = ceilings;
        let MemoryBudget { awake_vats, heap_bytes } = memory;
        let unlimited = |value: Option<String>| value.unwrap_or_else(|| "unlimited".to_owned());
        let roots: Vec<String> = roots.iter().map(|root| root.display().to_string()).collect();
        let mut settings = vec![
            ("channels.roots".to_owned(), format!("[{}]", roots.join(", "))),
            ("limits.memory".to_owned(), show_bytes(memory_bytes)),
            ("limits.crank".to_owned(), show_time(crank)),
            ("limits.store".to_owned(), show_bytes(store_bytes)),
            ("limits.mailbox".to_owned(), mailbox.to_string()),
            ("limits.references".to_owned(), references.to_string()),
            ("memory.awake_vats".to_owned(), unlimited(awake_vats.map(|vats| vats.to_string()))),
            ("memory.heaps".to_owned(), unlimited(heap_bytes.map(show_bytes))),
            ("log.file".to_owned(), show_bytes(log.file_bytes)),
            ("log.files".to_owned(), log.files.to_string()),
        ];
        settings.extend(system.into_iter().map(|one| (format!("system.{}.declaration", one.name), one.declaration)));
        settings.extend(telemetry.into_iter().map(|endpoint| ("telemetry.endpoint".to_owned(), endpoint)));
        let text = Text::new("host_config", text, file)?;
        let document = text.document()?;
        let whole = Section::whole(&text, &document);
        let line = |key: &str| {
            let mut parts = key.split('.');
            let mut item = whole.get(parts.next()?)?;
            for part in parts {
                item = item.section().ok()?.get(part)?;
            }
            Some(1 + text.text[..item.key_at.start].matches('\n').count() as u64)
        };
        Ok(settings.into_iter().map(|(key, value)| Setting { line: line(&key), key, value }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_listed_with_the_line_that_says_it() {
        let text = "# mine\n[limits]\nmemory = \"2GiB\"\n\n[memory]\nheaps = \"unlimited\"\n[system.steward]\ndeclaration = \"s.toml\"\n";
        let settings = HostConfig::settings(text, "host.toml").expect("a good file");
        let said = settings.iter().filter_map(|one| Some((one.key.as_str(), one.value.as_str(), one.line?)));
        let expected = [
            ("limits.memory", "2GiB", 3),
            ("memory.heaps", "unlimited", 6),
            ("system.steward.declaration", "s.toml", 8),
        ];
        assert_eq!(said.collect::<Vec<_>>(), expected);
        let default = |key: &str| settings.iter().find(|one| one.key == key).map(|one| one.value.as_str());
        assert_eq!((default("limits.crank"), default("channels.roots")), (Some("10s"), Some("[]")));
    }
}
