"""Greets by name, and remembers how often. A vat in Python, by hand: a wrapper that catches everything, and as much CBOR as it needs."""

from wit_world import exports
from wit_world.imports import kernel, store

OCAP = b"\xda\x4f\x43\x41\x50"  # the private tag: capabilities, errors
METHODS = {}


class Failure(Exception):
    """An error with a name for programs."""

    def __init__(self, name, message):
        super().__init__(message)
        self.name = name


def method(function):
    METHODS[function.__name__] = function
    return function


@method
def greet(name: str):
    if not isinstance(name, str):
        raise Failure("bad-arguments", "`greet(name: str)`: the name is no text")
    store.put(b"greeted", kernel.Parcel(encode(greeted() + 1), []))
    return f"hello, {name}"


@method
def greeted():
    count = store.get_body(b"greeted")
    return decode(count)[0] if count else 0


def head(major, n):
    for minor, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if n < 24:
            return bytes([major << 5 | n])
        if n < 1 << 8 * size:
            return bytes([major << 5 | minor]) + n.to_bytes(size, "big")
    raise Failure("not-passable", "a number of more than 64 bits")


def encode(it):
    """Canonical CBOR of a number from 0, a text, a list or an error."""
    if isinstance(it, int):
        return head(0, it)
    if isinstance(it, str):
        return head(3, len(it.encode())) + it.encode()
    if isinstance(it, list):
        return head(4, len(it)) + b"".join(map(encode, it))
    return OCAP + encode(["error", getattr(it, "name", "error"), str(it)])


def decode(data, at=0):
    """The same numbers, texts and lists, and where the next item begins."""
    major, minor = data[at] >> 5, data[at] & 31
    size = {24: 1, 25: 2, 26: 4, 27: 8}.get(minor, 0)
    n = int.from_bytes(data[at + 1 : at + 1 + size], "big") if size else minor
    at += 1 + size
    if minor > 27 or major not in (0, 3, 4) or (major and n > len(data) - at):
        raise Failure("bad-arguments", "only texts, lists and numbers from 0 are understood here")
    if major == 3:
        return data[at : at + n].decode(), at + n
    items = []
    for _ in range(n if major == 4 else 0):
        item, at = decode(data, at)
        items.append(item)
    return (items if major == 4 else n), at


class Lifecycle(exports.Lifecycle):
    """What the host calls. An exception that got out of here would trap the vat without a word."""

    def start(self, boot):
        pass

    def deliver(self, object, method, args, resolver):
        try:
            if object != 0 or method not in METHODS:
                raise Failure("no-such-method", f"the greeter has no method `{method}`")
            answer = kernel.Answer_Fulfill(kernel.Parcel(encode(METHODS[method](*decode(args.body)[0])), []))
        except BaseException as error:
            answer = kernel.Answer_Break(kernel.Parcel(encode(error), []))
        if resolver is not None:
            kernel.settle(resolver, answer)

    def settled(self, resolutions):
        pass

    def dropped(self, objects):
        pass
