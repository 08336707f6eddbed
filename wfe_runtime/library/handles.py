"""A run as a program holds it: where it stands, how it ends, and what can be asked of it."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from wfe_vm.events import Cancel, Event, Resume, Terminate

from ..approvals import Answer
from ..errors import NotCompleted, NotFound, WfeError
from ..providers.rows import RunRow
from ..result import RunResult
from .arguments import check_length, check_text, milliseconds_of, several
from .control import ask
from .definitions import Definition
from .events import Subscription
from .lookup import RunInfo, info_of

if TYPE_CHECKING:
    from .engine import Engine

__all__ = ["RunHandle"]

CANCEL_DEADLINE: Final = timedelta(seconds=30)


class RunHandle:
    """One run. ``id``, ``name``, ``workflow`` and ``version`` say which; all else is asked for."""

    def __init__(self, engine: Engine, row: RunRow) -> None:
        self._engine = engine
        self.id = row.id
        self.name = row.name
        self.workflow = row.workflow
        self.version = row.version

    def __repr__(self) -> str:
        return f"<run {self.name} of {self.workflow} version {self.version}>"

    async def status(self) -> str:
        """Return the run's status, as it is committed."""
        return (await self._row()).status

    async def info(self) -> RunInfo:
        """Return all that is known of the run as a whole."""
        return info_of(await self._row())

    async def result(
        self,
        timeout: float | timedelta | None = None,  # noqa: ASYNC109 - its end has an error of its own
    ) -> RunResult:
        """Wait for the end of the run, wherever it is advanced, and return it: a success, a failure or any other.

        Raises NotCompleted after ``timeout`` (seconds), which leaves the run as it is; StoreError where the store
        fails, WfeError (``closed``) where the engine is left meanwhile.
        """
        if timeout is not None:
            check_length("timeout", timeout)
        seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        try:
            async with asyncio.timeout(seconds):
                return await self._engine.end_of(self.id)
        except TimeoutError:
            raise NotCompleted(self.name, await self.status()) from None

    def events(self, after: str = "") -> Subscription:
        """Return the run's events from its start on, or after one of them; they end with the run."""
        return self._engine.events(self, after=after)

    async def suspend(self, reason: str = "") -> bool:
        """Let running steps end and start nothing new, in its children too. Returns whether that changes anything."""
        return await self._engine.core.suspend(self.id, self._why("suspended", reason))

    async def resume(self, reason: str = "") -> bool:
        """Go on with a suspended run, or take over one whose process is gone. Returns whether that changes anything."""
        before = self._engine.core.has(self.id)
        why = self._why("resumed", reason)
        changed = await self._ask(lambda now: Resume(now, why))
        return changed or (self._engine.core.has(self.id) and not before)

    async def retry(
        self,
        reason: str = "",
        *,
        from_steps: str | Sequence[str] = (),
        skip: str = "",
        outputs: Mapping[str, Any] | None = None,
    ) -> bool:
        """Reopen a failed or aborted run at the steps that failed. Returns whether there was anything to try again.

        It goes further back with ``from_steps``; the failed step ``skip`` is taken to have succeeded, with
        ``outputs``. Raises WfeError (``refused``) for a run that is neither, or a step at which it can't be taken
        up, NotFound for an unknown one, InputError for outputs of a wrong type; then nothing has changed.
        """
        core = self._engine.core
        start_at = several("from_steps", from_steps)
        check_text("skip", skip)
        why = self._why("retried", reason)
        if outputs and not skip:
            raise ValueError("outputs says what a skipped step gives, and skip names none")
        row = await self._row()
        if row.status not in ("failed", "aborted"):
            message = f"run {self.name} is {row.status}: only a failed or aborted run can be retried"
            hint = "resume() goes on with it, and tries a failed step again" if row.status == "suspended" else None
            raise WfeError("refused", message, hint)
        await core.to_its_end(core.take_over(self.id))
        given = dict(outputs or {})
        changed = await core.retry(self.id, why, start_at=start_at, supplied=skip, outputs=lambda step: given)
        await core.settled()
        if changed:
            self._engine.watch_run(row)
        return changed

    async def move(
        self, definition: Definition, reason: str = "", *, variables: Mapping[str, Any] | None = None
    ) -> bool:
        """Move a run that is suspended, failed or aborted to its workflow in a definition, and leave it standing still.

        ``definition`` and ``variables`` are as for ``Engine.register``, which this does not do: no other run changes.
        Of several versions the highest counts. Each place where the run stands has to be there again, and what
        steps have left has to fit; data goes along by its names. ``resume`` or ``retry`` then goes on with the new one.

        Returns False where the run has it already. Raises DefinitionError for mistakes in the definition, NotFound
        where its workflow is not in it, WfeError: ``refused`` for a run that does not stand still, or does not fit,
        with each obstacle, ``owned`` where another live process has it. Then nothing has changed.
        """
        return await self._engine.move(self, definition, self._why("moved", reason), variables)

    async def cancel(self, reason: str = "", deadline: float | timedelta = CANCEL_DEADLINE) -> bool:
        """End the run in order, its abort hooks included; hard after ``deadline`` (seconds; 0: never).

        Returns whether that changes anything. It has ended when ``result`` returns.
        """
        until = milliseconds_of("deadline", deadline)
        why = self._why("cancelled", reason)
        return await self._ask(lambda now: Cancel(now, why, now + until if until else 0))

    async def terminate(self, reason: str = "") -> bool:
        """End the run at once; no hook of it runs. Returns whether that changes anything."""
        why = self._why("terminated", reason)
        return await self._ask(lambda now: Terminate(now, why))

    async def answer(self, option: str, by: str, step: str = "") -> Answer:
        """Answer an approval that the run waits for; see ``Engine.answer``."""
        return await self._engine.answer(self, option, by, step)

    async def _row(self) -> RunRow:
        row = await self._engine.core.store.get_run(self.id)
        if row is None:
            raise NotFound(f"run {self.name} is gone from the store")
        return row

    async def _ask(self, make_event: Callable[[int], Event]) -> bool:
        return await ask(self._engine.core, self.id, make_event)

    def _why(self, what: str, reason: str) -> str:
        check_text("reason", reason)  # it is kept with the run, which nobody could read with another
        return reason or f"{what} by {_user()} through the API"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "a user without a name"
