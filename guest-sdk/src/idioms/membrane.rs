//! A membrane: what is passed through it, in either direction, is wrapped in it too, and ends with it.

use serde::{Deserialize, Serialize};

use crate::answer::{Outcome, Reply};
use crate::args::Args;
use crate::body::Body;
use crate::{Cap, Durable, Error, Object, Promise, Result, This, Value, object, store};

/// The gate of a membrane: whoever has it can close it, for good. Name the kinds [`Membrane`] and [`Facet`] in `vat!`.
#[derive(Durable)]
pub struct Membrane {
    open: bool,
}

/// An object as it looks from the other side of a membrane.
#[derive(Durable)]
pub struct Facet {
    gate: Cap,
    target: Cap,
    holder: Side,
}

/// Where somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Side {
    Inside,
    Outside,
}

impl Membrane {
    /// A membrane around an object: `(wrapped, gate)`.
    ///
    /// `wrapped` is the object as it looks from outside. Every capability that goes in or comes out in an argument or an answer looks like
    /// that too, from the side on which it arrives; one that comes back to its own side is itself again, and the same one is wrapped the
    /// same way each time. From the moment on when somebody calls the method `revoke` of `gate`, everything that ever went through is
    /// answered with the error `object-revoked`.
    ///
    /// What goes through is kept until then. A promise goes through as an object that passes messages on, so an await of it does not wait;
    /// the answers of calls do come as they should. What is being answered when the vat is restarted is lost.
    pub fn around(target: &Cap) -> (Cap, Cap) {
        let gate = This::durable(Membrane { open: true }).cap();
        (wrapped(&gate, target, Side::Outside), gate)
    }
}

#[object]
impl Membrane {
    fn revoke(this: This<Self>) {
        this.with(|membrane| membrane.open = false);
        let prefix = prefix(&this.cap());
        loop {
            let keys = store::raw_keys(&prefix, None, 256);
            if keys.is_empty() {
                break;
            }
            for key in &keys {
                store::raw_remove(key);
            }
        }
    }
}

impl Object for Facet {
    fn dispatch(this: &This<Self>, method: &str, args: Args) -> Outcome {
        let (gate, target, holder) = this.read(|facet| (facet.gate.clone(), facet.target.clone(), facet.holder));
        let call = check(&gate).and_then(|()| {
            let args: Vec<Value> = args.list()?.into_iter().map(|value| carry(value, &gate, holder.other())).collect();
            let answer: Promise<Value> = target.call(method, args.as_slice());
            Ok(answer)
        });
        match call {
            Err(error) => Outcome::Now(Err(error)),
            Ok(answer) => Outcome::Later(Box::pin(async move {
                let answer = answer.await;
                // It may have been closed meanwhile.
                check(&gate)?;
                Reply::new(&carry(answer?, &gate, holder))
            })),
        }
    }
}

fn check(gate: &Cap) -> Result<()> {
    let open = This::<Membrane>::of(gate).is_some_and(|gate| gate.read(|gate| gate.open));
    if open { Ok(()) } else { Err(Error::new("object-revoked", "the membrane was closed")) }
}

/// A value as it arrives on the other side.
fn carry(value: Value, gate: &Cap, to: Side) -> Value {
    value.map(&mut |cap| {
        // What was wrapped for the side that it leaves now is at home where it goes.
        let home = This::<Facet>::of(&cap).and_then(|facet| {
            facet.read(|facet| (facet.gate == *gate && facet.holder != to).then(|| facet.target.clone()))
        });
        home.unwrap_or_else(|| wrapped(gate, &cap, to))
    })
}

/// The facet of an object for whoever is on that side: always the same one.
fn wrapped(gate: &Cap, target: &Cap, holder: Side) -> Cap {
    let key = [prefix(gate), vec![holder as u8], target.slot().to_be_bytes().to_vec()].concat();
    let known = store::raw_get(&key).and_then(|body| body.read::<Cap>().ok());
    known.unwrap_or_else(|| {
        let facet = This::durable(Facet { gate: gate.clone(), target: target.clone(), holder }).cap();
        store::raw_put(&key, &Body::write(&facet).expect("a capability can be kept"));
        facet
    })
}

/// Where a membrane keeps its facets: as long as one is kept, its target keeps its slot.
fn prefix(gate: &Cap) -> Vec<u8> {
    let id = gate.local().expect("a gate is an object of this vat");
    [b"membrane/".as_slice(), &id.to_be_bytes()].concat()
}

impl Side {
    fn other(self) -> Side {
        match self {
            Side::Inside => Side::Outside,
            Side::Outside => Side::Inside,
        }
    }
}
