"""A plan as a tree of lines, for people: what runs, what is skipped, what only the run can tell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from wfe_vm.durations import format_duration

__all__ = ["plan_lines"]

LONGEST: Final = 100
"""Characters of an expression or value in a line; the JSON has the whole of it."""

_Branch = tuple[str, list["_Branch"]]
"""A line, and the lines below it."""


def plan_lines(plan: dict[str, Any]) -> Iterator[str]:
    """Give the lines of a plan."""
    yield f"{plan['workflow']} version {plan['version']}"
    for name, value in plan["inputs"].items():
        yield f"  input {name} = {_shown(value)}"
    for name in plan["unknown_inputs"]:
        yield f"  input {name} is not given"
    if plan["requires"]:
        yield f"  needs {', '.join(plan['requires'])}"
    if plan["timeout_ms"]:
        yield f"  timeout {format_duration(plan['timeout_ms'])}"
    yield from _drawn(_body(plan), "")


def _drawn(branches: list[_Branch], indent: str) -> Iterator[str]:
    for number, (line, below) in enumerate(branches, 1):
        last = number == len(branches)
        yield f"{indent}{'└─' if last else '├─'} {line}"
        yield from _drawn(below, indent + ("   " if last else "│  "))


def _body(plan: dict[str, Any]) -> list[_Branch]:
    return [*map(_step, plan["steps"]), *(_part(part, True) for part in plan["hooks"])]


def _step(step: dict[str, Any]) -> _Branch:
    facts = [step["type"] or step["kind"], *_facts(step)]
    line = f"{_mark(step)}{step['name']}: {', '.join(facts)}"
    when = step["when"]
    if when is not None:
        line += f"; when {_clip(when['expression'])}{_outcome(when)}"
    below: list[_Branch] = []
    for part in step["parts"]:
        if part["part"] in ("body", "branch"):
            below += map(_step, part["steps"])
        else:
            below.append(_part(part, part["runs"] is not False))
    calls = step.get("calls")
    if calls is not None and calls["plan"] is not None:
        below += _body(calls["plan"])
    return line, below


def _part(part: dict[str, Any], may_run: bool) -> _Branch:
    return part["part"] + ("" if may_run else " (not taken)"), [*map(_step, part["steps"])]


def _mark(step: dict[str, Any]) -> str:
    return "" if step["runs"] is True else "- " if step["runs"] is False else "? "


def _facts(step: dict[str, Any]) -> Iterator[str]:
    calls = step.get("calls")
    if calls is not None:
        version = f" version {calls['version']}" if calls["version"] else ", the highest version registered"
        yield f"calls {calls['workflow']}{version}{', not waited for' if calls['detach'] else ''}"
    for name in ("if", "switch", "while", "until", "for_each", "matrix", "sleep_until", "fail"):
        known = step["expressions"].get(name)
        if known is not None:
            yield (
                f"{_clip(known['expression'])}{_outcome(known)}"
                if name in ("if", "switch", "while")
                else _clip(known["expression"])
            )
    sleep = step["expressions"].get("sleep")
    if sleep is not None and isinstance(sleep["value"], int):
        yield format_duration(sleep["value"])
    if "items" in step:
        yield "items not known yet" if step["items"] is None else f"{step['items']} items"
    if step.get("at_once"):
        yield f"{step['at_once']} at once"
    if step.get("most_passes"):
        yield f"at most {step['most_passes']} passes"
    retry = step["retry"]
    if retry is not None:
        yield f"up to {retry['attempts']} attempts" if retry["attempts"] else "attempts without end"
    for name, words in (("timeout_ms", "timeout"), ("total_timeout_ms", "in all at most")):
        if step[name]:
            yield f"{words} {format_duration(step[name])}"
    if step["then"] != "fail":
        yield f"on failure: {step['then']}"
    if step["continue_on_failure"]:
        yield "its failure is tolerated"
    if "permissions" in step:
        yield f"permissions {_shown(step['permissions'])}"


def _outcome(known: dict[str, Any]) -> str:
    if "problem" in known:
        return f" → an error: {known['problem']}"
    return f" → {_shown(known['value'])}" if known["known"] else ""


def _shown(value: Any) -> str:
    return _clip(value if isinstance(value, str) and "\n" not in value else json.dumps(value, ensure_ascii=False))


def _clip(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
