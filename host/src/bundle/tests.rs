//! Bundles that are accepted, and every way in which one is not.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tar::{Builder, EntryType, Header};

use super::layout::{self, Blob};
use super::pack::assemble;
use super::*;
use crate::component::{Blobs, CodeSource, Digest, UserFiles};
use crate::problem::Problem;

const DECLARATION: &str = r#"name = "pair"
bootstrap = "one"
[vats.one]
component = "one.wasm"
uses = ["vat.two"]
[vats.two]
component = "out/two.wasm"
[vats.twin]
component = "./one.wasm"
"#;

/// A directory with a declaration and its components.
struct Desk {
    directory: tempfile::TempDir,
    files: UserFiles,
}

impl Desk {
    fn new(declaration: &str) -> Desk {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(directory.path().join("out")).expect("made");
        let desk = Desk { directory, files: UserFiles::ambient() };
        desk.write("subcluster.toml", declaration.as_bytes());
        desk.write("one.wasm", b"\0asm one");
        desk.write("out/two.wasm", &[7; 1000]);
        desk
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.at(name), bytes).expect("written");
    }

    fn pack(&self) -> Result<Listing, Problem> {
        pack(&self.at("subcluster.toml"), &self.at("x.ocap"), &self.files)
    }

    fn blobs(&self) -> Blobs {
        let path = self.at("blobs");
        std::fs::create_dir_all(&path).expect("made");
        let authority = cap_std::ambient_authority();
        Blobs::new(cap_std::fs::Dir::open_ambient_dir(path, authority).expect("opened")).expect("a store")
    }
}

fn components() -> BTreeMap<String, Vec<u8>> {
    let one = b"\0asm one".to_vec();
    let pairs = [("one.wasm", one.clone()), ("./one.wasm", one), ("out/two.wasm", vec![7; 1000])];
    pairs.into_iter().map(|(path, bytes)| (path.to_owned(), bytes)).collect()
}

fn good() -> Vec<u8> {
    assemble(DECLARATION, &components()).expect("assembled")
}

fn code(bytes: Vec<u8>) -> &'static str {
    Bundle::open(bytes, "x.ocap").err().map_or("accepted", |fault| fault.code().trim_start_matches("ocap::bundle::"))
}

/// The members of the good bundle, to be changed and written again.
fn members() -> BTreeMap<String, Vec<u8>> {
    let bytes = good();
    let places = archive::read(&bytes).expect("a good archive");
    places.into_iter().map(|(name, range)| (name, bytes[range].to_vec())).collect()
}

fn written(members: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let borrowed = members.iter().map(|(name, bytes)| (name.clone(), bytes.as_slice())).collect();
    archive::write(&borrowed).expect("written")
}

/// The good bundle with one more entry, put at its place in the order.
fn with_entry(name: &str, kind: EntryType, link: &str, bytes: &[u8]) -> Vec<u8> {
    let mut entries: Vec<(Header, Vec<u8>)> = Vec::new();
    let header = |name: &str, kind, link: &str, size: usize| {
        let mut header = Header::new_ustar();
        header.as_ustar_mut().expect("ustar").name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_link_name_literal(link).expect("a link");
        header.set_size(size as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_entry_type(kind);
        header.set_cksum();
        header
    };
    let mut added = Some((header(name, kind, link, bytes.len()), bytes.to_vec()));
    for (member, content) in members() {
        if name < member.as_str() {
            entries.extend(added.take());
        }
        entries.push((header(&member, EntryType::Regular, "", content.len()), content));
    }
    entries.extend(added);
    let mut builder = Builder::new(Vec::new());
    for (header, content) in entries {
        builder.append(&header, content.as_slice()).expect("appended");
    }
    builder.into_inner().expect("finished")
}

#[test]
fn a_packed_bundle_is_opened_with_all_that_was_packed() {
    let bundle = Bundle::open(good(), "x.ocap").expect("a good bundle");
    assert_eq!(bundle.declaration.text(), DECLARATION);
    assert_eq!(bundle.declaration.file(), "x.ocap/subcluster.toml");
    for (path, bytes) in components() {
        assert_eq!(bundle.component(&path), Some((Digest::of(&bytes), bytes.as_slice())), "{path}");
    }
    assert_eq!(bundle.component("three.wasm"), None);
}

#[test]
fn the_same_declaration_and_components_make_the_same_bytes_everywhere() {
    let (here, there) = (Desk::new(DECLARATION), Desk::new(DECLARATION));
    assert_eq!(here.pack().expect("packed"), there.pack().expect("packed"));
    let bytes = std::fs::read(here.at("x.ocap")).expect("read");
    assert_eq!(bytes, good());
    assert_eq!(bytes, std::fs::read(there.at("x.ocap")).expect("read"));
    // If this changes, bundles that are out in the world are refused: the form needs a new version instead.
    assert_eq!(
        Digest::of(&bytes).to_string(),
        "sha256:c99d3728b39adc9a08840adfea1b36002a4e5122759312e371ad85fcb4579524"
    );
}

#[test]
fn a_listing_tells_each_component_and_whose_code_it_is() {
    let desk = Desk::new(DECLARATION);
    let listing = desk.pack().expect("packed");
    assert_eq!(Bundle::inspect(&desk.at("x.ocap"), &desk.files).expect("inspected"), listing);
    let told: Vec<_> =
        listing.components.iter().map(|listed| (listed.path.as_str(), listed.size, &listed.vats[..])).collect();
    let vats = |name: &str| vec![name.to_owned()];
    assert_eq!(
        told,
        [("./one.wasm", 8, &vats("twin")[..]), ("one.wasm", 8, &vats("one")), ("out/two.wasm", 1000, &vats("two"))]
    );
    assert!(listing.to_string().starts_with("pair (bootstrap one), "), "{listing}");
}

#[test]
fn malicious_archives_are_refused_each_for_its_own_reason() {
    let blob = Blob::of(b"evil").name();
    let regular = EntryType::Regular;
    let clash = "blobs/SHA256/".to_owned() + &Digest::of(b"evil").hex();
    let cases = [
        ("a name that leads upwards", with_entry("../evil", regular, "", b"evil"), "foreign_name"),
        (
            "a name that leads upwards from within",
            with_entry("blobs/sha256/../evil", regular, "", b"evil"),
            "foreign_name",
        ),
        ("an absolute name", with_entry("/etc/evil", regular, "", b"evil"), "foreign_name"),
        ("another file", with_entry("README", regular, "", b"evil"), "foreign_name"),
        ("a name that differs in case", with_entry(&clash, regular, "", b"evil"), "foreign_name"),
        ("a digest in upper case", with_entry(&blob.to_uppercase(), regular, "", b"evil"), "foreign_name"),
        ("a terminal's control codes as name", with_entry("\u{1b}[2J", regular, "", b"evil"), "foreign_name"),
        ("a symbolic link", with_entry(&blob, EntryType::Symlink, "/etc/passwd", b""), "not_a_regular_file"),
        ("a hard link", with_entry(&blob, EntryType::Link, "oci-layout", b""), "not_a_regular_file"),
        ("a directory", with_entry("blobs/", EntryType::Directory, "", b""), "not_a_regular_file"),
        ("a device", with_entry(&blob, EntryType::Char, "", b""), "not_a_regular_file"),
        (
            "a long name of the GNU kind",
            with_entry("././@LongLink", EntryType::GNULongName, "", b"x"),
            "not_a_regular_file",
        ),
        (
            "an extension of the PAX kind",
            with_entry("PaxHeader", EntryType::XHeader, "", b"9 size=1\n"),
            "not_a_regular_file",
        ),
        ("a sparse file", with_entry(&blob, EntryType::GNUSparse, "", b""), "not_a_regular_file"),
        ("a member twice", with_entry("index.json", regular, "", b"{}"), "duplicate"),
        ("a regular file with a link's target", with_entry(&blob, regular, "/etc/passwd", b"evil"), "damaged"),
        ("a blob that nothing refers to", with_entry(&blob, regular, "", b"evil"), "unreferenced"),
    ];
    for (what, bytes, word) in cases {
        assert_eq!(code(bytes), word, "{what}");
    }
}

#[test]
fn entries_out_of_order_are_refused() {
    let mut builder = Builder::new(Vec::new());
    for (name, content) in members().iter().rev() {
        let alone = written(&BTreeMap::from([(name.clone(), content.clone())]));
        builder.append(Header::from_byte_slice(&alone[..512]), content.as_slice()).expect("appended");
    }
    assert_eq!(code(builder.into_inner().expect("finished")), "out_of_order");
}

#[test]
fn more_entries_than_the_limit_are_refused() {
    let mut members = members();
    for number in 0..ENTRIES_MAX {
        let bytes = number.to_string().into_bytes();
        members.insert(Blob::of(&bytes).name(), bytes);
    }
    assert_eq!(code(written(&members)), "too_many_entries");
}

#[test]
fn a_size_that_lies_is_refused_in_both_directions_and_allocates_nothing() {
    let bytes = good();
    let (name, range) = archive::read(&bytes).expect("good").into_iter().next().expect("an entry");
    for size in [range.len() as u64 + 1, range.len() as u64 - 1, 0, 1 << 20, 8 << 30, (1 << 33) - 1] {
        let mut lying = bytes.clone();
        let mut header = Header::from_byte_slice(&lying[..512]).clone();
        header.set_size(size);
        header.set_cksum();
        lying[..512].copy_from_slice(header.as_bytes());
        assert!(matches!(code(lying), "damaged" | "truncated" | "size_mismatch"), "{name} of {size} bytes");
    }
}

#[test]
fn a_bundle_that_was_cut_anywhere_is_refused() {
    let bytes = good();
    for length in 0..bytes.len() {
        let word = code(bytes[..length].to_vec());
        let expected = if length < 262 { "not_a_bundle" } else { "truncated" };
        assert_eq!(word, expected, "cut after {length} of {} bytes", bytes.len());
    }
}

#[test]
fn whatever_follows_the_end_is_refused() {
    for tail in [&b"\0"[..], b"x", &[0; 512], &[0; 10240], &good()] {
        assert_eq!(code([&good(), tail].concat()), "trailing_bytes");
    }
}

#[test]
fn one_flipped_bit_anywhere_is_refused() {
    let bytes = good();
    for position in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[position] ^= 1 << (position % 8);
        assert_ne!(code(altered), "accepted", "byte {position}");
    }
}

#[test]
fn an_altered_component_is_named_with_the_digest_that_was_found() {
    let mut members = members();
    let blob = Blob::of(&[7; 1000]);
    members.insert(blob.name(), vec![8; 1000]);
    let fault = Bundle::open(written(&members), "x.ocap").expect_err("altered");
    let problem = fault.into_problem("x.ocap", std::path::Path::new("/tmp/x.ocap"));
    assert_eq!(problem.code, "ocap::bundle::digest_mismatch");
    assert!(problem.message.starts_with("the bundle /tmp/x.ocap is refused: its `blobs/sha256/"), "{problem}");
    assert!(problem.message.ends_with(&Digest::of(&[8; 1000]).to_string()), "{problem}");
    assert_eq!(problem.path_written.as_deref(), Some("x.ocap"));
}

#[test]
fn a_missing_member_is_named() {
    for name in members().keys() {
        let mut members = members();
        members.remove(name);
        assert_eq!(code(written(&members)), "lacks", "{name}");
    }
}

/// The good bundle with other documents, whose digests are right.
fn with_documents(change_manifest: impl Fn(String) -> String, change_index: impl Fn(String) -> String) -> Vec<u8> {
    let mut members = members();
    let old = layout::read_index(&members[layout::INDEX]).expect("good");
    let manifest = members.remove(&old.name()).expect("there");
    let manifest = change_manifest(String::from_utf8(manifest).expect("text")).into_bytes();
    let index = layout::index(&Blob::of(&manifest));
    members.insert(Blob::of(&manifest).name(), manifest);
    members.insert(layout::INDEX.to_owned(), change_index(String::from_utf8(index).expect("text")).into_bytes());
    written(&members)
}

#[test]
fn documents_say_what_a_bundle_can_say_in_one_form_and_nothing_more() {
    let same = |text: String| text;
    assert_eq!(code(with_documents(same, same)), "accepted");
    let cases: [(&str, &str, &str); 8] = [
        ("{\"config\"", "{ \"config\"", "foreign_document"),
        ("\"schemaVersion\":2", "\"schemaVersion\":2,\"subject\":null", "foreign_document"),
        ("\"schemaVersion\":2", "\"schemaVersion\":2,\"unheard\":1", "foreign_document"),
        ("\"schemaVersion\":2", "\"schemaVersion\":3", "foreign_document"),
        ("application/wasm", "application/x-sh", "foreign_document"),
        ("vnd.ocap.subcluster.v1+toml", "vnd.oci.image.config.v1+json", "foreign_document"),
        ("vnd.ocap.component.path", "title", "foreign_document"),
        ("\"size\":1000", "\"size\":1001", "size_mismatch"),
    ];
    for (from, to, word) in cases {
        let changed = with_documents(|text| text.replacen(from, to, 1), same);
        assert_eq!(code(changed), word, "{from} -> {to}");
    }
    assert_eq!(code(with_documents(same, |text| text + "\n")), "foreign_document");
    assert_eq!(code(with_documents(|text| text[..text.len() - 1].to_owned(), same)), "foreign_document");
    let nested = with_documents(|_| "[".repeat(100_000), same);
    assert_eq!(code(nested), "foreign_document");
}

#[test]
fn manifest_and_declaration_name_the_same_components() {
    let mut more = components();
    more.insert("three.wasm".to_owned(), b"three".to_vec());
    assert_eq!(code(assemble(DECLARATION, &more).expect("assembled")), "unreferenced");
    let mut fewer = components();
    fewer.remove("one.wasm");
    assert_eq!(code(assemble(DECLARATION, &fewer).expect("assembled")), "lacks");
}

#[test]
fn a_component_over_64_mib_is_refused() {
    let mut large = components();
    large.insert("out/two.wasm".to_owned(), vec![0; (64 << 20) + 1]);
    assert_eq!(code(assemble(DECLARATION, &large).expect("assembled")), "too_large");
}

#[test]
fn a_wrong_declaration_in_a_bundle_is_pointed_at() {
    let wrong = DECLARATION.replacen("vat.two", "vat.tow", 1);
    let fault = Bundle::open(assemble(&wrong, &components()).expect("assembled"), "x.ocap").expect_err("wrong");
    let problem = fault.into_problem("x.ocap", std::path::Path::new("/tmp/x.ocap"));
    assert_eq!(problem.code, "ocap::declaration::undeclared_use");
    assert_eq!(problem.span.expect("a place").file, "x.ocap/subcluster.toml");
}

#[test]
fn what_depends_on_one_machine_is_not_packed_and_not_opened() {
    let linked = DECLARATION.replacen("component = \"one.wasm\"", "component = \"one.wasm\"\nlink = true", 1);
    let digest = DECLARATION.replacen("\"one.wasm\"", &format!("\"{}\"", Digest::of(b"x")), 1);
    for text in [&linked, &digest] {
        let problem = Desk::new(text).pack().expect_err("not portable");
        assert_eq!((problem.code.as_str(), problem.vat.as_deref()), ("ocap::bundle::not_portable", Some("one")));
        assert!(problem.span.is_some());
        assert_eq!(code(assemble(text, &components()).expect("assembled")), "not_portable");
    }
}

#[test]
fn packing_without_a_component_names_vat_and_path_and_writes_nothing() {
    let desk = Desk::new(DECLARATION);
    std::fs::remove_file(desk.at("out/two.wasm")).expect("removed");
    let problem = desk.pack().expect_err("missing");
    assert_eq!((problem.code.as_str(), problem.vat.as_deref()), ("ocap::component::missing", Some("two")));
    assert_eq!(problem.path_written.as_deref(), Some("out/two.wasm"));
    assert!(!desk.at("x.ocap").exists());
}

#[test]
fn a_bundle_is_never_written_over_what_it_is_made_of() {
    let desk = Desk::new(DECLARATION);
    for input in ["subcluster.toml", "one.wasm"] {
        let problem = pack(&desk.at("subcluster.toml"), &desk.at(input), &desk.files).expect_err("an input");
        assert_eq!(problem.code, "ocap::bundle::output_is_input");
    }
    assert_eq!(std::fs::read(desk.at("one.wasm")).expect("read"), b"\0asm one");
}

#[test]
fn a_source_is_known_by_its_content_and_gives_the_same_code_either_way() {
    let desk = Desk::new(DECLARATION);
    desk.pack().expect("packed");
    std::fs::rename(desk.at("x.ocap"), desk.at("x.toml")).expect("renamed");
    let blobs = desk.blobs();
    let open = |name: &str| Source::open(&desk.at(name), &desk.files).expect("a source");
    let (plain, bundled) = (open("subcluster.toml"), open("x.toml"));
    assert_eq!(plain.declaration.difference(&bundled.declaration), Vec::<String>::new());
    for vat in ["one", "two", "twin"] {
        let code = |source: &Source| source.code(vat, &desk.files, &blobs).expect("found");
        let (here, there) = (code(&plain), code(&bundled));
        assert_eq!(here.bytes, there.bytes);
        assert_eq!(here.record.written, there.record.written);
        assert_eq!(there.record.resolved, desk.at("x.toml").display().to_string());
        assert!(there.record.advice(&desk.files).is_none());
    }
}

#[test]
fn code_from_a_bundle_runs_on_when_the_bundle_is_gone_or_changed_and_says_so() {
    let desk = Desk::new(DECLARATION);
    desk.pack().expect("packed");
    let blobs = desk.blobs();
    let source = Source::open(&desk.at("x.ocap"), &desk.files).expect("a source");
    let VatCode { bytes, record } = source.code("two", &desk.files, &blobs).expect("found");
    blobs.put(&bytes).expect("kept");
    desk.write("x.ocap", b"another");
    let advice = || record.advice(&desk.files).map(|advice| advice.code());
    assert_eq!(advice(), Some("ocap::component::source_changed"));
    std::fs::remove_file(desk.at("x.ocap")).expect("removed");
    assert_eq!(advice(), Some("ocap::component::source_gone"));
    assert_eq!(record.load(&blobs, &desk.files).expect("loaded"), bytes);
}

#[test]
fn a_linked_vat_and_one_named_by_digest_have_their_own_records() {
    let blobs_of = |desk: &Desk| desk.blobs();
    let linked =
        Desk::new(&DECLARATION.replacen("component = \"one.wasm\"", "component = \"one.wasm\"\nlink = true", 1));
    let source = Source::open(&linked.at("subcluster.toml"), &linked.files).expect("a source");
    let code = source.code("one", &linked.files, &blobs_of(&linked)).expect("found");
    assert_eq!(code.record.source, CodeSource::Linked);
    assert_eq!(code.record.resolved, linked.at("one.wasm").display().to_string());

    let digest = Digest::of(b"kept");
    let stored = Desk::new(&DECLARATION.replacen("\"one.wasm\"", &format!("\"{digest}\""), 1));
    let source = Source::open(&stored.at("subcluster.toml"), &stored.files).expect("a source");
    let problem = source.code("one", &stored.files, &blobs_of(&stored)).expect_err("not kept yet");
    assert_eq!(problem.code, "ocap::component::not_stored");
    blobs_of(&stored).put(b"kept").expect("kept");
    let code = source.code("one", &stored.files, &blobs_of(&stored)).expect("found");
    assert_eq!((code.bytes.as_slice(), code.record.resolved), (&b"kept"[..], digest.to_string()));
}

#[test]
fn a_source_that_is_neither_is_refused_with_what_it_is() {
    let desk = Desk::new(DECLARATION);
    desk.write("latin1.toml", b"name = \"\xe9\"");
    desk.write("empty.toml", b"");
    let refused = |name: &str| Source::open(&desk.at(name), &desk.files).expect_err("no source");
    let wasm = refused("one.wasm");
    assert_eq!(wasm.code, "ocap::bundle::not_a_bundle");
    assert!(wasm.message.ends_with("it is not a bundle, but WebAssembly code"), "{wasm}");
    assert_eq!(refused("latin1.toml").code, "ocap::source::not_a_text");
    assert_eq!(refused("empty.toml").code, "ocap::declaration::missing_key");
    assert_eq!(refused("gone.toml").code, "ocap::source::missing");
    let directory = refused("out");
    assert_eq!(directory.code, "ocap::source::not_a_file");
    assert!(directory.help.expect("a help line").ends_with("out/subcluster.toml"));
    assert_eq!(Bundle::inspect(&desk.at("subcluster.toml"), &desk.files).expect_err("a text").code, wasm.code);
}
