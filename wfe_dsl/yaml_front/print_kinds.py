"""The kinds of a step as YAML: one function a kind, the counterparts of those in ``kinds``.

Each returns the entries that make a step of that kind: its own key, and those that go with it. How a list of
steps is written comes from the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from .. import nodes
from ..expression_printer import NoSpelling, print_expression, print_text
from .layout import Item, Series, Table, Value
from .print_values import (
    item,
    lines_of,
    written_config,
    written_duration,
    written_entries,
    written_expression,
    written_literal,
    written_value,
)
from .step_types import STEP_TYPES

__all__ = ["written_kind"]

Steps = tuple[nodes.Step, ...]
StepsWriter = Callable[[Steps], Series]


def written_kind(body: nodes.Block, steps: StepsWriter) -> list[Item]:
    """Return the entries of a step that say what it does."""
    return list(_WRITERS[type(body)](body, steps))


def _task(body: nodes.Task, steps: StepsWriter) -> Iterator[Item]:
    keys = [name for name, _, _ in body.config.entries]
    if body.type != "shell" or "run" not in keys:
        yield item("type", written_literal(body.type, body), body.type_span)
    if not keys:
        return
    row = STEP_TYPES.get(body.type)
    config = item("config", written_value(body.config) if row is None else written_config(body.config, row.keys))
    if body.config.span.line == body.config.span.end_line:  # what stands beside it is about the whole
        config.lines = lines_of(body.config.span)
    yield config


def _sequence(body: nodes.Sequence, steps: StepsWriter) -> Iterator[Item]:
    yield item("sequence", steps(body.steps))


def _parallel(body: nodes.Parallel, steps: StepsWriter) -> Iterator[Item]:
    options: list[Item] = []
    if body.limit:
        options.append(item("limit", body.limit))
    if body.fail_fast != "never":
        options.append(item("fail_fast", body.fail_fast))
    inner = steps(body.steps)
    yield item("parallel", Table([*options, item("steps", inner)]) if options else inner)


def _if(body: nodes.If, steps: StepsWriter) -> Iterator[Item]:
    yield item("if", written_expression(body.test), body.test.span)
    yield item("then", steps(body.then))
    if body.otherwise:
        yield item("else", steps(body.otherwise))


def _switch(body: nodes.Switch, steps: StepsWriter) -> Iterator[Item]:
    yield item("switch", written_expression(body.subject), body.subject.span)
    cases: list[Item] = []
    for case in body.cases:
        value = case.value.value
        entry = item(value if isinstance(value, str) else _case_key(value), steps(case.steps), case.span)
        entry.plain_key = not isinstance(value, str)
        cases.append(entry)
    yield item("cases", Table(cases))
    if body.default:
        yield item("default", steps(body.default))


def _case_key(value: Any) -> str:
    return (
        {None: "null", True: "true", False: "false"}[value]
        if value is None or value is True or value is False
        else repr(value)
    )


def _while(body: nodes.While, steps: StepsWriter) -> Iterator[Item]:
    yield item("until" if body.until else "while", written_expression(body.test), body.test.span)
    if body.max_iterations:
        yield item("max_iterations", body.max_iterations)
    yield item("do", steps(body.body))


def _for_each(body: nodes.ForEach, steps: StepsWriter) -> Iterator[Item]:
    yield item("for_each", written_expression(body.items), body.items.span)
    yield from _iterations(body, "item", steps)


def _matrix(body: nodes.Matrix, steps: StepsWriter) -> Iterator[Item]:
    yield item("matrix", written_entries(body.axes))
    yield from _iterations(body, "matrix", steps)


def _iterations(body: nodes.ForEach | nodes.Matrix, default: str, steps: StepsWriter) -> Iterator[Item]:
    if body.variable != default:
        yield item("as", body.variable)
    if body.limit is not None:
        yield item("limit", body.limit)
    if body.fail_fast != "never":
        yield item("fail_fast", body.fail_fast)
    collect = body.collect
    if collect is not None:
        value: Value = collect.name
        if collect.expression is not None:
            value = Table([item(collect.name, written_expression(collect.expression))], flow=True)
        yield item("collect", value, collect.span)
    yield item("do", steps(body.body))


def _race(body: nodes.Race, steps: StepsWriter) -> Iterator[Item]:
    yield item("race", steps(body.steps))


def _saga(body: nodes.Saga, steps: StepsWriter) -> Iterator[Item]:
    yield item("saga", steps(body.steps))


def _wait(body: nodes.Wait, steps: StepsWriter) -> Iterator[Item]:
    entries = _event(body)
    if body.since is not None:
        known = isinstance(body.since, nodes.Literal) and body.since.value is not None
        since = written_value(body.since) if known else print_text(body.since)
        entries.append(item("since", since, body.since.span))
    yield item("wait", Table(entries + _timeout(body, steps), flow=True))


def _publish(body: nodes.Publish, steps: StepsWriter) -> Iterator[Item]:
    entries = _event(body)
    if body.data is not None:
        entries.append(item("data", written_value(body.data), body.data.span))
    yield item("publish", Table(entries, flow=True))


def _event(body: nodes.Wait | nodes.Publish) -> list[Item]:
    entries = [item("event", written_literal(body.event, body), body.event_span)]
    if body.key is not None:
        entries.append(item("key", print_text(body.key), body.key.span))
    return entries


def _timeout(body: nodes.Wait | nodes.Approve, steps: StepsWriter) -> list[Item]:
    entries: list[Item] = []
    if body.timeout_ms is not None:
        entries.append(item("timeout", written_duration(body.timeout_ms)))
    if body.on_timeout is not None:
        entries.append(item("on_timeout", steps(body.on_timeout)))
    return entries


def _approve(body: nodes.Approve, steps: StepsWriter) -> Iterator[Item]:
    entries: list[Item] = []
    if body.options != ("approve", "reject"):
        entries.append(item("options", written_literal(body.options, body)))
    if body.reject != tuple(name for name in ("reject",) if name in body.options):
        entries.append(item("reject", written_literal(body.reject, body)))
    if body.assignees:
        people = [Item(written_value(person)) for person in body.assignees]
        entries.append(item("assignees", Series(people, flow=True)))
    entries += _timeout(body, steps)
    title = print_text(body.title)
    whole = Table([item("title", title, body.title.span), *entries], flow=True)
    yield item("approve", whole if entries else title)


def _set(body: nodes.Set, steps: StepsWriter) -> Iterator[Item]:
    yield item("set", written_entries(body.entries))


def _return(body: nodes.Return, steps: StepsWriter) -> Iterator[Item]:
    yield item("return", written_entries(body.entries))


def _fail(body: nodes.Fail, steps: StepsWriter) -> Iterator[Item]:
    yield item("fail", print_text(body.message), body.message.span)


def _sleep(body: nodes.Sleep, steps: StepsWriter) -> Iterator[Item]:
    if body.until is not None:
        until = written_expression(body.until)
        # Null would be taken for nothing.
        yield item("sleep_until", print_expression(body.until) if until is None else until, body.until.span)
    elif body.duration_ms is not None:
        yield item("sleep", written_duration(body.duration_ms))
    else:
        raise NoSpelling(body)


_WRITERS: Final[dict[type, Callable[[Any, StepsWriter], Iterator[Item]]]] = {
    nodes.Task: _task,
    nodes.Sequence: _sequence,
    nodes.Parallel: _parallel,
    nodes.If: _if,
    nodes.Switch: _switch,
    nodes.While: _while,
    nodes.ForEach: _for_each,
    nodes.Matrix: _matrix,
    nodes.Race: _race,
    nodes.Saga: _saga,
    nodes.Wait: _wait,
    nodes.Publish: _publish,
    nodes.Approve: _approve,
    nodes.Set: _set,
    nodes.Return: _return,
    nodes.Fail: _fail,
    nodes.Sleep: _sleep,
}
