"""Steps as their caller holds them: names for their results, and places for hooks and inner steps.

A step is a reference; what it is has been written into its workflow's draft. Blocks are entered by ``with``; what is
called in there lies inside.
"""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any, Self

from .. import nodes
from ..diagnostics.model import Label
from ..source import Span
from .drafts import Draft, Recorder, Steps
from .expressions import Expression, root
from .places import caller

__all__ = ["Block", "Branch", "Cases", "If", "Iteration", "Signal", "Step"]


class Branch:
    """A part of a step that holds steps: a hook, a case, what happens otherwise."""

    __slots__ = ("_recorder", "_steps")

    def __init__(self, recorder: Recorder, steps: Steps) -> None:
        self._recorder = recorder
        self._steps = recorder.expect(steps)

    def __enter__(self) -> None:
        self._recorder.enter(self._steps)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._recorder.leave(self._steps)


class Hooked:
    """What has hooks: a step, or a workflow."""

    _recorder: Recorder
    _draft: Draft

    def on_success(self) -> Branch:
        """The steps inside run after it has succeeded."""
        return self._hook("on_success")

    def on_failure(self) -> Branch:
        """The steps inside run after it has failed; after an error too, unless there is ``on_error``."""
        return self._hook("on_failure")

    def on_error(self) -> Branch:
        """The steps inside run after an error: a timeout, a wrong type, a lost host."""
        return self._hook("on_error")

    def on_abort(self) -> Branch:
        """The steps inside run after it was cancelled."""
        return self._hook("on_abort")

    def ensure(self) -> Branch:
        """The steps inside run whatever its end."""
        return self._hook("ensure")

    def _hook(self, key: str) -> Branch:
        return Branch(self._recorder, self._draft.steps((key,), caller().span))


class Step(Hooked):
    """A step that was added to a workflow."""

    def __init__(self, recorder: Recorder, draft: Draft, name: str | None) -> None:
        self._recorder = recorder
        self._draft = draft
        self._name = name

    @property
    def name(self) -> str | None:
        """Its name; None where the compiler makes one up."""
        return self._name

    @property
    def output(self) -> Expression:
        """Its outputs: ``step.output.image``."""
        return self._part("output")

    @property
    def status(self) -> Expression:
        """``succeeded``, ``failed``, ``error``, ``aborted`` or ``skipped``."""
        return self._part("status")

    @property
    def stdout(self) -> Expression:
        """The end of what its script printed."""
        return self._part("stdout")

    @property
    def error(self) -> Expression:
        """What it failed of; null where it did not."""
        return self._part("error")

    def compensate_with(self, on_failure: bool | None = None) -> Branch:
        """The steps inside undo it. ``on_failure``: also when it has failed itself."""
        place = caller()
        self._recorder.put(self._draft, "compensate_on_failure", place, on_failure, "on_failure", 0)
        return Branch(self._recorder, self._draft.steps(("compensate",), place.span))

    def _part(self, key: str) -> Expression:
        if isinstance(self._name, str):
            return root("steps")[self._name].member(key)
        span = caller().span
        self._recorder.found.add(
            "WFE0654",
            "a step without a name can't be referred to",
            span,
            'give it one: `name="…"`',
            (Label(self._draft.span, "the step stands here"),),
        )
        return Expression(nodes.Unreadable(span=span))


class Block(Step):
    """A step that holds steps: what is called inside ``with`` belongs to it."""

    def __init__(self, recorder: Recorder, draft: Draft, name: str | None, path: tuple[str, ...]) -> None:
        super().__init__(recorder, draft, name)
        self._steps = recorder.expect(draft.steps(path, draft.span))

    def __enter__(self) -> Self:
        self._recorder.enter(self._steps)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._recorder.leave(self._steps)


class If(Block):
    """Steps that run where a condition holds."""

    def else_(self) -> Branch:
        """The steps inside run where the condition does not hold."""
        return Branch(self._recorder, self._draft.steps(("else",), caller().span))


class Iteration(Step):
    """A block that runs for each item; entered, it gives the item."""

    def __init__(self, recorder: Recorder, draft: Draft, name: str | None, variable: str) -> None:
        super().__init__(recorder, draft, name)
        self._steps = recorder.expect(draft.steps(("do",), draft.span))
        self._variable = variable

    def __enter__(self) -> Expression:
        self._recorder.enter(self._steps)
        return root(self._variable)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._recorder.leave(self._steps)


class Cases(Step):
    """A switch. Its steps lie in its cases: ``with choice.case("live"): …``."""

    def __init__(self, recorder: Recorder, draft: Draft, name: str | None) -> None:
        super().__init__(recorder, draft, name)
        self._outside = recorder.expect(Steps(draft.span))

    def case(self, value: str | int | float | bool | None) -> Branch:
        """The steps inside run where the subject equals the value."""
        span = caller().argument("value", 0).span
        text = value if isinstance(value, str) else json.dumps(value)
        path = ("cases", text)
        if path in self._draft.inner:
            first = self._draft.inner[path].key_span
            label = (Label(first, "first here"),)
            self._recorder.found.add(
                "WFE0014", f"the key `{text}` is given twice", span, "remove one of the two", label
            )
            return Branch(self._recorder, Steps(span))
        steps = self._draft.steps(path, caller().span, quoted=isinstance(value, str))
        steps.key_span = span
        return Branch(self._recorder, steps)

    def default(self) -> Branch:
        """The steps inside run where no case has the subject's value."""
        return Branch(self._recorder, self._draft.steps(("default",), caller().span))

    def __enter__(self) -> Self:
        self._recorder.enter(self._outside)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._recorder.leave(self._outside)
        for step in self._outside.items:
            message = "a step of a switch has to lie in one of its cases"
            self._recorder.found.add("WFE0652", message, step.span, "put it under `with choice.case(…):`")
        self._outside.items.clear()


class Signal(Step):
    """A wait or an approval."""

    def __init__(self, recorder: Recorder, draft: Draft, name: str | None, key: str) -> None:
        super().__init__(recorder, draft, name)
        self._key = key

    def on_timeout(self) -> Branch:
        """The steps inside run when its time is up; it has succeeded then, with ``timed_out`` true."""
        return Branch(self._recorder, self._draft.steps((self._key, "on_timeout"), caller().span))


def span_of(step: Step) -> Span:
    """Return where a step was called for."""
    return step._draft.span


def variable_name(value: Any, default: str) -> str:
    """Return the name of an item; what is no text is told when the workflow is built."""
    return value if isinstance(value, str) else default
