"""Starting and ending processes, and finding what they left, below the shell executor."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import pytest

from wfe_runtime.executors import descendants
from wfe_runtime.executors.descendants import find_descendants, last_process_id, open_descendants
from wfe_runtime.executors.launch import TAG_NAME, Launcher
from wfe_runtime.executors.process import RunningProcess

from .shell_support import both_loops, is_alive, open_descriptors, run_on, until

ENVIRONMENT = {"PATH": os.environb[b"PATH"]}


def ignore(stream: str, data: bytes) -> bool:
    return False


def with_launcher(loop: str, body: Callable[[Launcher], Awaitable[None]]) -> None:
    """Run ``body`` with a launcher that is closed afterwards."""

    async def main() -> None:
        launcher = Launcher()
        try:
            await body(launcher)
        finally:
            launcher.close()

    run_on(loop, main())


def start(
    launcher: Launcher, script: str, folder: Path, on_output: Callable[[str, bytes], bool] = ignore
) -> RunningProcess:
    return launcher.start(["sh", "-c", script], ENVIRONMENT, str(folder), on_output)


@both_loops
def test_an_ended_process_has_an_exit_code_or_a_signal(tmp_path: Path, loop: str) -> None:
    async def body(launcher: Launcher) -> None:
        for script, expected in (("exit 0", (0, None)), ("exit 255", (255, None)), ("kill -9 $$", (None, 9))):
            process = start(launcher, script, tmp_path)
            await process.wait()
            await process.finish()
            assert (process.exit_code, process.signal) == expected

    with_launcher(loop, body)


def test_a_status_that_another_has_taken_is_unknown_and_not_success(tmp_path: Path) -> None:
    async def body(launcher: Launcher) -> None:
        process = start(launcher, "exit 3", tmp_path)
        await asyncio.to_thread(os.waitid, os.P_PID, process.id, os.WEXITED)
        await process.wait()
        await process.finish()
        assert (process.exit_code, process.signal) == (None, None)

    with_launcher("asyncio", body)


@both_loops
def test_reading_stops_while_the_receiver_wants_no_more_and_goes_on_after(tmp_path: Path, loop: str) -> None:
    taken: list[bytes] = []

    def take(stream: str, data: bytes) -> bool:
        taken.append(data)
        return True

    async def body(launcher: Launcher) -> None:
        process = start(launcher, "head -c 300000 /dev/zero", tmp_path, take)
        pauses = 0
        await process.wait()
        while not process.ended:
            assert process.paused
            pauses += 1
            assert len(taken) == pauses
            process.resume()
            await process.wait()
        await process.finish()
        assert sum(map(len, taken)) == 300_000
        assert pauses >= 2

    with_launcher(loop, body)


def test_an_end_while_reading_is_paused_loses_no_output(tmp_path: Path) -> None:
    taken: list[bytes] = []

    def take(stream: str, data: bytes) -> bool:
        taken.append(data)
        return True

    async def body(launcher: Launcher) -> None:
        process = start(launcher, "echo one; until test -e go; do :; done; head -c 60000 /dev/zero", tmp_path, take)
        await process.wait()
        assert process.paused
        (tmp_path / "go").touch()
        await until(lambda: process.ended)
        await process.finish()
        assert b"".join(taken) == b"one\n" + bytes(60_000)

    with_launcher("asyncio", body)


def test_closing_a_running_process_kills_it_and_its_session(tmp_path: Path) -> None:
    async def body(launcher: Launcher) -> None:
        script = "set -m; setsid sleep 1000 & echo $! > other; sleep 1000 & echo $! > child; wait"
        process = start(launcher, script, tmp_path)
        await until(lambda: (tmp_path / "child").exists() and bool((tmp_path / "child").read_text()))
        process.close()
        process.close()
        assert not is_alive(process.id)
        others = [int((tmp_path / name).read_text()) for name in ("other", "child")]
        await until(lambda: not any(map(is_alive, others)))

    with_launcher("asyncio", body)


@pytest.mark.parametrize(
    ("program", "folder", "code"),
    [("no-such-program", "/", errno.ENOENT), ("sh", "/no/such/folder", errno.ENOENT), ("/etc", "/", errno.EACCES)],
)
def test_a_start_that_fails_leaves_nothing_open(program: str, folder: str, code: int) -> None:
    async def body(launcher: Launcher) -> None:
        start(launcher, "true", Path("/")).close()
        before = open_descriptors()
        with pytest.raises(OSError, match=os.strerror(code)) as caught:
            launcher.start([program], ENVIRONMENT, folder, ignore)
        assert caught.value.errno == code
        assert open_descriptors() == before

    with_launcher("asyncio", body)


def test_a_program_that_moved_between_two_starts_is_found_where_it_is_now(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    environment = {"PATH": f"{first}:{second}".encode()}

    async def body(launcher: Launcher) -> None:
        async def exit_code() -> int | None:
            process = launcher.start(["tool"], environment, "/", ignore)
            await process.wait()
            await process.finish()
            return process.exit_code

        (first / "tool").write_text("#!/bin/sh\nexit 1\n")
        (first / "tool").chmod(0o700)
        assert await exit_code() == 1
        (first / "tool").rename(second / "tool")
        assert await exit_code() == 1
        (second / "tool").unlink()
        with pytest.raises(FileNotFoundError):
            await exit_code()

    with_launcher("asyncio", body)


def test_a_host_without_pidfds_left_gets_an_error_and_no_orphan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []

    def refuse(process: int) -> int:
        started.append(process)
        raise OSError(errno.EMFILE, "Too many open files")

    async def body(launcher: Launcher) -> None:
        before = open_descriptors()
        monkeypatch.setattr(os, "pidfd_open", refuse)
        with pytest.raises(OSError, match="Too many open files"):
            start(launcher, "sleep 1000", tmp_path)
        assert not is_alive(started[0])
        launcher.close()
        assert open_descriptors() == before

    with_launcher("asyncio", body)


def test_popen_is_never_left_with_a_process_to_warn_about(tmp_path: Path) -> None:
    async def body(launcher: Launcher) -> None:
        start(launcher, "sleep 1000", tmp_path).close()
        gc.collect()  # a warning would fail the test

    with_launcher("asyncio", body)


def test_a_scripts_own_descriptors_do_not_meet_ours(tmp_path: Path) -> None:
    lines: list[bytes] = []

    def take(stream: str, data: bytes) -> bool:
        lines.append(data)
        return False

    async def body(launcher: Launcher) -> None:
        script = 'for fd in 3 4 5 6 7 8 9; do test -e /proc/self/fd/$fd && echo "$fd is open"; done; echo done'
        process = start(launcher, script, tmp_path, take)
        await process.wait()
        await process.finish()

    with_launcher("asyncio", body)
    assert b"".join(lines) == b"done\n"


# Descendants


def tagged(script: str, folder: Path, tag: bytes) -> subprocess.Popen[bytes]:
    """Start a shell in a session of its own whose environment has the tag; it says when it is ready."""
    name, _, value = tag.partition(b"=")
    return subprocess.Popen(
        ["sh", "-c", script],
        cwd=folder,
        env={**os.environb, name: value},
        start_new_session=True,
    )


TAG = TAG_NAME.encode() + b"=test-descendants"


def sleepers(folder: Path, *names: str) -> dict[str, int]:
    """Return the ids in files of these names, once all of them are there and have become ``sleep``."""

    def is_ready(name: str) -> bool:
        try:
            process = int((folder / name).read_text())
            return Path(f"/proc/{process}/comm").read_text() == "sleep\n"
        except (FileNotFoundError, ValueError):
            return False

    run_on("asyncio", until(lambda: all(map(is_ready, names))))
    return {name: int((folder / name).read_text()) for name in names}


def end(leader: subprocess.Popen[bytes], others: Iterable[int]) -> None:
    os.killpg(leader.pid, signal.SIGKILL)
    leader.wait()
    for process in others:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    run_on("asyncio", until(lambda: not any(map(is_alive, others))))


def test_descendants_are_found_by_session_tag_and_parents_and_no_others_are(tmp_path: Path) -> None:
    script = """
    sleep 1000 & echo $! > in-group
    setsid sleep 1000 & echo $! > own-session
    env -i sleep 1000 & echo $! > no-tag
    env -i setsid sh -c 'echo $$ > shell; sleep 1000 & echo $! > neither; wait' &
    wait
    """
    leader = tagged(script, tmp_path, TAG)
    stranger = subprocess.Popen(["sleep", "1000"])
    found: dict[str, int] = {}
    try:
        found = sleepers(tmp_path, "in-group", "own-session", "no-tag", "neither")
        found["shell"] = int((tmp_path / "shell").read_text())
        assert set(find_descendants(leader.pid, TAG).processes) == set(found.values())
        opened = open_descendants(leader.pid, TAG).processes
        assert sorted(group == leader.pid for group in opened.values()) == [False, False, False, True, True]
        for handle in opened:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            os.close(handle)
        run_on("asyncio", until(lambda: not any(map(is_alive, found.values()))))
        assert find_descendants(leader.pid, TAG).processes == {}
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
        end(leader, found.values())


def test_descendants_are_found_among_many_and_after_the_ids_have_gone_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader = tagged("setsid sleep 1000 & echo $! > child; wait", tmp_path, TAG + b"-2")
    found: dict[str, int] = {}
    try:
        found = sleepers(tmp_path, "child")
        monkeypatch.setattr(descendants, "_PROBED", -1)
        assert set(find_descendants(leader.pid, TAG + b"-2").processes) == {found["child"]}
        monkeypatch.setattr(descendants, "last_process_id", lambda: leader.pid - 1)
        assert set(find_descendants(leader.pid, TAG + b"-2").processes) == {found["child"]}
        monkeypatch.setattr(descendants, "last_process_id", lambda: 0)
        assert set(find_descendants(leader.pid, TAG + b"-2").processes) == {found["child"]}
    finally:
        end(leader, found.values())


def test_a_process_in_the_middle_of_an_exec_is_told_to_be_unclear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = descendants._read
    leader = tagged("setsid sleep 1000 & echo $! > child", tmp_path, TAG + b"-3")
    found: dict[str, int] = {}
    try:
        found = sleepers(tmp_path, "child")
        child = found["child"]
        without_memory = {f"/proc/{child}/environ", f"/proc/{child}/cmdline"}
        monkeypatch.setattr(
            descendants, "_read", lambda path, limit: b"" if path in without_memory else read(path, limit)
        )
        run_on("asyncio", until(lambda: not is_alive(leader.pid)))  # a zombie: nobody's parent any more
        processes, unclear = find_descendants(leader.pid, TAG + b"-3")
        assert (child in processes, unclear) == (False, True)
        monkeypatch.undo()
        assert child in find_descendants(leader.pid, TAG + b"-3").processes
    finally:
        end(leader, found.values())


def test_the_last_process_id_grows_with_every_process() -> None:
    process = subprocess.Popen(["true"])
    try:
        assert last_process_id() >= process.pid
    finally:
        process.wait()


def test_a_stop_of_what_has_ended_by_itself_is_no_error(tmp_path: Path) -> None:
    async def body(launcher: Launcher) -> None:
        process = start(launcher, "exit 7", tmp_path)
        await process.wait()
        await process.stop(1000)
        assert process.exit_code == 7

    with_launcher("asyncio", body)


def test_a_stopped_process_takes_term_all_the_same(tmp_path: Path) -> None:
    async def body(launcher: Launcher) -> None:
        process = start(launcher, "trap 'echo > termed; exit' TERM; echo > ready; kill -STOP $$; sleep 1000", tmp_path)

        def is_stopped() -> bool:
            return Path(f"/proc/{process.id}/stat").read_text().rpartition(")")[2].split()[0] == "T"

        await until(lambda: (tmp_path / "ready").exists() and is_stopped())
        await process.stop(1000)

    with_launcher("asyncio", body)
    assert (tmp_path / "termed").exists()


def test_a_fork_bomb_in_its_own_sessions_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "bomb.sh").write_text(
        "echo $$ >> pids\n"
        "if test $(wc -l < pids) -lt 40; then setsid sh ./bomb.sh & setsid sh ./bomb.sh & fi\n"
        "sleep 1000\n"
    )

    async def body(launcher: Launcher) -> None:
        process = start(launcher, "sh ./bomb.sh & sleep 1000", tmp_path)
        await until(lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text().count("\n") > 10)
        await process.stop(0)
        processes = [int(line) for line in (tmp_path / "pids").read_text().split()]
        await until(lambda: not any(map(is_alive, processes)))

    with_launcher("asyncio", body)


def test_the_loops_wait_is_not_needed_to_cancel_a_wait(tmp_path: Path) -> None:
    async def body(launcher: Launcher) -> None:
        process = start(launcher, "sleep 1000", tmp_path)
        task = asyncio.ensure_future(process.wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await process.stop(0)
        assert not is_alive(process.id)

    with_launcher("asyncio", body)
