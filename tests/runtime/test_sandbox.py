"""The sandbox of shell steps: what it keeps a script from, and that what a host can't enforce is an error."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.shell_support import run_step
from wfe_runtime.executors import cgroups, sandbox
from wfe_runtime.executors.contract import StepResult
from wfe_runtime.executors.sandbox import sandbox_problem


def needs(key: str) -> pytest.MarkDecorator:
    problem = sandbox_problem(key)
    return pytest.mark.skipif(bool(problem), reason=f"sandbox.{key}: {problem}")


def sandboxed(folder: Path, script: str, wanted: dict[str, Any], **more: Any) -> StepResult:
    return run_step(folder, {"run": script, "sandbox": wanted, **more})


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


# The network


@needs("net")
def test_without_a_network_not_even_the_host_itself_can_be_reached(tmp_path: Path, listener: int) -> None:
    script = f"python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", {listener}), 5)' 2>/dev/null"
    script += " && echo reached; ls /sys/class/net | wc -l; cat /proc/net/dev | grep -c :"
    assert (sandboxed(tmp_path, script, {"net": True}).stdout or "").startswith("reached\n")
    result = sandboxed(tmp_path, script, {"net": False})
    assert "reached" not in (result.stdout or "")
    assert (result.stdout or "").splitlines()[-1] == "1"


# Writing


@needs("write")
def test_nothing_is_changed_outside_of_what_is_listed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").write_text("kept")
    (tmp_path / "in" / "link").symlink_to(tmp_path / "out")
    attempts = [
        "echo x >out/new", "echo x >out/file", ": >out/file", "truncate -s 0 out/file", "rm out/file", "mkdir out/d",
        "mv out/file in/file", "mv in/mine out/", "ln in/mine out/hard", "ln -s x out/soft", "mkfifo out/fifo",
        "echo x >in/link/file", "echo x >in/../out/file", f"echo x >/proc/self/root{tmp_path}/out/new",
        "python3 -c 'import os; os.truncate(\"out/file\", 0)'", "rmdir out", "echo x >>\"$WFE_OUTPUT.x\"",
    ]  # fmt: skip
    script = "echo mine >in/mine || exit 1\n" + "\n".join(
        f"({one}) 2>/dev/null && echo attempt {number}" for number, one in enumerate(attempts)
    )
    result = sandboxed(tmp_path, script + "\ntrue", {"write": ["in"]})
    assert result.error is None
    assert result.stdout == ""
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["file"]
    assert (tmp_path / "out" / "file").read_text() == "kept"
    assert (tmp_path / "in" / "mine").read_text() == "mine\n"


@needs("write")
def test_outputs_devices_and_pipes_work_as_without(tmp_path: Path) -> None:
    script = """
      echo a=1 >>"$WFE_OUTPUT"
      echo '{"b": 2}' >"$WFE_OUTPUT_JSON"
      echo lost >/dev/null
      echo one two | tr ' ' '\\n' | sort -r
      cat /etc/passwd >/dev/null && echo read
      exit 3
    """
    result = sandboxed(tmp_path, script, {"write": []})
    assert result.outputs == {"a": 1, "b": 2}
    assert result.stdout == "two\none\nread\n"
    assert result.error is not None
    assert (result.error.kind, result.error.exit_code) == ("exit", 3)


@needs("write")
def test_a_file_may_be_listed_alone(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("")
    (tmp_path / "two").write_text("")
    result = sandboxed(tmp_path, "echo 1 >one; echo 2 >two; true", {"write": [str(tmp_path / "one")]})
    assert result.error is None
    assert ((tmp_path / "one").read_text(), (tmp_path / "two").read_text()) == ("1\n", "")


@needs("write")
def test_what_a_script_starts_is_kept_to_the_same(tmp_path: Path) -> None:
    script = "setsid sh -c 'echo x >new' 2>/dev/null; sh -c 'sh -c \"echo x >new\"' 2>/dev/null; ls"
    assert "new" not in (sandboxed(tmp_path, script, {"write": []}).stdout or "").split()


# Limits


@needs("memory")
def test_all_processes_of_a_step_together_have_so_much_memory(tmp_path: Path) -> None:
    eat = "python3 -c 'x = bytearray(%d << 20); import time; time.sleep(%s)'"
    assert sandboxed(tmp_path, eat % (20, 0), {"memory": "64MiB"}).error is None
    result = sandboxed(tmp_path, "exec " + eat % (100, 0), {"memory": "64MiB"})
    assert result.outcome == "failure"
    assert result.error is not None
    assert result.error.signal == "SIGKILL"
    assert "ran out of memory, its limit is 64MiB" in result.error.message
    both = f"{eat % (40, 2)} & {eat % (40, 2)} & wait %1; a=$?; wait %2; b=$?; echo $((a + b))"
    assert (sandboxed(tmp_path, both, {"memory": "64MiB"}).stdout or "").strip() != "0"


@needs("pids")
def test_a_step_has_so_many_processes(tmp_path: Path) -> None:
    script = "for i in 1 2 3 4 5 6 7 8; do sleep 1 & done 2>/dev/null; wait; echo done"
    assert sandboxed(tmp_path, script, {"pids": 30}).stdout == "done\n"
    result = sandboxed(tmp_path, script, {"pids": 4})
    assert result.outcome == "failure"


@needs("memory")
@needs("pids")
def test_no_group_is_left_behind(tmp_path: Path) -> None:
    before = groups()
    sandboxed(tmp_path, "sleep 100 & true", {"memory": "64MiB", "pids": 50})
    sandboxed(tmp_path, "true", {"memory": "64MiB", "pids": 0})
    assert groups() == before


@needs("pids")
@pytest.mark.parametrize("cancelled", [False, True])
def test_waiting_for_what_keeps_a_group_holds_nothing_else_up(cancelled: bool) -> None:
    before = groups("pids")
    group = cgroups.ControlGroup()
    group.limit("pids", 10)
    process = subprocess.Popen(["sleep", "600"])
    for entrance in group.entrances():
        Path(entrance).write_text(str(process.pid))

    async def main() -> None:
        closing = asyncio.ensure_future(group.close())
        await asyncio.sleep(0)
        assert not closing.done()  # it has tried, and waits for the loop as others do
        if cancelled:
            closing.cancel()
            await asyncio.sleep(0)
            assert not closing.done()
        process.kill()
        process.wait()
        with pytest.raises(asyncio.CancelledError) if cancelled else contextlib.nullcontext():
            await closing

    asyncio.run(main())
    assert groups("pids") == before


def groups(*controllers: str) -> set[str]:
    found = set()
    for controller in controllers or ("memory", "pids"):
        parent, _ = cgroups._parent_of(controller)
        found |= {f"{parent}/{name}" for name in os.listdir(parent) if name.startswith(f"wfe-{os.getpid()}-")}
    return found


# What can't be


@pytest.mark.parametrize("key", ["net", "write", "memory", "pids"])
def test_what_a_host_can_not_enforce_is_an_error_that_says_why(
    tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "sandbox_problem", lambda _: "the kernel has no such thing")
    value = {"net": False, "write": [], "memory": "1GiB", "pids": 10}[key]
    result = sandboxed(tmp_path, "touch ran", {key: value})
    assert result.outcome == "error"
    assert result.error is not None
    assert f"sandbox.{key}" in result.error.message
    assert "the kernel has no such thing" in result.error.message
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"write": ["none"]}, "none, which does not exist"),
        ({"write": "all"}, "is a list of paths"),
        ({"pids": 0}, "is a number from 1 on"),
        ({"memory": "much"}, "is a size"),
        ({"files": []}, "has no key files"),
    ],
)
def test_what_can_not_be_meant_is_an_error(tmp_path: Path, wanted: dict[str, Any], said: str) -> None:
    result = sandboxed(tmp_path, "touch ran", wanted)
    assert result.outcome == "error"
    assert result.error is not None
    assert said in result.error.message
    assert not (tmp_path / "ran").exists()


@needs("write")
def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = sandboxed(tmp_path, "true", {"write": []}, shell=["no-such-shell", "-c"])
    assert result.outcome == "error"
    assert result.error is not None
    assert "no-such-shell" in result.error.message


@needs("net")
def test_the_environment_is_that_of_a_step_without_a_sandbox(tmp_path: Path) -> None:
    script = "env | grep -v -e ^WFE_ -e ^_= | sort"
    plain = run_step(tmp_path, {"run": script, "env": {"A": "1"}})
    assert sandboxed(tmp_path, script, {"net": False}, env={"A": "1"}).stdout == plain.stdout
