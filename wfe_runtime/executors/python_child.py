"""The process of an isolated python step: calls one function, and leaves its result as a shell step would.

What to call comes in the environment; the result, or what was raised, is written to ``$WFE_OUTPUT_JSON``.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import msgspec

from wfe_vm.outcome import Failure

from .problems import TaskProblem
from .python_call import CallContext, failure_of, find_function, outputs_of, prepare_call

__all__ = ["main"]


def main() -> None:
    """Call the function that the environment names, and exit: 0, or 1 if it raised or could not be called."""
    name = os.environ["PYTHON_CALL"]
    try:
        outputs = _call(name)
    except TaskProblem as problem:
        _leave(
            {"wfe_raised": {"outcome": "error", "failure": _plain(Failure(problem.kind, problem.message))}}, failed=True
        )
    except BaseException as error:  # a SystemExit is the function's, too
        failure = failure_of(name, error)
        print(failure.details["traceback"], file=sys.stderr, end="")
        _leave({"wfe_raised": {"outcome": "failure", "failure": _plain(failure)}}, failed=True)
    else:
        _leave(outputs, failed=False)


def _call(name: str) -> dict[str, Any]:
    environment = os.environ
    context = CallContext(
        environment["WFE_RUN_ID"],
        environment["WFE_STEP"],
        int(environment["WFE_ATTEMPT"]),
        environment["WFE_IDEMPOTENCY_KEY"],
        int(environment["WFE_FENCE"]),
        lambda line: (sys.stdout.flush(), sys.stdout.buffer.write(line), None)[-1],
        *json.loads(environment["PYTHON_CALL_RUN"]),
    )
    function = find_function(name, {}, environment["PYTHON_CALL_FOLDER"])
    call = prepare_call(name, function, json.loads(_given("PYTHON_CALL_ARGUMENTS")), context)
    value = call.function(**call.arguments)
    if call.is_async:
        value = asyncio.run(value)
    return outputs_of(name, value, json.loads(environment["PYTHON_CALL_OUTPUTS"]), call.result)


def _given(name: str) -> str:
    """Return a value that was too large for the environment from its file."""
    file = os.environ.get(f"{name}_FILE")
    if file is None:
        return os.environ[name]
    with open(file, encoding="utf-8") as stream:
        return stream.read()


def _plain(failure: Failure) -> Any:
    return msgspec.to_builtins(failure)


def _leave(outputs: dict[str, Any], failed: bool) -> None:
    with open(os.environ["WFE_OUTPUT_JSON"], "w", encoding="utf-8") as stream:
        json.dump(outputs, stream)
    sys.stdout.flush()
    sys.exit(1 if failed else 0)
