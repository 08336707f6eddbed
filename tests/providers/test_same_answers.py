"""Random operations on every store: the same answers, and the same content in the end."""

import asyncio
import tempfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.providers.contract.rows import advance, host, new
from wfe_runtime.errors import WfeError
from wfe_runtime.providers.memory import MemoryStore
from wfe_runtime.providers.rows import (
    FINISHED,
    InboxPost,
    LogRow,
    NewEvent,
    Parked,
    Place,
    ProgramRow,
    RunFilter,
    ScheduleRow,
    Subscription,
    Unsubscription,
)
from wfe_runtime.providers.sqlite import SqliteStore

ids = st.sampled_from(["a1", "a2", "a3", "b1", "a1x", "é\0"])
hosts = st.sampled_from(["h1", "h2", "h3"])
workflows = st.sampled_from(["deploy", "build"])
statuses = st.sampled_from(["pending", "running", "waiting", "suspended", "failed", "succeeded"])
small = st.integers(0, 6)
times = st.integers(0, 40)
data = st.binary(max_size=3).filter(lambda payload: payload[:1] != b"\xc1")  # with which no MessagePack begins
posts = st.builds(InboxPost, run=ids, kind=st.sampled_from(["e", "f"]), payload=data)
event_names = st.sampled_from(["paid", "Paid"])
event_keys = st.sampled_from(["", "é"])
events = st.builds(
    NewEvent,
    st.sampled_from(["e1", "e2", "e3", "e4"]),
    event_names,
    event_keys,
    times | st.just(3 * 10**9),
    data,
)
subscriptions = st.builds(Subscription, small, small, event_names, event_keys, small, st.sampled_from([-2, -1, 0, 20]))
signals = st.one_of(events, subscriptions, subscriptions, st.builds(Unsubscription, event_names, event_keys))
runs = st.builds(
    new,
    ids,
    workflow=workflows,
    name=st.sampled_from(["", "", "", "a1", "deploy-2", "mine"]),
    key=st.sampled_from(["", "", "k1", "k2"]),
    created=times,
    owner=st.sampled_from(["", "", "h1", "h2"]),
    parent=st.sampled_from(["", "a1"]),
    root=st.sampled_from(["", "a1", "b1"]),
    durability=st.sampled_from(["sync", "relaxed"]),
    depth=st.sampled_from([0, 1, 1, 2]),
    place=st.none()
    | st.builds(
        Place,
        st.sampled_from(["g", "h"]),
        st.integers(1, 2),
        st.sampled_from(["queue", "reject", "replace", "cancel_running"]),
        data,
    ),
)


@st.composite
def commits(draw):
    run, expected, steps = draw(ids), draw(small), draw(st.integers(1, 2))
    status = draw(statuses)
    return advance(
        run,
        expected,
        fence=draw(st.integers(0, 2)),
        sequence=expected + steps,
        status=status,
        ended=draw(st.integers(1, 9)) if status in FINISHED else 0,
        started=draw(small),
        due=draw(times),
        result=draw(data),
        journal=tuple((expected + 1 + n, draw(times), draw(data)) for n in range(steps)),
        snapshot=draw(st.none() | data),
        children=tuple(draw(st.lists(runs, max_size=2))),
        posts=tuple(draw(st.lists(posts, max_size=2))),
        consumed=tuple(draw(st.lists(st.integers(1, 12), max_size=3))),
        release=draw(st.booleans()),
        signals=tuple(draw(st.lists(signals, max_size=3))),
    )


parked = st.builds(Parked, ids, small, small, times)
schedules = st.builds(
    ScheduleRow,
    st.just("deploy"),
    st.just(1),
    st.integers(0, 1),
    st.just("h"),
    st.sampled_from(["* * * * *", "0 * * * *"]),
    st.just("UTC"),
    st.just("once"),
    st.just("/"),
    st.integers(0, 2),
)
several_schedules = st.lists(schedules, max_size=2, unique_by=(lambda row: row.position, lambda row: row.cron)).map(
    lambda rows: sorted(rows, key=lambda row: row.position)
)
logs = st.builds(LogRow, ids, st.sampled_from(["s", "t"]), small, st.just("stdout"), times, st.text(max_size=3))
programs = st.builds(ProgramRow, st.sampled_from(["h1", "h2"]), workflows, small, data, data)
filters = st.builds(
    RunFilter,
    statuses=st.lists(statuses, max_size=3).map(tuple),
    workflow=st.just("") | workflows,
    since=times,
    parent=st.sampled_from(["", "a1"]),
    root=st.sampled_from(["", "a1", "b1"]),
    limit=st.integers(0, 3),
)


def call(name, *arguments):
    return st.tuples(st.just(name), st.tuples(*arguments))


several_commits = st.lists(commits(), min_size=1, max_size=4, unique_by=lambda commit: commit.run)
operations = st.one_of(
    call("create_run", runs, st.lists(posts, max_size=2)),
    call("commit", several_commits),
    call("commit", several_commits),
    call("post", st.lists(posts, max_size=3)),
    call("publish", st.lists(events, max_size=3)),
    call("read_events", event_names, event_keys, small, st.integers(0, 3)),
    call("list_subscriptions", ids),
    call("claim", ids, hosts, times),
    call("release", ids, hosts),
    call("join", hosts.map(host), st.integers(0, 20), times),
    call("leave", hosts, times),
    call("list_orphans", times, st.integers(0, 3), hosts),
    call("park", hosts, st.lists(parked, max_size=3, unique_by=lambda one: one.run)),
    call("inherit", hosts, times, st.integers(0, 3)),
    call("keep_schedules", st.just("deploy"), st.just(1), several_schedules),
    call("list_schedules"),
    call("fire_schedule", schedules, times, st.none() | runs),
    call("reopen_place", ids, hosts, times),
    call("list_places", st.sampled_from(["g", "h"])),
    call("append_logs", st.lists(logs, max_size=3)),
    call("put_programs", st.lists(programs, max_size=2), times),
    call("list_programs", times),
    call("drop_programs", st.lists(st.sampled_from(["h1", "h2"]), max_size=2), times),
    call("get_program", st.sampled_from(["h1", "h2"])),
    call("note_verified", st.sampled_from(["h1", "h2"]), st.sampled_from(["v1", "v2"])),
    call("get_run", ids),
    call("find_runs", st.sampled_from(["a", "a1", "deploy", "mine", "", "é", "z"]), st.integers(0, 3)),
    call("list_runs", filters),
    call("list_due", hosts, times, st.integers(0, 3)),
    call("next_due", hosts),
    call("load_state", ids),
    call("read_journal", ids, small, st.integers(0, 3)),
    call("read_inbox", st.lists(ids)),
    call("read_logs", ids, st.sampled_from([None, "s"]), small, times, st.integers(0, 3)),
)


async def perform(store, name, arguments):
    try:
        return await getattr(store, name)(*arguments)
    except WfeError as error:
        return (error.code, error.message)


async def content(store):
    rows = await store.list_runs(RunFilter())
    return [
        (row, await store.load_state(row.id), await store.read_journal(row.id), await store.read_logs(row.id))
        for row in rows
    ] + await store.read_inbox([row.id for row in rows])


@pytest.mark.acceptance("STO-17")
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(operations, min_size=10, max_size=40))
def test_random_operations_have_the_same_answers_and_leave_the_same_content(steps):
    async def main(folder):
        stores = [MemoryStore(), SqliteStore(f"sqlite:///{folder}/wfe.db")]
        for store in stores:
            await store.open()
        try:
            for name, arguments in steps:
                first, second = [await perform(store, name, arguments) for store in stores]
                assert first == second, (name, arguments)
            first, second = [await content(store) for store in stores]
            assert first == second
        finally:
            for store in stores:
                await store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(folder))
