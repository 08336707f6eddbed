"""The plugin of pytest, as a project of its users has it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest

PLUGIN: Final = "wfe_runtime.testing.plugin"
ROOT: Final = Path(__file__).resolve().parents[3]

USERS_TEST: Final = '''
import asyncio
import time

SLEEPS = """
workflow sleeps version 1 {
  step month = sleep 30d
  step fails = python { call "fails" }
}
"""

def fails():
    raise OSError("never called")

async def story(engine):
    async with engine:
        engine.function(fails)
        engine.mock("fails")
        await engine.register(SLEEPS)
        run = await engine.start("sleeps")
        async with engine.crash_at("engine.after_timer"):
            await engine.advance()
        await engine.advance()
        await engine.assert_ran(run, "month", "fails")
        return await run.status()

def test_each_store(wfe_engine, wfe_clock):
    assert wfe_engine.clock is wfe_clock
    assert asyncio.run(story(wfe_engine)) == "succeeded"

def test_memory(wfe_memory_engine):
    assert asyncio.run(story(wfe_memory_engine)) == "succeeded"

def test_sqlite(wfe_sqlite_engine, tmp_path):
    assert asyncio.run(story(wfe_sqlite_engine)) == "succeeded"
    assert (tmp_path / "runs.db").exists()
'''


def test_the_fixtures_give_an_engine_for_each_store(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(USERS_TEST)
    result = pytester.runpytest("-p", PLUGIN, "-p", "no:cacheprovider", "-v")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["*test_each_store?memory? PASSED*", "*test_each_store?sqlite? PASSED*"])


def test_the_fixtures_are_told_of(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("-p", PLUGIN, "--fixtures")
    result.stdout.fnmatch_lines(["*wfe_clock*", "*wfe_memory_engine*", "*wfe_sqlite_engine*", "*wfe_engine*"])


def test_a_failed_assertion_says_what_ran_instead(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(USERS_TEST.replace('run, "month", "fails"', 'run, "fails", "month"'))
    result = pytester.runpytest("-p", PLUGIN, "-k", "test_memory")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*month did not run after fails in sleeps-1; what ran: month, fails*"])


def test_the_installed_package_brings_the_plugin() -> None:
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert points == {PLUGIN: PLUGIN}
    assert hasattr(import_module(PLUGIN), "wfe_engine")


@pytest.mark.parametrize(("module", "unwanted"), [("wfe_runtime.testing", "pytest"), (PLUGIN, "msgspec")])
def test_what_is_not_used_is_not_imported(module: str, unwanted: str) -> None:
    code = f"import sys, {module}; print({unwanted!r} in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr) == ("False\n", "")
