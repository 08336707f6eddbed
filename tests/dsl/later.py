"""Kinds of steps that no machine of this version carries out: read and checked like any, and told of as well."""

from __future__ import annotations

from typing import Any

from wfe_dsl import check, nodes
from wfe_dsl.diagnostics.model import Diagnostic
from wfe_dsl.resolve import kind_of

__all__ = ["is_later", "is_of_a_later_kind", "says_later"]

_LATER: Any = getattr(check, "LATER", {})


def is_later(step: nodes.Step) -> bool:
    """Whether a step is of such a kind."""
    return kind_of(step) in _LATER or bool(step.compensate and "saga" in _LATER)


def is_of_a_later_kind(found: Diagnostic) -> bool:
    """Whether a diagnostic says no more than that a step is of such a kind."""
    return says_later(found.code, found.message)


def says_later(code: str, message: str) -> bool:
    """As ``is_of_a_later_kind``, for one that is known by its code and message alone."""
    kinds = (*_LATER, *(("compensate",) if _LATER else ()))
    return code == "WFE0104" and any(f"`{kind}` is not available" in message for kind in kinds)
