"""Static types of expressions: what a value will be, and what is certain to fail.

This file owns the typing rules of operators and calls. It knows nothing of steps or scopes: what a path
like ``inputs.regions`` means is asked of a ``Scope``. It never evaluates anything.

Rules: only what is certain is reported. ``any`` silences; an optional value may be present; a number may be
whole. One mistake is reported once: what it is part of counts as ``any``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from wfe_vm.library import FUNCTIONS_BY_NAME
from wfe_vm.typeterms import (
    ANY,
    BOOL,
    INTEGER,
    NULL,
    NUMBER,
    STRING,
    Type,
    accepts,
    is_optional,
    join,
    list_of,
    map_of,
    optional,
    record_of,
    required,
)

from . import nodes
from .diagnostics.model import Diagnostics
from .infer_calls import check_literals, counts_of, report_count, report_unknown
from .source import Span
from .suggest import nearest

__all__ = ["Path", "Scope", "infer", "infer_as"]

_NUMBERS: Final = ("integer", "number")
_ORDERING: Final = frozenset(("<", "<=", ">", ">="))
_SHOWN_FIELDS: Final = 8

Path = Sequence[nodes.Member | nodes.Index]
Bound = dict[str, Type]


class Scope(Protocol):
    """What names mean at the place of an expression."""

    def lookup(self, head: nodes.Name | nodes.DataKey, path: Path) -> tuple[Type, int]:
        """Return the type of what a path begins with, and how many of its accesses that stands for.

        ``inputs.regions[0].name`` has the head ``inputs`` and a path of three; a scope that knows the input
        gives ``(list<…>, 1)`` and the rest is inferred. A name that does not exist is the scope's to report,
        here or elsewhere; it gives ``(any, len(path))``. Variables bound by map and filter are never asked for.
        """


def infer(expression: nodes.Expression, scope: Scope, diagnostics: Diagnostics) -> Type:
    """Return the type of an expression's value; what is certain to fail goes to ``diagnostics``."""
    return _Inference(scope, diagnostics).infer(expression, {})


def infer_as(expression: nodes.Expression, wanted: Type, role: str, scope: Scope, diagnostics: Diagnostics) -> Type:
    """Return the type of an expression that must be of a type: also report a value that never is.

    ``role`` begins the message: ``when``, "the items of for_each", "the input `image`".
    """
    inference = _Inference(scope, diagnostics)
    found = inference.infer(expression, {})
    if not accepts(wanted, found):
        if found.kind == "null":
            inference.report_null(role, str(wanted), expression.span)
        else:
            help = "compare it with something: x != null, x == 'text', len(x) > 0"
            if wanted != BOOL:
                help = _cure((wanted,), found)
            diagnostics.add("WFE0312", f"{role} needs {wanted}, and this is {found}", expression.span, help)
    return found


class _Inference:
    def __init__(self, scope: Scope, diagnostics: Diagnostics) -> None:
        self.scope = scope
        self.diagnostics = diagnostics

    def infer(self, expression: nodes.Expression, bound: Bound) -> Type:
        if isinstance(expression, nodes.Literal):
            return _type_of(expression.value)
        if isinstance(expression, nodes.Name | nodes.DataKey | nodes.Member | nodes.Index):
            return self.path(expression, bound)
        if isinstance(expression, nodes.Binary):
            return self.binary(expression, bound)
        if isinstance(expression, nodes.Call):
            return self.call(expression, bound)
        if isinstance(expression, nodes.Text):
            for part in expression.parts:
                self.infer(part, bound)
            return STRING
        if isinstance(expression, nodes.ListExpression):
            return list_of(self.joined([self.infer(item, bound) for item in expression.items]))
        if isinstance(expression, nodes.MapExpression):
            return record_of({name: self.infer(value, bound) for name, _, value in expression.entries})
        if isinstance(expression, nodes.Unary):
            return self.unary(expression, bound)
        if isinstance(expression, nodes.Conditional):
            self.need_bool("the test of ? :", expression.test, bound)
            return join(self.infer(expression.then, bound), self.infer(expression.otherwise, bound))
        return ANY

    def joined(self, types: list[Type]) -> Type:
        if not types:
            return ANY
        found = types[0]
        for other in types[1:]:
            found = join(found, other)
        return ANY if found.kind == "null" else found

    # Paths

    def path(self, expression: nodes.Expression, bound: Bound) -> Type:
        head, path = nodes.split_path(expression)
        used = 0
        if isinstance(head, nodes.Name) and head.name in bound:
            found = bound[head.name]
        elif isinstance(head, nodes.Name | nodes.DataKey):
            found, used = self.scope.lookup(head, path)
            for access in path[:used]:
                if isinstance(access, nodes.Index):
                    self.infer(access.key, bound)
        else:
            found = self.infer(head, bound)
        for access in path[used:]:
            if isinstance(access, nodes.Member):
                found = self.member(found, access.name, access.name_span)
            else:
                found = self.index(found, access, bound)
        return found

    def member(self, target: Type, name: str, span: Span) -> Type:
        if target.kind == "record":
            field = target.field(name)
            if field is None:
                names = [known for known, _ in target.fields]
                meant = nearest(name, names)
                known = ", ".join(names[:_SHOWN_FIELDS]) + (", …" if len(names) > _SHOWN_FIELDS else "")
                help = f"did you mean `{meant}`?" if meant else f"it has {known}" if known else "it is empty"
                self.diagnostics.add("WFE0317", f"there is no `{name}` in {_shown(target)}", span, help)
                return ANY
            return optional(field) if target.optional else field
        if target.kind == "map":
            return optional(target.element or ANY)
        if target.kind == "any" or target.kind == "null":
            return target
        help = "only maps have members"
        if target.kind == "list":
            help = f"take one item first: x[0].{name}, or all: map(x, item => item.{name})"
            if name in ("length", "size", "count"):
                help = "write len(x)"
        self.diagnostics.add("WFE0317", f"a {target.kind} has no member `{name}`", span, help)
        return ANY

    def index(self, target: Type, access: nodes.Index, bound: Bound) -> Type:
        key_type = self.infer(access.key, bound)
        key = access.key
        if target.kind == "any" or target.kind == "null":
            return target
        if target.kind == "list":
            self.check("the index of a list", (INTEGER,), key_type, key.span)
            if isinstance(key, nodes.Literal) and isinstance(key.value, int) and key.value < 0:
                help = "the last item is last(x), the last two slice(x, -2)"
                self.diagnostics.add("WFE0320", "a list has nothing below 0, so this is always null", key.span, help)
            return optional(target.element or ANY)
        if target.kind == "record" or target.kind == "map":
            self.check("the key of a map", (STRING,), key_type, key.span)
            if isinstance(key, nodes.Literal) and isinstance(key.value, str):
                return self.member(target, key.value, key.span)
            return optional(target.element or ANY)
        help = "only lists and maps have them; of a string take slice(x, 0, 1), or split(x, ',')[0]"
        self.diagnostics.add("WFE0317", f"a {target.kind} has no elements", access.span, help)
        return ANY

    # Operators

    def unary(self, expression: nodes.Unary, bound: Bound) -> Type:
        if expression.operator == "!":
            found = self.infer(expression.operand, bound)
            help = "`!` and `not` bind tighter than ==, < and in: write !(a == b)"
            return BOOL if self.check("`!`", (BOOL,), found, expression.operand.span, help) else ANY
        found = self.infer(expression.operand, bound)
        fits = self.check("`-`", (NUMBER,), found, expression.operand.span)
        if not fits:
            return ANY
        return required(found) if found.kind in _NUMBERS else NUMBER

    def binary(self, expression: nodes.Binary, bound: Bound) -> Type:
        operator = expression.operator
        if operator == "&&" or operator == "||":
            self.need_bool(f"`{operator}`", expression.left, bound)
            self.need_bool(f"`{operator}`", expression.right, bound)
            return BOOL
        left = self.infer(expression.left, bound)
        right = self.infer(expression.right, bound)
        if operator == "??":
            return right if left.kind == "null" else join(required(left), right)
        if operator == "==" or operator == "!=":
            self.check_equality(expression, left, right)
            return BOOL
        if operator == "in" or operator == "contains":
            item, container = (left, right) if operator == "in" else (right, left)
            self.check_contained(expression, item, container)
            return BOOL
        if operator in _ORDERING:
            self.check_same(expression, left, right, (NUMBER, STRING), "two numbers or two strings")
            return BOOL
        return self.arithmetic(expression, left, right)

    def arithmetic(self, expression: nodes.Binary, left: Type, right: Type) -> Type:
        operator = expression.operator
        if operator == "+":
            kinds = (NUMBER, STRING, list_of(ANY))
            if not self.check_same(expression, left, right, kinds, "two numbers, two strings or two lists"):
                return ANY
            known = right if left.kind == "any" else left
            if known.kind == "list":
                return list_of(join(left.element or ANY, right.element or ANY))
            if known.kind not in _NUMBERS:
                return required(known)
        elif not self.check_same(expression, left, right, (NUMBER,), "two numbers"):
            return ANY
        divisor = expression.right
        if operator in ("/", "%") and isinstance(divisor, nodes.Literal) and divisor.value == 0:
            help = "divide by another number, or by a value: n == 0 ? 0 : total / n"
            self.diagnostics.add("WFE0318", "division by zero", divisor.span, help)
        return INTEGER if operator != "/" and left.kind == right.kind == "integer" else NUMBER

    def check_same(
        self, expression: nodes.Binary, left: Type, right: Type, kinds: tuple[Type, ...], wanted: str
    ) -> bool:
        """Report operands of which each must be of one of these kinds, both of the same; return whether they may."""
        what = f"`{expression.operator}`"
        fits_left = self.check(what, kinds, left, expression.left.span, wanted=wanted)
        fits_right = self.check(what, kinds, right, expression.right.span, wanted=wanted)
        if not (fits_left and fits_right):
            return False
        if any(accepts(kind, left) and accepts(kind, right) for kind in kinds):
            return True
        help = "convert one side, or give both as " + wanted
        if STRING.kind in (left.kind, right.kind):
            if expression.operator == "+":
                help = "make a string of the other side with string(x)"
            else:
                help = "make a number of the string with number(x), or compare two strings"
        message = f"{what} needs {wanted}, not {_shown(left)} and {_shown(right)}"
        self.diagnostics.add("WFE0312", message, expression.span, help)
        return False

    def check_equality(self, expression: nodes.Binary, left: Type, right: Type) -> None:
        if accepts(left, right) or accepts(right, left) or left.kind == "null" or right.kind == "null":
            return
        if left.optional and right.optional:
            return
        never = "false" if expression.operator == "==" else "true"
        message = f"{_shown(left)} never equals {_shown(right)}, so this is always {never}"
        help = "compare it with a value of the same type, or leave the comparison out"
        if STRING.kind in (left.kind, right.kind) and (left.kind in _NUMBERS or right.kind in _NUMBERS):
            help = "5 and '5' are different; convert one side with number(x) or string(x)"
        self.diagnostics.add("WFE0319", message, expression.span, help)

    def check_contained(self, expression: nodes.Binary, item: Type, container: Type) -> None:
        item_node, container_node = expression.left, expression.right
        if expression.operator == "contains":
            item_node, container_node = container_node, item_node
        what = f"`{expression.operator}`"
        kinds = (STRING, list_of(ANY), map_of(ANY))
        wanted = "a string, a list or a map to look in"
        if not self.check(what, kinds, container, container_node.span, wanted=wanted):
            return
        if container.kind == "string":
            self.check(f"{what} with a string", (STRING,), item, item_node.span)
        elif container.kind in ("map", "record"):
            self.check(f"{what} with a map", (STRING,), item, item_node.span)
        elif container.element is not None:
            element = container.element
            if item.kind != "null" and not (accepts(element, item) or accepts(item, element)):
                message = f"{_shown(item)} is never in {_shown(container)}, so this is always false"
                help = "look for a value of the type that the list holds, or leave the test out"
                self.diagnostics.add("WFE0319", message, expression.span, help)

    # Calls

    def call(self, call: nodes.Call, bound: Bound) -> Type:
        if call.function in ("map", "filter"):
            return self.each(call, bound)
        arguments = tuple(self.infer(argument, bound) for argument in call.arguments)
        if call.function == "host.has":
            if len(arguments) != 1 or not isinstance(call.arguments[0], nodes.Literal) or arguments[0] != STRING:
                message = "host.has() takes one name, written out"
                self.diagnostics.add("WFE0314", message, call.span, 'write host.has("docker")')
            return BOOL
        function = FUNCTIONS_BY_NAME.get(call.function)
        if function is None:
            report_unknown(call, self.diagnostics)
            return ANY
        if not function.accepts(len(arguments)):
            report_count(call, counts_of(function), function.signature, self.diagnostics)
            return ANY if function.result_rule else function.result
        fits = True
        for position, (found, argument) in enumerate(zip(arguments, call.arguments, strict=True)):
            parameter = function.parameter(position)
            what = f"{function.name}()"
            wanted = f"{parameter.wanted} as its {parameter.name}"
            fits &= self.check(
                what, parameter.types, found, argument.span, f"write {function.signature}", "WFE0314", wanted
            )
        check_literals(function, call, self.diagnostics)
        return function.result_of(arguments) if fits or not function.result_rule else ANY

    def each(self, call: nodes.Call, bound: Bound) -> Type:
        arguments = call.arguments
        if len(arguments) != 2 or not isinstance(arguments[1], nodes.Lambda):
            for argument in arguments:
                if not isinstance(argument, nodes.Lambda):
                    self.infer(argument, bound)
            report_count(call, "a list and `x => …`", f"{call.function}(list, x => …)", self.diagnostics)
            return list_of(ANY)
        items = self.infer(arguments[0], bound)
        self.check(f"{call.function}()", (list_of(ANY),), items, arguments[0].span, "", "WFE0314")
        function = arguments[1]
        inner = {**bound, function.parameter: items.element or ANY}
        if call.function == "map":
            found = self.infer(function.body, inner)
            return list_of(ANY if found.kind == "null" else found)
        self.need_bool("the test of filter()", function.body, inner)
        return required(items) if items.kind == "list" else list_of(ANY)

    # Needs

    def need_bool(self, what: str, expression: nodes.Expression, bound: Bound) -> None:
        help = "nothing but true and false counts as such: write x != null, x != '', len(x) > 0"
        self.check(what, (BOOL,), self.infer(expression, bound), expression.span, help)

    def check(
        self,
        what: str,
        kinds: tuple[Type, ...],
        found: Type,
        span: Span,
        help: str = "",
        code: str = "WFE0312",
        wanted: str | None = None,
    ) -> bool:
        """Report a value that is certain not to be of one of these types; return whether it may be."""
        if any(accepts(kind, found) for kind in kinds):
            return True
        wanted = wanted or " or ".join(map(str, kinds))
        if found.kind == "null":
            self.report_null(what, wanted, span)
        else:
            message = f"{what} needs {wanted}, not {_shown(found)}"
            self.diagnostics.add(code, message, span, help or _cure(kinds, found))
        return False

    def report_null(self, what: str, wanted: str, span: Span) -> None:
        self.diagnostics.add(
            "WFE0313", f"{what} needs {wanted}, and this is null", span, "give a default, as in (x ?? 0)"
        )


def _cure(kinds: tuple[Type, ...], found: Type) -> str:
    """Say how a value of one of these types is made of what was found."""
    wanted = {kind.kind for kind in kinds}
    if wanted & {"number", "integer"} and found.kind == "string":
        return "make a number of it with number(x) or integer(x), or give one without quotes"
    if "integer" in wanted and found.kind == "number":
        return "make a whole number of it with integer(x), round(x) or floor(x)"
    if "list" in wanted:
        cures = {"string": "split(x, ',')", "map": "keys(x) or values(x)", "record": "keys(x) or values(x)"}
        return f"make a list of it: {cures.get(found.kind, '[x]')}"
    if "string" in wanted:
        return "make a text of it with string(x) or to_json(x)"
    return f"give a value that is {' or '.join(map(str, kinds))}"


def _type_of(value: object) -> Type:
    if value is None:
        return NULL
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int):
        return INTEGER
    return NUMBER if isinstance(value, float) else STRING


def _shown(type: Type) -> str:
    """Return a type as a message shows it: long records by their kind."""
    text = str(required(type) if is_optional(type) and type.kind not in ("any", "null") else type)
    return text if len(text) <= 60 else type.kind
