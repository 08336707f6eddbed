"""Events and subscriptions: what is published, who is told of it, and what a commit changes of that.

This file owns the matching. The rules:

* An event is matched in the transaction that writes it, a subscription likewise: whichever comes second
  finds the first, so none is lost; a subscription that was matched is gone, so none is told twice.
* The changing functions are called inside the writer's transaction, the reading ones on the reader's connection.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from wfe_runtime import faults
from wfe_runtime.providers.deliveries import encode_delivery, floor_of, is_same
from wfe_runtime.providers.rows import (
    EVENTS_KEPT_MS,
    PUBLISHED,
    EventRow,
    NewEvent,
    Published,
    Signal,
    Subscription,
    Unsubscription,
)
from wfe_runtime.providers.sqlite.blobs import keep_large, whole_row
from wfe_runtime.providers.sqlite.session import Session
from wfe_vm.limits import MAX_INLINE_BYTES

__all__ = ["POST", "apply_signals", "list_subscriptions", "publish_events", "read_events"]

POST = "INSERT INTO inbox (run, kind, payload) VALUES (?, ?, ?)"
EVENT = "INSERT INTO events (id, name, key, time, data) VALUES (?, ?, ?, ?, ?)"
KNOWN = "SELECT number, id, name, key, time, data FROM events WHERE id = ?"
DATA = "UPDATE events SET data = ? WHERE number = ?"
DROP_OLD = "DELETE FROM events WHERE number IN (SELECT number FROM events WHERE time < ? ORDER BY time LIMIT 100)"
SUBSCRIBERS = """
SELECT s.run, d.id, s.activation, s.attempt, r.ended
FROM subscriptions s JOIN runs r USING (run) JOIN run_details d USING (run)
WHERE s.name = ? AND s.key = ? AND s.since <= ? ORDER BY s.run
"""
FIRST = """
SELECT number, id, name, key, time, data FROM events WHERE name = ? AND key = ? AND number > ? AND time >= ?
ORDER BY number LIMIT 1
"""
SUBSCRIBE = """
INSERT OR REPLACE INTO subscriptions (run, name, key, activation, attempt, after, since) VALUES (?, ?, ?, ?, ?, ?, ?)
"""
UNSUBSCRIBE = "DELETE FROM subscriptions WHERE name = ? AND key = ? AND run = ?"
MARKS = "SELECT events_before, (SELECT ifnull(max(number), 0) FROM events) FROM run_details WHERE run = ?"


def apply_signals(session: Session, run: int, id: str, signals: Sequence[Signal]) -> None:
    """Carry out what a commit of a run asks and publishes, one after another."""
    for signal in signals:
        if isinstance(signal, Subscription):
            _subscribe(session, run, id, signal)
        elif isinstance(signal, Unsubscription):
            session.execute(UNSUBSCRIBE, (signal.name, signal.key, run))
        else:
            _publish(session, signal)
    if faults.armed is not None:
        faults.reach("sqlite.after_signals")


def publish_events(session: Session, events: Sequence[NewEvent]) -> list[Published]:
    """Keep events and tell who is subscribed."""
    published = [_publish(session, event) for event in events]
    if faults.armed is not None:
        faults.reach("sqlite.after_signals")
    return published


def read_events(connection: sqlite3.Connection, name: str, key: str, after: int, limit: int) -> list[EventRow]:
    rows = connection.execute(
        "SELECT number, id, name, key, time, data FROM events WHERE name = ? AND key = ? AND number > ? "
        "ORDER BY number LIMIT ?",
        (name, key, after, limit or -1),
    )
    return [_event(connection, row) for row in rows]


def list_subscriptions(connection: sqlite3.Connection, run: str) -> list[Subscription]:
    rows = connection.execute(
        "SELECT s.activation, s.attempt, s.name, s.key, s.after, s.since FROM run_details d "
        "JOIN subscriptions s USING (run) WHERE d.id = ? ORDER BY s.name, s.key",
        (run,),
    )
    return [Subscription(*row) for row in rows]


def _event(connection: sqlite3.Connection, row: tuple[Any, ...]) -> EventRow:
    return EventRow(*whole_row(connection, row, 5))


def _publish(session: Session, event: NewEvent) -> Published:
    found = session.execute(KNOWN, (event.id,)).fetchone()
    if found is not None:
        known = _event(session.connection, found)
        return Published(event.id, known.number, False, is_same(known, event))
    data = event.data if len(event.data) <= MAX_INLINE_BYTES else b""
    number = session.execute(EVENT, (event.id, event.name, event.key, event.time, data)).lastrowid or 0
    if not data:
        session.execute(DATA, (keep_large(session, -number, event.data), number))
    session.execute(DROP_OLD, (event.time - EVENTS_KEPT_MS,))
    row = EventRow(number, event.id, event.name, event.key, event.time, event.data)
    subscribers = session.execute(SUBSCRIBERS, (event.name, event.key, event.time)).fetchall()
    for run, id, activation, attempt, ended in subscribers:
        if not ended:
            _tell(session, run, id, encode_delivery(activation, attempt, row))
    session.executemany(UNSUBSCRIBE, [(event.name, event.key, run) for run, *_ in subscribers])
    return Published(event.id, number, True)


def _subscribe(session: Session, run: int, id: str, asked: Subscription) -> None:
    after, since = floor_of(asked, *session.execute(MARKS, (run,)).fetchone())
    found = session.execute(FIRST, (asked.name, asked.key, after, since)).fetchone()
    if found is None:
        session.execute(SUBSCRIBE, (run, asked.name, asked.key, asked.activation, asked.attempt, after, since))
        return
    session.execute(UNSUBSCRIBE, (asked.name, asked.key, run))
    _tell(session, run, id, encode_delivery(asked.activation, asked.attempt, _event(session.connection, found)))


def _tell(session: Session, run: int, id: str, payload: bytes) -> None:
    session.execute(POST, (run, PUBLISHED, keep_large(session, run, payload)))
    session.touched.add(id)
