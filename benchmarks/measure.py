"""How the benchmarks measure and print: rounds in turn, medians, ratios within one run.

Machines are noisy and drift, so nothing here is an absolute claim: the contenders of a question take
turns round by round, each round's result is checked before its time counts, and what is printed first
is the ratio to the question's floor: the median of the rounds' own ratios, since a processor that changes its speed
between two rounds changes both sides of each.
"""

from __future__ import annotations

import argparse
import importlib.abc
import importlib.machinery
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent


class Contender:
    """One way to do the work. ``work`` does it once and returns a result; ``check`` says whether it is right.

    ``clock`` gives seconds: ``time.process_time`` for work that is done by this process alone, which others on the
    same machine then don't disturb.
    """

    def __init__(
        self,
        name: str,
        units: int,
        work: Callable[[], object],
        check: Callable[[object], bool],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.name = name
        self.units = units
        self.work = work
        self.check = check
        self.clock = clock
        self.seconds: list[float] = []

    def run(self) -> None:
        started = self.clock()
        result = self.work()
        elapsed = self.clock() - started
        if not self.check(result):
            raise AssertionError(f"{self.name} gave a wrong result: {result!r}")
        self.seconds.append(elapsed)

    @property
    def per_unit(self) -> float:
        """Median seconds for one unit of work."""
        return statistics.median(self.seconds) / self.units

    def ratio_to(self, floor: Contender) -> float:
        """Median, over the rounds, of how many times as long as the floor's a unit took in the same round."""
        pairs = zip(self.seconds, floor.seconds, strict=True)
        return statistics.median(mine / its for mine, its in pairs) * floor.units / self.units


def compete(contenders: Sequence[Contender], rounds: int) -> None:
    """Run the contenders in turn, one round to warm up and ``rounds`` that count."""
    for contender in contenders:
        contender.run()
        contender.seconds.clear()
    for _ in range(rounds):
        for contender in contenders:
            contender.run()


def report(question: str, contenders: Sequence[Contender], unit: str, as_json: bool) -> None:
    """Print the contenders as ratios to the first, which is the floor."""
    floor = contenders[0]
    rows = [
        {
            "name": contender.name,
            "ratio": round(contender.ratio_to(floor), 2),
            f"us_per_{unit}": round(contender.per_unit * 1e6, 3),
            f"{unit}s_per_second": round(1 / contender.per_unit),
            "fastest_us": round(min(contender.seconds) / contender.units * 1e6, 3),
            "slowest_us": round(max(contender.seconds) / contender.units * 1e6, 3),
        }
        for contender in contenders
    ]
    if as_json:
        print(json.dumps({"question": question, "rows": rows}))
        return
    print(question)
    for row in rows:
        print(
            f"  {row['ratio']:>8.2f}x  {row['name']:<46} {row[f'us_per_{unit}']:>10.3f} us/{unit}"
            f"  {row[f'{unit}s_per_second']:>11,} /s   [{row['fastest_us']:.3f} .. {row['slowest_us']:.3f}]"
        )


def options(description: str, rounds: int) -> argparse.Namespace:
    """Read the options that every benchmark has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=rounds, help="rounds that count (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object a question instead of text")
    return parser.parse_args()


class _SourceOnly(importlib.abc.MetaPathFinder):
    """Finds a package's modules as Python source, though compiled ones lie beside it."""

    def __init__(self, package: str, folder: Path) -> None:
        self.package = package
        self.folder = folder

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not fullname.startswith(f"{self.package}."):
            return None
        file = self.folder / f"{fullname.removeprefix(f'{self.package}.')}.py"
        if not file.exists():
            return None
        return importlib.util.spec_from_file_location(fullname, file)


def interpreted_machine() -> dict[str, ModuleType]:
    """Import the machine again, from source, and return its modules by name; the first import stays in place."""
    kept = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "wfe_vm"}
    for name in kept:
        del sys.modules[name]
    finder = _SourceOnly("wfe_vm", ROOT / "wfe_vm")
    sys.meta_path.insert(0, finder)
    try:
        importlib.import_module("wfe_vm.machine")
        importlib.import_module("wfe_vm.events")
        return {name: module for name, module in sys.modules.items() if name.split(".")[0] == "wfe_vm"}
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.split(".")[0] == "wfe_vm"]:
            del sys.modules[name]
        sys.modules.update(kept)
