"""`schedule`: the times at which runs of a workflow start, in every notation."""

from __future__ import annotations

import pytest

from tests.dsl.build import compile_text
from wfe_dsl.builder import Workflow
from wfe_vm.program import Schedule

STEPS = "\n  steps:\n    - {name: work, config: {run: make}}\n"


def codes(schedule: str, more: str = "") -> list[str]:
    _, found = compile_text(f"workflow:\n  id: w\n  version: 1\n  {more}\n  schedule: {schedule}{STEPS}")
    return [one.code for one in found if one.severity == "error"]


def test_a_schedule_is_part_of_the_program_with_its_defaults() -> None:
    text = "[{cron: '30  6 * * mon-fri', timezone: Europe/Berlin, missed: all}, {cron: '0 3 * * *'}]"
    compiled, found = compile_text(f"workflow:\n  id: w\n  version: 1\n  schedule: {text}{STEPS}")
    assert found == []
    assert compiled[0].program.schedule == (
        Schedule("30 6 * * mon-fri", "Europe/Berlin", "all"),
        Schedule("0 3 * * *", "UTC", "once"),
    )


def test_the_builder_gives_the_same_program_as_a_file() -> None:
    built = Workflow("w", 1, schedule=[{"cron": "0 3 * * *", "timezone": "Europe/Berlin"}])
    built.shell("work", "make")
    text = "[{cron: '0 3 * * *', timezone: Europe/Berlin}]"
    compiled, _ = compile_text(f"workflow:\n  id: w\n  version: 1\n  schedule: {text}{STEPS}")
    assert built.compile()[0].hash == compiled[0].hash


@pytest.mark.parametrize(
    ("schedule", "code"),
    [
        ("[{cron: '30 6 * *'}]", "WFE0455"),
        ("[{cron: '61 6 * * *'}]", "WFE0455"),
        ("[{cron: '@daily'}]", "WFE0455"),
        ("[{cron: '* * * * * *'}]", "WFE0455"),
        ("[{cron: '0 0 31 2 *'}]", "WFE0455"),
        ("[{cron: '0 6 * * *', timezone: Europe/Berln}]", "WFE0456"),
        ("[{cron: '0 6 * * *', missed: never}]", "WFE0117"),
        ("[{timezone: UTC}]", "WFE0102"),
        ("[{cron: '0 6 * * *', zone: UTC}]", "WFE0101"),
        ("'0 6 * * *'", "WFE0103"),
    ],
)
def test_a_mistake_in_a_schedule_is_one_error(schedule: str, code: str) -> None:
    assert codes(schedule) == [code]


def test_inputs_that_nobody_would_give_are_errors() -> None:
    declared = "inputs: {a: string, b: {type: string, default: x}, c: 'string?'}"
    assert codes("[{cron: '0 6 * * *'}]", declared) == ["WFE0457"]


@pytest.mark.parametrize("zone", ["", "/etc/localtime", "../UTC", "Europe", "europe/nowhere"])
def test_what_names_no_time_zone_is_an_error_whatever_files_there_are(zone: str) -> None:
    assert codes(f"[{{cron: '0 6 * * *', timezone: '{zone}'}}]") == ["WFE0456"]
