"""The verifier refuses places that a search would find and no way leads to, or that it would find twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.oracle.assembler import Label, finish, run_program
from tests.vm.faulty import emit
from wfe_vm.program import Program
from wfe_vm.verify import verify


def step_that_begins_twice() -> Program:
    """The second time in the middle of an expression to which no way leads, but a search does."""
    assembler = run_program()
    step = assembler.task("work")
    finish(assembler)
    emit(("PUSH", 1), ("BEGIN", step), ("FINISH",))(assembler)
    return assembler.program()


def step_that_begins_where_no_way_leads() -> Program:
    assembler = run_program()
    finish(assembler)
    assembler.task("work")
    assembler.emit("FINISH")
    return assembler.program()


def condition_that_no_body_follows() -> Program:
    assembler = run_program()
    step, end = assembler.step("work", "sequence"), Label()
    assembler.emit("ENTER", step)
    assembler.steps[step]["entry"] = assembler.pc
    assembler.mark(end)
    assembler.emit("JUMP", end)
    assembler.exit(step)
    finish(assembler)
    return assembler.program()


def race_that_nothing_begins() -> Program:
    assembler = run_program()
    assembler.exit(0)
    assembler.load({})
    assembler.step("race", "race", branches=(assembler.pc,))
    assembler.emit("FINISH")
    return assembler.program()


def race_whose_branch_is_no_step() -> Program:
    assembler = run_program()
    first, second = Label(), Label()
    race = assembler.step("race", "race", branches=(first, second))
    assembler.begin(race)
    assembler.emit("FORK", race)
    assembler.exit(race)
    finish(assembler)
    assembler.mark(first)
    assembler.task("work", parent=race)
    assembler.emit("END_BRANCH")
    assembler.mark(second)
    assembler.emit("END_BRANCH")
    return assembler.program()


WHOLE: dict[str, tuple[str, Callable[[], Program]]] = {
    "a step that begins twice": ("step-begin", step_that_begins_twice),
    "a step that begins where no way leads": ("step-begin", step_that_begins_where_no_way_leads),
    "a condition that no body follows": ("step-pc", condition_that_no_body_follows),
    "a race that nothing begins": ("race-branch", race_that_nothing_begins),
    "a branch of a race that is no step": ("race-branch", race_whose_branch_is_no_step),
}


@pytest.mark.acceptance("PRG-05")
@pytest.mark.parametrize("fault", WHOLE)
def test_a_faulty_program_is_refused_with_its_own_code(fault: str) -> None:
    code, build = WHOLE[fault]
    assert code in {problem.code for problem in verify(build())}
