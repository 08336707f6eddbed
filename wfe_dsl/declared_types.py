"""Types as they are declared: reads each text once, and tells of one that can't be read."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from wfe_vm.typeterms import ANY, Type, TypeTermError, parse_type

from . import nodes
from .diagnostics.model import Diagnostics
from .suggest import did_you_mean

__all__ = ["declared_type", "report_type"]

_CODES: Final[dict[str, str]] = {
    "unknown-type": "WFE0330",
    "unknown-generic": "WFE0331",
    "empty": "WFE0332",
    "unclosed": "WFE0333",
    "unexpected": "WFE0334",
    "missing-element": "WFE0335",
    "duplicate-field": "WFE0336",
    "too-deep": "WFE0337",
}
_CURES: Final[dict[str, str]] = {
    "unknown-generic": "write it without <…>, or list<…> or map<…> around it",
    "unclosed": "close a `<` with `>` and a `{` with `}`",
    "duplicate-field": "remove one of the two fields, or rename it",
    "too-deep": "write any for what lies deeper",
}
_NAMES: Final = ("string", "number", "integer", "bool", "any", "list", "map")
_FORMS: Final = "a type is string, number, integer, bool, any, list<T>, map<T> or {name: T}, with a ? for null"


@lru_cache(maxsize=1024)
def _read(text: str) -> Type | TypeTermError:
    try:
        return parse_type(text)
    except TypeTermError as error:
        return error.with_traceback(None)


def declared_type(declared: nodes.TypeText | None) -> Type:
    """Return the type that a declaration names.

    Any where it names none, or one that can't be read: that is told where it stands, by ``report_type``, and
    nothing that is built on it is to blame.
    """
    found = ANY if declared is None else _read(declared.text)
    return ANY if isinstance(found, TypeTermError) else found


def report_type(declared: nodes.TypeText | None, diagnostics: Diagnostics) -> bool:
    """Report a declared type that can't be read; return whether it can, or there is none."""
    error = None if declared is None else _read(declared.text)
    if declared is None or not isinstance(error, TypeTermError):
        return True
    span = declared.span.part(declared.text, error.offset, error.end)
    help = error.help or _CURES.get(error.code, _FORMS)
    if error.code == "unknown-type" and not help.startswith("did you mean"):
        help = did_you_mean(declared.text[error.offset : error.end], _NAMES) or help
    if error.code == "unexpected" and declared.text.startswith("[]", error.offset):
        help = f"a list of them is written list<{declared.text[: error.offset]}>"
    diagnostics.add(_CODES[error.code], error.message, span, help)
    return False
