"""The shell executor, with real processes, on both event loops where a loop matters."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from wfe_runtime.executors.contract import StepResult

from .shell_support import MemoryLog, context, is_alive, open_descriptors, output, run_on, run_step, shell, until

both_loops = pytest.mark.parametrize("loop", ["asyncio", "uvloop"])


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


# Data


HOSTILE = "$(touch pwned) `touch pwned` '; touch pwned; ' \" ${HOME} \\ \n*\n  spaces  "


@pytest.mark.acceptance("SHL-12", "SEC-06")
@pytest.mark.parametrize("program", ["sh", "bash"])
def test_a_hostile_value_of_an_expression_arrives_as_it_is_and_runs_nothing(tmp_path: Path, program: str) -> None:
    config = {
        "run": "printf %s \"${WFE_EXPR_1}\"; tr '\\0' ' ' < /proc/self/cmdline >&2",
        "expressions": {"WFE_EXPR_1": HOSTILE},
        "shell": program,
    }
    log = MemoryLog()
    result = run_step(tmp_path, config, log=log)
    assert result.stdout == HOSTILE
    assert "touch" not in log.text("stderr")
    assert os.listdir(tmp_path) == []


@pytest.mark.acceptance("SHL-12", "SEC-06")
def test_a_hostile_value_of_env_and_data_arrives_as_it_is_and_runs_nothing(tmp_path: Path) -> None:
    result = run_step(
        tmp_path, {"run": 'printf "%s|%s" "$FROM_ENV" "$TITLE"', "env": {"FROM_ENV": HOSTILE}}, data={"title": HOSTILE}
    )
    assert result.stdout == f"{HOSTILE}|{HOSTILE}"
    assert os.listdir(tmp_path) == []


@pytest.mark.acceptance("SHL-20")
def test_a_step_knows_its_run_step_attempt_and_idempotency_key(tmp_path: Path) -> None:
    result = run_step(tmp_path, {"run": 'echo "$WFE_RUN_ID $WFE_STEP $WFE_ATTEMPT $WFE_IDEMPOTENCY_KEY $WFE_FENCE"'})
    assert result.stdout == "0197 fan[3]/build 2 0197:7 1\n"


@pytest.mark.acceptance("SHL-10")
def test_a_value_of_a_megabyte_comes_as_a_file_that_is_gone_after_the_step(tmp_path: Path) -> None:
    config = {"run": 'echo "${BIG-unset}"; wc -c < "$BIG_FILE"; stat -c %a "$BIG_FILE"; echo "$BIG_FILE"'}
    result = run_step(tmp_path, config, data={"big": "x" * 1_000_000})
    assert result.stdout is not None
    unset, size, mode, path = result.stdout.split()
    assert (unset, size, mode) == ("unset", "1000000", "600")
    assert not os.path.exists(path)


@pytest.mark.acceptance("SHL-10")
def test_values_whose_sum_is_too_large_start_the_step_and_its_commands_all_the_same(tmp_path: Path) -> None:
    data = {f"part_{number}": "x" * 100_000 for number in range(10, 70)}
    script = 'cat "$PART_10_FILE" | wc -c; env | grep -c "^PART_.*_FILE="; env | grep -c "^PART_[0-9]*="'
    result = run_step(tmp_path, {"run": script}, data=data)
    assert result.stdout is not None
    size, files, variables = map(int, result.stdout.split())
    assert size == 100_000
    assert files + variables == 60
    assert variables > 0


@pytest.mark.acceptance("SHL-12", "SEC-08")
def test_an_expression_too_large_for_a_variable_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    config = {"run": 'echo "${WFE_EXPR_1}"', "expressions": {"WFE_EXPR_1": "x" * 200_000}}
    result = run_step(tmp_path, config)
    assert result.outcome == "error"
    assert result.error is not None
    assert result.error.kind == "limit"
    assert "inputs" in result.error.message
    config["expressions"] = {"WFE_EXPR_1": "x" * 130_000}
    fits = run_step(tmp_path, config)
    assert fits.outcome == "success"


def test_two_data_keys_that_make_one_name_give_a_warning_in_the_log(tmp_path: Path) -> None:
    log = MemoryLog()
    result = run_step(tmp_path, {"run": "echo $IMAGE_TAG"}, data={"image_tag": "b", "image-tag": "a"}, log=log)
    assert result.stdout == "b\n"
    assert "IMAGE_TAG" in log.text("log")


# Outputs


@pytest.mark.acceptance("SHL-03", "SHL-04", "SHL-05")
def test_outputs_come_from_markers_and_files_and_are_typed_as_declared(tmp_path: Path) -> None:
    script = """
        echo '##wfe[output image=app:1]'
        echo '##wfe[output count=007]'
        echo '##wfe[output port=80]'
        echo 'port=81' >> "$WFE_OUTPUT"
        echo 'host=db' >> "$WFE_OUTPUT"
        echo '{"host": "json", "rows": [1, 2.5, null]}' > "$WFE_OUTPUT_JSON"
        echo '##wfe[output never=1]' >&2
    """
    result = run_step(tmp_path, {"run": script}, outputs=(output("count", "integer"),))
    assert result.outcome == "success"
    assert result.outputs == {"image": "app:1", "count": 7, "port": 81, "host": "json", "rows": [1, 2.5, None]}


@pytest.mark.acceptance("SHL-05")
def test_an_output_that_can_not_be_read_as_declared_is_an_error_that_shows_it(tmp_path: Path) -> None:
    config = {"run": "echo '##wfe[output count=many]'; echo why >&2"}
    result = run_step(tmp_path, config, outputs=(output("count", "integer"),))
    assert result.outcome == "error"
    assert result.error is not None
    assert result.error.kind == "type"
    assert "count" in result.error.message
    assert "many" in result.error.message
    assert result.error.stderr == "why\n"


@pytest.mark.acceptance("SHL-04")
def test_invalid_json_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    result = run_step(tmp_path, {"run": 'echo "{" > "$WFE_OUTPUT_JSON"'})
    assert result.outcome == "error"
    assert result.error is not None
    assert result.error.kind == "type"
    assert "WFE_OUTPUT_JSON" in result.error.message


def test_a_failed_step_stays_failed_even_if_its_outputs_are_broken(tmp_path: Path) -> None:
    result = run_step(tmp_path, {"run": 'echo "{" > "$WFE_OUTPUT_JSON"; exit 4'})
    assert result.outcome == "failure"
    assert result.error is not None
    assert result.error.exit_code == 4


@pytest.mark.acceptance("SEC-07")
@pytest.mark.parametrize(
    "swap",
    ['ln -s /etc/hostname "$WFE_OUTPUT"', 'mkfifo "$WFE_OUTPUT"', 'mkdir "$WFE_OUTPUT"', 'ln secret "$WFE_OUTPUT"'],
)
def test_an_output_file_that_was_swapped_for_something_else_is_refused_and_removed(tmp_path: Path, swap: str) -> None:
    (tmp_path / "secret").write_text("token=1")
    result = run_step(tmp_path, {"run": swap})
    assert result.outcome == "error"
    assert result.error is not None
    assert "WFE_OUTPUT" in result.error.message
    assert os.listdir(tmp_path) == ["secret"]


@pytest.mark.acceptance("SEC-07")
def test_a_folder_of_temporary_files_that_was_swapped_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    swap = 'own="$(dirname "$WFE_OUTPUT")"; mv "$own" stolen; ln -s "$PWD/elsewhere" "$own"; echo a=1 > "$WFE_OUTPUT"'

    async def main() -> tuple[StepResult, StepResult]:
        async with shell(tmp_path) as executor:
            first = await executor.run(context({"run": swap}, tmp_path))
            second = await executor.run(context({"run": 'echo b=2 > "$WFE_OUTPUT"'}, tmp_path))
            return first, second

    first, second = run_on("asyncio", main())
    assert first.outputs == {}
    assert second.outputs == {"b": 2}


@pytest.mark.acceptance("SEC-02")
def test_nothing_is_left_of_a_step_in_the_folder_of_temporary_files(tmp_path: Path) -> None:
    async def main() -> None:
        async with shell(tmp_path) as executor:
            config = {"run": 'echo a=1 > "$WFE_OUTPUT"; echo "{}" > "$WFE_OUTPUT_JSON"; test -s "$BIG_FILE"'}
            result = await executor.run(context(config, tmp_path, data={"big": "x" * 200_000}))
            assert result.outputs == {"a": 1}
            (folder,) = os.listdir(tmp_path)
            assert stat.S_IMODE(os.stat(tmp_path / folder).st_mode) == 0o700
            assert os.listdir(tmp_path / folder) == [".wfe-scratch"]

    run_on("asyncio", main())
    assert list(tmp_path.iterdir()) == []


# Output in bulk


@both_loops
@pytest.mark.acceptance("SHL-13", "SHL-14")
def test_fifty_megabytes_with_invalid_utf8_and_nuls_arrive_byte_by_byte(tmp_path: Path, loop: str) -> None:
    script = textwrap.dedent(
        r"""
        import sys
        block = (b"ok\n\xff\xfe\x00\x80" * 16 + b"\xf0\x9f\n") * 100
        out = sys.stdout.buffer
        left = 50_000_000
        while left > 0:
            out.write(block[:left])
            left -= len(block)
        """
    )
    block = (b"ok\n\xff\xfe\x00\x80" * 16 + b"\xf0\x9f\n") * 100
    expected = (block * (50_000_000 // len(block) + 1))[:50_000_000]
    log = MemoryLog(limit=1 << 20)

    async def main() -> StepResult:
        async with shell(tmp_path) as executor:
            return await executor.run(context({"run": script, "shell": [sys.executable, "-c"]}, tmp_path, log=log))

    result = run_on(loop, main())
    assert result.outcome == "success"
    assert log.streams["stdout"] == expected
    assert log.drains > 10
    assert log.most_waiting < (1 << 20) + 512 * 1024
    assert log.largest <= 256 * 1024


@pytest.mark.acceptance("SHL-14")
@pytest.mark.parametrize("size", [100_000_000, pytest.param(1_000_000_000, marks=pytest.mark.soak)])
def test_a_huge_line_ends_with_the_right_status_in_bounded_memory(tmp_path: Path, size: int) -> None:
    script = f"head -c {size} /dev/zero | tr '\\0' x; exit 5"
    log = MemoryLog(limit=1 << 20)
    log.keeps = False
    result = run_step(tmp_path, {"run": script}, log=log)
    assert result.error is not None
    assert result.error.exit_code == 5
    assert log.most_waiting < (1 << 20) + 512 * 1024


def test_both_streams_are_read_at_once_so_that_neither_blocks_the_step(tmp_path: Path) -> None:
    script = "for i in 1 2 3 4 5 6 7 8; do head -c 100000 /dev/zero >&2; head -c 100000 /dev/zero; done"
    log = MemoryLog()
    assert run_step(tmp_path, {"run": script}, log=log).outcome == "success"
    assert (len(log.streams["stdout"]), len(log.streams["stderr"])) == (800_000, 800_000)


def test_a_log_that_breaks_is_told_and_nothing_is_left_running(tmp_path: Path) -> None:
    class BrokenLog(MemoryLog):
        def write(self, stream: str, data: bytes) -> None:
            raise RuntimeError("the log is broken")

    with pytest.raises(RuntimeError, match="the log is broken"):
        run_step(tmp_path, {"run": "echo $$ > pid; echo hi; exec sleep 1000"}, log=BrokenLog())
    assert not is_alive(int((tmp_path / "pid").read_text()))


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
def test_many_steps_at_once_keep_their_output_and_status_apart(tmp_path: Path, loop: str) -> None:
    async def main() -> list[StepResult]:
        async with shell(tmp_path) as executor:
            return await asyncio.gather(
                *(
                    executor.run(
                        context(
                            {"run": f"/bin/true; echo {number}; /bin/echo n={number} >> $WFE_OUTPUT; exit {number}"}
                        )
                    )
                    for number in range(40)
                )
            )

    for number, result in enumerate(run_on(loop, main())):
        assert result.stdout == f"{number}\n"
        if number:
            assert result.error is not None
            assert result.error.exit_code == number
        else:
            assert result.outputs == {"n": 0}


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
    await executor.run(context({"run": script}, sys.argv[1]))

asyncio.run(main())
"""


@pytest.mark.acceptance("SHL-20")
def test_a_step_does_not_outlive_an_engine_that_was_killed(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    engine = subprocess.Popen([sys.executable, "-c", ENGINE, str(tmp_path)], cwd=root, start_new_session=True)
    try:
        run_on("asyncio", until(lambda: all_there(tmp_path, "pid", "child") or engine.poll() is not None))
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
