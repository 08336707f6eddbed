"""The first names of paths in expressions, and the fields of those that have a fixed set of them."""

from __future__ import annotations

from typing import Final

__all__ = ["ERROR_FIELDS", "HOOK_ROOTS", "ROOTS", "RUN_FIELDS", "STEP_FIELDS"]

ROOTS: Final = (
    "inputs",
    "outputs",
    "steps",
    "vars",
    "item",
    "index",
    "run",
    "host",
    "outcome",
    "error",
    "attempt",
    "services",
    "secrets",
)
"""The names that an expression can begin with, bound variables and names of items aside."""

HOOK_ROOTS: Final = ("outcome", "error", "attempt")
STEP_FIELDS: Final = ("output", "status", "stdout", "error")
RUN_FIELDS: Final = ("id", "name", "workflow")
ERROR_FIELDS: Final = (
    "kind",
    "message",
    "exit_code",
    "signal",
    "stderr",
    "step",
    "attempt",
    "child",
    "details",
    "causes",
)
