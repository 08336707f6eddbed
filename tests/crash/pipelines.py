"""Pipelines whose steps leave a line each, and what a store and those lines say of a run of one.

Every task appends ``run path attempt`` to a file, with O_APPEND, before it ends. So a step that ran twice has two
lines, and one that never ran has none, whatever the engine believes.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path
from typing import Any

from wfe_runtime.providers import open_store
from wfe_runtime.providers.contracts import Store
from wfe_runtime.providers.rows import RunFilter, RunRow
from wfe_vm.state import Record, decode_delta

__all__ = [
    "EFFECTS",
    "Attempt",
    "Journal",
    "count_effects",
    "every_construct",
    "many_steps",
    "read_journal",
    "steps_left",
]

EFFECTS = "effects.txt"
APPEND = f'printf "%s %s %s\\n" "$WFE_RUN_ID" "$WFE_STEP" "$WFE_ATTEMPT" >> {EFFECTS}'

Attempt = tuple[str, str, int]
"""A run's id, a step's path, an attempt's number."""


def every_construct() -> str:
    """Return a pipeline of what a run can be doing when it is killed, in few steps."""
    return f"""
_run: &run {{run: '{APPEND}'}}
workflows:
  - id: main
    version: 1
    outputs: {{squares: list<integer>, child: string, picked: integer, heard: any}}
    concurrency: {{group: killed}}
    ensure: {{name: goodbye, config: *run}}
    steps:
      - {{name: first, config: *run}}
      - name: block
        sequence:
          - name: hooked
            config: *run
            on_success: {{name: after-hooked, config: *run}}
            ensure: {{name: always, config: *run}}
          - name: flaky
            config: {{run: '{APPEND}; [ "$WFE_ATTEMPT" -ge 3 ]'}}
            retry: {{attempts: 5, interval: 5ms}}
      - name: both
        parallel:
          - name: left
            sequence: [{{name: left-1, config: *run}}, {{name: left-2, config: *run}}]
          - {{name: right, config: *run}}
          - name: call
            type: workflow
            config: {{workflow: child}}
            inputs: {{word: "'well'"}}
            outputs: [{{name: word, type: string}}]
      - name: each
        for_each: '[1, 2, 3, 4]'
        limit: 2
        collect: {{squares: steps.square.output.square}}
        do:
          - name: square
            config:
              env: {{N: '${{{{ item }}}}'}}
              run: '{APPEND}; echo "##wfe[output square=$((N * N))]"'
            outputs: [{{name: square, type: integer}}]
      - {{publish: {{event: done, key: '${{{{ run.id }}}}', data: 7}}}}
      - {{name: heard, wait: {{event: done, key: '${{{{ run.id }}}}'}}}}
      - {{publish: {{event: done, key: '${{{{ run.id }}}}', data: 8}}}}
      - name: quickest
        race: [{{name: hare, config: *run}}, {{name: tortoise, sleep: 1h}}]
      - name: trip
        continue_on_failure: true
        saga:
          - name: booked
            parallel:
              - {{name: hotel, config: *run, compensate: {{name: no-hotel, config: *run}}}}
              - {{name: flight, config: *run, compensate: {{name: no-flight, config: *run}}}}
          - {{name: broke, config: {{run: '{APPEND}; exit 7'}}}}
      - {{name: nap, sleep: 5ms}}
      - name: tolerated
        continue_on_failure: true
        config: {{run: '{APPEND}; exit 7'}}
        on_failure: {{name: sorry, config: *run}}
      - {{set: {{picked: 'vars.squares[2]'}}}}
      - {{set: {{heard: steps.heard.output.data}}}}
      - return: {{squares: vars.squares, child: steps.call.output.word, picked: vars.picked, heard: vars.heard}}
  - id: child
    version: 1
    inputs: {{word: string}}
    outputs: {{word: string}}
    steps:
      - {{name: listen, config: *run}}
      - name: answer
        config: {{run: '{APPEND}; echo "##wfe[output word=$WORD]"'}}
        outputs: [{{name: word, type: string}}]
      - return: {{word: outputs.word}}
"""


def many_steps(sequence: int, branches: tuple[int, ...], items: int, child: int) -> str:
    """Return a pipeline of so many steps in a row, branches of so many, iterations, and steps of a child."""
    lines = [
        f"_run: &run {{run: '{APPEND}'}}",
        "workflows:",
        "  - id: main",
        "    version: 1",
        "    outputs: {doubles: list<integer>, child: integer}",
        "    steps:",
        *(f"      - {{name: s{number}, config: *run}}" for number in range(sequence // 2)),
        "      - name: branches",
        "        parallel:",
    ]
    for branch, length in enumerate(branches):
        lines += [f"          - name: branch-{branch}", "            sequence:"]
        lines += [f"              - {{name: b{branch}-{number}, config: *run}}" for number in range(length)]
    lines += [
        "      - name: each",
        f"        for_each: '[{', '.join(map(str, range(items)))}]'",
        "        limit: 4",
        "        collect: {doubles: steps.double.output.double}",
        "        do:",
        "          - name: double",
        "            config:",
        "              env: {N: '${{ item }}'}",
        f"              run: '{APPEND}; echo \"##wfe[output double=$((N + N))]\"'",
        "            outputs: [{name: double, type: integer}]",
        "      - name: call",
        "        type: workflow",
        "        config: {workflow: child}",
        "        outputs: [{name: steps, type: integer}]",
        *(f"      - {{name: s{number}, config: *run}}" for number in range(sequence // 2, sequence)),
        "      - return: {doubles: vars.doubles, child: steps.call.output.steps}",
        "  - id: child",
        "    version: 1",
        "    outputs: {steps: integer}",
        "    steps:",
        *(f"      - {{name: c{number}, config: *run}}" for number in range(child)),
        f"      - return: {{steps: '{child}'}}",
    ]
    return "\n".join(lines) + "\n"


def count_effects(folder: Path) -> Counter[Attempt]:
    """Return how many lines each attempt has left."""
    path = folder / EFFECTS
    if not path.exists():
        return Counter()
    lines = [line.split(" ") for line in path.read_text().splitlines()]
    return Counter((run, step, int(attempt)) for run, step, attempt in lines)


class Journal:
    """What a store holds of all its runs."""

    def __init__(self, runs: list[RunRow], records: list[tuple[RunRow, Record]]) -> None:
        self.runs = runs
        self.records = records

    @property
    def started(self) -> set[Attempt]:
        """The attempts whose start is durable."""
        return {(run.id, record.path, record.attempt) for run, record in self.records if record.what == "started"}

    @property
    def ended(self) -> set[Attempt]:
        """The attempts whose end is durable."""
        return {(run.id, record.path, record.attempt) for run, record in self.records if record.what == "ended"}

    def history(self) -> list[tuple[Any, ...]]:
        """Return each line of each run's history, without what differs between two runs, in an order of its own."""
        return sorted(
            (run.workflow, record.path, record.attempt, record.what, record.status) for run, record in self.records
        )

    def workflow_of(self, run: str) -> str:
        return next(row.workflow for row in self.runs if row.id == run)

    def named(self, effects: Counter[Attempt]) -> Counter[tuple[str, str, int]]:
        """Return effects by workflow, path and attempt, which are the same in every run of a pipeline."""
        return Counter({(self.workflow_of(run), step, number): n for (run, step, number), n in effects.items()})


def read_journal(folder: Path, file: str = ".wfe/wfe.db") -> Journal:
    """Read the store in a folder, which may be that of a killed process; one that isn't there has no run."""

    async def read() -> Journal:
        store: Store = open_store(f"sqlite:///{folder / file}")
        await store.open()
        try:
            runs = await store.list_runs(RunFilter())
            records = []
            for run in runs:
                for row in await store.read_journal(run.id, limit=0):
                    records += [(run, record) for record in decode_delta(row.delta).records]
            return Journal(runs, records)
        finally:
            await store.close()

    return asyncio.run(read()) if (folder / file).exists() else Journal([], [])


def steps_left(runs: list[RunRow]) -> list[int]:
    """Return the ids of processes that a step of these runs has started and that still are there."""
    wanted = [f"WFE_RUN_ID={run.id}".encode() for run in runs]
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                variables = Path(f"/proc/{name}/environ").read_bytes().split(b"\0")
            except OSError:
                continue  # it has ended, or is not ours
            if any(variable in wanted for variable in variables):
                found.append(int(name))
    return found
