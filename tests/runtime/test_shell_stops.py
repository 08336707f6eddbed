"""The end of processes: what a shell step left behind, one that is stopped, and one whose engine is gone."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from wfe_runtime.executors.contract import StepResult

from .shell_support import MemoryLog, both_loops, context, is_alive, open_descriptors, run_on, shell, until

# What is left behind


@both_loops
@pytest.mark.acceptance("SHL-17")
@pytest.mark.parametrize(
    "start",
    [
        "sleep 1000 & echo $! > pid",
        "sleep 1000 > /dev/null 2>&1 & echo $! > pid",
        "setsid sh -c 'echo $$ > pid; exec sleep 1000' & until test -s pid; do :; done",
        "env -i sleep 1000 & echo $! > pid",
        "(trap '' TERM HUP INT; echo > ready; exec sleep 1000) & echo $! > pid; until test -e ready; do :; done",
    ],
)
def test_a_background_process_left_behind_is_gone_when_the_step_has_ended(
    tmp_path: Path, loop: str, start: str
) -> None:
    async def main() -> StepResult:
        async with shell(tmp_path) as executor:
            result = await executor.run(context({"run": f"{start}; echo done"}, tmp_path))
            process = int((tmp_path / "pid").read_text())
            await until(lambda: not is_alive(process))
            return result

    result = run_on(loop, main())
    assert (result.outcome, result.stdout) == ("success", "done\n")


def test_what_other_steps_started_is_left_alone(tmp_path: Path) -> None:
    async def main() -> None:
        async with shell(tmp_path) as executor:
            other = asyncio.ensure_future(
                executor.run(context({"run": "setsid sleep 1000 & echo $! > other; echo; wait"}, tmp_path))
            )
            await until(lambda: (tmp_path / "other").exists() and bool((tmp_path / "other").read_text()))
            await executor.run(context({"run": "setsid sleep 1000 & /bin/true"}, tmp_path))
            assert is_alive(int((tmp_path / "other").read_text()))
            other.cancel()
            with pytest.raises(asyncio.CancelledError):
                await other
            assert not is_alive(int((tmp_path / "other").read_text()))

    run_on("asyncio", main())


# Stops

STUBBORN = """
trap '' TERM
echo $$ > pid
(trap '' TERM; echo > child-ready; while :; do sleep 1000; done) & echo $! > child
setsid sh -c 'trap "" TERM; echo $$ > grandchild; while :; do sleep 1000; done' &
echo started
while :; do sleep 1000; done
"""


def all_there(folder: Path, *names: str) -> bool:
    return all((folder / name).exists() and (folder / name).read_text() for name in names)


@both_loops
@pytest.mark.acceptance("SHL-16", "SHL-18")
def test_a_stopped_step_that_ignores_term_is_gone_with_child_and_grandchild_after_the_grace(
    tmp_path: Path, loop: str
) -> None:
    log = MemoryLog()

    async def main() -> None:
        async with shell(tmp_path, grace_s=0.2) as executor:
            task = asyncio.ensure_future(executor.run(context({"run": STUBBORN}, tmp_path, log=log)))
            await until(lambda: all_there(tmp_path, "pid", "child", "child-ready", "grandchild"))
            processes = [int((tmp_path / name).read_text()) for name in ("pid", "child", "grandchild")]
            assert [is_alive(process) for process in processes] == [True, True, True]
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert [is_alive(process) for process in processes] == [False, False, False]

    run_on(loop, main())
    assert log.text("stdout") == "started\n"


@both_loops
@pytest.mark.acceptance("SHL-18")
def test_a_stopped_step_may_clean_up_within_the_grace_and_its_words_are_in_the_log(tmp_path: Path, loop: str) -> None:
    log = MemoryLog()
    script = "trap 'echo cleaned; exit 0' TERM; echo > ready; while :; do sleep 0.01; done"

    async def main() -> None:
        async with shell(tmp_path, grace_s=1000) as executor:
            task = asyncio.ensure_future(executor.run(context({"run": script}, tmp_path, log=log)))
            await until(lambda: (tmp_path / "ready").exists())
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    run_on(loop, main())
    assert log.text("stdout") == "cleaned\n"


@pytest.mark.acceptance("SHL-18")
def test_the_grace_is_for_children_too_when_the_shell_has_gone_at_once(tmp_path: Path) -> None:
    script = """
    (trap 'sleep 0.1; echo > child-cleaned; exit 0' TERM; echo > ready; while :; do sleep 0.01; done) &
    while :; do sleep 0.01; done
    """

    async def main() -> None:
        async with shell(tmp_path, grace_s=1000) as executor:
            task = asyncio.ensure_future(executor.run(context({"run": script}, tmp_path)))
            await until(lambda: (tmp_path / "ready").exists())
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    run_on("asyncio", main())
    assert (tmp_path / "child-cleaned").exists()


def test_a_second_cancel_ends_the_grace(tmp_path: Path) -> None:
    async def main() -> None:
        async with shell(tmp_path, grace_s=1000) as executor:
            task = asyncio.ensure_future(executor.run(context({"run": STUBBORN}, tmp_path)))
            await until(lambda: all_there(tmp_path, "pid", "child", "child-ready", "grandchild"))
            task.cancel()
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not is_alive(int((tmp_path / "pid").read_text()))

    run_on("asyncio", main())


def test_a_step_that_floods_its_output_while_it_is_stopped_stays_within_memory(tmp_path: Path) -> None:
    log = MemoryLog(limit=1 << 18)
    log.keeps = False

    async def main() -> None:
        async with shell(tmp_path, grace_s=0.2) as executor:
            script = "trap '' TERM; echo > ready; yes 0123456789 & while :; do echo flood; done"
            task = asyncio.ensure_future(executor.run(context({"run": script}, tmp_path, log=log)))
            await until(lambda: (tmp_path / "ready").exists())
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    run_on("asyncio", main())
    assert log.most_waiting < 16 << 20


@both_loops
def test_no_descriptor_is_left_open_however_a_step_ends(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        async with shell(tmp_path, grace_s=0) as executor:
            await executor.run(context({"run": "echo a=1 > $WFE_OUTPUT"}, tmp_path))
            before = open_descriptors()
            await executor.run(context({"run": "/bin/true; sleep 1000 & exit 3"}, tmp_path))
            await executor.run(context({"run": "true", "shell": "no-such-shell"}, tmp_path))
            await executor.run(context({"run": "true", "working_dir": "no-such-folder"}, tmp_path))
            task = asyncio.ensure_future(executor.run(context({"run": "echo > ready; sleep 1000"}, tmp_path)))
            await until(lambda: (tmp_path / "ready").exists())
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert open_descriptors() == before

    run_on(loop, main())


# The engine's own end

ENGINE = """
import asyncio, sys
from tests.runtime.shell_support import context
from wfe_runtime.executors.shell import ShellExecutor

async def main():
    executor = ShellExecutor(scratch_parent=sys.argv[1])
    script = "echo $$ > pid; sleep 1000 & echo $! > child; trap '' TERM HUP INT; while :; do sleep 1000; done"
    end = executor.begin(context({"run": script}, sys.argv[1]))
    open(f"{sys.argv[1]}/begun", "w").write("by now the kernel knows whom to kill")
    await end

asyncio.run(main())
"""


@pytest.mark.acceptance("SHL-20")
def test_a_step_does_not_outlive_an_engine_that_was_killed(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    engine = subprocess.Popen([sys.executable, "-c", ENGINE, str(tmp_path)], cwd=root, start_new_session=True)
    try:
        run_on("asyncio", until(lambda: all_there(tmp_path, "pid", "child", "begun") or engine.poll() is not None))
        processes = [int((tmp_path / name).read_text()) for name in ("pid", "child")]
        assert [is_alive(process) for process in processes] == [True, True]
    finally:
        engine.send_signal(signal.SIGKILL)
        engine.wait()
    run_on("asyncio", until(lambda: not any(is_alive(process) for process in processes)))


@pytest.mark.acceptance("SEC-02")
def test_the_next_engine_removes_the_files_of_one_that_was_killed_and_no_others(tmp_path: Path) -> None:
    async def main() -> None:
        abandoned, fresh = tmp_path / "wfe-scratch-abandoned", tmp_path / "wfe-scratch-fresh"
        unmarked, deep = tmp_path / "wfe-scratch-of-somebody", tmp_path / "wfe-scratch-with-folders"
        for folder in (abandoned, fresh, unmarked, deep):
            folder.mkdir(mode=0o700)
            (folder / "1-value").write_text("old")
            if folder is not unmarked:
                (folder / ".wfe-scratch").touch()
        (deep / "work").mkdir()
        for folder in (abandoned, unmarked, deep):
            os.utime(folder, (0, 0))
        async with shell(tmp_path) as running:
            await running.run(context({"run": "true"}, tmp_path))
            (name,) = set(os.listdir(tmp_path)) - {"wfe-scratch-abandoned", fresh.name, unmarked.name, deep.name}
            own = tmp_path / name
            os.utime(own, (0, 0))
            async with shell(tmp_path) as other:
                await other.run(context({"run": "true"}, tmp_path))
                assert not abandoned.exists()
                assert fresh.exists()
                assert own.exists()
                assert (unmarked / "1-value").exists()
                assert (deep / "1-value").exists()

    run_on("asyncio", main())
