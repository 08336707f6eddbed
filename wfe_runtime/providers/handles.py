"""Large values apart from what names them: a payload keeps a handle, the content is kept once, under its hash.

This file owns how a handle is written and what of a payload becomes one. It knows no tables: whoever stores payloads
says how contents are kept and found. The rules:

* What is packed and unpacked again is the same bytes: who writes and reads payloads never sees a handle.
* A text, a list or a map over ``MAX_INLINE_BYTES`` is put aside, the smallest that is over it: so the value of one
  output is, not the map of all of them, and the places of a run that hold it share one content.
* A payload with handles begins with a byte that MessagePack never uses, so one without costs a look at its length.
* In a run's change or state only the data is put aside, never the tables around it: those differ each time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from wfe_vm.limits import MAX_INLINE_BYTES
from wfe_vm.state import Delta

__all__ = ["IN_DELTA", "IN_SNAPSHOT", "IN_VALUE", "has_handles", "pack", "unpack"]

Keep = Callable[[bytes], bytes]
"""Keeps a content. Returns its hash."""

Find = Callable[[bytes], bytes]
"""Returns the content of a hash."""

Shape = tuple[tuple[int, ...], ...]
"""Where the data is in a payload: paths from its root."""

MARK: Final = b"\xc1"

# The kinds of handles: what the content is.
TEXT: Final = 1  # UTF-8
PACKED: Final = 2  # a list or a map as MessagePack, which may hold handles itself
BYTES: Final = 3

IN_VALUE: Final[Shape] = ()
"""The shape of a payload that is data from its root on."""

EACH: Final = -1  # in a shape: every item of a list, or every value of a map

_PLACE: Final = Delta.__struct_fields__.index
IN_DELTA: Final[Shape] = (
    (_PLACE("data"), EACH, 2),
    (_PLACE("collected"), EACH, 2),
    (_PLACE("records"), EACH, 8, EACH),
    (_PLACE("header"), 7, EACH),
    (_PLACE("end"), 1, EACH),
    (_PLACE("registered"), EACH, 1, 3, EACH, 2),
)
"""Where the data is in an encoded Delta."""

IN_SNAPSHOT: Final[Shape] = (
    (9, EACH, 1, EACH),
    (10, EACH, 1, EACH, 1),
    (7, 7, EACH),
    (15, 1, EACH),
    (16, EACH, 1, 3, EACH, 2),
)
"""Where the data is in an encoded State."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()


def pack(payload: bytes, shape: Shape, keep: Keep) -> bytes:
    """Return a payload with handles for what is large in it; one that is not large itself is returned as it is."""
    if len(payload) <= MAX_INLINE_BYTES:
        return payload
    try:
        holder = [_decoder.decode(payload)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return payload  # not encoded by an engine, so there is nothing to be told apart in it
    for path in shape or ((),):
        _walk(holder, 0, path, keep)
    packed = MARK + _encoder.encode(holder[0])
    return packed if len(packed) <= len(payload) else payload


def has_handles(payload: bytes) -> bool:
    """Say whether a payload has to be unpacked."""
    return payload[:1] == MARK


def unpack(payload: bytes, find: Find) -> bytes:
    """Return a payload as it was before it was packed."""
    if payload[:1] != MARK:
        return payload
    known: dict[bytes, Any] = {}

    def value_of(kind: int, data: memoryview) -> Any:
        name = bytes(data)
        if name not in known:
            content = find(name)
            known[name] = content
            if kind == TEXT:
                known[name] = content.decode()
            elif kind == PACKED:
                known[name] = decoder.decode(content)
        return known[name]

    decoder = msgspec.msgpack.Decoder(ext_hook=value_of)
    return _encoder.encode(decoder.decode(payload[1:]))


def _walk(container: Any, key: Any, path: tuple[int, ...], keep: Keep) -> None:
    """Put aside what is large at a path below ``container[key]``; a path that is not there holds nothing."""
    value = container[key]
    if not path:
        container[key] = _put_aside(value, keep)
        return
    step = path[0]
    if type(value) is list:
        for place in range(len(value)) if step == EACH else (step,) if step < len(value) else ():
            _walk(value, place, path[1:], keep)
    elif type(value) is dict and step == EACH:
        for name in value:
            _walk(value, name, path[1:], keep)


def _put_aside(value: Any, keep: Keep) -> Any:
    """Return a value, or the handle that stands for it, or the value with handles for what is large in it."""
    kind = type(value)
    if kind is str:
        if 4 * len(value) <= MAX_INLINE_BYTES:
            return value
        content = value.encode()
        return value if len(content) <= MAX_INLINE_BYTES else msgspec.msgpack.Ext(TEXT, keep(content))
    if kind is bytes:
        return value if len(value) <= MAX_INLINE_BYTES else msgspec.msgpack.Ext(BYTES, keep(value))
    if kind is not list and kind is not dict:
        return value
    if len(_encoder.encode(value)) <= MAX_INLINE_BYTES:
        return value
    replaced: Any
    if kind is list:
        replaced = [_put_aside(item, keep) for item in value]
    else:
        replaced = {name: _put_aside(item, keep) for name, item in value.items()}
    content = _encoder.encode(replaced)
    return replaced if len(content) <= MAX_INLINE_BYTES else msgspec.msgpack.Ext(PACKED, keep(content))
