"""What a shell step is given and what it gives: data, outputs, and its output, however much."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import textwrap
from pathlib import Path

import pytest

from wfe_runtime.executors.contract import StepResult

from .shell_support import MemoryLog, both_loops, context, is_alive, output, run_on, run_step, shell

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
