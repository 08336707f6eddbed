"""Expressions as Python objects: what an operator, an attribute or a call on one makes is an expression again.

::

    (inputs.count + 1 > 3) & ~inputs.tags.contains("beta")

Owns what each operator of Python means. ``&``, ``|`` and ``~`` stand for ``&&``, ``||`` and ``!``, as Python lets
nobody have ``and``, ``or`` and ``not``. An expression has no value while a workflow is built: to ask it for one, by
``if`` or ``in``, is a TypeError. A text beside an operator is a text; an expression's text is read by ``expression``.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NoReturn

from wfe_vm.limits import LARGEST_INTEGER, SMALLEST_INTEGER

from .. import nodes
from ..diagnostics.model import Diagnostic, Diagnostics
from ..embedded import OPENING
from ..expression_printer import NoSpelling, print_expression
from ..expressions import parse_expression
from ..source import Span
from .places import caller

__all__ = [
    "OMITTED",
    "Expression",
    "Operand",
    "call",
    "choose",
    "data",
    "expression",
    "filter_",
    "is_member_name",
    "lift",
    "map_",
    "node_of",
    "problems_of",
    "root",
    "template",
    "value",
]

_MEMBER: Final = re.compile(r"(?![0-9]+\Z)\w+(?:-(?=[^\W_])\w+)*")
"""What the language takes for a name after a dot."""

_NO_VALUE: Final = "an expression has no value while the workflow is built; "


class Expression:
    """An expression of a workflow. ``x.name`` and ``x["any name"]`` are members, ``x[0]`` is an item."""

    __slots__ = ("_node", "_problems")

    _node: nodes.Expression
    _problems: tuple[Diagnostic, ...]

    def __init__(self, node: nodes.Expression, problems: tuple[Diagnostic, ...] = ()) -> None:
        object.__setattr__(self, "_node", node)
        object.__setattr__(self, "_problems", problems)

    def __getattr__(self, name: str) -> Expression:
        if name.startswith("__"):
            raise AttributeError(name)
        place = caller()
        node = nodes.Member(span=place.span, target=self._node, name=name, name_span=place.tail(len(name)))
        return Expression(node, self._problems)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"`{name}` can't be assigned to: `set` gives a variable a value when the workflow runs")

    def __getitem__(self, key: str | int | Expression) -> Expression:
        span = caller().span
        if isinstance(key, str) and is_member_name(key):
            return self.member(key)
        inner = lift(key, span)
        return Expression(nodes.Index(span=span, target=self._node, key=inner._node), self._problems + inner._problems)

    def member(self, name: str) -> Expression:
        """Return a member, whatever its name: also one that a method of this class has taken."""
        span = caller().span
        return Expression(nodes.Member(span=span, target=self._node, name=name, name_span=span), self._problems)

    # Comparisons

    def __eq__(self, other: object) -> Expression:  # type: ignore[override] # it is compared when a run evaluates it
        return _binary("==", self, other)

    def __ne__(self, other: object) -> Expression:  # type: ignore[override] # as `==`
        return _binary("!=", self, other)

    def __lt__(self, other: Operand) -> Expression:
        return _binary("<", self, other)

    def __le__(self, other: Operand) -> Expression:
        return _binary("<=", self, other)

    def __gt__(self, other: Operand) -> Expression:
        return _binary(">", self, other)

    def __ge__(self, other: Operand) -> Expression:
        return _binary(">=", self, other)

    def contains(self, item: Operand) -> Expression:
        """Whether the text, list or map contains the item."""
        return _binary("contains", self, item)

    def in_(self, items: Operand) -> Expression:
        """Whether it is one of the items."""
        return _binary("in", self, items)

    # Logic

    def __and__(self, other: Operand) -> Expression:
        return _binary("&&", self, other)

    def __rand__(self, other: Operand) -> Expression:
        return _binary("&&", other, self)

    def __or__(self, other: Operand) -> Expression:
        return _binary("||", self, other)

    def __ror__(self, other: Operand) -> Expression:
        return _binary("||", other, self)

    def __invert__(self) -> Expression:
        return _unary("!", self)

    def or_else(self, other: Operand) -> Expression:
        """The value, or the other one where it is null: ``??``."""
        return _binary("??", self, other)

    # Arithmetic

    def __add__(self, other: Operand) -> Expression:
        return _binary("+", self, other)

    def __radd__(self, other: Operand) -> Expression:
        return _binary("+", other, self)

    def __sub__(self, other: Operand) -> Expression:
        return _binary("-", self, other)

    def __rsub__(self, other: Operand) -> Expression:
        return _binary("-", other, self)

    def __mul__(self, other: Operand) -> Expression:
        return _binary("*", self, other)

    def __rmul__(self, other: Operand) -> Expression:
        return _binary("*", other, self)

    def __truediv__(self, other: Operand) -> Expression:
        return _binary("/", self, other)

    def __rtruediv__(self, other: Operand) -> Expression:
        return _binary("/", other, self)

    def __mod__(self, other: Operand) -> Expression:
        return _binary("%", self, other)

    def __rmod__(self, other: Operand) -> Expression:
        return _binary("%", other, self)

    def __neg__(self) -> Expression:
        return _unary("-", self)

    # As a text: what `f"v{inputs.version}"` is to hold.

    def __str__(self) -> str:
        return f"{OPENING} {print_expression(self._node)} }}}}"

    def __format__(self, specification: str) -> str:
        if specification:
            raise TypeError(f"{_NO_VALUE}it can't be formatted with `{specification}`: use a function of the library")
        return str(self)

    def __repr__(self) -> str:
        try:
            return f"<expression {print_expression(self._node)}>"
        except NoSpelling:
            return "<expression>"

    # What Python would want a value for.

    __hash__ = None  # type: ignore[assignment] # what Python does itself where only `__eq__` is written

    def __bool__(self) -> NoReturn:
        raise TypeError(f"{_NO_VALUE}branch with `if_`, and join conditions by `&`, `|` and `~`")

    def __iter__(self) -> NoReturn:
        raise TypeError(f"{_NO_VALUE}go over its items with `for_each`")

    def __contains__(self, item: object) -> NoReturn:
        raise TypeError(f"{_NO_VALUE}ask with `x.contains(item)` or `item.in_(x)`")

    def __len__(self) -> NoReturn:
        raise TypeError(f"{_NO_VALUE}take `functions.len(x)`")

    def __call__(self, *arguments: object, **options: object) -> NoReturn:
        raise TypeError("an expression can't be called; the functions of the library are in `functions`")


Operand = Expression | str | int | float | bool | None | Sequence[Any] | Mapping[str, Any]
"""What may stand beside an operator: an expression, or a value of JSON in which expressions may stand."""

OMITTED: Final[Any] = object()
"""Stands for an argument that is left out."""


def is_member_name(name: str) -> bool:
    """Whether the language can write a name after a dot."""
    return _MEMBER.fullmatch(name) is not None


def node_of(expression: Expression) -> nodes.Expression:
    """Return the tree of an expression."""
    return expression._node


def problems_of(expression: Expression) -> tuple[Diagnostic, ...]:
    """Return what is wrong with an expression; it becomes known to a workflow when the expression is used in it."""
    return expression._problems


def lift(operand: object, span: Span) -> Expression:
    """Return the expression of an operand. Raises TypeError for what no workflow can hold."""
    if isinstance(operand, Expression):
        return operand
    if isinstance(operand, enum.Enum):
        operand = operand.value
    if operand is None or isinstance(operand, bool | str):
        return Expression(nodes.Literal(span=span, value=operand))
    if isinstance(operand, int | float):
        if isinstance(operand, int) and not SMALLEST_INTEGER <= operand <= LARGEST_INTEGER:
            raise TypeError(f"the integer {operand} does not fit in 64 bits")
        if operand != operand or operand in (float("inf"), float("-inf")):
            raise TypeError(f"{operand} is no number that a workflow can hold")
        return Expression(nodes.Literal(span=span, value=operand))
    if isinstance(operand, Mapping):
        given = {str(key): lift(item, span) for key, item in operand.items()}
        entries = tuple((key, span, item._node) for key, item in given.items())
        return _with(nodes.MapExpression(span=span, entries=entries), *given.values())
    if isinstance(operand, Sequence) and not isinstance(operand, bytes | bytearray):
        items = [lift(item, span) for item in operand]
        return _with(nodes.ListExpression(span=span, items=tuple(item._node for item in items)), *items)
    raise TypeError(f"a {type(operand).__name__} can't stand in an expression")


def value(constant: Operand) -> Expression:
    """Return a value as an expression: a text is that text, whatever it looks like."""
    return lift(constant, caller().span)


def expression(text: str) -> Expression:
    """Return the expression that a text is, as in ``expression("inputs.count + 1 > 3")``."""
    place = caller()
    part = place.argument("text", 0)
    span = part.span

    def span_of(start: int, end: int) -> Span:
        return span.part(text, start, end) if part.is_plain_text else span

    diagnostics = Diagnostics()
    found = parse_expression(text, span_of, diagnostics)
    return Expression(found or nodes.Unreadable(span=span), tuple(diagnostics.found))


def template(*parts: str | Expression) -> Expression:
    """Return a text made of texts, taken as they are, and of expressions."""
    span = caller().span
    lifted = [lift(part, span) for part in parts]
    return _with(nodes.Text(span=span, parts=tuple(part._node for part in lifted)), *lifted)


def data(name: str) -> Expression:
    """Return what a name means in a structured condition: the output, else the step, else the input; else null."""
    return Expression(nodes.DataKey(span=caller().span, name=name))


def choose(test: Operand, then: Operand, otherwise: Operand) -> Expression:
    """Return ``test ? then : otherwise``."""
    span = caller().span
    first, second, third = lift(test, span), lift(then, span), lift(otherwise, span)
    node = nodes.Conditional(span=span, test=first._node, then=second._node, otherwise=third._node)
    return _with(node, first, second, third)


def map_(items: Operand, body: Callable[[Expression], Operand], name: str = "") -> Expression:
    """Return ``map(items, x => body)``. The variable is named as the parameter of ``body`` is, or ``name``."""
    return _bound("map", items, body, name)


def filter_(items: Operand, body: Callable[[Expression], Operand], name: str = "") -> Expression:
    """Return ``filter(items, x => body)``, as ``map_``."""
    return _bound("filter", items, body, name)


def call(function: str, *arguments: Operand) -> Expression:
    """Return the call of a function of the library, without the arguments that are left out."""
    span = caller().span
    lifted = [lift(argument, span) for argument in arguments if argument is not OMITTED]
    inner = tuple(argument._node for argument in lifted)
    return _with(nodes.Call(span=span, function=function, function_span=span, arguments=inner), *lifted)


def root(name: str) -> Expression:
    """Return the expression of a root. Its place is where it is used."""
    return Expression(nodes.Name(span=caller().span, name=name))


def _bound(function: str, items: Operand, body: Callable[[Expression], Operand], name: str) -> Expression:
    span = caller().span
    parameter = name or body.__code__.co_varnames[0]
    taken = lift(items, span)
    result = lift(body(Expression(nodes.Name(span=span, name=parameter))), span)
    binding = nodes.Lambda(span=span, parameter=parameter, body=result._node)
    node = nodes.Call(span=span, function=function, function_span=span, arguments=(taken._node, binding))
    return _with(node, taken, result)


def _binary(operator: str, left: object, right: object) -> Expression:
    span = caller().span
    first, second = lift(left, span), lift(right, span)
    return _with(nodes.Binary(span=span, operator=operator, left=first._node, right=second._node), first, second)


def _unary(operator: str, operand: Expression) -> Expression:
    node = operand._node
    if operator == "-" and isinstance(node, nodes.Literal):
        value = node.value
        if type(value) is int or type(value) is float:
            return Expression(nodes.Literal(span=caller().span, value=-value), operand._problems)
    return Expression(nodes.Unary(span=caller().span, operator=operator, operand=node), operand._problems)


def _with(node: nodes.Expression, *inner: Expression) -> Expression:
    return Expression(node, tuple(problem for part in inner for problem in part._problems))
