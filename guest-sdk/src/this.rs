//! An object of this vat, seen from inside.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use crate::answer::Outcome;
use crate::args::Args;
use crate::bindings::ocap::vat::kernel::{self, Lifetime};
use crate::body::Body;
use crate::collections::{Place as Part, SWEEPER, Within, sweep};
use crate::durable::ROOT;
use crate::interface::{DESCRIBE, Description};
use crate::numbered::Numbered;
use crate::{Cap, Durable, Error, Implements, Interface, Object, Remote, durable, migration, then};

/// Numbers of objects that end with the incarnation begin here; those of durable ones never come so far.
pub(crate) const EPHEMERAL_IDS: u64 = 1 << 62;

/// An object of this vat, seen from inside: what asynchronous methods have instead of `self`.
///
/// [`This::read`] and [`This::with`] look at the state for as long as a plain closure takes, never across an await. While a closure looks,
/// no other may look at the same object: that is a mistake in the vat's code and panics.
///
/// By serde it is a capability to the object. Read from a message or from durable state it is one only if that capability is to an object of this
/// vat and of this type, so an argument `purse: This<Purse>` can not be another vat's.
pub struct This<T: 'static> {
    id: u64,
    place: Place<T>,
    /// Keeps a durable object from being dropped while something of it still runs.
    held: Option<Cap>,
}

/// Where the state is.
enum Place<T: 'static> {
    Store(&'static Access<T>),
    Heap(Rc<RefCell<T>>),
}

/// How state gets out of the store and back. A table of functions, since objects that end with the incarnation need not be [`Durable`].
struct Access<T> {
    load: fn(u64) -> (T, Option<Body>),
    save: fn(u64, &T, Option<Body>),
}

thread_local! {
    /// Objects that end with the incarnation, by number.
    static HEAP: RefCell<Numbered<Rc<dyn HeapObject>>> = const { RefCell::new(Numbered::new()) };
    static NEXT_EPHEMERAL: Cell<u64> = const { Cell::new(EPHEMERAL_IDS) };
    /// Objects that a closure is looking at.
    static BORROWED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

impl<T: Object> This<T> {
    /// A new object that ends with the incarnation: for closures and sessions.
    pub fn ephemeral(object: T) -> This<T> {
        let id = NEXT_EPHEMERAL.replace(NEXT_EPHEMERAL.get() + 1);
        This { id, place: Place::Heap(Rc::new(RefCell::new(object))), held: None }
    }

    /// A capability to the object, to be handed out.
    pub fn cap(&self) -> Cap {
        match &self.place {
            Place::Store(_) if self.held.is_some() => self.held.clone().expect("just seen"),
            Place::Store(_) => Cap::new(kernel::expose(self.id, Lifetime::Durable)),
            Place::Heap(state) => {
                HEAP.with_borrow_mut(|heap| heap.insert(self.id, state.clone()));
                Cap::new(kernel::expose(self.id, Lifetime::Incarnation))
            }
        }
    }

    /// The same, as a capability with an interface that the object implements.
    pub fn remote<I: Interface + ?Sized>(&self) -> Remote<I>
    where
        T: Implements<I>,
    {
        Remote::new(self.cap())
    }

    /// Looks at the state.
    pub fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        let _borrow = Borrow::of::<T>(self.id);
        match &self.place {
            Place::Store(access) => {
                let (state, body) = (access.load)(self.id);
                let result = look(&state);
                remember(self.id, body);
                result
            }
            Place::Heap(state) => look(&state.borrow()),
        }
    }

    /// Looks at the state and may change it. A durable object's is saved if it did.
    pub fn with<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let _borrow = Borrow::of::<T>(self.id);
        match &self.place {
            Place::Store(access) => {
                let (mut state, before) = (access.load)(self.id);
                let result = change(&mut state);
                (access.save)(self.id, &state, before);
                result
            }
            Place::Heap(state) => change(&mut state.borrow_mut()),
        }
    }

    /// The same, for a method that may go on after this delivery: nobody else may hold the object by then.
    #[doc(hidden)]
    pub fn hold(&self) -> This<T> {
        let mut held = self.clone();
        if let (Place::Store(_), None, 1..) = (&held.place, &held.held, held.id) {
            held.held = Some(held.cap());
        }
        held
    }

    /// The object of this vat that a capability refers to, if it is one of this type.
    pub fn of(cap: &Cap) -> Option<This<T>>
    where
        T: Durable,
    {
        let id = cap.local()?;
        if id >= EPHEMERAL_IDS {
            let object = HEAP.with_borrow(|heap| heap.get(id).cloned())?;
            let state = object.as_any().downcast().ok()?;
            return Some(This { id, place: Place::Heap(state), held: None });
        }
        let is_kind = durable::kind_of_object(id)?.name == T::KIND;
        is_kind.then(|| This { held: Some(cap.clone()), ..This::stored(id) })
    }

    pub(crate) fn is_durable(&self) -> bool {
        matches!(self.place, Place::Store(_))
    }
}

impl<T: Object + Durable> This<T> {
    /// A new durable object. It lives until nobody holds a capability to it, in a handle or in durable state; then its state goes too.
    ///
    /// # Panics
    /// If the kind is not named in `vat!`, or the state can not be written.
    pub fn durable(object: T) -> This<T> {
        assert!(durable::kind(T::KIND).is_some(), "vat!(..) does not name the kind `{}`", T::KIND);
        let id = durable::next_id();
        durable::save(id, &durable::to_body(id, &object).unwrap_or_else(|error| panic!("`{}`: {error}", T::KIND)));
        let mut this = This::stored(id);
        this.held = Some(this.cap());
        this
    }
}

impl<T: Durable> This<T> {
    /// The durable object of that number; it is there when it is looked at.
    pub(crate) fn stored(id: u64) -> This<T> {
        let access = const { &Access { load: load::<T>, save: save::<T> } };
        This { id, place: Place::Store(access), held: None }
    }
}

impl<T: Object + Durable + Default> This<T> {
    /// The root, which is `Default` until it is first saved.
    pub(crate) fn root() -> This<T> {
        let access = const { &Access { load: load_root::<T>, save: save::<T> } };
        This { id: ROOT, place: Place::Store(access), held: None }
    }

    /// State of an older version becomes state of this one, before anything else happens.
    pub(crate) fn bring_up_to_date(&self) -> Result<(), Error> {
        try_load::<T>(ROOT).map(drop)
    }
}

impl<T> Clone for This<T> {
    fn clone(&self) -> This<T> {
        let place = match &self.place {
            Place::Store(access) => Place::Store(access),
            Place::Heap(state) => Place::Heap(state.clone()),
        };
        This { id: self.id, place, held: self.held.clone() }
    }
}

fn load<T: Durable>(id: u64) -> (T, Option<Body>) {
    load_or(id, || panic!("the state of object {id}, a `{}`, is gone", T::KIND))
}

fn load_root<T: Durable + Default>(id: u64) -> (T, Option<Body>) {
    load_or(id, T::default)
}

fn load_or<T: Durable>(id: u64, default: impl FnOnce() -> T) -> (T, Option<Body>) {
    let loaded = try_load(id)
        .unwrap_or_else(|error| panic!("the state of object {id} can not be read as a `{}`: {error}", T::KIND));
    match loaded {
        Some((state, before)) => (state, Some(before)),
        None => (Part::Object(id).within(default), None),
    }
}

/// The state, and what is kept of it. What is of an older version is kept in this one from now on.
fn try_load<T: Durable>(id: u64) -> Result<Option<(T, Body)>, Error> {
    let Some(mut body) = durable::load(id) else { return Ok(None) };
    let (state, is_up_to_date) = Part::Loading(id).within(|| migration::from_body(&mut body))?;
    if is_up_to_date {
        return Ok(Some((state, body)));
    }
    let body = durable::to_body(id, &state)?;
    durable::save(id, &body);
    Ok(Some((state, body)))
}

fn save<T: Durable>(id: u64, state: &T, before: Option<Body>) {
    let after = durable::to_body(id, state)
        .unwrap_or_else(|error| panic!("the state of object {id}, a `{}`, can not be kept: {error}", T::KIND));
    if before.is_none_or(|before| before.bytes != after.bytes || before.caps != after.caps) {
        durable::save(id, &after);
    }
    durable::remember(id, after);
}

fn remember(id: u64, body: Option<Body>) {
    if let Some(body) = body {
        durable::remember(id, body);
    }
}

/// While it lives, nobody else looks at the object.
struct Borrow {
    id: u64,
    _part: Within,
}

impl Borrow {
    fn of<T>(id: u64) -> Borrow {
        let is_borrowed = BORROWED.with_borrow(|borrowed| borrowed.contains(&id));
        assert!(
            !is_borrowed,
            "object {id}, a `{}`, is being looked at already: end one `read` or `with` before the next begins",
            std::any::type_name::<T>()
        );
        BORROWED.with_borrow_mut(|borrowed| borrowed.push(id));
        Borrow { id, _part: Part::of(id).enter() }
    }
}

impl Drop for Borrow {
    fn drop(&mut self) {
        BORROWED.with_borrow_mut(|borrowed| borrowed.retain(|id| *id != self.id));
    }
}

/// An object that ends with the incarnation, whatever its type.
trait HeapObject {
    fn deliver(self: Rc<Self>, id: u64, method: &str, args: Args) -> Outcome;
    fn describe(&self) -> Description;
    fn as_any(self: Rc<Self>) -> Rc<dyn Any>;
}

impl<T: Object> HeapObject for RefCell<T> {
    fn deliver(self: Rc<Self>, id: u64, method: &str, args: Args) -> Outcome {
        T::dispatch(&This { id, place: Place::Heap(self), held: None }, method, args)
    }

    fn describe(&self) -> Description {
        T::describe()
    }

    fn as_any(self: Rc<Self>) -> Rc<dyn Any> {
        self
    }
}

/// Delivers to any object but the root. `None` if there is no such object.
pub(crate) fn deliver(id: u64, method: &str, args: Args) -> Option<Outcome> {
    if id >= EPHEMERAL_IDS {
        let object = HEAP.with_borrow(|heap| heap.get(id).cloned())?;
        return Some(match method {
            DESCRIBE => object.describe().answer(),
            _ => object.deliver(id, method, args),
        });
    }
    if id == SWEEPER {
        return Some(sweep::deliver(args));
    }
    let name = durable::kind_name(id)?;
    if name == then::KIND {
        return Some(then::deliver(durable::load(id)?, method, args.into_body()));
    }
    let kind = durable::kind(&name)?;
    Some(match method {
        DESCRIBE => (kind.describe)().answer(),
        _ => (kind.deliver)(id, method, args),
    })
}

/// Nobody holds the object any more.
pub(crate) fn dropped(id: u64) {
    match id {
        // The root is never dropped, and the sweeper has nothing to lose.
        ROOT | SWEEPER => (),
        1..SWEEPER => durable::remove(id),
        EPHEMERAL_IDS.. => drop(HEAP.with_borrow_mut(|heap| heap.remove(id))),
    }
}

impl<T: Object> Serialize for This<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.cap().serialize(serializer)
    }
}

impl<'de, T: Object + Durable> Deserialize<'de> for This<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<This<T>, D::Error> {
        let cap = Cap::deserialize(deserializer)?;
        This::of(&cap).ok_or_else(|| D::Error::custom(format_args!("not a `{}` of this vat", T::KIND)))
    }
}
