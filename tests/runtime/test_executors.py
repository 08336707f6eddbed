"""How the type of a task finds its executor."""

from __future__ import annotations

import asyncio
import textwrap
from pathlib import Path
from typing import Any

import pytest

from wfe_runtime.errors import WfeError
from wfe_runtime.executors import ExecutorRegistry
from wfe_runtime.executors.contract import StepContext, StepResult


class Noop:
    """An executor that does nothing and counts how often it was closed."""

    def __init__(self, *types: str) -> None:
        self.types = types
        self.closed = 0

    def missing(self, config: dict[str, Any]) -> str | None:
        return None

    def run(self, context: StepContext) -> StepResult:
        return StepResult("success")

    async def close(self) -> None:
        self.closed += 1
        if "breaks" in self.types:
            raise OSError("can't be closed")


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package that names executors, one of which can't be imported."""
    (tmp_path / "tea_executor.py").write_text(
        textwrap.dedent(
            """
            class TeaExecutor:
                types = ("tea",)

                def missing(self, config):
                    return "a kettle"

                async def close(self):
                    pass
            """
        )
    )
    info = tmp_path / "tea-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tea\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[wfe.executors]\ntea = tea_executor:TeaExecutor\nchai = tea_executor:TeaExecutor\nbroken = no_such_module:X\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))


def test_an_unknown_type_has_no_executor_and_shell_is_built_in() -> None:
    registry = ExecutorRegistry()
    shell = registry.for_type("shell")
    assert shell is not None
    assert registry.for_type("shell") is shell
    assert registry.for_type("no-such-type") is None
    assert "shell" in registry.types()
    asyncio.run(registry.close())
    asyncio.run(registry.close())


@pytest.mark.usefixtures("plugins")
def test_a_type_of_an_installed_package_is_found_by_its_entry_point() -> None:
    registry = ExecutorRegistry()
    tea, chai = registry.for_type("tea"), registry.for_type("chai")
    assert tea is not None
    assert chai is not None
    assert tea.missing({}) == "a kettle"
    assert {"tea", "chai", "shell"} <= set(registry.types())
    asyncio.run(registry.close())


@pytest.mark.usefixtures("plugins")
def test_an_installed_executor_that_can_not_be_loaded_is_an_error_that_names_it() -> None:
    registry = ExecutorRegistry()
    with pytest.raises(WfeError, match="no_such_module") as caught:
        registry.for_type("broken")
    assert "broken" in caught.value.message


def test_what_is_handed_over_comes_before_what_is_built_in_and_serves_all_its_types() -> None:
    own = Noop("shell", "other")
    registry = ExecutorRegistry((own,))
    assert registry.for_type("shell") is own
    assert registry.for_type("other") is own
    asyncio.run(registry.close())
    assert own.closed == 1


def test_all_are_closed_even_if_one_fails() -> None:
    first, second = Noop("breaks"), Noop("other")
    registry = ExecutorRegistry((first, second))
    with pytest.raises(OSError, match="can't be closed"):
        asyncio.run(registry.close())
    assert (first.closed, second.closed) == (1, 1)
