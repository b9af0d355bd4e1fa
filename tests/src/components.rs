//! Files that are no good component, each in its own way.

/// A component with one import that no host has: `nowhere:nothing/thing`, an instance with nothing in it.
pub fn with_unknown_import() -> Vec<u8> {
    const NAME: &[u8] = b"nowhere:nothing/thing";
    let length = u8::try_from(NAME.len()).expect("a short name");
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    // Section 7, types: one, an instance type of no declarations.
    bytes.extend([7, 3, 1, 0x42, 0]);
    // Section 10, imports: one, by its plain name, an instance of type 0.
    bytes.extend([10, length + 5, 1, 0, length]);
    bytes.extend(NAME);
    bytes.extend([5, 0]);
    bytes
}

/// A component with nothing in it: no import, and no export either.
pub fn empty_component() -> Vec<u8> {
    b"\0asm\x0d\0\x01\0".to_vec()
}

/// A WebAssembly module that is no component.
pub fn core_module() -> Vec<u8> {
    b"\0asm\x01\0\0\0".to_vec()
}

/// The same component with one more core module, whose start function traps: it is sound, and can not be instantiated.
///
/// # Panics
/// If it is no component.
pub fn that_traps_when_instantiated(component: &[u8]) -> Vec<u8> {
    // A module of one type without parameters, one function of it, that function as its start, and `unreachable` as its body.
    const TRAP: &[u8] =
        &[0, b'a', b's', b'm', 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 8, 1, 0, 10, 5, 1, 3, 0, 0, 0x0b];
    let modules =
        u8::try_from(sections(component).filter(|section| *section == 1).count()).expect("a few core modules");
    let length = u8::try_from(TRAP.len()).expect("a short module");
    let mut bytes = component.to_vec();
    bytes.extend([1, length]);
    bytes.extend(TRAP);
    // Section 2, core instances: one, of that module, which needs no arguments.
    bytes.extend([2, 4, 1, 0, modules, 0]);
    bytes
}

/// The numbers of a component's sections, in their order.
fn sections(component: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = &component[8..];
    std::iter::from_fn(move || {
        let (&section, after) = rest.split_first()?;
        let digits = after.iter().position(|byte| byte & 0x80 == 0).expect("a size ends") + 1;
        let size = after[..digits].iter().rev().fold(0, |size, byte| size << 7 | usize::from(byte & 0x7f));
        rest = &after[digits + size..];
        Some(section)
    })
}

/// The same component with a name in a section that means nothing: other bytes, the same vat.
///
/// # Panics
/// If the name has more than 100 bytes.
pub fn named(component: &[u8], name: &str) -> Vec<u8> {
    let length = u8::try_from(name.len()).ok().filter(|length| *length <= 100).expect("a short name");
    let mut bytes = component.to_vec();
    // Section 0: its size, the length of its name, its name.
    bytes.extend([0, length + 1, length]);
    bytes.extend(name.as_bytes());
    bytes
}
