"""The calls that add steps of all other kinds: blocks, branches, loops, signals, and the small ones.

One method a kind; its arguments become the keys that the kind has in a file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Unpack

from ..yaml_front.tree import Mapping as Table
from .drafts import Draft, Recorder, Steps
from .expressions import Expression
from .options import BlockOptions, Condition, Duration, IterationOptions, SignalOptions, Text
from .places import Place, caller
from .steps import Block, Branch, Cases, If, Iteration, Signal, Step, variable_name

__all__ = ["BlockCalls"]


class BlockCalls:
    """The steps of a workflow that are no tasks."""

    _recorder: Recorder

    # Blocks

    def sequence(self, **options: Unpack[BlockOptions]) -> Block:
        """Add steps that run one after the other and count as one."""
        return self._block("sequence", options)

    def parallel(
        self, *, limit: int | None = None, fail_fast: bool | str | None = None, **options: Unpack[BlockOptions]
    ) -> Block:
        """Add steps that run side by side, at most ``limit`` at once."""
        place, draft = self._started(options)
        self._settings(draft, "parallel", place, {"limit": limit, "fail_fast": fail_fast})
        return Block(self._recorder, draft, options.get("name"), ("parallel", "steps"))

    def race(self, **options: Unpack[BlockOptions]) -> Block:
        """Add steps of which the first to succeed ends the others."""
        return self._block("race", options)

    def saga(self, **options: Unpack[BlockOptions]) -> Block:
        """Add steps that are undone, by what ``compensate_with`` says of each, when one of them fails."""
        return self._block("saga", options)

    # Branches

    def if_(self, test: Condition, **options: Unpack[BlockOptions]) -> If:
        """Add steps that run where a condition holds."""
        _, draft = self._started(options, {"if": ("test", test)}, branching=True)
        return If(self._recorder, draft, options.get("name"), ("then",))

    def elif_(self, test: Condition, **options: Unpack[BlockOptions]) -> If:
        """Add, to the ``if_`` just before, steps that run where its condition does not hold and this one does."""
        current = self._recorder.current
        otherwise = self._otherwise("elif_")
        self._recorder.enter(otherwise)
        branch = self.if_(test, **options)
        self._recorder.leave(otherwise)
        current.branching = otherwise.branching
        return branch

    def else_(self) -> Branch:
        """The steps inside run where the condition of the ``if_`` just before does not hold."""
        otherwise = self._otherwise("else_")
        self._recorder.current.branching = None
        return Branch(self._recorder, otherwise)

    def switch(self, subject: Condition | int, **options: Unpack[BlockOptions]) -> Cases:
        """Add a choice between cases: ``with wf.switch(x) as choice:``, and in it ``with choice.case("a"):``."""
        place, draft = self._started(options, {"switch": ("subject", subject)})
        draft.put("cases", place.span, Table(place.span, {}))
        return Cases(self._recorder, draft, options.get("name"))

    # Loops

    def while_(self, test: Condition, *, max_iterations: int | None = None, **options: Unpack[BlockOptions]) -> Block:
        """Add steps that run as long as a condition holds."""
        _, draft = self._started(options, {"while": ("test", test)}, max_iterations=max_iterations)
        return Block(self._recorder, draft, options.get("name"), ("do",))

    def until(self, test: Condition, *, max_iterations: int | None = None, **options: Unpack[BlockOptions]) -> Block:
        """Add steps that run, and run again until a condition holds after them."""
        _, draft = self._started(options, {"until": ("test", test)}, max_iterations=max_iterations)
        return Block(self._recorder, draft, options.get("name"), ("do",))

    def for_each(self, items: str | Expression | Sequence[Any], **options: Unpack[IterationOptions]) -> Iteration:
        """Add steps that run for each item: ``with wf.for_each(wf.inputs.regions) as region:``."""
        _, draft = self._started(options, {"for_each": ("items", items)})
        return Iteration(self._recorder, draft, options.get("name"), variable_name(options.get("as_"), "item"))

    def matrix(self, axes: Mapping[str, Any], **options: Unpack[IterationOptions]) -> Iteration:
        """Add steps that run for each combination of the axes' items; the last axis changes fastest."""
        _, draft = self._started(options, {"matrix": ("axes", axes)})
        return Iteration(self._recorder, draft, options.get("name"), variable_name(options.get("as_"), "matrix"))

    # Signals

    def wait_for(
        self,
        event: str,
        *,
        key: Text | None = None,
        since: Text | datetime | None = None,
        timeout: Duration | None = None,
        **options: Unpack[SignalOptions],
    ) -> Signal:
        """Add a wait for an event; ``timeout`` is how long. What came with it is ``output.data``."""
        place, draft = self._started(options)
        self._settings(draft, "wait", place, {"event": event, "key": key, "since": since, "timeout": timeout})
        return Signal(self._recorder, draft, options.get("name"), "wait")

    def approve(
        self,
        title: Text,
        *,
        options: Sequence[str] | None = None,
        reject: Sequence[str] | None = None,
        assignees: Sequence[Text] | None = None,
        timeout: Duration | None = None,
        **more: Unpack[SignalOptions],
    ) -> Signal:
        """Add a question to people; ``timeout`` is how long they have. The answer is ``output.option``."""
        place, draft = self._started(more)
        given = {"title": title, "options": options, "reject": reject, "assignees": assignees, "timeout": timeout}
        self._settings(draft, "approve", place, given)
        return Signal(self._recorder, draft, more.get("name"), "approve")

    def publish(
        self, event: str, *, key: Text | None = None, data: object = None, **options: Unpack[BlockOptions]
    ) -> Step:
        """Add the sending of an event."""
        place, draft = self._started(options)
        self._settings(draft, "publish", place, {"event": event, "key": key, "data": data})
        return Step(self._recorder, draft, options.get("name"))

    # The rest

    def set(self, values: Mapping[str, Any], **options: Unpack[BlockOptions]) -> Step:
        """Add the setting of variables, which are ``wf.vars.name`` from then on."""
        _, draft = self._started(options, {"set": ("values", values)})
        return Step(self._recorder, draft, options.get("name"))

    def return_(self, outputs: Mapping[str, Any] | None = None, **options: Unpack[BlockOptions]) -> Step:
        """Add the end of the run, with these outputs."""
        _, draft = self._started(options, {"return": ("outputs", outputs or {})})
        return Step(self._recorder, draft, options.get("name"))

    def fail(self, message: Text = "", **options: Unpack[BlockOptions]) -> Step:
        """Add a failure."""
        _, draft = self._started(options, {"fail": ("message", message)})
        return Step(self._recorder, draft, options.get("name"))

    def sleep(self, duration: Duration, **options: Unpack[BlockOptions]) -> Step:
        """Add a pause."""
        _, draft = self._started(options, {"sleep": ("duration", duration)})
        return Step(self._recorder, draft, options.get("name"))

    def sleep_until(self, time: str | int | Expression | datetime, **options: Unpack[BlockOptions]) -> Step:
        """Add a pause up to a time: a datetime, or an expression that is one."""
        _, draft = self._started(options, {"sleep_until": ("time", time)})
        return Step(self._recorder, draft, options.get("name"))

    # How it is written down

    def _block(self, key: str, options: BlockOptions) -> Block:
        _, draft = self._started(options)
        return Block(self._recorder, draft, options.get("name"), (key,))

    def _started(
        self,
        options: BlockOptions | IterationOptions | SignalOptions,
        first: Mapping[str, tuple[str, object]] | None = None,
        branching: bool = False,
        **more: object,
    ) -> tuple[Place, Draft]:
        """Add a draft with what was given: by key, the parameter's name and its value."""
        place = caller()
        draft = Draft(place.span)
        for key, (parameter, value) in (first or {}).items():
            draft.entries[key] = self._recorder.entry(key, place.argument(parameter, 0), value)
        for key, value in {**more, **options}.items():
            written = "timeout" if key == "step_timeout" else key.rstrip("_")
            self._recorder.put(draft, written, place, value, key)
        self._recorder.add(draft, branching)
        return place, draft

    def _settings(self, draft: Draft, key: str, place: Place, given: Mapping[str, object]) -> None:
        """Put what a kind says under its own key."""
        entries = {}
        for position, (name, value) in enumerate(given.items()):
            if value is not None:
                part = place.argument(name, 0 if position == 0 else None)
                entries[name] = self._recorder.entry(name, part, value)
        draft.put(key, place.span, Table(place.span, entries))

    def _otherwise(self, word: str) -> Steps:
        span = caller().span
        draft = self._recorder.current.branching
        if draft is None:
            message = f"`{word}` has no `if_` right before it"
            help = "it follows the block of an `if_`, at the same depth and with nothing between them"
            self._recorder.found.add("WFE0651", message, span, help)
            return Steps(span)
        return draft.steps(("else",), span)
