"""The verifier: says whether a program is safe to run, before it runs.

This file owns the order of the checks and what the user of the verifier sees. ``verify_table.py``
looks at constants and sizes, ``verify_steps.py`` at the steps, ``verify_code.py`` at each instruction by itself,
``verify_flow.py`` at every way through the code, ``verify_places.py`` at what is found by a search. None runs
anything or knows the language.

Rules:

1. ``verify`` never raises on a program that ``decode_program`` gave.
2. What it accepts, the machine may run without a look of its own at indexes, depths and nesting; what
   depends on values (a map's keys, a list to iterate) stays with the machine.
3. The cost is linear in the program.
"""

from __future__ import annotations

from typing import Final

from .collector import collector_off
from .errors import ProgramError
from .program import Program, unpack_code
from .step_rows import rows_of
from .verify_code import verify_code
from .verify_flow import verify_flow
from .verify_places import verify_places
from .verify_problems import Problem, Report
from .verify_table import verify_tables

__all__ = ["Problem", "check", "verify"]

_MAX_PROBLEMS: Final = 100


def check(program: Program) -> None:
    """Raise ProgramError with the first problem's code and pc unless the program is safe to run."""
    problems = verify(program)
    if problems:
        first = problems[0]
        raise ProgramError(first.code, first.message, first.pc)


def verify(program: Program) -> list[Problem]:
    """Return why the program is not safe to run, in the order found; an empty list if it is.

    At most a hundred problems are told. The ways through the code are only followed once all else is
    right.
    """
    problems: list[Problem] = []

    def report(code: str, message: str, pc: int | None = None) -> None:
        if len(problems) < _MAX_PROBLEMS:
            problems.append(Problem(code, message, pc))

    with collector_off():
        _verify_all(program, problems, report)
    return problems


def _verify_all(program: Program, problems: list[Problem], report: Report) -> None:
    """Check one part after the other, until one has reported a problem."""
    try:
        words = unpack_code(program.code)
    except ProgramError as error:
        report(error.code, error.message)
        return
    rows = rows_of(program)
    verify_tables(program, rows, len(words), report)
    if problems:
        return
    gathered = verify_code(program, rows, words, report)
    if problems:
        return
    met = verify_flow(program, rows, words, gathered, report)
    if problems:
        return
    verify_places(rows, words, met, report)
    if program.preparation is not None and not problems:
        _verify_preparation(program.preparation, report)


def _verify_preparation(preparation: Program, report: Report) -> None:
    """Check the program that runs before another: it does no work, waits for nothing and has none itself."""
    if preparation.preparation is not None:
        report("preparation", "the program's preparation has a preparation itself")
        return
    for step in preparation.steps:
        if step.kind not in ("run", "return"):
            report("preparation", f"the program's preparation has a step of kind {step.kind!r}")
            return
    for problem in verify(preparation):
        report(problem.code, f"in the program's preparation, {problem.message}", problem.pc)
