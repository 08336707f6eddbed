"""``secrets`` of a workflow: names, and where each value comes from when a task needs it.

All of it is known when the workflow is compiled, and none of it is a value.
"""

from __future__ import annotations

from typing import Any, Final

from .. import nodes
from .context import Context
from .tree import Entry, Mapping, Node, words_in

__all__ = ["SOURCES", "build_secrets"]

SOURCES: Final = ("env", "file", "command")
SECRETS_HELP: Final = "names and sources, as in `token: {env: DEPLOY_TOKEN}`"
SOURCE_HELP: Final = "as in `env: DEPLOY_TOKEN`, `file: /run/secrets/token` or `command: [pass, show, deploy]`"


def build_secrets(context: Context, node: Node) -> tuple[nodes.Secret, ...]:
    """Return the secrets that steps may name."""
    mapping = context.as_map(node, "`secrets`", SECRETS_HELP)
    if mapping is None:
        context.unread.add("WFE0480")
        return ()
    found = (_secret(context, entry) for entry in mapping.entries.values())
    return tuple(secret for secret in found if secret is not None)


def _secret(context: Context, entry: Entry) -> nodes.Secret | None:
    what = f"the secret `{entry.key}`"
    context.check_name(entry.key, entry.key_span, "the name of a secret")
    mapping = context.as_map(entry.value, what, SOURCE_HELP)
    if mapping is None:
        context.unread.update(("WFE0480", entry.key, *words_in(entry.value)))
        return None
    guesses = context.check_keys(mapping, SOURCES, what)
    written = [mapping.entries[key] for key in mapping.entries if key in SOURCES]
    fields: dict[str, Any] = {}
    if len(written) > 1:
        message = f"{what} comes from one place, not from `{written[0].key}` and `{written[1].key}`"
        context.report("WFE0483", message, written[1].key_span, "keep one of them")
    elif written:
        fields = _source(context, mapping, written[0])
    elif not guesses & set(SOURCES):
        message = f"{what} needs one of `env`, `file` and `command`"
        context.report("WFE0483", message, mapping.span, SOURCE_HELP)
    return nodes.Secret(span=mapping.span, name=entry.key, name_span=entry.key_span, **fields)


def _source(context: Context, mapping: Mapping, entry: Entry) -> dict[str, Any]:
    what = f"`{entry.key}`"
    if entry.key != "command":
        text = context.string(entry.value, what, SOURCE_HELP)
        if text == "":
            context.wrong(entry.value, what, "a text that isn't empty", SOURCE_HELP)
        return {entry.key: text} if text else {}
    listing = context.as_list(entry.value, what, "the program and its arguments, as in `[pass, show, deploy]`")
    if listing is None:
        return {}
    if not listing.items:
        context.wrong(listing, what, "a program and its arguments", SOURCE_HELP)
    found = [context.string(item, f"an item of {what}") for item in listing.items]
    return {"command": tuple(text for text in found if text is not None)}
