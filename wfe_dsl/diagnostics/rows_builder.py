"""Rows of the catalogue: mistakes that only workflows written in Python can have (0650 to 0659).

Each row is what ``codes.Code`` takes; the examples are files of Python.
"""

from __future__ import annotations

from typing import Final

from .rows_names import Row

__all__ = ["BUILDER_ROWS", "INCLUDING_ROWS"]


def _python(lines: str, arguments: str = "", names: str = "Workflow", before: str = "") -> str:
    """Return a small file of Python with these calls."""
    made = f'from wfe_dsl.builder import {names}\n\n{before}wf = Workflow("demo", 1{arguments})\n'
    return made + lines + "\n"


_STEP: Final = 'wf.shell("build", "make")\n'
_AVERAGE: Final = "def average(left: float, right: float) -> float:\n    return (left + right) / 2\n\n\n"

BUILDER_ROWS: Final[tuple[Row, ...]] = (
    (
        "WFE0650",
        "error",
        "A value of Python that no workflow can hold",
        "A workflow is data that is stored and compared: texts, numbers, bools, None, lists, maps with texts as keys, "
        "and expressions. Durations may be timedeltas, times may be datetimes with a time zone.",
        _python('wf.shell("build", "make", env={"TAGS": {"a", "b"}})'),
        _python('wf.shell("build", "make", env={"TAGS": "a b"})'),
    ),
    (
        "WFE0651",
        "error",
        "An `else_` without its `if_`",
        "`else_` and `elif_` belong to the `if_` whose block ended right before them, at the same depth.",
        _python(_STEP + 'with wf.else_():\n    wf.shell("skip", "true")'),
        _python('with wf.if_("run.name == \'x\'"):\n    wf.shell("build", "make")\n'
                'with wf.else_():\n    wf.shell("skip", "true")'),
    ),
    (
        "WFE0652",
        "error",
        "A step of a switch outside of its cases",
        "A switch runs the steps of one case, so each of its steps has to lie in one, or in the default.",
        _python('with wf.switch("run.name") as choice:\n    wf.shell("build", "make")\n'
                '    with choice.case("a"):\n        wf.shell("test", "make test")'),
        _python('with wf.switch("run.name") as choice:\n'
                '    with choice.case("a"):\n        wf.shell("test", "make test")'),
    ),
    (
        "WFE0653",
        "error",
        "A type of Python that no workflow has",
        "Types of workflows are those of JSON. What has no counterpart there can't be checked, nor stored.",
        _python(_STEP.rstrip(), ', inputs={"tags": set[str]}'),
        _python(_STEP.rstrip(), ', inputs={"tags": list[str]}'),
    ),
    (
        "WFE0654",
        "error",
        "A reference to a step without a name",
        "The compiler makes up names for blocks and the like, but nothing can count on them.",
        _python('with wf.parallel() as tests:\n    wf.shell("unit", "make test")\nwf.set({"ok": tests.status})'),
        _python(
            'with wf.parallel(name="tests") as tests:\n    wf.shell("unit", "make test")\nwf.set({"ok": tests.status})'
        ),
    ),
    (
        "WFE0655",
        "error",
        "A function that no worker can find",
        "A stored program holds the name of a function, not the function: a module and its name, or the name by which "
        "the program that runs it has registered it. A lambda, a closure, a method and what is defined in the program "
        "that was started have no such name.",
        _python('wf.python("average", lambda: 3)'),
        _python('wf.python("average", task(registered="average")(lambda: 3))', "", "Workflow, task"),
    ),
    (
        "WFE0656",
        "error",
        "Inputs that don't fit a function",
        "The parameters of a function are what its step takes. A parameter that `inputs` leaves out takes the input of "
        "the workflow that has its name, or its default.",
        _python('wf.python("average", average, inputs={"left": 1})', before=_AVERAGE),
        _python('wf.python("average", average, inputs={"left": 1, "right": 3})', before=_AVERAGE),
    ),
    (
        "WFE0657",
        "error",
        "A workflow built inside of its own block",
        "What comes after in the block would be missing from what is built.",
        _python('with wf.parallel():\n    wf.shell("build", "make")\n    wf.build()'),
        _python('with wf.parallel():\n    wf.shell("build", "make")\nwf.build()'),
    ),
    (
        "WFE0658",
        "error",
        "A file of Python that can't be run",
        "The workflows of such a file are those that it makes when it runs.",
        _python('wf.shell("build", COMMAND)'),
        _python('COMMAND = "make"\nwf.shell("build", COMMAND)'),
    ),
    (
        "WFE0659",
        "error",
        "A file of Python that makes no workflow",
        "Running it has to make one; a function that would make one has to be called.",
        "from wfe_dsl.builder import Workflow\n\n\ndef make() -> Workflow:\n"
        '    wf = Workflow("demo", 1)\n    wf.shell("build", "make")\n    return wf\n',
        "from wfe_dsl.builder import Workflow\n\n\ndef make() -> Workflow:\n"
        '    wf = Workflow("demo", 1)\n    wf.shell("build", "make")\n    return wf\n\n\nmake()\n',
    ),
)  # fmt: skip
INCLUDING_ROWS: Final[tuple[tuple[str, ...], ...]] = (
    (
        "WFE0660",
        "error",
        "A file of Python is included",
        "A file of YAML or text is data: reading it must not run anything. A file of Python is run where it is read.",
        "include: [shared.py]\nworkflow:\n  id: demo\n  version: 1\n  steps:\n    - {name: a, config: {run: make}}\n",
        "workflow:\n  id: demo\n  version: 1\n  steps:\n    - {name: a, config: {run: make}}\n",
    ),
)
