"""When a workflow's runs are started by themselves: ``schedule``."""

from __future__ import annotations

from typing import Final

from .. import nodes
from ..cron import CRON_HELP, MISSED, cron_problem, timezone_problem
from .context import Context
from .tree import Listing, Node

__all__ = ["MISSED", "SCHEDULE_KEYS", "build_schedule"]

SCHEDULE_KEYS: Final = ("cron", "timezone", "missed")
HELP: Final = "as in `- {cron: '30 6 * * mon-fri', timezone: Europe/Berlin}`"


def build_schedule(context: Context, node: Node) -> tuple[nodes.Schedule, ...]:
    """Return the times at which runs start."""
    if not isinstance(node, Listing):
        context.wrong(node, "`schedule`", "a list of times", HELP)
        return ()
    found = (_entry(context, item) for item in node.items)
    return tuple(schedule for schedule in found if schedule is not None)


def _entry(context: Context, node: Node) -> nodes.Schedule | None:
    mapping = context.as_map(node, "an entry of `schedule`", HELP)
    if mapping is None:
        return None
    guesses = context.check_keys(mapping, SCHEDULE_KEYS, "an entry of `schedule`")
    if not context.require(mapping, "cron", "an entry of `schedule`", guesses, HELP):
        return None
    span = mapping.entries["cron"].value.span
    cron = context.string(mapping.entries["cron"].value, "`cron`")
    if cron is None:
        return None
    problem = cron_problem(cron)
    if problem is not None:
        context.diagnostics.add("WFE0455", f"`{cron}` is no cron expression: {problem}", span, CRON_HELP)
    zone, missed = mapping.get("timezone"), mapping.get("missed")
    written = None if zone is None else context.string(zone, "`timezone`")
    timezone = "UTC" if written is None else written
    unknown = None if written is None else timezone_problem(written)
    if unknown is not None and zone is not None:
        context.diagnostics.add("WFE0456", f"there is no time zone `{timezone}`", zone.span, unknown)
    return nodes.Schedule(
        span=mapping.span,
        cron=" ".join(cron.split()),
        cron_span=span,
        timezone=timezone,
        missed="once" if missed is None else context.choice(missed, "`missed`", MISSED) or "once",
    )
