"""Settings: where each comes from, and what is wrong with one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wfe_runtime.settings import SETTINGS, SettingsError, load_settings

from .conftest import Wfec
from .files import GREETING, write


def origin_of(wfec: Wfec, *argv: str) -> tuple[Any, str]:
    [found] = [row for row in wfec("config", "-o", "json", *argv).json if row["name"] == "store"]
    return found["value"], found["origin"]


@pytest.mark.acceptance("CLI-19")
def test_a_flag_goes_before_the_environment_before_the_files_before_the_default(
    folder: Path, wfec: Wfec, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert origin_of(wfec) == ("sqlite:///.wfe/wfe.db", "default")
    (folder / "pyproject.toml").write_text('[project]\nname = "x"\n[tool.wfe]\nstore = "sqlite:///p.db"\n')
    assert origin_of(wfec) == ("sqlite:///p.db", "pyproject.toml")
    (folder / "wfe.toml").write_text('store = "sqlite:///w.db"\n')
    assert origin_of(wfec) == ("sqlite:///w.db", "wfe.toml")
    monkeypatch.setenv("WFE_STORE", "sqlite:///e.db")
    assert origin_of(wfec) == ("sqlite:///e.db", "WFE_STORE")
    assert origin_of(wfec, "--store", "sqlite:///f.db") == ("sqlite:///f.db", "flag")
    write(folder, GREETING)
    assert wfec("run", "file.yaml").code == 0
    assert (folder / "e.db").exists()


def test_the_table_for_people_has_every_setting(wfec: Wfec) -> None:
    out = wfec("config").out
    assert [line.split()[0] for line in out.splitlines()[1:]] == [setting.name for setting in SETTINGS]


@pytest.mark.acceptance("CLI-19")
@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("wfe.toml", 'stoer = "x"', "did you mean store?"),
        ("wfe.toml", "store = 5", "wfe.toml: store"),
        ("wfe.toml", 'store = ""', "empty"),
        ("wfe.toml", "host_steps = -1", "less than 0"),
        ("wfe.toml", "host_steps = true", "no whole number"),
        ("wfe.toml", 'plain = "yes"', "neither true nor false"),
        ("wfe.toml", 'durability = "maybe"', "group(20ms)"),
        ("wfe.toml", "store = [", "wfe.toml is not TOML"),
        ("pyproject.toml", "[tool]\nwfe = 5", "has to be a table"),
        ("pyproject.toml", "[tool.wfe]\nbogus = 1", "there are: store"),
    ],
)
def test_a_mistake_in_a_file_exits_with_2_and_names_the_file(
    folder: Path, wfec: Wfec, file: str, text: str, told: str
) -> None:
    (folder / file).write_text(text)
    result = wfec("config")
    assert (result.code, result.out) == (2, "")
    assert file in result.err
    assert told in result.err


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"WFE_HOST_STEPS": "many"}, "WFE_HOST_STEPS"),
        ({"WFE_PLAIN": "perhaps"}, "WFE_PLAIN"),
        ({"WFE_STORE": " "}, "empty"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(tmp_path: Path, variables: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        load_settings({}, variables, str(tmp_path))


def test_texts_of_the_environment_become_values_of_the_settings_kind(tmp_path: Path) -> None:
    settings = load_settings(
        {}, {"WFE_HOST_STEPS": "3", "WFE_PLAIN": "1", "WFE_DURABILITY": "group(20ms)"}, str(tmp_path)
    )
    assert (settings.host_steps, settings.plain, settings.durability) == (3, True, "group(20ms)")


def test_the_durability_of_a_run_is_the_flags_else_the_workflows_else_the_settings(
    folder: Path, wfec: Wfec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def given(*argv: str) -> str:
        return str(wfec("run", "file.yaml", "--json", *argv).lines[-1]["durability"])

    write(folder, GREETING)
    assert given() == "sync"
    monkeypatch.setenv("WFE_DURABILITY", "relaxed")
    assert given() == "relaxed"
    write(folder, GREETING.replace("version: 3", "version: 3\n  durability: group(20ms)"))
    assert given() == "group(20ms)"
    assert given("--durability", "sync") == "sync"
