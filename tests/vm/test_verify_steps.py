"""The verifier refuses rows of the step table that are not as they have to be."""

from __future__ import annotations

from typing import Any, get_type_hints

import msgspec
import pytest

from tests.vm.faulty import in_body, with_loop
from wfe_vm.program import Child, Output, Retry, Signal, Step, decode_program, encode_program
from wfe_vm.verify import verify

STEPS: dict[str, tuple[str, dict[str, Any]]] = {
    "an unknown kind": ("step-kind", {"kind": "dance"}),
    "a second run": ("step-kind", {"kind": "run"}),
    "itself for a parent": ("step-parent", {"parent": 1}),
    "a later step for a parent": ("step-parent", {"parent": 7}),
    "no parent": ("step-parent", {"parent": -1}),
    "a depth without a scope": ("step-depth", {"depth": 1}),
    "a negative depth": ("step-depth", {"depth": -1}),
    "a reserved slot": ("step-slot", {"slot": 0}),
    "a slot outside the scope": ("step-slot", {"slot": 99}),
    "a hook slot outside the scope": ("step-slot", {"hook_slot": 99}),
    "an output slot outside the scope": ("step-slot", {"outputs": (Output("n", "any", 99),)}),
    "an output of no type": ("type-term", {"outputs": (Output("n", "anything", 3),)}),
    "an exit in an operand": ("step-pc", {"exit": 5}),
    "an exit outside the code": ("step-pc", {"exit": 5000}),
    "no exit": ("step-pc", {"exit": -1}),
    "an entry elsewhere": ("step-pc", {"entry": 6}),
    "a hook in an operand": ("step-pc", {"ensure": 5}),
    "a hook that is no pc": ("step-pc", {"on_error": -2}),
    "a compensation in an operand": ("step-pc", {"compensation": 5}),
    "a reserved slot kept for a compensation": ("step-frozen", {"frozen": ((0, 0),)}),
    "a slot kept that is outside the scope": ("step-frozen", {"frozen": ((0, 99),)}),
    "a slot kept of an iteration that is none": ("step-frozen", {"frozen": ((1, 0),)}),
    "a step that is undone as the run is": ("step-undoable", {"undoable": True}),
    "branches of a task": ("step-branches", {"branches": (4,)}),
    "an item of a task": ("step-slot", {"item_slot": 0}),
    "a child of a task": ("step-child", {"child": Child("other")}),
    "an event of a task": ("step-signal", {"signal": Signal("e")}),
    "a wait for nothing": ("step-signal", {"kind": "wait"}),
    "options of a wait": ("step-signal", {"kind": "wait", "signal": Signal("e", options=("yes",))}),
    "an approval without options": ("step-signal", {"kind": "approve", "signal": Signal()}),
    "a refusal that is no option": ("step-signal", {"kind": "approve", "signal": Signal("", ("yes",), ("no",))}),
    "a negative time to wait": ("step-number", {"kind": "wait", "signal": Signal("e", timeout_ms=-1)}),
    "steps for the end of no time": ("step-signal", {"kind": "wait", "signal": Signal("e", on_timeout=4)}),
    "steps for that case in an operand": ("step-pc", {"kind": "wait", "signal": Signal("e", (), (), 5, 5)}),
    "a negative limit of time": ("step-number", {"timeout_ms": -1}),
    "a limit of time beyond measure": ("step-number", {"total_timeout_ms": 2**60}),
    "an unknown end of retries": ("step-choice", {"exhausted": "shrug"}),
    "an unknown way to fail fast": ("step-choice", {"fail_fast": "maybe"}),
    "an unknown answer to a crash": ("step-choice", {"on_crash": "weep"}),
    "negative attempts": ("step-retry", {"retry": Retry(-1, 1)}),
    "an endless interval": ("step-retry", {"retry": Retry(2, 2**60)}),
    "a backoff of nothing": ("step-retry", {"retry": Retry(2, 1, backoff=0.0)}),
    "a backoff that is no number": ("step-retry", {"retry": Retry(2, 1, backoff=float("nan"))}),
    "a jitter of more than all": ("step-retry", {"retry": Retry(2, 1, jitter=1.5)}),
    "a retry on an unknown outcome": ("step-retry", {"retry": Retry(2, 1, outcomes=("boredom",))}),
}


@pytest.mark.acceptance("PRG-05")
@pytest.mark.parametrize("fault", STEPS)
def test_a_step_with_a_fault_is_refused_with_its_own_code(fault: str) -> None:
    code, fields = STEPS[fault]
    program = in_body(lambda assembler: assembler.task("work"))
    assert verify(program) == []
    steps = (program.steps[0], msgspec.structs.replace(program.steps[1], **fields))
    assert code in {problem.code for problem in verify(msgspec.structs.replace(program, steps=steps))}


NUMBERS = [name for name, kind in get_type_hints(Step).items() if kind is int]


@pytest.mark.acceptance("PRG-05")
@pytest.mark.parametrize("number", [2**62, 2**63 - 1, -(2**63), 2**64 - 1])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_of_a_step_that_no_program_needs_is_refused(name: str, number: int) -> None:
    program = in_body(lambda assembler: assembler.task("work"))
    step = msgspec.structs.replace(program.steps[1], **{name: number})
    changed = msgspec.structs.replace(program, steps=(program.steps[0], step))
    [problem, *_] = verify(decode_program(encode_program(changed)))
    assert problem.code.startswith("step-")
    assert str(number) in problem.message or name in ("item_slot", "index_slot")


@pytest.mark.parametrize("name", ["branches", "item_slot", "depth"])
def test_a_fork_without_what_it_needs_is_refused(name: str) -> None:
    program = in_body(with_loop)
    assert verify(program) == []
    value: Any = {"branches": (), "item_slot": -1, "depth": 1}[name]
    steps = (program.steps[0], msgspec.structs.replace(program.steps[1], **{name: value}))
    assert verify(msgspec.structs.replace(program, steps=steps)) != []
