"""Files that follow from a table of this project: written, or held to what would be written.

This file owns how that is done for all of them, and what their commands take. What is in the files, and of which table
it is made, is each generator's own.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["keep_generated"]

_ROOT = Path(__file__).resolve().parent.parent


def keep_generated(
    module: str,
    source: str,
    files: Mapping[str, str],
    arguments: Sequence[str] | None = None,
    root: Path | None = None,
) -> int:
    """Carry out the command of a generator: write the files, or with ``--check`` compare them. Returns the exit code.

    ``module`` is what the command is run by, ``source`` what the files are made of, in words. ``files`` has texts by
    path from ``root``, which is the repository that holds this file by default; ``arguments`` are the command line's.
    """
    command = f"python -m {module}"
    parser = argparse.ArgumentParser(prog=command, description=f"Write what follows from {source}.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is out of date")
    options = parser.parse_args(arguments)
    outdated = 0
    for name, text in files.items():
        path = (root or _ROOT) / name
        if path.exists() and path.read_bytes() == text.encode():
            continue
        if options.check:
            print(f"{name} does not match {source}: run `{command}`")
            outdated += 1
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
            print(f"wrote {name}")
    return 1 if outdated else 0
