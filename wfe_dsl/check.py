"""The checks of one workflow: what its expressions mean and give, what it declares, how its steps flow.

This file owns the walk over all expressions, each at its place with the type it must have, and the
checks of declarations. Control and data flow are in ``flow.py``, children in ``check_children.py``. It
changes nothing but ``info.child`` and the diagnostics.

Rules: one mistake gives one diagnostic. A name that means nothing is told once, however often it is
used, and what is built on it counts as ``any``.
"""

from __future__ import annotations

import json
from typing import Any, Final

from wfe_vm.moments import epoch_milliseconds
from wfe_vm.typeterms import ANY, BOOL, Type, accepts, check_value, coerce, list_of, map_of

from . import nodes
from .check_children import check_child
from .check_conditions import check_choice, check_condition
from .check_environment import check_environment
from .check_surroundings import check_surroundings
from .children import Family, child_of
from .declared_types import declared_type, report_type
from .diagnostics.model import Diagnostics, Label
from .flow import check_flow
from .infer import Path, infer, infer_as
from .lower_expressions import NOT_CONSTANT, constant_of
from .references import resolve_reference
from .resolved import Resolved
from .scopes import BODY, Place, StepInfo
from .source import Span
from .suggest import nearest
from .tasks import WITHOUT_ENV, entry_of
from .unresolved import Unresolved

__all__ = ["check_workflow"]

_ANY_LIST: Final = list_of(ANY)
_NO_TIMES: Final = ("bool", "list", "map", "record")


def check_workflow(resolved: Resolved, family: Family, diagnostics: Diagnostics) -> None:
    """Report what is wrong with a workflow whose names are known and whose tasks are prepared."""
    _Checker(resolved, family, diagnostics).check()


class Names:
    """What names mean at ``place``, for the inference of types; reports what means nothing."""

    def __init__(self, resolved: Resolved, diagnostics: Diagnostics) -> None:
        self.resolved = resolved
        self.diagnostics = diagnostics
        self.place = Place(resolved.run)
        self.told: set[tuple[str, str]] = set()
        self.in_condition = False

    def lookup(self, head: nodes.Name | nodes.DataKey, path: Path) -> tuple[Type, int]:
        """Return the type of what a path begins with, and how many of its accesses that stands for."""
        found = resolve_reference(self.resolved, self.place, head, list(path))
        if isinstance(found, Unresolved):
            hidden = self.resolved.workflow.may_hold(found.name.rpartition(".")[2], found.code)
            # A name that means nothing is one mistake, however often it is written; a wrong use is one each time.
            where = f"{found.span.line}:{found.span.column}" if found.code == "WFE0481" else ""
            told = (found.code, found.name + where)
            if not hidden and told not in self.told:
                self.told.add(told)
                self.diagnostics.add(found.code, found.message, found.span, found.help, found.labels)
            return ANY, len(path)
        if found.nothing_has_it and not self.resolved.workflow.unread and ("", head.name) not in self.told:
            self.told.add(("", head.name))
            known = {*self.resolved.by_name, *self.resolved.inputs}
            known.update(name for scope in self.resolved.scopes for name in scope.outputs)
            near = self.resolved.guesser.nearest(head.name, sorted(known))
            self.diagnostics.add(
                "WFE0432" if self.in_condition else "WFE0216",
                f"no output, step or input is named `{head.name}`, so this is always null",
                head.span,
                f"did you mean `{near}`?"
                if near
                else "an output is found by its name only if a step lists it under `outputs:`",
            )
        return found.type, found.used


class _Checker:
    def __init__(self, resolved: Resolved, family: Family, diagnostics: Diagnostics) -> None:
        self.resolved = resolved
        self.family = family
        self.diagnostics = diagnostics
        self.names = Names(resolved, diagnostics)
        self.set_types: dict[tuple[int, str], Type] = {}

    def check(self) -> None:
        resolved = self.resolved
        for info in resolved.steps:
            if info.kind == "workflow" and info.config is not None:
                call = child_of(info.config)
                info.child = None if call is None else self.family.find(call)
        self.check_declarations()
        self.names.place = Place(resolved.run)
        check_surroundings(resolved.workflow, self.names, self.diagnostics)
        for info in resolved.steps[1:]:
            self.check_step(info)
        check_flow(resolved, self.set_types, self.diagnostics)

    # Expressions

    def infer(self, expression: nodes.Expression, place: Place) -> Type:
        self.names.place = place
        self.names.in_condition = False
        return infer(expression, self.names, self.diagnostics)

    def infer_as(self, expression: nodes.Expression, wanted: Type, role: str, place: Place) -> Type:
        self.names.place = place
        self.names.in_condition = wanted is BOOL
        if wanted is BOOL:
            check_condition(expression, self.resolved, self.names, self.diagnostics)
        return infer_as(expression, wanted, role, self.names, self.diagnostics)

    def check_step(self, info: StepInfo) -> None:
        node = info.node
        assert node is not None
        place = Place(info)
        if node.when is not None:
            self.infer_as(node.when, BOOL, "`when`", place)
        self.check_body(info, node, place)
        for output in node.outputs:
            report_type(output.type, self.diagnostics)

    def check_body(self, info: StepInfo, node: nodes.Step, place: Place) -> None:
        body = node.body
        if isinstance(body, nodes.Task):
            self.check_task(info, node, place)
        elif isinstance(body, nodes.If):
            self.infer_as(body.test, BOOL, "`if`", place)
        elif isinstance(body, nodes.While):
            if body.until:
                self.infer_as(body.test, BOOL, "`until`", Place(info, BODY, at=info.body_end))
            else:
                self.infer_as(body.test, BOOL, "`while`", place)
        elif isinstance(body, nodes.ForEach):
            self.infer_as(body.items, _ANY_LIST, "`for_each`", place)
            self.check_collect(info, body.collect)
        elif isinstance(body, nodes.Matrix):
            for name, _, axis in body.axes:
                self.infer_as(axis, _ANY_LIST, f"the axis `{name}`", place)
            self.check_collect(info, body.collect)
        elif isinstance(body, nodes.Switch):
            self.check_switch(body, place)
        elif isinstance(body, nodes.Wait | nodes.Publish | nodes.Approve):
            self.check_signal(body, place)
        elif isinstance(body, nodes.Set):
            for name, _, expression in body.entries:
                self.set_types[info.index, name] = self.infer(expression, place)
        elif isinstance(body, nodes.Return):
            self.check_return(body, place)
        elif isinstance(body, nodes.Fail):
            self.infer(body.message, place)
        elif isinstance(body, nodes.Sleep) and body.until is not None:
            self.check_moment(body.until, place)

    def check_moment(self, moment: nodes.Expression, place: Place) -> None:
        """Report what is never a time: a value of another kind, or a text that is written out and tells none."""
        found = self.infer(moment, place)
        constant = constant_of(moment)
        if constant is not NOT_CONSTANT:
            never = constant is not None and epoch_milliseconds(constant) is None  # the front end tells of nothing
            said = shown(constant)
        else:
            never, said = found.kind in _NO_TIMES, str(found)
        if never:
            self.diagnostics.add(
                "WFE0312",
                f"`sleep_until` needs a time, and this is {said}",
                moment.span,
                "it is a text with its zone, '2030-01-31T12:00:00Z', or milliseconds since 1970",
            )

    def check_collect(self, info: StepInfo, collect: nodes.Collect | None) -> None:
        if collect is None:
            return
        found = map_of(ANY)
        if collect.expression is not None:
            found = self.infer(collect.expression, Place(info, BODY, info.inner, info.body_end))
        self.set_types[info.index, collect.name] = list_of(found)

    def check_switch(self, body: nodes.Switch, place: Place) -> None:
        found = self.infer(body.subject, place)
        seen: dict[Any, nodes.Case] = {}
        never: list[nodes.Case] = []
        for case in body.cases:
            value = case.value.value
            first = seen.setdefault((type(value) is bool, value), case)  # 1 and 1.0 are one value, true is another
            if first is not case:
                self.diagnostics.add(
                    "WFE0413",
                    f"two cases of the switch have the value {shown(value)}",
                    case.value.span,
                    "make one case of them, or give one another value",
                    (Label(first.value.span, "the first one stands here"),),
                )
            elif check_value(value, found):
                never.append(case)
            else:
                check_choice("==", body.subject, case.value, self.resolved, self.diagnostics)
        if len(never) > 1 and len(never) == len(seen):  # the mistake is what is switched on
            self.diagnostics.add(
                "WFE0414",
                f"the value of the switch is {found}, and none of its cases is",
                body.subject.span,
                "switch on a value that the cases may be, as in `switch: inputs.color`, or give cases of its type",
                (Label(never[0].value.span, f"it is never {shown(never[0].value.value)}"),),
            )
            return
        for case in never:
            self.diagnostics.add(
                "WFE0414",
                f"the value of the switch is {found}, so it is never {shown(case.value.value)}",
                case.value.span,
                "give a value of that type, or remove the case",
                (Label(body.subject.span, f"this is {found}"),),
            )

    def check_signal(self, body: nodes.Wait | nodes.Publish | nodes.Approve, place: Place) -> None:
        if isinstance(body, nodes.Wait):
            self.check_since(body.since)
        if isinstance(body, nodes.Approve):
            for expression in (body.title, *body.assignees):
                self.infer(expression, place)
            return
        if body.key is not None:
            self.infer(body.key, place)
        rest = body.since if isinstance(body, nodes.Wait) else body.data
        if rest is not None:
            self.infer(rest, place)

    def check_since(self, since: nodes.Expression | None) -> None:
        if isinstance(since, nodes.Literal) and since.value != "now" and epoch_milliseconds(since.value) is None:
            self.diagnostics.add(
                "WFE0451",
                f"`since` is {shown(since.value)}, which is neither `run`, `now` nor a time",
                since.span,
                "write a time with its zone, as in `since: '2030-01-31T12:00:00Z'`",
            )

    def check_task(self, info: StepInfo, node: nodes.Step, place: Place) -> None:
        for _, _, value in info.config.entries if info.config is not None else ():
            if not isinstance(value, nodes.Literal):
                self.infer(value, place)
        types = {name: self.infer(expression, place) for name, _, expression in node.inputs or ()}
        if info.config is not None and info.kind not in WITHOUT_ENV:
            check_environment(entry_of(info.config, "env"), self.diagnostics)
        if info.kind == "workflow":
            check_child(self.resolved, self.family, info, types, place, self.diagnostics)

    def check_return(self, body: nodes.Return, place: Place) -> None:
        declared = {declaration.name: declaration for declaration in self.resolved.workflow.outputs}
        unknown: list[tuple[str, Span, Type]] = []
        for name, span, expression in body.entries:
            found = self.infer(expression, place)
            declaration = declared.get(name)
            if declaration is None:
                if not self.resolved.workflow.may_hold(name, "WFE0411"):
                    unknown.append((name, span, found))
                continue
            wanted = declared_type(declaration.type)
            if not accepts(wanted, found):
                self.diagnostics.add(
                    "WFE0409",
                    f"the output `{name}` is declared {wanted}, and `return` gives {found}",
                    expression.span,
                    "change the declaration or what is returned",
                    (Label(declaration.span, f"it is declared {wanted} here"),),
                )
        # Without any declared output the mistake is one: that none is declared.
        for name, span, _ in unknown if declared else unknown[:1]:
            near = nearest(name, declared)
            written = ", ".join(f"{other}: {'any' if type.kind == 'null' else type}" for other, _, type in unknown)
            self.diagnostics.add(
                "WFE0411",
                f"`return` gives `{name}`, which is no declared output of the workflow",
                span,
                f"did you mean `{near}`?" if near else f"declare it under the workflow's `outputs:`, as in `{written}`",
            )

    # Declarations

    def check_declarations(self) -> None:
        workflow = self.resolved.workflow
        for declaration in (*(workflow.inputs or ()), *workflow.outputs):
            if report_type(declaration.type, self.diagnostics):
                self.check_values(declaration)

    def check_values(self, declaration: nodes.InputDeclaration) -> None:
        """Check a default and the values of an enum against the declared type."""
        wanted = declared_type(declaration.type)
        name = declaration.name
        for value in declaration.enum:
            problems = check_value(value, wanted)
            if problems:
                self.diagnostics.add(
                    "WFE0408",
                    f"a value of the enum of `{name}` does not fit its type: {problems[0].message}",
                    declaration.span,
                    f"every value of the enum has to be {wanted}",
                )
                return
        default = declaration.default
        if default is None:
            return
        value = constant_of(default)
        if value is NOT_CONSTANT:
            return
        problems = check_value(value, wanted)
        if problems:
            self.diagnostics.add(
                "WFE0408",
                f"the default of `{name}`{problems[0].path} does not fit its type: {problems[0].message}",
                default.span,
                f"give a value that is {wanted}, or change the type",
                (Label(declaration.type.span, f"`{name}` is declared {wanted} here"),),
            )
        elif declaration.enum and value is not None:
            allowed = [coerce(item, wanted) for item in declaration.enum]
            if coerce(value, wanted) not in allowed:
                shown = ", ".join(str(item) for item in allowed[:12])
                self.diagnostics.add(
                    "WFE0408",
                    f"the default of `{name}` is not among the values of its enum",
                    default.span,
                    f"the enum allows {shown}",
                )


def shown(value: Any) -> str:
    """Return a literal as it is written."""
    return json.dumps(value, ensure_ascii=False)
