"""Transaction steps: functions that write the user's rows in the transaction that ends their step.

Exactly once: the rows are there if and only if the step has ended with success, whoever is killed when. Such a
function is called by python steps as any other one, and has a parameter ``transaction``. It runs on the store's
own connection, while no other run can commit: it has to be short.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from wfe_vm.events import StepEnded
from wfe_vm.outcome import Failure
from wfe_vm.typeterms import check_value, parse_type

from .. import faults
from ..clock import Clock
from ..errors import StoreError, WfeError
from ..executors.contract import StepContext, StepResult
from ..executors.problems import TaskProblem
from ..executors.python import PythonExecutor, call_context
from ..executors.python_call import CallContext, failure_of, outputs_of, prepare_call
from ..providers.contracts import Store, Transaction, TransactionalStore, WorkRaised
from ..result import encode_event

__all__ = ["TransactionalPython"]

faults.declare("transactions.after_commit", "a step's rows and its end are durable, and its run does not know yet")


class TransactionalPython(PythonExecutor):
    """Runs python steps; those whose ``call`` names one of ``transactions`` in a transaction of the store."""

    def __init__(
        self,
        functions: Mapping[str, Callable[..., Any]],
        transactions: Mapping[str, Callable[..., Any]],
        store: Store,
        clock: Clock,
    ) -> None:
        """Raises WfeError (``transaction``) where there are transactions, and the store can't have any."""
        super().__init__(functions)
        self._transactions = dict(transactions)
        self._store = store
        self._clock = clock
        if transactions:
            self._transact()

    def register_transaction(self, name: str, function: Callable[..., Any]) -> None:
        """Have ``call: name`` mean this function. Raises WfeError as the constructor does."""
        self._transact()
        self._transactions[name] = function

    def knows(self, name: str) -> bool:
        """As ``PythonExecutor.knows``."""
        return name in self._transactions or super().knows(name)

    async def run(self, context: StepContext) -> StepResult:
        """As ``PythonExecutor.run``."""
        name = context.config.get("call")
        function = self._transactions.get(name) if isinstance(name, str) else None
        if not isinstance(name, str) or function is None:
            return await super().run(context)
        lines: list[bytes] = []
        own = call_context(context, lines.append)  # the store that keeps the log is at work for us
        try:
            return await self._run_to_its_end(context, name, function, own)
        finally:
            for line in lines:
                context.log.write("log", line)

    async def _run_to_its_end(
        self, context: StepContext, name: str, function: Callable[..., Any], own: CallContext
    ) -> StepResult:
        """Return how the transaction ended. One that is under way is not stopped: what it did has to be known."""

        def work(transaction: Transaction) -> tuple[dict[str, Any], bytes]:
            outputs = _call(context, name, function, own, transaction)
            event = StepEnded(self._clock.now(), context.activation, context.attempt, "success", outputs)
            return outputs, encode_event(event)

        transacting = asyncio.ensure_future(self._transact()(context.run, context.fence, work))
        stopped: asyncio.CancelledError | None = None
        while not transacting.done():
            try:
                await asyncio.wait({transacting})
            except asyncio.CancelledError as error:
                stopped = error
        try:
            outputs = transacting.result()
        except WorkRaised as raised:
            if stopped is not None:
                raise stopped from None
            return _failed(context, name, raised.error)
        except StoreError as error:
            kind = "lost" if error.code == "fence" else "executor"
            return StepResult("error", error=Failure(kind, error.message, context.step, context.attempt))
        if faults.armed is not None:
            faults.reach("transactions.after_commit")
        return StepResult("success", outputs)

    def _transact(self) -> Callable[..., Any]:
        transact: Callable[..., Any] | None = getattr(self._store, TransactionalStore.transact.__name__, None)
        if transact is None:
            raise WfeError(
                "transaction",
                f"the store {self._store.url} can't have a step's rows in its own transactions",
                "use a sqlite: store, or register the function as any other",
            )
        return transact


def _call(
    context: StepContext, name: str, function: Callable[..., Any], own: CallContext, transaction: Transaction
) -> dict[str, Any]:
    """Call the function, and hold its result to what the step declares: afterwards nothing can be taken back."""
    call = prepare_call(name, function, {**(context.inputs or {}), "transaction": transaction}, own)
    if call.is_async:
        raise TaskProblem("type", f"{name} is async: a function that writes in a transaction is a plain one")
    result = call.function(**call.arguments)
    outputs = outputs_of(name, result, [output.name for output in context.outputs], call.result)
    for output in context.outputs:
        value: Any = outputs
        for part in output.path or (output.name,):
            value = value.get(part) if isinstance(value, dict) else None
        wrong = check_value(value, parse_type(output.type)) if value is not None else []
        if wrong:
            raise TaskProblem("type", f"the output {output.name}{wrong[0].path} of {name}: {wrong[0].message}")
    return outputs


def _failed(context: StepContext, name: str, error: BaseException) -> StepResult:
    if isinstance(error, TaskProblem):
        return StepResult("error", error=error.to_failure(context))
    failure = msgspec.structs.replace(failure_of(name, error), step=context.step, attempt=context.attempt)
    return StepResult("failure", error=failure)
