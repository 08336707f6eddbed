"""Times as workflows write them: RFC 3339 texts and epoch milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

__all__ = ["epoch_milliseconds", "moment_text"]


def epoch_milliseconds(value: Any) -> int | None:
    """Return the time that a value stands for, as epoch milliseconds; None where it stands for none."""
    if type(value) is int:
        return value
    if type(value) is not str:
        return None
    try:
        parsed = msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        return None
    return None if parsed.tzinfo is None else int(parsed.timestamp() * 1000)


def moment_text(milliseconds: int) -> str:
    """Return epoch milliseconds as RFC 3339 text in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
