"""A tree as YAML: the one canonical way to write it, whichever notation it came from.

Owns the order of keys and what is left out because it is so anyway. Reading the text gives an equal tree, but
that what was included stands in the file itself. Values are ``print_values``'s, kinds of steps ``print_kinds``'s,
lines and brackets ``layout``'s.

Rules: a key that says nothing new is not written; what people write on one line stands on one line.
"""

from __future__ import annotations

from typing import Final

from .. import nodes
from ..comments import Comments
from ..expression_printer import NoSpelling
from .layout import Item, Series, Table, Value, render
from .print_comments import place_comments
from .print_conditions import has_data_key, written_condition, written_path
from .print_kinds import written_kind
from .print_surroundings import written_surroundings
from .print_values import (
    Entries,
    item,
    lines_of,
    written_config,
    written_duration,
    written_entries,
    written_literal,
)
from .recovery import DEFAULT_JITTER, OUTCOMES
from .step_keys import HOOKS
from .step_types import COMMAND, MAP, TEXT

DEFAULTS: Final = {"env": MAP, "working_dir": TEXT, "shell": COMMAND}
"""The keys of ``defaults`` that are those of configurations."""

__all__ = ["print_document", "written_file", "written_workflow"]


def print_document(document: nodes.Document, comments: Comments) -> str:
    """Return a document as YAML, with the comments of the file that it was read from.

    Raises NoSpelling for what YAML has no notation for: no file can hold it.
    """
    file = written_file(document)
    end = place_comments(file, comments)
    return render(file, end)


def written_file(document: nodes.Document) -> Table:
    """Return a document as the map that a file is. Raises NoSpelling."""
    source = document.span.source
    top = lines_of(document.span)[0]
    if len(document.workflows) == 1:
        table = written_workflow(document.workflows[0])
        return Table([Item(table, "workflow", (top, 0))])
    listed = [Item(written_workflow(one), "", _own_lines(one, source)) for one in document.workflows]
    return Table([Item(Series(listed, spaced=True), "workflows", (top, 0))])


def _own_lines(workflow: nodes.Workflow, source: object) -> tuple[int, int]:
    return lines_of(workflow.span) if workflow.span.source is source else (0, 0)


def written_workflow(workflow: nodes.Workflow) -> Table:
    """Return a workflow as the map that a file holds. Raises NoSpelling."""
    items = [
        item("id", written_literal(workflow.id, workflow), workflow.id_span),
        item("version", workflow.version),
    ]
    for key, text in (("name", workflow.name), ("description", workflow.description)):
        if text:
            items.append(item(key, written_literal(text, workflow)))
    if workflow.inputs is not None:
        items.append(item("inputs", _declarations(workflow.inputs)))
    if workflow.outputs:
        items.append(item("outputs", _declarations(workflow.outputs)))
    if workflow.timeout_ms is not None:
        items.append(item("timeout", written_duration(workflow.timeout_ms)))
    if workflow.retry is not None:
        items.append(item("error_behavior", _older_retry(workflow.retry), workflow.retry.span))
    if workflow.error_behavior is not None:
        items.append(item("error_behavior", workflow.error_behavior.type, workflow.error_behavior.span))
    if workflow.defaults is not None:
        items.append(item("defaults", _defaults(workflow.defaults), workflow.defaults.span))
    if workflow.durability:
        items.append(item("durability", workflow.durability))
    if workflow.requires:
        names = [Item(written_literal(name, workflow)) for name, _ in workflow.requires]
        items.append(item("requires", Series(names, flow=True)))
    items += written_surroundings(workflow)
    items.append(item("steps", _steps(workflow.steps)))
    items += _hooks(workflow.hooks)
    return Table(items)


def _declarations(declarations: tuple[nodes.InputDeclaration, ...]) -> Table:
    return Table([item(one.name, _declaration(one), one.span) for one in declarations], flow=True)


def _declaration(one: nodes.InputDeclaration) -> Value:
    type_text = written_literal(one.type.text, one)
    items = [item("type", type_text)]
    if one.default is not None:
        items.append(item("default", _constant(one.default)))
    if one.enum:
        items.append(item("enum", written_literal(one.enum, one)))
    if one.description:
        items.append(item("description", written_literal(one.description, one)))
    return type_text if len(items) == 1 else Table(items, flow=True)


def _constant(expression: nodes.Expression) -> Value:
    if isinstance(expression, nodes.Literal):
        return written_literal(expression.value, expression)
    if isinstance(expression, nodes.ListExpression):
        return Series([Item(_constant(one)) for one in expression.items], flow=True)
    if isinstance(expression, nodes.MapExpression):
        return Table([item(name, _constant(one)) for name, _, one in expression.entries], flow=True)
    raise NoSpelling(expression)


def _defaults(defaults: nodes.Defaults) -> Table:
    items: list[Item] = []
    if defaults.timeout_ms is not None:
        items.append(item("timeout", written_duration(defaults.timeout_ms)))
    items += _recovery(defaults)
    given = ((key, getattr(defaults, key)) for key in DEFAULTS)
    entries = tuple((key, value.span, value) for key, value in given if value is not None)
    config = written_config(nodes.MapExpression(span=defaults.span, entries=entries), DEFAULTS)
    return Table(items + config.items, flow=True)


# Steps


def _steps(steps: tuple[nodes.Step, ...]) -> Series:
    return Series([Item(_step(step), lines=lines_of(step.span)) for step in steps], spaced=True)


def _step(step: nodes.Step) -> Table:
    items: list[Item] = []
    if step.name is not None:
        items.append(item("name", written_literal(step.name, step), step.name_span))
    if step.when is not None:
        items.append(item("when", written_condition(step.when), step.when.span))
    items += written_kind(step.body, _steps)
    if step.inputs is not None:
        items.append(item("inputs", _inputs(step.inputs)))
    if step.outputs:
        items.append(item("outputs", Series([_output(one) for one in step.outputs], flow=True)))
    if step.timeout_ms is not None:
        items.append(item("timeout", written_duration(step.timeout_ms)))
    if step.total_timeout_ms is not None:
        items.append(item("total_timeout", written_duration(step.total_timeout_ms)))
    items += _recovery(step)
    if step.continue_on_failure:
        items.append(item("continue_on_failure", True))
    if step.on_crash != "rerun":
        items.append(item("on_crash", step.on_crash))
    items += _hooks(step.hooks)
    if step.compensate:
        items.append(item("compensate", _steps(step.compensate)))
    if step.compensate_on_failure:
        items.append(item("compensate_on_failure", True))
    return Table(items)


def _inputs(inputs: Entries) -> Value:
    """Return the inputs of a task: a map or, where a data key is in them, the older list of places."""
    if not any(has_data_key(value) for _, _, value in inputs):
        return written_entries(inputs)
    listed: list[Item] = []
    for name, _, value in inputs:
        path = written_path(value)
        entries = [item("name", name)] if path == name else [item("name", name), item("path", path)]
        listed.append(Item(Table(entries, flow=True), lines=lines_of(value.span)))
    return Series(listed, flow=True)


def _output(output: nodes.OutputDeclaration) -> Item:
    items = [item("name", output.name)]
    if output.type is not None:
        items.append(item("type", written_literal(output.type.text, output)))
    if output.path:
        items.append(item("path", written_literal(".".join(output.path), output)))
    return Item(Table(items, flow=True), lines=lines_of(output.span))


def _hooks(hooks: nodes.Hooks | None) -> list[Item]:
    if hooks is None:
        return []
    return [item(name, _steps(getattr(hooks, name))) for name in HOOKS if getattr(hooks, name)]


def _recovery(part: nodes.Step | nodes.Defaults) -> list[Item]:
    items: list[Item] = []
    if part.retry is not None:
        items.append(item("retry", _retry(part.retry), part.retry.span))
    if part.error_behavior is not None:
        items.append(item("error_behavior", part.error_behavior.type, part.error_behavior.span))
    return items


def _retry(retry: nodes.Retry) -> Value:
    items = [item("attempts", retry.attempts)]
    if retry.interval_ms != 1000:
        items.append(item("interval", written_duration(retry.interval_ms)))
    if retry.backoff != 1.0:
        items.append(item("backoff", _number(retry.backoff)))
    if retry.max_interval_ms:
        items.append(item("max_interval", written_duration(retry.max_interval_ms)))
    if retry.jitter:
        items.append(item("jitter", True if retry.jitter == DEFAULT_JITTER else _number(retry.jitter)))
    if retry.outcomes != OUTCOMES or retry.exit_codes:
        items.append(item("on", written_literal((*retry.outcomes, *retry.exit_codes), retry)))
    if retry.max_elapsed_ms:
        items.append(item("max_elapsed", written_duration(retry.max_elapsed_ms)))
    return retry.attempts if len(items) == 1 else Table(items, flow=True)


def _number(value: float) -> int | float:
    return int(value) if value.is_integer() else value


def _older_retry(retry: nodes.Retry) -> Value:
    """Return the retry of a workflow, which only ``error_behavior`` of the older spelling can give it."""
    plain = nodes.Retry(span=retry.span, attempts=retry.attempts, interval_ms=retry.interval_ms)
    if nodes.structure(plain) != nodes.structure(retry) or retry.attempts == 1:
        raise NoSpelling(retry)
    items = [item("type", "retry"), item("interval", written_duration(retry.interval_ms))]
    items.append(item("max_retries", max(retry.attempts - 1, 0)))
    return Table(items, flow=True)
