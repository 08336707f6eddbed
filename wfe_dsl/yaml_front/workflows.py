"""A workflow: its own keys, its inputs and outputs, its defaults; its steps are read by ``steps``."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final

import msgspec

from wfe_vm.durations import DurationError, parse_duration

from .. import nodes
from ..diagnostics.codes import ABSENCES
from ..diagnostics.model import Diagnostics
from ..interpolation import Interpolator
from ..variables import Variables
from .context import Context
from .data import read_type
from .recovery import read_recovery
from .schedules import build_schedule
from .secrets import build_secrets
from .step_keys import HOOKS
from .steps import build_hooks, build_steps
from .surroundings import build_concurrency, build_services, build_shared_volume
from .tree import Broken, Entry, Listing, Mapping, Node, Scalar

__all__ = ["build_workflow"]

KEYS: Final = (
    "id",
    "version",
    "name",
    "description",
    "inputs",
    "outputs",
    "error_behavior",
    *HOOKS,
    "timeout",
    "defaults",
    "durability",
    "requires",
    "concurrency",
    "services",
    "shared_volume",
    "schedule",
    "secrets",
    "steps",
)
DEFAULTS_KEYS: Final = ("timeout", "retry", "error_behavior", "env", "working_dir", "shell")
DECLARATION_KEYS: Final = ("type", "default", "description", "enum")
GROUP: Final = re.compile(r"group\((.*)\)", re.DOTALL)
MAX_VERSION: Final = 2**31 - 1


def build_workflow(
    node: Node,
    variables: Variables,
    diagnostics: Diagnostics,
    step_types: Collection[str],
    unread: Collection[str] = (),
    context_type: type[Context] = Context,
) -> nodes.Workflow | None:
    """Return the workflow that a map describes; None where too little of it is there.

    ``unread`` are words in parts of the file that could not be read. ``context_type`` reads values as the
    file's notation has them.
    """
    inputs = node.get("inputs") if isinstance(node, Mapping) else None
    declared = set(inputs.entries) if isinstance(inputs, Mapping) else ()
    context = context_type(Interpolator(variables, declared, diagnostics), diagnostics, step_types)
    context.unread.update(unread)
    mapping = context.as_map(node, "a workflow", "it has an `id`, a `version` and `steps`")
    if mapping is None:
        return None
    entries = mapping.entries
    if any(key.startswith("_") for key in entries):
        kept = {key: entry for key, entry in entries.items() if not key.startswith("_")}
        mapping = Mapping(mapping.span, kept)
        entries = kept
    guesses = context.check_keys(mapping, KEYS, "a workflow", WORKFLOW_HELP)
    workflow_id: str | None = None
    version: int | None = None
    id_span = mapping.span
    if context.require(mapping, "id", "a workflow", guesses, "as in `id: deploy`"):
        workflow_id = context.name(entries["id"].value, "the id")
        id_span = entries["id"].value.span
    if context.require(mapping, "version", "a workflow", guesses, "as in `version: 1`"):
        version = context.integer(entries["version"].value, "`version`", 0, MAX_VERSION)
    steps: tuple[nodes.Step, ...] = ()
    if context.require(mapping, "steps", "a workflow", guesses, "a list of steps, one at least"):
        steps = build_steps(context, entries["steps"].value, "the workflow")
    timeout: int | None = None
    if "timeout" in entries:
        timeout = context.duration(entries["timeout"].value, "`timeout`", least=1)
    if not steps:
        context.unread.update(ABSENCES)
    retry, behavior = read_recovery(context, mapping)
    outputs = _declarations(context, entries["outputs"], "an output") if "outputs" in entries else ()
    if outputs is None:
        context.unread.add("WFE0411")
    workflow = nodes.Workflow(
        span=mapping.span,
        # Stand-ins of their own, so that two broken ones are not taken for the same.
        id=workflow_id or f"unnamed-{mapping.span.line}",
        id_span=id_span,
        version=-mapping.span.line if version is None else version,
        steps=steps,
        name=_optional_text(context, entries.get("name"), "`name`"),
        description=_optional_text(context, entries.get("description"), "`description`"),
        inputs=_declarations(context, entries["inputs"], "an input") if "inputs" in entries else None,
        outputs=outputs or (),
        hooks=build_hooks(context, mapping),
        timeout_ms=timeout,
        defaults=_defaults(context, entries["defaults"]) if "defaults" in entries else None,
        retry=retry,
        error_behavior=behavior,
        durability=_durability(context, entries["durability"].value) if "durability" in entries else "",
        requires=_requires(context, entries["requires"].value) if "requires" in entries else (),
        concurrency=build_concurrency(context, entries["concurrency"].value) if "concurrency" in entries else None,
        services=build_services(context, entries["services"].value) if "services" in entries else (),
        shared_volume=(
            build_shared_volume(context, entries["shared_volume"].value) if "shared_volume" in entries else None
        ),
        schedule=build_schedule(context, entries["schedule"].value) if "schedule" in entries else (),
        secrets=build_secrets(context, entries["secrets"].value) if "secrets" in entries else (),
    )
    # Not before the last part has been read.
    return msgspec.structs.replace(workflow, unread=frozenset(context.unread)) if context.unread else workflow


def _optional_text(context: Context, entry: Entry | None, what: str) -> str:
    if entry is None or (isinstance(entry.value, Scalar) and entry.value.value is None):
        return ""
    return context.string(entry.value, what) or ""


def _declarations(context: Context, entry: Entry, what: str) -> tuple[nodes.InputDeclaration, ...] | None:
    node = context.known(entry.value)
    if isinstance(node, Scalar) and node.value is None:
        return ()
    mapping = context.as_map(node, f"`{entry.key}`", "names and types, as in `region: string`")
    if mapping is None:
        return None
    return tuple(_declaration(context, given, what) for given in mapping.entries.values())


def _declaration(context: Context, entry: Entry, what: str) -> nodes.InputDeclaration:
    context.check_name(entry.key, entry.key_span, f"the name of {what}")
    node = context.known(entry.value)
    if isinstance(node, Broken):
        return _any_declaration(entry)
    if not isinstance(node, Mapping):
        help = "a type as in `string`, or a map with `type`, `default`, `enum` and `description`"
        if not isinstance(node, Scalar) or node.value is None:
            context.wrong(node, f"`{entry.key}`", "a type", help)
            return _any_declaration(entry)
        type_text = read_type(context, node)
        if type_text is None:
            return _any_declaration(entry)
        return nodes.InputDeclaration(span=entry.key_span, name=entry.key, type=type_text)
    elsewhere = dict.fromkeys(node.entries, RECORD_HELP)
    guesses = context.check_keys(node, DECLARATION_KEYS, f"the declaration of `{entry.key}`", elsewhere)
    type_node = node.get("type")
    declared: nodes.TypeText | None = None
    if type_node is not None:
        declared = read_type(context, type_node)
    elif "type" not in guesses and DECLARATION_KEYS_SET.issuperset(node.entries):
        context.report("WFE0102", f"the declaration of `{entry.key}` needs `type`", node.span, "as in `type: string`")
    default_node = node.get("default")
    default = None if default_node is None else context.literal(default_node)
    return nodes.InputDeclaration(
        span=entry.key_span,
        name=entry.key,
        type=declared or nodes.TypeText(span=entry.key_span, text="any"),
        default=default,
        enum=_enum(context, node.get("enum")),
        description=_optional_text(context, node.entries.get("description"), "`description`"),
    )


def _any_declaration(entry: Entry) -> nodes.InputDeclaration:
    """A name whose type could not be read: nothing that uses it is to blame."""
    type_text = nodes.TypeText(span=entry.key_span, text="any")
    return nodes.InputDeclaration(span=entry.key_span, name=entry.key, type=type_text)


def _enum(context: Context, node: Node | None) -> tuple[Any, ...]:
    if node is None:
        return ()
    listing = context.as_list(node, "`enum`", "the values that are allowed, as in `enum: [test, live]`")
    if listing is None:
        return ()
    if not listing.items:
        help = "list the values that are allowed, as in `enum: [test, live]`, or leave `enum` out"
        context.report("WFE0116", "`enum` is empty, so no value would be allowed", listing.span, help)
    there, values = context.plain(listing)
    return tuple(values) if there else ()


def _defaults(context: Context, entry: Entry) -> nodes.Defaults | None:
    mapping = context.as_map(entry.value, "`defaults`", f"its keys are: {', '.join(DEFAULTS_KEYS)}")
    if mapping is None:
        return None
    context.check_keys(mapping, DEFAULTS_KEYS, "`defaults`")
    timeout, env = mapping.get("timeout"), mapping.get("env")
    working_dir, shell = mapping.get("working_dir"), mapping.get("shell")
    retry, behavior = read_recovery(context, mapping)
    return nodes.Defaults(
        span=mapping.span,
        timeout_ms=None if timeout is None else context.duration(timeout, "`timeout`", least=1),
        retry=retry,
        error_behavior=behavior,
        env=None if env is None else _environment(context, env),
        working_dir=None if working_dir is None else _text(context, working_dir, "`working_dir`"),
        shell=None if shell is None else _shell(context, shell),
    )


def _environment(context: Context, node: Node) -> nodes.MapExpression | None:
    mapping = context.as_map(node, "`env`", "names and their values")
    if mapping is None:
        return None
    found = []
    for key, entry in mapping.entries.items():
        value = entry.value
        if isinstance(value, Scalar) and value.value is None:
            found.append((key, entry.key_span, context.value(value)))
        else:
            found.append((key, entry.key_span, _text(context, value, f"`{key}`")))
    return nodes.MapExpression(span=mapping.span, entries=tuple(found))


def _text(context: Context, node: Node, what: str) -> nodes.Expression:
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return context.text(node)
    # A number stays as it is written.
    return nodes.Literal(span=node.span, value=context.string(node, what) or "")


def _shell(context: Context, node: Node) -> nodes.Expression:
    if isinstance(node, Listing):
        return context.value(node)
    return _text(context, node, "`shell`")


def _durability(context: Context, node: Node) -> str:
    text = context.string(node, "`durability`")
    if text is None:
        return ""
    group = GROUP.fullmatch(text)
    if group is None:
        return context.choice(node, "`durability`", ("sync", "relaxed", "group(20ms)")) or ""
    try:
        return f"group({parse_duration(group.group(1).strip())}ms)"
    except DurationError as error:
        context.report("WFE0115", error.message, node.span, error.help)
        return ""


def _requires(context: Context, node: Node) -> tuple[tuple[str, Any], ...]:
    listing = context.as_list(node, "`requires`", "as in `requires: [docker]`")
    found: dict[str, Any] = {}
    for item in () if listing is None else listing.items:
        name = context.string(item, "an item of `requires`")
        if name is not None:
            found.setdefault(name, item.span)
    return tuple(found.items())


DECLARATION_KEYS_SET: Final = frozenset(DECLARATION_KEYS)
RECORD_HELP: Final = "a record type goes under `type:`, as in `type: {host: string, port: integer}`"
WORKFLOW_HELP: Final = {"retry": "`retry` goes under `defaults:`, for all tasks, or on a step"}
