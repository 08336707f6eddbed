"""``when`` as YAML: as the text of its expression or, where a data key is in it, in the structured form.

A data key has no place in an expression's text; the structured form is the only notation that makes one. What
``conditions`` makes of that form is what is recognised here.
"""

from __future__ import annotations

from typing import Final

from .. import nodes
from ..expression_parser import read_expression
from ..expression_printer import NoSpelling, print_expression
from ..expression_tokens import ExpressionSyntaxError
from ..roots import ROOTS
from .conditions import COMPARISONS, INDEXES, MAX_CHAIN, SEGMENT
from .layout import Item, Series, Table, Value
from .print_values import item, written_expression, written_value

__all__ = ["has_data_key", "written_condition", "written_path"]

_OPERATORS: Final = {sign: key for key, sign in COMPARISONS.items()}
_LONGEST_INDEX: Final = 9


def written_condition(condition: nodes.Expression) -> Value:
    """Return a condition as ``when`` takes it. Raises NoSpelling."""
    if not has_data_key(condition):
        text = written_expression(condition)
        if isinstance(text, Series | Table):
            return print_expression(condition)  # in YAML's own form it would be a condition of another kind
        # A long structured condition may be too much for an expression's bounds.
        if not isinstance(text, str) or not isinstance(read_expression(text), ExpressionSyntaxError) or "((" in text:
            return text
    return _structured(condition)


def has_data_key(expression: nodes.Expression) -> bool:
    """Whether a data key stands anywhere in an expression."""
    pending: list[object] = [expression]
    while pending:
        one = pending.pop()
        if isinstance(one, nodes.DataKey):
            return True
        if isinstance(one, tuple):
            pending.extend(one)
        elif isinstance(one, nodes.Node) and not isinstance(one, nodes.Literal | nodes.Name):
            pending.extend(getattr(one, name) for name in one.__struct_fields__)
    return False


def written_path(expression: nodes.Expression) -> str:
    """Return the path of a field, as ``field:`` and the ``path:`` of an input take it. Raises NoSpelling."""
    head, accesses = nodes.split_path(expression)
    if not isinstance(head, nodes.Name | nodes.DataKey) or not SEGMENT.fullmatch(head.name):
        raise NoSpelling(head)
    if (head.name in ROOTS) != isinstance(head, nodes.Name):
        raise NoSpelling(head)
    parts = [head.name]
    for access in accesses:
        if isinstance(access, nodes.Member):
            is_number = access.name.isdecimal() and access.name.isascii()
            bracket = f'["{access.name}"]' if '"' not in access.name else f"['{access.name}']"
            if not is_number and SEGMENT.fullmatch(access.name):
                parts.append(f".{access.name}")
            elif not is_number and INDEXES.fullmatch(bracket):
                parts.append(bracket)
            else:
                raise NoSpelling(access)
            continue
        key = access.key
        number = key.value if isinstance(key, nodes.Literal) else None
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 10**18:
            raise NoSpelling(access)
        parts.append(f"[{number}]" if len(str(number)) <= _LONGEST_INDEX else f".{number}")
    return "".join(parts)


def _structured(condition: nodes.Expression) -> Value:
    if isinstance(condition, nodes.Unary) and condition.operator == "!":
        return Table([item("not", written_condition(condition.operand))], flow=True)
    if isinstance(condition, nodes.Call) and condition.function == "one_of" and len(condition.arguments) == 1:
        listed = condition.arguments[0]
        if isinstance(listed, nodes.ListExpression) and listed.items:
            return _combined("one_of", list(listed.items))
    if isinstance(condition, nodes.Binary):
        leaf = _leaf(condition)
        if leaf is not None:
            return leaf
        if condition.operator in ("&&", "||"):
            return _chained(condition, condition.operator)
    raise NoSpelling(condition)


def _combined(key: str, conditions: list[nodes.Expression]) -> Table:
    return Table([item(key, Series([Item(written_condition(one)) for one in conditions], flow=True))])


def _chained(condition: nodes.Binary, operator: str) -> Table:
    """Return ``all`` or ``any``: the reader joins its items from the left, up to a number of them."""
    conditions: list[nodes.Expression] = []
    left: nodes.Expression = condition
    while isinstance(left, nodes.Binary) and left.operator == operator and (not conditions or _leaf(left) is None):
        conditions.append(left.right)
        left = left.left
    conditions.append(left)
    conditions.reverse()
    key = "all" if operator == "&&" else "any"
    listed: Series | None = None
    while conditions:
        taken = MAX_CHAIN if listed is None else MAX_CHAIN - 1
        items = [Item(written_condition(one)) for one in conditions[:taken]]
        if listed is not None:
            items.insert(0, Item(Table([item(key, listed)])))
        listed = Series(items, flow=True)
        conditions = conditions[taken:]
    assert listed is not None
    return Table([item(key, listed)])


def _leaf(condition: nodes.Binary) -> Table | None:
    """Return what compares one field, or None."""
    if condition.operator in ("==", "!=") and _is_null(condition.right):
        return _fielded(condition.left, "is_null" if condition.operator == "==" else "is_not_null", True)
    if condition.operator == "==":
        return _fielded(condition.left, "equals", written_value(condition.right))
    present, compared = condition.left, condition.right
    if condition.operator != "&&" or not isinstance(present, nodes.Binary) or not isinstance(compared, nodes.Binary):
        return None
    if present.operator != "!=" or not _is_null(present.right) or compared.operator not in _OPERATORS:
        return None
    if compared.operator == "==" or _is_null(compared.right):
        return None
    if nodes.structure(present.left) != nodes.structure(compared.left):
        return None
    return _fielded(present.left, _OPERATORS[compared.operator], written_value(compared.right))


def _fielded(field: nodes.Expression, key: str, value: Value) -> Table | None:
    try:
        path = written_path(field)
    except NoSpelling:
        return None
    return Table([item("field", path), item(key, value)], flow=True)


def _is_null(expression: nodes.Expression) -> bool:
    return isinstance(expression, nodes.Literal) and expression.value is None
