"""What can be passed in a message, and its canonical CBOR. Nothing of the host is needed here.

| passable | in Python |
|---|---|
| undefined, null | `UNDEFINED`, `None` |
| bool, integer, float, string, bytes | `bool`, `int` of any size, `float`, `str`, `bytes` |
| symbol, tagged value, error | `Symbol`, `Tagged`, `Error` |
| list, struct | `list` (a tuple is written as one), `dict` with keys of text |
| capability | what derives from `Reference` |
"""

import struct
from dataclasses import dataclass
from typing import Any

DEPTH_MAX = 64
"""The most containers inside each other."""
INTEGER_BYTES_MAX = 1024
"""The most bytes of an integer's magnitude."""

_OCAP = 0x4F434150  # the one private tag: "OCAP" in ASCII
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _LIST, _STRUCT, _TAG, _OTHER = range(8)
_BIG_POSITIVE, _BIG_NEGATIVE = 2, 3


class Error(Exception):
    """Why there is no answer: a name for programs (short, lower case, with hyphens) and a message for people."""

    def __init__(self, name: str, message: str):
        super().__init__(message)
        self.name = name

    def __eq__(self, other):
        return isinstance(other, Error) and (self.name, str(self)) == (other.name, str(other))

    __hash__ = Exception.__hash__


class Reference:
    """What a capability derives from."""

    __slots__ = ()


class Undefined:
    """The type of `UNDEFINED`."""

    def __repr__(self):
        return "UNDEFINED"

    def __bool__(self):
        return False


UNDEFINED = Undefined()


@dataclass(frozen=True)
class Symbol:
    """A name that is no text."""

    text: str


@dataclass(frozen=True)
class Tagged:
    """A value with a label."""

    label: str
    value: Any


_KINDS = {
    type(None): "null", Undefined: "undefined", bool: "a bool", int: "an integer", float: "a float", str: "a string", bytes: "bytes",
    Symbol: "a symbol", Tagged: "a tagged value", list: "a list", dict: "a struct",
}


def kind(value: Any) -> str:
    """What a passable value is, with its article."""
    if isinstance(value, Error):
        return "an error"
    return "a capability" if isinstance(value, Reference) else _KINDS.get(type(value), f"a {type(value).__name__}")


def not_passable(message: str) -> Error:
    return Error("not-passable", message)


def encode(value: Any) -> tuple[bytes, list[Reference]]:
    """The canonical bytes, and the capabilities that they mention by index. Raises `Error` with the name `not-passable`."""
    out, caps = bytearray(), []
    _write(value, out, caps, DEPTH_MAX)
    return bytes(out), caps


def decode(data: bytes, caps: list[Reference] = ()) -> Any:
    """The value of these bytes. Raises `Error` with the name `not-passable` if they are anything else than one value."""
    reader = _Reader(data, caps)
    value = reader.value(DEPTH_MAX)
    if reader.at != len(data):
        raise not_passable(f"there are bytes after the item, from {reader.at}")
    return value


def _head(major: int, n: int) -> bytes:
    if n < 24:
        return bytes((major << 5 | n,))
    for minor, size in ((24, 1), (25, 2), (26, 4)):
        if n < 1 << 8 * size:
            break
    else:
        minor, size = 27, 8
    return bytes((major << 5 | minor,)) + n.to_bytes(size, "big")


def _text(text: str) -> bytes:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise not_passable("a text with a half of a surrogate pair") from None
    return _head(_TEXT, len(data)) + data


def _shape(shape: str, elements: int) -> bytes:
    return _head(_TAG, _OCAP) + _head(_LIST, elements) + _text(shape)


def _write(it: Any, out: bytearray, caps: list, levels: int) -> None:
    if it is None:
        out.append(0xF6)
    elif isinstance(it, bool):
        out.append(0xF5 if it else 0xF4)
    elif isinstance(it, int):
        _write_integer(it, out)
    elif isinstance(it, str):
        out += _text(it)
    elif isinstance(it, Reference):
        index = next((index for index, cap in enumerate(caps) if cap is it), len(caps))
        if index == len(caps):
            caps.append(it)
        out += _head(_TAG, _OCAP) + _head(_UNSIGNED, index)
    elif isinstance(it, float):
        out += _float(it)
    elif isinstance(it, (bytes, bytearray, memoryview)):
        out += _head(_BYTES, len(it)) + bytes(it)
    elif isinstance(it, (list, tuple, dict, Tagged)):
        if levels == 0:
            raise not_passable(f"nested more than {DEPTH_MAX} deep")
        _write_container(it, out, caps, levels - 1)
    elif isinstance(it, Symbol):
        out += _shape("symbol", 2) + _text(it.text)
    elif isinstance(it, Error):
        out += _shape("error", 3) + _text(it.name) + _text(str(it))
    elif isinstance(it, Undefined):
        out.append(0xF7)
    else:
        raise not_passable(f"{kind(it)} can not be passed")


def _write_integer(it: int, out: bytearray) -> None:
    major, tag, n = (_NEGATIVE, _BIG_NEGATIVE, ~it) if it < 0 else (_UNSIGNED, _BIG_POSITIVE, it)
    if n < 1 << 64:
        out += _head(major, n)
        return
    size = (n.bit_length() + 7) // 8
    if size > INTEGER_BYTES_MAX:
        raise not_passable(f"an integer of more than {INTEGER_BYTES_MAX} bytes")
    out += _head(_TAG, tag) + _head(_BYTES, size) + n.to_bytes(size, "big")


def _float(it: float) -> bytes:
    if it != it:
        return b"\xf9\x7e\x00"
    for first, form in ((b"\xf9", ">e"), (b"\xfa", ">f")):
        try:
            short = struct.pack(form, it)
        except OverflowError:
            continue
        if struct.unpack(form, short)[0] == it:
            return first + short
    return b"\xfb" + struct.pack(">d", it)


def _write_container(it: Any, out: bytearray, caps: list, levels: int) -> None:
    if isinstance(it, Tagged):
        out += _shape("tagged", 3) + _text(it.label)
        _write(it.value, out, caps, levels)
    elif isinstance(it, dict):
        if not all(isinstance(key, str) for key in it):
            raise not_passable("a dict has a key that is no text")
        out += _head(_STRUCT, len(it))
        # A text's length stands before its bytes, so the encoded keys are in the order of their bytes.
        for encoded, key in sorted((_text(key), key) for key in it):
            out += encoded
            _write(it[key], out, caps, levels)
    else:
        out += _head(_LIST, len(it))
        for item in it:
            _write(item, out, caps, levels)


class _Reader:
    """Reads strictly: bounded in depth, and in memory by the length of the input."""

    def __init__(self, data: bytes, caps: list):
        self.data, self.caps, self.at = data, caps, 0

    def take(self, length: int) -> bytes:
        taken = self.data[self.at : self.at + length]
        if len(taken) < length:
            raise not_passable(f"the bytes end at {len(self.data)}, inside an item")
        self.at += length
        return taken

    def head(self) -> tuple[int, int, int]:
        """Major, minor and argument."""
        first = self.take(1)[0]
        minor = first & 31
        if minor < 24:
            return first >> 5, minor, minor
        if minor > 27:
            raise not_passable(f"byte {self.at - 1} begins no item that can be passed")
        return first >> 5, minor, int.from_bytes(self.take(1 << (minor - 24)), "big")

    def value(self, levels: int) -> Any:
        at = self.at
        major, minor, n = self.head()
        match major:
            case 0:
                return n
            case 1:
                return ~n
            case 2:
                return bytes(self.take(n))
            case 3:
                return self.text_of(n, at)
            case 4 | 5 if levels == 0:
                raise not_passable(f"nested more than {DEPTH_MAX} deep")
            case 4:
                items = []
                for _ in range(n):
                    items.append(self.value(levels - 1))
                return items
            case 5:
                return self.fields(n, at, levels - 1)
            case 6:
                return self.tagged(n, at, levels)
        return self.other(minor, n, at)

    def text_of(self, length: int, at: int) -> str:
        try:
            return self.take(length).decode()
        except UnicodeDecodeError:
            raise not_passable(f"the text at byte {at} is no UTF-8") from None

    def fields(self, count: int, at: int, levels: int) -> dict:
        fields = {}
        for _ in range(count):
            key_at = self.at
            major, _, n = self.head()
            key = self.text_of(n, key_at) if major == _TEXT else None
            if key is None or key in fields:
                raise not_passable(f"the struct at byte {at} has a key that is no text, or a key twice")
            fields[key] = self.value(levels)
        return fields

    def tagged(self, tag: int, at: int, levels: int) -> Any:
        def text() -> str:
            text_at = self.at
            major, _, n = self.head()
            if major != _TEXT:
                raise bad
            return self.text_of(n, text_at)

        bad = not_passable(f"the tag at byte {at} is unknown or holds the wrong thing")
        major, _, n = self.head()
        if tag in (_BIG_POSITIVE, _BIG_NEGATIVE) and major == _BYTES:
            magnitude = int.from_bytes(self.take(n), "big")
            if magnitude.bit_length() > 8 * INTEGER_BYTES_MAX:
                raise not_passable(f"an integer of more than {INTEGER_BYTES_MAX} bytes")
            return magnitude if tag == _BIG_POSITIVE else ~magnitude
        if tag != _OCAP:
            raise bad
        if major == _UNSIGNED:
            if n >= len(self.caps):
                raise not_passable(f"there is no capability {n}")
            return self.caps[n]
        if major == _LIST:
            match text(), n:
                case "symbol", 2:
                    return Symbol(text())
                case "error", 3:
                    return Error(text(), text())
                case "tagged", 3:
                    if levels == 0:
                        raise not_passable(f"nested more than {DEPTH_MAX} deep")
                    return Tagged(text(), self.value(levels - 1))
        raise bad

    def other(self, minor: int, n: int, at: int) -> Any:
        match minor:
            case 20 | 21:
                return minor == 21
            case 22:
                return None
            case 23:
                return UNDEFINED
            case 25 | 26 | 27:
                size = 1 << (minor - 24)
                return struct.unpack({2: ">e", 4: ">f", 8: ">d"}[size], n.to_bytes(size, "big"))[0]
        raise not_passable(f"byte {at} begins no item that can be passed")
