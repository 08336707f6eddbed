"""Which steps never let the run go on: what stands after one in its list is never reached.

This file owns what can be said of that from the tree alone. It asks for no names and no types; a
condition counts as known only where it is a literal.
"""

from __future__ import annotations

from collections.abc import Iterable

from . import nodes

__all__ = ["never_goes_on"]


def never_goes_on(step: nodes.Step) -> bool:
    """Return whether the steps after this one can never run: it ends the run, fails, or never ends."""
    if step.when is not None:
        return False
    if isinstance(step.body, nodes.Return):
        return True
    if step.continue_on_failure:
        return False
    hooks = step.hooks
    # A hook that fails fails a step that had succeeded.
    if hooks is not None and (_any_stops(hooks.on_success) or _any_stops(hooks.ensure)):
        return True
    return _body_never_goes_on(step.body)


def _body_never_goes_on(body: nodes.Block) -> bool:
    if isinstance(body, nodes.Fail):
        return True
    if isinstance(body, nodes.Sequence | nodes.Saga | nodes.Parallel):
        return _any_stops(body.steps)
    if isinstance(body, nodes.Race):
        return bool(body.steps) and all(map(never_goes_on, body.steps))
    if isinstance(body, nodes.If):
        return all(map(_any_stops, _sides(body)))
    if isinstance(body, nodes.Switch):
        return _any_stops(body.default) and all(_any_stops(case.steps) for case in body.cases)
    if isinstance(body, nodes.While):
        endless = isinstance(body.test, nodes.Literal) and body.test.value is (not body.until)
        # The body of an `until` runs once at least.
        return endless or (body.until and _any_stops(body.body))
    if isinstance(body, nodes.ForEach):
        return _has_items(body.items) and _any_stops(body.body)
    if isinstance(body, nodes.Matrix):
        return all(_has_items(axis) for _, _, axis in body.axes) and _any_stops(body.body)
    return False


def _sides(body: nodes.If) -> list[tuple[nodes.Step, ...]]:
    """Return the sides of an if of which one runs: both, unless its test is known."""
    test = body.test.value if isinstance(body.test, nodes.Literal) else None
    if isinstance(test, bool):
        return [body.then if test else body.otherwise]
    return [body.then, body.otherwise]


def _any_stops(steps: Iterable[nodes.Step]) -> bool:
    return any(map(never_goes_on, steps))


def _has_items(items: nodes.Expression) -> bool:
    return isinstance(items, nodes.ListExpression) and bool(items.items)
