//! The library's idioms, on the real kernel.

use std::time::Duration;

use ocap_guest_sdk::idioms::{
    Asking, Attenuated, Brand, Expiry, Facet, Membrane, Powerbox, RateLimited, Request, SealedBox, Sealer, Unsealer,
    request,
};
use ocap_guest_sdk::prelude::*;
use ocap_guest_testing::{Declaration, TestHost, vat_test};

/// What only reads.
#[interface]
trait Readable {
    fn read(&self) -> Vec<String>;
}

/// Makes one of each.
#[derive(Durable, Default)]
struct Keeper {}

#[object]
impl Keeper {
    fn only(&self, target: Cap, methods: Vec<String>) -> Cap {
        Attenuated::only(&target, methods)
    }

    fn readable(&self, target: Cap) -> Remote<dyn Readable> {
        Attenuated::as_interface(&target)
    }

    fn limited(&self, target: Cap, calls: u64, milliseconds: u64) -> Cap {
        RateLimited::per(&target, calls, Duration::from_millis(milliseconds))
    }

    fn expiring(&self, target: Cap, milliseconds: u64) -> Result<Cap> {
        Ok(Expiry::after(&target, Duration::from_millis(milliseconds), &context().timer()?))
    }

    fn membrane(&self, target: Cap) -> (Cap, Cap) {
        Membrane::around(&target)
    }

    fn brand(&self) -> (Cap, Cap) {
        Brand::pair()
    }

    fn powerbox(&self) -> Cap {
        Powerbox::open()
    }
}

vat!(Keeper, Attenuated, RateLimited, Expiry, Membrane, Facet, Sealer, Unsealer, SealedBox, Powerbox, Asking);

/// Something to be careful with: an object of the test.
#[derive(Default)]
struct Diary {
    pages: Vec<String>,
    visitor: Option<Cap>,
}

#[object]
impl Diary {
    fn write(&mut self, page: String) -> usize {
        self.pages.push(page);
        self.pages.len()
    }

    fn read(&self) -> Vec<String> {
        self.pages.clone()
    }

    fn itself(this: This<Self>) -> Cap {
        this.cap()
    }

    fn meet(&mut self, visitor: Cap) {
        self.visitor = Some(visitor);
    }

    fn visitor(&self) -> Option<Cap> {
        self.visitor.clone()
    }

    fn tear(&self) -> Result<()> {
        Err(Error::new("torn", "the page is torn"))
    }
}

fn keeper(host: &TestHost) -> Cap {
    let [keeper] = host.launch([Declaration::of::<Keeper>("keeper").uses(["service.timer"])]);
    keeper
}

fn diary() -> (This<Diary>, Cap) {
    let diary = This::ephemeral(Diary::default());
    let cap = diary.cap();
    (diary, cap)
}

fn failure<T: std::fmt::Debug>(answer: Result<T>) -> String {
    answer.expect_err("it fails").name().to_owned()
}

#[vat_test]
fn a_facet_has_the_methods_it_was_given_and_no_others(host: TestHost) {
    let ((_, diary), keeper) = (diary(), keeper(&host));
    let reader: Cap = host.call(&keeper, "only", (&diary, ["read"])).expect("a facet");
    host.call::<u64>(&diary, "write", ("monday",)).expect("the diary itself takes it");
    host.restart("keeper");
    assert_eq!(host.call(&reader, "read", ()), Ok(vec!["monday".to_owned()]));
    assert_eq!(failure(host.call::<u64>(&reader, "write", ("tuesday",))), "no-such-method");
    assert_eq!(failure(host.call::<()>(&reader, "tear", ())), "no-such-method");
}

#[vat_test]
async fn a_facet_of_an_interface_has_its_methods_alone(host: TestHost) -> Result<()> {
    let ((inside, diary), keeper) = (diary(), keeper(&host));
    inside.with(|diary| diary.pages.push("monday".to_owned()));
    let readable: Remote<dyn Readable> = keeper.call("readable", (&diary,)).await?;
    assert_eq!(readable.read().await?, ["monday"]);
    assert_eq!(failure(readable.cap().call::<u64>("write", ("tuesday",)).await), "no-such-method");
    Ok(())
}

#[vat_test]
fn a_limited_facet_takes_so_many_calls_in_a_time(host: TestHost) {
    let ((_, diary), keeper) = (diary(), keeper(&host));
    let limited: Cap = host.call(&keeper, "limited", (&diary, 2, 1_000)).expect("a facet");
    let write = || host.call::<u64>(&limited, "write", ("again",));
    assert_eq!((write(), write()), (Ok(1), Ok(2)));
    let refused = write().expect_err("it is the third");
    assert_eq!(refused, Error::new("rate-limited", "too many calls: try again in 500 ms"));
    host.restart("keeper");
    host.advance(Duration::from_millis(499));
    assert_eq!(failure(write()), "rate-limited");
    host.advance(Duration::from_millis(1));
    assert_eq!(write(), Ok(3));
    assert_eq!(failure(write()), "rate-limited");
    host.advance(Duration::from_secs(60));
    assert_eq!((write(), write()), (Ok(4), Ok(5)));
    assert_eq!(failure(write()), "rate-limited");
}

#[vat_test]
fn an_expiring_capability_ends_when_its_time_is_over(host: TestHost) {
    let ((_, diary), keeper) = (diary(), keeper(&host));
    let lent: Cap = host.call(&keeper, "expiring", (&diary, 1_000)).expect("a caretaker");
    host.advance(Duration::from_millis(999));
    assert_eq!(host.call(&lent, "write", ("in time",)), Ok(1));
    host.restart("keeper");
    host.advance(Duration::from_millis(1));
    assert_eq!(failure(host.call::<u64>(&lent, "write", ("too late",))), "object-revoked");
    assert_eq!(host.call(&diary, "write", ("still there",)), Ok(2));
    host.assert_at_rest();
}

#[vat_test]
fn what_goes_through_a_membrane_is_wrapped_and_itself_again_where_it_came_from(host: TestHost) {
    let ((inside, diary), keeper) = (diary(), keeper(&host));
    let (wrapped, _gate): (Cap, Cap) = host.call(&keeper, "membrane", (&diary,)).expect("a membrane");
    assert_ne!(wrapped, diary);
    // Out of it, in an answer: always the same.
    let itself: Cap = host.call(&wrapped, "itself", ()).expect("an object");
    assert_eq!(itself, wrapped);
    // Into it, in an argument, and back out again.
    let (_, visitor) = self::diary();
    host.call::<()>(&wrapped, "meet", (&visitor,)).expect("it meets anybody");
    let met = inside.read(|diary| diary.visitor.clone()).expect("it met somebody");
    assert_ne!(met, visitor);
    assert_eq!(host.call(&wrapped, "visitor", ()), Ok(Some(visitor)));
    // Through it, from the inside to the outside.
    assert_eq!(host.call(&met, "write", ("from inside",)), Ok(1));
    host.call::<()>(&met, "meet", (&diary,)).expect("it meets anybody");
    let seen: Option<Cap> = host.call(&met, "visitor", ()).expect("an object or none");
    assert_eq!(seen, Some(diary));
    assert_eq!(failure(host.call::<()>(&wrapped, "tear", ())), "torn");
}

#[vat_test]
fn a_membrane_that_is_closed_ends_everything_that_went_through_it(host: TestHost) {
    let ((inside, diary), keeper) = (diary(), keeper(&host));
    let (wrapped, gate): (Cap, Cap) = host.call(&keeper, "membrane", (&diary,)).expect("a membrane");
    let (_, visitor) = self::diary();
    host.call::<()>(&wrapped, "meet", (&visitor,)).expect("it meets anybody");
    let met = inside.read(|diary| diary.visitor.clone()).expect("it met somebody");
    host.restart("keeper");
    assert_eq!(host.call(&met, "write", ("still open",)), Ok(1));
    host.call::<()>(&gate, "revoke", ()).expect("it closes");
    assert_eq!(failure(host.call::<u64>(&wrapped, "write", ("too late",))), "object-revoked");
    assert_eq!(failure(host.call::<u64>(&met, "write", ("too late",))), "object-revoked");
    assert_eq!(host.call(&visitor, "read", ()), Ok(vec!["still open".to_owned()]));
}

#[vat_test]
fn only_the_other_half_opens_what_was_sealed(host: TestHost) {
    let keeper = keeper(&host);
    let (sealer, unsealer): (Cap, Cap) = host.call(&keeper, "brand", ()).expect("a pair");
    let (_, stranger): (Cap, Cap) = host.call(&keeper, "brand", ()).expect("a pair");
    let sealed: Cap = host.call(&sealer, "seal", (("secret", 7),)).expect("a box");
    host.restart("keeper");
    assert_eq!(host.call(&unsealer, "open", (&sealed,)), Ok(("secret".to_owned(), 7)));
    assert_eq!(failure(host.call::<Value>(&stranger, "open", (&sealed,))), "not-sealed");
    assert_eq!(failure(host.call::<Value>(&unsealer, "open", (&keeper,))), "not-sealed");
    assert_eq!(failure(host.call::<Value>(&sealed, "open", ())), "no-such-method");
}

#[vat_test]
fn who_asks_a_powerbox_waits_until_somebody_decides(host: TestHost) {
    let ((_, diary), keeper) = (diary(), keeper(&host));
    let powerbox: Cap = host.call(&keeper, "powerbox", ()).expect("a powerbox");
    let asking: Cap = host.call(&powerbox, "asking", ("alice",)).expect("the asking side");
    let (first, second) =
        (request::<Cap>(&asking, "diary", "to write in it"), request::<Cap>(&asking, "diary", "to read it"));
    host.restart("keeper");
    let pending: Vec<Request> = host.call(&powerbox, "pending", ()).expect("a list");
    let told = |request: &Request| (request.id, request.who.clone(), request.reason.clone());
    let expected =
        [(1, "alice".to_owned(), "to write in it".to_owned()), (2, "alice".to_owned(), "to read it".to_owned())];
    assert_eq!(pending.iter().map(told).collect::<Vec<_>>(), expected);
    host.call::<()>(&powerbox, "grant", (1, &diary)).expect("it was asked for");
    host.call::<()>(&powerbox, "deny", (2, "it is private")).expect("it was asked for");
    let granted = host.wait(first).expect("it was granted");
    assert_eq!(host.call(&granted, "write", ("mine",)), Ok(1));
    assert_eq!(host.wait(second), Err(Error::new("denied", "it is private")));
    assert_eq!(failure(host.call::<()>(&powerbox, "grant", (1, &diary))), "unknown-request");
    host.call::<()>(&powerbox, "revoke", (1,)).expect("it was granted");
    assert_eq!(failure(host.call::<u64>(&granted, "write", ("no more",))), "object-revoked");
}
