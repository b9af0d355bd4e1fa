//! Whatever is wrong with what a host finds on the disk costs its own vat or channel, never the start: forty faults beside a healthy
//! subcluster, at start after start (suite 9 of the study of reliability, promises E1 and E2).

use std::fs;
use std::path::{Path, PathBuf};

use ocap_tests::damage::{Damage, OF_A_BLOB, OF_A_FILE, OF_A_SOCKET, Wound};
use ocap_tests::{Host, Place, components, eventually, is_time};
use serde_json::Value;

const BOOTS: usize = 25;
const FILES: usize = 26;
const BLOBS: usize = 8;
const SOCKETS: usize = 6;

/// A subcluster of which one thing can be damaged.
struct Victim {
    name: String,
    what: What,
}

/// What can be damaged of a victim, where it lies, and in which ways.
enum What {
    /// The file of its linked component.
    File(PathBuf),
    /// The blob of its component.
    Blob(PathBuf),
    /// The place of its channel's socket.
    Socket(PathBuf),
}

impl Victim {
    fn damages(&self) -> &'static [Damage] {
        match self.what {
            What::File(_) => OF_A_FILE,
            What::Blob(_) => OF_A_BLOB,
            What::Socket(_) => OF_A_SOCKET,
        }
    }

    fn inflict(&self, damage: &Damage) -> Wound {
        match &self.what {
            What::File(path) | What::Blob(path) => damage.to_file(path),
            What::Socket(path) => damage.to_socket(path),
        }
    }

    fn subcluster<'s>(&self, status: &'s Value) -> &'s Value {
        let subclusters = status["subclusters"].as_array().expect("a list");
        subclusters.iter().find(|one| one["name"] == self.name.as_str()).expect("it is kept")
    }

    fn id<'s>(&self, status: &'s Value) -> &'s str {
        self.subcluster(status)["id"].as_str().expect("a number")
    }

    fn vat_id<'s>(&self, status: &'s Value) -> &'s str {
        self.subcluster(status)["vats"][0]["id"].as_str().expect("a number")
    }

    /// The one diagnostic that `status` has of it.
    fn problem<'s>(&self, status: &'s Value) -> &'s Value {
        let subcluster = self.subcluster(status);
        match self.what {
            What::File(_) | What::Blob(_) => &subcluster["vats"][0]["problem"],
            What::Socket(_) => &subcluster["channels"][0]["reason"],
        }
    }
}

/// All victims and a healthy echo, launched, and their host killed.
fn launched(place: &Place) -> Vec<Victim> {
    let files: Vec<_> = (0..FILES)
        .map(|number| {
            let sample = place.sample_as("counter", &format!("file{number:02}"));
            sample.link("counter");
            sample
        })
        .collect();
    let blobs: Vec<_> = (0..BLOBS)
        .map(|number| {
            let sample = place.sample_as("counter", &format!("blob{number:02}"));
            let whole = fs::read(sample.component("counter")).expect("a component");
            let own = components::named(&whole, &format!("blob{number:02}"));
            fs::write(sample.component("counter"), own).expect("written");
            sample
        })
        .collect();
    let sockets: Vec<_> = (0..SOCKETS)
        .map(|number| {
            let sample = place.sample_as("matcher", &format!("sock{number:02}"));
            sample.replace("run/llm.sock", &format!("sock{number:02}/llm.sock"));
            sample
        })
        .collect();
    let echo = place.sample("echo");
    let declarations: Vec<PathBuf> =
        files.iter().chain(&blobs).chain(&sockets).chain([&echo]).map(ocap_tests::Sample::file).collect();
    let host = place.run(&declarations.iter().map(PathBuf::as_path).collect::<Vec<_>>());
    let digest = |name: &str| {
        let sha256 = &place.vat(name, "counter")["component"]["sha256"];
        sha256.as_str().expect("a digest").trim_start_matches("sha256:").to_owned()
    };
    let name = |kind: &str, number: usize| format!("{kind}{number:02}");
    let of_files = files
        .iter()
        .enumerate()
        .map(|(number, sample)| Victim { name: name("file", number), what: What::File(sample.component("counter")) });
    let of_blobs = (0..BLOBS)
        .map(|number| name("blob", number))
        .map(|name| Victim { what: What::Blob(blob(place, &digest(&name))), name });
    let of_sockets = (0..SOCKETS)
        .map(|number| name("sock", number))
        .map(|name| Victim { what: What::Socket(place.home("channels").join(&name).join("llm.sock")), name });
    // A blob is put back from the file that it was taken from, for as long as that is there.
    blobs.iter().for_each(|sample| drop(sample.move_away("counter")));
    let victims = of_files.chain(of_blobs).chain(of_sockets).collect();
    host.kill9();
    victims
}

fn blob(place: &Place, digest: &str) -> PathBuf {
    let file = place.listing("blobs").into_iter().find(|file| file.contains(digest)).expect("it is stored");
    place.home("blobs").join(file)
}

#[test]
fn suite9_no_fault_of_a_vat_or_a_channel_stops_a_start_and_each_has_its_diagnostic() {
    let place = Place::new();
    let victims = launched(&place);
    assert_eq!(victims.len(), 40);
    for boot in 0..BOOTS {
        let damaged: Vec<(&Victim, &Damage, Wound)> = victims
            .iter()
            .enumerate()
            .map(|(number, victim)| {
                // Another one at each start, and after some starts each at each victim.
                let damage = &victim.damages()[(number + boot) % victim.damages().len()];
                (victim, damage, victim.inflict(damage))
            })
            .collect();
        let host = place.run(&[]);
        check(&place, &host, &damaged);
        host.kill9();
        damaged.into_iter().for_each(|(_, _, wound)| wound.mend());
    }
    let host = place.run(&[]);
    eventually("everything is well again", || (place.ocap(&["status"]).status == 0).then_some(()));
    assert_eq!(host.stop(&place), 0);
}

fn check(place: &Place, host: &Host, damaged: &[(&Victim, &Damage, Wound)]) {
    assert_eq!(place.call("echo", "echo", &["well"]), "well");
    let status = place.ocap(&["status"]).expect(3).json();
    let listed = place.ocap(&["quarantine", "list"]).expect(0).json();
    let log = place.log();
    for (victim, damage, _) in damaged {
        let whose = format!("{} ({})", victim.name, damage.name);
        let problem = victim.problem(&status);
        assert_eq!(problem["code"], damage.code, "{whose}: {problem}");
        let text = |field: &str| problem[field].as_str().unwrap_or_else(|| panic!("{whose} lacks {field}: {problem}"));
        assert!(Path::new(text("path_resolved")).is_absolute(), "{whose}: {problem}");
        assert!(!text("path_written").is_empty() && text("help").len() > 10, "{whose}: {problem}");
        assert_eq!((text("subcluster"), text("subcluster_id")), (victim.name.as_str(), victim.id(&status)));
        assert!(is_time(text("since")), "{whose}: {problem}");
        assert_legible(&problem.to_string());
        let declared =
            problem["span"]["text"].as_str().unwrap_or_else(|| panic!("{whose} shows no declaration: {problem}"));
        if let What::Socket(_) = victim.what {
            assert!(declared.contains("path = "), "{problem}");
        } else {
            assert_eq!((text("vat"), text("vat_id")), ("counter", victim.vat_id(&status)));
            assert!(declared.contains("component = "), "{problem}");
            // The list, the announcement and the log say the same.
            let same = |problems: &Value| problems.as_array().is_some_and(|all| all.contains(problem));
            assert!(same(&listed["problems"]), "{whose} is not in the list");
            assert!(same(&host.ready()["problems"]), "{whose} was not announced");
        }
        let logged = |line: &&Value| line["code"] == damage.code && line["subcluster"] == victim.name.as_str();
        let logged = log.iter().rev().find(logged).unwrap_or_else(|| panic!("{whose} is not in the log"));
        for field in ["message", "help", "path_written", "path_resolved", "subcluster_id", "vat", "vat_id", "since"] {
            assert_eq!(logged[field], problem[field], "{field} of {whose}");
        }
    }
}

/// No debug output, and nothing that a terminal would obey.
fn assert_legible(text: &str) {
    for opaque in ["[object", "Error {", "Problem {", "Some(", "Os {", "ErrorKind"] {
        assert!(!text.contains(opaque), "`{opaque}` in {text}");
    }
    assert!(!text.contains('\u{1b}'), "an escape in {text}");
}
