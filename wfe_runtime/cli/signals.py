"""Signals to a foreground command: the first asks it to stop in order, the second ends it at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Final

from .exits import INTERRUPTED

__all__ = ["Interrupts"]

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAME_SIGNAL_SECONDS: Final = 0.05
"""`timeout` and others send a signal to the process and to its group: what comes together is one."""


class Interrupts:
    """Takes signals in. ``name`` is the first one's, empty until it came."""

    def __init__(self, first: Callable[[str], None], last: Callable[[], None]) -> None:
        """``first`` is told the name of the first signal; ``last`` is called before a second ends the process."""
        self.name = ""
        self._first = first
        self._last = last
        self._time = 0.0

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Take signals in, on the running loop, for as long as this is open."""
        loop = asyncio.get_running_loop()
        taken = []
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:  # as nohup leaves it
                with contextlib.suppress(ValueError, RuntimeError):  # only a process's main thread may
                    loop.add_signal_handler(number, self._on_signal, number)
                    taken.append(number)
        try:
            yield
        finally:
            for number in taken:
                loop.remove_signal_handler(number)

    def _on_signal(self, number: signal.Signals) -> None:
        if not self.name:
            self._time = time.monotonic()
            self.name = signal.Signals(number).name
            self._first(self.name)
        elif time.monotonic() - self._time > SAME_SIGNAL_SECONDS:
            self._last()
            os._exit(INTERRUPTED)
