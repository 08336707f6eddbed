"""Changed programs are refused or run to an end: see ``fuzz_programs.py``, which does it by the million."""

from __future__ import annotations

import resource

import pytest

from tests.examples import blocks
from tests.oracle.assembler import finish, run_program
from tests.vm.fuzz_programs import attempt, fuzz
from tests.vm.mutations import mutation
from wfe_vm.events import Started
from wfe_vm.machine import Machine
from wfe_vm.program import encode_program
from wfe_vm.verify import check

ENDS = {"succeeded", "failed", "aborted", "terminated"}


@pytest.mark.acceptance("PRG-06")
@pytest.mark.parametrize("block", blocks(4, everyday=1))
def test_no_changed_program_faults(block: int) -> None:
    outcomes, findings = fuzz(seed=7, first=block * 5000, mutations=5000)
    assert not findings
    assert outcomes.total() == 5000
    accepted = sum(outcomes[end] for end in ENDS)
    assert 500 < accepted < 2500, "the changes are either too wild or too tame to show anything"


@pytest.mark.soak
@pytest.mark.acceptance("PRG-06")
def test_fifty_thousand_changed_programs_neither_fault_nor_grow() -> None:
    fuzz(seed=8, first=0, mutations=5000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _, findings = fuzz(seed=8, first=5000, mutations=45_000)
    assert not findings
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 32 * 1024, f"{grown} KiB more"


def test_a_mutation_is_found_again_by_its_number() -> None:
    for number in range(300):
        first, second = mutation(5, number), mutation(5, number)
        assert (first and encode_program(first)) == (second and encode_program(second))


def test_what_faults_is_told_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted = next(number for number in range(1000) if attempt(5, number) in ENDS)

    def fault(program: object, seed: int) -> str:
        raise AssertionError("something is wrong")

    monkeypatch.setattr("tests.vm.fuzz_programs.live", fault)
    _, findings = fuzz(seed=5, first=accepted, mutations=1)
    assert findings == [f"mutation {accepted} of seed 5: AssertionError: something is wrong"]


def test_a_sleep_beyond_all_times_is_an_error_of_its_step() -> None:
    assembler = run_program()
    step = assembler.step("nap", "sleep")
    assembler.begin(step)
    assembler.load(2**63 - 1)
    assembler.emit("SLEEP", step)
    assembler.exit(step)
    finish(assembler)
    program = assembler.program()
    check(program)
    machine = Machine(program)
    state = machine.new_state("run", "name", "hash")
    machine.advance(state, Started(1000, {}, {}))
    assert state.end is not None
    status, _, error = state.end
    assert (status, error.kind, error.step) == ("failed", "arithmetic", "nap")
