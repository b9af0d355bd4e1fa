//! What waits, and for what.
//!
//! A task is polled when something it waits for has come, and only inside an exported call: there is no other time in a vat. Wakers are
//! real ones, so that any future and any combinator works.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use crate::Cap;
use crate::answer::Heard;
use crate::bindings::ocap::vat::kernel;
use crate::numbered::Numbered;

type Task = (Pin<Box<dyn Future<Output = ()>>>, Waker);

thread_local! {
    static TASKS: RefCell<Numbered<Task>> = const { RefCell::new(Numbered::new()) };
    static READY: RefCell<VecDeque<u64>> = const { RefCell::new(VecDeque::new()) };
    static WAITS: RefCell<Numbered<Wait>> = const { RefCell::new(Numbered::new()) };
    /// The next number for a task or a token.
    static NEXT: Cell<u64> = const { Cell::new(1) };
}

/// A watched promise.
enum Wait {
    Pending(Waker),
    Ended(Heard),
}

struct Wakes(u64);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        READY.with_borrow_mut(|ready| ready.push_back(self.0));
    }
}

/// Runs a future beside everything else, until it ends or the incarnation does. It begins before the delivery ends.
pub fn spawn(future: impl Future<Output = ()> + 'static) {
    let id = NEXT.replace(NEXT.get() + 1);
    let waker = Waker::from(Arc::new(Wakes(id)));
    TASKS.with_borrow_mut(|tasks| tasks.insert(id, (Box::pin(future), waker)));
    READY.with_borrow_mut(|ready| ready.push_back(id));
}

/// Polls what is ready until nothing is.
pub(crate) fn run() {
    while let Some(id) = READY.with_borrow_mut(VecDeque::pop_front) {
        // Out of the map while it runs, since it may spawn; a task that is gone has been woken twice.
        let Some((mut future, waker)) = TASKS.with_borrow_mut(|tasks| tasks.remove(id)) else { continue };
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            TASKS.with_borrow_mut(|tasks| tasks.insert(id, (future, waker)));
        }
    }
}

/// Asks the kernel to say how a promise ends.
pub(crate) fn watch(promise: &Cap, waker: &Waker) -> u64 {
    let token = NEXT.replace(NEXT.get() + 1);
    WAITS.with_borrow_mut(|waits| waits.insert(token, Wait::Pending(waker.clone())));
    kernel::watch(promise.handle(), token);
    token
}

/// How it ended, if it has; else `waker` is woken when it does.
pub(crate) fn heard(token: u64, waker: &Waker) -> Option<Heard> {
    WAITS.with_borrow_mut(|waits| {
        if let Some(Wait::Pending(earlier)) = waits.get_mut(token) {
            earlier.clone_from(waker);
            return None;
        }
        match waits.remove(token) {
            Some(Wait::Ended(heard)) => Some(heard),
            _ => None,
        }
    })
}

/// Ends a wait.
pub(crate) fn unwatch(token: u64) {
    let wait = WAITS.with_borrow_mut(|waits| waits.remove(token));
    if let Some(Wait::Pending(_)) = wait {
        kernel::unwatch(token);
    }
}

/// A promise has ended.
pub(crate) fn settled(token: u64, heard: Heard) {
    let wait = WAITS.with_borrow_mut(|waits| Some(std::mem::replace(waits.get_mut(token)?, Wait::Ended(heard))));
    if let Some(Wait::Pending(waker)) = wait {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::rc::Rc;

    use std::task::Poll;

    use super::*;

    #[test]
    fn tasks_run_until_they_wait_and_go_on_when_they_are_woken() {
        let log = Rc::new(RefCell::new(String::new()));
        let parked = Rc::new(RefCell::new(None::<Waker>));
        let (log_1, parked_1, log_2) = (log.clone(), parked.clone(), log.clone());
        spawn(async move {
            log_1.borrow_mut().push('a');
            poll_fn(|context| match parked_1.take() {
                Some(_) => Poll::Ready(()),
                None => {
                    parked_1.replace(Some(context.waker().clone()));
                    Poll::Pending
                }
            })
            .await;
            let inner = log_1.clone();
            spawn(async move { inner.borrow_mut().push('d') });
            log_1.borrow_mut().push('c');
        });
        spawn(async move { log_2.borrow_mut().push('b') });
        run();
        assert_eq!(*log.borrow(), "ab");
        let waker = parked.borrow().clone().expect("it waits");
        waker.wake_by_ref();
        waker.wake();
        run();
        assert_eq!(*log.borrow(), "abcd");
        assert!(TASKS.with_borrow(Numbered::is_empty));
    }
}
