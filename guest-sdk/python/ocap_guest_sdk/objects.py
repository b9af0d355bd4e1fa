"""Objects, what waits, and what the host calls."""

import functools
import inspect
import sys
import types
import typing
from collections import deque
from dataclasses import MISSING, dataclass, fields
from traceback import walk_tb
from typing import Any, Callable, Coroutine
from weakref import WeakValueDictionary

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import kernel

from .cap import (
    Cap,
    Lines,
    Wait,
    answer_of,
    answer_of_error,
    broken,
    context,
    lend,
    log,
    parcel,
    raw_get,
    raw_load,
    raw_put,
    raw_remove,
    received,
    settle,
)
from .passable import Error, kind

_EPHEMERAL_IDS = 1 << 62
"""Numbers of objects that end with the incarnation begin here."""


class Abort(BaseException):
    """Gets out to the host and traps the vat, so that nothing of this delivery has happened."""


def abort(message: str) -> typing.NoReturn:
    """Undoes the whole delivery, what was sent and kept included, and ends the incarnation. The caller hears `vat-trapped`."""
    log.error(message)
    raise Abort(message)


# Objects.


def method(function: Callable) -> Callable:
    """Makes a method callable by whoever holds a capability to the object. It may be `async`."""
    function.ocap = "method"
    return function


def answer(function: Callable) -> Callable:
    """A method of a durable object that hears an answer, given to `then`: `def heard(self, answer: Answer)`. Nobody can call it."""
    function.ocap = "answer"
    return function


def started(function: Callable) -> Callable:
    """What the root does when an incarnation begins. An exception quarantines the vat, and the operator sees its text."""
    if inspect.iscoroutinefunction(function):
        raise TypeError("a method marked @started can not be async: `spawn` what waits")
    function.ocap = "started"
    return function


@dataclass(frozen=True)
class Answer:
    """How a promise ended, as a durable object hears it."""

    value: Any = None
    error: Error | None = None

    def get(self) -> Any:
        """The value; an error is raised."""
        if self.error is not None:
            raise self.error
        return self.value


class _Object:
    _id: int | None = None
    _docs: str = ""
    _methods: dict[str, Callable] = {}
    _answers: dict[str, Callable] = {}
    _started: Callable | None = None

    def __init_subclass__(cls):
        super().__init_subclass__()
        # Before `dataclass` writes one of its own.
        cls._docs = inspect.cleandoc(vars(cls).get("__doc__") or "")
        marked = {name: it for name, it in vars(cls).items() if hasattr(it, "ocap")}
        cls._methods = cls._methods | {name: it for name, it in marked.items() if it.ocap == "method"}
        cls._answers = cls._answers | {name: it for name, it in marked.items() if it.ocap == "answer"}
        for it in marked.values():
            if it.ocap == "started":
                cls._started = it


class Ephemeral(_Object):
    """An object that ends with the incarnation: for sessions and closures. `expose` it to hand it out."""


@typing.dataclass_transform(eq_default=False)
class Durable(_Object):
    """An object whose declared fields are kept in the vat's store.

    Each subclass is a dataclass, and each field needs a default if it was added after objects were made. Fields are loaded when a message
    comes and saved at the end of the delivery if they changed; while a method waits, other deliveries see and change the same fields.
    A name that begins with `_` is not kept. The class's name is kept beside the state, so a renamed class is another kind; `kind = ".."`
    in the class says it instead.
    """

    kind: typing.ClassVar[str]
    _before: tuple | None = None

    def __init_subclass__(cls):
        super().__init_subclass__()
        cls.kind = vars(cls).get("kind", cls.__name__)
        dataclass(eq=False)(cls)
        _kinds[cls.kind] = cls

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and name not in self.__dataclass_fields__:
            raise AttributeError(f"`{type(self).__name__}` declares no field `{name}`: it would not be kept")
        object.__setattr__(self, name, value)


_kinds: dict[str, type[Durable]] = {}
_live: WeakValueDictionary[int, Durable] = WeakValueDictionary()
"""Durable objects in memory: those of this crank, and those that something waiting still looks at."""
_touched: list[Durable] = []
_heap: dict[int, Ephemeral] = {}
_next_ephemeral = _EPHEMERAL_IDS


def expose(it: _Object) -> Cap:
    """A capability to an object of this vat. The first one makes it an object: a durable one lives until nobody holds a capability to it."""
    global _next_ephemeral
    if isinstance(it, Ephemeral):
        if it._id is None:
            it._id, _next_ephemeral = _next_ephemeral, _next_ephemeral + 1
        _heap[it._id] = it
        return Cap(kernel.expose(it._id, kernel.Lifetime.INCARNATION))
    if it._id is None:
        it._id = _next_id()
        _live[it._id] = it
        _touched.append(it)
    return Cap(kernel.expose(it._id, kernel.Lifetime.DURABLE))


def _next_id() -> int:
    id = raw_get(b"sdk/next-object") or 1
    raw_put(b"sdk/next-object", parcel(id + 1))
    return id


def local(cap: Cap) -> Any:
    """The object behind a capability, if it is one of this vat; else `None`."""
    id = lend(cap).local()
    return None if id is None else _find(id)


def _find(id: int) -> _Object | _Then:
    if id >= _EPHEMERAL_IDS:
        it = _heap.get(id)
    else:
        it = _live.get(id)
        it = _load(id) if it is None else it
    if it is None:
        raise Error("object-gone", f"this vat has no object {id} of a kind that it knows")
    return it


_THEN = "$then"
"""The kind of what listens. No class is called so."""


def then(promise: Cap, method: Callable, context: Any = None) -> None:
    """Has the answer of a promise sent to a method of a durable object, marked `@answer`, also if this vat has been restarted meanwhile:
    `then(bank.call("pay"), order.paid)`. A context, if there is one, is kept, and given to the method after the answer.

    What listens is a small object of its own that nobody is given a capability to, so nobody but the kernel can answer."""
    it = getattr(method, "__self__", None)
    if not isinstance(it, Durable) or method.__name__ not in it._answers:
        raise TypeError("`then` wants a method of a durable object that is marked `@answer`")
    id = _next_id()
    raw_put(_key(id), parcel([_THEN, [expose(it), method.__name__, context]]))
    kernel.listen(lend(promise), kernel.expose(id, kernel.Lifetime.DURABLE))


class _Then:
    """What listens for one answer."""

    def __init__(self, object: Cap, method: str, context: Any):
        self.object, self.method, self.context = object, method, context

    def deliver(self, how: str, args: kernel.Payload) -> tuple[Durable, Any]:
        """The object that hears the answer, and what its method comes to."""
        it = local(self.object)
        function = it._answers.get(self.method)
        if function is None:
            raise LookupError(f"an answer is lost: {type(it).__name__} has no method `{self.method}` that is marked @answer")
        context = () if self.context is None else (self.context,)
        return it, function(it, _heard(how, args), *context)


def _key(id: int) -> bytes:
    return b"object/" + id.to_bytes(8, "big")


def _load(id: int) -> Durable | _Then | None:
    found = raw_load(_key(id))
    if found is None:
        if id != 0:
            return None
        it = _root()
    else:
        (kind, state, *version), before = found
        if version:
            abort(f"the state of object {id}, a `{kind}`, is of version {version[0]}, which only the SDK for Rust knows")
        if kind == _THEN:
            return _Then(*state)
        of = _root if id == 0 else _kinds.get(kind)
        if of is None:
            return None
        it = object.__new__(of)
        for field in fields(it):
            value = state.get(field.name, field.default)
            if value is MISSING and field.default_factory is not MISSING:
                value = field.default_factory()
            if value is MISSING:
                abort(f"the state of object {id}, a `{kind}`, has no `{field.name}`, and there is no default")
            object.__setattr__(it, field.name, value)
        it._before = before
    it._id = id
    _live[id] = it
    _touched.append(it)
    return it


def _written(it: Durable) -> tuple[kernel.Parcel, tuple]:
    """The state as it is kept, and what has to be the same for it to be unchanged."""
    state = parcel([it.kind, {field.name: getattr(it, field.name) for field in fields(it)}])
    return state, (state.body, tuple(cap.slot() for cap in state.caps))


def _save() -> None:
    """Writes what changed. What can not be kept undoes the delivery, since its messages are sent already."""
    for id, it in list(_live.items()):
        try:
            state, written = _written(it)
        except Error as error:
            abort(f"the state of object {id}, a `{it.kind}`, can not be kept: {error}")
        if it._before != written:
            raw_put(_key(id), state)
            it._before = written
    _touched.clear()


# Messages.


@functools.cache
def _signature(function: Callable) -> tuple[str, list[inspect.Parameter], int, float]:
    """Its text, its parameters, and how many arguments it takes at least and at most."""
    parameters = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    plain = [it for it in parameters if it.kind is not it.VAR_POSITIONAL]
    least = sum(it.default is it.empty for it in plain)
    shown = ", ".join(map(_shown, parameters))
    return f"{function.__name__}({shown})", parameters, least, len(plain) if plain == parameters else float("inf")


def _shown(parameter: inspect.Parameter) -> str:
    name = _name(parameter)
    return name if parameter.annotation is parameter.empty else f"{name}: {_type(parameter.annotation)}"


def _name(parameter: inspect.Parameter) -> str:
    return f"*{parameter.name}" if parameter.kind is parameter.VAR_POSITIONAL else parameter.name


def _type(annotation: Any) -> str:
    """A type as its author wrote it; what has none can be anything."""
    if annotation is inspect.Parameter.empty:
        return "Any"
    is_plain = isinstance(annotation, type) and not typing.get_args(annotation)
    return annotation.__name__ if is_plain else str(annotation).replace("typing.", "")


def _describe(it: _Object) -> dict:
    """What `__describe` answers, in the shape in which every ocap-guest-sdk does."""
    return {
        "name": it.kind if isinstance(it, Durable) else type(it).__name__,
        "docs": it._docs,
        "interfaces": [],
        "methods": [_described_method(name, function) for name, function in it._methods.items()],
    }


def _described_method(name: str, function: Callable) -> dict:
    return {
        "name": name,
        "docs": inspect.cleandoc(function.__doc__ or ""),
        "args": [{"name": _name(it), "type": _type(it.annotation)} for it in _signature(function)[1]],
        "answer": _type(inspect.signature(function, eval_str=True).return_annotation),
    }


def _fits(value: Any, annotation: Any) -> bool:
    """Whether a value is of an annotated type, as far as that is a class or a choice of classes."""
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        return any(_fits(value, choice) for choice in typing.get_args(annotation))
    of = typing.get_origin(annotation) or annotation
    if of is None:
        return value is None
    if of in (Any, object, inspect.Parameter.empty) or not isinstance(of, type):
        return True
    if isinstance(value, bool):
        return of is bool
    return isinstance(value, (int, float) if of is float else of)


def _check(function: Callable, args: Any) -> None:
    signature, parameters, least, most = _signature(function)
    if not isinstance(args, list):
        raise Error("bad-arguments", f"`{signature}`: got {kind(args)} instead of a list")
    if not least <= len(args) <= most:
        wanted = least if least == most else f"at least {least}" if most == float("inf") else f"{least} to {most}"
        raise Error("bad-arguments", f"`{signature}`: got {len(args)} instead of {wanted}")
    for parameter, value in zip(parameters, args):
        if parameter.kind is not parameter.VAR_POSITIONAL and not _fits(value, parameter.annotation):
            raise Error("bad-arguments", f"`{signature}`: `{parameter.name}` is {kind(value)}")


def _call(it: _Object, name: str, args: kernel.Payload) -> Any:
    if name == "__describe":
        return _describe(it)
    if name not in it._methods:
        raise Error("no-such-method", f"{type(it).__name__} has no method `{name}`")
    function = it._methods[name]
    try:
        values = received(args)
    except Error as error:
        raise Error("bad-arguments", f"`{_signature(function)[0]}`: {error}") from None
    _check(function, values)
    return function(it, *values)


def _heard(name: str, args: kernel.Payload) -> Answer:
    if name == "break":
        return Answer(error=broken(args))
    try:
        return Answer(received(args))
    except Error as error:
        return Answer(error=Error("unexpected-answer", str(error)))


def _described(error: Exception) -> Error:
    """The error as others see it. What nobody meant to raise is a mistake in the vat, so the log gets all of it."""
    if isinstance(error, Error):
        return error
    text = f"{type(error).__name__}: {error}"
    # Not by `traceback.format_exception`: that looks for the source, and there is no file system here.
    places = [f"{frame.f_code.co_filename}:{line} in {frame.f_code.co_qualname}" for frame, line in walk_tb(error.__traceback__)]
    log.error(text, at=", from ".join(places[:-9:-1]))
    return Error("error", text)


async def _answer(id: int, name: str, args: kernel.Payload, resolver: Cap | None) -> None:
    try:
        it = _find(id)
        it, value = it.deliver(name, args) if isinstance(it, _Then) else (it, _call(it, name, args))
        del args
        if inspect.iscoroutine(value):
            # Nobody else may hold the object by the time it goes on.
            held = expose(it) if it._id else None
            value = await value
            del held
        outcome = answer_of(value) if resolver else None
    except Exception as error:
        described = _described(error)
        if resolver is None:
            log.debug(f"`{name}` failed, and nobody asked: {described}", name=described.name)
        outcome = answer_of_error(described)
    if resolver is not None:
        settle(resolver, outcome)


# What waits. A task goes on when what it waits for has come, and only inside of what the host calls: there is no other time in a vat.

_ready: deque[tuple[Coroutine, Any]] = deque()
_waiting: dict[int, Coroutine] = {}


def spawn(task: Coroutine) -> None:
    """Runs a coroutine beside everything else, until it ends or the incarnation does. It begins before the delivery ends."""

    async def beside() -> None:
        try:
            await task
        except Exception as error:
            described = _described(error)
            log.warn(f"something spawned failed: {described}", name=described.name)

    _ready.append((beside(), None))


def _run() -> None:
    """Runs what is ready until nothing is, then keeps what changed."""
    while _ready:
        task, resolution = _ready.popleft()
        try:
            token = task.send(resolution)
            while not isinstance(token, Wait):
                token = task.throw(TypeError("only capabilities can be awaited in a vat"))
            _waiting[token] = task
        except StopIteration:
            pass
    _save()


class _Lifecycle(exports.Lifecycle):
    """What the host calls. Whatever a vat's code raises is an answer; only `Abort`, and mistakes of this wrapper, get out and trap."""

    def start(self, boot: Any) -> None:
        try:
            context.begin(boot)
            if _root._started is not None:
                _find(0)._started()
            _run()
        except Abort as abort:
            raise Err(str(abort)) from None
        except Exception as error:
            raise Err(str(_described(error))) from None

    def deliver(self, object: int, method: str, args: kernel.Payload, resolver: kernel.Cap | None) -> None:
        _ready.append((_answer(object, method, args, None if resolver is None else Cap(resolver)), None))
        del args
        _run()

    def settled(self, resolutions: list[tuple[int, Any]]) -> None:
        for token, resolution in resolutions:
            task = _waiting.pop(token, None)
            if task is not None:
                _ready.append((task, resolution))
        _run()

    def dropped(self, objects: list[int]) -> None:
        for id in objects:
            it = _heap.pop(id, None) if id >= _EPHEMERAL_IDS else _live.pop(id, None)
            if it is not None:
                it._id = None
            if 0 < id < _EPHEMERAL_IDS:
                raw_remove(_key(id))


_root: type[Durable]


def vat(root: type[Durable]) -> type[exports.Lifecycle]:
    """Makes a component whose root, object 0, is of this class: `Lifecycle = vat(Counter)`."""
    global _root
    _root = root
    sys.stdout, sys.stderr = Lines(log.info), Lines(log.warn)
    return _Lifecycle
