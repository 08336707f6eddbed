"""The listing of a program: its step table and code, for people as text and for tools as data.

This file owns the form of the listing. What an opcode is called and how it reads comes from its row
in ``isa.py``; nothing is listed here by name.

Rules:

1. A listing depends on the program and its source map alone, and says nothing of the host.
2. It never raises: what does not decode is shown as the bare word it is, so that a refused program
   can be looked at too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from .isa import Operand, Row, row_of
from .library import FUNCTIONS_BY_NUMBER
from .program import Program, SourceMap, encode_program, hash_of
from .step_rows import step_pcs

__all__ = ["disassemble", "listing"]

_LONGEST_CONSTANT: Final = 60
"""Characters of a constant shown within a line of code."""

_LEADING_KEYS: Final = ("index", "kind", "path", "source")
"""Of a step's row; the text puts them first or last, without their names."""

_constant_encoder = msgspec.json.Encoder(order="deterministic")


def listing(program: Program, source_map: SourceMap | None = None) -> dict[str, Any]:
    """Return the program as plain data, ready for JSON.

    ``code`` has a map for each instruction: ``pc``, ``opcode``, ``operands``, ``text``, the ``labels``
    that start there and, if a source map is given, ``source`` as ``file:line:column``.
    """
    labels = _labels(program)
    return {
        "workflow": program.workflow,
        "version": program.version,
        "hash": hash_of(encode_program(program)),
        "format": program.format,
        "isa": program.isa,
        "max_stack": program.max_stack,
        "locals": program.locals,
        "scope_sizes": list(program.scope_sizes),
        "inputs": [_declaration(row.name, row.type, row.optional) for row in program.inputs],
        "outputs": [_declaration(row.name, row.type, row.optional) for row in program.outputs],
        "constants": [_shown(constant) for constant in program.constants],
        "steps": [_step(program, index, source_map) for index in range(len(program.steps))],
        "code": [_instruction(program, labels, source_map, *found) for found in _decode(program)],
    }


def disassemble(program: Program, source_map: SourceMap | None = None) -> str:
    """Return the listing as text, one instruction a line; it ends with a newline."""
    content = listing(program, source_map)
    lines = [
        f"workflow {content['workflow']} version {content['version']}",
        f"hash     {content['hash']}",
        f"format   {content['format']}, instruction set {content['isa']}",
        f"stack    {content['max_stack']}, locals {content['locals']}, slots {content['scope_sizes']}",
    ]
    for what in ("inputs", "outputs"):
        if content[what]:
            lines.append(f"{what:<8} " + ", ".join(content[what]))
    lines += ["", "steps"]
    for row in content["steps"]:
        extras = "".join(f"  {key} {_field(row[key])}" for key in row if key not in ("index", "kind", "path", "source"))
        place = f"  ; {row['source']}" if "source" in row else ""
        lines.append(f"{row['index']:>6}  {row['kind']:<11} {row['path']}{extras}{place}")
    lines += ["", "code"]
    shown_source = ""
    for row in content["code"]:
        lines += [f"        {label}:" for label in row["labels"]]
        words = " ".join([row["opcode"], *map(str, row["operands"])])
        line = f"{row['pc']:>6}  {words:<26} {row['text']}"
        source = row.get("source", "")
        if source and source != shown_source:
            line = f"{line:<70}  ; {source}"
            shown_source = source
        lines.append(line.rstrip())
    return "\n".join(lines) + "\n"


def _decode(program: Program) -> Iterator[tuple[int, Row | None, tuple[int, ...]]]:
    """Give each instruction as (pc, row, operands); a word that is none has no row and itself as operand."""
    whole = len(program.code) // 4 * 4
    words = memoryview(program.code[:whole]).cast("B")
    numbers = [int.from_bytes(words[at : at + 4], "little", signed=True) for at in range(0, whole, 4)]
    pc = 0
    while pc < len(numbers):
        row = row_of(numbers[pc])
        following = pc + 1 + (len(row.operands) if row is not None else 0)
        if row is None or following > len(numbers):
            yield pc, None, (numbers[pc],)
            pc += 1
        else:
            yield pc, row, tuple(numbers[pc + 1 : following])
            pc = following


def _instruction(
    program: Program,
    labels: dict[int, list[str]],
    source_map: SourceMap | None,
    pc: int,
    row: Row | None,
    operands: tuple[int, ...],
) -> dict[str, Any]:
    if row is None:
        text = "not an instruction"
    else:
        shown = [_operand(program, kind, value) for kind, value in zip(row.operands, operands, strict=True)]
        text = row.synopsis.format(*shown)
    result: dict[str, Any] = {
        "pc": pc,
        "opcode": ".word" if row is None else row.name,
        "operands": list(operands),
        "text": text,
        "labels": labels.get(pc, []),
    }
    if source_map is not None:
        place = _place(source_map, source_map.position_at(pc))
        if place:
            result["source"] = place
    return result


def _operand(program: Program, kind: Operand, value: int) -> str:
    constants = program.constants
    if kind is Operand.STEP and 0 <= value < len(program.steps):
        return program.steps[value].name or f"step {value}"
    if kind in (Operand.CONSTANT, Operand.NAME, Operand.GATHER) and 0 <= value < len(constants):
        constant = constants[value]
        if kind is Operand.NAME and isinstance(constant, str):
            return constant
        if kind is Operand.GATHER and isinstance(constant, (list, tuple)):
            return ", ".join(str(row[0]) if isinstance(row, (list, tuple)) and row else "?" for row in constant)
        text = _shown(constant)
        return text if len(text) <= _LONGEST_CONSTANT else text[: _LONGEST_CONSTANT - 1] + "…"
    if kind is Operand.FUNCTION and value in FUNCTIONS_BY_NUMBER:
        return str(FUNCTIONS_BY_NUMBER[value].name)
    return str(value)


def _shown(constant: Any) -> str:
    try:
        return _constant_encoder.encode(constant).decode()
    except (TypeError, ValueError, RecursionError, OverflowError, UnicodeError):  # of a forged program
        return f"<{type(constant).__name__}>"


def _field(value: Any) -> str:
    return value if isinstance(value, str) else _shown(value)


def _labels(program: Program) -> dict[int, list[str]]:
    labels: dict[int, list[str]] = {}
    for step in program.steps:
        branch = 0
        for what, pc in step_pcs(step):
            if what == "branch":
                what = f"branch {branch}"
                branch += 1
            labels.setdefault(pc, []).append(f"{step.name} {what}")
    return labels


def _declaration(name: str, type_text: str, optional: bool) -> str:
    return f"{name}{'?' if optional else ''}: {type_text}"


def _step(program: Program, index: int, source_map: SourceMap | None) -> dict[str, Any]:
    """Return a row of the step table: what it always has, then whatever is not the default."""
    step = program.steps[index]
    row: dict[str, Any] = {"index": index, "kind": step.kind, "path": step.path or step.name}
    for field in msgspec.structs.fields(type(step)):
        if field.name in ("name", "kind", "path"):
            continue
        value = getattr(step, field.name)
        default = field.default
        if value != default or field.name == "slot":
            row[field.name] = _plain(value)
    if source_map is not None and index < len(source_map.steps):
        row["source"] = _place(source_map, source_map.steps[index])
    return row


def _plain(value: Any) -> Any:
    """Return a value of the step table as plain data, structs by their fields that are not the default."""
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(type(value))
        return {
            field.name: _plain(getattr(value, field.name))
            for field in fields
            if getattr(value, field.name) != field.default
        }
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value


def _place(source_map: SourceMap, position: tuple[int, int, int, int, int] | None) -> str:
    if position is None or not 0 <= position[0] < len(source_map.files):
        return ""
    return f"{source_map.files[position[0]]}:{position[1]}:{position[2]}"
