"""How long does a process take to start and say something?

The floor of `wfec --help` is an argparse program with as many commands, which prints its help; that of the import
is a bare interpreter. Each round is a process of its own. ``python -m benchmarks.bench_startup``.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from wfe_runtime.cli.main import VERBS

from .documents import yaml_file
from .measure import ROOT, Contender, compete, options, report

ARGPARSE = f"""
import argparse
parser = argparse.ArgumentParser(prog="bare", description="a program of so many commands")
commands = parser.add_subparsers()
for name, text in {[(name, text) for name, (_, text) in VERBS.items()]!r}:
    commands.add_parser(name, help=text)
parser.parse_args()
"""


def printed(*command: str) -> str:
    """Run a command; return what it printed, or an empty text where it failed."""
    result = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    return result.stdout if result.returncode == 0 else ""


def has_verbs(text: object) -> bool:
    return all(name in str(text) for name in VERBS)


def main() -> None:
    chosen = options(__doc__ or "", rounds=20)
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.py"
        bare.write_text(ARGPARSE)
        contenders = [
            Contender("argparse, bare", 1, partial(printed, str(bare), "--help"), has_verbs),
            Contender("wfec --help", 1, partial(printed, "-m", "wfe_runtime", "--help"), has_verbs),
        ]
        compete(contenders, chosen.rounds)
        report("help", contenders, "process", chosen.json)

        contenders = [
            Contender("python -c pass", 1, partial(printed, "-c", "print(1)"), "1\n".__eq__),
            Contender("import wfe_runtime", 1, partial(printed, "-c", "import wfe_runtime; print(1)"), "1\n".__eq__),
        ]
        compete(contenders, chosen.rounds)
        report("import", contenders, "process", chosen.json)

        source, compiled = Path(folder) / "large.yaml", Path(folder) / "large.wfc"
        source.write_text(yaml_file(1000))
        wfec = ("-m", "wfe_runtime")
        assert printed(*wfec, "compile", str(source), "-o", str(compiled)), "the file does not compile"
        hashes = printed(*wfec, "compile", str(compiled), "--hash")
        assert hashes, "the compiled file can't be read"
        contenders = [
            Contender(name, 1, partial(printed, *wfec, "compile", *more, "--hash"), hashes.__eq__)
            for name, more in (
                ("from the compiled file", (str(compiled),)),
                ("from YAML that was compiled before", (str(source),)),
                ("from YAML, --no-cache", (str(source), "--no-cache")),
            )
        ]
        compete(contenders, max(3, chosen.rounds // 4))
        report("programs of 1,000 steps at hand", contenders, "process", chosen.json)


if __name__ == "__main__":
    main()
