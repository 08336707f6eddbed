"""The printer: a tree as a file of the text language, in one canonical style.

Reading what is printed gives an equal tree. Comments stand before or beside what they stood at; what has no
place of its own any more is kept before the next thing or at the end. Scalars that belong to a step stand in
its first line, what has steps in it after it; a task has all its keys in its block.
"""

from __future__ import annotations

from typing import Final

from wfe_vm.durations import format_duration

from .. import nodes
from ..comments import Comments
from ..source import Span
from ..yaml_front.step_keys import HOOKS
from ..yaml_front.step_types import STEP_TYPES, Key
from .print_values import (
    ANY,
    INDENT,
    Lines,
    entry_lines,
    escaped,
    expression,
    field,
    inline,
    key_name,
    name,
    plain,
    raw_block,
    string,
    text_or_expression,
)
from .words import BLOCK_KEYS, SHORTHANDS, outside_tasks

__all__ = ["print_document"]

OUTCOMES: Final = ("failure", "error", "timeout")
PLAIN_TYPE: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_<>{}:,? ")
TEXT: Final = Key("text")
MAP: Final = Key("map")
COMMAND: Final = Key("command")
DEFAULT_OPTIONS: Final = ("approve", "reject")


def print_document(document: nodes.Document, comments: Comments) -> str:
    """Return the text of a file with all its workflows, those of included files too."""
    return _Printer(comments).document(document)


class _Printer:
    def __init__(self, comments: Comments) -> None:
        self.comments = comments
        self.lines: Lines = []
        self.depth = 0
        self.before = dict(comments.before)
        self.beside = dict(comments.beside)

    # Lines

    def put(self, lines: Lines | str, span: Span | None = None) -> None:
        """Add lines, at the current depth, with the comments of the line on which what they say began."""
        given = [lines] if isinstance(lines, str) else lines
        pad = INDENT * self.depth
        if span is not None:
            self.comment(span)
        first = len(self.lines)
        self.lines.extend(pad + line if line else "" for line in given)
        if span is not None and span.line in self.beside:
            # Inside of a raw block it would be text.
            at = first if len(given) == 1 or not given[0].rstrip().endswith("`") else len(self.lines) - 1
            self.lines[at] += f"  # {self.beside.pop(span.line)}".rstrip()

    def comment(self, span: Span) -> None:
        pad = INDENT * self.depth
        for text in self.before.pop(span.line, ()):
            self.lines.append(f"{pad}# {text}".rstrip() if text else "")

    def remaining(self, first: int, last: int) -> None:
        """Add the comments of lines for which nothing was printed."""
        for line in sorted({*self.before, *self.beside}):
            if first <= line <= last:
                texts = (*self.before.pop(line, ()), *filter(None, (self.beside.pop(line, ""),)))
                self.lines.extend(f"{INDENT * self.depth}# {text}".rstrip() for text in texts)

    def opened(self, head: str, span: Span | None = None) -> None:
        self.put(f"{head} {{", span)
        self.depth += 1

    def closed(self) -> None:
        self.depth -= 1
        self.put("}")

    # A file

    def document(self, document: nodes.Document) -> str:
        for number, workflow in enumerate(document.workflows):
            if number:
                self.lines.append("")
            self.workflow(workflow)
        self.remaining(0, 2**31)
        self.lines.extend(f"# {text}".rstrip() if text else "" for text in self.comments.end)
        return "\n".join(self.lines) + "\n"

    def workflow(self, workflow: nodes.Workflow) -> None:
        title = f" {string(escaped(workflow.name))}" if workflow.name else ""
        self.remaining(0, workflow.span.line - 1)
        self.comment(workflow.span)
        self.opened(f"workflow {name(workflow.id)} version {workflow.version}{title}", workflow.id_span)
        if workflow.description:
            text = escaped(workflow.description)
            first, *rest = raw_block(text) or [string(text)]
            self.put([f"description {first}", *rest])
        self.declarations("input", workflow.inputs)
        self.declarations("output", workflow.outputs)
        self.settings(workflow)
        self.hook_statements(workflow.hooks)
        if self.lines[-1] != self.lines[0] and not self.lines[-1].endswith("{"):
            self.lines.append("")
        for number, step in enumerate(workflow.steps):
            if number and (self.spreads(step) or self.lines[-1].strip() == "}"):
                self.lines.append("")
            self.step(step)
        self.closed()

    @staticmethod
    def spreads(step: nodes.Step) -> bool:
        """Whether a step has lines of its own inside, so that a blank line sets it off."""
        body = step.body
        if isinstance(body, nodes.Task):
            return len(body.config.entries) > 1
        return not isinstance(body, nodes.Set | nodes.Fail | nodes.Sleep | nodes.Wait | nodes.Publish | nodes.Approve)

    def declarations(self, word: str, declared: tuple[nodes.InputDeclaration, ...] | None) -> None:
        if declared == () and word == "input":
            self.put("input {}")
        for one in declared or ():
            text = f"{word} {name(one.name)}: {type_name(one.type)}"
            if one.default is not None:
                text += f" = {inline(one.default)}"
            if one.enum:
                text += f" in [{', '.join(map(plain, one.enum))}]"
            if one.description:
                text += f" {string(escaped(one.description))}"
            self.put(text, one.span)

    def settings(self, workflow: nodes.Workflow) -> None:
        if workflow.timeout_ms is not None:
            self.put(f"timeout {format_duration(workflow.timeout_ms)}")
        if workflow.error_behavior is not None:
            self.put(f"error_behavior {workflow.error_behavior.type}", workflow.error_behavior.span)
        if workflow.retry is not None:
            retries = max(workflow.retry.attempts - 1, 0)
            interval = format_duration(workflow.retry.interval_ms)
            self.put(
                f"error_behavior {{ type retry; interval {interval}; max_retries {retries} }}", workflow.retry.span
            )
        if workflow.durability:
            self.put(f"durability {_word(workflow.durability)}")
        if workflow.requires:
            self.put(f"requires [{', '.join(string(word) for word, _ in workflow.requires)}]")
        if workflow.concurrency is not None:
            self.concurrency(workflow.concurrency)
        if workflow.services:
            self.opened("services")
            for service in workflow.services:
                self.service(service)
            self.closed()
        if workflow.shared_volume is not None:
            size = f"; size {string(workflow.shared_volume.size)}" if workflow.shared_volume.size else ""
            path = string(workflow.shared_volume.mount_path)
            self.put(f"shared_volume {{ mount_path {path}{size} }}", workflow.shared_volume.span)
        if workflow.secrets:
            self.opened("secrets")
            for secret in workflow.secrets:
                source = f"env {string(escaped(secret.env))}" if secret.env else f"file {string(escaped(secret.file))}"
                if secret.command:
                    source = f"command [{', '.join(string(escaped(text)) for text in secret.command)}]"
                self.put(f"{key_name(secret.name)} {{ {source} }}", secret.name_span)
            self.closed()
        if workflow.schedule:
            self.put(f"schedule [{', '.join(map(self.scheduled, workflow.schedule))}]")
        if workflow.defaults is not None:
            self.defaults(workflow.defaults)

    def scheduled(self, schedule: nodes.Schedule) -> str:
        zone = f"; timezone {string(schedule.timezone)}" if schedule.timezone != "UTC" else ""
        missed = f"; missed {schedule.missed}" if schedule.missed != "once" else ""
        return f"{{ cron {string(schedule.cron)}{zone}{missed} }}"

    def concurrency(self, found: nodes.Concurrency) -> None:
        self.opened("concurrency", found.span)
        first, *rest = entry_lines(found.group, TEXT)
        self.put([f"group {first}", *rest])
        self.put(f"limit {found.limit}")
        self.put(f"on_full {found.on_full}")
        self.closed()

    def service(self, service: nodes.Service) -> None:
        self.opened(key_name(service.name), service.name_span)
        self.put(f"image {string(service.image)}")
        if service.ports:
            self.put(f"ports [{', '.join(map(str, service.ports))}]")
        if service.env is not None:
            self.field("env", service.env, MAP)
        for key, texts in (("command", service.command), ("args", service.args)):
            if texts:
                self.put(f"{key} [{', '.join(string(text) for text in texts)}]")
        for key, text in (("memory", service.memory), ("cpu", service.cpu)):
            if text:
                self.put(f"{key} {string(text)}")
        if service.network != "bridge":
            self.put(f"network {service.network}")
        if service.readiness is not None:
            self.readiness(service.readiness)
        self.closed()

    def readiness(self, ready: nodes.Readiness) -> None:
        self.opened("readiness", ready.span)
        if ready.command:
            self.put(f"exec [{', '.join(string(text) for text in ready.command)}]")
        elif ready.tcp_port:
            self.put(f"tcp {ready.tcp_port}")
        else:
            self.put(f"http {{ port {ready.http_port}; path {string(ready.http_path)} }}")
        self.put(f"interval {format_duration(ready.interval_ms)}")
        self.put(f"timeout {format_duration(ready.timeout_ms)}")
        self.put(f"retries {ready.retries}")
        self.closed()

    def defaults(self, found: nodes.Defaults) -> None:
        self.opened("defaults", found.span)
        if found.timeout_ms is not None:
            self.put(f"timeout {format_duration(found.timeout_ms)}")
        if found.retry is not None:
            self.put(retry_text(found.retry), found.retry.span)
        if found.error_behavior is not None:
            self.put(f"error_behavior {found.error_behavior.type}", found.error_behavior.span)
        if found.env is not None:
            self.field("env", found.env, MAP)
        for key, value in (("working_dir", found.working_dir), ("shell", found.shell)):
            if value is not None:
                self.field(key, value, COMMAND if key == "shell" else TEXT)
        self.closed()

    def field(
        self, key: str, value: nodes.Expression, row: Key, quoted: bool = False, span: Span | None = None
    ) -> None:
        lines = field(key, value, row, quoted)
        self.put([line.removeprefix(INDENT) for line in lines], span)

    # Steps

    def steps(self, steps: tuple[nodes.Step, ...]) -> None:
        for step in steps:
            self.step(step)

    def block(self, head: str, steps: tuple[nodes.Step, ...], span: Span | None = None) -> None:
        self.opened(head, span)
        self.steps(steps)
        self.closed()

    def step(self, step: nodes.Step) -> None:
        self.comment(step.span)
        if isinstance(step.body, nodes.Task):
            self.task(step, step.body)
        else:
            begin = "" if step.name is None else f"step {name(step.name)} = "
            self.other(step, begin)
        self.remaining(step.span.line, step.span.end_line)

    def other(self, step: nodes.Step, begin: str) -> None:
        """Print a step that is no task, with what any step may have."""
        body, more = step.body, _inline_modifiers(step)
        span = step.span
        match body:
            case nodes.Sequence():
                self.block(f"{begin}sequence{more}", body.steps, span)
            case nodes.Race():
                self.block(f"{begin}race{more}", body.steps, span)
            case nodes.Saga():
                self.block(f"{begin}saga{more}", body.steps, span)
            case nodes.Parallel():
                limit = f" limit {body.limit}" if body.limit else ""
                self.block(f"{begin}parallel{limit}{_fail_fast(body.fail_fast)}{more}", body.steps, span)
            case nodes.If():
                self.choice(body, f"{begin}if {expression(body.test)}{more}", span)
            case nodes.Switch():
                self.switch(body, f"{begin}switch {expression(body.subject)}{more}", span)
            case nodes.While():
                bound = f" max_iterations {body.max_iterations}" if body.max_iterations else ""
                if body.until:
                    self.block(f"{begin}repeat{bound}", body.body, span)
                    self.lines[-1] += f" until {expression(body.test)}{more}"
                else:
                    self.block(f"{begin}while {expression(body.test)}{bound}{more}", body.body, span)
            case nodes.ForEach():
                head = f"{begin}for {name(body.variable)} in {expression(body.items)}"
                self.block(f"{head}{_iterations(body)}{more}", body.body, span)
            case nodes.Matrix():
                axes = ", ".join(f"{name(axis)} in {expression(items)}" for axis, _, items in body.axes)
                variable = f" as {name(body.variable)}" if body.variable != "matrix" else ""
                self.block(f"{begin}matrix {axes}{variable}{_iterations(body)}{more}", body.body, span)
            case nodes.Wait():
                self.wait(body, begin, more, span)
            case nodes.Approve():
                self.approve(body, begin, more, span)
            case nodes.Publish():
                self.publish(body, begin, more, span)
            case nodes.Set():
                entries = ", ".join(f"{name(key)} = {expression(value)}" for key, _, value in body.entries)
                self.put(f"{begin}let {entries}{more}", span)
            case nodes.Return():
                entries = ", ".join(f"{key_name(key)}: {expression(value)}" for key, _, value in body.entries)
                self.put(f"{begin}return{f' {{ {entries} }}' if entries else ''}{more}", span)
            case nodes.Fail():
                self.row(f"{begin}fail", text_or_expression(body.message), more, span)
            case nodes.Sleep():
                if body.until is not None:
                    self.put(f"{begin}sleep until {expression(body.until)}{more}", span)
                else:
                    self.put(f"{begin}sleep {format_duration(body.duration_ms or 0)}{more}", span)
        self.after(step)

    def row(self, head: str, lines: Lines, more: str, span: Span | None = None) -> None:
        """Print a value after some words, and further words after its last line."""
        first, *rest = lines
        whole = [f"{head} {first}", *rest]
        whole[-1] += more
        self.put(whole, span)

    def choice(self, body: nodes.If, head: str, span: Span) -> None:
        self.block(head, body.then, span)
        while body.otherwise:
            inner = body.otherwise[0]
            chained = len(body.otherwise) == 1 and isinstance(inner.body, nodes.If) and _is_bare(inner)
            if not chained:
                self.continued("else", body.otherwise)
                return
            assert isinstance(inner.body, nodes.If)
            body = inner.body
            self.continued(f"else if {expression(body.test)}", body.then)

    def switch(self, body: nodes.Switch, head: str, span: Span) -> None:
        self.opened(head, span)
        for case in body.cases:
            self.block(f"case {plain(case.value.value)}", case.steps, case.span)
        if body.default:
            self.put("default {")
            self.depth += 1
            self.steps(body.default)
            self.closed()
        self.closed()

    def wait(self, body: nodes.Wait, begin: str, more: str, span: Span) -> None:
        head = f"{begin}wait event {string(escaped(body.event))}"
        lines = [head]
        if body.key is not None:
            _append(lines, "key", text_or_expression(body.key))
        if body.since is not None:
            is_now = isinstance(body.since, nodes.Literal) and body.since.value == "now"
            bare = not isinstance(body.since, nodes.Name)
            _append(lines, "since", ["now"] if is_now else text_or_expression(body.since, bare))
        self.timed(lines, body.timeout_ms, body.on_timeout, more, span)

    def approve(self, body: nodes.Approve, begin: str, more: str, span: Span) -> None:
        lines = [f"{begin}approve"]
        _append(lines, "", text_or_expression(body.title))
        if body.options != DEFAULT_OPTIONS:
            _append(lines, "options", [f"[{', '.join(string(escaped(word)) for word in body.options)}]"])
        if body.reject != tuple(word for word in ("reject",) if word in body.options):
            _append(lines, "reject", [f"[{', '.join(string(escaped(word)) for word in body.reject)}]"])
        if body.assignees:
            _append(lines, "assignees", [f"[{', '.join(inline(person) for person in body.assignees)}]"])
        self.timed(lines, body.timeout_ms, body.on_timeout, more, span)

    def timed(
        self, lines: Lines, timeout: int | None, otherwise: tuple[nodes.Step, ...] | None, more: str, span: Span
    ) -> None:
        if timeout is not None:
            _append(lines, "timeout", [format_duration(timeout)])
        lines[-1] += more
        if otherwise is None:
            self.put(lines, span)
            return
        lines[-1] += " on_timeout {"
        self.put(lines, span)
        self.depth += 1
        self.steps(otherwise)
        self.closed()

    def publish(self, body: nodes.Publish, begin: str, more: str, span: Span) -> None:
        lines = [f"{begin}publish event {string(escaped(body.event))}"]
        if body.key is not None:
            _append(lines, "key", text_or_expression(body.key))
        data = body.data
        if isinstance(data, nodes.MapExpression | nodes.ListExpression):
            _append(lines, "data", entry_lines(data, ANY))
        elif isinstance(data, nodes.Literal) and not isinstance(data.value, str):
            _append(lines, "data", [inline(data)])
        elif data is not None:
            _append(lines, "data", text_or_expression(data))
        lines[-1] += more
        self.put(lines, span)

    def after(self, step: nodes.Step) -> None:
        """Print what stands behind a step that is no task: a timeout of its own beside that of a wait, and hooks."""
        if isinstance(step.body, nodes.Wait | nodes.Approve) and step.timeout_ms is not None:
            self.lines[-1] += f" with {{ timeout {format_duration(step.timeout_ms)} }}"
        for hook, steps in _hooks(step.hooks):
            self.continued(hook, steps)
        if step.compensate:
            self.continued("compensate", step.compensate)

    def continued(self, head: str, steps: tuple[nodes.Step, ...]) -> None:
        self.lines[-1] += f" {head} {{"
        self.depth += 1
        self.steps(steps)
        self.closed()

    def hook_statements(self, hooks: nodes.Hooks | None) -> None:
        for hook, steps in _hooks(hooks):
            if steps:
                # Of the line with the hook's name, where it has one to itself.
                for text in self.before.pop(steps[0].span.line - 1, ()):
                    self.put(f"# {text}".rstrip() if text else "")
            self.put(f"{hook} {{")
            self.depth += 1
            self.steps(steps)
            self.closed()

    # Tasks

    def task(self, step: nodes.Step, task: nodes.Task) -> None:
        entries = {key: value for key, _, value in task.config.entries}
        called = _call(step, task, entries)
        has_more = step.when is not None or bool(self.own_lines(step, called is not None))
        shorthand = SHORTHANDS.get(task.type)
        kind = task.type if task.type == "workflow" else name(task.type)
        head = called or f"step {name(step.name or '')} = {kind}"
        if called is not None:
            entries = {}
        elif (
            shorthand is not None
            and list(entries) == [shorthand]
            and not has_more
            and not step.hooks
            and not step.compensate
        ):
            lines = entry_lines(entries[shorthand], STEP_TYPES[task.type].keys[shorthand])
            if not lines[0].startswith(("=", "{", "[")) and len(lines) == 1:
                self.put(f"{head} {lines[0]}", step.span)
                return
        if not entries and not has_more and not step.hooks and not step.compensate:
            self.put(head, step.span)
            return
        self.opened(head, step.span)
        rows = STEP_TYPES[task.type].keys if task.type in STEP_TYPES else {}
        if step.when is not None:
            self.put(f"when {expression(step.when)}", step.when.span)
        for key, key_span, value in task.config.entries if called is None else ():
            quoted = key in BLOCK_KEYS or key in ("config", "with") or key in outside_tasks(task.type)
            self.field(key, value, rows.get(key, ANY), quoted, key_span)
        for line in self.own_lines(step, called is not None):
            self.put(line)
        self.hook_statements(step.hooks)
        if step.compensate:
            self.put("compensate {")
            self.depth += 1
            self.steps(step.compensate)
            self.closed()
        self.closed()

    def own_lines(self, step: nodes.Step, called: bool) -> Lines:
        """Return the keys of the step itself, which stand in its block."""
        lines: Lines = []
        if step.inputs is not None and not called:
            lines.append("inputs {" if step.inputs else "inputs {}")
            if step.inputs:
                lines.extend(f"{INDENT}{key_name(key)} = {expression(value)}" for key, _, value in step.inputs)
                lines.append("}")
        if step.outputs:
            given = ", ".join(map(output_text, step.outputs))
            lines.append(f"outputs {{ {given} }}")
        for words in _modifiers(step, with_when=False):
            lines.append(words)
        if step.on_crash != "rerun":
            lines.append(f"on_crash {step.on_crash}")
        return lines


def _append(lines: Lines, word: str, value: Lines) -> None:
    """Put a word and its value behind the last line."""
    first, *rest = value
    lines[-1] += f" {word} {first}" if word else f" {first}"
    lines.extend(rest)


def _modifiers(step: nodes.Step, with_when: bool) -> Lines:
    found: Lines = []
    if with_when and step.when is not None:
        found.append(f"when {expression(step.when)}")
    if step.timeout_ms is not None and not isinstance(step.body, nodes.Wait | nodes.Approve):
        found.append(f"timeout {format_duration(step.timeout_ms)}")
    if step.total_timeout_ms is not None:
        found.append(f"total_timeout {format_duration(step.total_timeout_ms)}")
    if step.retry is not None:
        found.append(retry_text(step.retry))
    if step.error_behavior is not None:
        found.append(f"error_behavior {step.error_behavior.type}")
    if step.continue_on_failure:
        found.append("continue_on_failure")
    if step.compensate_on_failure:
        found.append("compensate_on_failure")
    return found


def _inline_modifiers(step: nodes.Step) -> str:
    return "".join(f" {words}" for words in _modifiers(step, with_when=True))


def _is_bare(step: nodes.Step) -> bool:
    """Whether a step has neither a name nor anything that any step may have."""
    rest = _modifiers(step, with_when=True)
    return step.name is None and not rest and step.hooks is None and not step.compensate


def _hooks(hooks: nodes.Hooks | None) -> list[tuple[str, tuple[nodes.Step, ...]]]:
    if hooks is None:
        return []
    found = ((hook.replace("_", " ", 1), getattr(hooks, hook)) for hook in HOOKS)
    return [(hook, steps) for hook, steps in found if steps]


def _fail_fast(word: str) -> str:
    return f" fail_fast {word}" if word != "never" else ""


def _iterations(body: nodes.ForEach | nodes.Matrix) -> str:
    limit = f" limit {body.limit}" if body.limit is not None else ""
    collect = ""
    if body.collect is not None:
        collect = f" collect {name(body.collect.name)}"
        if body.collect.expression is not None:
            collect += f" = {expression(body.collect.expression)}"
    return f"{limit}{_fail_fast(body.fail_fast)}{collect}"


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


def retry_text(retry: nodes.Retry) -> str:
    """Return a retry with what differs from how it is without."""
    parts = [f"retry {retry.attempts}"]
    if retry.interval_ms != 1000:
        parts.append(f"every {format_duration(retry.interval_ms)}")
    if retry.backoff != 1.0:
        parts.append(
            f"backoff {retry.backoff:g}"
            if float(f"{retry.backoff:g}") == retry.backoff
            else f"backoff {retry.backoff!r}"
        )
    if retry.max_interval_ms:
        parts.append(f"max_interval {format_duration(retry.max_interval_ms)}")
    if retry.jitter:
        parts.append(f"jitter {retry.jitter!r}")
    if retry.max_elapsed_ms:
        parts.append(f"max_elapsed {format_duration(retry.max_elapsed_ms)}")
    if retry.outcomes != OUTCOMES or retry.exit_codes:
        parts.append(f"on [{', '.join((*retry.outcomes, *map(str, retry.exit_codes)))}]")
    return " ".join(parts)


def output_text(output: nodes.OutputDeclaration) -> str:
    text = name(output.name)
    if output.type is not None:
        text += f": {type_name(output.type)}"
    return f"{text} path {string('.'.join(output.path))}" if output.path else text


def type_name(type: nodes.TypeText) -> str:
    """Return a type; one that could not be read again as it stands, in quotes."""
    plain_enough = type.text and PLAIN_TYPE.issuperset(type.text) and type.text == " ".join(type.text.split())
    one_word = " " not in type.text or type.text.startswith("{") or "<" in type.text
    return type.text if plain_enough and one_word else string(escaped(type.text))


def _word(text: str) -> str:
    return text if text.isidentifier() else string(text)
