"""Retries that go further back, or are given a result: where a run is taken up, and what is refused unchanged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.runtime.engine_support import MakeStore, Work, Workflows, embedded, fails, gives, result_of, row_of
from wfe_runtime.engine import Engine
from wfe_runtime.errors import InputError, NotFound, WfeError
from wfe_runtime.executors.contract import StepContext, StepResult
from wfe_runtime.providers.rows import RunFilter

CHAIN = """
workflow:
  id: chain
  version: 1
  outputs: {url: string}
  steps:
    - {name: a, config: {run: make}}
    - {name: b, config: {run: make}, outputs: [{name: url, type: string}, {name: size, type: integer}]}
    - {name: c, config: {run: make}}
    - return: {url: outputs.url}
"""

BLOCKS = """
workflow:
  id: blocks
  version: 1
  steps:
    - {name: first, config: {run: make}}
    - name: group
      sequence: [{name: g1, config: {run: make}}, {name: g2, config: {run: make}}]
    - name: choice
      if: 'true'
      then: [{name: t1, config: {run: make}}, {name: t2, config: {run: make}}, {name: t3, config: {run: make}}]
      else: [{name: e1, config: {run: make}}]
    - {name: last, config: {run: make}}
"""

FAN = """
workflow:
  id: fan
  version: 1
  steps:
    - name: fan
      for_each: '[0, 1, 2]'
      do:
        - {name: prepare, config: {run: make}}
        - {name: work, config: {run: make}, outputs: [{name: size, type: integer}]}
        - {name: tidy, config: {run: make}}
    - {name: last, config: {run: make}}
"""

LOOP = """
workflow:
  id: loop
  version: 1
  steps:
    - set: {n: '0'}
    - name: loop
      while: 'vars.n < 3'
      do:
        - {name: one, config: {run: make}}
        - {name: two, config: {run: make}}
        - set: {n: 'vars.n + 1'}
"""

FORK = """
workflow:
  id: fork
  version: 1
  steps:
    - {name: first, config: {run: make}}
    - name: both
      parallel:
        - {name: x, config: {run: make}}
        - {name: left, sequence: [{name: y1, config: {run: make}}, {name: y2, config: {run: make}}]}
"""

FAMILY = """
workflows:
  - id: main
    version: 1
    steps:
      - {name: before, config: {run: make}}
      - {name: call, type: workflow, config: {workflow: child}}
      - {name: after, config: {run: make}}
  - id: child
    version: 1
    steps:
      - {name: one, config: {run: make}}
      - {name: two, config: {run: make}, outputs: [{name: size, type: integer}]}
      - {name: three, config: {run: make}}
"""


HOOKED = """
workflow:
  id: hooked
  version: 1
  steps:
    - {name: before, config: {run: make}}
    - set: {n: '0'}
    - name: loop
      while: 'vars.n < 1'
      do:
        - {name: body, config: {run: make}}
        - set: {n: 'vars.n + 1'}
      on_success: [{name: h1, config: {run: make}}, {name: h2, config: {run: make}}]
"""


def failing(*paths: str) -> Callable[[StepContext], StepResult]:
    return lambda context: fails() if context.step in paths else gives()


async def failed(engine: Engine, text: str, work: Work, *paths: str) -> str:
    """Run a workflow in which these steps fail, and return its id, at hand again; the work is well from now on."""
    work.do = failing(*paths)
    run = await Workflows(text).start(engine)
    assert (await result_of(engine, run)).status == "failed"
    await engine.take_over(run)
    work.do = lambda _: gives()
    work.begun.clear()
    return run


@pytest.mark.acceptance("CTL-08")
@pytest.mark.parametrize(
    ("text", "failure", "start", "again"),
    [
        (CHAIN, ("c",), "a", ["a", "b", "c"]),
        (CHAIN, ("c",), "b", ["b", "c"]),
        (CHAIN, ("c",), "c", ["c"]),
        (BLOCKS, ("choice/t2",), "t1", ["choice/t1", "choice/t2", "choice/t3", "last"]),
        (BLOCKS, ("choice/t2",), "choice", ["choice/t1", "choice/t2", "choice/t3", "last"]),
        (BLOCKS, ("choice/t2",), "group", ["group/g1", "group/g2", "choice/t1", "choice/t2", "choice/t3", "last"]),
        (LOOP, ("loop[1]/two",), "one", ["loop[1]/one", "loop[1]/two", "loop[2]/one", "loop[2]/two"]),
        (FORK, ("both/left/y2",), "y1", ["both/left/y1", "both/left/y2"]),
        (FORK, ("both/left/y2",), "both/left", ["both/left/y1", "both/left/y2"]),
        (FORK, ("both/left/y2",), "both", ["both/x", "both/left/y1", "both/left/y2"]),
        (FORK, ("both/left/y2", "both/x"), "first", ["first", "both/x", "both/left/y1", "both/left/y2"]),
        (FAN, ("fan[1]/work",), "prepare", ["fan[1]/prepare", "fan[1]/work", "fan[1]/tidy", "last"]),
        (
            FAN,
            ("fan[1]/work", "fan[2]/work"),
            "fan/prepare",
            [f"fan[{n}]/{name}" for name in ("prepare", "work", "tidy") for n in (1, 2)] + ["last"],
        ),
        (
            FAN,
            ("fan[1]/work", "fan[2]/work"),
            "fan[2]/prepare",
            ["fan[1]/work", "fan[2]/prepare", "fan[1]/tidy", "fan[2]/work", "fan[2]/tidy", "last"],
        ),
        (FAMILY, ("two",), "call/one", ["one", "two", "three", "after"]),
        (FAMILY, ("three",), "call/two", ["two", "three", "after"]),
        (FAMILY, ("two",), "before", ["before", "one", "two", "three", "after"]),
    ],
)
def test_a_retry_from_a_step_runs_it_and_what_follows_and_keeps_the_rest(
    make_store: MakeStore, text: str, failure: tuple[str, ...], start: str, again: list[str]
) -> None:
    async def main() -> None:
        work = Work()
        async with embedded(make_store(), work) as engine:
            run = await failed(engine, text, work, *failure)
            assert await engine.retry(run, "somebody", start_at=[start])
            result = await result_of(engine, run)
            assert (result.status, result.error) == ("succeeded", None)
            if text in (FAN, FORK):  # what runs side by side
                assert sorted(work.paths) == sorted(again)
            else:
                assert work.paths == again

    asyncio.run(main())


@pytest.mark.acceptance("CTL-08")
def test_going_back_before_a_sub_workflow_starts_another_child(make_store: MakeStore) -> None:
    async def main() -> None:
        work = Work()
        async with embedded(make_store(), work) as engine:
            for start, children in (("call", 2), ("call/one", 1)):
                run = await failed(engine, FAMILY, work, "two")
                assert await engine.retry(run, "somebody", start_at=[start])
                assert (await result_of(engine, run)).status == "succeeded"
                assert len(await engine.store.list_runs(RunFilter(parent=run))) == children

    asyncio.run(main())


@pytest.mark.acceptance("CTL-09")
@pytest.mark.parametrize(
    ("text", "failure", "skipped", "again"),
    [
        (CHAIN, ("b",), "b", ["c"]),
        (BLOCKS, ("choice/t2",), "t2", ["choice/t3", "last"]),
        (BLOCKS, ("choice/t2",), "choice", ["last"]),
        (LOOP, ("loop[1]/two",), "two", ["loop[2]/one", "loop[2]/two"]),
        (FORK, ("both/left/y1",), "y1", ["both/left/y2"]),
        (FORK, ("both/left/y1",), "both", []),
        (FAN, ("fan[1]/work",), "work", ["fan[1]/tidy", "last"]),
        (FAN, ("fan[1]/work", "fan[2]/work"), "fan[2]/work", ["fan[1]/work", "fan[2]/tidy", "fan[1]/tidy", "last"]),
        (FAMILY, ("two",), "call/two", ["three", "after"]),
        (FAMILY, ("two",), "call", ["after"]),
    ],
)
def test_a_skipped_step_counts_as_done_with_what_it_is_given(
    make_store: MakeStore, text: str, failure: tuple[str, ...], skipped: str, again: list[str]
) -> None:
    async def main() -> None:
        work = Work()
        given = {"url": "https://example.com"} if text == CHAIN else {}
        async with embedded(make_store(), work) as engine:
            run = await failed(engine, text, work, *failure)
            assert await engine.retry(run, "somebody", supplied=skipped, outputs=lambda _: given)
            result = await result_of(engine, run)
            assert (result.status, result.outputs) == ("succeeded", given)
            assert work.paths == again

    asyncio.run(main())


@pytest.mark.acceptance("CTL-07", "CTL-08", "CTL-09")
@pytest.mark.parametrize(
    ("text", "failure", "asked", "error", "words"),
    [
        (CHAIN, "b", {"start_at": ["c"]}, WfeError, "not reached"),
        (CHAIN, "b", {"start_at": ["bb"]}, NotFound, "b"),
        (CHAIN, "b", {"supplied": "a"}, WfeError, "did not fail"),
        (CHAIN, "b", {"supplied": "b", "outputs": lambda _: {"size": "big"}}, InputError, "size"),
        (CHAIN, "b", {"supplied": "b", "outputs": lambda _: {"sise": 1}}, InputError, "sise"),
        (CHAIN, "b", {"supplied": "b", "start_at": ["a"]}, WfeError, "can't start again at a step and be given"),
        (BLOCKS, "choice/t2", {"start_at": ["g1"]}, WfeError, "name the block group"),
        (BLOCKS, "choice/t2", {"start_at": ["e1"]}, WfeError, "name the block choice"),
        (FAN, "fan[1]/work", {"start_at": ["fan[0]/prepare"]}, WfeError, "name the block fan"),
        (HOOKED, "loop/on_success/h2", {"start_at": ["h1"]}, WfeError, "name the step that has the hook"),
        (HOOKED, "loop/on_success/h2", {"start_at": ["h2"]}, WfeError, "name the step that has the hook"),
        (FAMILY, "two", {"start_at": ["call/three"]}, WfeError, "not reached"),
        (FAMILY, "two", {"supplied": "call/two", "outputs": lambda _: {"size": "big"}}, InputError, "size"),
        (FAMILY, "two", {"supplied": "call/tow"}, NotFound, "two"),
    ],
)
def test_what_a_retry_can_not_do_is_refused_and_changes_nothing(
    make_store: MakeStore, text: str, failure: str, asked: dict[str, Any], error: type[WfeError], words: str
) -> None:
    async def main() -> None:
        work = Work()
        async with embedded(make_store(), work) as engine:
            run = await failed(engine, text, work, failure)
            before = (await row_of(engine.store, run)).sequence
            with pytest.raises(error, match=words):
                await engine.retry(run, "somebody", **asked)
            await engine.settled()
            row = await row_of(engine.store, run)
            assert (row.sequence, row.status, work.paths) == (before, "failed", [])
            assert await engine.retry(run, "as it is")
            assert (await result_of(engine, run)).status in ("succeeded", "failed")

    asyncio.run(main())


def test_a_result_for_one_of_several_failed_items_has_to_say_which(make_store: MakeStore) -> None:
    async def main() -> None:
        work = Work()
        async with embedded(make_store(), work) as engine:
            run = await failed(engine, FAN, work, "fan[0]/work", "fan[2]/work")
            with pytest.raises(WfeError, match="several places") as caught:
                await engine.retry(run, "somebody", supplied="work")
            assert "fan[0]/work, fan[2]/work" in caught.value.message

    asyncio.run(main())
