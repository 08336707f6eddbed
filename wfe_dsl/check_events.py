"""Events across the workflows that are compiled together: who waits for what nobody here publishes.

This file owns that one look over all workflows of a document. An event may always come from elsewhere,
so what it says is a note and no more.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from . import nodes
from .diagnostics.model import Diagnostics
from .resolve import all_steps
from .suggest import did_you_mean

__all__ = ["check_events"]


def check_events(workflows: Sequence[nodes.Workflow], diagnostics: Diagnostics) -> None:
    """Note for each event that is waited for, and that no step of these workflows publishes, where that is."""
    waits: dict[str, nodes.Wait] = {}
    published: set[str] = set()
    for workflow in workflows:
        for step in all_steps(workflow):
            body = step.body
            if isinstance(body, nodes.Wait):
                waits.setdefault(body.event, body)
            elif isinstance(body, nodes.Publish):
                published.add(body.event)
    for name, wait in waits.items():
        if name and name not in published:
            diagnostics.add(
                "WFE0450",
                f"nothing in these files publishes the event `{name}`",
                wait.event_span,
                did_you_mean(name, published) or f"it may come from elsewhere: {_command(wait)}",
            )


def _command(wait: nodes.Wait) -> str:
    """Return the command that ends a wait. An event without the key of the wait would not reach it."""
    command = f"wfec event {shlex.quote(wait.event)}"
    if wait.key is None:
        return command
    key = wait.key.value if isinstance(wait.key, nodes.Literal) else None
    return f"{command} --key {shlex.quote(key) if isinstance(key, str) else 'KEY'}"
