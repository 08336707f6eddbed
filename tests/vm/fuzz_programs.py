"""Changes valid programs at random, verifies them, and runs what is accepted: nothing of it may fault.

``python -m tests.vm.fuzz_programs --mutations N --seed S`` tries so many, in a process of its own that is
started again after a crash, and says by number what went wrong; ``--only NUMBER`` tries one alone, in this
process, as a debugger or a sanitizer needs it. Faults are an exception out of the verifier or the machine,
a delta that does not give the new state, a leftover of an ended run, a crash, and no progress for minutes.
"""

from __future__ import annotations

import argparse
import mmap
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from tests.oracle.duel import Duel
from tests.oracle.programs import SCALARS, Seeded, pick
from wfe_vm import events
from wfe_vm.machine import Machine
from wfe_vm.program import Program, decode_program, encode_program
from wfe_vm.verify import verify

from .mutations import mutation

__all__ = ["attempt", "fuzz", "live"]

MAX_INSTRUCTIONS: Final = 5_000
MAX_STATE_BYTES: Final = 1024 * 1024
MAX_EVENTS: Final = 10
LAST_TIME: Final = 253_402_300_000_000  # in the year 9999: what comes later has no text
PATIENCE: Final = 300  # seconds without a step forward, on however busy a host, are a hang
MAX_FINDINGS: Final = 20


def attempt(seed: int, number: int) -> str:
    """Try one mutation. Returns ``no program``, the code of what the verifier says, or the ended run's status."""
    program = mutation(seed, number)
    if program is None:
        return "no program"
    problems = verify(program)
    if problems:
        return problems[0].code
    return live(decode_program(encode_program(program)), number)


def live(program: Program, seed: int) -> str:
    """Run a verified program under limits, on random events, to its end and through a retry of that."""
    chooser = Seeded(seed)
    duel = _Alone(program, chooser, restored=seed % 2 == 1)
    duel.machine = Machine(program, MAX_INSTRUCTIONS, MAX_STATE_BYTES)
    duel.tell(events.Started(duel.time, {"n": pick(chooser, SCALARS)}, {"docker": True}))
    for _ in range(MAX_EVENTS):
        if duel.state.end is not None:
            break
        duel.tell(duel.next_event_alone())
    if duel.state.end is None:
        duel.tell(events.Terminate(duel.time, "enough"))
    status = str(duel.state.status)
    duel.play_on(MAX_EVENTS)
    return status


class _Alone(Duel):
    """A duel without the oracle, by clocks that are possible: a run that sleeps for longer is ended."""

    def next_event_alone(self) -> events.Event:
        if self.state.due() > LAST_TIME:
            return events.Terminate(self.time, "enough")
        return super().next_event_alone()


def fuzz(
    seed: int, first: int, mutations: int, begin: Callable[[int], Any] = lambda number: None
) -> tuple[Counter[str], list[str]]:
    """Try mutations by number. Returns what came of them, and what is wrong; ``begin`` is told each before it is."""
    outcomes: Counter[str] = Counter()
    findings: list[str] = []
    for number in range(first, first + mutations):
        begin(number)
        try:
            outcomes[attempt(seed, number)] += 1
        except Exception as error:
            findings.append(f"mutation {number} of seed {seed}: {type(error).__name__}: {error}")
            if len(findings) >= MAX_FINDINGS:
                break
    return outcomes, findings


# As a command


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.vm.fuzz_programs", description=__doc__)
    parser.add_argument("--mutations", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the number to start with")
    parser.add_argument("--only", type=int, help="try this number alone, in this process")
    parser.add_argument("--progress", help=argparse.SUPPRESS)  # the file by which the inner process tells its number
    arguments = parser.parse_args()
    if arguments.only is not None:
        print(attempt(arguments.seed, arguments.only))
        return 0
    if arguments.progress:
        return _work(arguments.seed, arguments.first, arguments.mutations, arguments.progress)
    return _supervise(arguments.seed, arguments.first, arguments.mutations)


def _work(seed: int, first: int, mutations: int, progress: str) -> int:
    """Try mutations, telling by a shared page which one is at work: that outlives a crash."""
    faults = 0
    with open(progress, "r+b") as file, mmap.mmap(file.fileno(), 16) as page:

        def begin(number: int) -> None:
            page[:8] = number.to_bytes(8, "little")

        started = time.monotonic()
        outcomes: Counter[str] = Counter()
        end, next_number = first + mutations, first
        while next_number < end:
            found, findings = fuzz(seed, next_number, min(10_000, end - next_number), begin)
            outcomes += found
            for finding in findings:
                print(finding, flush=True)
            faults += len(findings)
            next_number = int.from_bytes(page[:8], "little") + 1
            page[8:] = faults.to_bytes(8, "little")
            if next_number % 100_000 < 10_000 or next_number == end:
                _tell(next_number - first, outcomes, time.monotonic() - started)
    return 1 if faults else 0


def _tell(done: int, outcomes: Counter[str], seconds: float) -> None:
    ran = sum(outcomes[status] for status in ("succeeded", "failed", "aborted", "terminated"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    rate = done / seconds if seconds else 0
    print(f"{done} mutations, {ran} of them accepted and run, {rate:.0f} a second, {peak} MiB at most", flush=True)


def _supervise(seed: int, first: int, mutations: int) -> int:
    """Have an inner process try them; start another after each crash or hang, behind what caused it."""
    crashes, faults, end = 0, 0, first + mutations
    with tempfile.NamedTemporaryFile() as file:
        while first < end and crashes < MAX_FINDINGS:
            file.seek(0)
            file.write(first.to_bytes(8, "little") + bytes(8))
            file.flush()
            command = [sys.executable, "-m", "tests.vm.fuzz_programs", "--seed", str(seed), "--first", str(first)]
            inner = subprocess.Popen([*command, "--mutations", str(end - first), "--progress", file.name])
            code = _wait(inner, file.name)
            reached, found = _read(file.name)
            faults += found
            if code in (0, 1) and reached == end - 1:
                break
            crashes += 1
            print(f"mutation {reached} of seed {seed}: the process ended with {code}", flush=True)
            first = reached + 1
    print(f"{crashes} crashes, {faults} faults", flush=True)
    return 1 if crashes or faults else 0


def _wait(inner: subprocess.Popen[bytes], progress: str) -> int | str:
    seen = -1
    while True:
        try:
            return inner.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            reached, _ = _read(progress)
            if reached == seen:
                inner.kill()
                inner.wait()
                return f"no step forward in {PATIENCE} seconds"
            seen = reached


def _read(progress: str) -> tuple[int, int]:
    with open(progress, "rb") as file:
        page = file.read(16)
    return int.from_bytes(page[:8], "little"), int.from_bytes(page[8:], "little")


if __name__ == "__main__":
    sys.exit(main())
