"""The words of the text language: one table, from which the parser, the printer and the editors' grammar come.

A reserved word begins or divides statements, so it is no name unless it stands in quotes. All other words
(``limit``, ``timeout``, ``image`` …) mean something only at their place and may be names elsewhere.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from ..yaml_front.step_keys import HOOKS, KINDS
from ..yaml_front.step_types import STEP_TYPES

__all__ = [
    "BLOCK_KEYS",
    "CLAUSE_WORDS",
    "CONSTANT_WORDS",
    "CONTINUING",
    "HOOK_WORDS",
    "MODIFIERS",
    "NO_KEYS",
    "OPERATOR_WORDS",
    "RESERVED",
    "SHORTHANDS",
    "STATEMENT_WORDS",
    "STEP_WORDS",
    "WORKFLOW_WORDS",
    "outside_tasks",
]

STEP_WORDS: Final = (
    "step",
    "call",
    "sequence",
    "parallel",
    "if",
    "switch",
    "while",
    "repeat",
    "for",
    "matrix",
    "race",
    "saga",
    "wait",
    "approve",
    "publish",
    "let",
    "return",
    "fail",
    "sleep",
)
"""What begins a step."""

SETTINGS: Final = (
    "timeout",
    "durability",
    "requires",
    "concurrency",
    "services",
    "shared_volume",
    "secrets",
    "schedule",
)
"""Keys of a workflow with a value after them."""

WORKFLOW_WORDS: Final = ("input", "output", "description", "defaults", "error_behavior", *SETTINGS, "on", "ensure")
"""What else a workflow holds."""

HOOK_WORDS: Final = {hook.removeprefix("on_"): hook for hook in HOOKS if hook.startswith("on_")}
"""``success`` and the others that stand after ``on``, and the key that each means."""

CONTINUING: Final = ("else", "until", "compensate")
"""A line that begins with one of these goes on with the step before it."""

MODIFIERS: Final = (
    "when",
    "timeout",
    "total_timeout",
    "retry",
    "error_behavior",
    "continue_on_failure",
    "on_crash",
    "inputs",
    "outputs",
    "on",
    "ensure",
    "compensate",
    "compensate_on_failure",
    "with",
)
"""What any step may have after its own words."""

CLAUSE_WORDS: Final = (
    "version",
    "detach",
    "limit",
    "fail_fast",
    "max_iterations",
    "collect",
    "as",
    "event",
    "key",
    "since",
    "data",
    "options",
    "reject",
    "assignees",
    "on_timeout",
    "path",
    "every",
    "interval",
    "backoff",
    "max_interval",
    "jitter",
    "max_elapsed",
    "config",
)
"""What follows the first words of a step, and is a name or a key elsewhere."""

BLOCK_KEYS: Final = tuple(word for word in MODIFIERS if word != "with")
"""What belongs to the step itself in the block of a task; every other word there is a key of its configuration."""

OPERATOR_WORDS: Final = ("and", "or", "not", "in", "contains")
CONSTANT_WORDS: Final = ("true", "false", "null")

RESERVED: Final = frozenset(
    (
        *STEP_WORDS,
        *CONTINUING,
        *OPERATOR_WORDS,
        *CONSTANT_WORDS,
        "workflow",
        "include",
        "input",
        "output",
        "case",
        "default",
        "on",
        "ensure",
        "when",
        "with",
    )
)
"""What is no name without quotes."""

STATEMENT_WORDS: Final = RESERVED.difference(OPERATOR_WORDS, CONSTANT_WORDS)
"""Those that no expression holds: where one begins a line, a statement does."""


@lru_cache(maxsize=64)
def outside_tasks(type: str) -> frozenset[str]:
    """Return the words that are no keys in the block of a task: one at a line's beginning shows that it is open."""
    keys = STEP_TYPES[type].keys if type in STEP_TYPES else ()
    return NO_KEYS.difference(keys)


NO_KEYS: Final = frozenset((*STEP_WORDS, "else", "case"))


def _shorthand(name: str) -> str:
    """Return the key that a text directly after the type stands for."""
    row = STEP_TYPES[name]
    if row.one_of:
        return row.one_of[0][0]
    required = [key for key, value in row.keys.items() if value.required]
    return required[0] if required else ""


SHORTHANDS: Final = {name: key for name in STEP_TYPES if (key := _shorthand(name))}
"""By step type: what ``step x = shell "…"`` means."""

KIND_WORDS: Final = {
    "sequence": "sequence",
    "parallel": "parallel",
    "if": "if",
    "switch": "switch",
    "while": "while",
    "until": "repeat",
    "for_each": "for",
    "matrix": "matrix",
    "race": "race",
    "saga": "saga",
    "wait": "wait",
    "approve": "approve",
    "publish": "publish",
    "set": "let",
    "return": "return",
    "fail": "fail",
    "sleep": "sleep",
    "sleep_until": "sleep",
}
"""The word of each kind in the table that YAML has."""
assert KIND_WORDS.keys() == KINDS.keys()
