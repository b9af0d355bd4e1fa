//! What can be wrong with a component before it has run at all: whoever gave it can mend it.

use crate::escape::escape_short;

/// Bytes of a name or a reason that came with the component.
const TEXT_BYTES_MAX: usize = 1 << 10;

/// Why a component cannot be a vat. All text in it is escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// Some other kind of file.
    #[error("the file is not WebAssembly: it begins with `{beginning}`")]
    NotWasm {
        /// Its first bytes.
        beginning: String,
    },
    /// WebAssembly, but without the component around it that says what it needs and offers.
    #[error("the file is a core WebAssembly module, not a component")]
    CoreModule,
    /// A version of the format that this host does not know.
    #[error("the file is a component of format version {version:#x}, which this host does not know")]
    OtherFormat {
        /// As the file has it.
        version: u32,
    },
    /// It ends in the middle.
    #[error("the file is cut short: {bytes} bytes, and a section would end at byte {end}")]
    Truncated {
        /// What there is.
        bytes: u64,
        /// What there would have to be at least.
        end: u64,
    },
    /// It wants what no vat is given.
    #[error("the component imports what this host does not have: {}", names.join(", "))]
    UnknownImports {
        /// All of them: an interface, or `interface#function`.
        names: Vec<String>,
    },
    /// It offers too little to be a vat.
    #[error("the component does not export `{name}`")]
    MissingExport {
        /// What world `ocap:vat/vat` asks for.
        name: String,
    },
    /// An import or export by the right name has another type.
    #[error("the component and this host disagree about a type: {reason}")]
    WrongType {
        /// Which, and how.
        reason: String,
    },
    /// The compiler refused it.
    #[error("the component does not compile: {reason}")]
    DoesNotCompile {
        /// The compiler's words.
        reason: String,
    },
}

impl Fault {
    /// Stable, for programs and for people who search for it.
    pub fn code(&self) -> &'static str {
        match self {
            Fault::Empty => "ocap::component::empty",
            Fault::NotWasm { .. } => "ocap::component::not_wasm",
            Fault::CoreModule => "ocap::component::core_module",
            Fault::OtherFormat { .. } => "ocap::component::other_format",
            Fault::Truncated { .. } => "ocap::component::truncated",
            Fault::UnknownImports { .. } => "ocap::component::unknown_import",
            Fault::MissingExport { .. } => "ocap::component::missing_export",
            Fault::WrongType { .. } => "ocap::component::wrong_type",
            Fault::DoesNotCompile { .. } => "ocap::component::does_not_compile",
        }
    }

    /// What mends it, in one sentence.
    pub fn help(&self) -> &'static str {
        match self {
            Fault::Empty | Fault::Truncated { .. } => {
                "build or copy the file again; it was probably not written to its end"
            }
            Fault::NotWasm { .. } => {
                "name a component: what `cargo build --target wasm32-wasip2` leaves as a `.wasm` file"
            }
            Fault::CoreModule => "build it for `wasm32-wasip2`, or wrap it with `wasm-tools component new`",
            Fault::OtherFormat { .. } => "build it with tools of the same time as this host",
            Fault::UnknownImports { .. } => {
                "a vat has no network of its own: declare a channel and list it under `uses`, or build without this import"
            }
            Fault::MissingExport { .. } => "build it against world `ocap:vat/vat`, for instance with guest-sdk",
            Fault::WrongType { .. } => "build it against the `vat.wit` of this host's version",
            Fault::DoesNotCompile { .. } => {
                "build it again without features of WebAssembly that are not in general use"
            }
        }
    }

    /// The first reason of all in an error of wasmtime, with what it was about.
    pub(crate) fn wrong_type(error: &wasmtime::Error) -> Fault {
        Fault::WrongType { reason: chain(error) }
    }

    /// The same of the compiler.
    pub(crate) fn does_not_compile(error: &wasmtime::Error) -> Fault {
        Fault::DoesNotCompile { reason: chain(error) }
    }
}

/// An error and those beneath it, in one line.
fn chain(error: &wasmtime::Error) -> String {
    let words: Vec<String> = error.chain().map(|error| error.to_string()).collect();
    escape_short(&words.join(": "), TEXT_BYTES_MAX)
}

/// Looks at the outside of a file: whether it is a whole component at all.
///
/// # Errors
/// The first thing that is wrong with it. What is inside the sections is the compiler's to judge.
pub(crate) fn inspect(file: &[u8]) -> Result<(), Fault> {
    const MAGIC: &[u8] = b"\0asm";
    const CORE_MODULE: u32 = 1;
    const COMPONENT: u32 = 0x0001_000d;
    if file.is_empty() {
        return Err(Fault::Empty);
    }
    let bytes = file.len() as u64;
    let Some((header, _)) = file.split_first_chunk::<8>() else {
        return Err(if MAGIC.starts_with(&file[..file.len().min(4)]) {
            Fault::Truncated { bytes, end: 8 }
        } else {
            not_wasm(file)
        });
    };
    let [magic @ .., a, b, c, d] = header;
    if magic != MAGIC {
        return Err(not_wasm(file));
    }
    match u32::from_le_bytes([*a, *b, *c, *d]) {
        COMPONENT => whole(file),
        CORE_MODULE => Err(Fault::CoreModule),
        version => Err(Fault::OtherFormat { version }),
    }
}

fn not_wasm(file: &[u8]) -> Fault {
    let beginning = String::from_utf8_lossy(&file[..file.len().min(16)]);
    Fault::NotWasm { beginning: escape_short(&beginning, TEXT_BYTES_MAX) }
}

/// Walks over the sections: each is an id, a length and as many bytes.
fn whole(file: &[u8]) -> Result<(), Fault> {
    let bytes = file.len() as u64;
    let mut at = 8;
    while at < file.len() {
        let Some((length, digits)) = leb128(&file[at + 1..]) else {
            return Err(Fault::Truncated { bytes, end: bytes + 1 });
        };
        let end = (at + 1 + digits) as u64 + length;
        if end > bytes {
            return Err(Fault::Truncated { bytes, end });
        }
        at = end as usize;
    }
    Ok(())
}

/// A number of at most 32 bits and how many bytes it takes; `None` where the input ends before it.
fn leb128(input: &[u8]) -> Option<(u64, usize)> {
    let mut number = 0;
    for (index, byte) in input.iter().take(5).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((number, index + 1));
        }
    }
    // Five bytes that all say "more" are malformed, not short: the compiler has a better word for that.
    (input.len() >= 5).then_some((0, 5))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    #[test]
    fn each_kind_of_wrong_file_has_its_own_name() {
        assert_eq!(inspect(b""), Err(Fault::Empty));
        assert_eq!(inspect(b"\0as"), Err(Fault::Truncated { bytes: 3, end: 8 }));
        assert_eq!(inspect(b"\0asm\x01\0\0\0"), Err(Fault::CoreModule));
        assert_eq!(inspect(b"\0asm\x0e\0\x01\0"), Err(Fault::OtherFormat { version: 0x0001_000e }));
        assert_eq!(
            inspect(b"(component)\x1b[2J"),
            Err(Fault::NotWasm { beginning: "(component)\\u{1b}[2J".to_owned() })
        );
        assert_eq!(inspect(b"#!"), Err(Fault::NotWasm { beginning: "#!".to_owned() }));
    }

    #[test]
    fn a_component_that_ends_inside_a_section_is_cut_short() {
        let whole = [COMPONENT, b"\x00\x03abc\x00\x81\x00x"].concat();
        assert_eq!(inspect(&whole), Ok(()));
        for length in 9..whole.len() {
            let cut = inspect(&whole[..length]);
            // After the first section it might be whole: only the compiler can miss the rest.
            assert_eq!(cut.is_ok(), length == 13, "{length}: {cut:?}");
        }
        assert_eq!(inspect(&whole[..12]), Err(Fault::Truncated { bytes: 12, end: 13 }));
    }
}
