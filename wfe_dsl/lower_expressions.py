"""Expressions to instructions.

This file owns what each kind of expression compiles to. It relies on the checks having passed: a name
that means nothing here is a bug of ours.

Rules:

1. Only what cannot fail is folded: literals in lists, maps and texts.
2. ``&&``, ``||``, ``??`` and ``?:`` evaluate only what decides; the result of the first two is a bool.
3. A map's entries are taken by name, so the order in which they were written is not in the code.
"""

from __future__ import annotations

from typing import Any, Final

from wfe_vm import opcodes as op
from wfe_vm.errors import InternalError
from wfe_vm.library import FUNCTIONS_BY_NAME
from wfe_vm.program import HOST_SLOT, NO_PC
from wfe_vm.typeterms import BOOL

from . import nodes
from .emit import Emitter
from .references import Reference, resolve_reference
from .resolved import Resolved
from .scopes import Place
from .source import Span
from .unresolved import Unresolved

__all__ = ["NOT_CONSTANT", "ExpressionLowering", "constant_of"]

NOT_CONSTANT: Final = object()
"""What ``constant_of`` gives for an expression whose value is not known before the run."""

_OPERATORS: Final[dict[str, int]] = {
    "==": op.EQUAL,
    "!=": op.NOT_EQUAL,
    "<": op.LESS,
    "<=": op.LESS_EQUAL,
    ">": op.GREATER,
    ">=": op.GREATER_EQUAL,
    "+": op.ADD,
    "-": op.SUBTRACT,
    "*": op.MULTIPLY,
    "/": op.DIVIDE,
    "%": op.REMAINDER,
    "in": op.IN,
}
_BOOL_OPERATORS: Final = frozenset({"==", "!=", "<", "<=", ">", ">=", "in", "contains", "&&", "||"})


def constant_of(expression: nodes.Expression) -> Any:
    """Return an expression's value if it is made of literals alone, else NOT_CONSTANT."""
    if isinstance(expression, nodes.Literal):
        return expression.value
    if isinstance(expression, nodes.ListExpression):
        items = [constant_of(item) for item in expression.items]
        return NOT_CONSTANT if NOT_CONSTANT in items else items
    if isinstance(expression, nodes.MapExpression):
        members = {name: constant_of(value) for name, _, value in sorted(expression.entries, key=_name_of)}
        return NOT_CONSTANT if any(value is NOT_CONSTANT for value in members.values()) else members
    if isinstance(expression, nodes.Text):
        parts = [constant_of(part) for part in expression.parts]
        if all(part is None or isinstance(part, str) for part in parts):
            return "".join(part or "" for part in parts)
    return NOT_CONSTANT


def is_bool(expression: nodes.Expression) -> bool:
    """Return whether an expression's form alone says that its value is a bool."""
    if isinstance(expression, nodes.Literal):
        return isinstance(expression.value, bool)
    if isinstance(expression, nodes.Binary):
        return expression.operator in _BOOL_OPERATORS
    if isinstance(expression, nodes.Unary):
        return expression.operator == "!"
    if isinstance(expression, nodes.Conditional):
        return is_bool(expression.then) and is_bool(expression.otherwise)
    if isinstance(expression, nodes.Call):
        row = FUNCTIONS_BY_NAME.get(expression.function)
        return row is not None and row.result == BOOL and row.result_rule is None
    return False


class ExpressionLowering:
    """Emits expressions of one workflow. ``host_names`` collects what host.has() is asked."""

    def __init__(self, resolved: Resolved, emitter: Emitter) -> None:
        self.resolved = resolved
        self.emitter = emitter
        self.host_names: set[str] = set()

    def lower(self, expression: nodes.Expression, place: Place) -> None:
        """Emit code that leaves the expression's value on the stack."""
        self._lower(expression, place, ())

    def lower_map(self, entries: tuple[tuple[str, Span, nodes.Expression], ...], place: Place) -> None:
        """Emit code that leaves a map of the entries on the stack."""
        self._map(entries, place, ())

    def load(self, reference: Reference) -> None:
        """Emit code that leaves what a reference means on the stack."""
        emitter = self.emitter
        if reference.gathered is not None:
            emitter.load_constant(op.GATHER, [list(entry) for entry in reference.gathered])
            return
        slot = reference.slot
        if reference.hook is not None:
            if reference.hook.hook_slot == NO_PC:
                reference.hook.hook_slot = reference.hook.scope.take_slot()
            slot = reference.hook.hook_slot
        if slot == NO_PC:
            emitter.load_constant(op.LOAD_CONST, None)
            return
        if reference.stdout is not None:
            reference.stdout.keep_stdout = True
        emitter.emit(op.LOAD_SLOT, reference.depth, slot)
        for name in reference.members:
            emitter.load_constant(op.MEMBER, name)

    def _lower(self, expression: nodes.Expression, place: Place, bound: tuple[str, ...]) -> None:
        emitter = self.emitter
        constant = constant_of(expression)
        if constant is not NOT_CONSTANT:
            emitter.load_constant(op.LOAD_CONST, constant)
            return
        before = emitter.mark(expression.span)
        if isinstance(expression, nodes.Name | nodes.DataKey | nodes.Member | nodes.Index):
            self._path(expression, place, bound)
        elif isinstance(expression, nodes.Binary):
            self._binary(expression, place, bound)
        elif isinstance(expression, nodes.Text):
            for part in expression.parts:
                self._lower(part, place, bound)
            emitter.emit_counted(op.TEXT, len(expression.parts))
        elif isinstance(expression, nodes.Call):
            self._call(expression, place, bound)
        elif isinstance(expression, nodes.MapExpression):
            self._map(expression.entries, place, bound)
        elif isinstance(expression, nodes.ListExpression):
            for item in expression.items:
                self._lower(item, place, bound)
            emitter.emit_counted(op.MAKE_LIST, len(expression.items))
        elif isinstance(expression, nodes.Unary):
            self._lower(expression.operand, place, bound)
            emitter.mark(expression.span)
            emitter.emit(op.NOT if expression.operator == "!" else op.NEGATE)
        elif isinstance(expression, nodes.Conditional):
            self._conditional(expression, place, bound)
        else:
            raise InternalError(f"{type(expression).__name__} is no expression of its own")
        emitter.mark(before)

    def _path(self, expression: nodes.Expression, place: Place, bound: tuple[str, ...]) -> None:
        emitter = self.emitter
        head, path = nodes.split_path(expression)
        if isinstance(head, nodes.Name) and head.name in bound:
            # The innermost of equal names: what is bound inside hides what is bound outside.
            emitter.emit(op.LOAD_LOCAL, len(bound) - 1 - bound[::-1].index(head.name))
        elif isinstance(head, nodes.Name | nodes.DataKey):
            found = resolve_reference(self.resolved, place, head, path)
            if isinstance(found, Unresolved):
                raise InternalError(f"an unresolved name reached the code generator: {found.message}")
            self.load(found)
            path = path[found.used :]
        else:
            self._lower(head, place, bound)
        for access in path:
            if isinstance(access, nodes.Member):
                emitter.load_constant(op.MEMBER, access.name)
                continue
            key = access.key
            if isinstance(key, nodes.Literal) and isinstance(key.value, str):
                emitter.load_constant(op.MEMBER, key.value)
                continue
            self._lower(key, place, bound)
            emitter.mark(access.span)
            emitter.emit(op.INDEX)

    def _binary(self, expression: nodes.Binary, place: Place, bound: tuple[str, ...]) -> None:
        emitter, operator = self.emitter, expression.operator
        if operator == "&&" or operator == "||":
            self._lower(expression.left, place, bound)
            end = emitter.label()
            emitter.mark(expression.span)
            emitter.jump(op.BRANCH_FALSE_KEEP if operator == "&&" else op.BRANCH_TRUE_KEEP, end)
            self._lower(expression.right, place, bound)
            if not is_bool(expression.right):
                emitter.mark(expression.right.span)
                emitter.emit(op.CHECK_BOOL)
            emitter.place(end)
        elif operator == "??":
            self._lower(expression.left, place, bound)
            end = emitter.label()
            emitter.jump(op.BRANCH_VALUE_KEEP, end)
            self._lower(expression.right, place, bound)
            emitter.place(end)
        else:
            first, second = expression.left, expression.right
            if operator == "contains":
                first, second = second, first
            self._lower(first, place, bound)
            self._lower(second, place, bound)
            emitter.mark(expression.span)
            emitter.emit(op.IN if operator == "contains" else _OPERATORS[operator])

    def _conditional(self, expression: nodes.Conditional, place: Place, bound: tuple[str, ...]) -> None:
        emitter = self.emitter
        otherwise, end = emitter.label(), emitter.label()
        self._lower(expression.test, place, bound)
        emitter.mark(expression.test.span)
        emitter.jump(op.BRANCH_FALSE, otherwise)
        self._lower(expression.then, place, bound)
        emitter.jump(op.JUMP, end)
        emitter.place(otherwise)
        self._lower(expression.otherwise, place, bound)
        emitter.place(end)

    def _call(self, expression: nodes.Call, place: Place, bound: tuple[str, ...]) -> None:
        emitter, function, arguments = self.emitter, expression.function, expression.arguments
        if function == "host.has":
            name = constant_of(arguments[0])
            self.host_names.add(name)
            emitter.emit(op.LOAD_SLOT, 0, HOST_SLOT)
            emitter.load_constant(op.MEMBER, name)
        elif function in ("map", "filter") and len(arguments) == 2 and isinstance(arguments[1], nodes.Lambda):
            self._each(expression, arguments[0], arguments[1], place, bound)
        else:
            for argument in arguments:
                self._lower(argument, place, bound)
            emitter.mark(expression.span)
            emitter.emit_counted(op.CALL, len(arguments), FUNCTIONS_BY_NAME[function].number)

    def _each(
        self,
        call: nodes.Call,
        items: nodes.Expression,
        function: nodes.Lambda,
        place: Place,
        bound: tuple[str, ...],
    ) -> None:
        emitter, local = self.emitter, len(bound)
        emitter.use_local(local)
        self._lower(items, place, bound)
        emitter.mark(call.span)
        emitter.emit(op.EACH_BEGIN)
        top, end = emitter.label(), emitter.label()
        emitter.place(top)
        emitter.jump(op.EACH_NEXT, end, local)
        self._lower(function.body, place, (*bound, function.parameter))
        if call.function == "filter":
            emitter.mark(function.body.span)
            emitter.emit(op.EACH_FILTER, local)
        else:
            emitter.emit(op.EACH_KEEP)
        emitter.jump(op.JUMP, top)
        emitter.place(end)

    def _map(
        self, entries: tuple[tuple[str, Span, nodes.Expression], ...], place: Place, bound: tuple[str, ...]
    ) -> None:
        for name, _, value in sorted(entries, key=_name_of):
            self.emitter.load_constant(op.LOAD_CONST, name)
            self._lower(value, place, bound)
        self.emitter.emit_counted(op.MAKE_MAP, len(entries))


def _name_of(entry: tuple[str, Span, nodes.Expression]) -> str:
    return entry[0]
