"""Python steps: functions by module or by registered name, in this process or in one of their own."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
import threading
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Protocol, cast, runtime_checkable

import msgspec
import pytest

from tests.runtime.shell_support import MemoryLog, context, is_alive, output, until
from wfe_runtime.executors.contract import StepResult
from wfe_runtime.executors.python import PythonExecutor
from wfe_runtime.executors.python_call import CallContext
from wfe_vm.outcome import Failure
from wfe_vm.values import check_plain

MODULE = """
import dataclasses, os, sys, time
from wfe_runtime.executors.python_call import CallContext

@dataclasses.dataclass
class Image:
    name: str
    size: int

def build(tag: str, count: int = 2, *, context: CallContext) -> Image:
    print("building", tag)
    context.log(f"attempt {context.attempt} of {context.step} in {context.run}, {context.idempotency_key}")
    return Image(f"app:{tag}", count)

async def wait_for(what: str):
    return {"got": what}

def fail(): raise LookupError("no such thing")
def leave(): sys.exit(3)
def vanish(): os._exit(9)
def odd(): return {1, 2}
def nothing(): return None
def one() -> int: return 5
def any_of(**given): return given
def as_numbers(**given) -> dict[str, int]: return given
async def as_image(**given) -> Image: return Image(**given)
def as_list(**given) -> list[int] | None: return given["items"]
def sleep(file):
    with open(file, "w") as stream:
        stream.write(str(os.getpid()))
    time.sleep(600)
"""


class Pair(NamedTuple):
    number: int
    text: str


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with a module ``steps_of_a_test`` in it."""
    (tmp_path / "steps_of_a_test.py").write_text(MODULE)
    yield tmp_path
    sys.modules.pop("steps_of_a_test", None)
    if str(tmp_path) in sys.path:
        sys.path.remove(str(tmp_path))


def call(folder: Path, function: str, inputs: dict[str, Any] | None = None, **changes: Any) -> StepResult:
    """Run one attempt of a step that calls a function, isolated where ``isolate=True``."""
    config = {"call": function, "isolate": changes.pop("isolate", False)}
    functions: dict[str, Callable[..., Any]] = changes.pop("functions", {})

    async def main() -> StepResult:
        executor = PythonExecutor(functions)
        try:
            return await executor.run(context(config, folder, type="python", inputs=inputs, **changes))
        finally:
            await executor.close()

    return asyncio.run(main())


EACH = pytest.mark.parametrize("isolate", [False, True], ids=["in this process", "isolated"])


@pytest.mark.acceptance("PYS-01")
@EACH
def test_a_function_gets_its_inputs_and_gives_its_members_as_outputs(folder: Path, isolate: bool) -> None:
    log = MemoryLog()
    result = call(folder, "steps_of_a_test:build", {"tag": "1.2"}, isolate=isolate, log=log)
    assert result == StepResult("success", {"name": "app:1.2", "size": 2}, stdout=result.stdout)
    assert "building 1.2\n" in log.text("stdout")
    assert "attempt 2 of fan[3]/build in 0197, 0197:7\n" in log.text("log") + log.text("stdout")
    assert result.stdout is not None
    assert "building 1.2\n" in result.stdout


@pytest.mark.acceptance("PYS-01")
@EACH
def test_an_async_function_is_awaited(folder: Path, isolate: bool) -> None:
    assert call(folder, "steps_of_a_test:wait_for", {"what": "it"}, isolate=isolate).outputs == {"got": "it"}


@pytest.mark.parametrize(
    ("function", "declared", "outputs"),
    [
        ("nothing", (), {}),
        ("one", (), {"result": 5}),
        ("one", ("count",), {"count": 5}),
    ],
)
@EACH
def test_a_result_that_is_no_map_is_the_one_output(
    folder: Path, isolate: bool, function: str, declared: tuple[str, ...], outputs: dict[str, Any]
) -> None:
    names = tuple(output(name, "any") for name in declared)
    assert call(folder, f"steps_of_a_test:{function}", isolate=isolate, outputs=names).outputs == outputs


@pytest.mark.acceptance("PYS-01")
@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({}, "needs the argument tag"),
        ({"tag": 1}, "the argument tag of steps_of_a_test:build has to be str"),
        ({"tag": "1", "count": "many"}, "the argument count"),
        ({"tag": "1", "colour": "red"}, "takes no argument colour"),
    ],
)
@EACH
def test_an_argument_that_does_not_fit_is_an_error_before_the_call(
    folder: Path, isolate: bool, inputs: dict[str, Any], words: str
) -> None:
    log = MemoryLog()
    result = call(folder, "steps_of_a_test:build", inputs, isolate=isolate, log=log)
    assert result.outcome == "error"
    assert result.error is not None
    assert (result.error.kind, result.error.step, result.error.attempt) == ("type", "fan[3]/build", 2)
    assert words in result.error.message
    assert log.text("stdout") == ""


@dataclasses.dataclass
class Place:
    host: str
    port: int = 80


def test_hints_of_many_kinds_are_held_to(folder: Path) -> None:
    def take(place: Place, own: Unknown) -> str:  # noqa: F821 - a hint that names nothing
        return f"{place.host} {own}"

    def strict(place: Place, mode: Literal["fast", "slow"], maybe: int | None = None) -> str:
        return f"{place.host}:{place.port} {mode} {maybe}"

    functions = {"take": take, "strict": strict}
    given = {"place": {"host": "a"}, "mode": "fast"}
    assert call(folder, "strict", given, functions=functions).outputs == {"result": "a:80 fast None"}
    refused = call(folder, "strict", given | {"mode": "wild"}, functions=functions)
    assert refused.error is not None
    assert "mode" in refused.error.message
    given = {"place": {"host": "a"}, "own": [1]}
    assert call(folder, "take", given, functions=functions).outputs == {"result": "a [1]"}


@pytest.mark.acceptance("PYS-02")
@EACH
def test_what_a_function_raises_is_told_as_text_with_the_tail_of_its_traceback(folder: Path, isolate: bool) -> None:
    result = call(folder, "steps_of_a_test:fail", isolate=isolate)
    assert result.outcome == "failure"
    assert result.error is not None
    assert result.error.kind == "throw"
    assert result.error.message == "steps_of_a_test:fail raised LookupError: no such thing"
    assert 'def fail(): raise LookupError("no such thing")' in result.error.details["traceback"]
    assert "wfe_runtime" not in result.error.details["traceback"]


@pytest.mark.acceptance("PYS-02")
@EACH
def test_a_result_that_is_no_plain_data_is_an_error_that_names_it(folder: Path, isolate: bool) -> None:
    result = call(folder, "steps_of_a_test:any_of", {"a": [1, {"b": None}]}, isolate=isolate)
    assert result.outputs == {"a": [1, {"b": None}]}
    functions = {"own": lambda: {"thread": threading.current_thread()}}
    refused = call(folder, "own", functions=functions)
    assert refused.outcome == "error"
    assert refused.error is not None
    assert (refused.error.kind, "the result of own is no plain data" in refused.error.message) == ("type", True)


@pytest.mark.acceptance("PYS-02")
@pytest.mark.parametrize(
    ("function", "given", "words"),
    [
        ("one", {}, None),
        ("as_numbers", {"a": 1}, None),
        ("as_numbers", {"a": "x"}, "dict[str, int], and it gave a map of 1 item: Expected `int`, got `str` - at"),
        ("as_image", {"name": "a", "size": 1}, None),
        (
            "as_image",
            {"name": "a", "size": "large"},
            "Image, and it gave a map of 2 items: Expected `int`, got `str` - at `$.size`",
        ),
        ("as_list", {"items": [1]}, None),
        ("as_list", {"items": None}, None),
        ("as_list", {"items": "x"}, 'list[int] | None, and it gave the string "x"'),
    ],
)
@EACH
def test_a_result_is_held_to_the_hint_of_what_the_function_returns(
    folder: Path, isolate: bool, function: str, given: dict[str, Any], words: str | None
) -> None:
    result = call(folder, f"steps_of_a_test:{function}", given, isolate=isolate)
    if words is None:
        assert result.outcome == "success"
        return
    assert result.error is not None
    assert (result.outcome, result.error.kind, result.outputs) == ("error", "type", {})
    assert f"the result of steps_of_a_test:{function} has to be " in result.error.message
    assert words in result.error.message


def test_a_result_may_be_of_a_class_under_the_one_that_is_promised(folder: Path) -> None:
    @runtime_checkable
    class Hosted(Protocol):
        host: str

    @dataclasses.dataclass
    class Room(Place):
        floor: int = 1

    def as_base() -> Place:
        return Room("a")

    def as_protocol() -> Hosted | None:
        return Room("b")

    def as_literal() -> Literal["a", "b"]:
        return cast(Any, "c")

    functions: dict[str, Callable[..., Any]] = {"base": as_base, "protocol": as_protocol, "literal": as_literal}
    assert call(folder, "base", functions=functions).outputs == {"host": "a", "port": 80, "floor": 1}
    assert call(folder, "protocol", functions=functions).outputs == {"host": "b", "port": 80, "floor": 1}
    refused = call(folder, "literal", functions=functions).error
    assert refused is not None
    assert refused.message == "the result of literal has to be Literal['a', 'b'], and it gave the string \"c\""


@EACH
def test_an_argument_that_does_not_fit_is_told_of_once(folder: Path, isolate: bool) -> None:
    refused = call(folder, "steps_of_a_test:build", {"tag": 1}, isolate=isolate).error
    assert refused is not None
    assert refused.message == "the argument tag of steps_of_a_test:build has to be str, and the integer 1 was given"


@pytest.mark.acceptance("PYS-06")
def test_a_process_that_ends_by_itself_is_told_of_by_its_function(folder: Path) -> None:
    gone = call(folder, "steps_of_a_test:vanish", isolate=True)
    assert gone.error is not None
    assert gone.error.message == "the process of steps_of_a_test:vanish exited with code 9"


@pytest.mark.acceptance("PYS-03")
@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("no_such_module_anywhere:f", "the Python module no_such_module_anywhere was not found"),
        ("steps_of_a_test:no_such", "has no no_such"),
        ("steps_of_a_test:os.sep", "is no function"),
        ("unregistered", "no function is registered as unregistered"),
    ],
)
@EACH
def test_what_can_not_be_found_is_named(folder: Path, isolate: bool, function: str, words: str) -> None:
    result = call(folder, function, isolate=isolate)
    assert (result.outcome, result.error and result.error.kind) == ("error", "executor")
    assert result.error is not None
    assert words in result.error.message


def test_what_this_host_lacks_is_told_before_anything_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def missing() -> list[str | None]:
        executor = PythonExecutor({"known": print})
        calls = ("known", "unknown", "json:loads", "no_such_module_anywhere:f", "steps_of_a_test:build")
        return [executor.missing({"call": name}) for name in calls]

    monkeypatch.chdir(folder)
    assert asyncio.run(missing()) == [
        None,
        "a Python function that is registered as unknown",
        None,
        "the Python module no_such_module_anywhere",
        None,
    ]


@pytest.mark.acceptance("PYS-06")
@EACH
def test_a_function_that_exits_ends_its_own_step_alone(folder: Path, isolate: bool) -> None:
    result = call(folder, "steps_of_a_test:leave", isolate=isolate)
    assert (result.outcome, result.error and result.error.kind) == ("failure", "throw")


@pytest.mark.acceptance("PYS-06")
def test_a_function_that_ends_its_process_ends_an_isolated_step_alone(folder: Path) -> None:
    result = call(folder, "steps_of_a_test:vanish", isolate=True)
    assert result.outcome == "failure"
    assert result.error is not None
    assert (result.error.kind, result.error.exit_code) == ("exit", 9)


@pytest.mark.acceptance("PYS-04", "PYS-05")
def test_a_blocking_function_leaves_the_loop_free_and_its_late_result_is_dropped(folder: Path) -> None:
    entered, free = threading.Event(), threading.Event()
    told: list[bool] = []

    def block(context: CallContext) -> dict[str, bool]:
        entered.set()
        told.append(context.cancelled.wait(60))
        free.wait(60)
        return {"late": True}

    async def main() -> None:
        executor = PythonExecutor({"block": block}, threads=2)
        step = asyncio.create_task(executor.run(context({"call": "block"}, folder, type="python")))
        await until(entered.is_set)  # the loop runs while the function blocks
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step
        await until(lambda: told)  # the thread has its turn when the host gives it one
        free.set()
        again = await executor.run(context({"call": "json:dumps"}, folder, type="python", inputs={"obj": 1}))
        assert again.outputs == {"result": "1"}
        await executor.close()

    asyncio.run(main())
    assert told == [True]


def holds_itself() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


def in_turn() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("function", "cure"),
    [
        (object, "a object can't be kept; return maps, lists, texts, numbers, bools or None, or a dataclass"),
        (holds_itself, "it is nested too deep, or holds itself"),
        (in_turn, "a generator can't be kept; return a list of what it gives"),
        (lambda: asyncio.sleep(0), "a coroutine can't be kept; define the function with `async def`"),
    ],
)
def test_what_a_function_may_not_return_is_told_with_its_cure(
    folder: Path, function: Callable[..., Any], cure: str
) -> None:
    result = call(folder, "own", functions={"own": function})
    assert result.error is not None
    assert result.error.kind == "type"
    assert f"the result of own is no plain data: {cure}" in result.error.message


@pytest.mark.acceptance("PYS-05")
def test_a_cancelled_async_function_runs_its_finally_before_the_step_is_over(folder: Path) -> None:
    done: list[str] = []

    async def main() -> None:
        entered = asyncio.Event()

        async def wait() -> None:
            entered.set()
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                done.append("finally")

        executor = PythonExecutor({"wait": wait})
        step = asyncio.create_task(executor.run(context({"call": "wait"}, folder, type="python")))
        await entered.wait()
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step
        assert done == ["finally"]

    asyncio.run(main())


@pytest.mark.acceptance("PYS-05")
def test_an_async_function_that_goes_on_although_it_was_cancelled_is_left_to_itself(folder: Path) -> None:
    async def main() -> None:
        entered, never = asyncio.Event(), asyncio.Event()
        told: list[bool] = []

        async def goes_on(context: CallContext) -> int:
            entered.set()
            while not never.is_set():
                try:
                    await never.wait()
                except asyncio.CancelledError:
                    told.append(context.cancelled.is_set())
            return 1

        executor = PythonExecutor({"goes-on": goes_on}, grace_s=0.01)
        log = MemoryLog()
        step = asyncio.create_task(executor.run(context({"call": "goes-on"}, folder, log=log, type="python")))
        await entered.wait()
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step
        assert told == [True]
        assert log.streams["log"] == b"the function was cancelled and goes on; what it gives is dropped\n"
        await executor.close()
        assert len(asyncio.all_tasks()) == 1, "or the loop would wait for it"

    asyncio.run(main())


@pytest.mark.acceptance("PYS-05")
def test_a_cancelled_isolated_function_is_killed(folder: Path) -> None:
    file = folder / "process"

    async def main() -> None:
        executor = PythonExecutor()
        config = {"call": "steps_of_a_test:sleep", "isolate": True}
        step = asyncio.create_task(executor.run(context(config, folder, type="python", inputs={"file": str(file)})))
        await until(lambda: file.exists() and file.read_text() != "")
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step
        await executor.close()

    asyncio.run(main())
    assert not is_alive(int(file.read_text()))


def test_what_other_threads_print_meanwhile_does_not_go_to_the_step(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = MemoryLog()

    def speak() -> None:
        other = threading.Thread(target=lambda: print("from elsewhere"))
        other.start()
        other.join()
        print("from the step", file=sys.stderr)

    call(folder, "speak", functions={"speak": speak}, log=log)
    assert log.text("stdout") == ""
    assert log.text("stderr") == "from the step\n"


@pytest.mark.acceptance("PYS-06")
def test_a_function_that_prints_faster_than_the_store_takes_it_is_held_up(folder: Path) -> None:
    log = MemoryLog(limit=100_000)

    def print_much() -> None:
        for _ in range(200):
            print("x" * 10_000)

    call(folder, "print_much", functions={"print_much": print_much}, log=log)
    assert len(log.text("stdout")) == 200 * 10_001
    assert log.most_waiting <= 120_000


class Shop:
    """A service whose method, or which itself, is a step."""

    name: int  # what hints of the class say is of its attributes, and of no argument

    async def __call__(self, name: str, context: CallContext) -> list[str]:
        return [name, context.step]

    async def sell(self, name: str, context: CallContext) -> list[str]:
        return [name, context.step]


async def buy(shop: str, name: str, context: CallContext) -> list[str]:
    return [name, context.step]


def lend(shop: str, name: str, context: Annotated[CallContext, "of the attempt"]) -> list[str]:
    return [name, context.step]


def swap(name: str, context: CallContext | None = None) -> list[str]:
    assert context is not None
    return [name, context.step]


@pytest.mark.parametrize(
    "function",
    [Shop(), Shop().sell, partial(buy, "corner"), partial(buy, shop="corner"), partial(lend, "corner"), swap],
    ids=["object", "method", "partial", "partial by name", "annotated", "optional"],
)
def test_whatever_can_be_called_is_a_step_with_its_hints_and_its_context(
    folder: Path, function: Callable[..., Any]
) -> None:
    done = call(folder, "own", {"name": "tea"}, functions={"own": function})
    assert done.outputs == {"result": ["tea", done_step()]}, done.error
    refused = call(folder, "own", {"name": 5}, functions={"own": function}).error
    assert refused is not None
    assert refused.message == "the argument name of own has to be str, and the integer 5 was given"


def done_step() -> str:
    """Return the step of the attempts in this file."""
    return context({}, Path(), type="python").step


def test_the_context_is_known_by_its_name_where_only_type_checkers_see_its_import(folder: Path) -> None:
    module_names: dict[str, Any] = {}
    exec(compile("async def f(context: 'CallContext') -> str: return context.step", "f", "exec"), module_names)
    assert call(folder, "own", functions={"own": module_names["f"]}).outputs == {"result": done_step()}


@pytest.mark.parametrize(
    ("given", "outputs"),
    [
        (Counter("aab"), {"a": 2, "b": 1}),
        (OrderedDict(rows=[(1, "x"), (2, None)]), {"rows": [[1, "x"], [2, None]]}),
        (defaultdict(list, {"a": [()]}), {"a": [[]]}),
        ((1, {"b": (2,)}), {"result": [1, {"b": [2]}]}),
        (Pair(1, "x"), {"result": [1, "x"]}),
    ],
)
def test_a_map_of_any_kind_gives_its_members_and_a_tuple_is_a_list(
    folder: Path, given: Any, outputs: dict[str, Any]
) -> None:
    assert call(folder, "own", functions={"own": lambda: given}).outputs == outputs


def test_what_an_exception_says_is_kept_as_far_as_a_run_can_keep_it(folder: Path) -> None:
    def odd() -> None:
        raise ValueError("no file caf\udce9")

    def long() -> None:
        raise ValueError("x" * 1_000_000)

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    def mute() -> None:
        raise Mute

    def failure(function: Callable[..., Any]) -> Failure:
        error = call(folder, "own", functions={"own": function}).error
        assert error is not None
        assert error.kind == "throw"
        assert check_plain(msgspec.to_builtins(error)) is None
        return error

    assert failure(odd).message == "own raised ValueError: no file caf\\udce9"
    assert failure(long).message.endswith("xxx… (983616 more characters)")
    assert failure(mute).message.endswith("Mute")


def test_an_async_function_waits_for_no_thread(folder: Path) -> None:
    async def quick() -> int:
        return 1

    async def main() -> None:
        begun, leave = threading.Event(), threading.Event()

        def hold() -> None:
            begun.set()
            leave.wait()

        executor = PythonExecutor({"quick": quick, "hold": hold}, threads=1)
        holding = asyncio.ensure_future(executor.run(context({"call": "hold"}, folder, type="python")))
        await asyncio.to_thread(begun.wait)
        async with asyncio.timeout(30):
            done = await executor.run(context({"call": "quick"}, folder, type="python"))
        assert done.outputs == {"result": 1}
        leave.set()
        await holding
        await executor.close()

    asyncio.run(main())
