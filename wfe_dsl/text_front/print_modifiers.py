"""What any step may have, as words: ``when``, ``timeout``, ``retry``, ``outputs`` and the rest.

The same words stand after a step's own words and, each on a line of its own, in the block of a task; some of them in
a workflow and its defaults. What has steps in it, hooks and compensations, is ``print_steps``'s.
"""

from __future__ import annotations

from typing import Final

from wfe_vm.durations import format_duration

from .. import nodes
from .print_values import INDENT, Lines, expression, key_name, name, string, type_name

__all__ = ["inline_modifiers", "is_bare", "own_lines", "retry_text"]

OUTCOMES: Final = ("failure", "error", "timeout")


def inline_modifiers(step: nodes.Step) -> str:
    """Return what stands after a step's own words."""
    return "".join(f" {words}" for words in _modifiers(step, with_when=True))


def is_bare(step: nodes.Step) -> bool:
    """Whether a step has neither a name nor anything that any step may have."""
    rest = _modifiers(step, with_when=True)
    return step.name is None and not rest and step.hooks is None and not step.compensate


def own_lines(step: nodes.Step, called: bool) -> Lines:
    """Return the keys of a task itself, which stand in its block; ``called``: its first line has the inputs."""
    lines: Lines = []
    if step.inputs is not None and not called:
        lines.append("inputs {" if step.inputs else "inputs {}")
        if step.inputs:
            lines.extend(f"{INDENT}{key_name(key)} = {expression(value)}" for key, _, value in step.inputs)
            lines.append("}")
    if step.outputs:
        given = ", ".join(map(_output_text, step.outputs))
        lines.append(f"outputs {{ {given} }}")
    lines.extend(_modifiers(step, with_when=False))
    if step.on_crash != "rerun":
        lines.append(f"on_crash {step.on_crash}")
    return lines


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


def _output_text(output: nodes.OutputDeclaration) -> str:
    text = name(output.name)
    if output.type is not None:
        text += f": {type_name(output.type)}"
    return f"{text} path {string('.'.join(output.path))}" if output.path else text
