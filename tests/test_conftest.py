"""The session's own rules: the build under test is the one asked for, and a full check leaves nothing out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .conftest import machine_build

CONFTEST = (
    "from tests.conftest import machine_build, pytest_addoption, pytest_configure, pytest_report_header, service\n"
)
NEEDS_REDIS = "def test_it(service):\n    assert service('redis') == 'redis://here'\n"


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    for variable in ("WFE_REQUIRE_SERVICES", "WFE_TEST_REDIS_URL", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(variable, raising=False)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(NEEDS_REDIS)
    return pytester


def test_the_header_names_the_build_under_test(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess()
    result.stdout.fnmatch_lines([f"machine: {machine_build()}, in *wfe_vm"])


def test_a_session_that_asks_for_the_other_build_tests_nothing(project: pytest.Pytester) -> None:
    other = "interpreted" if machine_build() == "compiled" else "compiled"
    result = project.runpytest_inprocess("--machine", other)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*the machine under test is {machine_build()}, not {other}*"])


def test_a_session_that_asks_for_this_build_runs(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WFE_TEST_REDIS_URL", "redis://here")
    project.runpytest_inprocess("--machine", machine_build()).assert_outcomes(passed=1)


def test_a_missing_service_skips_its_tests(project: pytest.Pytester) -> None:
    project.runpytest_inprocess().assert_outcomes(skipped=1)


def test_a_missing_service_fails_its_tests_in_a_full_check(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WFE_REQUIRE_SERVICES", "1")
    project.runpytest_inprocess().assert_outcomes(errors=0, failed=1)


def test_bytecode_that_would_be_thrown_away_is_kept_as_long_as_the_session(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", "taken back at the end")
    monkeypatch.delenv("PYTHONPYCACHEPREFIX")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    project.makepyfile(
        """
        import os, subprocess, sys

        def test_it():
            subprocess.run([sys.executable, "-c", "import wfe_vm"], check=True)
            found = os.walk(os.environ["PYTHONPYCACHEPREFIX"])
            assert [file for _, _, files in found for file in files if file.endswith(".pyc")]
        """
    )
    project.runpytest_inprocess().assert_outcomes(passed=1)
    assert not Path(os.environ["PYTHONPYCACHEPREFIX"]).exists()
