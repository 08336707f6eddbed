"""A workflow in the making: its keys, its hooks, and the data that its expressions can name.

::

    wf = Workflow("deploy", 3, inputs={"env": str})
    build = wf.shell("build", "make", outputs={"image": str})
    with wf.if_(wf.inputs.env == "production"):
        wf.shell("push", f"docker push {build.output.image}")

What was said is read when it is built, by the front end that reads files, so that the same is right and wrong in both.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Unpack

from .. import nodes
from ..diagnostics.model import Diagnostics
from ..variables import Variables
from ..yaml_front.workflows import build_workflow
from .blocks import BlockCalls
from .declarations import declarations
from .drafts import Draft, Recorder
from .expressions import Expression, root
from .options import WorkflowOptions
from .places import caller
from .steps import Hooked
from .tasks import TaskCalls

if TYPE_CHECKING:
    from ..compiler import Compiled

__all__ = ["Workflow", "collected"]

_COLLECTED: Final[ContextVar[list[tuple[Workflow, dict[str, Any]]] | None]] = ContextVar("made", default=None)

_DECLARING: Final = ("inputs", "outputs")


@contextmanager
def collected() -> Iterator[list[tuple[Workflow, dict[str, Any]]]]:
    """Collect the workflows that are made within, in order, each with the globals of the module that made it."""
    made: list[tuple[Workflow, dict[str, Any]]] = []
    token = _COLLECTED.set(made)
    try:
        yield made
    finally:
        _COLLECTED.reset(token)


class Workflow(TaskCalls, BlockCalls, Hooked):
    """A workflow. Its methods add steps, in the order called, to the block that is open."""

    def __init__(self, id: str, version: int, **options: Unpack[WorkflowOptions]) -> None:
        place = caller()
        self.id = id
        self.version = version
        collected = _COLLECTED.get()
        if collected is not None:
            collected.append((self, place.globals))
        self._draft = draft = Draft(place.span)
        self._recorder = recorder = Recorder(draft)
        recorder.put(draft, "id", place, id, position=0)
        recorder.put(draft, "version", place, version, position=1)
        for key, value in options.items():
            part = place.argument(key)
            if key in _DECLARING and value is not None:
                draft.put(key, part.key_span, declarations(value, part, recorder.found))
            else:
                recorder.put(draft, key, place, value)

    def __repr__(self) -> str:
        return f"<workflow {self.id} version {self.version}>"

    @property
    def inputs(self) -> Expression:
        """What the run was started with: ``wf.inputs.region``."""
        return root("inputs")

    @property
    def outputs(self) -> Expression:
        """What steps have given so far, by the names of the outputs: ``wf.outputs.image``."""
        return root("outputs")

    @property
    def vars(self) -> Expression:
        """The variables: ``wf.vars.count``."""
        return root("vars")

    @property
    def steps(self) -> Expression:
        """The steps by their names: ``wf.steps["unit-tests"].status``."""
        return root("steps")

    @property
    def services(self) -> Expression:
        """The containers beside the steps: ``wf.services.database.host``."""
        return root("services")

    @property
    def secrets(self) -> Expression:
        """The secrets, for the ``env`` of tasks: ``wf.secrets.token``."""
        return root("secrets")

    @property
    def children(self) -> tuple[Workflow, ...]:
        """The workflows that its steps were given to start, as objects."""
        return tuple(self._recorder.children)

    @property
    def functions(self) -> dict[str, Callable[..., Any]]:
        """The functions that its steps, and those of the workflows that it starts, call by a registered name."""
        found: dict[str, Callable[..., Any]] = {}
        for child in self.children:
            found |= child.functions
        return found | self._recorder.functions

    def read(
        self, variables: Variables, diagnostics: Diagnostics, step_types: Collection[str] = ()
    ) -> nodes.Workflow | None:
        """Return its tree as it is now; what is wrong with it goes to ``diagnostics``."""
        diagnostics.found.extend(self._recorder.found.found)
        opened = self._recorder.innermost_open
        if opened is not None:
            help = "build it after the `with` blocks have ended"
            diagnostics.add("WFE0657", "the workflow is built inside of one of its own blocks", opened.key_span, help)
        before = len(diagnostics.found)
        tree = build_workflow(self._draft.mapping(), variables, diagnostics, step_types)
        diagnostics.found[before:] = self._recorder.told_of_with(diagnostics.found[before:])
        return tree

    def build(self, variables: Variables | None = None, step_types: Collection[str] = ()) -> nodes.Document:
        """Return its tree, with those of the workflows that it starts. As ``document``."""
        from .documents import document

        return document(self, variables=variables, step_types=step_types)

    def compile(self, variables: Variables | None = None, step_types: Collection[str] = ()) -> list[Compiled]:
        """Return its program, followed by those of the workflows that it starts. As ``compile_workflows``."""
        from .documents import compile_workflows

        return compile_workflows(self, variables=variables, step_types=step_types)
