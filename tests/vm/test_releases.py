"""What earlier releases have stored is loaded, verified, gone on with, and ends as it would have ended there."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.vm.releases import RELEASES, Kept, go_on, read_release
from wfe_vm.errors import ProgramError
from wfe_vm.program import Program, Step, decode_program

KEPT = [
    pytest.param(kept, id=f"{folder.name}-{name}")
    for folder in sorted(RELEASES.iterdir())
    for name, kept in read_release(folder.name).items()
]


@pytest.mark.acceptance("PRG-09", "MCH-15")
@pytest.mark.parametrize("kept", KEPT)
def test_a_parked_run_of_a_release_goes_on_to_the_same_end(kept: Kept) -> None:
    machine, _ = kept.load()
    for state in (kept.replayed(), kept.restored()):
        end = go_on(machine, state)
        assert {"status": end["status"], "ran": end["ran"]} == kept.end


def shortened(program: Any, last: str) -> bytes:
    """Return a program's bytes as of a time before the field ``last`` was there."""
    fields = msgspec.msgpack.decode(msgspec.msgpack.encode(program))
    place = Program.__struct_fields__.index(last)
    assert not any(fields[place:]), "what it lacks is what is empty"
    return msgspec.msgpack.Encoder(order="deterministic").encode(fields[:place])


@pytest.mark.acceptance("PRG-09")
def test_a_program_from_before_a_field_was_added_has_that_fields_default() -> None:
    kept = next(iter(read_release(sorted(path.name for path in RELEASES.iterdir())[0]).values()))
    program = decode_program(kept.program)
    assert decode_program(shortened(program, "secrets")) == program
    fields = msgspec.msgpack.decode(kept.program)
    steps = Program.__struct_fields__.index("steps")
    last = len(Step.__struct_fields__) - 1
    default = Step.__struct_defaults__[-1]
    if all(getattr(step, Step.__struct_fields__[last]) == default for step in program.steps):
        fields[steps] = [step[:last] for step in fields[steps]]
        assert decode_program(msgspec.msgpack.Encoder(order="deterministic").encode(fields)) == program


@pytest.mark.acceptance("PRG-04")
@pytest.mark.parametrize("more", [[None], [1, 2]])
def test_a_program_with_more_fields_than_this_release_has_is_refused(more: list[Any]) -> None:
    kept = next(iter(read_release(sorted(path.name for path in RELEASES.iterdir())[0]).values()))
    fields = msgspec.msgpack.decode(kept.program)
    with pytest.raises(ProgramError, match="no canonical encoding"):
        decode_program(msgspec.msgpack.Encoder(order="deterministic").encode([*fields, *more]))
