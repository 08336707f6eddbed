"""Trees as front ends make them, of every construct of the language: what printers and readers are held to.

Each front end can write every one of these trees, and reading it gives the same tree, as ``nodes.structure``
compares. Names of steps are unique in a document. Names in expressions lead nowhere: such a tree is for
printers and readers, not for the passes after them.
"""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import strategies as st

from wfe_dsl import nodes
from wfe_dsl.source import SourceFile
from wfe_dsl.yaml_front.recovery import BEHAVIORS
from wfe_dsl.yaml_front.step_types import STEP_TYPES, Key

__all__ = ["CUSTOM_TYPE", "SPAN", "documents", "expressions"]

SPAN = SourceFile.from_text("tree", "").span_at(0, 0)
CUSTOM_TYPE = "mail"
"""A type of an installed executor: its configuration may hold anything."""

KEYS = ("a", "region", "build-image", "X_1", "in", "limit", "if")
FUNCTIONS = ("len", "lower", "first", "host.has", "string")
ROOTS = ("inputs", "outputs", "steps", "vars", "run", "item")
OPERATORS = ("==", "!=", "<", "<=", ">", ">=", "&&", "||", "??", "in", "contains", "+", "-", "*", "/", "%")
TYPES = ("string", "integer?", "list<string>", "map<list<any>>", "{host: string, port: integer?}", "bool")
# Quotes of all notations, what begins a comment or a variable of the shell, line ends and blanks at all places.
LETTERS = "ab Z9_-.'\"`#:;{}[]()<>=$%&*!?|\\/,\n\t\u00e9\u2028\U0001f600\x07\x7f"

plain_texts = st.text(st.sampled_from(LETTERS), max_size=12).filter(lambda text: "((" not in text and "${{" not in text)
texts = plain_texts | st.sampled_from(
    ("true", "42", "1.10", "null", "~", "a\nb\n", "  a\n    b\n", "one\n\ntwo", "a: b # c", "x", "- a", "```\nx\n```\n")
)
names = st.sampled_from(("work", "build-image", "X9", "if", "step", "on", "limit", "2fast", "_x", "ünï", "true", "9"))
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
durations = st.sampled_from((1, 250, 1000, 90_000, 3_600_000, 86_400_001))


def literal(value: Any) -> nodes.Literal:
    return nodes.Literal(span=SPAN, value=value)


def named(entries: dict[str, Any]) -> tuple[tuple[str, Any, Any], ...]:
    return tuple((name, SPAN, value) for name, value in entries.items())


def constants(values: Any) -> Any:
    """Return a plain value as a constant expression."""
    if isinstance(values, list):
        return nodes.ListExpression(span=SPAN, items=tuple(map(constants, values)))
    if isinstance(values, dict):
        return nodes.MapExpression(span=SPAN, entries=named({key: constants(value) for key, value in values.items()}))
    return literal(values)


def _larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.builds(nodes.Member, span=st.just(SPAN), target=inner, name=st.sampled_from(KEYS), name_span=st.just(SPAN)),
        st.builds(nodes.Index, span=st.just(SPAN), target=inner, key=inner),
        st.builds(nodes.Unary, span=st.just(SPAN), operator=st.just("!"), operand=inner),
        st.builds(nodes.Binary, span=st.just(SPAN), operator=st.sampled_from(OPERATORS), left=inner, right=inner),
        st.builds(nodes.Conditional, span=st.just(SPAN), test=inner, then=inner, otherwise=inner),
        st.builds(nodes.ListExpression, span=st.just(SPAN), items=st.lists(inner, max_size=3).map(tuple)),
        st.builds(
            nodes.MapExpression,
            span=st.just(SPAN),
            entries=st.dictionaries(st.sampled_from(KEYS) | plain_texts, inner, max_size=2).map(named),
        ),
        st.builds(
            nodes.Call,
            span=st.just(SPAN),
            function=st.sampled_from(FUNCTIONS),
            function_span=st.just(SPAN),
            arguments=st.lists(inner, max_size=2).map(tuple),
        ),
        inner.map(
            lambda body: nodes.Call(
                span=SPAN,
                function="map",
                function_span=SPAN,
                arguments=(
                    nodes.Name(span=SPAN, name="item"),
                    nodes.Lambda(span=SPAN, parameter="each", body=body),
                ),
            )
        ),
    )


_roots = st.builds(nodes.Name, span=st.just(SPAN), name=st.sampled_from(ROOTS))
expressions = st.recursive(
    scalars.map(literal) | _roots,
    _larger,
    max_leaves=5,
)
"""Expressions of every kind that has a spelling of its own."""

computed = expressions.filter(lambda found: not isinstance(found, nodes.Literal))


@st.composite
def mixed(draw: Any) -> nodes.Text:
    """A text with expressions in it."""
    parts: list[nodes.Expression] = []
    for _ in range(draw(st.integers(1, 2))):
        before = draw(plain_texts)
        if before and not before.endswith(("$", "\\")):
            parts.append(literal(before))
        parts.append(draw(computed))
    if len(parts) == 1:
        parts.append(literal("."))
    return nodes.Text(span=SPAN, parts=tuple(parts))


texts_of_config = texts.map(literal) | mixed() | computed


@st.composite
def conditions(draw: Any) -> nodes.Expression:
    """What ``when`` takes: an expression, or what a structured condition means."""
    if draw(st.booleans()):
        return draw(expressions)
    field: nodes.Expression = nodes.DataKey(span=SPAN, name=draw(st.sampled_from(("region", "build-image", "9"))))
    if draw(st.booleans()):
        field = nodes.Member(span=SPAN, target=field, name="count", name_span=SPAN)
    value = draw(mixed() | scalars.map(literal))
    present = nodes.Binary(span=SPAN, operator="!=", left=field, right=literal(None))
    compared = nodes.Binary(span=SPAN, operator="==", left=field, right=value)
    if isinstance(value, nodes.Literal):
        return compared
    return nodes.Unary(
        span=SPAN, operator="!", operand=nodes.Binary(span=SPAN, operator="&&", left=present, right=compared)
    )


values = st.recursive(
    scalars.map(literal) | mixed() | computed,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2).map(lambda found: nodes.ListExpression(span=SPAN, items=tuple(found))),
        st.dictionaries(st.sampled_from(KEYS) | plain_texts.filter(bool), inner, max_size=2).map(
            lambda found: nodes.MapExpression(span=SPAN, entries=named(found))
        ),
    ),
    max_leaves=4,
)
"""What stands in data and in the configuration of a type that only its executor knows."""


def listed(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, min_size=1, max_size=2).map(
        lambda found: nodes.ListExpression(span=SPAN, items=tuple(found))
    )


def mapped(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.sampled_from(("NAME", "a.b/c", "x-y")), inner, max_size=2).map(
        lambda found: nodes.MapExpression(span=SPAN, entries=named(found))
    )


def _table(keys: Any) -> st.SearchStrategy[Any]:
    required = {name: of_key(key) for name, key in keys.items() if key.required}
    optional = {name: of_key(key) for name, key in keys.items() if not key.required and name != "dynamic_import"}
    return st.fixed_dictionaries(required, optional=optional).map(
        lambda found: nodes.MapExpression(span=SPAN, entries=named(found))
    )


# `${{ [] }}` is the tree of `[]`, which names no program.
commands = (texts_of_config | listed(texts_of_config)).filter(
    lambda found: not isinstance(found, nodes.ListExpression) or bool(found.items)
)


def of_key(key: Key) -> st.SearchStrategy[Any]:
    """Return what a key of a configuration may hold."""
    match key.kind:
        case "text":
            return texts_of_config
        case "script":
            return plain_texts.map(literal) | st.just(literal("output('x', `${{ a: 1 }}`)\n"))
        case "run":
            alone = computed.map(lambda found: nodes.Text(span=SPAN, parts=(found,)))
            return texts.map(literal) | mixed() | alone
        case "command":
            return commands
        case "texts":
            return listed(texts_of_config) | computed
        case "texts_or_all":
            return listed(texts_of_config) | st.booleans().map(literal)
        case "map":
            return mapped(texts_of_config | st.just(literal(None)))
        case "flag":
            return st.booleans().map(literal) | computed
        case "integer":
            return st.integers(0, 9).map(literal) | computed
        case "version":
            return st.integers(1, 9).map(literal)
        case "number":
            return st.sampled_from(("2", "0.5", "500m")).map(literal)
        case "memory":
            return st.sampled_from(("256MiB", "1024", "1.5 GiB")).map(literal)
        case "choice":
            return st.sampled_from(key.choices).map(literal)
        case "name":
            return names.map(literal)
        case "table":
            return _table(key.keys)
        case "tables":
            return listed(_table(key.keys))
        case "named_tables":
            return mapped(_table(key.keys))
    raise AssertionError(key.kind)


@st.composite
def tasks(draw: Any) -> nodes.Task:
    """A task of any type, with a configuration that its row of the table allows."""
    kind = draw(st.sampled_from((*STEP_TYPES, "shell", "shell", "workflow", CUSTOM_TYPE)))
    found: dict[str, Any] = {}
    if kind == CUSTOM_TYPE:
        found = draw(st.dictionaries(st.sampled_from(("to", "run", "a.b", "retries", "when")), values, max_size=3))
    else:
        row = STEP_TYPES[kind]
        chosen = {draw(st.sampled_from(group)) for group in row.one_of} | {key for key, _ in row.unless}
        excluded = {key for group in row.one_of for key in group} - chosen
        for key, value in row.keys.items():
            if value.kind in ("timeout", "expressions") or key in row.spellings or key in excluded:
                continue
            if (kind, key) == ("shell", "inputs"):
                continue  # read, with a warning: nothing looks at it
            name = row.spellings.get(key, key)
            if value.required or key in chosen or draw(st.integers(0, 3)) == 0:
                found[name] = draw(of_key(value))
        for old, new in row.spellings.items():
            if old in chosen and new not in found:
                found[new] = draw(of_key(row.keys[old]))
        for key, other in row.needs:
            if key in found and other not in found:
                found[other] = draw(of_key(row.keys[other]))
        order = draw(st.permutations(list(found))) if draw(st.booleans()) else list(found)
        found = {key: found[key] for key in order}
    config = nodes.MapExpression(span=SPAN, entries=named(found))
    return nodes.Task(span=SPAN, type=kind, type_span=SPAN, config=config)


@st.composite
def retries(draw: Any) -> nodes.Retry:
    outcomes = draw(st.sets(st.sampled_from(("failure", "error", "timeout"))))
    codes = draw(st.sets(st.integers(1, 255), max_size=2))
    if not outcomes and not codes:
        outcomes = {"timeout"}
    return nodes.Retry(
        span=SPAN,
        attempts=draw(st.integers(1, 9)),
        interval_ms=draw(st.just(1000) | durations),
        backoff=draw(st.sampled_from((1.0, 2.0, 1.25))),
        max_interval_ms=draw(st.just(0) | durations),
        jitter=draw(st.sampled_from((0.0, 0.5, 0.1, 1.0))),
        outcomes=tuple(word for word in ("failure", "error", "timeout") if word in outcomes),
        exit_codes=tuple(sorted(codes)),
        max_elapsed_ms=draw(st.just(0) | durations),
    )


class Builder:
    """Draws the steps of one document; ``numbers`` make their names unique."""

    def __init__(self, draw: Any, behaviors: tuple[str, ...]) -> None:
        self.draw = draw
        self.numbers = itertools.count(1)
        self.behaviors = behaviors
        self.left = 12

    def maybe(self, strategy: st.SearchStrategy[Any], otherwise: Any = None) -> Any:
        return self.draw(strategy) if self.draw(st.integers(0, 4)) == 0 else otherwise

    def behavior(self) -> nodes.ErrorBehavior:
        return nodes.ErrorBehavior(span=SPAN, type=self.draw(st.sampled_from(self.behaviors)))

    def steps(self, depth: int) -> tuple[nodes.Step, ...]:
        count = self.draw(st.integers(1, 2)) if self.left > 0 else 1
        return tuple(self.step(depth) for _ in range(count))

    def hooks(self, depth: int) -> nodes.Hooks | None:
        chosen = self.draw(st.sets(st.sampled_from(("on_success", "on_failure", "on_error", "on_abort", "ensure"))))
        hooks = {hook: self.steps(depth + 1) for hook in sorted(chosen)[:2]}
        return nodes.Hooks(span=SPAN, **hooks) if hooks else None

    def entries(self, least: int) -> tuple[Any, ...]:
        found = st.dictionaries(names, expressions, min_size=least, max_size=2)
        return named(self.draw(found))

    def step(self, depth: int) -> nodes.Step:
        self.left -= 1
        draw = self.draw
        simple = depth > 3 or self.left <= 0
        kind = draw(st.sampled_from(SIMPLE if simple else (*SIMPLE, *BLOCKS)))
        body = draw(tasks()) if kind == "task" else getattr(self, kind)(depth)
        is_task = isinstance(body, nodes.Task)
        name: str | None = None
        if is_task or draw(st.booleans()):
            name = f"{draw(names)}-{next(self.numbers)}"
        more: dict[str, Any] = {}
        if draw(st.booleans()):
            more = {
                "when": self.maybe(conditions()),
                "timeout_ms": self.maybe(durations),
                "total_timeout_ms": self.maybe(durations),
                "retry": self.maybe(retries()),
                "error_behavior": self.behavior() if draw(st.integers(0, 4)) == 0 else None,
                "continue_on_failure": draw(st.booleans()),
                "compensate_on_failure": draw(st.booleans()),
                "hooks": None if simple else self.hooks(depth),
                "compensate": () if simple or draw(st.booleans()) else self.steps(depth + 1),
            }
        if is_task:
            more["on_crash"] = draw(st.sampled_from(("rerun", "fail")))
            more["inputs"] = self.entries(0) if draw(st.booleans()) else None
            more["outputs"] = self.outputs() if draw(st.booleans()) else ()
        return nodes.Step(span=SPAN, name=name, name_span=SPAN, body=body, **more)

    def outputs(self) -> tuple[nodes.OutputDeclaration, ...]:
        found = self.draw(st.lists(names, max_size=3, unique=True))
        return tuple(
            nodes.OutputDeclaration(
                span=SPAN,
                name=name,
                type=self.maybe(st.sampled_from(TYPES).map(lambda text: nodes.TypeText(span=SPAN, text=text))),
                path=self.maybe(st.sampled_from((("report",), ("a", "b-c", "0"))), ()),
            )
            for name in found
        )

    # Blocks

    def sequence(self, depth: int) -> nodes.Block:
        return nodes.Sequence(span=SPAN, steps=self.steps(depth + 1))

    def race(self, depth: int) -> nodes.Block:
        return nodes.Race(span=SPAN, steps=self.steps(depth + 1))

    def saga(self, depth: int) -> nodes.Block:
        return nodes.Saga(span=SPAN, steps=self.steps(depth + 1))

    def parallel(self, depth: int) -> nodes.Block:
        limit = self.maybe(st.integers(1, 9), 0)
        fail_fast = self.draw(st.sampled_from(("never", "cancel", "stop")))
        return nodes.Parallel(span=SPAN, steps=self.steps(depth + 1), limit=limit, fail_fast=fail_fast)

    def choose(self, depth: int) -> nodes.Block:
        otherwise = self.steps(depth + 1) if self.draw(st.booleans()) else ()
        return nodes.If(span=SPAN, test=self.draw(expressions), then=self.steps(depth + 1), otherwise=otherwise)

    def switch(self, depth: int) -> nodes.Block:
        found = self.draw(
            st.lists(st.sampled_from(("eu", "a b", "1", 2, -3, 1.5, True, None)), min_size=1, unique=True)
        )
        cases = tuple(nodes.Case(span=SPAN, value=literal(value), steps=self.steps(depth + 1)) for value in found[:2])
        default = self.steps(depth + 1) if self.draw(st.booleans()) else ()
        return nodes.Switch(span=SPAN, subject=self.draw(expressions), cases=cases, default=default)

    def loop(self, depth: int) -> nodes.Block:
        return nodes.While(
            span=SPAN,
            test=self.draw(expressions),
            body=self.steps(depth + 1),
            until=self.draw(st.booleans()),
            max_iterations=self.maybe(st.integers(1, 1000), 0),
        )

    def iterations(self, depth: int) -> dict[str, Any]:
        collect = None
        if self.draw(st.booleans()):
            collect = nodes.Collect(span=SPAN, name=self.draw(names), expression=self.maybe(expressions))
        return {
            "body": self.steps(depth + 1),
            "limit": self.maybe(st.integers(1, 9)),
            "fail_fast": self.draw(st.sampled_from(("never", "cancel", "stop"))),
            "collect": collect,
        }

    def for_each(self, depth: int) -> nodes.Block:
        items = self.draw(expressions | listed(mixed() | texts.map(literal)))
        variable = self.draw(st.sampled_from(("item", "region", "each")))
        return nodes.ForEach(span=SPAN, items=items, variable=variable, **self.iterations(depth))

    def matrix(self, depth: int) -> nodes.Block:
        axes = self.draw(st.dictionaries(names, expressions, min_size=1, max_size=2))
        variable = self.draw(st.sampled_from(("matrix", "cell")))
        return nodes.Matrix(span=SPAN, axes=named(axes), variable=variable, **self.iterations(depth))

    # What is no block

    def timeout(self, depth: int) -> dict[str, Any]:
        if self.draw(st.booleans()):
            return {}
        otherwise = self.steps(depth + 1) if depth < 3 and self.draw(st.booleans()) else None
        return {"timeout_ms": self.draw(durations), "on_timeout": otherwise}

    def wait(self, depth: int) -> nodes.Block:
        since = self.maybe(st.sampled_from(("now", "2026-01-01T00:00:00Z")).map(literal) | computed)
        event = self.draw(st.sampled_from(("paid", "a b", "x/y")))
        key = self.maybe(texts_of_config)
        return nodes.Wait(span=SPAN, event=event, event_span=SPAN, key=key, since=since, **self.timeout(depth))

    def approve(self, depth: int) -> nodes.Block:
        options = self.draw(st.sampled_from((("approve", "reject"), ("yes", "no", "later"), ("go",))))
        reject = self.draw(st.sampled_from((options[-1:], (), options)))
        return nodes.Approve(
            span=SPAN,
            title=self.draw(texts_of_config),
            options=options,
            reject=reject,
            assignees=tuple(self.draw(st.lists(texts_of_config, max_size=2))),
            **self.timeout(depth),
        )

    def publish(self, depth: int) -> nodes.Block:
        event = self.draw(st.sampled_from(("paid", "a b")))
        key = self.maybe(texts_of_config)
        return nodes.Publish(span=SPAN, event=event, event_span=SPAN, key=key, data=self.maybe(values))

    def assign(self, depth: int) -> nodes.Block:
        return nodes.Set(span=SPAN, entries=self.entries(1))

    def leave(self, depth: int) -> nodes.Block:
        return nodes.Return(span=SPAN, entries=self.entries(0))

    def fail(self, depth: int) -> nodes.Block:
        return nodes.Fail(span=SPAN, message=self.draw(texts_of_config))

    def sleep(self, depth: int) -> nodes.Block:
        if self.draw(st.booleans()):
            return nodes.Sleep(span=SPAN, duration_ms=self.draw(st.just(0) | durations))
        return nodes.Sleep(span=SPAN, until=self.draw(expressions))


SIMPLE = ("task", "task", "task", "wait", "approve", "publish", "assign", "leave", "fail", "sleep")
BLOCKS = ("sequence", "race", "saga", "parallel", "choose", "switch", "loop", "for_each", "matrix")


@st.composite
def declarations(draw: Any) -> tuple[nodes.InputDeclaration, ...]:
    constant = scalars | st.lists(scalars, max_size=2) | st.dictionaries(plain_texts, scalars, max_size=2)
    return tuple(
        nodes.InputDeclaration(
            span=SPAN,
            name=name,
            type=nodes.TypeText(span=SPAN, text=draw(st.sampled_from(TYPES))),
            default=draw(st.none() | constant.map(constants)),
            enum=tuple(draw(st.just([]) | st.lists(scalars, min_size=1, max_size=2))),
            description=draw(st.just("") | texts),
        )
        for name in draw(st.lists(names, max_size=3, unique=True))
    )


SCHEDULES = st.builds(
    nodes.Schedule,
    span=st.just(SPAN),
    cron=st.sampled_from(("0 3 * * *", "*/5 8-18 * * mon-fri", "30 6 1 * *")),
    cron_span=st.just(SPAN),
    timezone=st.sampled_from(("UTC", "Europe/Berlin", "America/New_York")),
    missed=st.sampled_from(("once", "skip", "all")),
)


@st.composite
def services(draw: Any) -> tuple[nodes.Service, ...]:
    found = draw(st.lists(st.sampled_from(("database", "cache", "mail-1")), max_size=2, unique=True))
    ready = st.one_of(
        st.builds(nodes.Readiness, span=st.just(SPAN), command=st.just(("pg_isready", "-q"))),
        st.builds(nodes.Readiness, span=st.just(SPAN), tcp_port=st.just(5432), interval_ms=durations),
        st.builds(nodes.Readiness, span=st.just(SPAN), http_port=st.just(80), http_path=st.just("/up")),
    )
    return tuple(
        nodes.Service(
            span=SPAN,
            name=name,
            name_span=SPAN,
            image="postgres:17",
            ports=draw(st.sampled_from(((), (5432, 80)))),
            env=draw(st.none() | mapped(texts.map(literal))),
            command=draw(st.sampled_from(((), ("serve", "--all")))),
            args=draw(st.sampled_from(((), ("-v",)))),
            memory=draw(st.sampled_from(("", "256MiB"))),
            cpu=draw(st.sampled_from(("", "0.5"))),
            network=draw(st.sampled_from(("bridge", "host"))),
            readiness=draw(st.none() | ready),
        )
        for name in found
    )


@st.composite
def secrets(draw: Any) -> tuple[nodes.Secret, ...]:
    source = st.sampled_from(({"env": "TOKEN"}, {"file": "run/token"}, {"command": ("pass", "show", "a b")}))
    found = draw(st.lists(st.sampled_from(("token", "key", "pass-1")), max_size=2, unique=True))
    return tuple(nodes.Secret(span=SPAN, name=name, name_span=SPAN, **draw(source)) for name in found)


@st.composite
def defaults(draw: Any) -> nodes.Defaults:
    return nodes.Defaults(
        span=SPAN,
        timeout_ms=draw(st.none() | durations),
        retry=draw(st.none() | retries()),
        error_behavior=draw(st.none() | st.just(nodes.ErrorBehavior(span=SPAN, type="suspend"))),
        env=draw(st.none() | mapped(texts_of_config | st.just(literal(None)))),
        working_dir=draw(st.none() | texts_of_config),
        shell=draw(st.none() | commands),
    )


@st.composite
def documents(draw: Any) -> nodes.Document:
    """A file with one workflow or two."""
    behaviors = tuple(word for word in BEHAVIORS if word != "retry")
    builder = Builder(draw, behaviors)
    workflows = []
    for version in range(1, draw(st.integers(1, 2)) + 1):
        more: dict[str, Any] = {}
        if draw(st.booleans()):
            old = nodes.Retry(span=SPAN, attempts=draw(st.integers(2, 9)), interval_ms=draw(durations))
            choice = draw(st.sampled_from(("behavior", "retry", "")))
            more = {
                "name": draw(texts),
                "description": draw(texts),
                "hooks": builder.hooks(1),
                "timeout_ms": draw(st.none() | durations),
                "defaults": draw(st.none() | defaults()),
                "retry": old if choice == "retry" else None,
                "error_behavior": builder.behavior() if choice == "behavior" else None,
                "durability": draw(st.sampled_from(("", "sync", "relaxed", "group(20ms)"))),
                "requires": tuple((name, SPAN) for name in draw(st.sampled_from(((), ("docker", "git"), ("a b",))))),
            }
        if draw(st.booleans()):
            group = draw(texts_of_config.filter(lambda found: found != literal("")))
            concurrency = nodes.Concurrency(
                span=SPAN,
                group=group,
                limit=draw(st.integers(1, 3)),
                on_full=draw(st.sampled_from(("queue", "replace", "cancel_running", "reject"))),
            )
            more["concurrency"] = draw(st.none() | st.just(concurrency))
            more["services"] = draw(services())
            more["schedule"] = draw(st.lists(SCHEDULES, max_size=2).map(tuple))
            more["secrets"] = draw(secrets())
            more["shared_volume"] = draw(
                st.none() | st.builds(nodes.SharedVolume, span=st.just(SPAN), size=st.sampled_from(("", "1GiB")))
            )
        workflows.append(
            nodes.Workflow(
                span=SPAN,
                id=draw(names),
                id_span=SPAN,
                version=version,
                steps=builder.steps(1),
                inputs=draw(st.none() | declarations()),
                outputs=draw(declarations()),
                **more,
            )
        )
    return nodes.Document(span=SPAN, workflows=tuple(workflows), own=len(workflows))
