"""What has been said of a workflow so far, as drafts of steps; and which list of steps is open.

A draft becomes a part of the plain tree when a workflow is built, each time anew: what was built never changes.
This module knows that steps hold lists of steps, under paths of keys; which keys there are is for who writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from ..diagnostics.model import Diagnostic, Diagnostics
from ..source import Span
from ..yaml_front.tree import Entry, Listing, Mapping, Node, Scalar
from .places import Part, Place
from .values import tree_of

__all__ = ["Draft", "Recorder", "Steps"]


class Steps:
    """A list of steps under a key. ``branching`` is the ``if`` that an ``else_`` would now belong to.

    ``entered`` says whether ``with`` has ever opened it.
    """

    __slots__ = ("branching", "entered", "items", "key_span", "quoted", "span")

    def __init__(self, span: Span, quoted: bool = True) -> None:
        self.span = span
        self.key_span = span
        self.quoted = quoted
        self.items: list[Draft] = []
        self.branching: Draft | None = None
        self.entered = False

    def listing(self) -> Listing:
        return Listing(self.span, [draft.mapping() for draft in self.items])


class Draft:
    """A step, or the workflow itself: its entries, and the lists of steps under paths of keys."""

    __slots__ = ("entries", "inner", "span")

    def __init__(self, span: Span) -> None:
        self.span = span
        self.entries: dict[str, Entry] = {}
        self.inner: dict[tuple[str, ...], Steps] = {}

    def put(self, key: str, key_span: Span, value: Node) -> None:
        self.entries[key] = Entry(key, key_span, value, quoted=True)

    def steps(self, path: tuple[str, ...], span: Span, quoted: bool = True) -> Steps:
        """Return the list under a path of keys, a new one where there is none yet."""
        found = self.inner.get(path)
        if found is None:
            found = self.inner[path] = Steps(span, quoted)
        return found

    def mapping(self) -> Mapping:
        """Return it as a map of the plain tree."""
        entries = dict(self.entries)
        for path, steps in self.inner.items():
            _put(entries, path, steps)
        return Mapping(self.span, entries)


def _put(entries: dict[str, Entry], path: tuple[str, ...], steps: Steps) -> None:
    key, *rest = path
    if not rest:
        entries[key] = Entry(key, steps.key_span, steps.listing(), steps.quoted)
        return
    held = entries.get(key)
    if held is None:
        held = Entry(key, steps.key_span, Mapping(steps.span, {}), quoted=True)
    if isinstance(held.value, Mapping):
        inner = dict(held.value.entries)
        _put(inner, tuple(rest), steps)
        entries[key] = Entry(key, held.key_span, Mapping(held.value.span, inner), held.quoted)


class Recorder:
    """One workflow in the making. ``found`` is what the builder itself has seen to be wrong."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.found = Diagnostics()
        self.children: list[Any] = []
        """The workflows that its steps were given to start."""
        self.functions: dict[str, Callable[..., Any]] = {}
        """The functions that its steps call by a registered name."""
        self.top = draft.steps(("steps",), draft.span)
        self._open = [self.top]
        self._blocks: list[Steps] = []

    @property
    def current(self) -> Steps:
        """The list that the next step goes into."""
        return self._open[-1]

    @property
    def innermost_open(self) -> Steps | None:
        """The block that was entered last and not left yet; None outside of all."""
        return self._open[-1] if len(self._open) > 1 else None

    def expect(self, steps: Steps) -> Steps:
        """Take it that ``with`` is going to open this list. Returns it."""
        self._blocks.append(steps)
        return steps

    def enter(self, steps: Steps) -> None:
        steps.entered = True
        self._open.append(steps)

    def leave(self, steps: Steps) -> None:
        if steps in self._open[1:]:
            del self._open[self._open.index(steps) :]

    def add(self, draft: Draft, branching: bool = False) -> None:
        """Put a step at the end of the list that is open."""
        self.current.items.append(draft)
        self.current.branching = draft if branching else None

    def told_of_with(self, found: Iterable[Diagnostic]) -> list[Diagnostic]:
        """Return what was found in the plain tree; of blocks without steps that ``with`` never opened it says so."""
        unopened = {block.span for block in self._blocks if not block.entered}
        help = "put `with` before the call and its steps inside, as in `with wf.parallel():`"
        return [
            msgspec.structs.replace(one, message="the block has no steps: `with` does not open it", help=help)
            if one.code == "WFE0108" and one.span in unopened
            else one
            for one in found
        ]

    def entry(self, key: str, part: Part, value: object) -> Entry:
        """Return a key with the value that was given for it."""
        return Entry(key, part.key_span, tree_of(value, part, self.found), quoted=True)

    def put(
        self, draft: Draft, key: str, place: Place, value: object, name: str = "", position: int | None = None
    ) -> None:
        """Give a draft a key, unless the value is None. ``name`` is the keyword, where it is another one."""
        if value is not None:
            draft.entries[key] = self.entry(key, place.argument(name or key, position), value)

    def flag(self, draft: Draft, key: str, span: Span, value: bool) -> None:
        draft.put(key, span, Scalar(span, "true" if value else "false", value, "", 0, 0))
