"""Secrets in the configuration of tasks: where they may stand, and what the program says of each place.

A value that has a secret in it becomes the list of its parts, with null for each secret, and a use that says
which secret is where. So no program, state or expression ever holds more than the name of one, and nothing
that a run's data holds can be taken for a secret. ``SecretUse`` of the program has the form.

Rules:

1. A secret is the whole of a text, or stands in one as it is: no expression can look at it.
2. It may stand only under keys whose values reach a program by its environment or by a file. What becomes
   process arguments can be seen by every user of a host.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from wfe_vm import program as vm

from . import nodes
from . import unresolved as problem
from .diagnostics.model import Diagnostics
from .resolved import Resolved
from .scopes import StepInfo
from .source import Span
from .yaml_front.step_types import STEP_TYPES

__all__ = ["SECRET_KEYS", "secret_rows", "take_secrets", "use_rows"]

SECRET_KEYS: Final = frozenset({"env", "expressions", "registry_auth", "build_args"})
"""Keys of built-in types where a secret may stand. Of an installed type all may hold one but ``command``."""

_Path = tuple[str | int, ...]


def take_secrets(info: StepInfo, resolved: Resolved, diagnostics: Diagnostics) -> None:
    """Replace the values of a task's prepared configuration that have secrets in them, and note the uses."""
    if info.config is None or info.node is None or not isinstance(info.node.body, nodes.Task):
        return
    taker = _Taker(resolved, info.node.body.type, diagnostics)
    config = taker.value(info.config, ())
    if taker.uses:
        assert isinstance(config, nodes.MapExpression)
        info.config = config
        info.secret_uses = tuple(taker.uses)


def secret_rows(workflow: nodes.Workflow) -> tuple[vm.Secret, ...]:
    """Return the rows of a workflow's secrets by name."""
    found = sorted(workflow.secrets, key=lambda secret: secret.name)
    return tuple(vm.Secret(one.name, one.env, one.file, one.command) for one in found)


def use_rows(steps: Collection[StepInfo]) -> tuple[vm.SecretUse, ...]:
    """Return the rows of all places that have a secret, by step and place."""
    return tuple(
        vm.SecretUse(info.index, path, parts)
        for info in steps
        for path, parts in sorted(info.secret_uses, key=lambda use: [(type(key) is str, key) for key in use[0]])
    )


class _Taker:
    def __init__(self, resolved: Resolved, type: str, diagnostics: Diagnostics) -> None:
        self.resolved = resolved
        self.type = type
        self.diagnostics = diagnostics
        self.uses: list[tuple[_Path, tuple[str, ...]]] = []

    def value(self, value: nodes.Expression, path: _Path) -> nodes.Expression:
        if isinstance(value, nodes.MapExpression):
            entries = tuple((name, span, self.value(inner, (*path, name))) for name, span, inner in value.entries)
            return nodes.MapExpression(span=value.span, entries=entries)
        if isinstance(value, nodes.ListExpression):
            items = tuple(self.value(inner, (*path, index)) for index, inner in enumerate(value.items))
            return nodes.ListExpression(span=value.span, items=items)
        parts = value.parts if isinstance(value, nodes.Text) else (value,)
        names = [_secret_in(part) for part in parts]
        first = next((name for name in names if name is not None), None)
        if first is None:
            return value
        self.check_place(path, first)
        return self.split(parts, names, path, value.span)

    def split(
        self, parts: tuple[nodes.Expression, ...], names: list[tuple[str, Span] | None], path: _Path, span: Span
    ) -> nodes.Expression:
        items: list[nodes.Expression] = []
        for part, name in zip(parts, names, strict=True):
            if name is not None:
                self.check_known(*name)
                items.append(nodes.Literal(span=part.span, value=None))
            else:
                # Alone in a text it is what it is in the whole: a text, null an empty one.
                literal = isinstance(part, nodes.Literal)
                items.append(part if literal else nodes.Text(span=part.span, parts=(part,)))
        self.uses.append((path, tuple("" if name is None else name[0] for name in names)))
        return nodes.ListExpression(span=span, items=tuple(items))

    def check_place(self, path: _Path, name: tuple[str, Span]) -> None:
        key = str(path[0])
        if key in SECRET_KEYS if self.type in STEP_TYPES else key != "command":
            return
        self.diagnostics.add(
            "WFE0482",
            f"`{key}` of a `{self.type}` step becomes arguments of a process, where anybody on the host can read "
            f"the secret `{name[0]}`",
            name[1],
            f"give it by `env`, as in `env: {{TOKEN: '${{{{ secrets.{name[0]} }}}}'}}`, and read it from there",
        )

    def check_known(self, name: str, span: Span) -> None:
        workflow = self.resolved.workflow
        if all(secret.name != name for secret in workflow.secrets):
            found = problem.unknown_secret(self.resolved, name, span)
            if not workflow.may_hold(name, found.code):
                self.diagnostics.add(found.code, found.message, found.span, found.help)


def _secret_in(part: nodes.Expression) -> tuple[str, Span] | None:
    """Return the name of the secret that an expression is, and where the name stands."""
    if isinstance(part, nodes.Member) and isinstance(part.target, nodes.Name) and part.target.name == "secrets":
        return part.name, part.name_span
    return None
