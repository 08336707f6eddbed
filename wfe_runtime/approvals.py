"""Answering approvals: who may choose what of which run, and whose answer stands.

An answer is a post in the run's inbox, durable before anybody advances the run. Answers to one question
are taken in the order of their posts, so the first stands; this file finds out whether ours was that one.
It knows no engine.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

import msgspec

from wfe_vm.events import Answered
from wfe_vm.moments import moment_text
from wfe_vm.program import Program
from wfe_vm.state import Record, State, decode_delta

from .errors import InputError, NotFound, WfeError
from .providers.contracts import Store
from .providers.rows import PUBLISHED, InboxPost, RunRow
from .result import decode_event, encode_event
from .signals import OpenWait, open_waits

__all__ = ["Answer", "answer_approval", "choose_approval"]

PAGE: Final = 1000


class Answer(msgspec.Struct, frozen=True):
    """What became of an answer. Where it was not the first, ``by`` and ``option`` are the first one's."""

    accepted: bool
    step: str
    option: str
    by: str


def choose_approval(row: RunRow, waits: Sequence[OpenWait], step: str, option: str) -> OpenWait:
    """Return the open approval that is meant: of that step (its path or name), or the only one.

    Raises NotFound where there is none, WfeError (``ambiguous``) where there are several, and InputError
    for an option that it has not.
    """
    found = [wait for wait in waits if wait.kind == "approval"]
    if not found:
        raise NotFound(f"run {row.name} waits for no approval; it is {row.status}")
    if step:
        named = [wait for wait in found if step in (wait.path, wait.name)]
        if not named:
            raise NotFound(f"run {row.name} waits for no approval at {step}", sorted({wait.path for wait in found}))
        found = named
    if len(found) > 1:
        paths = sorted({wait.path for wait in found})
        raise WfeError(
            "ambiguous",
            f"run {row.name} waits for {len(found)} approvals: {', '.join(paths)}",
            f"name one, as in {row.name}/{paths[0]}",
        )
    if option not in found[0].options:
        raise InputError(
            f"{option!r} is no answer to {found[0].path}:", [f"its options are {', '.join(found[0].options)}"]
        )
    return found[0]


async def answer_approval(
    store: Store, row: RunRow, state: State, program: Program, option: str, by: str, now: int, step: str = ""
) -> Answer:
    """Answer an approval of a run whose stored state this is; the answer is durable when this returns.

    What was answered before is refused also once its run has gone on. Raises what ``choose_approval`` raises, and
    NotFound where the run went on without an answer meanwhile.
    """
    waits = await _with_paths(store, row.id, open_waits(state, program))
    try:
        wait = choose_approval(row, waits, step, option)
    except NotFound:
        before = await _answered(store, row.id, program, step)
        if before is None:
            raise
        return before
    earlier = await _first_pending(store, row.id, wait)
    if earlier is not None:
        return Answer(False, wait.path, earlier[1].option, earlier[1].by)
    event = Answered(now, wait.activation, wait.attempt, option, by)
    (post,) = await store.post([InboxPost(row.id, "event", encode_event(event))])
    pending = await _first_pending(store, row.id, wait)
    if pending is not None and pending[0] != post:
        return Answer(False, wait.path, pending[1].option, pending[1].by)
    # This answer may be the first in the inbox because the run has taken one before it already.
    taken = await _taken(store, row.id, wait)
    if taken is None and pending is not None:
        return Answer(True, wait.path, option, by)
    if taken is None:
        raise NotFound(f"run {row.name} went on before it was answered; it waits for no such approval any more")
    return Answer(taken == (option, by, moment_text(now)), wait.path, taken[0], taken[1])


async def _first_pending(store: Store, run: str, wait: OpenWait) -> tuple[int, Answered] | None:
    """Return the first answer to the question that waits in the inbox, with its id."""
    for post in await store.read_inbox([run]):
        if post.kind != PUBLISHED:
            event = decode_event(post.payload)
            if isinstance(event, Answered) and (event.activation, event.attempt) == (wait.activation, wait.attempt):
                return post.id, event
    return None


async def _taken(store: Store, run: str, wait: OpenWait) -> tuple[str, str, str] | None:
    """Return the answer that the run has taken: option, who, when. None: it went on without one."""
    async for record in _records(store, run):
        if (record.what, record.activation, record.attempt) == ("ended", wait.activation, wait.attempt):
            return _said(record)
    return None


async def _answered(store: Store, run: str, program: Program, step: str) -> Answer | None:
    """Return the last answer that the run has taken, at that step if one is given."""
    found = None
    async for record in _records(store, run):
        one = program.steps[record.step]
        if record.what == "ended" and one.signal is not None and one.signal.options:
            said = _said(record)
            if said is not None and step in ("", record.path, one.path, one.name):
                found = Answer(False, record.path, said[0], said[1])
    return found


def _said(record: Record) -> tuple[str, str, str] | None:
    """Return what an approval was answered: option, who, when. None: it ended without an answer."""
    said = record.error.details if record.error is not None else record.outputs or {}
    return (said["option"], said["by"], said["at"]) if said.get("option") else None


async def _with_paths(store: Store, run: str, waits: Sequence[OpenWait]) -> list[OpenWait]:
    """Return the waits with the numbers of their iterations in their paths."""
    paths = {record.activation: record.path async for record in _records(store, run)}
    return [msgspec.structs.replace(wait, path=paths.get(wait.activation, wait.path)) for wait in waits]


async def _records(store: Store, run: str) -> AsyncIterator[Record]:
    after = 0
    while rows := await store.read_journal(run, after, PAGE):
        after = rows[-1].sequence
        for row in rows:
            for record in decode_delta(row.delta).records:
                yield record
