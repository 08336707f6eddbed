"""The part of the verifier that looks at a program's tables: its steps, constants, types and sizes.

This file owns what can be said without following the code. It knows nothing of stacks and of flow:
that is ``verify.py``, which calls it and is what others import.

Rules:

1. Nothing here raises, whatever a decoded program holds.
2. What the machine relies on without a look of its own is checked here: indexes, sizes that decide
   how much memory a run takes, and numbers that must fit 64 bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

import msgspec

from .isa import ISA_VERSION
from .program import FORMAT_VERSION, NO_PC, RESERVED_SLOTS, Parameter, Program, Retry, Step
from .typeterms import parse_type
from .values import check_plain

__all__ = ["PC_FIELDS", "Problem", "Report", "pcs_of", "step_pcs", "verify_tables"]

LARGEST_NUMBER: Final = 2**53
"""Of a length in milliseconds or a count: sums of them still fit 64 bits."""

KINDS: Final = frozenset(
    {
        "run",
        "task",
        "workflow",
        "sequence",
        "saga",
        "parallel",
        "race",
        "if",
        "switch",
        "while",
        "until",
        "for_each",
        "set",
        "return",
        "fail",
        "sleep",
        "sleep_until",
        "wait",
        "approve",
        "publish",
    }
)
SIGNALS: Final = frozenset({"wait", "approve", "publish"})
"""Kinds that say of what event or question they are."""

EXHAUSTED: Final = frozenset({"fail", "suspend", "terminate", "compensate"})
RETRY_OUTCOMES: Final = frozenset({"failure", "error", "timeout"})
FAIL_FAST: Final = frozenset({"never", "cancel", "stop"})
ON_CRASH: Final = frozenset({"rerun", "fail"})
ON_FULL: Final = frozenset({"queue", "replace", "cancel_running", "reject"})
NETWORKS: Final = frozenset({"bridge", "host"})
LAST_PORT: Final = 65_535


PC_FIELDS: Final = ("entry", "exit", "on_success", "on_failure", "on_error", "on_abort", "ensure", "compensation")
"""The fields of a step that hold a pc, its branches apart."""


class Problem(msgspec.Struct, frozen=True):
    """Why a program is not safe to run. ``code`` is stable; ``pc`` is where, if in its code."""

    code: str
    message: str
    pc: int | None = None


class Report(Protocol):
    """Takes in a problem."""

    def __call__(self, code: str, message: str, pc: int | None = None, /) -> None: ...


_Flaw = Callable[[str, str], None]
"""Takes the code and the message of what is wrong with one step."""


def step_pcs(step: Step) -> tuple[tuple[str, int], ...]:
    """Return the pcs that a step names, each with what it is, leaving out those it has not."""
    named = zip((*PC_FIELDS, "on_timeout"), pcs_of(step), strict=True)
    return tuple((name, pc) for name, pc in named if pc != NO_PC) + tuple(("branch", pc) for pc in step.branches)


def pcs_of(step: Step) -> tuple[int, ...]:
    """Return the step's PC_FIELDS and its signal's ``on_timeout``; NO_PC is one that it has not."""
    hooks = (step.on_success, step.on_failure, step.on_error, step.on_abort, step.ensure)
    timed_out = NO_PC if step.signal is None else step.signal.on_timeout
    return (step.entry, step.exit, *hooks, step.compensation, timed_out)


MISSED: Final = ("skip", "once", "all")


def verify_tables(program: Program, words: int, report: Report) -> None:
    """Check all of a program but its code, which is ``words`` long; each problem goes to ``report``."""
    if program.format > FORMAT_VERSION or program.format < 1:
        report("format", f"the program has format {program.format}, this host reads up to {FORMAT_VERSION}")
    if program.isa > ISA_VERSION or program.isa < 1:
        report("isa", f"the program needs instruction set {program.isa}, this host has {ISA_VERSION}")
    _check_sizes(program, words, report)
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
    for index, step in enumerate(program.steps):
        _check_step(program, index, step, known_types, report)
    _check_surroundings(program, report)


def _check_sizes(program: Program, words: int, report: Report) -> None:
    """Refuse sizes that no honest code of this length can need, as the machine allocates by them."""
    sizes = program.scope_sizes
    if not sizes or sizes[0] < RESERVED_SLOTS:
        report("scope-sizes", f"the run's own scope needs at least its {RESERVED_SLOTS} reserved slots")
    nameable = 64 + words + sum(8 + len(step.outputs) for step in program.steps)
    for depth, size in enumerate(sizes):
        if not 0 <= size <= nameable:
            report(
                "scope-sizes",
                f"a scope at depth {depth} has no use for {size} slots in such a program",
            )
    loops = sum(step.kind == "for_each" for step in program.steps)
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


def _check_step(program: Program, index: int, step: Step, known_types: set[str], report: Report) -> None:
    def flaw(code: str, message: str) -> None:
        report(code, f"step {index} ({step.path or step.name}) {message}")

    _check_place(program, index, step, flaw)
    for number in (step.timeout_ms, step.total_timeout_ms, step.limit, step.max_passes):
        if number and not 0 <= number <= LARGEST_NUMBER:  # most are 0
            flaw("step-number", f"has a time or count of {number}, which is outside 0 to {LARGEST_NUMBER}")
    if step.exhausted not in EXHAUSTED or step.fail_fast not in FAIL_FAST or step.on_crash not in ON_CRASH:
        flaw(
            "step-choice",
            f"asks for {step.exhausted!r}, {step.fail_fast!r} or {step.on_crash!r}, not all known",
        )
    if step.retry is not None:
        _check_retry(step.retry, flaw)
    if (step.kind == "workflow") != (step.child is not None):
        flaw("step-child", f"is of kind {step.kind!r}, and a child belongs to the kind 'workflow' alone")
    if step.child is not None and not 0 <= step.child.version <= LARGEST_NUMBER:
        flaw("step-child", f"asks for version {step.child.version} of its child")
    _check_signal(step, flaw)
    if not 0 <= step.depth < len(program.scope_sizes):
        flaw(
            "step-depth",
            f"has depth {step.depth}, the program {len(program.scope_sizes)} nested scopes",
        )
        return
    _check_slots(program, index, step, flaw)
    _check_compensation(program, index, step, flaw)
    _check_branches(program, step, flaw)
    for output in step.outputs:
        if output.type not in known_types:
            _check_type(f"step {index}'s output {output.name!r}", output.type, known_types, report)


def _check_place(program: Program, index: int, step: Step, flaw: _Flaw) -> None:
    if (step.kind == "run") != (index == 0) or step.kind not in KINDS:
        flaw("step-kind", f"has the kind {step.kind!r}")
    if index == 0:
        if step.parent != -1 or step.depth != 0:
            flaw("step-parent", "is the run itself: it has no parent and depth 0")
        return
    if not 0 <= step.parent < index:
        flaw("step-parent", f"has parent {step.parent}, which is not among the steps before it")
        return
    around = program.steps[step.parent]
    if step.depth != around.depth and not (around.kind == "for_each" and step.depth == around.depth + 1):
        flaw(
            "step-depth",
            f"has depth {step.depth} in a {around.kind} of depth {around.depth}",
        )


def _check_retry(retry: Retry, flaw: _Flaw) -> None:
    numbers = (retry.attempts, retry.interval_ms, retry.max_interval_ms, retry.max_elapsed_ms)
    if any(not 0 <= number <= LARGEST_NUMBER for number in numbers):
        flaw("step-retry", f"has a retry time or count outside 0 to {LARGEST_NUMBER}")
    if not (math.isfinite(retry.backoff) and retry.backoff > 0):
        flaw("step-retry", f"multiplies its retry interval by {retry.backoff}")
    if not 0 <= retry.jitter <= 1:  # also refuses what is no number
        flaw("step-retry", f"has a jitter of {retry.jitter}, which is not a fraction")
    if not RETRY_OUTCOMES.issuperset(retry.outcomes):
        flaw("step-retry", f"retries on {', '.join(retry.outcomes)}, not all known")


def _check_signal(step: Step, flaw: _Flaw) -> None:
    signal = step.signal
    if signal is None:
        if step.kind in SIGNALS:
            flaw("step-signal", f"is of kind {step.kind!r} and says of no event and no options")
        return
    if step.kind not in SIGNALS:
        flaw("step-signal", f"is of kind {step.kind!r}, which is of no event and no options")
    if (step.kind == "approve") != bool(signal.options) or not set(signal.options).issuperset(signal.reject):
        flaw("step-signal", "has options, or refusing ones, that an approval alone has, and not all among its options")
    if not 0 <= signal.timeout_ms <= LARGEST_NUMBER:
        flaw("step-number", f"has a time of {signal.timeout_ms}, which is outside 0 to {LARGEST_NUMBER}")
    if signal.on_timeout != NO_PC and (step.kind == "publish" or not signal.timeout_ms):
        flaw("step-signal", "has steps for the end of a time that it has not")


def _check_slots(program: Program, index: int, step: Step, flaw: _Flaw) -> None:
    """Each slot lies in its scope, and none is a reserved one of the run."""
    size = program.scope_sizes[step.depth]
    lowest = RESERVED_SLOTS if step.depth == 0 else 0
    slots = [step.slot] if index else []  # the run itself has no record
    slots += [output.slot for output in step.outputs]
    if step.hook_slot != NO_PC:
        slots.append(step.hook_slot)
    if step.collect is not None:
        slots.append(step.collect.slot)
    for slot in slots:
        if not lowest <= slot < size:
            flaw("step-slot", f"writes slot {slot}, outside of {lowest} to {size - 1}")


def _check_compensation(program: Program, index: int, step: Step, flaw: _Flaw) -> None:
    """What is kept for a compensation are slots that the step sees, and no reserved one: those it has anyhow."""
    for depth, slot in step.frozen:
        lowest = RESERVED_SLOTS if depth == 0 else 0
        if not (0 <= depth <= step.depth and lowest <= slot < program.scope_sizes[depth]):
            flaw("step-frozen", f"keeps slot {slot} at depth {depth}, which it does not see")
    if step.undoable and index:
        flaw("step-undoable", "is undone as a whole, which is for sagas and the run")


def _check_branches(program: Program, step: Step, flaw: _Flaw) -> None:
    if step.kind == "for_each":
        if len(step.branches) != 1:
            flaw("step-branches", f"is a for_each with {len(step.branches)} bodies instead of one")
        if step.depth + 1 >= len(program.scope_sizes):
            flaw("step-depth", f"loops at depth {step.depth}, but the program has no scope below that")
            return
        size = program.scope_sizes[step.depth + 1]
        bound = (step.item_slot,) if step.index_slot == NO_PC else (step.item_slot, step.index_slot)
        for slot in bound:
            if not 0 <= slot < size:
                flaw("step-slot", f"binds slot {slot} of an iteration that has {size}")
        return
    if step.kind in ("parallel", "race"):
        if not step.branches:
            flaw("step-branches", f"is a {step.kind} without a branch")
    elif step.branches:
        flaw("step-branches", f"is of kind {step.kind!r}, which has no branches")
    if step.item_slot != NO_PC or step.index_slot != NO_PC or step.collect is not None:
        flaw("step-slot", f"is of kind {step.kind!r}, which binds no item and collects nothing")


def _flaw_of(value: Any) -> str:
    """Return why a value is not one that a run can hold, or an empty text."""
    if value is None or type(value) is bool or (type(value) is str and value.isascii()):
        return ""  # most constants are plain texts
    problem = check_plain(value)
    return "" if problem is None else f"is no plain value: {problem}"
