//! Streams between vats: one yields, the other takes, and neither runs far ahead of the other.
//!
//! A stream is a capability with a method `next()`, which answers `{ done: false, value }`, or `{ done: true }` at the end, and is broken with the
//! error that the stream ends with. So whoever has promises can take from it, in any language. Whoever takes asks for a few values
//! ahead, the *window*; whoever yields goes on when it is asked, and waits when it is not.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_util::future::{AbortHandle, Abortable};
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::{Cap, Error, Promise, This, object, spawn};

/// How many values are asked for ahead, if nothing is said.
const WINDOW: usize = 8;

/// Values that come one after the other, from this vat or another.
///
/// ```
/// # use ocap_guest_sdk::prelude::*;
/// # async fn sum(source: Cap) -> Result<u64> {
/// let mut numbers: Stream<u64> = source.call("numbers", ()).await?;
/// let mut sum = 0;
/// while let Some(number) = numbers.next().await {
///     sum += number?;
/// }
/// # Ok(sum)
/// # }
/// ```
///
/// It passes as a capability, before anything was taken from it. Dropping it ends it: whoever yields is told, and does nothing more for it. It
/// ends with the incarnation of either vat: then the next value is an error (`incarnation-lost`, `vat-terminated`), and the last.
///
/// It is a `Stream` of `futures` too, so the combinators of its `StreamExt` work.
pub struct Stream<T> {
    cap: Cap,
    window: usize,
    asked: VecDeque<Promise<Step<T>>>,
    is_over: bool,
}

impl<T> Stream<T> {
    /// The stream behind a capability.
    pub fn new(cap: Cap) -> Stream<T> {
        Stream { cap, window: WINDOW, asked: VecDeque::new(), is_over: false }
    }

    /// Asks for so many values ahead, at least one and 8 if nothing is said: whoever yields is at most so many ahead of whoever takes.
    pub fn window(self, values: usize) -> Stream<T> {
        Stream { window: values.max(1), ..self }
    }
}

impl<T: DeserializeOwned> Stream<T> {
    /// The next value; `None` at the end. An error is the last.
    pub async fn next(&mut self) -> Option<Result<T, Error>> {
        poll_fn(|context| self.poll(context)).await
    }

    /// The same, the other way round: for `while let Some(it) = stream.try_next().await? { .. }`.
    ///
    /// # Errors
    /// What the stream ends with.
    pub async fn try_next(&mut self) -> Result<Option<T>, Error> {
        self.next().await.transpose()
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<T, Error>>> {
        while !self.is_over && self.asked.len() < self.window {
            self.asked.push_back(self.cap.call("next", ()));
        }
        let Some(first) = self.asked.front_mut() else { return Poll::Ready(None) };
        let Poll::Ready(step) = Pin::new(first).poll(context) else { return Poll::Pending };
        self.asked.pop_front();
        let value = step.map(|step| step.value).transpose();
        if !matches!(value, Some(Ok(_))) {
            // What else was asked for has no answer that matters.
            self.is_over = true;
            self.asked.clear();
        }
        Poll::Ready(value)
    }
}

impl<T: DeserializeOwned> futures_util::Stream for Stream<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(context)
    }
}

impl<T> fmt::Debug for Stream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream({:?})", self.cap)
    }
}

impl<T> Serialize for Stream<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.cap.serialize(serializer)
    }
}

impl<'de, T> Deserialize<'de> for Stream<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Stream<T>, D::Error> {
        Cap::deserialize(deserializer).map(Stream::new)
    }
}

/// What `next` answers.
struct Step<T> {
    value: Option<T>,
}

impl<T: Serialize> Serialize for Step<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut step = serializer.serialize_struct("Step", 1 + usize::from(self.value.is_some()))?;
        step.serialize_field("done", &self.value.is_none())?;
        if let Some(value) = &self.value {
            step.serialize_field("value", value)?;
        }
        step.end()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Step<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Step<T>, D::Error> {
        /// A field that is there, be it null.
        struct There<T>(Option<T>);

        impl<T> Default for There<T> {
            fn default() -> There<T> {
                There(None)
            }
        }

        impl<'de, T: Deserialize<'de>> Deserialize<'de> for There<T> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<There<T>, D::Error> {
                T::deserialize(deserializer).map(|it| There(Some(it)))
            }
        }

        #[derive(serde::Deserialize)]
        #[serde(bound = "T: Deserialize<'de>")]
        struct Fields<T> {
            done: bool,
            #[serde(default)]
            value: There<T>,
        }

        let Fields { done, value: There(value) } = Fields::deserialize(deserializer)?;
        match (done, value) {
            (true, _) => Ok(Step { value: None }),
            (false, Some(value)) => Ok(Step { value: Some(value) }),
            (false, None) => Err(serde::de::Error::missing_field("value")),
        }
    }
}

/// Where the values of a [`Stream`] go in. Dropping it ends the stream.
pub struct Sink<T> {
    flow: Rc<RefCell<Flow<T>>>,
    end: Rc<End<T>>,
}

/// Ends the stream when it is dropped, if nothing else has.
struct End<T>(Rc<RefCell<Flow<T>>>);

impl<T: Serialize + 'static> Sink<T> {
    /// Gives the next value, once it is asked for.
    ///
    /// # Errors
    /// `stream-dropped`, if nobody takes any more.
    pub async fn send(&mut self, value: T) -> Result<(), Error> {
        let mut value = Some(value);
        poll_fn(|context| {
            let mut flow = self.flow.borrow_mut();
            if flow.is_dropped {
                return Poll::Ready(Err(Error::new("stream-dropped", "nobody takes from this stream any more")));
            }
            let Some(asker) = flow.askers.pop_front() else {
                flow.sink = Some(context.waker().clone());
                return Poll::Pending;
            };
            asker.answer(Ok(Step { value: value.take() }));
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Ends the stream with an error.
    pub fn fail(self, error: impl Into<Error>) {
        self.flow.borrow_mut().end(Err(error.into()));
    }
}

impl<T> Drop for End<T> {
    fn drop(&mut self) {
        self.0.borrow_mut().end(Ok(()));
    }
}

/// A stream, and where its values go in.
///
/// The values are given by whoever has the sink, while and when that runs; [`stream`] does it in a task that ends with the stream.
pub fn pair<T: Serialize + 'static>() -> (Sink<T>, Stream<T>) {
    open(None)
}

/// A stream of what a task gives, which runs beside everything else. It ends with the task; a task that fails ends it with that error. If whoever takes
/// drops the stream, the task is dropped where it waits.
///
/// ```
/// # use ocap_guest_sdk::prelude::*;
/// # #[derive(Default, Durable)]
/// # struct Source {}
/// #[object]
/// impl Source {
///     fn numbers(&self, to: u64) -> Stream<u64> {
///         stream(async move |mut sink| {
///             for number in 0..to {
///                 sink.send(number).await?;
///             }
///             Ok(())
///         })
///     }
/// }
/// ```
pub fn stream<T: Serialize + 'static>(task: impl AsyncFnOnce(Sink<T>) -> Result<(), Error> + 'static) -> Stream<T> {
    let (abort, registration) = AbortHandle::new_pair();
    let (sink, stream) = open(Some(abort));
    // The task's sink goes with the task, before it is known how that ended.
    let end = sink.end.clone();
    let task = Abortable::new(
        async move {
            if let Err(error) = task(sink).await {
                end.0.borrow_mut().end(Err(error));
            }
        },
        registration,
    );
    spawn(async move {
        // What was dropped has nobody left to tell.
        let _ = task.await;
    });
    stream
}

fn open<T: Serialize + 'static>(task: Option<AbortHandle>) -> (Sink<T>, Stream<T>) {
    let flow = Rc::new(RefCell::new(Flow::default()));
    let source = This::ephemeral(Source { flow: flow.clone(), task });
    (Sink { flow: flow.clone(), end: Rc::new(End(flow)) }, Stream::new(source.cap()))
}

/// Between the sink and those who ask.
struct Flow<T> {
    askers: VecDeque<Asker<T>>,
    /// The sink waits until it is asked.
    sink: Option<Waker>,
    /// How it ended; an error is told once.
    end: Option<Result<(), Error>>,
    is_dropped: bool,
}

impl<T> Default for Flow<T> {
    fn default() -> Flow<T> {
        Flow { askers: VecDeque::new(), sink: None, end: None, is_dropped: false }
    }
}

impl<T> Flow<T> {
    /// The first end counts.
    fn end(&mut self, end: Result<(), Error>) {
        if self.end.is_none() {
            self.end = Some(end);
            while let Some(asker) = self.askers.pop_front() {
                asker.answer(self.last());
            }
        }
    }

    /// What is answered after the last value.
    fn last(&mut self) -> Result<Step<T>, Error> {
        match self.end.replace(Ok(())) {
            Some(Err(error)) => Err(error),
            _ => Ok(Step { value: None }),
        }
    }
}

/// One `next` that waits for its value.
struct Asker<T>(Rc<RefCell<Answer<T>>>);

struct Answer<T> {
    step: Option<Result<Step<T>, Error>>,
    waits: Option<Waker>,
}

impl<T> Asker<T> {
    fn answer(self, step: Result<Step<T>, Error>) {
        let mut answer = self.0.borrow_mut();
        answer.step = Some(step);
        if let Some(waker) = answer.waits.take() {
            waker.wake();
        }
    }
}

/// The object behind a stream.
struct Source<T> {
    flow: Rc<RefCell<Flow<T>>>,
    task: Option<AbortHandle>,
}

/// Values one after the other.
#[object(name = "Stream")]
impl<T: Serialize + 'static> Source<T> {
    /// The next value: `{ done: false, value }`, or `{ done: true }` at the end.
    async fn next(this: This<Self>) -> crate::Result<Step<T>> {
        let flow = this.read(|source| source.flow.clone());
        // Whoever only waits does not keep the stream.
        drop(this);
        let answer = Rc::new(RefCell::new(Answer { step: None, waits: None }));
        {
            let mut flow = flow.borrow_mut();
            if flow.end.is_some() {
                return flow.last();
            }
            flow.askers.push_back(Asker(answer.clone()));
            if let Some(sink) = flow.sink.take() {
                sink.wake();
            }
        }
        poll_fn(|context| {
            let mut answer = answer.borrow_mut();
            match answer.step.take() {
                Some(step) => Poll::Ready(step),
                None => {
                    answer.waits = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

/// Nobody takes from it any more.
impl<T> Drop for Source<T> {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
        let mut flow = self.flow.borrow_mut();
        flow.is_dropped = true;
        if let Some(sink) = flow.sink.take() {
            sink.wake();
        }
    }
}
