"""The floor of WFE: programs, and a machine that runs them without doing input or output.

For those who bring their own I/O: decode and ``check`` a program, make a ``Machine`` of it, ``advance``
a state by events and carry out the commands that come back.
"""

from typing import TYPE_CHECKING, Any

from .errors import ExpressionError, InternalError, MachineError, ProgramError, StateError
from .outcome import Failure
from .program import Program, SourceMap, decode_program, encode_program, hash_of

if TYPE_CHECKING:
    from .machine import Advance, Machine
    from .state import State
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
    "decode_program",
    "encode_program",
    "hash_of",
    "verify",
]

_LAZY = {"Advance": "machine", "Machine": "machine", "State": "state", "check": "verify", "verify": "verify"}


def __getattr__(name: str) -> Any:
    # The compiler reads programs and never runs one: it need not load the machine.
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_LAZY[name]}", __name__), name)
