"""Refuses text that no store can keep.

A lone surrogate is not a character and has no encoding; a store that took one would fail at the next
reader. This file finds it and names the field, so that every provider refuses with the same words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from wfe_runtime.errors import StoreError

__all__ = ["check_texts"]


def check_texts(what: str, rows: Iterable[msgspec.Struct]) -> None:
    """Pass rows whose texts can all be encoded. Raises StoreError ``value`` naming the first that can't."""
    for number, row in enumerate(rows):
        for field in row.__struct_fields__:
            value = getattr(row, field)
            if isinstance(value, str):
                if not value.isascii():
                    _check(f"{what}[{number}].{field}", value)
            elif isinstance(value, msgspec.Struct):
                check_texts(f"{what}[{number}].{field}", (value,))
            elif isinstance(value, tuple) and value and isinstance(value[0], msgspec.Struct):
                nested: Sequence[msgspec.Struct] = value
                check_texts(f"{what}[{number}].{field}", nested)


def _check(path: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise StoreError(
            "value",
            f"{path} can't be stored: its character {error.start + 1} is a lone surrogate, not a character",
            "decode the text with errors='replace' before it is given to a run",
        ) from None
