"""Concurrency groups: who has a slot, who waits, and who gets the next one.

This file owns the table of places. Its functions are called inside the writer's transaction, beside what
creates, claims, ends or releases the run; ``list_places`` reads, on the reader's connection. The rules:

* After every transaction no slot of a group is free while the first in its queue could take it.
* Only a run that a living host has is given a slot: one that nobody has would keep it for nothing. It is
  passed over, and given one when it is claimed.
* A slot belongs to its run until the run ends. One that a *finished* run has, to be reopened, is leased to
  the host that is about to do so, and counts no longer than that host lives.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from wfe_runtime import faults
from wfe_runtime.errors import GroupFull
from wfe_runtime.providers.rows import NewRun, Place, PlaceRow
from wfe_runtime.providers.sqlite.holding import is_held
from wfe_runtime.providers.sqlite.session import Session

__all__ = [
    "claim_place",
    "find_rejection",
    "give_back",
    "give_back_leased",
    "grant_slots",
    "has_slot",
    "list_places",
    "reopen_place",
    "take_place",
]

ENTER = """
INSERT INTO places (place, run, grouping, state, room, on_full, since)
VALUES ((SELECT ifnull(max(place), 0) + 1 FROM places WHERE grouping = ?2 AND state <> 'ended'), ?1, ?2, ?3, ?4, ?5, ?6)
"""
ENTER_AGAIN = """
UPDATE places SET state = ?3, since = ?4,
    place = (SELECT ifnull(max(place), 0) + 1 FROM places WHERE grouping = ?2 AND state <> 'ended')
WHERE run = ?1
"""
MEMBERS = """
SELECT p.run, d.id, p.room, r.owner, r.ended, d.name
FROM places p JOIN runs r USING (run) JOIN run_details d USING (run)
WHERE p.grouping = ? AND p.state = ? AND p.state <> 'ended' ORDER BY p.place
"""
LEASED = """
SELECT p.run, p.grouping FROM runs r JOIN places p USING (run)
WHERE r.owner = ? AND r.owner <> '' AND r.parked <> 1 AND r.ended > 0 AND p.state <> 'ended'
"""
LIST = """
SELECT p.grouping, d.id, d.name, p.state, p.room, p.on_full, p.since FROM places p JOIN run_details d USING (run)
WHERE p.grouping = ? AND p.state <> 'ended' ORDER BY p.place
"""
REOPENED = """
SELECT p.run, p.grouping, p.state, r.ended, r.owner
FROM run_details d JOIN places p USING (run) JOIN runs r USING (run) WHERE d.id = ?
"""
SET_STATE = "UPDATE places SET state = ? WHERE run = ?"
PARENT = "SELECT run, parent FROM run_details WHERE id = ?"


class _Member:
    """A run in a group, as the open transaction sees it."""

    __slots__ = ("ended", "id", "name", "owner", "room", "run")

    def __init__(self, run: int, id: str, room: int, owner: str, ended: int, name: str) -> None:
        self.run = run
        self.id = id
        self.room = room
        self.owner = owner
        self.ended = ended
        self.name = name


def find_rejection(session: Session, new: NewRun) -> GroupFull | None:
    """Return why a run can't be created: its group is full, and it does not want to wait."""
    place = new.place
    if place is None or place.on_full != "reject" or _is_inside(session, new):
        return None
    holders = _holders(session, place.group, new.created)
    if len(holders) >= place.limit:
        return GroupFull(place.group, holders[0].name)
    first = next(_queue(session, place.group, new.created), None)
    return None if first is None else GroupFull(place.group, (holders or [first])[0].name)


def take_place(session: Session, run: int, new: NewRun) -> str:
    """Give a run that was just created its place: a slot, or one in the queue. Returns its state, empty for none."""
    place = new.place
    if place is None or _is_inside(session, new):
        return ""
    group, now = place.group, new.created
    holders = _holders(session, group, now)
    state = "waiting"
    if len(holders) >= place.limit or next(_queue(session, group, now), None) is not None:
        if place.on_full == "reject":  # a child's: its parent's commit can't be refused for it
            state = "leaving"
            _tell(session, new.id, run, place)
        elif place.on_full in ("replace", "cancel_running"):
            _replace_waiting(session, place)
            if place.on_full == "cancel_running":
                for member in holders[: max(len(holders) - place.limit + 1, 0)]:
                    _tell(session, member.id, member.run, place)
    session.execute(ENTER, (run, group, state, place.limit, place.on_full, now))
    if state == "waiting":
        grant_slots(session, group, now)
        state = _state_of(session, run)
    if faults.armed is not None:
        faults.reach("sqlite.after_place")
    return state


def grant_slots(session: Session, group: str, now: int) -> None:
    """Give the free slots of a group to the first in its queue."""
    held = len(_holders(session, group, now))
    granted = []
    for member in _queue(session, group, now):
        if held >= member.room:
            break
        held += 1
        granted.append(member)
    for member in granted:
        session.execute(SET_STATE, ("held", member.run))
        session.touched.add(member.id)


def give_back(session: Session, run: int, now: int) -> None:
    """Take a run that has ended out of its group, and give its slot to the next."""
    group = _group_of(session, run)
    if group:
        session.execute(SET_STATE, ("ended", run))
        if faults.armed is not None:
            faults.reach("sqlite.after_place")
        grant_slots(session, group, now)


def give_back_leased(session: Session, host: str) -> list[str]:
    """Take the runs out of their groups that a host was to reopen: it is leaving. Returns the groups."""
    leased = session.execute(LEASED, (host,)).fetchall()
    session.executemany(SET_STATE, [("ended", run) for run, _ in leased])
    return list(dict.fromkeys(group for _, group in leased))


def claim_place(session: Session, run: int, now: int) -> None:
    """Let a run that was passed over, since nobody had it, have a slot if there is one: somebody has it now."""
    group = _group_of(session, run)
    if group:
        grant_slots(session, group, now)


def reopen_place(session: Session, id: str, host: str, now: int) -> str:
    """See the store's method of that name."""
    row = session.execute(REOPENED, (id,)).fetchone()
    if row is None:
        return ""
    run, group, state, ended, owner = row
    if state == "ended" and ended and owner == host:
        session.execute(ENTER_AGAIN, (run, group, "waiting", now))
        grant_slots(session, group, now)
        if faults.armed is not None:
            faults.reach("sqlite.after_place")
        state = _state_of(session, run)
    return "" if state == "ended" else str(state)


def has_slot(session: Session, run: int) -> bool:
    """Say whether a finished run may be reopened: it has a slot, or needs none."""
    row = session.execute("SELECT state FROM places WHERE run = ?", (run,)).fetchone()
    return row is None or row[0] == "held"


def _group_of(session: Session, run: int) -> str:
    """Return the group in which a run has a place, empty for none."""
    row = session.execute("SELECT grouping FROM places WHERE run = ? AND state <> 'ended'", (run,)).fetchone()
    return "" if row is None else str(row[0])


def list_places(connection: sqlite3.Connection, group: str, run: str) -> list[PlaceRow]:
    if run:
        row = connection.execute(
            "SELECT p.grouping FROM run_details d JOIN places p USING (run) WHERE d.id = ? AND p.state <> 'ended'",
            (run,),
        ).fetchone()
        if row is None:
            return []
        group = row[0]
    return [PlaceRow(*row) for row in connection.execute(LIST, (group,))]


def _holders(session: Session, group: str, now: int) -> list[_Member]:
    """Return who has a slot; one that a host had for a run to be reopened, and is gone, is free."""
    members = [_Member(*row) for row in session.execute(MEMBERS, (group, "held"))]
    gone = [member for member in members if member.ended and not is_held(session, member.owner, now)]
    session.executemany(SET_STATE, [("ended", member.run) for member in gone])
    return [member for member in members if member not in gone]


def _queue(session: Session, group: str, now: int) -> Iterator[_Member]:
    """Give those in the queue that can take a slot, in order: read as far as the caller wants to know."""
    for row in session.execute(MEMBERS, (group, "waiting")):
        member = _Member(*row)
        if is_held(session, member.owner, now):
            yield member


def _replace_waiting(session: Session, place: Place) -> None:
    """Tell all in the queue to end; they never get a slot."""
    for row in session.execute(MEMBERS, (place.group, "waiting")).fetchall():
        member = _Member(*row)
        if member.ended:
            session.execute(SET_STATE, ("ended", member.run))
            session.touched.add(member.id)
        else:
            session.execute(SET_STATE, ("leaving", member.run))
            _tell(session, member.id, member.run, place)


def _state_of(session: Session, run: int) -> str:
    return str(session.execute("SELECT state FROM places WHERE run = ?", (run,)).fetchone()[0])


def _is_inside(session: Session, new: NewRun) -> bool:
    """Say whether a run above this one, as many as its depth says, has a place in any group."""
    parent = new.parent
    for _ in range(new.depth):
        row = session.execute(PARENT, (parent,)).fetchone()
        if row is None:
            return False
        if _group_of(session, row[0]):
            return True
        parent = row[1]
    return False


def _tell(session: Session, id: str, run: int, place: Place) -> None:
    """Have a run that gives way be told so."""
    session.execute("INSERT INTO inbox (run, kind, payload) VALUES (?, 'event', ?)", (run, place.leave))
    session.touched.add(id)
