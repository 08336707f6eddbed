"""What the tests of step types share: one step of a type through the whole compiler."""

from __future__ import annotations

import pytest

from tests.dsl.build import compile_text
from tests.dsl.yaml_support import first_step, show
from wfe_dsl import nodes

__all__ = ["INPUTS", "config_of", "everywhere", "mistakes", "written"]

INPUTS = "{region: string, count: integer, anything: any}"
"""What the workflow around the step takes."""


def written(type: str, config: str, more: str = "") -> str:
    """Return a file with one step of that type; ``more`` are further keys of the step."""
    given = f", config: {config}" if config else ""
    return (
        f"workflow:\n  id: demo\n  version: 1\n  inputs: {INPUTS}\n  steps:\n"
        f"    - {{name: work, type: {type}{given}{more}}}\n"
    )


def mistakes(type: str, config: str, more: str = "") -> list[str]:
    """Return the codes of all that is wrong with such a step; whatever is an error has a cure."""
    programs, found = compile_text(written(type, config, more))
    assert all(one.help for one in found)
    assert bool(programs) != any(one.severity == "error" for one in found)
    return [one.code for one in found]


def config_of(type: str, config: str) -> str:
    """Return the configuration that the step's executor is to get, as a short text."""
    body = first_step(f"- {{name: work, type: {type}, config: {config}}}", f"inputs: {INPUTS}").body
    assert isinstance(body, nodes.Task)
    return show(body.config)


everywhere = pytest.mark.acceptance("YML-21", "YML-22")
"""The tests of a step type's least form and of its mistakes show these cases."""
