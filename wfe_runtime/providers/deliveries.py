"""What a subscription leads to: the payload that a run finds in its inbox, and the board of the store in memory.

This file owns how a delivery is encoded, alike for every provider, and the matching of events and
subscriptions as plain Python. It knows no engine and no run but by its id.
"""

from __future__ import annotations

from itertools import islice

import msgspec

from wfe_vm.state import SINCE_NOW, SINCE_RUN

from .rows import EVENTS_KEPT_MS, EventRow, NewEvent, Published, Subscription, Unsubscription

__all__ = ["Board", "Delivery", "Told", "decode_delivery", "encode_delivery", "floor_of", "is_same"]

Told = tuple[str, bytes]
"""A run's id and the payload for its inbox."""


class Delivery(msgspec.Struct, frozen=True, array_like=True):
    """An event for the activation and attempt that subscribed."""

    activation: int
    attempt: int
    event: EventRow


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Delivery)


def encode_delivery(activation: int, attempt: int, event: EventRow) -> bytes:
    """Return the payload of an inbox row of the kind PUBLISHED."""
    return _encoder.encode(Delivery(activation, attempt, event))


def decode_delivery(payload: bytes) -> Delivery:
    """Return what such a row holds."""
    return _decoder.decode(payload)


def floor_of(subscription: Subscription, events_before: int, last: int) -> tuple[int, int]:
    """Return the number that an event must exceed, and its earliest time.

    ``events_before`` is the last event before the run, ``last`` the last one of all.
    """
    if subscription.since == SINCE_RUN:
        return max(subscription.after, events_before), 0
    if subscription.since == SINCE_NOW:
        return max(subscription.after, last), 0
    return subscription.after, subscription.since


def is_same(known: EventRow, event: NewEvent) -> bool:
    """Say whether an event has the name, the key and the data of one that was published before.

    In what order the data have their keys does not matter.
    """
    if (known.name, known.key) != (event.name, event.key):
        return False
    if known.data == event.data:
        return True
    try:
        return bool(msgspec.msgpack.decode(known.data) == msgspec.msgpack.decode(event.data))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False


class Board:
    """Events and subscriptions in this process."""

    def __init__(self) -> None:
        self.last = 0
        self._by_id: dict[str, EventRow] = {}  # in the order of their numbers
        self._places: dict[tuple[str, str], dict[int, EventRow]] = {}
        self._asked: dict[tuple[str, str], dict[str, Subscription]] = {}

    def publish(self, event: NewEvent) -> tuple[Published, list[Told]]:
        """Keep an event. Returns what became of it, and who is to be told."""
        known = self._by_id.get(event.id)
        if known is not None:
            return Published(known.id, known.number, False, is_same(known, event)), []
        self.drop_old(event.time - EVENTS_KEPT_MS)
        self.last += 1
        row = EventRow(self.last, event.id, event.name, event.key, event.time, event.data)
        place = (event.name, event.key)
        self._by_id[row.id] = row
        self._places.setdefault(place, {})[row.number] = row
        told = []
        for run, asked in list(self._asked.get(place, {}).items()):
            if asked.since <= row.time:
                told.append((run, encode_delivery(asked.activation, asked.attempt, row)))
                self._forget(run, place)
        return Published(row.id, row.number, True), told

    def subscribe(self, run: str, subscription: Subscription, events_before: int) -> list[Told]:
        """Take in a subscription. Returns what the run is to be told at once."""
        place = (subscription.name, subscription.key)
        after, since = floor_of(subscription, events_before, self.last)
        for row in self._places.get(place, {}).values():
            if row.number > after and row.time >= since:
                self._forget(run, place)
                return [(run, encode_delivery(subscription.activation, subscription.attempt, row))]
        self._asked.setdefault(place, {})[run] = msgspec.structs.replace(subscription, after=after, since=since)
        return []

    def unsubscribe(self, run: str, end: Unsubscription) -> None:
        """Forget what a run asked for."""
        self._forget(run, (end.name, end.key))

    def events(self, name: str, key: str, after: int) -> list[EventRow]:
        """Return the events of a name and key, in order."""
        return [row for row in self._places.get((name, key), {}).values() if row.number > after]

    def subscriptions(self, run: str) -> list[Subscription]:
        """Return what a run has asked for, by name and key."""
        return [self._asked[place][run] for place in sorted(self._asked) if run in self._asked[place]]

    def _forget(self, run: str, place: tuple[str, str]) -> None:
        asked = self._asked.get(place)
        if asked is not None:
            asked.pop(run, None)
            if not asked:
                del self._asked[place]

    def drop_old(self, before: int) -> None:
        """Drop events before that time, some at a time."""
        for row in list(islice(self._by_id.values(), 100)):
            if row.time < before:
                del self._by_id[row.id]
                place = (row.name, row.key)
                del self._places[place][row.number]
                if not self._places[place]:
                    del self._places[place]
