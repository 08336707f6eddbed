"""The concurrency groups of the store in memory: who has a slot, who waits, and who gets the next one.

The same rules as in ``sqlite/places.py``, as plain Python. This file knows runs only by what a place needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from wfe_runtime.providers.rows import NewRun, Place, PlaceRow

__all__ = ["Groups", "Seat"]


class Seat:
    """A run's place. ``state`` is held, waiting or leaving."""

    __slots__ = ("group", "since", "state")

    def __init__(self, group: str, state: str, since: int) -> None:
        self.group = group
        self.state = state
        self.since = since


class Member(Protocol):
    """A run, as far as its group is concerned. ``place`` is None when it has ended; ``asked`` stays."""

    new: NewRun
    name: str
    owner: str
    ended: int
    place: Seat | None
    asked: Place | None


class Groups:
    """All groups. ``touched`` takes in the runs that are to be announced."""

    def __init__(self, is_held: Callable[[str, int], bool]) -> None:
        """``is_held`` says whether an owner is a living host, at a time."""
        self._is_held = is_held
        self._members: dict[str, list[Member]] = {}  # in the order of the queue

    def rejects(self, place: Place, now: int) -> Member | None:
        """Return who has a slot, or is before it, where a run finds its group full and won't wait; else None."""
        if place.on_full != "reject":
            return None
        holders = self._holders(place.group, now)
        if len(holders) >= place.limit:
            return holders[0]
        first = next(self._queue(place.group, now), None)
        return first and (holders or [first])[0]

    def enter(self, run: Member, place: Place, now: int, touched: set[str]) -> list[str]:
        """Give a new run its place. Returns the runs that have to give way, itself too where it is rejected."""
        holders = self._holders(place.group, now)
        state = "waiting"
        told: list[str] = []
        if len(holders) >= place.limit or next(self._queue(place.group, now), None) is not None:
            if place.on_full == "reject":
                state = "leaving"
                told = [run.new.id]
            elif place.on_full in ("replace", "cancel_running"):
                told = self._replace_waiting(place.group, touched)
                if place.on_full == "cancel_running":
                    told += [member.new.id for member in holders[: max(len(holders) - place.limit + 1, 0)]]
        run.asked = place
        self._sit(run, place.group, state, now)
        self._grant(place.group, now, touched)
        return told

    def enter_again(self, run: Member, now: int, touched: set[str]) -> None:
        """Have a finished run queue again, for it is to be reopened."""
        if run.asked is not None and run.place is None:
            self._sit(run, run.asked.group, "waiting", now)
            self._grant(run.asked.group, now, touched)

    def leave(self, run: Member, now: int, touched: set[str]) -> None:
        """Take a run out of its group, and give its slot to the next."""
        if run.place is not None:
            group = run.place.group
            self._rise(run)
            self._grant(group, now, touched)

    def claimed(self, run: Member, now: int, touched: set[str]) -> None:
        """Let a run that was passed over have a slot if there is one: somebody has it now."""
        if run.place is not None:
            self._grant(run.place.group, now, touched)

    def may_reopen(self, run: Member) -> bool:
        """Say whether a finished run has a slot, or needs none."""
        return run.asked is None or (run.place is not None and run.place.state == "held")

    def rows(self, group: str) -> list[PlaceRow]:
        """Return who has a place in a group, in order."""
        return [
            PlaceRow(group, run.new.id, run.name, run.place.state, run.asked.limit, run.asked.on_full, run.place.since)
            for run in self._members.get(group, ())
            if run.place is not None and run.asked is not None
        ]

    def _sit(self, run: Member, group: str, state: str, now: int) -> None:
        run.place = Seat(group, state, now)
        self._members.setdefault(group, []).append(run)

    def _rise(self, run: Member) -> None:
        if run.place is not None:
            members = self._members[run.place.group]
            members.remove(run)
            if not members:
                del self._members[run.place.group]
            run.place = None

    def _in_state(self, group: str, state: str) -> list[Member]:
        return [run for run in self._members.get(group, ()) if run.place is not None and run.place.state == state]

    def _holders(self, group: str, now: int) -> list[Member]:
        for run in self._in_state(group, "held"):
            if run.ended and not self._is_held(run.owner, now):
                self._rise(run)
        return self._in_state(group, "held")

    def _queue(self, group: str, now: int) -> Iterator[Member]:
        return (run for run in self._in_state(group, "waiting") if self._is_held(run.owner, now))

    def _grant(self, group: str, now: int, touched: set[str]) -> None:
        held = len(self._holders(group, now))
        for run in self._queue(group, now):
            if run.asked is None or run.place is None or held >= run.asked.limit:
                return
            held += 1
            run.place.state = "held"
            touched.add(run.new.id)

    def _replace_waiting(self, group: str, touched: set[str]) -> list[str]:
        told = []
        for run in self._in_state(group, "waiting"):
            if run.ended:
                self._rise(run)
                touched.add(run.new.id)
            elif run.place is not None:
                run.place.state = "leaving"
                told.append(run.new.id)
        return told
