"""Steps as real processes, and time: what becomes of them, of their limits, and of what waits beside them."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.engine_support import (
    Clock,
    Held,
    MakeStore,
    Work,
    Workflows,
    embedded,
    gives,
    result_of,
    row_of,
    turns,
)
from tests.runtime.shell_support import is_alive
from wfe_runtime import engine as engine_module
from wfe_runtime import timers
from wfe_runtime.engine import Engine
from wfe_runtime.executors import ExecutorRegistry
from wfe_runtime.executors.contract import StepContext, StepResult
from wfe_runtime.executors.shell import ShellExecutor
from wfe_vm.events import Cancel
from wfe_vm.state import Record, decode_delta

HOUR = 3_600_000


@pytest.fixture
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is looked at every few milliseconds, so that a jump of it is seen in a test's time."""
    monkeypatch.setattr(timers, "LONGEST_SLEEP_MS", 5)


def steps(text: str, extra: str = "") -> Workflows:
    return Workflows(f"workflow:\n  id: w\n  version: 1\n{extra}  steps:\n{text}")


async def records_of(store: Any, run: str) -> list[Record]:
    return [record for row in await store.read_journal(run, limit=0) for record in decode_delta(row.delta).records]


async def ends_of(store: Any, run: str) -> dict[str, str]:
    """Return the last status of each step that ended, by path."""
    return {record.path: record.status for record in await records_of(store, run) if record.what == "ended"}


def shell_engine(store: Any) -> Engine:
    return Engine(store, ExecutorRegistry([ShellExecutor()]))


@pytest.mark.acceptance("HKS-01")
def test_each_way_to_end_is_the_outcome_that_the_hooks_see(make_store: MakeStore, tmp_path: Path) -> None:
    hooks = "".join(
        f", {hook}: {{name: {name}-{hook.replace('_', '-')}, config: {{run: 'true'}}}}"
        for name in ("{0}",)
        for hook in ("on_success", "on_failure", "on_error")
    )
    step = "    - {{name: {0}, continue_on_failure: true, {1}" + hooks.replace("{", "{{").replace("}", "}}").replace(
        "{{0}}", "{0}"
    )
    step += "}}\n"
    text = "".join(
        step.format(name, body)
        for name, body in (
            ("well", "config: {run: 'true'}"),
            ("three", "config: {run: exit 3}"),
            ("signal", "config: {run: 'kill -9 $$'}"),
            ("late", "timeout: 50ms, config: {run: sleep 60}"),
            ("typed", "config: {run: 'echo \"##wfe[output n=many]\"'}, outputs: [{name: n, type: integer}]"),
            ("gone", "config: {run: 'true', working_dir: nowhere}"),
            ("unwanted", "when: 'false', config: {run: 'true'}"),
        )
    )

    async def main() -> None:
        async with shell_engine(make_store()) as engine:
            run = await steps(text).start(engine, folder=str(tmp_path))
            assert (await result_of(engine, run)).status == "succeeded"
            ends = await ends_of(engine.store, run)
            ran = {path.split("/")[0]: path.split("/")[1] for path in ends if "/" in path}
            assert ran == {
                "well": "on_success",
                "three": "on_failure",
                "signal": "on_failure",
                "late": "on_error",
                "typed": "on_error",
                "gone": "on_error",
            }
            skipped = [record.path for record in await records_of(engine.store, run) if record.status == "skipped"]
            assert skipped == ["unwanted"]

    asyncio.run(main())


@pytest.mark.acceptance("HKS-01")
def test_a_step_that_is_cancelled_is_aborted(make_store: MakeStore) -> None:
    async def main() -> None:
        work = Held()

        def do(context: StepContext) -> Any:
            return work(context) if context.step == "long" else gives()

        executor = Work(do)
        text = "    - {name: long, config: {run: a}, on_abort: {name: tidy, config: {run: a}}}\n"
        async with embedded(make_store(), executor) as engine:
            run = await steps(text).start(engine)
            await work.under_way(1)
            engine.deliver(run, Cancel(engine.clock.now(), "", engine.clock.now() + HOUR))
            assert (await result_of(engine, run)).status == "aborted"
            assert (await ends_of(engine.store, run))["long"] == "aborted"
            assert executor.paths == ["long", "long/on_abort/tidy"]

    asyncio.run(main())


@pytest.mark.acceptance("SHL-18")
def test_a_step_that_is_cancelled_in_the_moment_of_its_start_is_stopped_too(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "TURN_S", 3600)  # nothing else on the loop has its turn in between

    async def main() -> None:
        processes = []

        class Cancelling(ShellExecutor):
            def _launch(self, start: Any, reader: Any) -> Any:
                process = super()._launch(start, reader)
                processes.append(process.id)
                engine.deliver(run, Cancel(engine.clock.now(), "", engine.clock.now() + HOUR))
                return process

        async with Engine(make_store(), ExecutorRegistry([Cancelling()])) as engine:
            run = await steps("    - {name: long, config: {run: sleep 1000}}\n").start(engine)
            assert (await result_of(engine, run)).status == "aborted"
            assert [is_alive(process) for process in processes] == [False]

    asyncio.run(main())


@pytest.mark.acceptance("EVT-11")
def test_a_sleep_that_is_over_already_takes_no_time_and_one_beside_a_step_delays_neither(
    make_store: MakeStore, looks_often: None
) -> None:
    text = """
    - {name: none, sleep: 0}
    - {name: past, sleep_until: "'2001-01-01T00:00:00Z'"}
    - name: both
      parallel:
        - sequence: [{name: nap, sleep: 2s}, {name: woken, config: {run: a}}]
        - sequence: [{name: long, config: {run: a}}, {name: next, config: {run: a}}]
"""

    async def main() -> None:
        clock, held = Clock(), Held()
        work = Work(held)
        async with embedded(make_store(), work, clock=clock) as engine:
            run = await steps(text).start(engine)
            assert [path.rpartition("/")[2] for path in await held.under_way(1)] == ["long"]
            clock.time += 1999
            await turns()
            assert len(work.begun) == 1
            clock.time += 1
            names = [path.rpartition("/")[2] for path in await held.under_way(2)]
            assert sorted(names) == ["long", "woken"], "the sleep is over though the step is not"
            held.let_go(next(context.step for context in work.begun if context.step.endswith("long")))
            await held.under_way(2)
            held.let_go()
            assert (await result_of(engine, run)).status == "succeeded"
            slept = [record for record in await records_of(engine.store, run) if record.path.endswith("nap")]
            assert [record.what for record in slept] == ["started", "ended"]
            assert slept[1].time - slept[0].time == 2000

    asyncio.run(main())


@pytest.mark.acceptance("RTY-08")
def test_each_attempt_has_the_full_time_and_the_one_before_is_dead_when_it_starts(
    make_store: MakeStore, tmp_path: Path
) -> None:
    (tmp_path / "slow.sh").write_text(
        "for pid in $(cat pids 2>/dev/null); do\n"
        '  grep "^State:" /proc/$pid/status 2>/dev/null | grep -v zombie >> alive\n'
        "done\n"
        "echo $$ >> pids; sleep 60 & echo $! >> pids; wait\n"
    )
    text = "    - {name: slow, timeout: 300ms, retry: {attempts: 3, interval: 0}, config: {run: '. ./slow.sh'}}\n"

    async def main() -> None:
        async with shell_engine(make_store()) as engine:
            run = await steps(text).start(engine, folder=str(tmp_path))
            result = await result_of(engine, run)
            assert result.error is not None
            assert (result.status, result.error.kind) == ("failed", "timeout")
            assert (result.error.step, result.error.attempt, result.error.details["limit_ms"]) == ("slow", 3, 300)
            assert "step slow took longer than its limit of 300 ms" in result.error.message
            records = await records_of(engine.store, run)
            took = [record.time - record.started for record in records if record.what == "ended"]
            assert len(took) == 3
            assert min(took) >= 299, "each attempt had all of its time"

    asyncio.run(main())
    pids = (tmp_path / "pids").read_text().split()
    assert len(pids) == 6
    assert (tmp_path / "alive").read_text() == ""


@pytest.mark.acceptance("RTY-13", "ENG-19")
@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["ahead", "back"])
def test_a_clock_that_jumps_while_an_attempt_runs_neither_ends_it_early_nor_keeps_it_going(
    make_store: MakeStore, looks_often: None, jump: int
) -> None:
    async def main() -> None:
        clock, held = Clock(), Held()
        work = Work(held)
        patient = steps("    - {name: work, timeout: 30s, config: {run: a}}\n")
        hasty = steps("    - {name: work, timeout: 100ms, config: {run: a}}\n")
        async with embedded(make_store(), work, clock=clock) as engine:
            calm, late = await patient.start(engine), await hasty.start(engine)
            await held.under_way(2)
            began = time.monotonic()
            clock.time += jump
            result = await result_of(engine, late)
            assert result.error is not None
            assert (result.error.kind, time.monotonic() - began >= 0.09) == ("timeout", True)
            await turns()
            assert (await row_of(engine.store, calm)).status == "running"
            held.let_go()
            assert (await result_of(engine, calm)).status == "succeeded"

    asyncio.run(main())


@pytest.mark.acceptance("RTY-10")
@pytest.mark.parametrize("turn", range(6))
def test_of_a_success_and_a_limit_of_time_at_one_instant_one_is_committed(
    make_store: MakeStore, looks_often: None, turn: int
) -> None:
    text = (
        "    - {name: block, timeout: 1s, continue_on_failure: true, sequence: [{name: work, config: {run: a}}]}\n"
        "    - {name: after, config: {run: a}}\n"
    )

    async def main() -> None:
        clock, held = Clock(), Held()
        work = Work(lambda context: held(context) if context.step == "block/work" else gives())
        async with embedded(make_store(), work, clock=clock) as engine:
            run = await steps(text).start(engine)
            await held.under_way(1)
            await engine.settled()
            if turn % 2:
                held.let_go()
            clock.time += 1000
            engine.timers.look()
            await turns(turn // 2)
            held.let_go()
            result = await result_of(engine, run)
            assert result.status == "succeeded"
            ends = [record for record in await records_of(engine.store, run) if record.what == "ended"]
            assert sorted(record.path for record in ends) == ["after", "block", "block/work"]
            status = {record.path: record.status for record in ends}
            assert (status["block"], status["block/work"]) in (
                ("succeeded", "succeeded"),
                ("error", "aborted"),
                ("error", "succeeded"),
            )
            assert [one.step for one in result.tolerated] == (["block"] if status["block"] == "error" else [])
            assert work.paths == ["block/work", "after"]

    asyncio.run(main())


@pytest.mark.acceptance("RTY-10")
def test_a_success_that_comes_after_the_limit_of_time_was_committed_is_stale(make_store: MakeStore) -> None:
    async def main() -> None:
        text = "    - {name: only, total_timeout: 1s, config: {run: a}}\n"
        clock, late = Clock(), asyncio.Event()

        async def do(_: StepContext) -> StepResult:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await late.wait()  # it does not stop when it is told to
            return gives(answer=42)

        async with embedded(make_store(), do, clock=clock) as engine:
            run = await steps(text).start(engine)
            await turns()
            await engine.settled()
            clock.time += 1000
            engine.timers.look()
            await engine.settled()
            late.set()
            result = await result_of(engine, run)
            assert result.error is not None
            assert (result.status, result.error.kind) == ("failed", "timeout")
            ends = [record for record in await records_of(engine.store, run) if record.what == "ended"]
            assert [(record.status, record.outputs) for record in ends] == [("error", None)]

    asyncio.run(main())


@pytest.mark.acceptance("SHL-06")
def test_an_output_of_any_name_stays_under_its_own_step(make_store: MakeStore, tmp_path: Path) -> None:
    names = ("inputs", "services", "steps", "vars", "outputs", "run", "secrets", "other", "WFE_RUN_ID", "PATH", "item")
    markers = "; ".join(f'echo "##wfe[output {name}=stolen]"' for name in names)
    text = (
        "    - {name: other, config: {run: 'echo \"##wfe[output other=own]\"'}}\n"
        "    - {set: {kept: \"'kept'\"}}\n"
        f"    - {{name: thief, config: {{run: '{markers}'}}}}\n"
        "    - name: look\n"
        "      config:\n"
        "        env: {GIVEN: '${{ inputs.word }}', KEPT: '${{ vars.kept }}', OWN: '${{ steps.other.output.other }}'}\n"
        "        run: 'echo \"##wfe[output seen=$GIVEN $KEPT $OWN $WFE_RUN_ID $PATH]\"'\n"
        "    - return: {seen: steps.look.output.seen, run: run.id, stolen: steps.thief.output}\n"
    )
    extra = "  inputs: {word: string}\n  outputs: {seen: string, run: string, stolen: any}\n"

    async def main() -> None:
        async with shell_engine(make_store()) as engine:
            run = await steps(text, extra).start(engine, inputs={"word": "given"}, folder=str(tmp_path))
            result = await result_of(engine, run)
            assert result.status == "succeeded", result.error
            given, kept, own, id, path = result.outputs["seen"].split(" ", 4)
            assert (given, kept, own, id, result.outputs["run"]) == ("given", "kept", "own", run, run)
            assert path != "stolen"
            assert result.outputs["stolen"] == dict.fromkeys(names, "stolen")

    asyncio.run(main())


FAN = """
    - set: {items: "range(0, inputs.count)"}
    - name: each
      for_each: vars.items
      limit: %d
      collect: {got: steps.work.output.n}
      do:
        - {name: work, inputs: {n: item}, config: {run: a}, outputs: [{name: n, type: integer}]}
    - return: {count: "len(vars.got)", total: sum(vars.got)}
"""
FAN_KEYS = "  inputs: {count: integer}\n  outputs: {count: integer, total: integer}\n"


@pytest.mark.acceptance("PAR-12")
def test_a_list_that_the_body_changes_is_passed_through_as_it_was_at_entry(make_store: MakeStore) -> None:
    text = """
    - set: {items: "[1, 2, 3]"}
    - name: each
      for_each: vars.items
      limit: 1
      collect: {seen: item}
      do:
        - set: {items: "[9, 9, 9, 9, 9]"}
        - {name: work, config: {run: a}}
    - return: {seen: vars.seen, items: vars.items}
"""

    async def main() -> None:
        work = Work()
        async with embedded(make_store(), work) as engine:
            run = await steps(text, "  outputs: {seen: list<integer>, items: list<integer>}\n").start(engine)
            result = await result_of(engine, run)
            assert result.outputs == {"seen": [1, 2, 3], "items": [9, 9, 9, 9, 9]}, result.error
            assert len(work.begun) == 3

    asyncio.run(main())


async def fan_out(store: Any, count: int, limit: int = 16) -> tuple[int, int]:
    """Pass through so many items. Returns how many rows were written, and the most pointers that were ever live."""
    workflows = steps(FAN % limit, FAN_KEYS)
    most = 0

    async def do(context: StepContext) -> StepResult:
        nonlocal most
        await asyncio.sleep(0)
        most = max(most, len(engine.state_of(run).pointers))
        return gives(n=(context.inputs or {})["n"])

    async with embedded(store, do) as engine:
        run = await workflows.start(engine, inputs={"count": count})
        result = await asyncio.wait_for(engine.wait(run), 100)
        assert result is not None
        assert result.outputs == {"count": count, "total": count * (count - 1) // 2}, result.error
        return len(await engine.store.read_journal(run, limit=0)), most


@pytest.mark.acceptance("PAR-13")
def test_a_fan_out_has_live_state_for_items_in_flight_alone_and_writes_as_much_for_each(make_store: MakeStore) -> None:
    for count in (100, 2000):
        rows, most = asyncio.run(fan_out(make_store(), count))
        assert most <= 17
        assert rows <= count + 10


@pytest.mark.soak
@pytest.mark.acceptance("PAR-13")
@pytest.mark.parametrize(("make_store", "usual"), [("memory", 100_000), ("sqlite", 20_000)], indirect=["make_store"])
def test_a_fan_out_of_very_many_items_collects_all_of_them(make_store: MakeStore, usual: int) -> None:
    count = int(os.environ.get("WFE_TEST_ITEMS", usual))
    rows, most = asyncio.run(fan_out(make_store(), count))
    assert (most <= 17, rows <= count + 10) == (True, True)
