"""Writes the files that follow from the instruction set; run it with ``python -m wfe_vm.generate``.

This file owns the form of what is generated: ``opcodes.py`` (the numbers as plain constants, for
Python), ``_opcodes.pxd`` (the same as a C enum, for the compiled machine), ``docs/reference/opcodes.md``
and, from ``phases.py``, ``_phases.pxd``. It adds no fact of its own.

Rules:

1. The output depends on those two files and nothing else, so a second run changes nothing.
2. ``--check`` writes nothing and fails if a file differs from what would be written.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from . import phases
from .generated import keep_generated
from .isa import ISA_VERSION, ROWS, Flag, Operand, Row

__all__ = ["generated_files", "main"]

_NOTICE = "Generated from wfe_vm/isa.py by `python -m wfe_vm.generate`; do not edit."

_GROUPS = {
    "LOAD_CONST": "Values",
    "EQUAL": "Operators",
    "JUMP": "Control within an expression or a block",
    "ENTER": "Steps",
}
"""The first opcode of each section of the reference page."""

_OPERAND_MEANINGS = {
    Operand.CONSTANT: "index into the program's constants",
    Operand.NAME: "index into the program's constants; the constant is a text",
    Operand.DEPTH: "how many iterations enclose the scope that holds the slot",
    Operand.SLOT: "index into that scope",
    Operand.LOCAL: "variable bound by `map` or `filter`; lives within one expression",
    Operand.COUNT: "number of stack items taken",
    Operand.TARGET: "pc of an instruction",
    Operand.STEP: "index into the program's step table",
    Operand.FUNCTION: "number of a row of the function library",
    Operand.GATHER: "index into the program's constants; the constant lists `[name, depth, slot]`",
}

_FLAG_MEANINGS = {
    Flag.JUMP: "may go to its target",
    Flag.STOP: "never falls through to the next instruction by itself",
    Flag.SUSPEND: "the pointer may wait here: the stack must be empty after it",
    Flag.MAY_FAIL: "may end the step in error",
    Flag.PURE: "reads and writes nothing but the stack",
}


def generated_files() -> dict[str, str]:
    """Return the text of every generated file, by its path from the root of the repository."""
    return {
        "wfe_vm/opcodes.py": _python_constants(),
        "wfe_vm/_opcodes.pxd": _c_enum(),
        "wfe_vm/_phases.pxd": _phases_enum(),
        "docs/reference/opcodes.md": _reference_page(),
    }


def main(arguments: Sequence[str] | None = None, root: Path | None = None) -> int:
    """Write the generated files, or with ``--check`` compare them; returns the exit code."""
    return keep_generated("wfe_vm.generate", "wfe_vm/isa.py", generated_files(), arguments, root)


def _live_rows() -> list[Row]:
    return [row for row in ROWS if row.retired is None]


def _python_constants() -> str:
    rows = _live_rows()
    lines = [
        '"""The numbers of the opcodes.',
        "",
        _NOTICE,
        '"""',
        "",
        "from typing import Final",
        "",
        "__all__ = [",
        *(f'    "{name}",' for name in sorted(row.name for row in rows)),
        "]",
        "",
        *(f"{row.name}: Final = {row.number}" for row in rows),
    ]
    return "\n".join(lines) + "\n"


def _c_enum() -> str:
    lines = [f"# {_NOTICE}", "", "cdef enum:", *(f"    {row.name} = {row.number}" for row in _live_rows())]
    return "\n".join(lines) + "\n"


def _phases_enum() -> str:
    notice = _NOTICE.replace("isa.py", "phases.py")
    numbers = [(name, value) for name, value in vars(phases).items() if name.isupper() and isinstance(value, int)]
    lines = [f"# {notice}", "", "cdef enum:", *(f"    {name} = {value}" for name, value in numbers)]
    return "\n".join(lines) + "\n"


def _reference_page() -> str:
    lines = [
        "# Instruction set",
        "",
        f"<!-- {_NOTICE} -->",
        "",
        f"Version {ISA_VERSION}. A program is a row of 32-bit words, little end first: an opcode's number,",
        "then one word for each of its operands. A `pc` counts words. Numbers are never changed or reused.",
        "",
        "Stack effects read *before* → *after*, the top last. A name that ends in `*` stands for as many",
        "items as the count operand says, `pair*` for twice as many.",
        "",
        "## Operands",
        "",
        "| Operand | Meaning |",
        "| --- | --- |",
        *(f"| `{operand.name.lower()}` | {_OPERAND_MEANINGS[operand]} |" for operand in Operand),
        "",
        "## Flags",
        "",
        "| Flag | Meaning |",
        "| --- | --- |",
        *(f"| `{flag.name.lower()}` | {_FLAG_MEANINGS[flag]} |" for flag in Flag),
    ]
    for row in ROWS:
        if row.name in _GROUPS:
            lines += [
                "",
                f"## {_GROUPS[row.name]}",
                "",
                "| No. | Opcode | Operands | Stack | Flags | Since | Meaning |",
                "| ---: | --- | --- | --- | --- | ---: | --- |",
            ]
        lines.append(_reference_line(row))
    return "\n".join(lines) + "\n"


def _reference_line(row: Row) -> str:
    operands = " ".join(f"`{operand.name.lower()}`" for operand in row.operands)
    effect = f"{_items(row.takes)} → {_items(row.gives)}"
    if row.jump_gives is not None:
        effect += f"; if it jumps → {_items(row.jump_gives)}"
    flags = " ".join(f"`{flag.name.lower()}`" for flag in sorted(row.flags))
    meaning = row.doc.replace("``", "`").replace("|", "\\|")
    if row.retired is not None:
        meaning = f"Retired in version {row.retired}. {meaning}"
    cells = (str(row.number), f"`{row.name}`", operands, effect, flags, str(row.since), meaning)
    return "| " + " | ".join(cells) + " |"


def _items(names: tuple[str, ...]) -> str:
    return "*" + " ".join(names).replace("*", "\\*") + "*" if names else "—"


if __name__ == "__main__":
    raise SystemExit(main())
