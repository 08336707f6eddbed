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
    "LATER",
    "LATER_COMPANIONS",
    "LATER_KINDS",
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
    *HOOKS,
)
TASK_KEYS: Final = ("type", "config", "inputs", "outputs", "on_crash")
# Each kind's key, and the keys that go with it.
KINDS: Final[dict[str, tuple[str, ...]]] = {
    "sequence": (),
    "parallel": (),
    "if": ("then", "else"),
    "while": ("do", "max_iterations"),
    "until": ("do", "max_iterations"),
    "for_each": ("as", "do", "limit", "fail_fast", "collect"),
    "set": (),
    "return": (),
    "fail": (),
    "sleep": (),
    "sleep_until": (),
}
# What a later version brings, and what to write until then.
LATER_KINDS: Final = {
    "switch": "write `if:` with `then:` and `else:`, one inside the other",
    "matrix": "write `for_each:` over the combinations",
    "race": "try one after the other: the second in the `on_failure:` hook of the first",
    "wait": "ask for it in a loop: `until:` with a `sleep:` in its `do:`",
    "approve": "make two workflows of it, and start the second one by hand",
    "saga": "undo a step's work in its `on_failure:` hook",
    "publish": "tell it from a shell step",
}
LATER_KEYS: Final = dict.fromkeys(("compensate", "compensate_on_failure"), LATER_KINDS["saga"])
LATER_COMPANIONS: Final = ("cases", "default")

COMPANIONS: Final = frozenset(key for keys in KINDS.values() for key in keys)
KNOWN: Final = frozenset((*COMMON, *TASK_KEYS, *KINDS, *COMPANIONS, "cases", "default"))
LATER: Final = {**LATER_KINDS, **LATER_KEYS}
CONFIG_KEYS: Final = frozenset(key for row in STEP_TYPES.values() for key in row.keys) - KNOWN
UNDER_CONFIG: Final = {key: f"`{key}` belongs under `config:`" for key in CONFIG_KEYS}


def is_misspelt(mapping: Mapping, key: str) -> bool:
    """Whether a key that is missing was meant, or may have been, by one that no step has."""
    for other in mapping.entries:
        if other not in KNOWN and nearest(other, (key,)):
            return True
        if other not in KNOWN and other not in LATER and other not in UNDER_CONFIG and not nearest(other, KNOWN):
            return True
    return False
