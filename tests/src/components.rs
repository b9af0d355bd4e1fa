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
