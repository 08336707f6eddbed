"""What is said of a run that waits for a slot of its concurrency group: which, and who has one."""

from __future__ import annotations

import msgspec

from ..engine import Engine
from ..providers.contracts import Store
from ..providers.rows import PlaceRow, RunRow
from .views import View

__all__ = ["Queueing", "queueing_of", "tell_queued"]


class Queueing(msgspec.Struct, frozen=True):
    """A run in the queue of its group. ``state`` is waiting or leaving; ``ahead`` are the runs before it."""

    group: str
    state: str
    since: int
    limit: int
    holders: list[PlaceRow]
    ahead: int

    def in_words(self) -> str:
        """Return what it waits for."""
        holders = ", ".join(row.name for row in self.holders) or "nobody"
        queue = f", {self.ahead} before it" if self.ahead else ""
        return f"a slot of the concurrency group {self.group!r}, limit {self.limit}, held by {holders}{queue}"


async def queueing_of(store: Store, row: RunRow) -> Queueing | None:
    """Return where a run stands in the queue of its group, None where it waits for no slot."""
    places = await store.list_places(run=row.id)
    own = next((place for place in places if place.run == row.id), None)
    if own is None or own.state == "held":
        return None
    holders = [place for place in places if place.state == "held"]
    waiting = [place.run for place in places if place.state == own.state]
    return Queueing(own.group, own.state, own.since, own.limit, holders, waiting.index(row.id))


async def tell_queued(engine: Engine, row: RunRow, view: View) -> None:
    """Say so in a view if a run at hand waits for a slot."""
    if row.id in {other.id for other in engine.at_hand()} and engine.is_queued(row.id):
        found = await queueing_of(engine.store, row)
        if found is not None:
            view.trouble(f"run {row.name} waits for {found.in_words()}")
