"""The printer: a tree as a file of the text language, in one canonical style.

Reading what is printed gives an equal tree. Each of its modules is the way back of one of the parser's: ``page`` of
the cursor, ``print_values``, ``print_modifiers`` and ``print_steps`` of those of that name, and here, as in
``workflows``, is a file with what a workflow holds beside its steps.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from wfe_vm.durations import format_duration

from .. import nodes
from ..comments import Comments
from ..yaml_front.step_types import Key
from .page import Page
from .print_modifiers import retry_text
from .print_steps import print_hooks, print_step
from .print_values import entry_lines, escaped, inline, key_name, name, plain, raw_block, string, type_name

__all__ = ["print_document"]

TEXT: Final = Key("text")
MAP: Final = Key("map")
COMMAND: Final = Key("command")


def print_document(document: nodes.Document, comments: Comments) -> str:
    """Return the text of a file with all its workflows, those of included files too."""
    page = Page(comments)
    for number, workflow in enumerate(document.workflows):
        if number:
            page.blank()
        _workflow(page, workflow)
    return page.finish()


def _workflow(page: Page, workflow: nodes.Workflow) -> None:
    title = f" {string(escaped(workflow.name))}" if workflow.name else ""
    page.remaining_comments(0, workflow.span.line - 1)
    page.comment(workflow.span.line)
    with page.braces(f"workflow {name(workflow.id)} version {workflow.version}{title}", workflow.id_span):
        if workflow.description:
            text = escaped(workflow.description)
            first, *rest = raw_block(text) or [string(text)]
            page.put([f"description {first}", *rest])
        _declarations(page, "input", workflow.inputs)
        _declarations(page, "output", workflow.outputs)
        _settings(page, workflow)
        print_hooks(page, workflow.hooks)
        if page.lines[-1] != page.lines[0] and not page.lines[-1].endswith("{"):
            page.blank()
        for number, step in enumerate(workflow.steps):
            if number and (_spreads(step) or page.lines[-1].strip() == "}"):
                page.blank()
            print_step(page, step)


def _spreads(step: nodes.Step) -> bool:
    """Whether a step has lines of its own inside, so that a blank line sets it off."""
    body = step.body
    if isinstance(body, nodes.Task):
        return len(body.config.entries) > 1
    return not isinstance(body, nodes.Set | nodes.Fail | nodes.Sleep | nodes.Wait | nodes.Publish | nodes.Approve)


def _declarations(page: Page, word: str, declared: tuple[nodes.InputDeclaration, ...] | None) -> None:
    if declared == () and word == "input":
        page.put("input {}")
    for one in declared or ():
        text = f"{word} {name(one.name)}: {type_name(one.type)}"
        if one.default is not None:
            text += f" = {inline(one.default)}"
        if one.enum:
            text += f" in {_list(map(plain, one.enum))}"
        if one.description:
            text += f" {string(escaped(one.description))}"
        page.put(text, one.span)


def _settings(page: Page, workflow: nodes.Workflow) -> None:
    """Print what a workflow has beside its declarations, hooks and steps."""
    if workflow.timeout_ms is not None:
        page.put(f"timeout {format_duration(workflow.timeout_ms)}")
    if workflow.error_behavior is not None:
        page.put(f"error_behavior {workflow.error_behavior.type}", workflow.error_behavior.span)
    if workflow.retry is not None:
        retries = max(workflow.retry.attempts - 1, 0)
        interval = format_duration(workflow.retry.interval_ms)
        page.put(f"error_behavior {{ type retry; interval {interval}; max_retries {retries} }}", workflow.retry.span)
    if workflow.durability:
        word = workflow.durability
        page.put(f"durability {word if word.isidentifier() else string(word)}")
    if workflow.requires:
        page.put(f"requires {_list(string(word) for word, _ in workflow.requires)}")
    if workflow.concurrency is not None:
        _concurrency(page, workflow.concurrency)
    if workflow.services:
        with page.braces("services"):
            for service in workflow.services:
                _service(page, service)
    if workflow.shared_volume is not None:
        size = f"; size {string(workflow.shared_volume.size)}" if workflow.shared_volume.size else ""
        path = string(workflow.shared_volume.mount_path)
        page.put(f"shared_volume {{ mount_path {path}{size} }}", workflow.shared_volume.span)
    if workflow.secrets:
        with page.braces("secrets"):
            for secret in workflow.secrets:
                page.put(f"{key_name(secret.name)} {{ {_source(secret)} }}", secret.name_span)
    if workflow.schedule:
        page.put(f"schedule {_list(map(_scheduled, workflow.schedule))}")
    if workflow.defaults is not None:
        _defaults(page, workflow.defaults)


def _list(items: Iterable[str]) -> str:
    return f"[{', '.join(items)}]"


def _source(secret: nodes.Secret) -> str:
    if secret.command:
        return f"command {_list(string(escaped(text)) for text in secret.command)}"
    return f"env {string(escaped(secret.env))}" if secret.env else f"file {string(escaped(secret.file))}"


def _scheduled(schedule: nodes.Schedule) -> str:
    zone = f"; timezone {string(schedule.timezone)}" if schedule.timezone != "UTC" else ""
    missed = f"; missed {schedule.missed}" if schedule.missed != "once" else ""
    return f"{{ cron {string(schedule.cron)}{zone}{missed} }}"


def _concurrency(page: Page, found: nodes.Concurrency) -> None:
    with page.braces("concurrency", found.span):
        first, *rest = entry_lines(found.group, TEXT)
        page.put([f"group {first}", *rest])
        page.put(f"limit {found.limit}")
        page.put(f"on_full {found.on_full}")


def _service(page: Page, service: nodes.Service) -> None:
    with page.braces(key_name(service.name), service.name_span):
        page.put(f"image {string(service.image)}")
        if service.ports:
            page.put(f"ports {_list(map(str, service.ports))}")
        if service.env is not None:
            page.put_field("env", service.env, MAP)
        for key, texts in (("command", service.command), ("args", service.args)):
            if texts:
                page.put(f"{key} {_list(map(string, texts))}")
        for key, text in (("memory", service.memory), ("cpu", service.cpu)):
            if text:
                page.put(f"{key} {string(text)}")
        if service.network != "bridge":
            page.put(f"network {service.network}")
        if service.readiness is not None:
            _readiness(page, service.readiness)


def _readiness(page: Page, ready: nodes.Readiness) -> None:
    with page.braces("readiness", ready.span):
        if ready.command:
            page.put(f"exec {_list(map(string, ready.command))}")
        elif ready.tcp_port:
            page.put(f"tcp {ready.tcp_port}")
        else:
            page.put(f"http {{ port {ready.http_port}; path {string(ready.http_path)} }}")
        page.put(f"interval {format_duration(ready.interval_ms)}")
        page.put(f"timeout {format_duration(ready.timeout_ms)}")
        page.put(f"retries {ready.retries}")


def _defaults(page: Page, found: nodes.Defaults) -> None:
    with page.braces("defaults", found.span):
        if found.timeout_ms is not None:
            page.put(f"timeout {format_duration(found.timeout_ms)}")
        if found.retry is not None:
            page.put(retry_text(found.retry), found.retry.span)
        if found.error_behavior is not None:
            page.put(f"error_behavior {found.error_behavior.type}", found.error_behavior.span)
        if found.env is not None:
            page.put_field("env", found.env, MAP)
        for key, value in (("working_dir", found.working_dir), ("shell", found.shell)):
            if value is not None:
                page.put_field(key, value, COMMAND if key == "shell" else TEXT)
