"""Why a path means nothing at its place, in the words of a diagnostic.

This file owns the messages for names; ``references.py`` decides which of them holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

import msgspec

from .diagnostics.model import Label
from .resolved import Resolved
from .roots import ROOTS, STEP_FIELDS
from .scopes import Flat, Meeting, Place, Scope, StepInfo
from .source import Span
from .suggest import nearest

__all__ = [
    "Unresolved",
    "cannot_have",
    "cannot_have_run",
    "inside_iterations",
    "no_field",
    "no_hook",
    "no_input",
    "no_iteration",
    "no_secret_name",
    "no_service_name",
    "no_step_field",
    "no_step_name",
    "secret_elsewhere",
    "unknown_flat",
    "unknown_name",
    "unknown_secret",
    "unknown_service",
    "unknown_step",
]

_STEP_FIELDS_ELSEWHERE: Final = {
    "outputs": "output",
    "out": "output",
    "result": "output",
    "state": "status",
    "outcome": "status",
    "conclusion": "status",
}
_ROOTS_ELSEWHERE: Final = {
    "github": "`run` tells of this run, `inputs` of what it was started with",
    "env": "a script reads its environment itself, as $NAME; a value that a run needs is one of its inputs",
    "needs": "what a step before has given is steps.NAME.output.VALUE",
    "matrix": "`matrix` is the combination of a pass, inside of the matrix alone",
    "params": "what a run was started with is inputs.NAME",
    "parameters": "what a run was started with is inputs.NAME",
    "workflow": "the id of the workflow is run.workflow",
    "job": "what a step has given is steps.NAME.output.VALUE",
    "jobs": "what a step has given is steps.NAME.output.VALUE",
}
_SHOWN: Final = 12
_UNDOING_HELP: Final = "what a compensation gives stays within it: look at it there, or keep it in a file"


class Unresolved(msgspec.Struct, frozen=True):
    """A diagnostic to be. ``name`` is what is at fault, so that it is told once."""

    code: str
    name: str
    message: str
    span: Span
    help: str
    labels: tuple[Label, ...] = ()


def no_input(resolved: Resolved, name: str, span: Span) -> Unresolved:
    """The workflow declares inputs, and none of that name."""
    near = resolved.guesser.nearest(name, resolved.inputs)
    help = _suggestion(near, resolved.inputs, "it declares", "declare it under `inputs:`")
    return Unresolved("WFE0206", f"inputs.{name}", f"the workflow has no input `{name}`", span, help)


def no_field(root: str, name: str, fields: tuple[str, ...], span: Span) -> Unresolved:
    """``run`` or ``error`` has no such field."""
    help = _suggestion(nearest(name, fields), fields, "it has", "")
    return Unresolved("WFE0212", f"{root}.{name}", f"`{root}` has no `{name}`", span, help)


def no_step_name(span: Span) -> Unresolved:
    """``steps`` stands alone, or with a computed name."""
    return Unresolved("WFE0212", "steps", "`steps` needs a step's name after it", span, "write steps.NAME.output.x")


def no_service_name(span: Span) -> Unresolved:
    """``services`` stands alone, or with a computed name."""
    message = "`services` needs a service's name after it"
    return Unresolved("WFE0212", "services", message, span, "write services.NAME.host or services.NAME.ports")


def unknown_service(resolved: Resolved, name: str, span: Span) -> Unresolved:
    """The workflow declares no service of that name."""
    known = [service.name for service in resolved.workflow.services]
    help = _suggestion(nearest(name, known), known, "it declares", "declare it under `services:`")
    return Unresolved("WFE0431", f"services.{name}", f"the workflow has no service `{name}`", span, help)


def no_secret_name(span: Span) -> Unresolved:
    """``secrets`` stands alone, or with a computed name."""
    return Unresolved("WFE0212", "secrets", "`secrets` needs a secret's name after it", span, "write secrets.NAME")


def unknown_secret(resolved: Resolved, name: str, span: Span) -> Unresolved:
    """The workflow declares no secret of that name."""
    known = [secret.name for secret in resolved.workflow.secrets]
    help = _suggestion(nearest(name, known), known, "it declares", "declare it under `secrets:`")
    return Unresolved("WFE0480", f"secrets.{name}", f"the workflow has no secret `{name}`", span, help)


def secret_elsewhere(name: str, span: Span) -> Unresolved:
    """A secret is used where its value would be looked at, or kept."""
    message = f"the secret `{name}` can't be used here: no expression looks at a secret, and nothing of a run keeps one"
    help = f"put it into the `env` of a task as it is, as in `env: {{TOKEN: '${{{{ secrets.{name} }}}}'}}`"
    return Unresolved("WFE0481", f"secrets.{name}", message, span, help)


def no_step_field(step: str, field: str, span: Span) -> Unresolved:
    """A step has no such field."""
    near = _STEP_FIELDS_ELSEWHERE.get(field) or nearest(field, STEP_FIELDS)
    help = f"did you mean `{near}`?" if near else f"what a step gives is its output: steps.{step}.output.{field}"
    return Unresolved("WFE0212", f"steps.{step}.{field}", f"a step has no `{field}`", span, help)


def no_iteration(span: Span) -> Unresolved:
    """``index`` stands in no for_each."""
    message = "`index` counts the iterations of a for_each, and none is around this"
    return Unresolved("WFE0210", "index", message, span, "use it inside the `do:` of a for_each")


def no_hook(name: str, span: Span) -> Unresolved:
    """``outcome``, ``error`` or ``attempt`` stands in no hook."""
    message = f"`{name}` says how a step ended, and this is in no hook"
    help = "use it in on_success, on_failure, on_error, on_abort or ensure; elsewhere write steps.NAME.status"
    return Unresolved("WFE0210", name, message, span, help)


def unknown_step(resolved: Resolved, place: Place, name: str, span: Span) -> Unresolved:
    """No step of the workflow has that name."""
    seen = [other for other, info in resolved.by_name.items() if place.scope.sees(info.scope)]
    near = resolved.guesser.nearest(name, seen)
    help = _suggestion(near, seen, "the steps to be seen here are", "write the name of a step of this workflow")
    return Unresolved("WFE0203", f"steps.{name}", f"there is no step `{name}`", span, help)


def inside_iterations(path: str, what: str, name: str, owner: StepInfo | None, span: Span, there: Span) -> Unresolved:
    """A step, output or variable belongs to the iterations of a for_each that the place is not in."""
    loop = "" if owner is None else owner.name
    return Unresolved(
        "WFE0211",
        path,
        f"the {what} `{name}` exists only inside an iteration of `{loop}`",
        span,
        f"gather it with `collect` on `{loop}`",
        (Label(there, "it is part of each iteration"),),
    )


def cannot_have_run(info: StepInfo, span: Span, meeting: Meeting) -> Unresolved:
    """A step exists and can't have ended here."""
    name = info.name
    code = "WFE0204"
    if meeting is Meeting.ITSELF:
        message, help = f"the step `{name}` has not ended here", "a step's own result exists only after it"
    elif meeting is Meeting.OTHER_BRANCH:
        code = "WFE0205"
        message = f"the step `{name}` runs in another branch at the same time"
        help = "use it after the `parallel` or `race`, or put both steps into one branch"
    elif meeting is Meeting.OTHER_SIDE:
        code = "WFE0205"
        message = f"the step `{name}` is on the other side of the condition, so it has not run here"
        help = "use it after the `if` or `switch`, with `??` for the case that it did not run"
    elif meeting is Meeting.UNDOING:
        code = "WFE0205"
        message = f"the step `{name}` is part of a compensation, whose results stay within it"
        help = _UNDOING_HELP
    else:
        message, help = f"the step `{name}` runs later than this", "move it before this step"
    return Unresolved(code, f"steps.{name}", message, span, help, (Label(info.span, "the step stands here"),))


def cannot_have(root: str, flat: Flat, span: Span, meeting: Meeting) -> Unresolved:
    """A flat output or variable exists and can't have a value here."""
    code = "WFE0205" if meeting in (Meeting.OTHER_BRANCH, Meeting.OTHER_SIDE, Meeting.UNDOING) else "WFE0204"
    why = {
        Meeting.OTHER_BRANCH: "is given by another branch at the same time",
        Meeting.OTHER_SIDE: "is given only on the other side of the condition",
        Meeting.ITSELF: "is given by this very step",
        Meeting.UNDOING: "is given only by a compensation, whose results stay within it",
    }.get(meeting, "is given later than this")
    label = (Label(flat.writers[0].span, "it is given here"),)
    message = f"the {_what(root)} `{flat.name}` {why}"
    help = _UNDOING_HELP if meeting is Meeting.UNDOING else "use it after the step that gives it"
    return Unresolved(code, f"{root}.{flat.name}", message, span, help, label)


def unknown_flat(resolved: Resolved, seen: Iterable[Scope], root: str, name: str, span: Span) -> Unresolved:
    """No step that the place sees gives an output or variable of that name."""
    path = f"{root}.{name}"
    for scope in resolved.scopes:
        flat = scope.flats(root).get(name)
        if flat is not None:
            return inside_iterations(path, _what(root), name, scope.owner, span, flat.writers[0].span)
    near = resolved.guesser.nearest(name, (other for scope in seen for other in scope.flats(root)))
    if root == "vars":
        help = f"did you mean `{near}`?" if near else f"give it a value first: `set: {{{name}: …}}`"
        return Unresolved("WFE0208", path, f"no `set` gives a variable `{name}` a value", span, help)
    if near:
        help = f"did you mean `{near}`?"
    elif name in resolved.inputs:
        help = f"`{name}` is an input: write inputs.{name}"
    else:
        help = f"list it under the `outputs:` of the step that gives it, or write steps.NAME.output.{name}"
    return Unresolved("WFE0207", path, f"no step lists an output `{name}`", span, help)


def unknown_name(resolved: Resolved, seen: list[Scope], name: str, span: Span, *, alone: bool) -> Unresolved:
    """An expression begins with a name that is no root and nothing else; ``alone``: no member of it is asked for."""
    items = [scope.item_name for scope in seen if scope.owner is not None]
    if name == "host":
        message = "`host` can only be asked: host.has(…)"
        return Unresolved("WFE0213", "host", message, span, 'write host.has("docker")')
    if name == "item":
        help = f"the for_each around this calls its item `{items[0]}`" if items else "use it inside a for_each"
        return Unresolved("WFE0210", name, "`item` is the item of a for_each, and none here is called so", span, help)
    if name in resolved.inputs:
        help = f"did you mean `inputs.{name}`?"
    elif name in resolved.by_name:
        help = f"did you mean `steps.{name}.output`?"
    elif any(name in scope.outputs for scope in seen):
        help = f"did you mean `outputs.{name}`?"
    else:
        near = nearest(name, [root for root in ROOTS if root != "item"] + items)
        start = _ROOTS_ELSEWHERE.get(name) or f"an expression starts at one of {', '.join(ROOTS[:8])}"
        if alone and name not in _ROOTS_ELSEWHERE:
            start = f"if a text is meant, quote it in the expression: '{name}'; else {start}"
        help = f"did you mean `{near}`?" if near else start
    return Unresolved("WFE0209", name, f"unknown name `{name}`", span, help)


def _suggestion(near: str | None, known: Collection[str], what: str, cure: str) -> str:
    if near is not None:
        return f"did you mean `{near}`?"
    listed = ", ".join(list(known)[:_SHOWN])
    return "; ".join(part for part in (f"{what} {listed}" if listed else "", cure) if part)


def _what(root: str) -> str:
    return "output" if root == "outputs" else "variable"
