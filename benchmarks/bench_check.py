"""How long does `wfec check` take, next to the parser alone?

The floor is the bare `compose` of PyYAML's C parser on the same text: a tree of nodes, nothing looked at. Both run
with the garbage collector as Python leaves it; the compiler switches it off by itself while it works. The whole
command is timed but for the start of the process. ``python -m benchmarks.bench_check``.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from functools import partial
from pathlib import Path

import yaml

from wfe_runtime.cli.main import run

from .documents import yaml_file
from .measure import Contender, compete, options, report

GOOD = (0, "no mistakes in 1 file\n")


def composed(text: str) -> int:
    """Compose a text, and return how many steps its tree has."""
    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    _, workflow = root.value[0]
    return next(len(node.value) for key, node in workflow.value if key.value == "steps")


def checked(path: str) -> tuple[int, str]:
    """Run the command, and return its exit code and what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = run(["check", path])
    return code, printed.getvalue()


def main() -> None:
    chosen = options(__doc__ or "", rounds=5)
    with tempfile.TemporaryDirectory() as folder:
        for steps in (20, 10_000):
            text = yaml_file(steps)
            path = Path(folder) / f"{steps}.yaml"
            path.write_text(text)
            contenders = [
                Contender("PyYAML's C compose", 1, partial(composed, text), steps.__eq__),
                Contender("wfec check", 1, partial(checked, str(path)), GOOD.__eq__),
            ]
            compete(contenders, chosen.rounds * (10 if steps < 1000 else 1))
            lines = text.count("\n")
            report(f"checking {lines:,} lines of {steps:,} steps", contenders, "file", chosen.json)


if __name__ == "__main__":
    main()
