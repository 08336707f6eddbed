"""What a task is given: the workflow's defaults laid under its own keys, its script made ready.

This file owns which default serves which type and what the configuration of a task becomes before it
is checked and compiled. It knows nothing of slots and of code.
"""

from __future__ import annotations

import os.path
from typing import Final

import msgspec

from . import nodes
from .diagnostics.model import Diagnostics
from .files import read_file
from .references import Reference, resolve_reference
from .resolved import Resolved
from .scopes import Place, StepInfo
from .script_modules import find_modules
from .shell_text import reference_expressions
from .source import Span

__all__ = ["WITHOUT_ENV", "Policy", "entry_of", "implicit_inputs", "policy_of", "prepare_task"]

MAX_SCRIPT_BYTES: Final = 16 * 1024 * 1024
"""As of any document."""

_WITH_SCRIPT: Final = frozenset({"shell", "deno", "container", "containerd"})
"""Types with a script: in a `run` an expression becomes a variable, never text, and a `file` is embedded."""

WITHOUT_ENV: Final = frozenset({"workflow", "activity"})
"""Types whose steps have no environment."""

_WITH_SHELL: Final = frozenset({"shell", "kubernetes", "k8s"})
_WITH_FOLDER_PREFIXES: Final = ("shell", "git-repo", "cargo-", "python", "container", "kubernetes", "k8s")


class Policy(msgspec.Struct, frozen=True):
    """How a step is tried: its own keys, or a task's with the workflow's defaults. 0 means no limit."""

    timeout_ms: int = 0
    total_timeout_ms: int = 0
    retry: nodes.Retry | None = None
    exhausted: str = "fail"


def policy_of(step: nodes.Step, workflow: nodes.Workflow) -> Policy:
    """Return a step's policy. Defaults and the workflow's error behaviour serve tasks alone."""
    timeout, retry, behavior = step.timeout_ms, step.retry, step.error_behavior
    if isinstance(step.body, nodes.Task):
        defaults = workflow.defaults
        if defaults is not None:
            timeout = defaults.timeout_ms if timeout is None else timeout
        # A step's own error behaviour replaces the workflow's, and so the retry that its older spelling holds.
        if retry is None and defaults is not None and defaults.retry is not None:
            retry = defaults.retry
        elif retry is None and behavior is None and (defaults is None or defaults.error_behavior is None):
            retry = workflow.retry
        if behavior is None and defaults is not None:
            behavior = defaults.error_behavior
        if behavior is None:
            behavior = workflow.error_behavior
    return Policy(timeout or 0, step.total_timeout_ms or 0, retry, "fail" if behavior is None else behavior.type)


def prepare_task(info: StepInfo, workflow: nodes.Workflow, diagnostics: Diagnostics) -> None:
    """Set ``info.config`` to what the task's executor is to get, as expressions."""
    step = info.node
    if step is None or not isinstance(step.body, nodes.Task):
        return
    task = step.body
    config = task.config
    if workflow.defaults is not None:
        config = _with_defaults(task, config, workflow.defaults)
    if task.type in _WITH_SCRIPT:
        config = _with_script(config, diagnostics, task.type == "deno")
    info.config = config


def entry_of(config: nodes.MapExpression, key: str) -> nodes.Expression | None:
    """Return the value of a key that is written."""
    for name, _, value in config.entries:
        if name == key:
            return value
    return None


def _with_defaults(task: nodes.Task, config: nodes.MapExpression, defaults: nodes.Defaults) -> nodes.MapExpression:
    entries = list(config.entries)
    own = entry_of(config, "env")
    if defaults.env is not None and task.type not in WITHOUT_ENV:
        if own is None:
            entries.append(("env", defaults.env.span, defaults.env))
        elif isinstance(own, nodes.MapExpression):
            names = {name for name, _, _ in own.entries}
            inherited = tuple(entry for entry in defaults.env.entries if entry[0] not in names)
            merged = nodes.MapExpression(span=own.span, entries=(*own.entries, *inherited))
            entries = [(name, span, merged if name == "env" else value) for name, span, value in entries]
    if (
        defaults.working_dir is not None
        and task.type.startswith(_WITH_FOLDER_PREFIXES)
        and entry_of(config, "working_dir") is None
    ):
        entries.append(("working_dir", defaults.working_dir.span, defaults.working_dir))
    if defaults.shell is not None and task.type in _WITH_SHELL and entry_of(config, "shell") is None:
        entries.append(("shell", defaults.shell.span, defaults.shell))
    return nodes.MapExpression(span=config.span, entries=tuple(entries))


def _with_script(config: nodes.MapExpression, diagnostics: Diagnostics, modules: bool) -> nodes.MapExpression:
    """Return a config with its script made ready. ``modules``: what the script imports is part of it."""
    entries: list[tuple[str, Span, nodes.Expression]] = []
    for name, span, value in config.entries:
        if name == "run" and not isinstance(value, nodes.Literal):
            script, variables = reference_expressions(value, entry_of(config, "shell"), diagnostics)
            entries.append((name, span, nodes.Literal(span=value.span, value=script)))
            if variables:
                named = tuple((variable, part.span, part) for variable, part in variables)
                entries.append(("expressions", span, nodes.MapExpression(span=value.span, entries=named)))
            continue
        entries.append((name, span, value))
        # With a script beside it the file is a mistake that has been told.
        alone = name == "file" and entry_of(config, "run") is None and entry_of(config, "script") is None
        if alone and isinstance(value, nodes.Literal) and isinstance(value.value, str):
            text = _read_script(value.value, value.span, diagnostics)
            if text is not None:
                entries.append(("file_text", span, nodes.Literal(span=value.span, value=text)))
            if text is not None and modules:
                entries += _module_entries(value.value, text, value.span, diagnostics)
    return nodes.MapExpression(span=config.span, entries=tuple(entries))


def _module_entries(
    file: str, text: str, span: Span, diagnostics: Diagnostics
) -> list[tuple[str, Span, nodes.Expression]]:
    """Return the entries for the local modules that a script imports; none if it imports none."""
    path = os.path.join(os.path.dirname(span.source.path), file)
    found = find_modules(path, text, _text_of)
    for module, importer in found.unread:
        diagnostics.add(
            "WFE0470",
            f"the module `{module}`, which `{importer}` imports, can't be read",
            span,
            "a module that a script imports is a text file in UTF-8, at a path relative to the file that imports it",
        )
    if not found.files:
        return []
    texts = tuple((name, span, nodes.Literal(span=span, value=found.files[name])) for name in sorted(found.files))
    return [
        ("file_name", span, nodes.Literal(span=span, value=found.name)),
        ("file_modules", span, nodes.MapExpression(span=span, entries=texts)),
    ]


def _text_of(path: str) -> str | None:
    try:
        data = read_file(path, MAX_SCRIPT_BYTES)
        return data.decode("utf-8") if len(data) <= MAX_SCRIPT_BYTES else None
    except (OSError, ValueError):
        return None


def _read_script(file: str, span: Span, diagnostics: Diagnostics) -> str | None:
    """Return a script's text; None, with a diagnostic, where it can't be read now."""
    path = os.path.join(os.path.dirname(span.source.path), file)
    try:
        data = read_file(path, MAX_SCRIPT_BYTES)
        if len(data) > MAX_SCRIPT_BYTES:
            raise ValueError(f"it is larger than {MAX_SCRIPT_BYTES:,} bytes")
        return data.decode("utf-8").replace("\r\n", "\n")
    except FileNotFoundError:
        diagnostics.add(
            "WFE0556",
            f"the script `{file}` does not exist",
            span,
            "it will be read when the step starts; a path is relative to the file that names it",
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        diagnostics.add(
            "WFE0557",
            f"the script `{file}` can't be read: {reason}",
            span,
            "a script is a text file in UTF-8 that whoever compiles may read",
        )
    return None


def implicit_inputs(
    resolved: Resolved, child: nodes.Workflow, place: Place
) -> tuple[tuple[str, Span, nodes.Expression], ...]:
    """Return the inputs of a child where none are written: what it declares and its parent has."""
    found: list[tuple[str, Span, nodes.Expression]] = []
    span = place.step.span
    for declaration in child.inputs or ():
        name = declaration.name
        outputs = nodes.Name(span=span, name="outputs")
        output = nodes.Member(span=span, target=outputs, name=name, name_span=span)
        if isinstance(resolve_reference(resolved, place, outputs, [output]), Reference):
            found.append((name, span, output))
        elif resolved.open_inputs or name in resolved.inputs:
            given = nodes.Name(span=span, name="inputs")
            found.append((name, span, nodes.Member(span=span, target=given, name=name, name_span=span)))
    return tuple(found)
