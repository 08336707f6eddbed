"""Secrets of runs: where values come from, when they are fetched, and what is told where one can't be had."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.engine_support import Workflows, embedded, fails, gives, result_of
from wfe_runtime.executors.contract import StepContext, StepResult
from wfe_runtime.executors.problems import TaskProblem
from wfe_runtime.masking import MASK
from wfe_runtime.providers.memory import MemoryStore
from wfe_runtime.result import RunResult
from wfe_runtime.secrets import SECRET_BYTES, Secrets, filled
from wfe_vm.program import SecretUse

VALUE = "s3cret-vàlue"
ONE = """
workflow:
  id: one
  version: 1
  secrets: {token: %s}
  outputs: {seen: any}
  steps:
    - {name: first, config: {run: a, env: {TOKEN: 'Bearer ${{ secrets.token }}', PLAIN: x}}, outputs: [{name: seen}]}
    - {name: second, config: {run: b}}
"""


def run_one(source: str, do: Any, folder: str = "") -> RunResult:
    async def main() -> RunResult:
        async with embedded(MemoryStore(), do) as engine:
            return await result_of(engine, await Workflows(ONE % source).start(engine, folder=folder))

    return asyncio.run(main())


def given(source: str, folder: Path) -> str:
    """Return what the first step finds in its configuration, in letters that are not masked."""
    seen: list[str] = []

    def do(context: StepContext) -> StepResult:
        seen.append(context.config.get("env", {}).get("TOKEN", ""))
        return gives(seen="nothing")

    result = run_one(source, do, str(folder))
    assert result.status == "succeeded", result.error
    return seen[0]


def refused(source: str, folder: Path) -> str:
    result = run_one(source, lambda _: gives(seen=1), str(folder))
    assert result.status == "failed"
    assert result.error is not None
    assert result.error.kind in ("executor", "limit")
    return result.error.message


def test_a_secret_of_each_source_is_given_to_the_step_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", VALUE)
    (tmp_path / "token").write_text(VALUE + "\n")
    assert given("{env: DEPLOY_TOKEN}", tmp_path) == f"Bearer {VALUE}"
    assert given("{file: token}", tmp_path) == f"Bearer {VALUE}"
    assert given(f"{{file: {tmp_path}/token}}", tmp_path) == f"Bearer {VALUE}"
    assert given("{command: [cat, token]}", tmp_path) == f"Bearer {VALUE}"
    assert given("{command: [sh, -c, 'printf %s \"$DEPLOY_TOKEN\"']}", tmp_path) == f"Bearer {VALUE}"


def test_a_step_that_names_none_is_given_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", VALUE)
    contexts: list[StepContext] = []

    def do(context: StepContext) -> StepResult:
        contexts.append(context)
        return gives(seen=1)

    run_one("{env: DEPLOY_TOKEN}", do)
    assert contexts[0].config["env"] == {"TOKEN": f"Bearer {VALUE}", "PLAIN": "x"}
    assert VALUE not in repr(contexts[1])


def test_a_value_is_fetched_when_its_step_begins_and_anew_for_each_attempt(tmp_path: Path) -> None:
    text = ONE.replace("env: {TOKEN", "shell: sh, env: {TOKEN") % "{file: token}"
    text = text.replace("- {name: first, ", "- {name: first, retry: {attempts: 2, interval: 0ms}, ")
    (tmp_path / "token").write_text("first-value")
    seen = []

    def do(context: StepContext) -> StepResult:
        if context.step == "second":
            return gives()
        seen.append(context.config["env"]["TOKEN"])
        (tmp_path / "token").write_text("second-value")
        return fails(context.config["env"]["TOKEN"]) if len(seen) == 1 else gives(seen="first-value second-value")

    async def main() -> RunResult:
        async with embedded(MemoryStore(), do) as engine:
            return await result_of(engine, await Workflows(text).start(engine, folder=str(tmp_path)))

    assert asyncio.run(main()).outputs == {"seen": f"{MASK} {MASK}"}
    assert seen == ["Bearer first-value", "Bearer second-value"]


@pytest.mark.acceptance("SEC-03")
def test_outputs_errors_and_later_steps_of_the_run_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", VALUE)

    def do(context: StepContext) -> StepResult:
        return gives(seen={"deep": [f"<{VALUE}>"]}) if context.step == "first" else fails(f"no {VALUE} here")

    result = run_one("{env: DEPLOY_TOKEN}", do)
    assert result.error is not None
    assert result.error.message == f"no {MASK} here"

    def crash(context: StepContext) -> StepResult:
        raise ValueError(context.config["env"]["TOKEN"])

    result = run_one("{env: DEPLOY_TOKEN}", crash)
    assert result.error is not None
    assert VALUE not in repr(result.error)


def test_data_that_looks_like_a_place_for_a_secret_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", VALUE)
    text = ONE.replace("PLAIN: x", "PLAIN: '${{ inputs.given }}'") % "{env: DEPLOY_TOKEN}"
    seen: list[Any] = []

    def do(context: StepContext) -> StepResult:
        seen.append(context.config.get("env", {}).get("PLAIN"))
        return gives(seen=1)

    async def main() -> None:
        async with embedded(MemoryStore(), do) as engine:
            for data in ([None], ["Bearer ", None], "${{ secrets.token }}", {"parts": ["token"]}):
                await result_of(engine, await Workflows(text).start(engine, inputs={"given": data}))

    asyncio.run(main())
    assert seen
    assert VALUE not in repr(seen)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{env: NO_SUCH_VARIABLE}", "the variable NO_SUCH_VARIABLE is not set"),
        ("{file: none}", "none can't be read: No such file"),
        ("{file: .}", "can't be read: Is a directory"),
        ("{file: short}", "fewer than 4 characters"),
        ("{file: empty}", "is empty"),
        ("{file: binary}", "no text in UTF-8"),
        ("{file: long}", f"longer than {SECRET_BYTES} bytes"),
        ("{command: [no-such-program]}", "no-such-program can't be started: No such file"),
        ("{command: [sh, -c, 'echo s3cret-vàlue >&2; echo s3cret-vàlue; exit 3']}", "sh exited with code 3"),
        ("{command: [sh, -c, 'kill -9 $$']}", "sh was killed"),
    ],
)
def test_a_value_that_can_not_be_had_is_an_error_that_names_the_secret_and_where_it_was_looked_for(
    source: str, said: str, tmp_path: Path
) -> None:
    for name, content in {"short": b"abc", "empty": b"\n", "binary": b"\xff" * 9, "long": b"x" * 70_000}.items():
        (tmp_path / name).write_bytes(content)
    message = refused(source, tmp_path)
    assert "token" in message
    assert said in message
    assert VALUE not in message


def test_a_command_is_stopped_with_its_step(tmp_path: Path) -> None:
    text = ONE.replace("name: first", "name: first, timeout: 200ms")
    os.mkfifo(tmp_path / "never")
    program = text % "{command: [sh, -c, 'sleep 1000 & cat never']}"

    async def main() -> RunResult:
        async with embedded(MemoryStore()) as engine:
            return await result_of(engine, await Workflows(program).start(engine, folder=str(tmp_path)))

    result = asyncio.run(main())
    assert result.error is not None
    assert result.error.kind == "timeout"


def test_values_are_let_go_of_with_their_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", VALUE)
    program = next(iter(Workflows(ONE % "{env: DEPLOY_TOKEN}").programs.values()))

    async def main() -> None:
        secrets = Secrets()
        values = await secrets.fetch("r1", program, secrets.uses_of(program, 1), "/")
        assert values == {"token": VALUE}
        masker = secrets.masker_of("r1")
        assert masker is not None
        assert masker.text(VALUE) == MASK
        assert secrets.masker_of("r2") is None
        assert secrets.uses_of(program, 2) == ()
        secrets.forget("r1")
        assert secrets.masker_of("r1") is None
        secrets.close()

    asyncio.run(main())


def test_values_are_put_into_a_copy() -> None:
    config = {"env": {"A": [None], "B": ["x", None, "y"]}, "auth": [{"p": [None]}], "run": "r"}
    uses = [
        SecretUse(1, ("auth", 0, "p"), ("b",)),
        SecretUse(1, ("env", "A"), ("a",)),
        SecretUse(1, ("env", "B"), ("", "b", "")),
    ]
    assert filled(config, uses, {"a": "1", "b": "2"}) == {
        "env": {"A": "1", "B": "x2y"},
        "auth": [{"p": "2"}],
        "run": "r",
    }
    assert config["env"] == {"A": [None], "B": ["x", None, "y"]}


@pytest.mark.parametrize("config", [{}, {"env": {}}, {"env": {"A": "text"}}, {"env": {"A": [None, None]}}, {"env": 1}])
def test_a_configuration_without_the_place_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(TaskProblem, match=r"no place for a secret at env\.A"):
        filled(config, [SecretUse(1, ("env", "A"), ("a",))], {"a": "1"})
