"""Writes ``functions.py`` from the library's table: ``python -m wfe_dsl.builder.generate`` (``--check`` only looks)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from wfe_vm.generated import keep_generated
from wfe_vm.library import FUNCTIONS_BY_NAME, Function

__all__ = ["functions_module", "main"]

MODULE: Final = "wfe_dsl/builder/functions.py"
HEAD: Final = '''"""The functions of the expression language, for expressions in Python; ``generate`` writes this file.

``map`` and ``filter``, which bind a variable, are ``map_`` and ``filter_`` of the package.
"""

from __future__ import annotations

from .expressions import OMITTED, Expression, Operand, call

'''


def functions_module() -> str:
    """Return the text of ``functions.py``."""
    names = "".join(f'    "{name}",\n' for name in sorted(FUNCTIONS_BY_NAME))
    rows = sorted(FUNCTIONS_BY_NAME.values(), key=lambda row: row.number)
    return HEAD + f"__all__ = [\n{names}]\n" + "".join(map(_function, rows))


def _function(row: Function) -> str:
    taken, given = [], []
    for parameter in row.parameters:
        star = "*" if parameter.repeated else ""
        taken.append(f"{star}{parameter.name}: Operand{' = OMITTED' if parameter.optional else ''}")
        given.append(f"{star}{parameter.name}")
    doc = row.doc.replace("\\", "\\\\").replace("`", "``")
    quoted = f'    """{doc}"""'
    if len(quoted) > 120:
        first, _, rest = doc.partition(". ") if ". " in doc else ("", "", "")
        quoted = f'    """{first}.\n\n    {rest}\n    """' if first else _folded(doc)
    return (
        f"\n\ndef {row.name}({', '.join(taken)}) -> Expression:\n{quoted}\n"
        f'    return call("{row.name}", {", ".join(given)})\n'
    )


def _folded(doc: str) -> str:
    at = doc.rindex(" ", 0, 110)
    return f'    """{doc[:at]}\n    {doc[at + 1 :]}\n    """'


def main(arguments: Sequence[str] | None = None, root: Path | None = None) -> int:
    """Write the module, or with ``--check`` compare it; returns the exit code."""
    files = {MODULE: functions_module()}
    return keep_generated("wfe_dsl.builder.generate", "the library's table", files, arguments, root)


if __name__ == "__main__":
    sys.exit(main())
