"""The part of the verifier that looks at a program's tables: its constants, types, sizes and surroundings.

This file owns what can be said without the code, and the order of these checks; the rows of the step table are
``verify_steps.py``'s. It knows nothing of stacks and of flow: that is ``verify.py``, which calls it and is what
others import.

Rules:

1. Nothing here raises, whatever a decoded program holds.
2. What the machine relies on without a look of its own is checked here: indexes, sizes that decide
   how much memory a run takes, and numbers that must fit 64 bits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from .isa import ISA_VERSION
from .program import FORMAT_VERSION, NO_PC, RESERVED_SLOTS, Parameter, Program
from .step_rows import StepRow
from .typeterms import parse_type
from .values import check_plain
from .verify_problems import LARGEST_NUMBER, Report
from .verify_steps import verify_steps

__all__ = ["verify_tables"]

ON_FULL: Final = frozenset({"queue", "replace", "cancel_running", "reject"})
NETWORKS: Final = frozenset({"bridge", "host"})
LAST_PORT: Final = 65_535
MISSED: Final = ("skip", "once", "all")


def verify_tables(program: Program, rows: list[StepRow], words: int, report: Report) -> None:
    """Check all of a program but its code, which is ``words`` long; each problem goes to ``report``.

    ``rows`` is the program's step table.
    """
    if program.format > FORMAT_VERSION or program.format < 1:
        report("format", f"the program has format {program.format}, this host reads up to {FORMAT_VERSION}")
    if program.isa > ISA_VERSION or program.isa < 1:
        report("isa", f"the program needs instruction set {program.isa}, this host has {ISA_VERSION}")
    _check_sizes(program, rows, words, report)
    for index, constant in enumerate(program.constants):
        flaw = _flaw_of(constant)
        if flaw:
            report("constant-value", f"constant {index} {flaw}")
    known_types: set[str] = set()
    _check_parameters("input", program.inputs, known_types, report)
    _check_parameters("output", program.outputs, known_types, report)
    if not program.steps:
        report("steps-empty", "the program has no steps, not even the run itself")
        return

    def check_type(owner: str, text: str) -> None:
        _check_type(owner, text, known_types, report)

    verify_steps(program, rows, known_types, check_type, report)
    _check_surroundings(program, report)


def _check_sizes(program: Program, rows: list[StepRow], words: int, report: Report) -> None:
    """Refuse sizes that no honest code of this length can need, as the machine allocates by them."""
    sizes = program.scope_sizes
    if not sizes or sizes[0] < RESERVED_SLOTS:
        report("scope-sizes", f"the run's own scope needs at least its {RESERVED_SLOTS} reserved slots")
    nameable = 64 + words + 8 * len(rows)
    loops = 0
    for row in rows:
        nameable += len(row.outputs)
        loops += row.kind == "for_each"
    for depth, size in enumerate(sizes):
        if not 0 <= size <= nameable:
            report(
                "scope-sizes",
                f"a scope at depth {depth} has no use for {size} slots in such a program",
            )
    if len(sizes) > loops + 1:
        report("scope-sizes", f"{len(sizes)} scopes are nested, but only {loops} steps open one")
    if not 0 <= program.max_stack <= 64 + words:
        report("stack-size", f"{words} words of code can need no stack of {program.max_stack} items")
    if not 0 <= program.locals <= 64 + words:
        report("local-count", f"{words} words of code can need no {program.locals} locals")


def _check_surroundings(program: Program, report: Report) -> None:
    """Check what lies around the steps: the group of runs, the services and the slot that tells of them."""
    concurrency = program.concurrency
    if concurrency is not None:
        if not 1 <= concurrency.limit <= LARGEST_NUMBER or concurrency.on_full not in ON_FULL:
            report("concurrency", f"{concurrency.limit} runs at once and {concurrency.on_full!r} are no such limit")
        if program.preparation is None:
            report("concurrency", "the program has a concurrency group and no preparation that tells which")
    for schedule in program.schedule:
        if schedule.missed not in MISSED:
            report("schedule", f"{schedule.missed!r} is nothing that becomes of times that were missed")
    names: set[str] = set()
    for service in program.services:
        if service.name in names:
            report("service", f"the service {service.name!r} is declared twice")
        names.add(service.name)
        probe = service.readiness
        ports = list(service.ports)
        if probe is not None:
            ports += [port for port in (probe.tcp_port, probe.http_port) if port]
        if not all(1 <= port <= LAST_PORT for port in ports) or service.network not in NETWORKS:
            report("service", f"the service {service.name!r} has a port or a network that can't be")
        if probe is not None:
            numbers = (probe.interval_ms, probe.timeout_ms, probe.retries)
            if sum(map(bool, (probe.command, probe.tcp_port, probe.http_port))) != 1:
                report("service", f"the service {service.name!r} is asked in no way, or in several")
            if not all(0 <= number <= LARGEST_NUMBER for number in numbers):
                report("service", f"the service {service.name!r} has a time or count outside 0 to {LARGEST_NUMBER}")
    _check_secrets(program, report)
    slot = program.services_slot
    if slot != NO_PC and not (program.scope_sizes and RESERVED_SLOTS <= slot < program.scope_sizes[0]):
        report("services-slot", f"slot {slot} of the run can't hold its services")


def _check_secrets(program: Program, report: Report) -> None:
    names: set[str] = set()
    for secret in program.secrets:
        if secret.name in names or sum(map(bool, (secret.env, secret.file, secret.command))) != 1:
            report("secret", f"the secret {secret.name!r} is declared twice, or comes from nowhere or several places")
        names.add(secret.name)
    for use in program.secret_uses:
        if not 0 < use.step < len(program.steps) or program.steps[use.step].kind != "task" or not use.path:
            report("secret-use", f"a secret is used in step {use.step}, where no configuration can hold one")
        if not all(part in names for part in use.parts if part):
            report("secret-use", f"step {use.step} uses a secret that the program does not declare")


def _check_parameters(what: str, rows: Iterable[Parameter], known_types: set[str], report: Report) -> None:
    names: set[str] = set()
    for row in rows:
        if row.name in names:
            report("parameter-name", f"the {what} {row.name!r} is declared twice")
        names.add(row.name)
        _check_type(f"the {what} {row.name!r}", row.type, known_types, report)
        for value in (row.default, *row.enum):
            flaw = _flaw_of(value)
            if flaw:
                report("parameter-value", f"a default or choice of the {what} {row.name!r} {flaw}")


def _check_type(owner: str, text: str, known_types: set[str], report: Report) -> None:
    if text in known_types:
        return
    try:
        parse_type(text)
    except Exception as error:  # whatever the parser makes of a forged text, the answer is the same
        report("type-term", f"{owner} has the type {text!r}, which is none: {error}")
    else:
        known_types.add(text)


def _flaw_of(value: Any) -> str:
    """Return why a value is not one that a run can hold, or an empty text."""
    if value is None or type(value) is bool or (type(value) is str and value.isascii()):
        return ""  # most constants are plain texts
    problem = check_plain(value)
    return "" if problem is None else f"is no plain value: {problem}"
