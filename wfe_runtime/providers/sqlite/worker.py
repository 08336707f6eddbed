"""A thread that serves requests in batches, and the way in and out of it.

This file owns the hop between the event loop and a thread; it knows nothing of SQL. The rules: requests
come from the loop's thread only; whatever has come while a batch is served forms the next; a batch is
answered by ONE wake-up of the loop. (Measured: a dedicated thread with a lock as its bell costs 17 us a
round trip, ``to_thread`` 45.)
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from wfe_runtime.errors import StoreError

__all__ = ["Answer", "Request", "Worker"]


class Request:
    """Something to do in the thread. ``work`` is called there; what it returns is the future's result."""

    __slots__ = ("future", "work")

    def __init__(self, work: Callable[[], Any] | None, future: asyncio.Future[Any] | None) -> None:
        self.work = work
        self.future = future


Answer = tuple[Request, Any, BaseException | None]


class Worker:
    """The thread. Subclasses say how a batch is served (``serve``) and what is let go at the end (``end``)."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.get_running_loop()
        self._requests: deque[Request] = deque()
        # Locked while there is nothing new. Released by the loop's thread only, so never twice.
        self._bell = threading.Lock()
        self._bell.acquire()
        self._closing = False
        self._ended = self.loop.create_future()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def ask(self, work: Callable[[], Any]) -> asyncio.Future[Any]:
        """Have something done in the thread. Raises StoreError ``closed`` after ``stop``."""
        future = self.loop.create_future()
        self.put(Request(work, future))
        return future

    def put(self, request: Request) -> None:
        """Queue a request and ring. Raises StoreError ``closed`` after ``stop``."""
        if self._closing:
            raise StoreError("closed", "the store is closed", "open it before it is used")
        self._requests.append(request)
        self.ring()

    def ring(self) -> None:
        """Make the thread look at its queues."""
        if self._bell.locked():
            self._bell.release()

    async def stop(self) -> None:
        """Serve what was asked, then end the thread. Repeatable, also where it was never started."""
        if not self._closing:
            self._closing = True
            self.ring()
        if self._thread.ident is None:
            return
        await asyncio.shield(self._ended)
        self._thread.join()

    def serve(self) -> bool:
        """Serve one batch in the thread; False: there was nothing to serve."""
        requests = self._requests
        if not requests:
            return False
        batch = [requests.popleft() for _ in range(len(requests))]
        self.answer([self.attempt(request) for request in batch])
        return True

    def attempt(self, request: Request) -> Answer:
        """Do one request's work and return its answer."""
        assert request.work is not None
        try:
            return request, request.work(), None
        except Exception as error:
            return request, None, self.explain(error)

    def explain(self, error: BaseException) -> BaseException:
        """Turn an error of the work into the one that is raised to the asker."""
        return error

    def end(self) -> None:
        """Let go of what the thread holds; called in it, last."""

    def answer(self, answers: Sequence[Answer]) -> None:
        """Settle the futures on the loop, in one wake-up."""
        self.call(settle, answers)

    def call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call on the loop. Where the loop is closed nobody is left to hear, and nothing happens."""
        try:
            self.loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            if not self.loop.is_closed():
                raise

    def _run(self) -> None:
        bell = self._bell
        try:
            while True:
                bell.acquire()
                while self.serve():
                    pass
                if self._closing and not self._requests:
                    break
        finally:
            self.end()
            self.call(_settle_end, self._ended)


def settle(answers: Sequence[Answer]) -> None:
    """Give the futures their results; one that was cancelled meanwhile wants none."""
    for request, result, error in answers:
        future = request.future
        if future is None or future.done():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


def _settle_end(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)
