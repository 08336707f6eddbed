"""What a run is started with: ``-i name=value`` and ``--inputs FILE``, read as the workflow declares."""

from __future__ import annotations

import re
from typing import Any

from wfe_vm.program import Program
from wfe_vm.typeterms import TextValueError, parse_type, print_type, read_text, read_undeclared
from wfe_vm.values import check_plain

from ..errors import InputError
from ..inputs import check_inputs
from .documents import read_map, split_assignment
from .json_texts import RepeatedKey, read_json

__all__ = ["read_inputs", "read_value"]


def read_inputs(program: Program, assignments: list[str], path: str | None, *, partial: bool = False) -> dict[str, Any]:
    """Return the inputs for a workflow, checked; those of the command line go before the file's.

    ``partial`` takes it that more may be given later: one that is missing is left out.

    Raises InputError that names every one that is missing, unknown, ill-typed or outside its enum;
    UsageError for an assignment without ``=`` and a file that holds no map.
    """
    given = {} if path is None else read_map(path, "--inputs")
    declared = {parameter.name: parse_type(parameter.type) for parameter in program.inputs}
    problems: list[str] = []
    unreadable: set[str] = set()
    for text in assignments:
        name, value = split_assignment(text, "-i")
        try:
            given[name] = read_value(value, declared.get(name))
        except (TextValueError, ValueError) as error:
            problems.append(f"{name}: {_why(value, declared.get(name), error)}")
            unreadable.add(name)
            given.pop(name, None)
    for name, value in list(given.items()):
        problem = check_plain(value)
        if problem is not None:
            problems.append(problem.told_of(name))
            unreadable.add(name)
            del given[name]
    try:
        complete = check_inputs(program, given, partial=partial)
    except InputError as error:
        missing = tuple(f"{name}: missing" for name in unreadable)
        problems += [problem for problem in error.problems if not problem.startswith(missing or ("\0",))]
    if problems:
        raise InputError(f"workflow {program.workflow} version {program.version} can't take these inputs:", problems)
    return complete


def _why(text: str, declared: Any, error: Exception) -> str:
    """Return what is wrong with a text of the command line, and how a value of that type is written there."""
    if declared is not None and declared.kind in ("list", "map", "record") and not isinstance(error, RepeatedKey):
        example = '["a", "b"]' if declared.kind == "list" else '{"a": 1}'
        return f"{error}; {print_type(declared)} is written as JSON, like {example}"
    if declared is not None and declared.kind == "integer" and re.fullmatch(r"\s*[-+]?[0-9]+\s*", text):
        return f"{text.strip()} does not fit into 64 bits; a number that large is kept as a string"
    return str(error)


def read_value(text: str, declared: Any) -> Any:
    """Return what a text of the command line means: by the declared type, where there is one."""
    if declared is None:
        return read_undeclared(text)
    if declared.kind == "any":
        try:
            return read_json(text)
        except ValueError:
            if text.lstrip()[:1] in ("{", "[", '"'):
                raise
            return text  # what does not even look like JSON is meant as a text
    if declared.kind in ("list", "map", "record") and not (declared.optional and text.strip() in ("", "null")):
        return read_json(text)  # held against its type with all others, so that a problem names its place
    return read_text(text, declared)
