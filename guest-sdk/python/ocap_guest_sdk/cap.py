"""Capabilities, promises, the store, the log: the host's side of a vat."""

from types import SimpleNamespace
from typing import Any, Self

from wit_world.imports import kernel
from wit_world.imports import log as _log
from wit_world.imports import store as _store

from .passable import Error, Reference, decode, encode, kind


class Failed(Error):
    """The kernel says so: `object-gone`, `vat-trapped`, `resolver-dropped`, ... No vat can forge it."""

    def __init__(self, code: str):
        super().__init__(code, code)


class ReleasedError(Error):
    """A capability was used after it had been released."""

    def __init__(self):
        super().__init__("capability-released", "this capability was released before")


class Wait(int):
    """What the executor is asked for by an await: the token of a watched promise."""


class Cap(Reference):
    """A capability: the right to send messages to an object or to the promise of one, wherever it lives.

    The reference is given up when Python has forgotten the last `Cap` on it, or at once with `release()` or `with cap:`; what durable
    state holds stays. Two are equal if they are the same reference; a promise never becomes equal to what it ended with.

    `await cap` waits until a promise has ended, and is its value, or the object as a `Cap`; an error is raised. What is no promise is its
    own answer.
    """

    __slots__ = ("_handle", "_slot")

    def __init__(self, handle: kernel.Cap):
        self._handle, self._slot = handle, None

    def call(self, method: str, *args: Any) -> "Cap":
        """Calls a method. Gives the promise of its answer, to which messages can be sent at once."""
        return Cap(kernel.call(lend(self), method, parcel(args)))

    def send(self, method: str, *args: Any) -> None:
        """Sends a message without asking for an answer. Nobody learns how it went."""
        kernel.send(lend(self), method, parcel(args), None)

    def call_to(self, listener: "Cap", method: str, *args: Any) -> None:
        """Calls a method whose answer goes to `listener`, a resolver, also if this vat has been restarted meanwhile. To a method of a durable
        object it goes by `then`."""
        kernel.send(lend(self), method, parcel(args), lend(listener))

    def listen(self, listener: "Cap") -> None:
        """Has what this promise ends with sent to `listener`, as `call_to` does."""
        kernel.listen(lend(self), lend(listener))

    def guard(self) -> tuple["Cap", "Cap"]:
        """A caretaker of this capability, and the right to take it back by its method `revoke`: `(guarded, revoker)`."""
        guarded, revoker = kernel.guard(lend(self))
        return Cap(guarded), Cap(revoker)

    @property
    def slot(self) -> int:
        """One number for one reference, as long as the vat holds it."""
        if self._slot is None:
            self._slot = lend(self).slot()
        return self._slot

    def release(self) -> None:
        """Gives this handle up. Releasing twice is once."""
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.__exit__(None, None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.release()

    def __await__(self):
        resolution = yield watch(self)
        match resolution:
            case kernel.Resolution_Fulfilled(payload):
                return received(payload)
            case kernel.Resolution_Forwarded(handle):
                return Cap(handle)
            case kernel.Resolution_Broken(payload):
                raise broken(payload)
            case kernel.Resolution_Failed(code):
                raise Failed(code)

    def __eq__(self, other: Any) -> bool:
        return self is other or isinstance(other, Cap) and self.slot == other.slot

    def __hash__(self) -> int:
        return hash(self.slot)

    def __repr__(self) -> str:
        return "Cap(released)" if self._handle is None else f"Cap({self.slot})"


class Resolver(Cap):
    """The right to settle a promise, once. It passes as the capability that it is. Settling anything else traps the vat."""

    __slots__ = ()

    @classmethod
    def of(cls, cap: Cap) -> "Resolver":
        """The resolver that a capability is. Takes it over: `cap` is released."""
        handle, cap._handle = lend(cap), None
        return cls(handle)

    def fulfill(self, value: Any) -> None:
        """Settles the promise with a value; with a lone capability, it is forwarded to that."""
        settle(self, answer_of(value))

    def fail(self, error: Error) -> None:
        """Breaks the promise."""
        settle(self, answer_of_error(error))


def promise() -> tuple[Cap, Resolver]:
    """A promise and the right to settle it."""
    promised, resolver = kernel.new_promise()
    return Cap(promised), Resolver(resolver)


# What goes over the border, out and in.


def lend(cap: Cap) -> kernel.Cap:
    """The handle. The one place where a released capability is found out, before the host would trap the vat for it."""
    if cap._handle is None:
        raise ReleasedError
    return cap._handle


def parcel(value: Any) -> kernel.Parcel:
    body, caps = encode(value)
    return kernel.Parcel(body, [lend(cap) for cap in caps])


def received(payload: kernel.Payload) -> Any:
    return decode(payload.body, [Cap(handle) for handle in payload.caps])


def answer_of(value: Any) -> kernel.Answer:
    """A lone capability is forwarded, so that messages sent to the answer reach it."""
    if isinstance(value, Cap):
        return kernel.Answer_Forward(lend(value))
    return kernel.Answer_Fulfill(parcel(value))


def answer_of_error(error: Error) -> kernel.Answer:
    return kernel.Answer_Break(parcel(Error(error.name, str(error))))


def settle(resolver: Cap, answer: kernel.Answer) -> None:
    handle = lend(resolver)
    resolver._handle = None
    kernel.settle(handle, answer)


def broken(payload: kernel.Payload) -> Error:
    """The error of a body that should be one. A peer can break a promise with anything."""
    try:
        it = received(payload)
    except Error:
        return Error("error", "the error can not be read")
    if isinstance(it, Error):
        return it
    return Error("error", it if isinstance(it, str) else f"the error is {kind(it)}")


_token = 0


def watch(cap: Cap) -> Wait:
    """Asks the kernel to say how a promise ends, under a new token."""
    global _token
    _token += 1
    kernel.watch(lend(cap), _token)
    return Wait(_token)


# The store. Its layout is that of every ocap-guest-sdk: `user/` for the vat's own keys, `object/` and `sdk/` for objects.


def raw_get(key: bytes) -> Any:
    payload = _store.get(key)
    return None if payload is None else received(payload)


def raw_load(key: bytes) -> tuple[Any, tuple] | None:
    """The same with what it is made of, to see later whether it has changed."""
    payload = _store.get(key)
    if payload is None:
        return None
    return received(payload), (payload.body, tuple(handle.slot() for handle in payload.caps))


def raw_put(key: bytes, value: kernel.Parcel) -> None:
    _store.put(key, value)


def raw_remove(key: bytes) -> bool:
    return _store.remove(key)


class Store:
    """The vat's own key-value store, for state that is no object. A delivery is the transaction, and reads its own writes."""

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or `default`."""
        payload = _store.get(_key(key))
        return default if payload is None else received(payload)

    def put(self, key: str, value: Any) -> None:
        """Sets a key. Capabilities in the value are held until it is overwritten or removed."""
        _store.put(_key(key), parcel(value))

    def remove(self, key: str) -> bool:
        """Removes a key. Whether there was one."""
        return _store.remove(_key(key))

    def keys(self, prefix: str = "", after: str | None = None, limit: int = 1000) -> list[str]:
        """The first `limit` keys that begin with `prefix`, in order, after the key `after`."""
        found = _store.keys(_key(prefix), None if after is None else _key(after), limit)
        return [key.removeprefix(b"user/").decode() for key in found]


def _key(key: str) -> bytes:
    return b"user/" + key.encode()


class Context:
    """What this incarnation was started with."""

    vat: str
    """The vat's name in its subcluster."""
    incarnation: int
    """1 at the first start, then one more each time the heap is new."""
    upgraded_from: str | None
    """SHA-256 of the previous incarnation's component, if that was other code."""
    parameters: dict
    """The parameters of the declaration."""
    grants: dict[str, Cap]
    """Its grants, by their names in `uses`."""

    def begin(self, boot: Any) -> None:
        self.vat, self.incarnation, self.upgraded_from = boot.vat, boot.incarnation, boot.upgraded_from
        self.parameters = decode(boot.parameters) if boot.parameters else {}
        self.grants = {name: Cap(handle) for name, handle in boot.grants}

    def grant(self, name: str) -> Cap:
        """A grant by its name, such as `vat.index` or `io.llm`."""
        if name not in self.grants:
            names = ", ".join(sorted(self.grants)) or "none"
            raise Error("no-such-grant", f"`uses` grants no `{name}` (it grants {names})")
        return self.grants[name]


def _writes(level: _log.Level):
    def write(message: Any, **fields: Any) -> None:
        _log.write(level, str(message), [(name, str(value)) for name, value in fields.items()])

    return write


store = Store()
context = Context()
log = SimpleNamespace(**{level.name.lower(): _writes(level) for level in _log.Level})


class Lines:
    """A text stream whose lines go to the log: there is no other place for what a vat prints."""

    def __init__(self, write: Any):
        self._write, self._begun = write, ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._write(line)
        return len(text)

    def flush(self) -> None:
        pass
