"""The process that is killed: makes a known sequence of changes and says of each that it was acknowledged.

``python -m tests.crash.store_child URL`` prints the number of each step once it has returned.
"""

from __future__ import annotations

import asyncio
import sys

from wfe_runtime.providers import open_store
from wfe_runtime.providers.contracts import Store
from wfe_runtime.providers.rows import InboxPost, LogRow, NewEvent, NewRun, Place, RunCommit, RunFilter, Subscription

STEPS = 12


def run(id: str) -> NewRun:
    place = Place("g", 2, "queue", b"leave") if "child" in id else None
    return NewRun(id=id, workflow="w", version=1, program="h", inputs=b"in", created=1, place=place)


async def step(store: Store, number: int) -> None:
    """Make the change of that number, which is one call, so one transaction."""
    if number == 0:
        await store.create_run(run("r1"), [InboxPost("r1", "started", b"1")])
    elif number == 1:
        await store.create_run(run("r2"))
    elif number == 5:
        await store.post([InboxPost("r1", "event", b"5"), InboxPost("r2", "event", b"5")])
    elif number == 8:
        await store.append_logs([LogRow("r1", "s", 1, "stdout", n, f"line {n}") for n in range(3)])
    elif number == 10:
        await store.publish([NewEvent(f"e{n}", "e", "", n, b"data") for n in range(3)])
    else:
        rows = {id: await store.get_run(id) for id in ("r1", "r2")}
        commits = []
        for id in ("r1", "r2") if number % 2 else ("r1",):
            row = rows[id]
            assert row is not None
            sequence = row.sequence + 1
            waiting = await store.read_inbox([id])
            commits.append(
                RunCommit(
                    run=id,
                    expected_sequence=row.sequence,
                    fence=0,
                    sequence=sequence,
                    status="waiting" if number % 3 else "running",
                    journal=((sequence, number, f"delta {number}".encode()),),
                    snapshot=f"state {number}".encode() if number % 4 == 0 else None,
                    due=number * 10,
                    children=(run(f"{id}-child-{number}"),) if id == "r1" else (),
                    posts=(InboxPost(f"{id}-child-{number}", "started", b""), InboxPost("r2", "told", b"")),
                    consumed=tuple(row.id for row in waiting[:1]),
                    signals=(
                        NewEvent(f"{id}-{number}", "e", id if number % 2 else "", number, b"data"),
                        Subscription(number, 1, "e", "r1" if id == "r2" else ""),
                        Subscription(number, 1, "never", id),
                    ),
                )
            )
        assert all(await store.commit(commits))


async def content(store: Store) -> list[object]:
    """Return all that the steps may have written, in an order of its own."""
    rows = await store.list_runs(RunFilter())
    found: list[object] = []
    for row in rows:
        found += [row, await store.load_state(row.id), await store.read_journal(row.id)]
        found += await store.list_subscriptions(row.id)
        found += [log.text for log in await store.read_logs(row.id)]
    found += await store.list_places("g")
    for key in ("", "r1", "r2"):
        found += await store.read_events("e", key)
    # Ids of posts may have gaps where a transaction was lost; their order may not change.
    found += [(post.run, post.kind, post.payload) for post in await store.read_inbox([r.id for r in rows])]
    return found


async def main(url: str) -> None:
    store = open_store(url)
    await store.open()
    for number in range(STEPS):
        await step(store, number)
        print(number, flush=True)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
