"""Searching runs: reading what a person asks for, and bringing the index up to what the runs have left.

A query is words, ``"phrases"`` and ``field:value`` pairs, all of which have to hold. It can't be wrong: a quote that
is not closed goes to the end, and what is no field that is known is words like any others.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from wfe_vm.events import Started
from wfe_vm.outcome import Failure
from wfe_vm.state import Record, decode_delta

from .providers.contracts import Store
from .providers.searching import Document, IndexMark, Phrase, SearchQuery, words_of
from .result import decode_event, decode_result

__all__ = ["FIELDS", "parse_query", "update_index"]

FIELDS: Final = ("status", "workflow", "name", "run", "step", "stream", "kind")

TERM: Final = re.compile(r"(?:(?P<field>" + "|".join(FIELDS) + r'):)?(?:"(?P<quoted>[^"]*)(?:"|$)|(?P<plain>[^\s"]+))')
PAGE: Final = 1000
LONGEST_TEXT: Final = 64 * 1024
"""Of a document in characters; what is beyond it is not found."""


def parse_query(text: str, since: int = 0, until: int = 0) -> SearchQuery:
    """Return what a text asks for. Without any words it asks for runs, or for steps or lines if it names one."""
    phrases: list[Phrase] = []
    fields: dict[str, str] = {}
    for term in TERM.finditer(text):
        quoted, plain = term["quoted"], term["plain"]
        value: str = plain if quoted is None else quoted
        if term["field"]:
            fields[term["field"]] = value
            continue
        words = words_of(value)
        if words:
            phrases.append(Phrase(words, quoted is None and value.endswith("*")))
    kind = fields.pop("kind", "")
    if not kind and not phrases:
        kind = "line" if "stream" in fields else "step" if "step" in fields else "run"
    return SearchQuery(tuple(phrases), (kind,) if kind else (), since=since, until=until, **fields)


async def update_index(store: Store) -> None:
    """Take in all that runs have left since the last time; what they leave meanwhile is for the next one."""
    for mark in await store.list_unindexed():
        await _take_in(store, mark)


async def _take_in(store: Store, mark: IndexMark) -> None:
    """Take in what one run has left."""
    documents: list[Document] = []
    sequence, number = mark.sequence, mark.number
    while True:
        page = await store.read_journal(mark.run, sequence, PAGE)
        for entry in page:
            documents += [_step(record) for record in decode_delta(entry.delta).records if record.what != "started"]
        sequence = page[-1].sequence if page else sequence
        if len(page) < PAGE:
            break
    while True:
        logs = await store.read_logs(mark.run, None, number, 0, PAGE)
        documents += [
            Document("line", log.time, log.text[:LONGEST_TEXT], log.step, log.attempt, log.stream) for log in logs
        ]
        number = logs[-1].number if logs else number
        if len(logs) < PAGE:
            break
    row = await store.get_run(mark.run)  # last, so that what it says is not older than the mark
    if row is None:
        return
    event = decode_event(row.inputs)
    parts: list[Any] = [row.name, row.id, row.workflow, event.inputs if isinstance(event, Started) else {}]
    if row.result:
        result = decode_result(row.result)
        parts += [result.outputs, _told(result.error), *result.warnings]
    documents.append(Document("run", row.created, _text(parts)))
    await store.index(mark, IndexMark(row.id, sequence, number), documents)


def _step(record: Record) -> Document:
    parts = [record.path, record.outputs, _told(record.error)]
    return Document("step", record.time, _text(parts), record.path, record.attempt)


def _told(error: Failure | None) -> str:
    return "" if error is None else f"{error.kind} {error.message} {error.step} {error.stderr or ''}"


def _text(parts: list[Any]) -> str:
    """Return plain data as one text, names and values one after another."""
    texts = [part if isinstance(part, str) else msgspec.json.encode(part).decode() for part in parts if part]
    return "\n".join(texts)[:LONGEST_TEXT]
