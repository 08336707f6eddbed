"""Which runs could go on with another program, and why others can't."""

from __future__ import annotations

import msgspec
import pytest

from tests.dsl.build import compiled
from wfe_dsl.compiler import Compiled
from wfe_vm.commands import RunStep
from wfe_vm.events import Resume, Retry, Started, StepEnded, Suspend
from wfe_vm.machine import Machine
from wfe_vm.migration import Migration, migration_of
from wfe_vm.moving import move_state
from wfe_vm.outcome import Failure
from wfe_vm.slots import slots_by_name
from wfe_vm.state import State, restore
from wfe_vm.verify import verify

CHAIN = "- {name: a, config: {run: a}}\n- {name: b, config: {run: b}}\n- {name: c, config: {run: c}}\n"
FORK = "- {{name: p, parallel: [{{name: x, config: {{run: a}}}}, {{name: {0}, config: {{run: a}}}}]}}\n"
LOOP = "- {name: each, for_each: '[1, 2]', do: [{name: w, config: {run: a}}]}\n"


def stands(program: Compiled, *ended: str, suspend_first: bool = False, outcome: str = "success") -> State:
    """Return the state of a run once these steps have ended, and nothing else has."""
    machine = Machine(program.program)
    state = machine.new_state("r1", "demo-1", program.hash)
    waiting = {}
    commands = machine.advance(state, Started(1, {"n": 1})).commands
    for name in ended:
        waiting.update({one.path: one for one in commands if isinstance(one, RunStep)})
        task = waiting[name]
        if suspend_first:
            machine.advance(state, Suspend(1))
        error = None if outcome == "success" else Failure("exit", "it failed")
        commands = machine.advance(state, StepEnded(1, task.activation, task.attempt, outcome, {}, error)).commands
    return state


def migration(old: Compiled, new: Compiled, state: State) -> Migration:
    return migration_of(old.program, new.program, state, (old.source_map.names, new.source_map.names))


def check(old: str, new: str, *ended: str, keys: str = "", new_keys: str | None = None, **more: bool) -> Migration:
    before = compiled(old, keys)
    after = compiled(new, keys if new_keys is None else new_keys)
    return migration(before, after, stands(before, *ended, **more))


def reasons(migration: Migration) -> str:
    assert not migration.possible
    assert migration.moves == ()
    return "\n".join(f"{obstacle.path}: {obstacle.why}" for obstacle in migration.obstacles)


def test_a_run_that_waits_for_a_step_goes_on_in_that_step() -> None:
    new = "- {name: z, config: {run: z}}\n" + CHAIN.replace("run: c", "run: other")
    migration = check(CHAIN, new, "a")
    program = compiled(new).program
    [move] = migration.moves
    assert [program.steps[index].name for index in move.steps] == ["demo", "b"]
    assert move.path == "b"


def test_a_run_suspended_between_two_steps_goes_on_after_the_one_that_it_left() -> None:
    new = CHAIN.replace("- {name: b,", "- {name: new, config: {run: n}}\n- {name: b,")
    migration = check(CHAIN, new, "a", suspend_first=True)
    program = compiled(new).program
    assert migration.moves[0].pc == program.steps[1].exit


def test_where_the_left_step_is_gone_it_goes_on_at_the_one_that_it_comes_to() -> None:
    new = CHAIN.replace("- {name: a, config: {run: a}}\n", "")
    migration = check(CHAIN, new, "a", suspend_first=True)
    assert migration.possible
    assert migration.moves[0].pc < compiled(new).program.steps[1].entry


def moved(old: Compiled, new: Compiled, state: State) -> State:
    """Return a state as it is with the new program, from its stored bytes."""
    names = (old.source_map.names, new.source_map.names)
    move_state(old.program, new.program, names, state, migration(old, new, state), new.hash)
    again = restore(state.snapshot())
    again.bind()
    return again


def test_a_moved_run_goes_on_after_the_step_that_it_left() -> None:
    new = compiled(CHAIN.replace("- {name: b,", "- {name: new, config: {run: n}}\n- {name: b,"))
    old = compiled(CHAIN)
    state = moved(old, new, stands(old, "a", suspend_first=True))
    commands = Machine(new.program).advance(state, Resume(2)).commands
    assert [one.path for one in commands if isinstance(one, RunStep)] == ["new"]
    assert state.program == new.hash


def test_data_moves_with_a_run_by_its_names_whatever_the_order_of_the_slots() -> None:
    old = compiled("- set: {x: '1', y: '2'}\n" + CHAIN.replace("{run: b}", "{run: 'echo ${{ vars.y }}'}"))
    steps = "- {name: n, config: {run: n}}\n- set: {y: '2', w: '5', x: '1'}\n"
    new = compiled(steps + CHAIN.replace("{run: b}", "{run: 'echo ${{ vars.x }} ${{ vars.y }} ${{ vars.w }}'}"))
    state = moved(old, new, stands(old, "a", outcome="failure"))
    machine = Machine(new.program)
    [again] = [one for one in machine.advance(state, Retry(2)).commands if isinstance(one, RunStep)]
    assert again.path == "a"
    [b] = machine.advance(state, StepEnded(3, again.activation, again.attempt, "success", {}, None)).commands
    assert isinstance(b, RunStep)
    assert "1" in str(b.config)
    assert "2" in str(b.config)
    assert "5" not in str(b.config)


def test_what_a_retry_would_reopen_moves_with_a_run_that_goes_on() -> None:
    """One branch has failed; the other one is under way."""
    fork = FORK.format("y")
    old, new = compiled(fork), compiled(CHAIN + fork)
    state = moved(old, new, stands(old, "p/x", outcome="failure"))
    machine = Machine(new.program)
    [y] = [one for one in machine.recover(state) if isinstance(one, RunStep)]
    assert y.path == "p/y"
    machine.advance(state, StepEnded(3, y.activation, y.attempt, "success", {}, None))
    assert state.status == "failed"
    [again] = [one for one in machine.advance(state, Retry(4)).commands if isinstance(one, RunStep)]
    assert again.path == "p/x"


def test_a_run_moves_while_a_hook_of_what_failed_is_under_way() -> None:
    text = "- {name: a, config: {run: a}, on_failure: {name: h, config: {run: h}}}\n"
    old, new = compiled(text), compiled(text + CHAIN.replace("name: a", "name: d"))
    state = moved(old, new, stands(old, "a", outcome="failure"))
    machine = Machine(new.program)
    [hook] = [one for one in machine.recover(state) if isinstance(one, RunStep)]
    assert hook.path == "a/on_failure/h"
    machine.advance(state, StepEnded(3, hook.activation, hook.attempt, "success", {}, None))
    [again] = [one for one in machine.advance(state, Retry(4)).commands if isinstance(one, RunStep)]
    assert again.path == "a"


def test_the_run_itself_has_no_result_that_would_have_to_move() -> None:
    assert ("", "result of ") not in slots_by_name(compiled(CHAIN).program, ())


def test_a_compensation_that_reads_what_has_no_name_is_an_obstacle() -> None:
    undone = "{name: t, config: {run: a}, compensate: {name: u, config: {run: 'echo ${{ vars.x }}'}}}"
    old = compiled(f"- set: {{x: '1'}}\n- name: sa\n  saga: [{undone}, {{name: z, sleep: 1h}}]\n")
    state = stands(old, "sa/t")
    assert migration(old, old, state).possible
    found = migration_of(old.program, old.program, state, ((), ()))
    assert "its compensation reads what has no name" in reasons(found)


def test_what_a_loops_hook_leaves_lies_outside_of_the_loop_and_moves_from_there() -> None:
    loop = (
        "- name: each\n  for_each: '[1, 2]'\n  do: [{name: w, config: {run: a}}]\n"
        "  ensure: {name: h, config: {run: h}, outputs: [{name: o, type: string}]}\n"
    )
    after = "- {name: last, config: {run: 'echo ${{ steps.h.output.o }}'}}\n"
    old, new = compiled(loop + after), compiled("- set: {x: '1'}\n" + loop + after)
    machine = Machine(old.program)
    state = machine.new_state("r1", "demo-1", old.hash)
    pending = [one for one in machine.advance(state, Started(1, {})).commands if isinstance(one, RunStep)]
    while pending[0].path != "last":
        task = pending.pop(0)
        given = {"o": "kept"} if task.path.endswith("h") else {}
        commands = machine.advance(state, StepEnded(2, task.activation, task.attempt, "success", given, None)).commands
        pending += [one for one in commands if isinstance(one, RunStep)]
    state = moved(old, new, state)
    [last] = [one for one in Machine(new.program).recover(state) if isinstance(one, RunStep)]
    assert "kept" in str(last.config)


def test_each_iteration_keeps_its_own_item_in_the_new_program() -> None:
    text = "- {{name: each, for_each: '[7, 8]', do: [{0}{{name: w, config: {{run: 'echo ${{{{ item }}}}'}}}}]}}\n"
    old, new = compiled(text.format("")), compiled(CHAIN + text.format("{name: v, config: {run: v}}, "))
    state = moved(old, new, stands(old))
    machine = Machine(new.program)
    waiting = [pointer for pointer in state.pointers.values() if pointer.parent == 0]
    assert [new.program.steps[pointer.frames[-1].step].path for pointer in waiting] == ["each[*]/w"] * 2
    asked = [one for one in machine.recover(state) if isinstance(one, RunStep)]
    assert ["7" in str(asked[0].config), "8" in str(asked[1].config)] == [True, True]


@pytest.mark.parametrize(
    ("new", "why"),
    [
        ("- {name: a, config: {run: a}}\n- {name: c, config: {run: c}}", "b: the new program has no such step"),
        (CHAIN.replace("{name: b, config: {run: b}}", "{name: b, sleep: 1s}"), "its kind was task and is sleep now"),
        (
            CHAIN.replace("{name: b, config", "{name: b, type: deno, config").replace("run: b", "script: b"),
            "its type was shell and is deno now",
        ),
        (
            CHAIN.replace("- {name: b, config: {run: b}}", "- {name: s, sequence: [{name: b, config: {run: b}}]}"),
            "the step of that name lies at s/b",
        ),
    ],
)
def test_a_step_without_a_counterpart_is_an_obstacle(new: str, why: str) -> None:
    assert why in reasons(check(CHAIN, new, "a"))


def test_a_step_that_is_in_the_table_alone_is_no_counterpart() -> None:
    old, new = compiled(CHAIN), compiled(CHAIN.replace("- {name: b, config: {run: b}}\n", ""))
    steps = new.program.steps
    named = msgspec.structs.replace(steps[2], name="b", path="b")
    new = msgspec.structs.replace(new, program=msgspec.structs.replace(new.program, steps=(*steps, named)))
    assert not verify(new.program)
    assert "b: nothing in the new program leads to it" in reasons(migration(old, new, stands(old, "a")))


def test_a_step_of_the_same_path_in_another_block_is_no_counterpart() -> None:
    old = compiled(CHAIN)
    new = compiled(
        CHAIN.replace("- {name: b, config: {run: b}}", "- {name: s, sequence: [{name: b, config: {run: b}}]}")
    )
    steps = tuple(msgspec.structs.replace(step, path=step.path.removeprefix("s/")) for step in new.program.steps)
    new = msgspec.structs.replace(new, program=msgspec.structs.replace(new.program, steps=steps))
    assert not verify(new.program)
    assert "its enclosing step was the run and is s now" in reasons(migration(old, new, stands(old, "a")))


def test_steps_that_are_not_live_may_change_as_they_like() -> None:
    assert check(CHAIN, "- {name: b, config: {run: b}}\n- {name: d, sleep: 1s}", "a").possible


def test_a_fork_that_has_begun_needs_the_same_branches() -> None:
    assert check(FORK.format("y"), CHAIN + FORK.format("y")).possible
    assert "its branches are others" in reasons(check(FORK.format("y"), FORK.format("z"), "p/y"))


def test_the_items_of_a_loop_move_with_it_unless_it_gathers_what_it_did_not() -> None:
    assert len(check(LOOP, CHAIN + LOOP).moves) == 3
    gathering = LOOP.replace("do:", "collect: list, do:")
    assert "it gathered a list" in reasons(check(LOOP, gathering))


def test_a_failed_run_is_looked_at_where_a_retry_would_reopen_it() -> None:
    old = compiled(CHAIN)
    state = stands(old, "a", outcome="failure")
    assert state.end is not None
    assert migration(old, compiled(CHAIN + LOOP), state).possible
    gone = migration(old, compiled("- {name: b, config: {run: b}}"), state)
    assert "a: the new program has no such step" in reasons(gone)


def test_a_run_that_has_succeeded_has_nothing_to_go_on_with() -> None:
    assert "the run has ended succeeded" in reasons(check(CHAIN, CHAIN, "a", "b", "c"))


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ("inputs: {n: string}", "the input n that the run was given is no string"),
        ("inputs: {n: integer, m: integer}", "was not given the input m"),
    ],
)
def test_inputs_that_the_new_program_would_refuse_are_an_obstacle(keys: str, why: str) -> None:
    assert why in reasons(check(CHAIN, CHAIN, "a", keys="inputs: {n: integer}", new_keys=keys))


def test_a_program_of_another_workflow_is_none_for_the_run() -> None:
    old = compiled(CHAIN)
    other = msgspec.structs.replace(old.program, workflow="w")
    assert "the program is one of w" in reasons(
        migration_of(old.program, other, stands(old, "a"), (old.source_map.names, old.source_map.names))
    )
