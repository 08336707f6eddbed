"""How long until a compiled program of 1,000 steps may run?

That is reading a compiled file and verifying what it holds. The floor is the bare decoding of the same bytes into
plain lists, nothing looked at. Counted is the time of the processor until the program is there; that it is thrown away
afterwards is not. ``python -m benchmarks.bench_load``.
"""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from wfe_dsl.compiler import compile_file
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.variables import Variables
from wfe_vm.program import decode_program
from wfe_vm.program_file import FiledProgram, read_program_file, write_program_file
from wfe_vm.verify import verify

from .documents import rich_yaml_file, yaml_file
from .measure import Contender, compete, options, report
from .programs import sequence

STEPS = 1000


def decoded(data: bytes) -> Any:
    """Return what is in a program's bytes, as plain lists."""
    return msgspec.msgpack.decode(data)


def loaded(data: bytes) -> FiledProgram | None:
    """Return what is in a compiled file of one program, None where the program is not safe."""
    [filed] = read_program_file(data)
    return None if verify(filed.program) else filed


def compiled(text: str) -> bytes:
    """Return the compiled file of a YAML text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.yaml"
        path.write_text(text)
        found = compile_file(str(path), Variables(), Diagnostics())
    return write_program_file((one.program, one.source_map) for one in found)


def main() -> None:
    chosen = options(__doc__ or "", rounds=50)
    plain = write_program_file([(decode_program(sequence(STEPS).program), None)])
    cases = (
        ("plain tasks", plain),
        ("conditions, outputs, source map", compiled(yaml_file(STEPS))),
        ("loops, branches, retries, records, source map", compiled(rich_yaml_file(STEPS))),
    )
    for name, data in cases:
        [filed] = read_program_file(data)
        rows = len(filed.program.steps)
        packed = msgspec.msgpack.encode(filed.program)
        listed = decoded(packed)
        contenders = [
            Contender("decoding to plain lists", 1, partial(decoded, packed), listed.__eq__, time.process_time),
            Contender("read and verified", 1, partial(loaded, data), filed.__eq__, time.process_time),
        ]
        compete(contenders, chosen.rounds)
        report(f"a program of {rows - 1:,} steps: {name}, {len(data):,} bytes", contenders, "program", chosen.json)


if __name__ == "__main__":
    main()
