"""States of other releases: an older one's is read and gone on with, a newer one's is refused by name."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.dsl.build import compiled
from wfe_vm.commands import RunStep
from wfe_vm.errors import StateError
from wfe_vm.events import Started, StepEnded
from wfe_vm.machine import Machine
from wfe_vm.state import FORMAT_VERSION, State, decode_delta, encode_delta, restore

CHAIN = "- {name: a, config: {run: a}}\n- {name: b, config: {run: b}}\n- {name: c, config: {run: c}}\n"
BEFORE_SAGAS, BEFORE_WAITS = 16, 19
"""How many fields a snapshot had."""
BEFORE_SAGAS_DELTA, BEFORE_WAITS_DELTA, BEFORE_REQUESTS_DELTA = 18, 21, 23
"""How many a delta had."""


def half_way() -> tuple[Machine, State, list[bytes]]:
    """Return a run of three steps, whose first has ended, and all its deltas."""
    program = compiled(CHAIN)
    machine = Machine(program.program)
    state = machine.new_state("r1", "demo-1", program.hash)
    deltas = []
    first = machine.advance(state, Started(1, {}))
    [task] = [command for command in first.commands if isinstance(command, RunStep)]
    second = machine.advance(state, StepEnded(2, task.activation, task.attempt, "success", {}))
    for advance in (first, second):
        assert advance.delta is not None
        deltas.append(encode_delta(advance.delta))
    return machine, state, deltas


def fields_of(data: bytes) -> list[Any]:
    fields: list[Any] = msgspec.msgpack.decode(data)
    return fields


def pack(fields: list[Any]) -> bytes:
    return msgspec.msgpack.encode(fields)


def go_on(machine: Machine, state: State) -> list[str]:
    """Let a run succeed from where it stands. Returns the steps that it still ran."""
    state.bind()
    ran = []
    commands = machine.recover(state)
    while commands:
        command = commands.pop()
        if isinstance(command, RunStep):
            ran.append(command.path)
            commands += machine.advance(
                state, StepEnded(3, command.activation, command.attempt, "success", {})
            ).commands
    assert state.status == "succeeded"
    return ran


def applied(deltas: list[bytes]) -> State:
    state = State("r1", "demo-1", "")
    for data in deltas:
        state.apply(decode_delta(data))
    return state


def folded(deltas: list[bytes]) -> State:
    state = State("r1", "demo-1", "")
    state.fold(deltas)
    return state


def one_folded(data: bytes) -> State:
    return folded([data])


Replay = Callable[[list[bytes]], State]
either_way = pytest.mark.parametrize("replay", [applied, folded])


@pytest.mark.acceptance("MCH-15")
@pytest.mark.parametrize("length", [BEFORE_SAGAS, BEFORE_WAITS])
def test_a_snapshot_of_an_older_release_is_read_and_its_run_goes_on(length: int) -> None:
    machine, state, _ = half_way()
    fields = fields_of(state.snapshot())
    assert len(fields) > length
    assert go_on(machine, restore(pack(fields[:length]))) == ["b", "c"]


@pytest.mark.acceptance("MCH-15")
@pytest.mark.parametrize("length", [BEFORE_SAGAS_DELTA, BEFORE_WAITS_DELTA, BEFORE_REQUESTS_DELTA])
@either_way
def test_the_changes_of_an_older_release_are_read_and_their_run_goes_on(replay: Replay, length: int) -> None:
    machine, _, deltas = half_way()
    assert go_on(machine, replay([pack(fields_of(data)[:length]) for data in deltas])) == ["b", "c"]


@pytest.mark.acceptance("MCH-15", "ENG-24")
@either_way
def test_what_a_newer_release_of_the_same_format_has_added_at_the_end_is_passed_over(replay: Replay) -> None:
    machine, state, deltas = half_way()
    snapshot = [*fields_of(state.snapshot()), {"new": 1}]
    snapshot[7] = [*snapshot[7], "new"]
    snapshot[8] = [[*pointer, "new"] for pointer in snapshot[8]]
    assert go_on(machine, restore(pack(snapshot))) == ["b", "c"]
    longer = []
    for data in deltas:
        fields = [*fields_of(data), ["new"]]
        fields[4] = [*fields[4], "new"]
        fields[5] = [[*pointer, "new"] for pointer in fields[5]]
        fields[14] = [[*record, "new"] for record in fields[14]]
        longer.append(pack(fields))
    assert go_on(machine, replay(longer)) == ["b", "c"]


@pytest.mark.acceptance("MCH-15")
@pytest.mark.parametrize("rest", [None, [], ["of another layout"]], ids=["same", "empty", "other"])
def test_a_newer_format_is_refused_naming_both_whatever_else_has_changed(rest: list[Any] | None) -> None:
    _, state, deltas = half_way()
    newer = FORMAT_VERSION + 1
    told = f"has format {newer}, this host reads up to {FORMAT_VERSION}: upgrade wfe"
    for read, data in ((restore, state.snapshot()), (decode_delta, deltas[0]), (one_folded, deltas[0])):
        fields = [newer, *(fields_of(data)[1:] if rest is None else rest)]
        with pytest.raises(StateError, match=told) as caught:
            read(pack(fields))
        assert caught.value.code == "format"


@pytest.mark.parametrize("field", range(1, 21))
@pytest.mark.parametrize("value", [[["odd"]], "odd", -1, {"odd": 1}], ids=["list", "text", "number", "map"])
def test_a_damaged_state_is_told_as_such_and_as_nothing_else(field: int, value: Any) -> None:
    _, state, deltas = half_way()
    fields = fields_of(state.snapshot())
    fields[field] = value
    changes = [fields_of(data) for data in deltas]
    if field < len(changes[-1]):
        changes[-1][field] = value
    packed = [pack(one) for one in changes]
    for read in (
        lambda: restore(pack(fields)).bind(),
        lambda: applied(packed).bind(),
        lambda: folded(packed).bind(),
    ):
        with contextlib.suppress(StateError):
            read()


def test_changes_that_are_folded_give_the_state_that_they_give_one_by_one() -> None:
    _, state, deltas = half_way()
    assert folded(deltas).snapshot() == applied(deltas).snapshot()
    later = restore(state.snapshot())
    later.fold([])
    assert later.snapshot() == state.snapshot()


@either_way
def test_changes_that_do_not_follow_one_another_are_refused(replay: Replay) -> None:
    _, _, deltas = half_way()
    with pytest.raises(StateError, match="change 2 was given to a state at 0") as caught:
        replay(deltas[1:])
    assert caught.value.code == "order"


@either_way
def test_a_pointer_that_is_too_short_is_told_as_damage(replay: Replay) -> None:
    _, _, deltas = half_way()
    fields = fields_of(deltas[-1])
    fields[5] = [fields[5][0][:4]]
    with pytest.raises(StateError, match="can't be read"):
        replay([*deltas[:-1], pack(fields)])
