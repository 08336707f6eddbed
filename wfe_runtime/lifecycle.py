"""What can be watched of a run, told after it is durable."""

from __future__ import annotations

from typing import Protocol

from wfe_vm.state import Delta

from .providers.rows import RunRow

__all__ = ["Listener", "SilentListener"]


class Listener(Protocol):
    """Is told what happened. Called on the event loop, in commit order; must return quickly."""

    def advanced(self, run: RunRow, delta: Delta) -> None:
        """An advance of the run was committed; ``run`` is as it was created or taken over."""

    def printed(self, run: RunRow, step: str, attempt: int, stream: str, text: str) -> None:
        """A step printed something. Not in commit order."""

    def troubled(self, message: str) -> None:
        """Something hinders the engine, and it is trying to go on."""


class SilentListener:
    """Listens to nothing."""

    def advanced(self, run: RunRow, delta: Delta) -> None: ...

    def printed(self, run: RunRow, step: str, attempt: int, stream: str, text: str) -> None: ...

    def troubled(self, message: str) -> None: ...
