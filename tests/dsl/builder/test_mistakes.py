"""A mistake in Python has the code that it has in a file, at the caller's line; all are told at once."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.dsl.build import compile_text, in_workflow
from wfe_dsl.builder import BuildError, BuildWarning, Workflow, compile_workflows, load_python, task, value
from wfe_dsl.diagnostics.model import Diagnostic, Diagnostics

Build = Callable[[Workflow], object]


def mistakes(build: Build, **options: Any) -> list[Diagnostic]:
    """Return what is wrong with a workflow, warnings and notes aside."""
    wf = Workflow("demo", 1, **options)
    build(wf)
    diagnostics = Diagnostics()
    compile_workflows(wf, diagnostics=diagnostics)
    return [one for one in diagnostics.found if one.severity == "error"]


def misspelt_key(wf: Workflow) -> None:
    wf.shell(
        "a",
        "make",
        whem="true",
    )  # here: whem=


def bad_duration(wf: Workflow) -> None:
    wf.shell("a", "make", timeout="5 minutes")  # here: "5 minutes"


def bad_name(wf: Workflow) -> None:
    wf.shell("a b", "make")  # here: "a b"


def both_run_and_file(wf: Workflow) -> None:
    wf.shell("a", "make", file="x.sh")  # here: file


def unknown_type(wf: Workflow) -> None:
    wf.task("a", "shel", config={"run": "make"})  # here: "shel"


def bad_expression(wf: Workflow) -> None:
    wf.shell("a", "make", when="inputs.n >")  # here: >


def unknown_step(wf: Workflow) -> None:
    wf.shell("a", "make", when=wf.steps.b.status == "failed")  # here: b


def unknown_input(wf: Workflow) -> None:
    wf.shell("a", f"echo {wf.inputs.m}")  # here: f"echo


def later_step(wf: Workflow) -> None:
    wf.shell("a", "echo", when="steps.b.status == 'failed'")  # here: b.status
    wf.shell("b", "make")


def name_twice(wf: Workflow) -> None:
    wf.shell("a", "make")
    wf.shell("a", "make")  # here: "a"


def empty_block(wf: Workflow) -> None:
    wf.shell("a", "make")
    with wf.parallel(limit=2):  # here: wf.parallel
        pass


def bad_limit(wf: Workflow) -> None:
    with wf.parallel(limit=0):  # here: 0
        wf.shell("a", "make")


def retry_without_attempts(wf: Workflow) -> None:
    wf.shell("a", "make", retry={"interval": "1s"})  # here: {


def unknown_choice(wf: Workflow) -> None:
    wf.container("a", "debian", run="make", network="lan")  # here: "lan"


def wrong_type(wf: Workflow) -> None:
    with wf.if_(wf.inputs.n):  # here: wf.inputs.n
        wf.shell("a", "make")


TWINS: list[tuple[Build, str]] = [
    (misspelt_key, "- {name: a, config: {run: make}, whem: 'true'}"),
    (bad_duration, "- {name: a, config: {run: make}, timeout: 5 minutes}"),
    (bad_name, "- {name: a b, config: {run: make}}"),
    (both_run_and_file, "- {name: a, config: {run: make, file: x.sh}}"),
    (unknown_type, "- {name: a, type: shel, config: {run: make}}"),
    (bad_expression, "- {name: a, config: {run: make}, when: inputs.n >}"),
    (unknown_step, "- {name: a, config: {run: make}, when: steps.b.status == 'failed'}"),
    (unknown_input, "- {name: a, config: {run: 'echo ${{ inputs.m }}'}}"),
    (
        later_step,
        "- {name: a, config: {run: echo}, when: steps.b.status == 'failed'}\n- {name: b, config: {run: make}}",
    ),
    (name_twice, "- {name: a, config: {run: make}}\n- {name: a, config: {run: make}}"),
    (empty_block, "- {name: a, config: {run: make}}\n- parallel: {limit: 2, steps: []}"),
    (bad_limit, "- parallel: {limit: 0, steps: [{name: a, config: {run: make}}]}"),
    (retry_without_attempts, "- {name: a, config: {run: make}, retry: {interval: 1s}}"),
    (unknown_choice, "- {name: a, type: container, config: {image: debian, run: make, network: lan}}"),
    (wrong_type, "- if: inputs.n\n  then: [{name: a, config: {run: make}}]"),
]


def marked(build: Build) -> tuple[int, str]:
    """Return the line that is to be blamed, and what the blame begins with."""
    lines, first = inspect.getsourcelines(build)
    [(at, text)] = [(at, found[1]) for at, line in enumerate(lines) if (found := re.search(r"# here: (.+)$", line))]
    if text == "whem=":
        return first + at - 1, "whem"
    return first + at, text


@pytest.mark.acceptance("BLD-03", "DIA-02")
@pytest.mark.parametrize(("build", "yaml"), TWINS, ids=[build.__name__ for build, _ in TWINS])
def test_a_mistake_has_the_code_and_message_of_its_twin_at_the_callers_line(build: Build, yaml: str) -> None:
    [found] = mistakes(build, inputs={"n": "integer"})
    [twin] = [one for one in compile_text(in_workflow(yaml, "inputs: {n: integer}"))[1] if one.severity == "error"]
    assert (found.code, found.message) == (twin.code, twin.message)
    line, text = marked(build)
    assert (found.span.line, Path(found.span.source.path)) == (line, Path(__file__))
    shown = found.span.source.lines[line - 1][found.span.column - 1 :]
    assert shown.startswith(text), shown


@pytest.mark.acceptance("BLD-01")
def test_a_workflow_without_steps_is_told_at_the_line_that_makes_it() -> None:
    wf = Workflow("empty", 1)
    with pytest.raises(BuildError) as raised:
        wf.build()
    [found] = raised.value.diagnostics
    assert (found.code, "no steps" in found.message) == ("WFE0108", True)
    assert found.span.source.lines[found.span.line - 1].strip() == 'wf = Workflow("empty", 1)'


def test_all_mistakes_are_raised_at_once_with_their_lines_drawn() -> None:
    wf = Workflow("demo", 1)
    wf.shell("a", "make", timeout="soon")
    wf.shell("b", "make", env={"X": object()})
    wf.fail("x", when=wf.steps.c.status == "failed", name="bad name")
    with pytest.raises(BuildError) as raised:
        wf.build()
    assert [one.code for one in raised.value.diagnostics] == ["WFE0115", "WFE0650", "WFE0113"]
    shown = str(raised.value)
    assert 'wf.shell("a", "make", timeout="soon")' in shown
    assert "^^^^^^" in shown


def test_a_variable_that_no_shell_could_name_is_told_at_its_step() -> None:
    wf = Workflow("demo", 1)
    wf.shell("a", "make", env={"A B": "x"})
    with pytest.raises(BuildError) as raised:
        wf.compile()
    [found] = raised.value.diagnostics
    assert found.code == "WFE0113"
    assert "wf.shell" in found.span.source.lines[found.span.line - 1]


@pytest.mark.acceptance("BLD-04")
def test_a_lambda_a_closure_and_a_method_are_refused_unless_registered_by_name() -> None:
    def closure() -> None:
        """Can't be imported."""

    for function in (lambda: 3, closure, "x".upper):
        wf = Workflow("demo", 1)
        wf.python("a", function)
        with pytest.raises(BuildError) as raised:
            wf.build()
        assert [one.code for one in raised.value.diagnostics] == ["WFE0655"]
        registered = Workflow("demo", 1)
        registered.python("a", task(registered="known")(function))
        assert registered.compile()


def test_a_warning_is_a_warning_of_python() -> None:
    wf = Workflow("demo", 1)
    with wf.while_("true"):
        wf.shell("a", "make")
    with pytest.warns(BuildWarning, match="with wf.while_"):
        wf.compile()


def test_an_expression_has_no_value_for_python() -> None:
    wf = Workflow("demo", 1)
    for ask in (bool, iter, len, lambda one: "x" in one, lambda one: one(), lambda one: f"{one:>3}"):
        with pytest.raises(TypeError):
            ask(wf.inputs.n)
    with pytest.raises(AttributeError):
        wf.inputs.n = 3
    with pytest.raises(TypeError):
        value(2**63)


@pytest.mark.acceptance("BLD-06")
def test_what_was_built_stays_as_it_is_whatever_the_builder_does_next() -> None:
    names = ["x", "y"]
    wf = Workflow("demo", 1)
    step = wf.shell("a", "make", env={"NAMES": "x"})
    with wf.for_each(names):
        wf.shell("b", "make")
    first, again = wf.compile(), wf.compile()
    assert [one.hash for one in first] == [one.hash for one in again]
    tree = wf.build()
    names.append("z")
    assert wf.compile()[0].hash == first[0].hash
    with step.on_failure():
        wf.shell("c", "make")
    wf.shell("d", "make")
    assert (len(tree.workflows[0].steps), tree.workflows[0].steps[0].hooks) == (2, None)
    assert wf.compile()[0].hash != first[0].hash


@pytest.mark.acceptance("BLD-06")
def test_a_reference_used_in_two_workflows_belongs_to_neither() -> None:
    one, two = Workflow("one", 1), Workflow("two", 1)
    step = one.shell("a", "make", outputs=["image"])
    two.shell("a", "make", outputs=["image"])
    before = one.compile()[0].hash
    two.shell("b", f"echo {step.output.image}", when=step.status == "succeeded")
    assert two.compile()
    assert one.compile()[0].hash == before


def test_a_file_that_raises_is_told_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "flow.py"
    path.write_text("from wfe_dsl.builder import Workflow\n\nWorkflow('a', 1).shell('x', 'make')\n1 / 0\n")
    diagnostics = Diagnostics()
    assert load_python(str(path), diagnostics) is None
    [found] = diagnostics.found
    assert (found.code, found.span.line) == ("WFE0658", 4)
    assert "ZeroDivisionError" in found.message


@pytest.mark.parametrize(
    "call",
    [
        *("wf.if_('true')", "wf.while_('true')", "wf.until('true')", "wf.for_each([1])", "wf.matrix({'n': [1]})"),
        *("wf.sequence()", "wf.parallel()", "wf.race()", "wf.saga()", "wf.switch('1')", "wf.switch('1').case(1)"),
        *("before.on_failure()", "before.compensate_with()", "before.ensure()", "wf.on_failure()"),
    ],
)
def test_a_block_that_no_with_opens_is_told_of_as_that_at_its_call(tmp_path: Path, call: str) -> None:
    path = tmp_path / "flow.py"
    path.write_text(
        "from wfe_dsl.builder import Workflow\nwf = Workflow('demo', 1)\nwith wf.saga():\n"
        f"    before = wf.shell('a', 'make')\n    {call}\n    wf.shell('b', 'make')\n"
    )
    diagnostics = Diagnostics()
    load_python(str(path), diagnostics)
    [found] = diagnostics.found
    assert (found.code, found.span.line, found.span.column) == ("WFE0108", 5, 5)
    assert found.message == "the block has no steps: `with` does not open it"
    assert "put `with` before the call" in found.help


def test_an_else_that_no_with_opens_is_told_of_and_an_opened_block_without_steps_is_told_of_as_ever() -> None:
    def build(wf: Workflow) -> None:
        with wf.if_("true"):
            wf.shell("a", "make")
        wf.else_()
        with wf.race():
            pass

    assert [found.message for found in mistakes(build)] == [
        "the block has no steps: `with` does not open it",
        "`race` has no steps",
    ]
