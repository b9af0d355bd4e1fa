//! Waiting for several things at once.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Waits for both.
///
/// ```
/// # use ocap_guest_sdk::prelude::*;
/// # async fn both(left: Cap, right: Cap) -> Result<u64> {
/// let (left, right) = join(left.call::<u64>("get", ()), right.call::<u64>("get", ())).await;
/// # Ok(left? + right?)
/// # }
/// ```
pub async fn join<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut a_done, mut b_done) = (None, None);
    poll_fn(|context| {
        if a_done.is_none() {
            a_done = ready(a.as_mut().poll(context));
        }
        if b_done.is_none() {
            b_done = ready(b.as_mut().poll(context));
        }
        match (a_done.take(), b_done.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            (a, b) => {
                (a_done, b_done) = (a, b);
                Poll::Pending
            }
        }
    })
    .await
}

/// Waits for all, and keeps their order.
pub async fn join_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = futures.into_iter().map(|future| Some(Box::pin(future))).collect();
    let mut done: Vec<_> = waiting.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, done) in waiting.iter_mut().zip(&mut done) {
            if let Some(Poll::Ready(it)) = future.as_mut().map(|future| future.as_mut().poll(context)) {
                *done = Some(it);
                *future = None;
            }
        }
        match waiting.iter().all(Option::is_none) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

fn ready<T>(poll: Poll<T>) -> Option<T> {
    match poll {
        Poll::Ready(it) => Some(it),
        Poll::Pending => None,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    /// Ready at the second poll.
    async fn slow(it: u32) -> u32 {
        let mut polls = 0;
        poll_fn(|context| {
            polls += 1;
            context.waker().wake_by_ref();
            if polls > it { Poll::Ready(it) } else { Poll::Pending }
        })
        .await
    }

    #[test]
    fn what_is_joined_ends_together_and_in_order() {
        let result = Rc::new(RefCell::new(None));
        let out = result.clone();
        crate::spawn(async move {
            let both = join(slow(3), slow(1)).await;
            let all = join_all([slow(2), slow(0), slow(1)]).await;
            out.replace(Some((both, all)));
        });
        crate::executor::run();
        assert_eq!(result.take(), Some(((3, 1), vec![2, 0, 1])));
    }
}
