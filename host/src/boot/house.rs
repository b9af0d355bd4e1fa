//! What the host works with while it runs, beside the loop: its home, what the operator allows, the engine, the content store.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use cap_std::fs::{OpenOptions, OpenOptionsExt};
use hmac::{Hmac, KeyInit, Mac};
use ocap_kernel::{Kernel, SubclusterId, Vat, VatId};
use sha2::Sha256;
use tokio::sync::RwLock;

use crate::component::{Blobs, Digest, UserFiles};
use crate::daemon::Home;
use crate::daemon::events::{Events, Whom};
use crate::daemon::home::{APPS, BLOBS, CACHE, CHANNELS, CONFIG, KEY};
use crate::daemon::log::Rotation;
use crate::daemon::requests::Happening;
use crate::declaration::{Declaration, HostConfig, LogBudget, Recorded, Start};
use crate::engine::{Code, CodeCache, CrankTime, Engine, EngineError};
use crate::io;
use crate::powers::Powers;
use crate::problem::Problem;
use crate::run_loop::{Clock, Handle, RunLoop};
use crate::services;
use crate::store::StoreReader;

use super::keyed::KeyedCalls;
use super::reasons::Healed;

/// From which the tags of compiled code come instead, once a reset has renewed the secret.
const CACHE_KEY: &str = "cache-key";

/// Everything that boot and requests share.
pub(super) struct House {
    pub(super) home: Arc<Home>,
    pub(super) powers: Powers,
    /// Where what happens is told.
    pub(super) events: Events,
    pub(super) config: HostConfig,
    pub(super) engine: Engine,
    pub(super) blobs: Blobs,
    pub(super) files: UserFiles,
    /// Read-held by whoever puts a component into the content store, or finds it there, until a durable row names it: meanwhile nobody
    /// could see that it is needed. Write-held by whoever removes components.
    pub(super) unnamed_blobs: RwLock<()>,
    key: [u8; 32],
    declarations: Mutex<BTreeMap<SubclusterId, Arc<Recorded>>>,
    compiled: Mutex<BTreeMap<Digest, Code>>,
    /// What is worth knowing beyond what vats and channels show themselves.
    notices: Mutex<Vec<Problem>>,
    /// Calls that were made under a key. Only the loop's thread waits for it.
    pub(super) keyed: Mutex<KeyedCalls>,
    /// Vats that were healed, for as long as it is not known whether they work.
    pub(super) healed: Mutex<BTreeMap<VatId, Healed>>,
    /// One look at a copy of the store at a time.
    pub(super) checking: tokio::sync::Mutex<()>,
    handle: OnceLock<(Handle, StoreReader)>,
}

impl House {
    /// Opens what the home holds, and makes what it lacks.
    pub(super) fn furnish(home: &Arc<Home>, powers: Powers, events: Events) -> Result<House, Problem> {
        let config = config(home)?;
        let LogBudget { file_bytes, files } = config.log;
        events.log().rotate_by(Rotation { file_bytes, files });
        for name in [APPS, BLOBS, CACHE, CHANNELS] {
            drop(home.directory(name)?);
        }
        let open = |name| home.directory(name);
        let key = home_key(home, powers)?;
        let cache = CodeCache { dir: open(CACHE)?, key: cache_key(home).unwrap_or_else(|| of_compiled_code(&key)) };
        let engine = Engine::new(Some(cache)).map_err(|error| no_engine(&error))?;
        Ok(House {
            home: home.clone(),
            powers,
            events,
            config,
            engine,
            blobs: Blobs::new(open(BLOBS)?).map_err(|error| unusable(home, BLOBS, &error))?,
            files: UserFiles::ambient(),
            unnamed_blobs: RwLock::default(),
            key,
            declarations: Mutex::default(),
            compiled: Mutex::default(),
            notices: Mutex::default(),
            keyed: Mutex::default(),
            healed: Mutex::default(),
            checking: tokio::sync::Mutex::default(),
            handle: OnceLock::new(),
        })
    }

    /// From now on the loop, and the store behind it, can be reached.
    pub(super) fn connect(&self, handle: Handle, store: StoreReader) {
        assert!(self.handle.set((handle, store)).is_ok(), "a host has one loop");
    }

    /// The way to the loop.
    pub(super) fn handle(&self) -> &Handle {
        &self.connected().0
    }

    /// The way to the store, for copies of all of it.
    pub(super) fn store(&self) -> &StoreReader {
        &self.connected().1
    }

    fn connected(&self) -> &(Handle, StoreReader) {
        self.handle.get().expect("requests come only after the loop was started")
    }

    /// Does something on the loop's thread; the answer comes when what it caused is durable.
    pub(super) async fn act<T: Send + 'static>(
        self: &Arc<House>,
        act: impl FnOnce(&mut RunLoop, &House) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let house = self.clone();
        self.handle().act(move |run_loop| act(run_loop, &house)).await.map_err(|_| stopping())
    }

    pub(super) fn clock(&self) -> Clock {
        let powers = self.powers;
        Arc::new(move || powers.crank_time())
    }

    /// For whoever tells people when something began.
    pub(super) fn time_of_day(&self) -> io::Clock {
        let powers = self.powers;
        io::Clock(Arc::new(move || powers.now_ms()))
    }

    /// The same time as cranks see, for timers.
    pub(super) fn service_clock(&self) -> services::Clock {
        let powers = self.powers;
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Arc::new(move || {
            let CrankTime { wall, monotonic } = powers.crank_time();
            services::Now { wall_ms: milliseconds(wall), monotonic_ms: milliseconds(monotonic) }
        })
    }

    /// The declaration that a living subcluster was launched from.
    pub(super) fn declaration(&self, kernel: &Kernel, subcluster: SubclusterId) -> Result<Arc<Recorded>, Problem> {
        if let Some(known) = locked(&self.declarations).get(&subcluster) {
            return Ok(known.clone());
        }
        let row = kernel.subclusters().find(|(id, _)| *id == subcluster).map(|(_, row)| row);
        let row = row.expect("a living vat belongs to a living subcluster");
        let recorded = Declaration::from_record(&row.declaration).map_err(|fault| {
            Problem { subcluster: Some(row.name.clone()), ..Problem::from(fault) }.in_subcluster(subcluster)
        })?;
        let recorded = Arc::new(recorded);
        locked(&self.declarations).insert(subcluster, recorded.clone());
        Ok(recorded)
    }

    pub(super) fn forget_declaration(&self, subcluster: SubclusterId) {
        locked(&self.declarations).remove(&subcluster);
    }

    pub(super) fn is_eager(&self, kernel: &Kernel, vat: &Vat) -> bool {
        let Ok(recorded) = self.declaration(kernel, vat.subcluster) else { return false };
        recorded.declaration.vats.get(&vat.name).is_some_and(|declared| declared.start == Start::Eager)
    }

    /// What all random of a vat comes from: the same for as long as the home lives, and another one for each vat.
    pub(super) fn seed(&self, vat: VatId) -> [u8; 32] {
        derived(&self.key, &[b"random of a vat", &vat.0.to_be_bytes()])
    }

    /// Code by the digest of its component, so that a thousand vats of one component are prepared once.
    pub(super) fn compiled(&self, digest: &Digest) -> Option<Code> {
        locked(&self.compiled).get(digest).cloned()
    }

    pub(super) fn keep_compiled(&self, digest: Digest, code: Code) {
        locked(&self.compiled).insert(digest, code);
    }

    /// Something is worth knowing, and told as an event of the kind `problem`.
    pub(super) fn notice(&self, problem: Problem) {
        let problem = problem.begun(self.powers.now_ms());
        self.events.tell(Whom::of(&problem), Happening::Problem { problem: Box::new(problem.clone()) });
        self.note(problem);
    }

    /// The same for what is told as an event of another kind.
    pub(super) fn note(&self, problem: Problem) {
        let problem = problem.begun(self.powers.now_ms());
        crate::daemon::log::record(&problem);
        locked(&self.notices).push(problem);
    }

    pub(super) fn notices(&self) -> Vec<Problem> {
        locked(&self.notices).clone()
    }
}

/// What the operator allows.
///
/// # Errors
/// If the file can't be read, or what is wrong in it.
pub(super) fn config(home: &Home) -> Result<HostConfig, Problem> {
    match home.dir().read_to_string(CONFIG) {
        Ok(text) => HostConfig::parse(&text, &home.path_of(CONFIG).to_string_lossy()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(HostConfig::default()),
        Err(error) => Err(unusable(home, CONFIG, &error)),
    }
}

/// This machine can't run WebAssembly.
pub(super) fn no_engine(error: &EngineError) -> Problem {
    Problem::new("ocap::engine::unusable", "the WebAssembly engine can't be set up").because(error)
}

/// The code of what the host takes no more because it ends.
pub(super) const STOPPING: &str = "ocap::daemon::stopping";

/// The host ends and takes nothing more.
pub(super) fn stopping() -> Problem {
    Problem::new(STOPPING, "the host is stopping and takes nothing more").with_help("start it again: `ocap-host run`")
}

/// Compiled code of this home as it is; `None` if there is none, or no key to tell it by.
pub(super) fn code_cache(home: &Home) -> Option<CodeCache> {
    let key: [u8; 32] = home.dir().read(KEY).ok()?.as_slice().try_into().ok()?;
    let dir = home.dir().open_dir(CACHE).ok()?;
    Some(CodeCache { dir, key: cache_key(home).unwrap_or_else(|| of_compiled_code(&key)) })
}

fn home_key(home: &Home, powers: Powers) -> Result<[u8; 32], Problem> {
    match home.dir().read(KEY) {
        Ok(bytes) => <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| {
            Problem::new("ocap::home::key_damaged", "the home's key does not have 32 bytes")
                .at_path(KEY, home.path_of(KEY).display())
                .with_help("remove it: the next start makes another, and vats draw other random from then on")
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => make_key(home, powers),
        Err(error) => Err(unusable(home, KEY, &error)),
    }
}

fn of_compiled_code(key: &[u8; 32]) -> [u8; 32] {
    derived(key, &[b"compiled code"])
}

/// If it is damaged, code is compiled again: that is all it is for.
fn cache_key(home: &Home) -> Option<[u8; 32]> {
    home.dir().read(CACHE_KEY).ok()?.as_slice().try_into().ok()
}

/// Removes the home's secret, so that vats which begin anew do not draw the same random again. Compiled code is still known.
pub(super) fn renew_key(home: &Home) -> Result<(), Problem> {
    keep_compiled_code(home)?;
    match home.dir().remove_file(KEY) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(unusable(home, KEY, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Sees to it that compiled code is still known when the home's secret is another.
pub(super) fn keep_compiled_code(home: &Home) -> Result<(), Problem> {
    let key = home.dir().read(KEY).ok().and_then(|key| <[u8; 32]>::try_from(key.as_slice()).ok());
    match key.filter(|_| cache_key(home).is_none()) {
        Some(key) => {
            write_key(home, CACHE_KEY, &of_compiled_code(&key)).map_err(|error| unusable(home, CACHE_KEY, &error))
        }
        None => Ok(()),
    }
}

fn make_key(home: &Home, powers: Powers) -> Result<[u8; 32], Problem> {
    let mut key = [0; 32];
    let written = powers.fill_with_entropy(&mut key).and_then(|()| write_key(home, KEY, &key));
    written.map_err(|error| unusable(home, KEY, &error))?;
    Ok(key)
}

/// Under another name first: a key that was cut short by a crash would be taken for a damaged one.
fn write_key(home: &Home, name: &str, key: &[u8; 32]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let next = format!("{name}.next");
    drop(home.dir().remove_file(&next));
    let mut file = home.dir().open_with(&next, &options)?;
    file.write_all(key)?;
    file.sync_all()?;
    home.dir().rename(&next, home.dir(), name)
}

fn derived(key: &[u8; 32], purpose: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key length is taken");
    purpose.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// Something in the home that the host needs.
pub(super) fn unusable(home: &Home, name: &str, error: &std::io::Error) -> Problem {
    Problem::new("ocap::home::unusable", format!("{} can't be used", home.path_of(name).display()))
        .because(error)
        .with_help("see that you may read and write the home, and that its disk is not full")
}

/// What a mutex guards.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is guarded is replaced whole, so a panic elsewhere leaves it whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
