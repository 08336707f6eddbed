"""Steps: which kind each is, its common keys, and what its kind holds.

Every list of steps, hooks and bodies included, is read by the same rules. A step with a mistake still
becomes a step with its name and outputs, so that what refers to it is not blamed as well.
"""

from __future__ import annotations

from typing import Final

from .. import nodes
from ..diagnostics.model import Label
from ..source import Span
from ..suggest import did_you_mean
from .conditions import build_condition
from .configs import build_config
from .context import Context
from .data import Entries, build_inputs, build_outputs
from .kinds import BUILDERS, Inner
from .other_keys import OTHER_TYPES, SINGLE_STEP
from .recovery import read_recovery
from .step_keys import (
    COMMON,
    COMPANIONS,
    HOOKS,
    KINDS,
    KNOWN,
    TASK_KEYS,
    UNDER_CONFIG,
    is_misspelt,
)
from .step_types import STEP_TYPES
from .tree import Listing, Mapping, Node, Scalar, words_in

__all__ = ["build_hooks", "build_steps"]

FIRST_TYPES: Final = ("shell", "deno", "python", "workflow", "container")
KEYS_HELP: Final = (
    f"a step has {', '.join(f'`{key}`' for key in (*TASK_KEYS, *COMMON))}, "
    "or a block, loop or the like; what its script reads goes under `config:`"
)
PARALLEL_HELP: Final = {
    ("parallel", "limit"): "write `parallel: {steps: […], limit: 4}`",
    ("parallel", "fail_fast"): "write `parallel: {steps: […], fail_fast: cancel}`",
}

ALLOWED: Final = {
    "task": frozenset((*TASK_KEYS, *COMMON)),
    **{kind: frozenset((kind, *companions, *COMMON)) for kind, companions in KINDS.items()},
}
"""All keys that a step of a kind may have."""
OF_ALL: Final = frozenset((*COMMON, *TASK_KEYS))
"""Keys that are looked at whatever the kind."""


EACH_STEP: Final = "each step begins with `- name:`"


def build_steps(context: Context, node: Node, what: str) -> tuple[nodes.Step, ...]:
    """Return the steps of a list, of which there has to be one at least. ``what`` names what they belong to."""
    if isinstance(node, Scalar) and node.value is None:
        node = Listing(span=node.span, items=[])
    listing = context.as_list(node, what if what.startswith("`") else f"`steps` of {what}", EACH_STEP)
    if listing is None:
        return ()
    if not listing.items:
        help = "give it one at least, as in `- {name: build, config: {run: make}}`"
        context.report("WFE0108", f"{what} has no steps", listing.span, help)
    steps = (_build_step(context, item) for item in listing.items)
    return tuple(step for step in steps if step is not None)


def build_hooks(context: Context, mapping: Mapping) -> nodes.Hooks | None:
    """Return the hooks of a step or a workflow; each is a step or a list of steps. None: there are none."""
    hooks = {
        hook: build_step_or_steps(context, mapping.entries[hook].value, f"`{hook}`")
        for hook in HOOKS
        if hook in mapping.entries
    }
    if not hooks:
        return None
    spans = [mapping.entries[hook].key_span for hook in hooks]
    return nodes.Hooks(span=spans[0], **hooks)


def build_step_or_steps(context: Context, node: Node, what: str) -> tuple[nodes.Step, ...]:
    """Return the steps of a place that takes one step or a list of them."""
    node = context.known(node)
    if isinstance(node, Mapping):
        step = _build_step(context, node)
        return () if step is None else (step,)
    return build_steps(context, node, what)


def _build_step(context: Context, node: Node) -> nodes.Step | None:
    mapping = context.as_map(node, "a step", "a step is a map that begins with `name:`")
    if mapping is None:
        return None
    entries = mapping.entries
    unknown = not KNOWN.issuperset(entries)
    if unknown:
        context.check_keys(mapping, KNOWN, "a step", UNDER_CONFIG, KEYS_HELP)
    name, name_span = _name(context, mapping)
    kind = _kind(context, mapping, unknown)
    if kind in BUILDERS and OF_ALL.isdisjoint(entries):  # nothing but what it does, as most that set variables
        block = BUILDERS[kind](Inner(context, mapping, build_steps), entries[kind].value)
        return nodes.Step(span=mapping.span, name=name, name_span=name_span, body=block)
    timeouts: dict[str, int | None] = {}
    for key in ("timeout", "total_timeout"):
        if key in entries:
            timeouts[key] = context.duration(entries[key].value, f"`{key}`", least=1)
    when = build_condition(context, entries["when"].value) if "when" in entries else None
    retry, behavior = read_recovery(context, mapping)
    tolerant: bool | None = False
    if "continue_on_failure" in entries:
        tolerant = context.flag(entries["continue_on_failure"].value, "`continue_on_failure`")
    inputs: Entries | None = None
    outputs: tuple[nodes.OutputDeclaration, ...] = ()
    on_crash = "rerun"
    timeout = timeouts.get("timeout")
    body: nodes.Block
    if name is None and (kind == "task" or "name" in entries):
        context.unread.add("WFE0203")
    if kind == "task":
        if "name" not in entries and not is_misspelt(mapping, "name"):
            help = "its results, its log and its state are found by it"
            context.report("WFE0112", "a task needs a `name`", mapping.head, help)
        body, inputs, config_timeout = _task(context, mapping)
        if config_timeout is not None:
            timeout = config_timeout if timeout is None else min(timeout, config_timeout)
        if "outputs" in entries:
            outputs = build_outputs(context, entries["outputs"].value)
        if "on_crash" in entries:
            on_crash = context.choice(entries["on_crash"].value, "`on_crash`", ("rerun", "fail")) or "rerun"
    elif kind is None:
        body = nodes.Sequence(span=mapping.span, steps=())
        context.unread.update(words_in(mapping))
        # So that references to what it would have given are not blamed.
        if "outputs" in entries:
            outputs = build_outputs(context, entries["outputs"].value)
    else:
        body = BUILDERS[kind](Inner(context, mapping, build_steps), entries[kind].value)
    compensate: tuple[nodes.Step, ...] = ()
    if "compensate" in entries:
        compensate = build_step_or_steps(context, entries["compensate"].value, "`compensate`")
    compensate_failed: bool | None = False
    if "compensate_on_failure" in entries:
        compensate_failed = context.flag(entries["compensate_on_failure"].value, "`compensate_on_failure`")
    return nodes.Step(
        span=mapping.span,
        name=name,
        name_span=name_span,
        body=body,
        when=when,
        inputs=inputs,
        outputs=outputs,
        timeout_ms=timeout,
        total_timeout_ms=timeouts.get("total_timeout"),
        retry=retry,
        error_behavior=behavior,
        continue_on_failure=bool(tolerant),
        on_crash=on_crash,
        hooks=build_hooks(context, mapping),
        compensate=compensate,
        compensate_on_failure=bool(compensate_failed),
    )


def _name(context: Context, mapping: Mapping) -> tuple[str | None, Span]:
    entry = mapping.entries.get("name")
    if entry is None:
        return None, mapping.head
    return context.name(entry.value, "the name"), entry.value.span


def _kind(context: Context, mapping: Mapping, unknown: bool) -> str | None:
    """Return ``task``, the key of another kind, or None where that can't be told or is not here yet."""
    entries = mapping.entries
    present = [key for key in entries if key in KINDS]
    if "type" in entries or "config" in entries:
        present.insert(0, "type" if "type" in entries else "config")
    if len(present) > 1:
        first, other = sorted(present, key=lambda key: _position(entries[key].key_span))[:2]
        message = f"a step is one thing, and this one has both `{first}` and `{other}`"
        label = (Label(entries[first].key_span, "and this one"),)
        cures = [SINGLE_STEP[key] for key in (first, other) if key in SINGLE_STEP and "config" in entries]
        context.report(
            "WFE0111", message, entries[other].key_span, cures[0] if cures else "make two steps of it", label
        )
        return None
    if not present:
        if not unknown:
            message = "a step needs something to do"
            help = "a `type` and its `config`, or one of: " + ", ".join(f"`{key}`" for key in KINDS)
            context.report("WFE0110", message, mapping.head, help)
        return None
    kind = "task" if present[0] in ("type", "config") else present[0]
    allowed = TASK_KEYS if kind == "task" else KINDS[kind]
    if ALLOWED[kind].issuperset(entries):
        return kind
    for key, entry in entries.items():
        if key == kind or key in allowed or key in COMMON:
            continue
        if key in TASK_KEYS:
            message = f"`{key}` is for tasks, and this step is a `{kind}`"
            context.report("WFE0124", message, entry.key_span, f"put it on the tasks inside the `{kind}`")
        elif key in COMPANIONS:
            owners = [f"`{owner}`" for owner, companions in KINDS.items() if key in companions]
            this = "a task" if kind == "task" else f"a `{kind}`"
            message = f"`{key}` goes with {' or '.join(owners)}, and this step is {this}"
            help = PARALLEL_HELP.get((kind, key), f"remove `{key}`, or make the step a {' or '.join(owners)}")
            context.report("WFE0124", message, entry.key_span, help)
    return kind


def _task(context: Context, mapping: Mapping) -> tuple[nodes.Task, Entries | None, int | None]:
    entries = mapping.entries
    given = entries.get("type")
    config_entry = entries.get("config")
    config_node = None if config_entry is None else config_entry.value
    type_name: str | None = "shell"
    if given is not None:
        type_span = given.value.span
        type_name = context.string(given.value, "`type`")
    else:
        type_span = config_entry.key_span if config_entry is not None else mapping.head
        without_run = isinstance(config_node, Mapping) and "run" not in config_node.entries
        if without_run and is_misspelt(mapping, "type"):
            type_name = None
        elif without_run:
            help = "write `type: shell`, `type: deno` or another; it may be left out where `config` has `run`"
            context.report("WFE0110", "a step needs a `type`", mapping.head, help)
            type_name = None
    inputs: Entries | None = None
    if "inputs" in entries:
        inputs = build_inputs(context, entries["inputs"].value)
        if inputs is None:
            context.unread.add("WFE0223")
    span = mapping.span if config_node is None else config_node.span
    if config_entry is None and is_misspelt(mapping, "config"):
        type_name = None
    if type_name is not None and type_name in STEP_TYPES:
        config = build_config(context, type_name, config_node, mapping.head)
        if config.inputs is not None and config.inputs_span is not None:
            if "inputs" in entries:
                message = "the inputs of the sub-workflow are given twice, here and on the step"
                label = (Label(entries["inputs"].key_span, "given here"),)
                context.report("WFE0504", message, config.inputs_span, "keep one of them", label)
            else:
                inputs = config.inputs
        task = nodes.Task(span=span, type=type_name, type_span=type_span, config=config.values)
        return task, inputs, config.timeout_ms
    values: nodes.Expression = nodes.MapExpression(span=span, entries=())
    if type_name in context.step_types:
        if isinstance(config_node, Mapping):
            values = context.value(config_node)
        elif config_node is not None:
            context.as_map(config_node, "`config`")
    elif type_name is not None:
        known = (*STEP_TYPES, *context.step_types)
        help = (
            OTHER_TYPES.get(type_name) or did_you_mean(type_name, known) or f"it is one of: {', '.join(FIRST_TYPES)} …"
        )
        context.report("WFE0501", f"there is no step type `{type_name}`", type_span, help)
    assert isinstance(values, nodes.MapExpression)
    return nodes.Task(span=span, type=type_name or "shell", type_span=type_span, config=values), inputs, None


def _position(span: Span) -> tuple[int, int]:
    return span.line, span.column
