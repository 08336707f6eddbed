"""What changed between two programs, in the language's terms: steps, and what is said of each.

It compares what was compiled, so layout, comments, order of keys and notation make no difference, and needs no
source. Two programs with one hash are equal; two with different hashes always show a difference.

Rules, in this order, for which step of the one is which of the other:

1. Steps with a name of their own by that name. 2. Steps with a made-up name by what they are and hold, then by
that name. 3. What is left on both sides, of one kind and alike in everything: renamed.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from wfe_vm.program import Program, SourceMap, encode_program, hash_of

from . import nodes
from .outline import Outline, OutlineStep, outline_of, spell

__all__ = ["Change", "change_lines", "changes_between"]

_POLICY: Final = (
    "retry",
    "exhausted",
    "timeout_ms",
    "total_timeout_ms",
    "continue_on_failure",
    "on_crash",
    "limit",
    "fail_fast",
    "max_passes",
)
_WORDS: Final = {"exhausted": "error_behavior", "max_passes": "max_iterations"}
_MADE_UP: Final = re.compile(r"([a-z_]+)-[0-9]+")
_WORKFLOW: Final = ("version", "requires", "durability", "open_inputs")
_MARKS: Final = {"added": "+", "removed": "-", "moved": ">", "renamed": "=", "changed": "~"}


class Change(msgspec.Struct, frozen=True):
    """``what`` is added, removed, renamed, moved or changed. ``step`` is its path, the new one where it has two,
    empty for the workflow itself. ``field`` is what changed of it; ``old`` and ``new`` are null for not there."""

    what: str
    step: str
    field: str = ""
    old: Any = None
    new: Any = None


def changes_between(old: tuple[Program, SourceMap | None], new: tuple[Program, SourceMap | None]) -> list[Change]:
    """Return all that changed, the workflow's own first, then by step in the order of the new. Raises TooDeep."""
    if hash_of(encode_program(old[0])) == hash_of(encode_program(new[0])):
        return []
    found = list(_Comparison(outline_of(*old), outline_of(*new)).changes())
    return found or [Change("changed", "", "code", "laid out in one way", "laid out in another")]


def change_lines(changes: list[Change]) -> Iterator[str]:
    """Give the changes as lines for people."""
    for change in changes:
        where = change.step or "the workflow"
        if change.what in ("added", "removed"):
            yield f"{_MARKS[change.what]} {where}: {change.new or change.old}"
        elif change.what in ("moved", "renamed"):
            yield f"{_MARKS[change.what]} {where}: {change.what} from {change.old}"
        else:
            yield f"{_MARKS['changed']} {where}: {change.field}: {_shown(change.old)} → {_shown(change.new)}"


class _Comparison:
    def __init__(self, old: Outline, new: Outline) -> None:
        self.old = old
        self.new = new
        self.facts = ([_facts(step) for step in old.steps], [_facts(step) for step in new.steps])
        self.forward: dict[int, int] = {0: 0}
        self.renamed: set[int] = set()
        self._match()
        self.backward = {other: index for index, other in self.forward.items()}

    # Which step is which

    def _match(self) -> None:
        by_name = {step.row.name: step.index for step in self.new.steps[1:] if not _is_made_up(step)}
        for step in self.old.steps[1:]:
            if not _is_made_up(step) and step.row.name in by_name:
                self.forward[step.index] = by_name[step.row.name]
        made_up = [step for step in self.old.steps[1:] if _is_made_up(step)]
        others = [step for step in self.new.steps[1:] if _is_made_up(step)]
        self._pair(made_up, others, lambda step, facts: repr((step.kind, _held(step, facts[0]), facts[1])))
        self._pair(made_up, others, lambda step, _: step.row.name)
        before = len(self.forward)
        known = set(self.forward.values())
        self._pair(
            [step for step in self.old.steps if step.index not in self.forward],
            [step for step in self.new.steps if step.index not in known],
            lambda step, facts: repr((step.kind, facts[1])),
        )
        self.renamed = set(list(self.forward)[before:])

    def _pair(self, old: list[OutlineStep], new: list[OutlineStep], key: Any) -> None:
        taken = set(self.forward.values())
        waiting: dict[str, list[int]] = {}
        for step in new:
            if step.index not in taken:
                waiting.setdefault(key(step, (self.new, self.facts[1][step.index])), []).append(step.index)
        for step in old:
            candidates = waiting.get(key(step, (self.old, self.facts[0][step.index])))
            if step.index not in self.forward and candidates:
                self.forward[step.index] = candidates.pop(0)

    # What changed

    def changes(self) -> Iterator[Change]:
        yield from _changed("", _workflow_facts(self.old), _workflow_facts(self.new))
        moved = self._moved()
        for step in self.new.steps:
            index = self.backward.get(step.index)
            if index is None:
                yield Change("added", step.path, new=_kind(step))
                continue
            before = self.old.steps[index]
            if index in self.renamed:
                yield Change("renamed", step.path, old=before.path, new=step.path)
            if index in moved:
                yield Change(
                    "moved", step.path, old=self._place(self.old, index), new=self._place(self.new, step.index)
                )
            yield from _changed(step.path, self.facts[0][index], self.facts[1][step.index])
        for step in self.old.steps:
            if step.index not in self.forward:
                yield Change("removed", step.path, old=_kind(step))

    def _moved(self) -> set[int]:
        """Return the old steps that lie elsewhere now: in another step or part, or in another order there."""
        old, new = _lists(self.old), _lists(self.new)
        homes = {index: home for home, steps in new.items() for index in steps}
        moved: set[int] = set()
        for (parent, part), steps in old.items():
            home = (self.forward.get(parent, -1), part)
            staying = []
            for index in steps:
                if index not in self.forward:
                    continue
                if homes[self.forward[index]] == home or (
                    parent not in self.forward and homes[self.forward[index]][0] not in self.backward
                ):
                    staying.append(index)
                else:
                    moved.add(index)
            here = [self.forward[index] for index in staying]
            there = [index for index in new.get(home, ()) if index in set(here)]
            kept: set[int] = set()
            for block in difflib.SequenceMatcher(None, here, there, autojunk=False).get_matching_blocks():
                kept.update(here[block.a : block.a + block.size])
            moved |= {index for index in staying if there and self.forward[index] not in kept}
        return moved

    def _place(self, outline: Outline, index: int) -> str:
        """Return where a step stands, for people: in which step, after which one."""
        row = outline.steps[index].row
        for part in outline.steps[row.parent].parts:
            if index in part.steps:
                at = part.steps.index(index)
                after = f"after {outline.steps[part.steps[at - 1]].row.name}" if at else "first"
                inside = outline.steps[row.parent].path
                return f"{after} in {inside}/{part.name}" if inside else after
        return outline.steps[index].path


def _lists(outline: Outline) -> dict[tuple[int, str], list[int]]:
    """Return the steps of each part of each step; all branches of a fork are one list."""
    found: dict[tuple[int, str], list[int]] = {}
    for step in outline.steps:
        for part in step.parts:
            found.setdefault((step.index, part.name), []).extend(part.steps)
    return found


def _is_made_up(step: OutlineStep) -> bool:
    match = _MADE_UP.fullmatch(step.row.name)
    return match is not None and match.group(1) in (step.kind, step.row.kind)


def _held(step: OutlineStep, outline: Outline) -> list[str]:
    """Return the names of the steps directly inside one, but for made-up ones."""
    inside = (outline.steps[index] for part in step.parts for index in part.steps)
    return [held.row.name for held in inside if not _is_made_up(held)]


def _kind(step: OutlineStep) -> str:
    return step.row.type or step.kind


def _facts(step: OutlineStep) -> dict[str, Any]:
    """Return what is said of a step, flat, by the words of the language."""
    row = step.row
    found: dict[str, Any] = {"kind": step.kind if step.index else None, "type": row.type or None}
    if step.when is not None:
        found["when"] = spell(step.when)
    for name, value in step.fields.items():
        _flatten(name, value, found, name in ("config", "fail", "title"))
    for name in _POLICY:
        value = getattr(row, name)
        found[_WORDS.get(name, name)] = msgspec.structs.asdict(value) if isinstance(value, msgspec.Struct) else value
    for output in row.outputs:
        path = f" at {'.'.join(output.path)}" if output.path else ""
        found[f"outputs.{output.name}"] = f"{output.type}{path}"
    if row.child is not None:
        found |= {f"calls.{name}": value for name, value in msgspec.structs.asdict(row.child).items()}
    if row.collect is not None:
        found["collect.name"] = row.collect.name
    return {name: value for name, value in found.items() if value not in (None, 0, False, "")}


def _flatten(name: str, value: nodes.Expression, found: dict[str, Any], as_text: bool) -> None:
    if isinstance(value, nodes.MapExpression) and value.entries:
        for key, _, inner in value.entries:
            _flatten(f"{name}.{key}", inner, found, as_text)
    elif as_text and isinstance(value, nodes.Literal) and isinstance(value.value, str):
        found[name] = value.value
    else:
        found[name] = spell(value, as_text and isinstance(value, nodes.Text))


def _workflow_facts(outline: Outline) -> dict[str, Any]:
    program = outline.program
    found: dict[str, Any] = {name: getattr(program, name) for name in _WORKFLOW}
    for word, rows in (("inputs", program.inputs), ("outputs", program.outputs)):
        for row in rows:
            default = {} if row.default is None else {"default": row.default}
            enum = {"enum": list(row.enum)} if row.enum else {}
            found[f"{word}.{row.name}"] = {"type": row.type, **default, **enum} if default or enum else row.type
    for name in ("concurrency", "shared_volume"):
        found[name] = _plain(getattr(program, name))
    if program.schedule:
        found["schedule"] = [_plain(one) for one in program.schedule]
    for service in program.services:
        found[f"services.{service.name}"] = _plain(service)
    for secret in program.secrets:
        found[f"secrets.{secret.name}"] = _plain(secret)
    if program.preparation is not None:
        # What is worked out before the first step: the group and the services' environments.
        for step in outline_of(program.preparation).steps:
            for name in ("outputs", "set", "return"):
                if name in step.fields:
                    _flatten("before", step.fields[name], found, True)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}


def _plain(value: Any) -> Any:
    """Return a struct as a map, and anything else as it is."""
    if not isinstance(value, msgspec.Struct):
        return value
    return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}


def _changed(path: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            yield Change("changed", path, name, old.get(name), new.get(name))


def _shown(value: Any) -> str:
    if value is None:
        return "(none)"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
