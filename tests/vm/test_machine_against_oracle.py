"""The machine does what the slow reference interpreter does, event by event.

Both take the same random events on the same random programs: nested blocks, loops and branches with
conditions, hooks, retries, limits of time, tolerated and suspending failures, cancels and stale events.
Compared after each event: commands, journal, status, tolerated failures, and that old state plus delta
is the new state. Half of the runs go on from stored bytes after every event.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import blocks, examples
from tests.oracle.assembler import Assembler, Label, finish, run_program
from tests.oracle.duel import Duel
from tests.oracle.programs import Drawn, Seeded, build_program
from wfe_vm.program import Child, Collect, Program, Retry
from wfe_vm.verify import check


def fight(seed: int, size: int, sagas: bool = False) -> str:
    """Let both run a random program to its end and past it; returns the final status."""
    chooser = Seeded(seed)
    program = build_program(chooser, size, sagas)
    check(program)
    duel = Duel(program, chooser, restored=seed % 2 == 1, cancels=10 if sagas else 3)
    duel.play()
    status = str(duel.state.status)
    duel.play_on()
    return status


@pytest.mark.acceptance("MCH-01", "MCH-03", "MCH-04", "MCH-05", "MCH-06", "MCH-07", "MCH-08", "MCH-09", "MCH-16")
@pytest.mark.parametrize("block", blocks(10, everyday=3))
def test_random_programs_run_alike_on_both(block: int) -> None:
    ends = {fight(seed, 8) for seed in range(block * 100, block * 100 + 100)}
    assert ends == {"succeeded", "failed", "aborted", "terminated"}


@pytest.mark.acceptance("SAG-03", "SAG-05", "SAG-06", "SAG-07", "SAG-08", "SAG-12")
@pytest.mark.parametrize("block", blocks(5, everyday=2))
def test_random_sagas_are_undone_alike_on_both(block: int) -> None:
    ends = {fight(seed, 8, sagas=True) for seed in range(block * 100, block * 100 + 100)}
    assert ends == {"succeeded", "failed", "aborted", "terminated"}


@given(st.data())
@settings(
    max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
def test_programs_that_hypothesis_makes_up_run_alike_on_both(data: Any) -> None:
    chooser = Drawn(data.draw)
    duel = Duel(build_program(chooser, 4), chooser)
    duel.play(12)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.acceptance("MCH-13")
@pytest.mark.parametrize("block", range(5))
@pytest.mark.parametrize("size", [3, 8, 16, 30])
def test_many_random_programs_run_alike_on_both(size: int, block: int) -> None:
    first = size * 1_000_000 + block * 2000
    for seed in range(first, first + 2000):
        fight(seed, size, sagas=seed % 2 == 0)


# Situations that random programs meet rarely, each once found to go wrong.


def hooked(assembler: Assembler, step: int, hook: str, *names: str, **fields: Any) -> None:
    """Give a step a hook with a sequence of tasks in it."""
    assembler.steps[step][hook] = assembler.pc
    block = assembler.step(f"{hook}-block", "sequence", parent=step)
    assembler.begin(block)
    for name in names:
        assembler.task(name, parent=block, **fields)
    assembler.emit("END", block)
    assembler.exit(block)
    assembler.emit("END_HOOK", step)


def abort_hook_with_a_block() -> Program:
    assembler = run_program()
    step = assembler.task("work")
    finish(assembler)
    hooked(assembler, step, "on_abort", "first", "second", continue_on_failure=True)
    return assembler.program()


def ensure_with_a_block_around_a_return() -> Program:
    assembler = run_program()
    block = assembler.step("block", "sequence")
    assembler.begin(block)
    returning = assembler.step("returning", "return", parent=block)
    assembler.begin(returning)
    assembler.load({"answer": 42})
    assembler.emit("RETURN", returning)
    assembler.exit(returning)
    assembler.emit("END", block)
    assembler.exit(block)
    finish(assembler)
    hooked(assembler, block, "ensure", "first", "second")
    return assembler.program()


def total_timeout_before_a_retry() -> Program:
    assembler = run_program()
    retry = Retry(attempts=3, interval_ms=50)
    step = assembler.task("flaky", retry=retry, total_timeout_ms=10)
    finish(assembler)
    hooked(assembler, step, "ensure", "clean")
    return assembler.program()


def collection(items: list[Any], failing: bool) -> Program:
    assembler = run_program()
    branch = Label()
    fields = {"item_slot": assembler.slot(1), "collect": Collect("all", assembler.slot(0)), "branches": (branch,)}
    loop = assembler.step("loop", "for_each", **fields)
    assembler.begin(loop)
    assembler.load(items)
    assembler.emit("FORK_EACH", loop)
    assembler.exit(loop)
    finish(assembler)
    assembler.mark(branch)
    assembler.task("work", parent=loop, depth=1, path="loop[*]/work")
    assembler.emit("LOAD_SLOT", 1, fields["item_slot"])
    if failing:
        assembler.emit("NEGATE")
    assembler.emit("COLLECT", loop)
    assembler.emit("END_BRANCH")
    return assembler.program()


def loop_in_the_hook_of_a_loop() -> Program:
    assembler = run_program()
    outer = loop_once(assembler, "outer", 0, "outer")
    finish(assembler)
    assembler.steps[outer]["on_success"] = assembler.pc
    loop_once(assembler, "inner", outer, "outer/on_success/inner")
    assembler.emit("END_HOOK", outer)
    return assembler.program()


def loop_once(assembler: Assembler, name: str, parent: int, path: str) -> int:
    step = assembler.step(name, "until", parent=parent, path=path)
    assembler.begin(step)
    top = Label()
    assembler.mark(top)
    assembler.emit("PASS", step)
    assembler.task(f"{name}-work", parent=step, path=f"{path}[*]/{name}-work")
    assembler.load(True)
    assembler.emit("BRANCH_FALSE", top)
    assembler.emit("END", step)
    assembler.exit(step)
    return step


def detached_child() -> Program:
    assembler = run_program()
    step = assembler.step("child", "workflow", child=Child("other", detach=True))
    assembler.begin(step)
    assembler.load({"a": 1})
    assembler.emit("START_CHILD", step)
    assembler.exit(step)
    finish(assembler)
    return assembler.program()


SITUATIONS = {
    "a hook that is a block runs whole while its step is being aborted": abort_hook_with_a_block,
    "an ensure that is a block runs whole on the way of a return": ensure_with_a_block_around_a_return,
    "a limit over all attempts undoes a retry due in the same tick": total_timeout_before_a_retry,
    "a list without items leaves nothing behind": lambda: collection([], failing=False),
    "a collected expression fails between the steps of a branch": lambda: collection(["a", 1], failing=True),
    "a loop in a hook of a loop counts its own passes": loop_in_the_hook_of_a_loop,
    "a detached child is not waited for": detached_child,
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_rare_situation_is_alike_on_both(situation: str) -> None:
    program = SITUATIONS[situation]()
    check(program)
    for seed in range(40):
        duel = Duel(program, Seeded(seed), restored=seed % 2 == 1)
        duel.play(12)
        duel.play_on()
