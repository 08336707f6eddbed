"""Random valid programs, and random things to happen to their runs.

A ``Chooser`` makes every choice, so that the same builder serves hypothesis (which shrinks what fails)
and plain seeds (which are faster by the thousand). What is built is valid by construction: the
verifier accepts it. Loops are short; values are small; no message of an error ever becomes data,
because messages are for people and the oracle does not know them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st

from wfe_vm.library import FUNCTIONS_BY_NUMBER
from wfe_vm.program import NO_PC, Child, Collect, Output, Program, Retry, Signal

from .assembler import Assembler, Label

Item = TypeVar("Item")

SCALARS: tuple[Any, ...] = (None, True, False, 0, 1, 2, 3, -1, 7, 2.5, "", "a", "ab", "b")
HOOKS = ("on_success", "on_failure", "on_error", "on_abort", "ensure")
TIMES = (1, 5, 10, 50)
BINARY = [
    "EQUAL",
    "NOT_EQUAL",
    "LESS",
    "LESS_EQUAL",
    "GREATER",
    "GREATER_EQUAL",
    "ADD",
    "SUBTRACT",
    "MULTIPLY",
    "DIVIDE",
    "REMAINDER",
    "IN",
    "INDEX",
]
LENGTH = next(number for number, row in FUNCTIONS_BY_NUMBER.items() if row.name == "len")


class Chooser(Protocol):
    """Makes choices."""

    def number(self, low: int, high: int) -> int:
        """Return a number from low to high, both included."""
        ...


class Seeded:
    """Chooses by a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def number(self, low: int, high: int) -> int:
        return self.random.randint(low, high)


class Drawn:
    """Has hypothesis choose; the lowest number is the simplest choice."""

    def __init__(self, draw: Callable[[st.SearchStrategy[int]], int]) -> None:
        self.draw = draw

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))


def pick(chooser: Chooser, items: Sequence[Item]) -> Item:
    """Return one of the items."""
    return items[chooser.number(0, len(items) - 1)]


def chance(chooser: Chooser, percent: int) -> bool:
    """Return true so many times in a hundred."""
    return chooser.number(0, 99) >= 100 - percent


def build_program(chooser: Chooser, size: int = 10, sagas: bool = False) -> Program:
    """Return a random valid program of about so many steps. ``sagas``: it is mostly about undoing."""
    return _Builder(chooser, size, sagas).build()


class _Place:
    """Where a step stands."""

    def __init__(self, parent: int, prefix: str, depth: int, forked: bool, hooked: bool, level: int) -> None:
        self.parent = parent
        self.prefix = prefix
        self.depth = depth
        self.forked = forked
        self.hooked = hooked
        self.level = level
        self.saga = False

    def within(self, parent: int, prefix: str, depth: int = 0, forked: bool = False, hooked: bool = False) -> _Place:
        depth, forked, hooked = self.depth + depth, self.forked or forked, self.hooked or hooked
        place = _Place(parent, prefix, depth, forked, hooked, self.level + 1)
        place.saga = self.saga
        return place


class _Builder:
    def __init__(self, chooser: Chooser, size: int, sagas: bool) -> None:
        self.chooser = chooser
        self.sagas = sagas
        self.left = size
        self.assembler = Assembler()
        self.later: list[Callable[[], None]] = []
        self.plain: list[list[int]] = [[]]  # by depth: slots that hold values without messages
        self.records: list[list[int]] = [[]]  # by depth: slots that hold what steps left

    def build(self) -> Program:
        assembler = self.assembler
        assembler.step("run", "run", undoable=chance(self.chooser, 60))
        self.decorate(0, _Place(-1, "", 0, False, False, 0), "run")
        self.plain[0] = [0, *(assembler.slot(0) for _ in range(3))]
        assembler.begin(0)
        self.steps(_Place(0, "", 0, False, False, 1))
        assembler.exit(0)
        self.map_of(["x", "y", "z"][: self.chooser.number(0, 3)], 0)
        assembler.emit("FINISH")
        while self.later:
            self.later.pop(0)()
        for row in assembler.steps:
            if "compensation" in row:
                # All that the step sees; that the compiler keeps what is read and no more is shown elsewhere.
                sizes = enumerate(assembler.scope_sizes[: row["depth"] + 1])
                row["frozen"] = tuple((at, slot) for at, size in sizes for slot in range(0 if at else 3, size))
        return assembler.program(max_stack=64, locals=4)

    # Steps

    def steps(self, place: _Place, least: int = 1) -> None:
        for _ in range(max(least, self.chooser.number(1, 3))):
            self.step(place)

    def kind(self, place: _Place) -> str:
        kinds = ["task", "task", "task", "set", "sleep", "fail", "workflow", "wait", "wait", "approve", "publish"]
        if not place.forked and not place.hooked:
            kinds.append("return")
        if self.sagas and place.level == 1 and self.left > 0:
            return "saga"
        if place.level < 4 and self.left > 0:
            blocks = ["sequence", "saga", "saga", "parallel", "race", "for_each", "if", "while", "until"]
            if place.depth >= 2:
                blocks.remove("for_each")
            kinds += blocks + blocks
        return pick(self.chooser, kinds)

    def step(self, place: _Place) -> None:
        self.left -= 1
        assembler, chooser = self.assembler, self.chooser
        kind = self.kind(place)
        name = f"s{len(assembler.steps)}"
        index = assembler.step(name, kind, parent=place.parent, depth=place.depth, path=place.prefix + name)
        row = assembler.steps[index]
        self.grow(place.depth)
        self.records[place.depth].append(row["slot"])
        self.decorate(index, place, kind)
        if chance(chooser, 15):
            assembler.emit("ENTER", index)
            self.expression(place.depth, 1, "boolean")
            assembler.emit("GUARD", index)
            row["entry"] = assembler.pc
        else:
            assembler.begin(index)
        getattr(self, f"emit_{kind}")(index, row, place)
        assembler.exit(index)

    def grow(self, depth: int) -> None:
        while len(self.plain) <= depth:
            self.plain.append([])
            self.records.append([])

    def decorate(self, index: int, place: _Place, kind: str) -> None:
        """Give a step its hooks and policies."""
        chooser, row = self.chooser, self.assembler.steps[index]
        task = kind in ("task", "workflow")
        if index:
            row["continue_on_failure"] = chance(chooser, 15)
            if chance(chooser, 25 if task else 8):
                row["retry"] = self.retry()
            if chance(chooser, 6):
                row["exhausted"] = "suspend" if place.hooked or chance(chooser, 50) else "terminate"
            elif chance(chooser, 6):
                row["exhausted"] = "compensate"
            row["compensate_on_failure"] = chance(chooser, 20)
        elif chance(chooser, 10):
            row["exhausted"] = "compensate"
        if index and chance(chooser, 8):
            row["total_timeout_ms"] = pick(chooser, TIMES)
        if chance(chooser, 8):
            row["timeout_ms"] = pick(chooser, TIMES)
        if place.level > 3 or self.left <= 0:
            return
        if index and chance(chooser, (80 if self.sagas else 35) if place.saga else 15):
            self.later.append(lambda: self.compensation(index, row, place))
        hooks = [hook for hook in HOOKS if chance(chooser, 10)]
        if hooks and chance(chooser, 50):
            row["hook_slot"] = self.assembler.slot(place.depth)
        for hook in hooks:
            self.later.append(lambda hook=hook: self.hook(index, row, place, hook))

    def hook(self, index: int, row: dict[str, Any], place: _Place, hook: str) -> None:
        row[hook] = self.assembler.pc
        prefix = f"{row['path']}/{hook}/" if index else f"{hook}/"
        self.steps(place.within(index, prefix, hooked=True))
        self.assembler.emit("END_HOOK", index)

    def compensation(self, index: int, row: dict[str, Any], place: _Place) -> None:
        row["compensation"] = self.assembler.pc
        self.steps(place.within(index, f"{row['path']}/compensate/", hooked=True))
        self.assembler.emit("END_COMPENSATION", index)

    def retry(self) -> Retry:
        chooser = self.chooser
        return Retry(
            attempts=chooser.number(1, 3),
            interval_ms=pick(chooser, TIMES),
            backoff=pick(chooser, (1.0, 2.0, 1.5)),
            max_interval_ms=pick(chooser, (0, 20)),
            jitter=pick(chooser, (0.0, 0.5)),
            outcomes=pick(chooser, (("failure", "error", "timeout"), ("failure",), ("timeout",), ("error",))),
            exit_codes=pick(chooser, ((), (7,))),
            max_elapsed_ms=pick(chooser, (0, 0, 30)),
        )

    # Bodies

    def emit_task(self, index: int, row: dict[str, Any], place: _Place) -> None:
        chooser, assembler = self.chooser, self.assembler
        row["type"] = "shell"
        row["keep_stdout"] = chance(chooser, 20)
        if chance(chooser, 50):
            slot = assembler.slot(place.depth)
            row["outputs"] = (Output("n", pick(chooser, ("any", "any", "integer")), slot),)
            self.plain[place.depth].append(slot)
        self.map_of(["c"][: chooser.number(0, 1)], place.depth)
        if chance(chooser, 30):
            self.map_of(["i"], place.depth)
        else:
            assembler.load(None)
        if chance(chooser, 30):
            self.gather(place.depth)
        else:
            assembler.load(None)
        assembler.emit("RUN", index)

    def emit_workflow(self, index: int, row: dict[str, Any], place: _Place) -> None:
        row["child"] = Child("other", detach=chance(self.chooser, 20))
        self.map_of(["a"][: self.chooser.number(0, 1)], place.depth)
        self.assembler.emit("START_CHILD", index)

    def emit_set(self, index: int, row: dict[str, Any], place: _Place) -> None:
        targets = [(depth, slot) for depth in range(place.depth + 1) for slot in self.plain[depth] if depth or slot > 2]
        chosen = [pick(self.chooser, targets) for _ in range(self.chooser.number(1, 2))]
        for _ in chosen:
            self.expression(place.depth, 3)
        for depth, slot in chosen:
            self.assembler.emit("STORE_SLOT", depth, slot)
        self.assembler.emit("END", index)

    def emit_sleep(self, index: int, row: dict[str, Any], place: _Place) -> None:
        if chance(self.chooser, 10):
            self.expression(place.depth, 2)
        else:
            self.assembler.load(pick(self.chooser, (0, 1, 5, 20)))
        self.assembler.emit("SLEEP", index)

    def emit_wait(self, index: int, row: dict[str, Any], place: _Place) -> None:
        self.assembler.load(pick(self.chooser, (None, "a", 7)))
        if chance(self.chooser, 10):
            self.expression(place.depth, 1)
        else:
            self.assembler.load(pick(self.chooser, (None, "now", "run", 0, 1003, -5)))
        self.assembler.emit("WAIT", index)
        self.time_of(index, row, place, event=pick(self.chooser, ("e", "f")))

    def emit_approve(self, index: int, row: dict[str, Any], place: _Place) -> None:
        self.assembler.load("Ship?")
        self.assembler.load(["ann", ["bob", None]])
        self.assembler.emit("APPROVE", index)
        self.time_of(index, row, place, options=("yes", "no"), reject=("no",))

    def time_of(self, index: int, row: dict[str, Any], place: _Place, **fields: Any) -> None:
        """Give a wait or approval its signal, with a limit of time and steps for its end at times."""
        limit = pick(self.chooser, (0, 5, 20))
        on_timeout = NO_PC
        if limit and chance(self.chooser, 50):
            on_timeout = self.assembler.pc
            self.steps(place.within(index, f"{row['path']}/on_timeout/"))
            self.assembler.emit("TIMED_OUT", index)
        row["signal"] = Signal(timeout_ms=limit, on_timeout=on_timeout, **fields)

    def emit_publish(self, index: int, row: dict[str, Any], place: _Place) -> None:
        self.assembler.load(pick(self.chooser, (None, "a")))
        self.expression(place.depth, 1)
        self.assembler.emit("PUBLISH", index)
        row["signal"] = Signal("e")

    def emit_fail(self, index: int, row: dict[str, Any], place: _Place) -> None:
        self.assembler.load("no")
        self.assembler.emit("FAIL", index)

    def emit_return(self, index: int, row: dict[str, Any], place: _Place) -> None:
        self.map_of(["r"], place.depth)
        self.assembler.emit("RETURN", index)

    def emit_sequence(self, index: int, row: dict[str, Any], place: _Place) -> None:
        self.steps(place.within(index, f"{row['path']}/"))
        self.assembler.emit("END", index)

    def emit_saga(self, index: int, row: dict[str, Any], place: _Place) -> None:
        inner = place.within(index, f"{row['path']}/")
        inner.saga = True
        self.steps(inner)
        self.assembler.emit("END", index)

    def emit_if(self, index: int, row: dict[str, Any], place: _Place) -> None:
        assembler, otherwise, end = self.assembler, Label(), Label()
        self.expression(place.depth, 2, "boolean")
        assembler.emit("BRANCH_FALSE", otherwise)
        self.steps(place.within(index, f"{row['path']}/"))
        assembler.emit("JUMP", end)
        assembler.mark(otherwise)
        if chance(self.chooser, 50):
            self.steps(place.within(index, f"{row['path']}/"))
        assembler.mark(end)
        assembler.emit("END", index)

    def emit_while(self, index: int, row: dict[str, Any], place: _Place) -> None:
        self.loop(index, row, place, until=False)

    def emit_until(self, index: int, row: dict[str, Any], place: _Place) -> None:
        self.loop(index, row, place, until=True)

    def loop(self, index: int, row: dict[str, Any], place: _Place, until: bool) -> None:
        assembler, chooser = self.assembler, self.chooser
        counter, depth, top, end = assembler.slot(place.depth), place.depth, Label(), Label()
        passes = chooser.number(1, 3)
        row["max_passes"] = pick(chooser, (0, 0, 2))
        assembler.load(0)
        assembler.emit("STORE_SLOT", depth, counter)
        assembler.mark(top)
        if not until:
            assembler.emit("LOAD_SLOT", depth, counter)
            assembler.load(passes)
            assembler.emit("LESS")
            assembler.emit("BRANCH_FALSE", end)
        assembler.emit("PASS", index)
        self.steps(place.within(index, f"{row['path']}[*]/"))
        assembler.emit("LOAD_SLOT", depth, counter)
        assembler.load(1)
        assembler.emit("ADD")
        assembler.emit("STORE_SLOT", depth, counter)
        if until:
            assembler.load(passes)
            assembler.emit("LOAD_SLOT", depth, counter)
            assembler.emit("LESS_EQUAL")
            assembler.emit("BRANCH_FALSE", top)
        else:
            assembler.emit("JUMP", top)
        assembler.mark(end)
        assembler.emit("END", index)

    def forking(self, row: dict[str, Any]) -> None:
        row["limit"] = self.chooser.number(0, 2)
        row["fail_fast"] = pick(self.chooser, ("never", "cancel", "stop"))

    def emit_parallel(self, index: int, row: dict[str, Any], place: _Place) -> None:
        self.forking(row)
        branches = [Label() for _ in range(self.chooser.number(1, 3))]
        row["branches"] = tuple(branches)
        self.assembler.emit("FORK", index)
        for branch in branches:
            self.later.append(lambda branch=branch: self.branch(index, row, place, branch))

    def emit_race(self, index: int, row: dict[str, Any], place: _Place) -> None:
        branches = [Label() for _ in range(self.chooser.number(1, 3))]
        row["branches"] = tuple(branches)
        self.assembler.emit("FORK", index)
        for branch in branches:
            self.later.append(lambda branch=branch: self.branch(index, row, place, branch))

    def branch(self, index: int, row: dict[str, Any], place: _Place, branch: Label) -> None:
        self.assembler.mark(branch)
        self.step(place.within(index, f"{row['path']}/", forked=True))
        self.assembler.emit("END_BRANCH")

    def emit_for_each(self, index: int, row: dict[str, Any], place: _Place) -> None:
        assembler, chooser = self.assembler, self.chooser
        self.forking(row)
        depth, branch = place.depth + 1, Label()
        self.grow(depth)
        row["item_slot"] = assembler.slot(depth)
        self.plain[depth].append(row["item_slot"])
        if chance(chooser, 60):
            row["index_slot"] = assembler.slot(depth)
            self.plain[depth].append(row["index_slot"])
        collects = chance(chooser, 50)
        if collects:
            row["collect"] = Collect("all", assembler.slot(place.depth))
            self.plain[place.depth].append(row["collect"].slot)
        row["branches"] = (branch,)
        if chance(chooser, 15):
            self.expression(place.depth, 2)
        else:
            assembler.load([pick(chooser, SCALARS) for _ in range(chooser.number(0, 3))])
        assembler.emit("FORK_EACH", index)

        def body() -> None:
            assembler.mark(branch)
            inner = place.within(index, f"{row['path']}[*]/", depth=1, forked=True)
            self.steps(inner)
            if collects:
                self.expression(inner.depth, 2)
                assembler.emit("COLLECT", index)
            assembler.emit("END_BRANCH")

        self.later.append(body)

    # Expressions

    def map_of(self, names: list[str], depth: int) -> None:
        for name in names:
            self.assembler.load(name)
            self.expression(depth, 2)
        self.assembler.emit("MAKE_MAP", len(names))

    def gather(self, depth: int) -> None:
        slots = [(at, slot) for at in range(depth + 1) for slot in self.plain[at]]
        rows = [[f"g{number}", *pick(self.chooser, slots)] for number in range(self.chooser.number(1, 2))]
        self.assembler.emit("GATHER", self.assembler.constant(rows))

    def expression(self, depth: int, level: int, wish: str = "any", bound: int = 0) -> None:
        """Push a value; ``bound`` locals are bound around it. A wish is mostly granted."""
        assembler, chooser = self.assembler, self.chooser
        if wish == "boolean" and not chance(chooser, 8):
            if chance(chooser, 50):
                assembler.load(chance(chooser, 70))
            else:
                self.expression(depth, level - 1, "any", bound)
                self.expression(depth, level - 1, "any", bound)
                assembler.emit(pick(chooser, ("EQUAL", "NOT_EQUAL")))
            return
        simple = ["constant", "constant", "slot", "record"] + ["local"] * bound
        compound = [
            "binary",
            "binary",
            "coalesce",
            "and_or",
            "not",
            "negate",
            "list",
            "map",
            "text",
            "member",
            "call",
            "conditional",
            "each",
            "filter",
        ]
        kind = pick(chooser, simple if level <= 0 else simple + compound)
        getattr(self, f"push_{kind}")(depth, level - 1, bound)

    def push_constant(self, depth: int, level: int, bound: int) -> None:
        scalar = pick(self.chooser, SCALARS)
        self.assembler.load(pick(self.chooser, (scalar, scalar, [1, 2, 3], [scalar], {"n": scalar}, {})))

    def push_slot(self, depth: int, level: int, bound: int) -> None:
        at, slot = pick(self.chooser, [(at, slot) for at in range(depth + 1) for slot in self.plain[at]])
        self.assembler.emit("LOAD_SLOT", at, slot)

    def push_record(self, depth: int, level: int, bound: int) -> None:
        found = [(at, slot) for at in range(depth + 1) for slot in self.records[at]]
        if not found:
            self.assembler.load(None)
            return
        self.assembler.emit("LOAD_SLOT", *pick(self.chooser, found))
        part = pick(self.chooser, ("status", "output", "stdout"))
        self.assembler.emit("MEMBER", self.assembler.constant(part))
        if part == "output":
            self.assembler.emit("MEMBER", self.assembler.constant(pick(self.chooser, ("n", "t", "all"))))

    def push_local(self, depth: int, level: int, bound: int) -> None:
        self.assembler.emit("LOAD_LOCAL", self.chooser.number(0, bound - 1))

    def push_binary(self, depth: int, level: int, bound: int) -> None:
        if chance(self.chooser, 70):
            for _ in range(2):
                self.assembler.load(pick(self.chooser, (1, 2, 3, 2.5)))
        else:
            self.expression(depth, level, bound=bound)
            self.expression(depth, level, bound=bound)
        self.assembler.emit(pick(self.chooser, BINARY[:-2] if chance(self.chooser, 80) else BINARY))

    def push_coalesce(self, depth: int, level: int, bound: int) -> None:
        end = Label()
        self.expression(depth, level, bound=bound)
        self.assembler.emit("BRANCH_VALUE_KEEP", end)
        self.expression(depth, level, bound=bound)
        self.assembler.mark(end)

    def push_and_or(self, depth: int, level: int, bound: int) -> None:
        end = Label()
        self.expression(depth, level, "boolean", bound)
        self.assembler.emit(pick(self.chooser, ("BRANCH_FALSE_KEEP", "BRANCH_TRUE_KEEP")), end)
        self.expression(depth, level, "boolean", bound)
        self.assembler.emit("CHECK_BOOL")
        self.assembler.mark(end)

    def push_not(self, depth: int, level: int, bound: int) -> None:
        self.expression(depth, level, "boolean", bound)
        self.assembler.emit("NOT")

    def push_negate(self, depth: int, level: int, bound: int) -> None:
        if chance(self.chooser, 80):
            self.assembler.load(pick(self.chooser, (1, 2.5)))
        else:
            self.expression(depth, level, bound=bound)
        self.assembler.emit("NEGATE")

    def push_list(self, depth: int, level: int, bound: int) -> None:
        count = self.chooser.number(0, 2)
        for _ in range(count):
            self.expression(depth, level, bound=bound)
        self.assembler.emit("MAKE_LIST", count)

    def push_map(self, depth: int, level: int, bound: int) -> None:
        self.assembler.load("n")
        self.expression(depth, level, bound=bound)
        self.assembler.emit("MAKE_MAP", 1)

    def push_text(self, depth: int, level: int, bound: int) -> None:
        self.assembler.load("<")
        self.expression(depth, level, bound=bound)
        self.assembler.emit("TEXT", 2)

    def push_member(self, depth: int, level: int, bound: int) -> None:
        self.expression(depth, level, bound=bound)
        self.assembler.emit("MEMBER", self.assembler.constant("n"))

    def push_call(self, depth: int, level: int, bound: int) -> None:
        if chance(self.chooser, 80):
            self.assembler.load("four")
        else:
            self.expression(depth, level, bound=bound)
        self.assembler.emit("CALL", LENGTH, 1)

    def push_conditional(self, depth: int, level: int, bound: int) -> None:
        otherwise, end = Label(), Label()
        self.expression(depth, level, "boolean", bound)
        self.assembler.emit(pick(self.chooser, ("BRANCH_FALSE", "BRANCH_TRUE")), otherwise)
        self.expression(depth, level, bound=bound)
        self.assembler.emit("JUMP", end)
        self.assembler.mark(otherwise)
        self.expression(depth, level, bound=bound)
        self.assembler.mark(end)

    def each(self, depth: int, level: int, bound: int, body: Callable[[], None]) -> None:
        top, end = Label(), Label()
        if chance(self.chooser, 80):
            self.assembler.load([pick(self.chooser, SCALARS) for _ in range(self.chooser.number(0, 3))])
        else:
            self.expression(depth, level, bound=bound)
        self.assembler.emit("EACH_BEGIN")
        self.assembler.mark(top)
        self.assembler.emit("EACH_NEXT", bound, end)
        body()
        self.assembler.emit("JUMP", top)
        self.assembler.mark(end)

    def push_each(self, depth: int, level: int, bound: int) -> None:
        def body() -> None:
            self.expression(depth, level, bound=bound + 1)
            self.assembler.emit("EACH_KEEP")

        self.each(depth, level, bound, body)

    def push_filter(self, depth: int, level: int, bound: int) -> None:
        def body() -> None:
            self.expression(depth, level, "boolean", bound + 1)
            self.assembler.emit("EACH_FILTER", bound)

        self.each(depth, level, bound, body)


@st.composite
def programs(draw: Any, size: int = 8) -> Program:
    """Give random valid programs."""
    return build_program(Drawn(draw), size)
