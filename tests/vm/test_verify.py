"""The verifier as a whole: it accepts what is valid, refuses what is not safe to run, and never raises.

What each of its parts refuses is tested in the file of that part.
"""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from tests.examples import examples
from tests.oracle.programs import Seeded, build_program, programs
from tests.vm.faulty import SIGNAL, emit, in_body, whole_program
from wfe_vm import events
from wfe_vm.errors import ProgramError
from wfe_vm.isa import ROWS
from wfe_vm.machine import Machine
from wfe_vm.program import (
    Child,
    Collect,
    Output,
    Program,
    Retry,
    Signal,
    decode_program,
    encode_program,
    pack_code,
    unpack_code,
)
from wfe_vm.verify import check, verify


def names_in(program: Program) -> list[str]:
    words, names, pc = list(unpack_code(program.code)), [], 0
    while pc < len(words):
        row = next(row for row in ROWS if row.number == words[pc])
        names.append(row.name)
        pc += 1 + len(row.operands)
    return names


@pytest.mark.acceptance("PRG-10")
def test_a_program_with_every_opcode_is_accepted() -> None:
    program = whole_program()
    assert verify(program) == []
    assert set(names_in(program)) == {row.name for row in ROWS}


@given(programs())
@settings(max_examples=examples(40), deadline=None)
def test_random_valid_programs_are_accepted(program: Program) -> None:
    assert verify(program) == []


def test_check_raises_the_first_problem() -> None:
    program = in_body(emit(("PUSH", 1), ("ADD",), ("POP",)))
    with pytest.raises(ProgramError) as caught:
        check(program)
    assert caught.value.code == "stack-underflow"
    assert caught.value.pc == 4
    check(whole_program())


def mutate(program: Program, choice: random.Random) -> Program | None:
    """Return the program with a random fault or several, or None where its bytes are no program any more."""
    kind = choice.randrange(4)
    if kind == 0:
        data = bytearray(encode_program(program))
        for _ in range(choice.randint(1, 3)):
            data[choice.randrange(len(data))] ^= 1 << choice.randrange(8)
        try:
            return decode_program(bytes(data))
        except ProgramError:
            return None
    if kind == 1:
        words = list(unpack_code(program.code))
        for _ in range(choice.randint(1, 3)):
            words[choice.randrange(len(words))] = choice.choice(
                [-1, 0, 1, 2, choice.randrange(90), choice.randrange(len(words)), 2**31 - 1]
            )
        return msgspec.structs.replace(program, code=pack_code(words))
    if kind == 2:
        words = list(unpack_code(program.code))
        at = choice.randrange(len(words))
        if choice.random() < 0.5:
            del words[at : at + choice.randint(1, 3)]
        else:
            words[at:at] = [choice.choice(ROWS).number for _ in range(choice.randint(1, 2))]
        return msgspec.structs.replace(program, code=pack_code(words))
    steps = list(program.steps)
    at = choice.randrange(len(steps))
    field = choice.choice(msgspec.structs.fields(type(steps[at])))
    values: dict[type, list[Any]] = {
        int: [-2, -1, 0, 1, 2, choice.randrange(len(program.code)), 2**62],
        str: ["", "task", "for_each", "parallel", "while", "cancel", "suspend", "terminate"],
        bool: [True, False],
        tuple: [(), (0,), (choice.randrange(len(program.code)),)],
    }
    default = values.get(type(getattr(steps[at], field.name)), [None, Retry(2, 1), Collect("a", 3), Child("c"), SIGNAL])
    value = choice.choice(default)
    if field.name == "outputs":
        value = (Output("n", choice.choice(["any", "integer", "zz"]), choice.randrange(20)),)
    if field.name == "frozen":
        value = ((choice.randrange(-1, 2), choice.randrange(20)),)
    if field.name == "name" or (field.name in ("retry", "child", "collect", "signal") and not fits(field.name, value)):
        value = getattr(steps[at], field.name)
    steps[at] = msgspec.structs.replace(steps[at], **{field.name: value})
    return msgspec.structs.replace(program, steps=tuple(steps))


def fits(field: str, value: Any) -> bool:
    kinds = {"retry": Retry, "child": Child, "collect": Collect, "signal": Signal}
    return value is None or isinstance(value, kinds[field])


def run_under_limits(program: Program, choice: random.Random) -> None:
    """Run a program that was accepted, with small limits and a short life; nothing may raise."""
    machine = Machine(program, max_instructions=2000, max_state_bytes=100_000)
    state = machine.new_state("run", "name", "")
    waiting: list[events.Event] = []
    event: events.Event = events.Started(1, {"n": 1})
    for time in range(2, 30):
        advance = machine.advance(state, event)
        for command in advance.commands:
            if hasattr(command, "config"):
                outcome = choice.choice(["success", "success", "failure"])
                waiting.append(events.StepEnded(time, command.activation, command.attempt, outcome, {"n": 1}))
            elif hasattr(command, "reopen"):
                waiting.append(events.ChildEnded(time, command.activation, command.attempt, command.child, "failed"))
        if state.end is not None:
            break
        event = waiting.pop(0) if waiting else events.Tick(max(time, state.due()))
        if state.suspended:
            event = events.Resume(time)
    machine.advance(state, events.Terminate(30))
    assert state.end is not None
    assert not state.pointers


def mutations(seeds: range, each: int) -> tuple[int, int]:
    """Verify that many mutations of the seeds' programs, and run the accepted; returns (refused, accepted)."""
    refused = accepted = 0
    for seed in seeds:
        choice = random.Random(seed)
        program = build_program(Seeded(seed), 6)
        for _ in range(each):
            mutated = mutate(program, choice)
            if mutated is None or verify(mutated):
                refused += 1
            else:
                accepted += 1
                run_under_limits(mutated, choice)
    return refused, accepted


@pytest.mark.acceptance("PRG-06")
def test_mutated_programs_are_refused_or_run_to_an_end() -> None:
    refused, accepted = mutations(range(100), 20)
    assert refused > 500
    assert accepted > 50


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.acceptance("PRG-06")
def test_a_hundred_thousand_mutated_programs_are_refused_or_run_to_an_end() -> None:
    refused, accepted = mutations(range(1000, 2000), 100)
    assert refused + accepted == 100_000
