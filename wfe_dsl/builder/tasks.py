"""The calls that add tasks: one for each type of step that is known by name, and ``task`` for all others.

A keyword is a key of the step or of its ``config``; the table of step types tells which. Everything else about it is
checked as in a file, when the workflow is built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Unpack, overload

from ..suggest import did_you_mean, nearest
from ..yaml_front.step_keys import COMMON, KNOWN, TASK_KEYS
from ..yaml_front.step_types import STEP_TYPES
from ..yaml_front.tree import Entry
from ..yaml_front.tree import Mapping as Table
from .callables import Task, Unnamed, name_of, outputs_of, parameters_of
from .declarations import step_outputs
from .drafts import Draft, Recorder
from .expressions import root
from .hints import UnknownHint
from .options import (
    CallOptions,
    ContainerOptions,
    DenoOptions,
    PythonOptions,
    ShellOptions,
    TaskOptions,
    Text,
)
from .places import Place, caller
from .steps import Step
from .values import plain_text

if TYPE_CHECKING:
    from .workflow import Workflow

__all__ = ["TaskCalls"]


_STEP_KEYS: Final = (*COMMON, *TASK_KEYS)

_REGISTER: Final = 'move it to the top of a module, or register it where it runs: `@task(registered="…")`'


class TaskCalls:
    """The tasks of a workflow."""

    _recorder: Recorder

    def shell(self, name: str, run: Text | None = None, /, **options: Unpack[ShellOptions]) -> Step:
        """Add a script of the shell, or of another program that ``shell`` names."""
        return self._task("shell", name, {"run": run}, options)

    def deno(self, name: str, script: Text | None = None, /, **options: Unpack[DenoOptions]) -> Step:
        """Add a script in TypeScript or JavaScript."""
        return self._task("deno", name, {"script": script}, options)

    def container(self, name: str, image: Text | None = None, /, **options: Unpack[ContainerOptions]) -> Step:
        """Add a command or script that runs in a container."""
        return self._task("container", name, {"image": image}, options)

    def call(self, name: str, workflow: str | Workflow | None = None, /, **options: Unpack[CallOptions]) -> Step:
        """Add a run of another workflow: the id of one, or one that was built here; ``name`` where it is left out."""
        given: dict[str, Any] = {"workflow": workflow}
        if workflow is None and options.get("workflow") is None:
            given = {"workflow": name}
        elif workflow is not None and not isinstance(workflow, str):
            self._recorder.children.append(workflow)
            given = {"workflow": workflow.id, "version": workflow.version}
        return self._task("workflow", name, given, options)

    def python(
        self,
        name: str,
        call: str | Callable[..., Any] | Task[..., Any] | None = None,
        /,
        **options: Unpack[PythonOptions],
    ) -> Step:
        """Add a call of a function: one that a worker can import, or the name ``package.module:function`` of one.

        Of a function the hints say which outputs there are. A parameter that ``inputs`` leaves out takes the workflow's
        input of its name.
        """
        return self._python(name, call, dict(options))

    @overload
    def step(self, function: Callable[..., Any], /) -> Step: ...
    @overload
    def step(
        self, function: None = None, /, *, name: str | None = None, **options: Unpack[PythonOptions]
    ) -> Callable[[Callable[..., Any]], Step]: ...
    def step(
        self, function: Callable[..., Any] | None = None, /, *, name: str | None = None, **options: Any
    ) -> Step | Callable[[Callable[..., Any]], Step]:
        """Make the function below a step, here and now; its name is then the step's."""

        def decorate(function: Callable[..., Any]) -> Step:
            return self._python(name or str(getattr(function, "__name__", "")), function, dict(options))

        return decorate if function is None else decorate(function)

    def task(self, name: str, type: str | None = None, **options: Unpack[TaskOptions]) -> Step:
        """Add a task of any type, with its keys under ``config``."""
        return self._task(type, name, {}, options)

    def _python(self, name: str, call: str | Callable[..., Any] | None, options: dict[str, Any]) -> Step:
        if call is None or isinstance(call, str):
            return self._task("python", name, {"call": call}, options)
        place = caller()
        recorder = self._recorder
        function = call.function if isinstance(call, Task) else call
        if isinstance(call, Task):
            options = {**call.options, **options}
            if call.registered:
                recorder.functions[call.registered] = function
        given = ""
        try:
            given = name_of(call)
        except Unnamed as unnamed:
            recorder.found.add("WFE0655", str(unnamed), place.argument("call", 1).span, _REGISTER)
        try:
            options["inputs"] = self._arguments(name, function, options.get("inputs"), place)
            if options.get("outputs") is None:
                options["outputs"] = outputs_of(function)
        except UnknownHint as unknown:
            message = f"{unknown} is no type that a workflow has"
            help = 'write another hint, or say the outputs yourself, as in `outputs={"image": str}`'
            recorder.found.add("WFE0653", message, place.argument("call", 1).span, help)
        return self._task("python", name, {"call": given or "unknown:unknown"}, options)

    def _arguments(self, name: str, function: Callable[..., Any], given: Any, place: Place) -> Any:
        """Return the inputs of a function: those given, and the workflow's of the same names."""
        if given is not None and not isinstance(given, Mapping):
            return given
        parameters, open_ended = parameters_of(function)
        inputs = dict(given or {})
        part = place.argument("inputs")
        for key in inputs:
            if key not in parameters and not open_ended:
                help = did_you_mean(str(key), parameters) or f"it has: {', '.join(parameters) or 'none'}"
                message = f"the function of `{name}` has no parameter `{key}`"
                self._recorder.found.add("WFE0656", message, part.entry(key).key_span, help)
        declared = self._recorder.draft.entries.get("inputs")
        names = declared.value.entries if declared is not None and isinstance(declared.value, Table) else {}
        for key, (_, required) in parameters.items():
            if key in inputs:
                continue
            if key in names:
                inputs[key] = root("inputs").member(key)
            elif required:
                message = f"nothing gives the parameter `{key}` of the function of `{name}` a value"
                help = f'give it, as in `inputs={{"{key}": …}}`, or declare an input of that name'
                self._recorder.found.add("WFE0656", message, place.span, help)
        return inputs

    def _task(self, type: str | None, name: str, first: Mapping[str, object], options: Mapping[str, Any]) -> Step:
        place = caller()
        recorder = self._recorder
        draft = Draft(place.span)
        recorder.put(draft, "name", place, name, position=0)
        config: dict[str, Entry] = {}
        row = STEP_TYPES.get(type or "")
        keys = {} if row is None else row.keys
        if type is not None:
            part = place.argument("type", 1)
            draft.put("type", part.key_span, plain_text(type, part))
        for position, (key, value) in enumerate(first.items(), 1):
            if value is not None:
                config[key] = recorder.entry(
                    key, place.argument("workflow" if key == "version" else key, position), value
                )
        for key, value in options.items():
            if value is None:
                continue
            part = place.argument(key)
            if key == "outputs":
                draft.put(key, part.key_span, step_outputs(value, part, recorder.found))
            elif key == "config" and isinstance(value, Mapping):
                self._configure(config, recorder.entry(key, part, value))
            elif key in KNOWN or (key not in keys and nearest(key, _STEP_KEYS) and not nearest(key, keys)):
                draft.entries[key] = recorder.entry(key, part, value)
            else:
                self._configure(
                    config, Entry("", part.key_span, Table(part.span, {key: recorder.entry(key, part, value)}))
                )
        if config or type is None or (row is not None and row.has_required):
            draft.put("config", place.span, Table(place.span, config))
        recorder.add(draft)
        return Step(recorder, draft, name)

    def _configure(self, config: dict[str, Entry], given: Entry) -> None:
        entries = given.value.entries if isinstance(given.value, Table) else {}
        for key, entry in entries.items():
            if key in config:
                message = f"the key `{key}` is given twice"
                self._recorder.found.add("WFE0014", message, entry.key_span, "remove one of the two")
            config[key] = entry
