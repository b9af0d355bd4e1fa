//! Kernels for the tests of this room.

use ocap_kernel::{Grant, Kernel, Launch, LaunchVat, WhenQuarantined};

/// A kernel with the subcluster `web`, which has the channel `llm` and the vats `v0`, `v1` and so on. Each is granted others by number,
/// under these names.
pub(super) fn web(vats: usize, granted: impl Fn(usize) -> Vec<(String, usize)>) -> Kernel {
    let vat = |number: usize| LaunchVat {
        name: format!("v{number}"),
        code: b"".as_slice().into(),
        parameters: b"".as_slice().into(),
        grants: granted(number).into_iter().map(|(name, other)| (name, Grant::Vat(format!("v{other}")))).collect(),
        mailbox_max: 10,
        references_max: 1_000,
        turns: 1,
        when_quarantined: WhenQuarantined::Park,
    };
    let mut kernel = Kernel::empty();
    let launch = Launch {
        name: "web".to_owned(),
        bootstrap: "v0".to_owned(),
        declaration: b"".as_slice().into(),
        host_objects: vec![("io.llm".to_owned(), "channel/web/llm".to_owned())],
        vats: (0..vats).map(vat).collect(),
    };
    kernel.launch(launch).expect("it agrees with itself");
    kernel
}

/// The same of two vats, of which the first is granted the second.
pub(super) fn pair() -> Kernel {
    web(2, |number| if number == 0 { vec![("vat.v1".to_owned(), 1)] } else { Vec::new() })
}
