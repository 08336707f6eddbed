"""The tree: what every front end produces and the compiler starts from.

A node says what was written, each with its span; it knows nothing of names being right, of types or
of code. Equal meaning is an equal tree but for spans, whichever front end it came from: a front end
resolves its own notation (durations to milliseconds, structured conditions to expressions, older
spellings to the newer ones) and leaves the rest to the passes that all share.
"""

from __future__ import annotations

from typing import Any

import msgspec

from .diagnostics.codes import ABSENCES
from .source import Span

__all__ = [
    "Approve",
    "Binary",
    "Block",
    "Call",
    "Case",
    "Collect",
    "Concurrency",
    "Conditional",
    "DataKey",
    "Document",
    "ErrorBehavior",
    "Expression",
    "Fail",
    "ForEach",
    "Hooks",
    "If",
    "Index",
    "InputDeclaration",
    "Lambda",
    "ListExpression",
    "Literal",
    "MapExpression",
    "Matrix",
    "Member",
    "Name",
    "OutputDeclaration",
    "Parallel",
    "Publish",
    "Race",
    "Readiness",
    "Retry",
    "Return",
    "Saga",
    "Schedule",
    "Secret",
    "Sequence",
    "Service",
    "Set",
    "SharedVolume",
    "Sleep",
    "Step",
    "Switch",
    "Task",
    "Text",
    "TypeText",
    "Unary",
    "Variable",
    "Wait",
    "While",
    "Workflow",
]


class Node(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Anything with a place in a source."""

    span: Span


# Expressions. Configuration values are expressions too: constants, texts with expressions in them,
# lists and maps of such.


class Literal(Node, frozen=True, kw_only=True):
    """null, a bool, an integer, a float or a text."""

    value: bool | int | float | str | None


class Text(Node, frozen=True, kw_only=True):
    """A text with expressions in it: its parts are Literal texts and expressions."""

    parts: tuple[Expression, ...]


class ListExpression(Node, frozen=True, kw_only=True):
    items: tuple[Expression, ...]


class MapExpression(Node, frozen=True, kw_only=True):
    """Entries in the order written; the spans are those of the keys."""

    entries: tuple[tuple[str, Span, Expression], ...]


class Name(Node, frozen=True, kw_only=True):
    """A root (``inputs``, ``steps``, ``item`` …), a bound variable or, in the text language, a variable."""

    name: str


class DataKey(Node, frozen=True, kw_only=True):
    """The first name of a field path in a structured condition or a list-form input that is no root.

    Means the flat output of that name, else the step, else the input; null where nothing has it.
    """

    name: str


class Member(Node, frozen=True, kw_only=True):
    target: Expression
    name: str
    name_span: Span


class Index(Node, frozen=True, kw_only=True):
    target: Expression
    key: Expression


class Unary(Node, frozen=True, kw_only=True):
    """``-`` or ``!``."""

    operator: str
    operand: Expression


class Binary(Node, frozen=True, kw_only=True):
    """``== != < <= > >= && || ?? in contains + - * / %``."""

    operator: str
    left: Expression
    right: Expression


class Conditional(Node, frozen=True, kw_only=True):
    test: Expression
    then: Expression
    otherwise: Expression


class Lambda(Node, frozen=True, kw_only=True):
    """``x => body``, only as an argument of map and filter."""

    parameter: str
    body: Expression


class Call(Node, frozen=True, kw_only=True):
    """A function of the library, or ``host.has``."""

    function: str
    function_span: Span
    arguments: tuple[Expression, ...]


class Variable(Node, frozen=True, kw_only=True):
    """``((path | default))`` that was not resolved, since the file is to be written again and not to be compiled."""

    path: str
    default: Expression | None = None


class Unreadable(Node, frozen=True, kw_only=True):
    """Stands for an expression whose mistake has been reported: of any type, and nothing more is said of it."""


Expression = (
    Literal
    | Text
    | ListExpression
    | MapExpression
    | Name
    | DataKey
    | Member
    | Index
    | Unary
    | Binary
    | Conditional
    | Lambda
    | Call
    | Variable
    | Unreadable
)


def split_path(expression: Expression) -> tuple[Expression, list[Member | Index]]:
    """Return the head of a path and the accesses after it, the first one first."""
    accesses: list[Member | Index] = []
    while isinstance(expression, Member | Index):
        accesses.append(expression)
        expression = expression.target
    accesses.reverse()
    return expression, accesses


class TypeText(Node, frozen=True, kw_only=True):
    """A type as written; ``wfe_vm.typeterms`` reads it."""

    text: str


class InputDeclaration(Node, frozen=True, kw_only=True):
    """An input or output of a workflow. ``default`` is None where none is written."""

    name: str
    type: TypeText
    default: Literal | ListExpression | MapExpression | None = None
    enum: tuple[Any, ...] = ()
    description: str = ""


class OutputDeclaration(Node, frozen=True, kw_only=True):
    """An output of a step; ``type`` is None where none is written."""

    name: str
    type: TypeText | None = None
    path: tuple[str, ...] = ()


class Retry(Node, frozen=True, kw_only=True):
    attempts: int  # in total; 0: without end
    interval_ms: int = 1000
    backoff: float = 1.0
    max_interval_ms: int = 0
    jitter: float = 0.0
    outcomes: tuple[str, ...] = ("failure", "error", "timeout")
    exit_codes: tuple[int, ...] = ()
    max_elapsed_ms: int = 0


class ErrorBehavior(Node, frozen=True, kw_only=True):
    """What happens once retries are used up: suspend, terminate or compensate. (``retry`` is a Retry node.)"""

    type: str


class Hooks(Node, frozen=True, kw_only=True):
    """The steps of each hook; an empty tuple where there is none."""

    on_success: tuple[Step, ...] = ()
    on_failure: tuple[Step, ...] = ()
    on_error: tuple[Step, ...] = ()
    on_abort: tuple[Step, ...] = ()
    ensure: tuple[Step, ...] = ()


# What a step does


class Task(Node, frozen=True, kw_only=True):
    """Work that an executor does. ``type`` ``workflow`` starts a sub-workflow.

    Config keys that mean the same as a key of the step (``timeout``) are moved to the step by the front end.
    ``defaults`` are not yet applied.
    """

    type: str
    type_span: Span
    config: MapExpression


class Sequence(Node, frozen=True, kw_only=True):
    steps: tuple[Step, ...]


class Parallel(Node, frozen=True, kw_only=True):
    steps: tuple[Step, ...]
    limit: int = 0
    fail_fast: str = "never"


class If(Node, frozen=True, kw_only=True):
    test: Expression
    then: tuple[Step, ...]
    otherwise: tuple[Step, ...] = ()


class While(Node, frozen=True, kw_only=True):
    """``until``: the body runs first, then the test ends the loop when it holds."""

    test: Expression
    body: tuple[Step, ...]
    until: bool = False
    max_iterations: int = 0


class Collect(Node, frozen=True, kw_only=True):
    """``expression`` None: each iteration's flat outputs as a map."""

    name: str
    expression: Expression | None = None


class ForEach(Node, frozen=True, kw_only=True):
    items: Expression
    body: tuple[Step, ...]
    variable: str = "item"
    limit: int | None = None  # None: the default bound
    fail_fast: str = "never"
    collect: Collect | None = None


class Matrix(Node, frozen=True, kw_only=True):
    """A pass for each combination of the axes' items; the last axis changes fastest. Their order means something."""

    axes: tuple[tuple[str, Span, Expression], ...]
    body: tuple[Step, ...]
    variable: str = "matrix"
    limit: int | None = None  # None: the default bound
    fail_fast: str = "never"
    collect: Collect | None = None


class Case(Node, frozen=True, kw_only=True):
    value: Literal
    steps: tuple[Step, ...]


class Switch(Node, frozen=True, kw_only=True):
    """The case whose value equals the subject, else the default, else nothing. The order of cases means nothing."""

    subject: Expression
    cases: tuple[Case, ...]
    default: tuple[Step, ...] = ()


class Race(Node, frozen=True, kw_only=True):
    """The first success wins, and the others are stopped."""

    steps: tuple[Step, ...]


class Saga(Node, frozen=True, kw_only=True):
    """Steps of which those that succeeded are undone, the last one first, when the block fails."""

    steps: tuple[Step, ...]


class Wait(Node, frozen=True, kw_only=True):
    """``key`` None: the empty text. ``since`` None: the start of the run; the text ``now``, or a time.

    ``on_timeout`` None: running out of time is an error; otherwise these steps, and the wait is a success.
    """

    event: str
    event_span: Span
    key: Expression | None = None
    since: Expression | None = None
    timeout_ms: int | None = None
    on_timeout: tuple[Step, ...] | None = None


class Approve(Node, frozen=True, kw_only=True):
    """A question to people. ``reject`` are those of the options that refuse; ``on_timeout`` as in Wait."""

    title: Expression
    options: tuple[str, ...] = ("approve", "reject")
    reject: tuple[str, ...] = ("reject",)
    assignees: tuple[Expression, ...] = ()
    timeout_ms: int | None = None
    on_timeout: tuple[Step, ...] | None = None


class Publish(Node, frozen=True, kw_only=True):
    """``key`` None: the empty text. ``data`` None: null."""

    event: str
    event_span: Span
    key: Expression | None = None
    data: Expression | None = None


class Set(Node, frozen=True, kw_only=True):
    entries: tuple[tuple[str, Span, Expression], ...]


class Return(Node, frozen=True, kw_only=True):
    entries: tuple[tuple[str, Span, Expression], ...]


class Fail(Node, frozen=True, kw_only=True):
    message: Expression


class Sleep(Node, frozen=True, kw_only=True):
    """Either a length in milliseconds or, for ``sleep_until``, a time."""

    duration_ms: int | None = None
    until: Expression | None = None


Block = (
    Task
    | Sequence
    | Parallel
    | If
    | Switch
    | While
    | ForEach
    | Matrix
    | Race
    | Saga
    | Wait
    | Approve
    | Publish
    | Set
    | Return
    | Fail
    | Sleep
)


class Step(Node, frozen=True, kw_only=True):
    """One step. ``name`` is None where the compiler is to make one up.

    ``inputs`` None: not written; otherwise name, span of the name, expression.
    """

    name: str | None
    name_span: Span
    body: Block
    when: Expression | None = None
    inputs: tuple[tuple[str, Span, Expression], ...] | None = None
    outputs: tuple[OutputDeclaration, ...] = ()
    timeout_ms: int | None = None
    total_timeout_ms: int | None = None
    retry: Retry | None = None
    error_behavior: ErrorBehavior | None = None
    continue_on_failure: bool = False
    on_crash: str = "rerun"
    hooks: Hooks | None = None
    compensate: tuple[Step, ...] = ()
    compensate_on_failure: bool = False


class Defaults(Node, frozen=True, kw_only=True):
    """``env``, ``working_dir`` and ``shell`` are configuration values; None: not written."""

    timeout_ms: int | None = None
    retry: Retry | None = None
    error_behavior: ErrorBehavior | None = None
    env: MapExpression | None = None
    working_dir: Expression | None = None
    shell: Expression | None = None


class Concurrency(Node, frozen=True, kw_only=True):
    group: Expression
    limit: int = 1
    on_full: str = "queue"


class Schedule(Node, frozen=True, kw_only=True):
    """When a run is started by itself: a cron expression in a time zone, and what becomes of times that were missed."""

    cron: str
    cron_span: Span
    timezone: str = "UTC"
    missed: str = "once"


class Readiness(Node, frozen=True, kw_only=True):
    """How a service tells that it is there: exactly one of ``command``, ``tcp_port`` and ``http_port`` is given."""

    command: tuple[str, ...] = ()
    tcp_port: int = 0
    http_port: int = 0
    http_path: str = "/"
    interval_ms: int = 5000
    timeout_ms: int = 60_000
    retries: int = 12


class Service(Node, frozen=True, kw_only=True):
    """A container that runs beside the run's steps. ``readiness`` None: TCP on the first port, if it has one."""

    name: str
    name_span: Span
    image: str
    ports: tuple[int, ...] = ()
    env: MapExpression | None = None
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    memory: str = ""
    cpu: str = ""
    network: str = "bridge"
    readiness: Readiness | None = None


class Secret(Node, frozen=True, kw_only=True):
    """A value that steps are given and nothing keeps. Exactly one of ``env``, ``file`` and ``command`` is given."""

    name: str
    name_span: Span
    env: str = ""
    file: str = ""
    command: tuple[str, ...] = ()


class SharedVolume(Node, frozen=True, kw_only=True):
    mount_path: str = "/workspace"
    size: str = ""


class Workflow(Node, frozen=True, kw_only=True):
    id: str
    id_span: Span
    version: int
    steps: tuple[Step, ...]
    name: str = ""
    description: str = ""
    inputs: tuple[InputDeclaration, ...] | None = None  # None: not written, so any object is taken
    outputs: tuple[InputDeclaration, ...] = ()
    hooks: Hooks | None = None
    timeout_ms: int | None = None
    defaults: Defaults | None = None
    retry: Retry | None = None  # an older ``error_behavior: {type: retry}``: serves the workflow's tasks
    error_behavior: ErrorBehavior | None = None
    durability: str = ""
    requires: tuple[tuple[str, Span], ...] = ()
    concurrency: Concurrency | None = None
    services: tuple[Service, ...] = ()
    shared_volume: SharedVolume | None = None
    schedule: tuple[Schedule, ...] = ()
    secrets: tuple[Secret, ...] = ()
    unread: frozenset[str] = frozenset()
    """The words in its parts that could not be read, and codes of diagnostics of which all may come from such parts."""

    def may_hold(self, name: str, code: str) -> bool:
        """Whether what a code blames for not being there may stand in a part that could not be read."""
        return code in ABSENCES and (name in self.unread or code in self.unread)


class Document(Node, frozen=True, kw_only=True):
    """A file with all that it includes. ``own`` counts the leading workflows that stand in the file itself."""

    workflows: tuple[Workflow, ...]
    own: int


def structure(tree: Any) -> Any:
    """Return a tree, or a part of one, as plain data without its places: equal for trees that mean the same."""
    if isinstance(tree, Node):
        named = (name for name in tree.__struct_fields__ if name != "span" and not name.endswith("_span"))
        return (type(tree).__name__, *(structure(getattr(tree, name)) for name in named))
    if isinstance(tree, tuple):
        return tuple(structure(item) for item in tree)
    if isinstance(tree, Span):
        return None
    return (type(tree).__name__, tree)
