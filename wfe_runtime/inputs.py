"""What a run is started with, held against what its workflow declares."""

from __future__ import annotations

import difflib
from typing import Any

from wfe_vm.program import Program
from wfe_vm.typeterms import check_value, coerce, is_optional, parse_type
from wfe_vm.values import check_plain

from .errors import InputError

__all__ = ["check_inputs"]


def check_inputs(
    program: Program, given: dict[str, Any], *, ignore_unknown: bool = False, partial: bool = False
) -> dict[str, Any]:
    """Return the complete inputs of a run: what was given, defaults for what wasn't, null for what may be missing.

    Raises InputError that names every missing, unknown or ill-typed input and every value outside its enum,
    or the first value that no run can keep.
    ``ignore_unknown`` drops what is not declared instead, and what is null: for a child that takes what its parent
    has, so that its own defaults serve where the parent has nothing. ``partial`` leaves out what is missing.
    """
    if not isinstance(given, dict):
        raise InputError(
            f"workflow {program.workflow} version {program.version} can't take these inputs:",
            [f"they are a {type(given).__name__}, and have to be a map from names to values"],
        )
    if ignore_unknown:
        given = {name: value for name, value in given.items() if value is not None}
    wrong_value = check_plain(given)
    if wrong_value is not None:
        raise InputError(
            f"workflow {program.workflow} version {program.version} can't take these inputs:",
            [f"{wrong_value.path.removeprefix('.')}: {wrong_value.message}"],
        )
    if program.open_inputs:
        return dict(given)
    problems: list[str] = []
    declared = {parameter.name: parameter for parameter in program.inputs}
    if not ignore_unknown:
        for name in given:
            if name not in declared:
                near = difflib.get_close_matches(name, declared, n=1)
                known = ", ".join(declared) or "none"
                hint = f"did you mean {near[0]}?" if near else f"it declares: {known}"
                problems.append(f"{name}: not an input of {program.workflow}; {hint}")
    inputs: dict[str, Any] = {}
    for name, parameter in declared.items():
        term = parse_type(parameter.type)
        if name not in given:
            if parameter.optional or is_optional(term):
                inputs[name] = parameter.default
            elif not partial:
                problems.append(f"{name}: missing; it is a {parameter.type} and has no default")
            continue
        value = given[name]
        wrong = check_value(value, term)
        if wrong:
            problems.extend(f"{name}{problem.path}: {problem.message}" for problem in wrong)
            continue
        if parameter.enum and value not in parameter.enum and value is not None:
            allowed = ", ".join(str(member) for member in parameter.enum)
            problems.append(f"{name}: {value!r} is none of {allowed}")
            continue
        inputs[name] = coerce(value, term)
    if problems:
        raise InputError(f"workflow {program.workflow} version {program.version} can't take these inputs:", problems)
    return inputs
