"""The floor of WFE: programs, and a machine that runs them without doing input or output.

For those who bring their own I/O: decode and ``check`` a program, make a ``Machine`` of it, ``advance``
a state by ``events`` and carry out the ``commands`` that come back. What an advance changed is a delta: kept, the
deltas give the state again.
"""

from typing import TYPE_CHECKING, Any

from .errors import ExpressionError, InternalError, MachineError, ProgramError, StateError
from .outcome import Failure
from .program import Program, SourceMap, decode_program, encode_program, hash_of

if TYPE_CHECKING:
    from . import commands, events
    from .machine import Advance, Machine
    from .program_file import read_program_file
    from .state import State, decode_delta, encode_delta, restore
    from .verify import check, verify

__all__ = [
    "Advance",
    "ExpressionError",
    "Failure",
    "InternalError",
    "Machine",
    "MachineError",
    "Program",
    "ProgramError",
    "SourceMap",
    "State",
    "StateError",
    "check",
    "commands",
    "decode_delta",
    "decode_program",
    "encode_delta",
    "encode_program",
    "events",
    "hash_of",
    "read_program_file",
    "restore",
    "verify",
]

_LAZY = {
    "Advance": "machine",
    "Machine": "machine",
    "State": "state",
    "check": "verify",
    "decode_delta": "state",
    "encode_delta": "state",
    "read_program_file": "program_file",
    "restore": "state",
    "verify": "verify",
}
_MODULES = ("commands", "events")


def __getattr__(name: str) -> Any:
    # The compiler reads programs and never runs one: it need not load the machine.
    from importlib import import_module

    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_LAZY[name]}", __name__), name)
