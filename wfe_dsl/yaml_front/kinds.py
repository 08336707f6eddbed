"""The kinds of a step that are no tasks: blocks, branches, loops, signals, ``set``, ``return``, ``fail``, ``sleep``.

One function a kind, from the value of its key and the map around it. What all steps share is ``steps``'s.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .. import nodes
from ..suggest import did_you_mean
from .context import Context, is_dynamic
from .recovery import build_fail_fast
from .scalars import core_value
from .step_keys import is_misspelt
from .tree import Listing, Mapping, Node, Scalar

__all__ = ["APPROVE_KEYS", "BUILDERS", "PARALLEL_KEYS", "PUBLISH_KEYS", "WAIT_KEYS", "Inner"]

MAX_ITERATIONS: Final = 2**53
MAX_LIMIT: Final = 1_000_000
# What stands in the place of a missing list of steps has been reported already.
CASES_HELP: Final = "a map from values to steps, as in `cases: {live: [{name: ship, config: {run: make ship}}]}`"
EVENT_HELP: Final = "the name of the event, as in `event: paid`"
MATRIX_HELP: Final = "names and lists, as in `matrix: {os: [debian, alpine]}`"
PARALLEL_KEYS: Final = ("steps", "limit", "fail_fast")
WAIT_KEYS: Final = ("event", "key", "since", "timeout", "on_timeout")
PUBLISH_KEYS: Final = ("event", "key", "data")
APPROVE_KEYS: Final = ("title", "options", "reject", "assignees", "timeout", "on_timeout")
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

    def step_or_steps(self, node: Node, what: str) -> tuple[nodes.Step, ...]:
        """Return the steps of a place that takes one step or a list of them."""
        node = self.context.known(node)
        if isinstance(node, Mapping):
            node = Listing(node.span, [node])
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
    guesses = inner.context.check_keys(node, PARALLEL_KEYS, "`parallel`")
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


def _switch(inner: Inner, node: Node) -> nodes.Block:
    context, default = inner.context, inner.mapping.get("default")
    cases: list[nodes.Case] = []
    if inner.mapping.get("cases") is None:
        if not is_misspelt(inner.mapping, "cases"):
            context.report("WFE0102", "`switch` needs `cases`", inner.mapping.head, CASES_HELP)
    else:
        given = context.as_map(inner.mapping.entries["cases"].value, "`cases`", CASES_HELP)
        if given is not None and not given.entries:
            context.report("WFE0108", "`cases` has no case", given.span, CASES_HELP)
        for key, entry in given.entries.items() if given is not None else ():
            value = key if entry.quoted else core_value(key)
            literal = nodes.Literal(span=entry.key_span, value=value)
            steps = inner.steps(entry.value, f"the case `{key}`")
            cases.append(nodes.Case(span=entry.key_span, value=literal, steps=steps))
    return nodes.Switch(
        span=inner.mapping.span,
        subject=context.expression(node, "`switch`"),
        cases=tuple(cases),
        default=() if default is None else inner.steps(default, "`default`"),
    )


def _race(inner: Inner, node: Node) -> nodes.Block:
    return nodes.Race(span=inner.mapping.span, steps=inner.steps(node, "`race`"))


def _saga(inner: Inner, node: Node) -> nodes.Block:
    return nodes.Saga(span=inner.mapping.span, steps=inner.steps(node, "`saga`"))


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
    items = inner.context.expression(node, "`for_each`")
    return nodes.ForEach(span=inner.mapping.span, items=items, **_iterations(inner, "for_each", "item"))


def _matrix(inner: Inner, node: Node) -> nodes.Block:
    axes = inner.context.as_map(node, "`matrix`", MATRIX_HELP)
    if axes is not None and not axes.entries:
        inner.context.report("WFE0103", "`matrix` has no axis", axes.span, MATRIX_HELP)
    entries = () if axes is None else inner.context.expressions(axes, "the axis")
    return nodes.Matrix(span=inner.mapping.span, axes=entries, **_iterations(inner, "matrix", "matrix"))


def _iterations(inner: Inner, kind: str, default: str) -> dict[str, Any]:
    """Return the fields that for_each and matrix share."""
    variable, limit = inner.mapping.get("as"), inner.mapping.get("limit")
    fail_fast, collect = inner.mapping.get("fail_fast"), inner.mapping.get("collect")
    name = default if variable is None else inner.context.name(variable, "the name of the item")
    if name is None:
        inner.context.unread.add("WFE0209")
    return {
        "body": inner.required_steps("do", f"`{kind}`"),
        "variable": name or default,
        "limit": None if limit is None else inner.context.integer(limit, "`limit`", 1, MAX_LIMIT),
        "fail_fast": "never" if fail_fast is None else build_fail_fast(inner.context, fail_fast),
        "collect": None if collect is None else _collect(inner.context, collect),
    }


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


def _wait(inner: Inner, node: Node) -> nodes.Block:
    context = inner.context
    mapping = _signal(inner, node, "wait", WAIT_KEYS, EVENT_HELP)
    since = mapping.get("since")
    moment: nodes.Expression | None = None
    if since is not None:
        moment = context.value(context.known(since) if isinstance(since, Scalar) and not is_dynamic(since) else since)
        if isinstance(moment, nodes.Literal) and moment.value == "run":
            moment = None
        elif not isinstance(since, Scalar) or since.value is None:
            context.wrong(since, "`since`", "`run`, `now` or a time", "leave it out for the start of the run")
    return nodes.Wait(
        span=inner.mapping.span,
        key=_key(inner, mapping),
        since=moment,
        **_event(inner, mapping),
        **_timeout(inner, mapping),
    )


def _publish(inner: Inner, node: Node) -> nodes.Block:
    mapping = _signal(inner, node, "publish", PUBLISH_KEYS, EVENT_HELP)
    data = mapping.get("data")
    return nodes.Publish(
        span=inner.mapping.span,
        key=_key(inner, mapping),
        data=None if data is None else inner.context.value(data),
        **_event(inner, mapping),
    )


def _approve(inner: Inner, node: Node) -> nodes.Block:
    context = inner.context
    if isinstance(node, Scalar) and node.value is not None:
        return nodes.Approve(span=inner.mapping.span, title=context.text(node))
    mapping = _signal(inner, node, "approve", APPROVE_KEYS, "the question, as in `title: Ship it?`")
    title = mapping.get("title")
    text: nodes.Expression = nodes.Literal(span=mapping.span, value="")
    if title is None:
        pass  # told already
    elif isinstance(title, Scalar) and title.value is not None:
        text = context.text(title) if isinstance(title.value, str) else nodes.Literal(span=title.span, value=title.text)
    else:
        context.wrong(title, "`title`", "a text", "the question, as in `title: Ship it?`")
    options = _options(context, mapping, "options", ("approve", "reject"))
    reject = _options(context, mapping, "reject", tuple(name for name in ("reject",) if name in options))
    written = mapping.get("options")
    for name in reject:
        # What the options are is not known where they could not be read: that was told already.
        if name not in options and (written is None or (isinstance(written, Listing) and written.items)):
            help = did_you_mean(name, options) or f"the options are {', '.join(options)}"
            context.report("WFE0117", f"`reject` can't be `{name}`", mapping.entries["reject"].value.span, help)
    assignees = mapping.get("assignees")
    people = None if assignees is None else context.as_list(assignees, "`assignees`", "as in `assignees: [ops]`")
    return nodes.Approve(
        span=inner.mapping.span,
        title=text,
        options=options,
        reject=reject,
        assignees=() if people is None else tuple(context.value(person) for person in people.items),
        **_timeout(inner, mapping),
    )


def _signal(inner: Inner, node: Node, kind: str, keys: tuple[str, ...], help: str) -> Mapping:
    """Return the map of a kind that says all it has to say under its own key; the first of ``keys`` has to be there."""
    shape = f"its keys are: {', '.join(keys)}"
    if isinstance(node, Scalar) and isinstance(node.value, str) and node.value.isidentifier():
        shape = f"write `{kind}: {{{keys[0]}: {node.value}}}`"
    mapping = inner.context.as_map(node, f"`{kind}`", shape)
    if mapping is None:
        return Mapping(node.span, {})
    guesses = inner.context.check_keys(mapping, keys, f"`{kind}`")
    inner.context.require(mapping, keys[0], f"`{kind}`", guesses, help)
    return mapping


def _event(inner: Inner, mapping: Mapping) -> dict[str, Any]:
    entry = mapping.entries.get("event")
    if entry is None:
        return {"event": "", "event_span": mapping.span}
    name = inner.context.string(entry.value, "`event`", "a name, as in `event: paid`")
    if name == "":
        inner.context.report("WFE0103", "`event` is an empty text", entry.value.span, "as in `event: paid`")
    return {"event": name or "", "event_span": entry.value.span}


def _key(inner: Inner, mapping: Mapping) -> nodes.Expression | None:
    key = mapping.get("key")
    if key is None:
        return None
    if isinstance(key, Scalar) and key.value is not None:
        is_text = isinstance(key.value, str)
        return inner.context.text(key) if is_text else nodes.Literal(span=key.span, value=key.text)
    inner.context.wrong(key, "`key`", "a text", "a text in which `${{ }}` may stand, as in `key: '${{ run.id }}'`")
    return None


def _timeout(inner: Inner, mapping: Mapping) -> dict[str, Any]:
    timeout, otherwise = mapping.get("timeout"), mapping.get("on_timeout")
    if otherwise is not None and timeout is None and "timeout" in mapping.entries:
        otherwise = None
    if otherwise is not None and timeout is None:
        help = "say how long to wait, as in `timeout: 1d`"
        inner.context.report("WFE0505", "`on_timeout` needs `timeout`", mapping.entries["on_timeout"].key_span, help)
    return {
        "timeout_ms": None if timeout is None else inner.context.duration(timeout, "`timeout`", least=1),
        "on_timeout": None if otherwise is None else inner.step_or_steps(otherwise, "`on_timeout`"),
    }


def _options(context: Context, mapping: Mapping, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    node = mapping.get(key)
    listing = None if node is None else context.as_list(node, f"`{key}`", "as in `[approve, reject]`")
    if listing is None:
        return default
    names = [context.string(item, f"an item of `{key}`") for item in listing.items]
    if key == "options" and not names:
        context.report(
            "WFE0116",
            "`options` is empty, so no answer would be allowed",
            listing.span,
            "as in `options: [yes, later]`",
        )
    return tuple(dict.fromkeys(name for name in names if name))


BUILDERS: Final[dict[str, Builder]] = {
    "sequence": _sequence,
    "parallel": _parallel,
    "if": _if,
    "switch": _switch,
    "while": _loop(until=False),
    "until": _loop(until=True),
    "for_each": _for_each,
    "matrix": _matrix,
    "race": _race,
    "saga": _saga,
    "wait": _wait,
    "approve": _approve,
    "publish": _publish,
    "set": _set,
    "return": _return,
    "fail": _fail,
    "sleep": _sleep,
    "sleep_until": _sleep_until,
}
