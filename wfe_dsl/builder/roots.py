"""What expressions can name besides a workflow's data: the run, the host, an iteration, in hooks the outcome."""

from __future__ import annotations

from typing import Final

from .. import nodes
from .expressions import Expression, call
from .places import caller

__all__ = ["Host", "attempt", "error", "host", "index", "outcome", "run"]


class _Root(Expression):
    """A root for all workflows: where it stands is where it is used."""

    __slots__ = ("_name",)

    _name: str

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "_name", name)
        object.__setattr__(self, "_problems", ())

    @property
    def _node(self) -> nodes.Expression:  # type: ignore[override] # made anew for each place
        return nodes.Name(span=caller().span, name=self._name)


class Host:
    """The host that a run is on."""

    def has(self, name: str) -> Expression:
        """Whether something is installed there, such as ``docker``."""
        return call("host.has", name)


run: Final[Expression] = _Root("run")
"""``run.id``, ``run.name``, ``run.workflow``."""

index: Final[Expression] = _Root("index")
"""In a ``for_each`` or ``matrix``: the number of the iteration, from 0."""

error: Final[Expression] = _Root("error")
"""In a hook: ``error.kind``, ``error.message``, ``error.exit_code`` …"""

outcome: Final[Expression] = _Root("outcome")
"""In a hook: how the step, or the run, ended."""

attempt: Final[Expression] = _Root("attempt")
"""In a hook: how many attempts there were."""

host: Final = Host()
