"""What can be said of a call by what is written out: the function's name, the count of arguments, literals."""

from __future__ import annotations

from typing import Final

from wfe_vm.durations import DurationError, parse_duration
from wfe_vm.library import FUNCTIONS_BY_NAME, Function
from wfe_vm.pattern import PatternError, compile_pattern

from . import nodes
from .diagnostics.model import Diagnostics
from .suggest import nearest

__all__ = ["check_literals", "counts_of", "report_count", "report_unknown"]

_FUNCTIONS_ELSEWHERE: Final = {
    "length": "len",
    "size": "len",
    "count": "len",
    "str": "string",
    "int": "integer",
    "float": "number",
    "parseInt": "integer",
    "fromJSON": "json",
    "toJSON": "to_json",
    "coalesce": "default",
    "substring": "slice",
    "substr": "slice",
    "match": "matches",
    "regex": "matches",
    "strip": "trim",
    "typeof": "type_of",
    "toUpperCase": "upper",
    "toLowerCase": "lower",
}

_OUTCOMES_ELSEWHERE: Final = {
    "success": "a step runs only if those before it went well",
    "failure": "what follows a failure stands in `on_failure` of the step before",
    "always": "what comes in any case stands in `ensure` of the step before",
    "cancelled": "what follows a cancellation stands in `on_abort` of the step before",
}
"""Functions by which others ask how it went so far."""


def report_unknown(call: nodes.Call, diagnostics: Diagnostics) -> None:
    """Report a call of a function that does not exist."""
    known = (*FUNCTIONS_BY_NAME, "map", "filter", "host.has", "contains")
    meant = _FUNCTIONS_ELSEWHERE.get(call.function) or nearest(call.function, known)
    if call.function in _OUTCOMES_ELSEWHERE:
        help = _OUTCOMES_ELSEWHERE[call.function]
    else:
        help = f"did you mean `{meant}`?" if meant else "the functions are " + ", ".join(sorted(known))
    diagnostics.add("WFE0310", f"there is no function `{call.function}`", call.function_span, help)


def report_count(call: nodes.Call, wanted: str, signature: str, diagnostics: Diagnostics) -> None:
    """Report a call with too few or too many arguments."""
    count = len(call.arguments)
    message = f"{call.function}() takes {wanted}, and is given {count} argument{'' if count == 1 else 's'}"
    diagnostics.add("WFE0311", message, call.span, f"write {signature}")


def counts_of(function: Function) -> str:
    """Return how many arguments a function takes, in words."""
    least, most = function.least, function.most
    if most is None:
        return f"{least} or more arguments"
    if least == most:
        return f"{least} argument{'' if least == 1 else 's'}"
    return f"{least} to {most} arguments"


def check_literals(function: Function, call: nodes.Call, diagnostics: Diagnostics) -> None:
    """Report a pattern or a length of time that is written out and can't be read."""
    if function.name == "matches":
        pattern = call.arguments[1]
        if isinstance(pattern, nodes.Literal) and isinstance(pattern.value, str):
            try:
                compile_pattern(pattern.value)
            except PatternError as error:
                span = pattern.span.part(pattern.value, error.offset, error.offset + 1)
                help = r"a pattern is written like '^v[0-9]+$'; `\` makes a sign a letter: '\\.', '\\['"
                diagnostics.add("WFE0315", error.message, span, help)
    elif function.name == "duration":
        length = call.arguments[0]
        if isinstance(length, nodes.Literal) and isinstance(length.value, str):
            try:
                parse_duration(length.value)
            except DurationError as duration_error:
                diagnostics.add("WFE0316", duration_error.message, length.span, duration_error.help)
