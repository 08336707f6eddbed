"""Writes ``functions.py`` from the library's table: ``python -m wfe_dsl.builder.generate`` (``--check`` only looks)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from wfe_vm.library import FUNCTIONS_BY_NAME, Function

__all__ = ["functions_module", "main"]

PATH: Final = Path(__file__).with_name("functions.py")
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


def main(arguments: list[str]) -> int:
    """Write the module, or say whether it is as it would be written."""
    text = functions_module()
    if "--check" in arguments:
        if PATH.read_text("utf-8") == text:
            return 0
        print(f"{PATH.name} is older than the table of functions: run python -m wfe_dsl.builder.generate")
        return 1
    PATH.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
