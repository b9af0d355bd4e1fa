//! What a person is told when a vat's component can't be had, or should know about it.
//!
//! One fault yields one [`Problem`], complete: vat, path as written and as resolved, the declaration's line, and what mends it.

use std::path::PathBuf;

use super::{BlobFault, CodeRecord, Digest, ReadFault};
use crate::problem::{Problem, Span};

/// Why a vat has no code, or what should be known about where its code came from.
#[derive(Debug, thiserror::Error)]
pub enum ComponentProblem {
    /// Its file can't be read.
    #[error(transparent)]
    File(#[from] ReadFault),
    /// Its file has no bytes.
    #[error("{} is empty", path.display())]
    Empty {
        /// What was tried.
        path: PathBuf,
    },
    /// Its bytes can't be had from the content store.
    #[error(transparent)]
    Blob(#[from] BlobFault),
    /// Its bytes in the content store are too many or too few.
    #[error("the content store's file for {digest} has {size} bytes, {expected} were stored")]
    WrongSize {
        /// What was asked for.
        digest: Digest,
        /// In bytes, now.
        size: u64,
        /// In bytes, when it was stored.
        expected: u64,
    },
    /// Advice: it runs from its stored bytes, its source can't be read any more.
    #[error("it runs on from its stored component, but the source is gone: {fault}")]
    SourceGone {
        /// Why not.
        fault: ReadFault,
    },
    /// Advice: it runs from its stored bytes, its source has others by now.
    #[error("it runs on from its stored component, but the source has changed: {}", path.display())]
    SourceChanged {
        /// What was compared.
        path: PathBuf,
    },
}

impl ComponentProblem {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            ComponentProblem::File(ReadFault::Missing { .. }) => "ocap::component::missing",
            ComponentProblem::File(ReadFault::Unreadable { .. }) => "ocap::component::unreadable",
            ComponentProblem::File(ReadFault::NotAFile { .. }) => "ocap::component::not_a_file",
            ComponentProblem::File(ReadFault::TooLarge { .. }) => "ocap::component::too_large",
            ComponentProblem::Empty { .. } => "ocap::component::empty",
            ComponentProblem::Blob(BlobFault::Missing { .. }) => "ocap::component::not_stored",
            ComponentProblem::Blob(BlobFault::Altered { .. }) => "ocap::component::digest_mismatch",
            ComponentProblem::Blob(BlobFault::TooLarge { .. }) => "ocap::component::too_large",
            ComponentProblem::Blob(BlobFault::House(_)) => "ocap::component::store_unusable",
            ComponentProblem::WrongSize { .. } => "ocap::component::digest_mismatch",
            ComponentProblem::SourceGone { .. } => "ocap::component::source_gone",
            ComponentProblem::SourceChanged { .. } => "ocap::component::source_changed",
        }
    }

    /// Whether the vat runs nevertheless.
    pub fn is_advice(&self) -> bool {
        matches!(self, ComponentProblem::SourceGone { .. } | ComponentProblem::SourceChanged { .. })
    }
}

impl From<ComponentProblem> for Problem {
    /// Where nobody knows whose component it is; else [`Place::diagnose`] says more.
    fn from(fault: ComponentProblem) -> Problem {
        let problem = Problem::new(fault.code(), fault.to_string());
        match std::error::Error::source(&fault) {
            Some(cause) => problem.because(cause),
            None => problem,
        }
    }
}

impl From<BlobFault> for Problem {
    fn from(fault: BlobFault) -> Problem {
        ComponentProblem::from(fault).into()
    }
}

/// Whose component it is, and where that was declared.
#[derive(Debug, Clone)]
pub struct Place {
    /// The subcluster's name.
    pub subcluster: String,
    /// The vat's name in it.
    pub vat: String,
    /// The path as written.
    pub written: String,
    /// The path that was tried.
    pub resolved: String,
    /// The place of the path in the declaration.
    pub span: Option<Span>,
    /// Whether the vat is there already.
    pub moment: Moment,
}

/// When a component is asked for: what mends it depends on that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// At its launch, which fails as a whole.
    Launch,
    /// For a vat that goes on with the code that it has.
    Upgrade,
    /// Later: the vat is quarantined and comes back.
    Service,
}

impl Place {
    /// Of a vat that was launched, whose record is at hand.
    pub fn of(subcluster: &str, vat: &str, record: &CodeRecord, span: Option<Span>) -> Place {
        Place {
            subcluster: subcluster.to_owned(),
            vat: vat.to_owned(),
            written: record.written.clone(),
            resolved: record.resolved.clone(),
            span,
            moment: Moment::Service,
        }
    }

    /// The complete diagnostic.
    pub fn diagnose(&self, fault: &ComponentProblem) -> Problem {
        let problem = self.problem(fault.code(), &fault.to_string());
        let problem = match std::error::Error::source(fault) {
            Some(cause) => problem.because(cause),
            None => problem,
        };
        if fault.is_advice() { problem.as_advice() } else { problem }
    }

    /// The same for a fault that another room found in the bytes (`ocap::component::unknown_import` and its like). `message` is a
    /// sentence, safe to show.
    pub fn problem(&self, code: &str, message: &str) -> Problem {
        let name = format!("{}/{}", self.subcluster, self.vat);
        let problem = Problem::new(code, format!("vat `{name}`: {message}"))
            .with_help(self.help(code, &name))
            .of_vat(&self.subcluster, &self.vat)
            .at_path(&self.written, &self.resolved);
        match &self.span {
            Some(span) => problem.in_text(span.clone()),
            None => problem,
        }
    }

    /// What mends it.
    fn help(&self, code: &str, name: &str) -> String {
        let retry = match self.moment {
            Moment::Launch => "then launch again".to_owned(),
            Moment::Upgrade => "then upgrade again; the vat goes on with the code that it has".to_owned(),
            Moment::Service => format!("then it heals by itself; or at once: `ocap-host quarantine retry {name}`"),
        };
        let (written, path) = (&self.written, &self.resolved);
        match code.rsplit("::").next().unwrap_or(code) {
            "missing" => format!("put the file back at {path}, {retry}"),
            "unreadable" => format!("let the host's user read it: `chmod u+r {path}`, {retry}"),
            "not_a_file" | "too_large" | "empty" => format!("put a component at {path}, {retry}"),
            "not_stored" | "digest_mismatch" => {
                format!("put the component that was launched back at {path}, {retry}")
            }
            "store_unusable" => format!("mend the home's content store (disk full? permissions?), {retry}"),
            "not_a_component" => {
                format!("build {written} as a component (`cargo build --target wasm32-wasip2`), {retry}")
            }
            "unknown_import" => {
                format!("build {written} against the host's `wit/vat.wit` without other imports, {retry}")
            }
            "missing_export" => format!("build {written} for the world `ocap:vat/vat`, {retry}"),
            "start_failed" => format!("see what {name} said in the host's log, mend what `start` lacks, {retry}"),
            "source_gone" => {
                format!("nothing need be done; to run other code: `ocap-host upgrade {name} COMPONENT`")
            }
            "source_changed" => {
                format!("to run what is there now, with the vat's state kept: `ocap-host upgrade {name}`")
            }
            _ => format!("mend {path}, {retry}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::{Absence, resolve};
    use crate::problem::Level;
    use std::path::Path;

    fn place() -> Place {
        let record = CodeRecord::linked(&resolve(Path::new("/vats"), "index.wasm"));
        Place::of("matcher", "index", &record, None)
    }

    #[test]
    fn a_missing_component_is_told_with_vat_both_paths_and_the_mending_command() {
        let path = PathBuf::from("/vats/index.wasm");
        let problem = place().diagnose(&ReadFault::Missing { path, absence: Absence::FileAlone }.into());
        assert_eq!(problem.code, "ocap::component::missing");
        assert_eq!(problem.level, Level::Error);
        assert_eq!(
            problem.to_string(),
            "vat `matcher/index`: there is no file /vats/index.wasm: its directory exists, the file does not\n\
             vat: matcher/index\npath as written: index.wasm\npath as resolved: /vats/index.wasm"
        );
        let help = problem.help.expect("a help line");
        assert!(help.starts_with("put the file back at /vats/index.wasm, then it heals by itself"), "{help}");
        assert!(help.ends_with("`ocap-host quarantine retry matcher/index`"), "{help}");
    }

    #[test]
    fn an_unreadable_component_names_the_systems_reason_as_its_cause() {
        let source = std::io::Error::from_raw_os_error(13);
        let problem = place().diagnose(&ReadFault::Unreadable { path: "/vats/index.wasm".into(), source }.into());
        assert_eq!(problem.code, "ocap::component::unreadable");
        assert_eq!(problem.causes, ["Permission denied (os error 13)"]);
        assert_eq!(problem.errno, Some(13));
    }

    #[test]
    fn a_verdict_of_the_engine_gets_the_same_form() {
        let problem = place().problem("ocap::component::unknown_import", "it imports `wasi:sockets/tcp`");
        assert_eq!(problem.message, "vat `matcher/index`: it imports `wasi:sockets/tcp`");
        assert_eq!(problem.path_resolved.as_deref(), Some("/vats/index.wasm"));
        assert!(problem.help.is_some_and(|help| help.contains("wit/vat.wit")));
    }

    #[test]
    fn a_changed_source_is_advice_that_names_the_command_that_takes_it() {
        const TAKING: &str = "to run what is there now, with the vat's state kept: `ocap-host upgrade matcher/index`";
        let problem = place().diagnose(&ComponentProblem::SourceChanged { path: "/vats/index.wasm".into() });
        assert_eq!((problem.level, problem.code.as_str()), (Level::Advice, "ocap::component::source_changed"));
        assert_eq!(problem.help.as_deref(), Some(TAKING));
    }
}
