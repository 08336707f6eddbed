"""The shell executor, with real processes: how a step ends, what runs it, and what is missing for that."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from wfe_runtime.executors.contract import StepResult

from .shell_support import MemoryLog, both_loops, context, run_on, run_step, shell

# Ends


@both_loops
@pytest.mark.acceptance("SHL-01")
def test_what_a_step_prints_is_in_the_log_and_readable_as_its_stdout(tmp_path: Path, loop: str) -> None:
    log = MemoryLog()

    async def main() -> StepResult:
        async with shell(tmp_path) as executor:
            return await executor.run(context({"run": "echo hi; echo oops >&2"}, tmp_path, log=log))

    result = run_on(loop, main())
    assert result == StepResult("success", {}, None, "hi\n")
    assert (log.text("stdout"), log.text("stderr")) == ("hi\n", "oops\n")


@pytest.mark.acceptance("SHL-01")
def test_stdout_for_expressions_is_its_last_64_kib_and_only_kept_if_asked_for(tmp_path: Path) -> None:
    config = {"run": "yes 0123456789abcde | head -c 1000000; echo end"}
    result = run_step(tmp_path, config)
    assert result.stdout is not None
    assert len(result.stdout) == 65536
    assert result.stdout.endswith("0123456789abcde\nend\n")
    assert run_step(tmp_path, config, keep_stdout=False).stdout is None


@pytest.mark.acceptance("SHL-02")
def test_an_exit_code_is_a_failure_with_code_duration_and_the_tail_of_stderr(tmp_path: Path) -> None:
    result = run_step(tmp_path, {"run": "yes filler | head -c 9000 >&2; echo 'no such luck' >&2; exit 3"})
    assert result.outcome == "failure"
    error = result.error
    assert error is not None
    assert (error.kind, error.exit_code, error.signal) == ("exit", 3, None)
    assert (error.step, error.attempt) == ("fan[3]/build", 2)
    assert error.details["duration_ms"] >= 0
    assert error.stderr is not None
    assert error.stderr.endswith("no such luck\n")
    assert len(error.stderr) == 4096


@both_loops
@pytest.mark.acceptance("SHL-02")
def test_death_by_a_signal_is_a_failure_that_names_it(tmp_path: Path, loop: str) -> None:
    async def main() -> StepResult:
        async with shell(tmp_path) as executor:
            return await executor.run(context({"run": "kill -SEGV $$"}, tmp_path))

    result = run_on(loop, main())
    assert result.outcome == "failure"
    assert result.error is not None
    assert (result.error.kind, result.error.signal, result.error.exit_code) == ("signal", "SIGSEGV", None)


@pytest.mark.acceptance("SHL-02")
@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"run": "true", "shell": "no-such-shell"}, ["program", "no-such-shell", "not found"]),
        ({"run": "true", "shell": "bash -e"}, ["program", "bash -e", "list"]),
        ({"run": "true", "working_dir": "no/such"}, ["folder", "no/such", "does not exist"]),
        ({"run": "true", "working_dir": "a-file"}, ["folder", "a-file", "is no folder"]),
        ({"run": "true", "shell": "./a-file"}, ["program", "./a-file", "may not be executed"]),
        ({"file": "missing.sh"}, ["script", "missing.sh", "does not exist"]),
    ],
)
def test_what_is_missing_or_not_permitted_is_an_error_that_names_it(
    tmp_path: Path, config: dict[str, Any], words: list[str]
) -> None:
    (tmp_path / "a-file").write_text("echo never")
    result = run_step(tmp_path, config)
    assert result.outcome == "error"
    assert result.error is not None
    assert result.error.kind == "executor"
    assert [word for word in words if word not in result.error.message] == []


@pytest.mark.parametrize(
    "config",
    [
        {"run": None},
        {"run": 5},
        {},
        {"run": "true", "env": ["A=1"]},
        {"run": "true", "shell": {"a": 1}},
        {"run": "true", "shell": []},
        {"run": "true", "shell": ["sh", 5]},
        {"run": "true", "working_dir": 7},
    ],
)
def test_a_key_whose_value_is_of_a_wrong_type_is_an_error_of_kind_type(tmp_path: Path, config: dict[str, Any]) -> None:
    result = run_step(tmp_path, config)
    assert result.outcome == "error"
    assert result.error is not None
    assert result.error.kind == "type"


# Scripts and shells


@pytest.mark.acceptance("SHL-19")
@pytest.mark.parametrize(
    ("shell_key", "script", "printed"),
    [
        (None, "echo ${BASH_VERSION-plain}", "plain\n"),
        ("bash", "[[ -n $BASH_VERSION ]] && echo bash", "bash\n"),
        ("python", "print(6 * 7)", "42\n"),
        ("python3", "print(6 * 7)", "42\n"),
        (["bash", "-euo", "pipefail", "-c"], "echo $-", "ehuBc\n"),
        (["bash", "-eu"], "echo $-", "ehuBc\n"),
        (["sh", "-ec"], "false; echo not reached", ""),
        (["env", "GREETING=hello", "sh"], "echo $GREETING", "hello\n"),
        (["printf", "<%s>"], "any program", "<any program>"),
    ],
)
def test_a_script_is_run_by_the_shell_that_is_asked_for(
    tmp_path: Path, shell_key: Any, script: str, printed: str
) -> None:
    assert run_step(tmp_path, {"run": script, "shell": shell_key}).stdout == printed


@pytest.mark.acceptance("SHL-19")
def test_a_file_runs_in_place_and_relative_paths_start_at_the_runs_folder(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "job.sh").write_text('echo "$0"; pwd')
    result = run_step(tmp_path, {"file": "sub/job.sh", "working_dir": "sub"})
    assert result.stdout == f"{tmp_path}/sub/job.sh\n{tmp_path}/sub\n"


@pytest.mark.acceptance("SHL-19", "SEC-02")
def test_an_embedded_file_runs_from_a_private_file_that_is_gone_afterwards(tmp_path: Path) -> None:
    script = 'echo "$0"; stat -c %a "$0" "$(dirname "$0")"'
    old = os.umask(0)
    try:
        result = run_step(tmp_path, {"file": "gone.sh", "file_text": script, "shell": ["bash", "-eu"]})
    finally:
        os.umask(old)
    assert result.stdout is not None
    path, mode, folder_mode = result.stdout.split()
    assert (mode, folder_mode) == ("600", "700")
    assert not os.path.exists(path)
    assert os.listdir(tmp_path) == []


def test_a_script_longer_than_an_argument_may_be_runs_from_a_file(tmp_path: Path) -> None:
    script = "# " + "long " * 60_000 + "\necho done"
    assert run_step(tmp_path, {"run": script}).stdout == "done\n"


def test_a_nul_in_a_script_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    result = run_step(tmp_path, {"run": "echo a\0b"})
    assert result.error is not None
    assert "NUL" in result.error.message


@both_loops
@pytest.mark.acceptance("SHL-15")
def test_a_step_that_reads_its_input_gets_the_end_of_file_at_once(tmp_path: Path, loop: str) -> None:
    async def main() -> StepResult:
        async with shell(tmp_path) as executor:
            return await executor.run(context({"run": "cat; read x; echo end"}, tmp_path))

    assert run_on(loop, main()).stdout == "end\n"


# What is missing


@pytest.mark.parametrize(
    ("config", "lacking"),
    [
        ({"run": "true"}, None),
        ({"run": "true", "shell": "bash"}, None),
        ({"run": "true", "shell": "no-such-shell"}, "no-such-shell"),
        ({"run": "true", "shell": ["/no/such/shell", "-c"]}, "/no/such/shell"),
        ({"run": "true", "shell": "./tools/sh"}, None),
        ({"run": "true", "shell": "own-shell", "env": {"PATH": "/opt/own"}}, None),
        ({"run": "true", "shell": 5}, None),
    ],
)
def test_a_program_that_is_not_here_is_missed_before_anything_starts(
    tmp_path: Path, config: dict[str, Any], lacking: str | None
) -> None:
    async def main() -> str | None:
        async with shell(tmp_path) as executor:
            return executor.missing(config)

    missing = run_on("asyncio", main())
    assert (missing is None) if lacking is None else (missing is not None and lacking in missing)
