"""Keeping secret values out of texts: what a step prints, gives and fails with.

Owns the forms in which a value is recognised. Knows nothing of where values come from and who prints them.

Rules:

1. A value is masked as it is, in base64 (alone, within a longer text, and broken over lines), percent-encoded and
   JSON-escaped. Of a value with several lines each line of eight characters or more is masked as well.
2. Where a stream is cut makes no difference: an end that may be the beginning of a value is held back until
   more comes or the stream ends.
3. What stands for a value says nothing of it, its length neither.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from wfe_vm.outcome import Failure

__all__ = ["LEAST_CHARACTERS", "MASK", "Masker", "StreamMask"]

MASK: Final = "***"
LEAST_CHARACTERS: Final = 4
"""A shorter value can't be told from other text."""

_LEAST_LINE: Final = 8
_BREAKS: Final = (10, 13)


class Masker:
    """Masks the values that it was made of."""

    def __init__(self, values: Iterable[str]) -> None:
        plain: set[bytes] = set()
        broken: set[bytes] = set()
        for value in values:
            for text in {value, value.strip(), *_long_lines(value)}:
                if len(text) >= LEAST_CHARACTERS:
                    plain |= _plain_forms(text)
                    broken |= _base64_forms(text.encode("utf-8", "surrogatepass"))
        # The longest first: of two that begin alike the whole one is to be found.
        self._plain = sorted(plain, key=lambda form: (-len(form), form))
        self._broken = sorted(broken - plain, key=lambda form: (-len(form), form))
        forms = [(len(form), re.escape(form)) for form in self._plain]
        for form in self._broken:
            letters = (re.escape(form[at : at + 1]) for at in range(len(form)))
            forms.append((len(form), b"(?:\r?\n)?".join(letters)))
        forms.sort(key=lambda form: -form[0])
        self._pattern = re.compile(b"|".join(form for _, form in forms)) if forms else None

    def raw(self, data: bytes) -> bytes:
        """Return a piece in which no value is left that stands in it whole."""
        return data if self._pattern is None else self._pattern.sub(MASK.encode(), data)

    def text(self, text: str) -> str:
        """Return a text without the values."""
        if self._pattern is None:
            return text
        data = text.encode("utf-8", "surrogatepass")
        masked = self._pattern.sub(MASK.encode(), data)
        return text if masked == data else masked.decode("utf-8", "replace")

    def value(self, value: Any) -> Any:
        """Return plain data without the values, in keys neither."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.value(key): self.value(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(inner) for inner in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            # An output that was read as a number may be one.
            return MASK if self.text(str(value)) != str(value) else value
        return value

    def failure(self, failure: Failure) -> Failure:
        """Return an error without the values, in its causes neither."""
        return msgspec.structs.replace(
            failure,
            message=self.text(failure.message),
            stderr=None if failure.stderr is None else self.text(failure.stderr),
            details=self.value(failure.details),
            causes=[self.failure(cause) for cause in failure.causes],
            hook_errors=[self.failure(error) for error in failure.hook_errors],
        )

    def stream(self) -> StreamMask:
        """Return what masks one stream."""
        return StreamMask(self)

    def held_from(self, data: bytes) -> int:
        """Return where an end of ``data`` begins that may be the beginning of a value; its length if none may."""
        start = len(data)
        for form in self._plain:
            start = min(start, len(data) - _overlap(data, form))
        if self._broken:
            longest = len(self._broken[0])
            # A line of base64 breaks after some dozens of letters, so twice the letters are more than enough.
            offset = max(len(data) - 2 * longest - 4, 0)
            kept = [at for at in range(offset, len(data)) if data[at] not in _BREAKS]
            compact = bytes(data[at] for at in kept)
            for form in self._broken:
                overlap = _overlap(compact, form)
                if overlap:
                    start = min(start, kept[-overlap])
        if self._pattern is not None and start < len(data):
            # One that is whole may be the beginning of a longer one as well, and is not cut in two here.
            for found in self._pattern.finditer(data):
                if found.start() < start < found.end():
                    return found.start()
        return start


class StreamMask:
    """Masks one stream, in pieces that are cut anywhere."""

    __slots__ = ("_held", "_masker")

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Take the next piece; returns what may be shown of all so far."""
        data = self._held + data
        start = self._masker.held_from(data)
        self._held = data[start:]
        return self._masker.raw(data[:start])

    def finish(self) -> bytes:
        """Return what was held back: the stream has ended."""
        held, self._held = self._held, b""
        return self._masker.raw(held)


def _long_lines(value: str) -> list[str]:
    lines = value.splitlines()
    return [line.strip() for line in lines if len(line.strip()) >= _LEAST_LINE] if len(lines) > 1 else []


def _plain_forms(text: str) -> set[bytes]:
    from urllib.parse import quote, quote_plus  # most runs have no secrets, and this is slow to import

    quoted = {quote(text, safe=""), quote(text), quote_plus(text), quote(text, safe="~()*!'-._")}
    quoted |= {re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), form) for form in quoted}
    escaped = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    escaped |= {form.replace("/", "\\/") for form in escaped}
    # Twice: a JSON text within a JSON text.
    escaped |= {json.dumps(form)[1:-1] for form in escaped}
    return {form.encode("utf-8", "surrogatepass") for form in {text, *quoted, *escaped}}


def _base64_forms(data: bytes) -> set[bytes]:
    """Return how a value looks in base64: alone, with a line's end, and wherever it stands in something longer."""
    forms = {encode(whole) for encode in (base64.b64encode, base64.urlsafe_b64encode) for whole in (data, data + b"\n")}
    forms |= {form.rstrip(b"=") for form in forms}
    for before in range(3):
        first, last = -(-8 * before // 6), 8 * (before + len(data)) // 6
        padded = bytes(before) + data + bytes(3)
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            forms.add(encode(padded)[first:last])
    return {form for form in forms if len(form) >= LEAST_CHARACTERS}


def _overlap(data: bytes, form: bytes) -> int:
    """Return how many bytes at the end of ``data`` are a beginning of ``form``, but not the whole of it."""
    first = form[:1]
    at = data.find(first, max(len(data) - len(form) + 1, 0))
    while at >= 0:
        if form.startswith(data[at:]):
            return len(data) - at
        at = data.find(first, at + 1)
    return 0
