"""Decoding in part: what a large structure holds stays bytes until somebody asks for it.

A process that goes on with a run of 10,000 steps needs a few rows of its program; to decode all of them takes longer
than everything else it does before it can go on. This file owns how a part is left as it is, and rows that are
decoded one by one. It knows no structure by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, overload

import msgspec

from .errors import InternalError

__all__ = ["UndecodedRows", "leaving"]

Row = TypeVar("Row")


def leaving(structure: type[msgspec.Struct], **left: Any) -> type[Any]:
    """Return a structure with the fields of this one, some of which have other types: ``msgspec.Raw`` leaves one."""
    fields: list[Any] = []
    for field in msgspec.structs.fields(structure):
        type_ = left.get(field.name, field.type)
        if field.default is not msgspec.NODEFAULT:
            fields.append((field.name, type_, field.default))
        elif field.default_factory is not msgspec.NODEFAULT:
            fields.append((field.name, type_, msgspec.field(default_factory=field.default_factory)))
        else:
            fields.append((field.name, type_))
    return msgspec.defstruct(structure.__name__, fields, array_like=True, gc=False)


class UndecodedRows(Sequence[Row]):
    """The rows of a table, each decoded when it is first asked for; for those who only read it, it is like a tuple."""

    __slots__ = ("_decode", "_raw", "_rows")

    def __init__(self, raw: Sequence[msgspec.Raw], decode: Callable[[msgspec.Raw], Row]) -> None:
        """Take the rows' bytes, of which it is known that ``decode`` can read them."""
        self._raw = raw
        self._decode = decode
        self._rows: list[Row | None] = [None] * len(raw)

    @overload
    def __getitem__(self, number: int) -> Row: ...
    @overload
    def __getitem__(self, number: slice) -> tuple[Row, ...]: ...
    def __getitem__(self, number: int | slice) -> Row | tuple[Row, ...]:
        if isinstance(number, slice):
            return tuple(self[one] for one in range(*number.indices(len(self._raw))))
        row = self._rows[number]
        if row is None:
            try:
                row = self._rows[number] = self._decode(self._raw[number])
            except (msgspec.DecodeError, UnicodeError, RecursionError, TypeError, ValueError) as error:
                raise InternalError(f"row {number} of a table that could be read before can't be: {error}") from error
        return row

    def __len__(self) -> int:
        return len(self._raw)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (tuple, UndecodedRows)) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))
