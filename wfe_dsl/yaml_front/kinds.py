"""The kinds of a step that are no tasks: blocks, branches, loops, ``set``, ``return``, ``fail``, ``sleep``.

One function a kind, from the value of its key and the map around it. What all steps share is ``steps``'s.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from .. import nodes
from .context import Context
from .recovery import build_fail_fast
from .step_keys import is_misspelt
from .tree import Mapping, Node, Scalar

__all__ = ["BUILDERS", "Inner"]

MAX_ITERATIONS: Final = 2**53
MAX_LIMIT: Final = 1_000_000
# What stands in the place of a missing list of steps has been reported already.
MISPLACED: Final = {"do": ("then", "else"), "then": ("do",)}

StepsBuilder = Callable[[Context, Node, str], tuple[nodes.Step, ...]]


class Inner:
    """A step's map, and how to read the steps inside it."""

    def __init__(self, context: Context, mapping: Mapping, build: StepsBuilder) -> None:
        self.context = context
        self.mapping = mapping
        self.build = build

    def steps(self, node: Node, what: str) -> tuple[nodes.Step, ...]:
        return self.build(self.context, node, what)

    def required_steps(self, key: str, what: str) -> tuple[nodes.Step, ...]:
        """Return the steps under a key that has to be there."""
        entries = self.mapping.entries
        if key in entries:
            return self.steps(entries[key].value, f"`{key}`")
        misplaced = any(other in entries for other in MISPLACED.get(key, ()))
        if not misplaced and not is_misspelt(self.mapping, key):
            help = f"the steps go under `{key}:`"
            self.context.report("WFE0102", f"{what} needs `{key}`", self.mapping.head, help)
        return ()


Builder = Callable[[Inner, Node], nodes.Block]


def _sequence(inner: Inner, node: Node) -> nodes.Block:
    return nodes.Sequence(span=inner.mapping.span, steps=inner.steps(node, "`sequence`"))


def _parallel(inner: Inner, node: Node) -> nodes.Block:
    node = inner.context.known(node)
    if not isinstance(node, Mapping):
        return nodes.Parallel(span=inner.mapping.span, steps=inner.steps(node, "`parallel`"))
    guesses = inner.context.check_keys(node, ("steps", "limit", "fail_fast"), "`parallel`")
    steps: tuple[nodes.Step, ...] = ()
    if inner.context.require(node, "steps", "`parallel`", guesses, "the steps that run side by side"):
        steps = inner.steps(node.entries["steps"].value, "`parallel`")
    limit, fail_fast = node.get("limit"), node.get("fail_fast")
    return nodes.Parallel(
        span=inner.mapping.span,
        steps=steps,
        limit=0 if limit is None else inner.context.integer(limit, "`limit`", 1, MAX_LIMIT) or 0,
        fail_fast="never" if fail_fast is None else build_fail_fast(inner.context, fail_fast),
    )


def _if(inner: Inner, node: Node) -> nodes.Block:
    otherwise = inner.mapping.get("else")
    return nodes.If(
        span=inner.mapping.span,
        test=inner.context.expression(node, "`if`"),
        then=inner.required_steps("then", "`if`"),
        otherwise=() if otherwise is None else inner.steps(otherwise, "`else`"),
    )


def _loop(until: bool) -> Builder:
    key = "`until`" if until else "`while`"

    def build(inner: Inner, node: Node) -> nodes.Block:
        bound = inner.mapping.get("max_iterations")
        most = 0 if bound is None else inner.context.integer(bound, "`max_iterations`", 1, MAX_ITERATIONS)
        return nodes.While(
            span=inner.mapping.span,
            test=inner.context.expression(node, key),
            body=inner.required_steps("do", key),
            until=until,
            max_iterations=most or 0,
        )

    return build


def _for_each(inner: Inner, node: Node) -> nodes.Block:
    variable, limit = inner.mapping.get("as"), inner.mapping.get("limit")
    fail_fast, collect = inner.mapping.get("fail_fast"), inner.mapping.get("collect")
    name = "item" if variable is None else inner.context.name(variable, "the name of the item")
    if name is None:
        inner.context.unread.add("WFE0209")
    return nodes.ForEach(
        span=inner.mapping.span,
        items=inner.context.expression(node, "`for_each`"),
        body=inner.required_steps("do", "`for_each`"),
        variable=name or "item",
        limit=None if limit is None else inner.context.integer(limit, "`limit`", 1, MAX_LIMIT),
        fail_fast="never" if fail_fast is None else build_fail_fast(inner.context, fail_fast),
        collect=None if collect is None else _collect(inner.context, collect),
    )


def _collect(context: Context, node: Node) -> nodes.Collect | None:
    node = context.known(node)
    if not isinstance(node, Mapping):
        help = "or `{name: expression}` for one value of each pass"
        name = None
        if isinstance(node, Scalar) and node.value is not None:
            name = context.name(node, "the name")
        else:
            context.wrong(node, "`collect`", "a name", help)
        if name is None:
            context.unread.update(("WFE0208", "WFE0401"))
            return None
        return nodes.Collect(span=node.span, name=name)
    if len(node.entries) != 1:
        help = "gather several values in a map: `{name: '{a: outputs.a, b: outputs.b}'}`"
        context.report("WFE0103", f"`collect` takes one name, not {len(node.entries)}", node.span, help)
    if not node.entries:
        return None
    name, span, expression = context.expressions(node, "the name")[0]
    return nodes.Collect(span=span, name=name, expression=expression)


def _set(inner: Inner, node: Node) -> nodes.Block:
    values = inner.context.as_map(node, "`set`", "names and expressions")
    if values is not None and not values.entries:
        help = "give a name and an expression: `set: {count: vars.count + 1}`"
        inner.context.report("WFE0103", "`set` sets nothing", values.span, help)
    if values is None:
        inner.context.unread.update(("WFE0208", "WFE0401"))
    entries = () if values is None else inner.context.expressions(values, "a variable")
    return nodes.Set(span=inner.mapping.span, entries=entries)


def _return(inner: Inner, node: Node) -> nodes.Block:
    node = inner.context.known(node) if isinstance(node, Scalar) and node.verbatim else node
    if isinstance(node, Scalar) and node.value is None:
        return nodes.Return(span=inner.mapping.span, entries=())
    values = inner.context.as_map(node, "`return`", "the names of outputs and expressions")
    entries = () if values is None else inner.context.expressions(values, "an output")
    return nodes.Return(span=inner.mapping.span, entries=entries)


def _fail(inner: Inner, node: Node) -> nodes.Block:
    message: nodes.Expression = nodes.Literal(span=node.span, value="")
    if isinstance(node, Scalar):
        if node.value is not None:
            is_text = isinstance(node.value, str)
            message = inner.context.text(node) if is_text else nodes.Literal(span=node.span, value=node.text)
    else:
        inner.context.wrong(node, "`fail`", "a message", "write a text: `fail: the image is missing`")
    return nodes.Fail(span=inner.mapping.span, message=message)


def _sleep(inner: Inner, node: Node) -> nodes.Block:
    return nodes.Sleep(span=inner.mapping.span, duration_ms=inner.context.duration(node, "`sleep`") or 0)


def _sleep_until(inner: Inner, node: Node) -> nodes.Block:
    if isinstance(node, Scalar) and node.value is None:
        help = "give an expression that is a time: `sleep_until: inputs.start`"
        inner.context.wrong(node, "`sleep_until`", "a time", help)
    return nodes.Sleep(span=inner.mapping.span, until=inner.context.expression(node, "`sleep_until`"))


BUILDERS: Final[dict[str, Builder]] = {
    "sequence": _sequence,
    "parallel": _parallel,
    "if": _if,
    "while": _loop(until=False),
    "until": _loop(until=True),
    "for_each": _for_each,
    "set": _set,
    "return": _return,
    "fail": _fail,
    "sleep": _sleep,
    "sleep_until": _sleep_until,
}
