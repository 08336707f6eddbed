"""Steps as the text language writes them: one function for each word that begins one.

Scalars that belong to a step stand in its first line, what has steps in it after it; a task has all its keys in its
block.
"""

from __future__ import annotations

from typing import Final

from wfe_vm.durations import format_duration

from .. import nodes
from ..source import Span
from ..yaml_front.step_keys import HOOKS
from ..yaml_front.step_types import STEP_TYPES
from .page import Page
from .print_modifiers import inline_modifiers, is_bare, own_lines
from .print_values import (
    ANY,
    Lines,
    append,
    entry_lines,
    escaped,
    expression,
    inline,
    key_name,
    name,
    plain,
    string,
    text_or_expression,
)
from .words import BLOCK_KEYS, SHORTHANDS, outside_tasks

__all__ = ["print_hooks", "print_step"]

Steps = tuple[nodes.Step, ...]

DEFAULT_OPTIONS: Final = ("approve", "reject")


def print_step(page: Page, step: nodes.Step) -> None:
    """Print a step with all that is in it, and the comments of its lines."""
    page.comment(step.span.line)
    if isinstance(step.body, nodes.Task):
        _task(page, step, step.body)
    else:
        _statement(page, step)
        _behind(page, step)
    page.remaining_comments(step.span.line, step.span.end_line)


def print_hooks(page: Page, hooks: nodes.Hooks | None) -> None:
    """Print the hooks of a task or a workflow, as statements in its block."""
    for hook, steps in _hooks(hooks):
        page.comment(steps[0].span.line - 1)  # of the line with the hook's name, where it has one to itself
        _block(page, hook, steps)


def _steps(page: Page, steps: Steps) -> None:
    for step in steps:
        print_step(page, step)


def _block(page: Page, head: str, steps: Steps, span: Span | None = None) -> None:
    with page.braces(head, span):
        _steps(page, steps)


def _block_behind(page: Page, head: str, steps: Steps) -> None:
    with page.braces_behind(head):
        _steps(page, steps)


def _hooks(hooks: nodes.Hooks | None) -> list[tuple[str, Steps]]:
    """Return the words of the hooks that there are, with their steps."""
    if hooks is None:
        return []
    found = ((hook.replace("_", " ", 1), getattr(hooks, hook)) for hook in HOOKS)
    return [(hook, steps) for hook, steps in found if steps]


# Statements


def _statement(page: Page, step: nodes.Step) -> None:
    """Print a step that is no task, but for its hooks."""
    begin = "" if step.name is None else f"step {name(step.name)} = "
    body, more, span = step.body, inline_modifiers(step), step.span
    match body:
        case nodes.Sequence():
            _block(page, f"{begin}sequence{more}", body.steps, span)
        case nodes.Race():
            _block(page, f"{begin}race{more}", body.steps, span)
        case nodes.Saga():
            _block(page, f"{begin}saga{more}", body.steps, span)
        case nodes.Parallel():
            limit = f" limit {body.limit}" if body.limit else ""
            _block(page, f"{begin}parallel{limit}{_fail_fast(body.fail_fast)}{more}", body.steps, span)
        case nodes.If():
            _if(page, body, f"{begin}if {expression(body.test)}{more}", span)
        case nodes.Switch():
            _switch(page, body, f"{begin}switch {expression(body.subject)}{more}", span)
        case nodes.While():
            bound = f" max_iterations {body.max_iterations}" if body.max_iterations else ""
            if body.until:
                _block(page, f"{begin}repeat{bound}", body.body, span)
                page.go_on(f" until {expression(body.test)}{more}")
            else:
                _block(page, f"{begin}while {expression(body.test)}{bound}{more}", body.body, span)
        case nodes.ForEach():
            head = f"{begin}for {name(body.variable)} in {expression(body.items)}"
            _block(page, f"{head}{_iterations(body)}{more}", body.body, span)
        case nodes.Matrix():
            axes = ", ".join(f"{name(axis)} in {expression(items)}" for axis, _, items in body.axes)
            variable = f" as {name(body.variable)}" if body.variable != "matrix" else ""
            _block(page, f"{begin}matrix {axes}{variable}{_iterations(body)}{more}", body.body, span)
        case nodes.Wait():
            _timed(page, body, begin, _wait(body), more, span)
        case nodes.Approve():
            _timed(page, body, begin, _approve(body), more, span)
        case nodes.Publish():
            _row(page, begin, _publish(body), more, span)
        case nodes.Set():
            entries = ", ".join(f"{name(key)} = {expression(value)}" for key, _, value in body.entries)
            page.put(f"{begin}let {entries}{more}", span)
        case nodes.Return():
            entries = ", ".join(f"{key_name(key)}: {expression(value)}" for key, _, value in body.entries)
            page.put(f"{begin}return{f' {{ {entries} }}' if entries else ''}{more}", span)
        case nodes.Fail():
            _row(page, f"{begin}fail ", text_or_expression(body.message), more, span)
        case nodes.Sleep():
            if body.until is not None:
                page.put(f"{begin}sleep until {expression(body.until)}{more}", span)
            else:
                page.put(f"{begin}sleep {format_duration(body.duration_ms or 0)}{more}", span)


def _behind(page: Page, step: nodes.Step) -> None:
    """Print what stands behind a step that is no task: a timeout of its own beside that of a wait, and hooks."""
    if isinstance(step.body, nodes.Wait | nodes.Approve) and step.timeout_ms is not None:
        page.go_on(f" with {{ timeout {format_duration(step.timeout_ms)} }}")
    for hook, steps in _hooks(step.hooks):
        _block_behind(page, hook, steps)
    if step.compensate:
        _block_behind(page, "compensate", step.compensate)


def _row(page: Page, begin: str, lines: Lines, more: str, span: Span) -> None:
    """Print lines after some words, and further words after the last of them."""
    lines[0] = begin + lines[0]
    lines[-1] += more
    page.put(lines, span)


def _if(page: Page, body: nodes.If, head: str, span: Span) -> None:
    _block(page, head, body.then, span)
    while body.otherwise:
        inner = body.otherwise[0]
        if len(body.otherwise) > 1 or not isinstance(inner.body, nodes.If) or not is_bare(inner):
            _block_behind(page, "else", body.otherwise)
            return
        body = inner.body
        _block_behind(page, f"else if {expression(body.test)}", body.then)


def _switch(page: Page, body: nodes.Switch, head: str, span: Span) -> None:
    with page.braces(head, span):
        for case in body.cases:
            _block(page, f"case {plain(case.value.value)}", case.steps, case.span)
        if body.default:
            _block(page, "default", body.default)


def _timed(page: Page, body: nodes.Wait | nodes.Approve, begin: str, lines: Lines, more: str, span: Span) -> None:
    if body.timeout_ms is not None:
        append(lines, "timeout", [format_duration(body.timeout_ms)])
    if body.on_timeout is None:
        _row(page, begin, lines, more, span)
        return
    _row(page, begin, lines, f"{more} on_timeout {{", span)
    with page.inside():
        _steps(page, body.on_timeout)


def _wait(body: nodes.Wait) -> Lines:
    lines = [f"wait event {string(escaped(body.event))}"]
    if body.key is not None:
        append(lines, "key", text_or_expression(body.key))
    if body.since is not None:
        is_now = isinstance(body.since, nodes.Literal) and body.since.value == "now"
        bare = not isinstance(body.since, nodes.Name)
        append(lines, "since", ["now"] if is_now else text_or_expression(body.since, bare))
    return lines


def _approve(body: nodes.Approve) -> Lines:
    lines = ["approve"]
    append(lines, "", text_or_expression(body.title))
    if body.options != DEFAULT_OPTIONS:
        append(lines, "options", [f"[{', '.join(string(escaped(word)) for word in body.options)}]"])
    if body.reject != tuple(word for word in ("reject",) if word in body.options):
        append(lines, "reject", [f"[{', '.join(string(escaped(word)) for word in body.reject)}]"])
    if body.assignees:
        append(lines, "assignees", [f"[{', '.join(inline(person) for person in body.assignees)}]"])
    return lines


def _publish(body: nodes.Publish) -> Lines:
    lines = [f"publish event {string(escaped(body.event))}"]
    if body.key is not None:
        append(lines, "key", text_or_expression(body.key))
    data = body.data
    if isinstance(data, nodes.MapExpression | nodes.ListExpression):
        append(lines, "data", entry_lines(data, ANY))
    elif isinstance(data, nodes.Literal) and not isinstance(data.value, str):
        append(lines, "data", [inline(data)])
    elif data is not None:
        append(lines, "data", text_or_expression(data))
    return lines


def _iterations(body: nodes.ForEach | nodes.Matrix) -> str:
    limit = f" limit {body.limit}" if body.limit is not None else ""
    collect = ""
    if body.collect is not None:
        collect = f" collect {name(body.collect.name)}"
        if body.collect.expression is not None:
            collect += f" = {expression(body.collect.expression)}"
    return f"{limit}{_fail_fast(body.fail_fast)}{collect}"


def _fail_fast(word: str) -> str:
    return f" fail_fast {word}" if word != "never" else ""


# Tasks


def _task(page: Page, step: nodes.Step, task: nodes.Task) -> None:
    entries = {key: value for key, _, value in task.config.entries}
    called = _call(step, task, entries)
    if called is not None:
        head, entries = called, {}
    else:
        kind = task.type if task.type == "workflow" else name(task.type)
        head = f"step {name(step.name or '')} = {kind}"
    keys = own_lines(step, called is not None)
    if step.when is None and not keys and not step.hooks and not step.compensate:
        short = _shorthand(task, entries) if entries else ""
        if short is not None:
            page.put(head + short, step.span)
            return
    with page.braces(head, step.span):
        if step.when is not None:
            page.put(f"when {expression(step.when)}", step.when.span)
        rows = STEP_TYPES[task.type].keys if task.type in STEP_TYPES else {}
        for key, key_span, value in task.config.entries if called is None else ():
            quoted = key in BLOCK_KEYS or key in ("config", "with") or key in outside_tasks(task.type)
            page.put_field(key, value, rows.get(key, ANY), quoted, key_span)
        for line in keys:
            page.put(line)
        print_hooks(page, step.hooks)
        if step.compensate:
            _block(page, "compensate", step.compensate)


def _shorthand(task: nodes.Task, entries: dict[str, nodes.Expression]) -> str | None:
    """Return the only entry of a task as it stands behind its head, if it can."""
    key = SHORTHANDS.get(task.type)
    if key is None or list(entries) != [key]:
        return None
    first, *rest = entry_lines(entries[key], STEP_TYPES[task.type].keys[key])
    return None if rest or first.startswith(("=", "{", "[")) else f" {first}"


def _call(step: nodes.Step, task: nodes.Task, entries: dict[str, nodes.Expression]) -> str | None:
    """Return the head of a step that calls a workflow and has nothing that only its long form has."""
    if task.type != "workflow" or list(entries) != [key for key in ("workflow", "version", "detach") if key in entries]:
        return None
    called, version, detach = entries.get("workflow"), entries.get("version"), entries.get("detach")
    if not isinstance(called, nodes.Literal) or step.name is None:
        return None
    if detach is not None and not (isinstance(detach, nodes.Literal) and detach.value is True):
        return None
    if version is not None and not isinstance(version, nodes.Literal):
        return None
    head = f"call {name(str(called.value))}"
    if step.name != called.value:
        head = f"step {name(step.name)} = {head}"
    if version is not None:
        head += f" version {plain(version.value)}"
    if step.inputs is not None:
        head += f" ({', '.join(f'{key_name(key)}: {expression(value)}' for key, _, value in step.inputs)})"
    return head if detach is None else f"{head} detach"
