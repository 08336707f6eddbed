"""The keys of a step: which every step may have, which make it a kind, and which go with a kind."""

from __future__ import annotations

from typing import Final

from ..suggest import nearest
from .step_types import STEP_TYPES
from .tree import Mapping

__all__ = [
    "COMMON",
    "COMPANIONS",
    "HOOKS",
    "KINDS",
    "KNOWN",
    "TASK_KEYS",
    "UNDER_CONFIG",
    "is_misspelt",
]

HOOKS: Final = ("on_success", "on_failure", "on_error", "on_abort", "ensure")
COMMON: Final = (
    "name",
    "when",
    "timeout",
    "total_timeout",
    "retry",
    "error_behavior",
    "continue_on_failure",
    "compensate",
    "compensate_on_failure",
    *HOOKS,
)
TASK_KEYS: Final = ("type", "config", "inputs", "outputs", "on_crash")
# Each kind's key, and the keys that go with it.
KINDS: Final[dict[str, tuple[str, ...]]] = {
    "sequence": (),
    "parallel": (),
    "if": ("then", "else"),
    "switch": ("cases", "default"),
    "while": ("do", "max_iterations"),
    "until": ("do", "max_iterations"),
    "for_each": ("as", "do", "limit", "fail_fast", "collect"),
    "matrix": ("as", "do", "limit", "fail_fast", "collect"),
    "race": (),
    "saga": (),
    "wait": (),
    "approve": (),
    "publish": (),
    "set": (),
    "return": (),
    "fail": (),
    "sleep": (),
    "sleep_until": (),
}
COMPANIONS: Final = frozenset(key for keys in KINDS.values() for key in keys)
KNOWN: Final = frozenset((*COMMON, *TASK_KEYS, *KINDS, *COMPANIONS))
CONFIG_KEYS: Final = frozenset(key for row in STEP_TYPES.values() for key in row.keys) - KNOWN
UNDER_CONFIG: Final = {key: f"`{key}` belongs under `config:`" for key in CONFIG_KEYS}


def is_misspelt(mapping: Mapping, key: str) -> bool:
    """Whether a key that is missing was meant, or may have been, by one that no step has."""
    for other in mapping.entries:
        if other not in KNOWN and nearest(other, (key,)):
            return True
        if other not in KNOWN and other not in UNDER_CONFIG and not nearest(other, KNOWN):
            return True
    return False
