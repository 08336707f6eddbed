"""What a step does about failure and time: ``retry``, ``error_behavior``, ``fail_fast``.

Older spellings end here: ``error_behavior: {type: retry}`` becomes the Retry it means.
"""

from __future__ import annotations

from typing import Final

from .. import nodes
from ..diagnostics.model import Label
from .context import Context
from .tree import Broken, Entry, Listing, Mapping, Node, Scalar

__all__ = ["build_error_behavior", "build_fail_fast", "build_retry", "read_recovery"]

RETRY_KEYS: Final = (
    "attempts",
    "interval",
    "backoff",
    "max_interval",
    "jitter",
    "on",
    "max_elapsed",
)
BEHAVIOR_KEYS: Final = ("type", "interval", "max_retries")
OUTCOMES: Final = ("failure", "error", "timeout")
BEHAVIORS: Final = ("retry", "suspend", "terminate", "compensate")
OLD_INTERVAL_MS: Final = 60_000
OLD_MAX_RETRIES: Final = 3
DEFAULT_JITTER: Final = 0.5
"""Of ``jitter: true``: a delay is shortened or lengthened by up to half."""
MAX_ATTEMPTS: Final = 2**31 - 1
MAX_BACKOFF: Final = 1000.0


def read_recovery(context: Context, mapping: Mapping) -> tuple[nodes.Retry | None, nodes.ErrorBehavior | None]:
    """Return what ``retry`` and ``error_behavior`` of a step, a workflow or its defaults say."""
    entries = mapping.entries
    retry = build_retry(context, entries["retry"]) if "retry" in entries else None
    behavior: nodes.Retry | nodes.ErrorBehavior | None = None
    if "error_behavior" in entries:
        behavior = build_error_behavior(context, entries["error_behavior"])
    if not isinstance(behavior, nodes.Retry):
        return retry, behavior
    if "retry" in entries:
        message = "how often to try again is said twice, here and by `retry`"
        label = (Label(entries["retry"].key_span, "said here"),)
        help = "keep `retry`; `error_behavior` then says what happens when it is used up"
        context.report("WFE0119", message, entries["error_behavior"].key_span, help, label)
        return retry, None
    return behavior, None


def build_retry(context: Context, entry: Entry) -> nodes.Retry | None:
    node = context.known(entry.value)
    if isinstance(node, Scalar) and node.value is not None:
        attempts = context.integer(node, "`retry`", 0, MAX_ATTEMPTS)
        if attempts is None:
            return None
        return nodes.Retry(span=entry.key_span.to(node.span), attempts=attempts)
    mapping = context.as_map(node, "`retry`", "or the number of attempts in all, as in `retry: 3`")
    if mapping is None:
        return None
    guesses = context.check_keys(mapping, RETRY_KEYS, "`retry`")
    attempts = interval = max_interval = max_elapsed = None
    backoff, jitter = 1.0, 0.0
    outcomes: tuple[str, ...] = OUTCOMES
    exit_codes: tuple[int, ...] = ()
    if context.require(mapping, "attempts", "`retry`", guesses, "how many tries in all, the first included"):
        attempts = context.integer(mapping.entries["attempts"].value, "`attempts`", 0, MAX_ATTEMPTS)
    for key, given in mapping.entries.items():
        value = given.value
        if key == "interval":
            interval = context.duration(value, "`interval`")
        elif key == "max_interval":
            max_interval = context.duration(value, "`max_interval`", least=1)
        elif key == "max_elapsed":
            max_elapsed = context.duration(value, "`max_elapsed`", least=1)
        elif key == "backoff":
            backoff = context.number(value, "`backoff`", 1.0, MAX_BACKOFF) or 1.0
        elif key == "jitter":
            jitter = _jitter(context, value)
        elif key == "on":
            outcomes, exit_codes = _reasons(context, value)
    return nodes.Retry(
        span=entry.key_span.to(mapping.span),
        attempts=1 if attempts is None else attempts,
        interval_ms=1000 if interval is None else interval,
        backoff=backoff,
        max_interval_ms=max_interval or 0,
        jitter=jitter,
        outcomes=outcomes,
        exit_codes=exit_codes,
        max_elapsed_ms=max_elapsed or 0,
    )


def build_error_behavior(context: Context, entry: Entry) -> nodes.Retry | nodes.ErrorBehavior | None:
    node = context.known(entry.value)
    span = entry.key_span.to(node.span)
    settings: Mapping | None = None
    kind: Node = node
    if not isinstance(node, Scalar) or node.value is None:
        settings = context.as_map(node, "`error_behavior`", "as in `error_behavior: {type: suspend}`")
        if settings is None:
            return None
        guesses = context.check_keys(settings, BEHAVIOR_KEYS, "`error_behavior`")
        if not context.require(settings, "type", "`error_behavior`", guesses, f"one of: {', '.join(BEHAVIORS)}"):
            return None
        kind = settings.entries["type"].value
    word = context.string(kind, "`type` of `error_behavior`")
    if word is None:
        return None
    if context.choice(kind, "`error_behavior`", BEHAVIORS) is None:
        return None
    if word != "retry":
        for key in ("interval", "max_retries"):
            if settings is not None and key in settings.entries:
                message = f"`{key}` belongs to `type: retry`, and this is `{word}`"
                help = "say how often to try with `retry:`, beside `error_behavior`"
                context.report("WFE0124", message, settings.entries[key].key_span, help)
        return nodes.ErrorBehavior(span=span, type=word)
    interval: int | None = OLD_INTERVAL_MS
    retries: int | None = OLD_MAX_RETRIES
    if settings is not None and "interval" in settings.entries:
        interval = context.duration(settings.entries["interval"].value, "`interval`")
    if settings is not None and "max_retries" in settings.entries:
        given = settings.entries["max_retries"]
        retries = context.integer(given.value, "`max_retries`", 0, MAX_ATTEMPTS - 1)
    attempts = 1 if retries is None else retries + 1 if retries else 0
    return nodes.Retry(span=span, attempts=attempts, interval_ms=OLD_INTERVAL_MS if interval is None else interval)


def build_fail_fast(context: Context, node: Node) -> str:
    """Return ``never``, ``cancel`` or ``stop``; ``false`` and ``true`` are the first two."""
    node = context.known(node)
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return "cancel" if node.value else "never"
    return context.choice(node, "`fail_fast`", ("never", "cancel", "stop")) or "never"


def _jitter(context: Context, node: Node) -> float:
    node = context.known(node)
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return DEFAULT_JITTER if node.value else 0.0
    return context.number(node, "`jitter`", 0.0, 1.0) or 0.0


def _reasons(context: Context, node: Node) -> tuple[tuple[str, ...], tuple[int, ...]]:
    node = context.known(node)
    outcomes: list[str] = []
    exit_codes: list[int] = []
    items = node.items if isinstance(node, Listing) else [] if isinstance(node, Broken) else [node]
    for item in items:
        item = context.known(item)
        if isinstance(item, Scalar) and isinstance(item.value, int) and not isinstance(item.value, bool):
            code = context.integer(item, "an exit code", 1, 255)
            if code is not None and code not in exit_codes:
                exit_codes.append(code)
        else:
            help_words = (*OUTCOMES, "an exit code")
            word = context.string(item, "`on`", f"each is one of: {', '.join(help_words)}")
            if word is not None and context.choice(item, "`on`", OUTCOMES) and word not in outcomes:
                outcomes.append(word)
    if isinstance(node, Listing) and not node.items:
        help = "name what to try again after, as in `on: [timeout, 75]`, or leave `on` out for all of it"
        context.report("WFE0116", "`on` is empty, so nothing is tried again", node.span, help)
    # In one order, so that what is written in another is the same program.
    return tuple(word for word in OUTCOMES if word in outcomes), tuple(sorted(exit_codes))
