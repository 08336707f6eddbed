"""What can go wrong at the floor, by whose fault it is.

::

    MachineError
      ProgramError       the program's: refused before it runs
      StateError         the stored state's: of a newer format, or damaged
      ExpressionError    the workflow's: ends a step in outcome error, never leaves the machine
      InternalError      ours: asks for a report
"""

from __future__ import annotations

__all__ = ["ExpressionError", "InternalError", "MachineError", "ProgramError", "StateError"]


class MachineError(Exception):
    """Root of the machine's errors. ``code`` is stable; the message is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class ProgramError(MachineError):
    """A program that can't be loaded or is not safe to run. ``pc`` is where, if in its code."""

    def __init__(self, code: str, message: str, pc: int | None = None) -> None:
        super().__init__(code, message if pc is None else f"{message} (pc {pc})")
        self.pc = pc


class StateError(MachineError):
    """A stored state that this host can't read."""


class ExpressionError(MachineError):
    """A value that an expression can't take.

    ``code`` is the error kind the step ends with: ``type``, ``null``, ``arithmetic`` or ``limit``.
    """


class InternalError(MachineError):
    """A bug in WFE itself."""

    def __init__(self, message: str) -> None:
        super().__init__("internal", f"{message}\nThis is a bug in WFE; please report it with the program's hash.")
