"""The tree that an expression is read into, before it has places in a source.

A tree is ``(kind, start, end, ...)``::

    literal value                    name text
    list items                       map ((key, start, end, tree), ...)
    member target name start end     index target key
    unary operator operand           binary operator left right
    conditional test then otherwise  lambda parameter body
    call function start end arguments
"""

from __future__ import annotations

from typing import Any

from wfe_vm.limits import MAX_EXPRESSION_DEPTH

from .expression_tokens import ExpressionSyntaxError

__all__ = ["Tree", "check_depth", "function_name"]

Tree = tuple[Any, ...]


def function_name(target: Tree) -> str | None:
    """Return the dotted name that is called, or None where it is no name."""
    names: list[str] = []
    while target[0] == "member":
        names.append(target[4])
        target = target[3]
    if target[0] != "name":
        return None
    names.append(target[3])
    return ".".join(reversed(names))


def check_depth(tree: Tree, words: int) -> None:
    """Refuse a tree that the passes after this one could not recurse through, such as a chain of 1,000 ``+``.

    ``words`` is how many it was read from: a tree is never deeper. Raises ExpressionSyntaxError.
    """
    if words <= MAX_EXPRESSION_DEPTH:
        return
    waiting = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        if depth > MAX_EXPRESSION_DEPTH:
            raise ExpressionSyntaxError(
                "WFE0306",
                f"the expression has more than {MAX_EXPRESSION_DEPTH} operators one upon the other",
                tree[1],
                tree[2],
                "split it with `set` steps, or use a list with sum(), join() or filter()",
            )
        waiting.extend((child, depth + 1) for child in _children(node))


def _children(tree: Tree) -> Tree:
    kind = tree[0]
    if kind == "binary":
        return tree[4:6]
    if kind == "member":
        return tree[3:4]
    if kind == "index":
        return tree[3:5]
    if kind == "unary" or kind == "lambda":
        return tree[4:5]
    if kind == "conditional":
        return tree[3:6]
    if kind == "call":
        return tuple(tree[6])
    if kind == "list":
        return tuple(tree[3])
    return tuple(entry[3] for entry in tree[3]) if kind == "map" else ()
