"""Registering: what can be, versions, replacing and removing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.engine_support import until
from tests.runtime.library.workflows import DOUBLE, HOLD, WAITS, calls
from wfe_dsl import compiler
from wfe_dsl.builder import Workflow, task
from wfe_runtime import DefinitionError, Engine, NotFound, Store, WfeError
from wfe_vm.program_file import write_program_file

TEXT = """
# a comment
workflow double version 1 {
  input n: integer
  output n: integer
  step "call" = python { call "double"; inputs { n = inputs.n }; outputs { n: integer } }
}
"""


def double(n: int) -> int:
    return 2 * n


@task(registered="thrice")
def three_times(n: int) -> int:
    return 3 * n


def built() -> Workflow:
    wf = Workflow("built", 1, inputs={"n": int}, outputs={"n": int})
    step = wf.python("call", three_times)
    wf.return_({"n": step.output.result})
    return wf


@pytest.mark.acceptance("PRG-01")
def test_files_texts_bytes_builders_and_programs_can_be_registered(store: Store, tmp_path: Path) -> None:
    yaml, text, python, compiled = (tmp_path / name for name in ("a.yaml", "b.wfe", "c.py", "d.wfc"))
    yaml.write_text(DOUBLE)
    text.write_text(TEXT)
    python.write_text("from wfe_dsl.builder import Workflow\nwf = Workflow('script', 1)\nwf.shell('a', 'true')\n")
    program = built().compile()[0]
    compiled.write_bytes(write_program_file([(program.program, program.source_map)]))

    async def main() -> None:
        async with Engine(store, functions=[double]) as engine:
            [row] = await engine.register(DOUBLE)
            for same in (yaml, str(yaml), text, TEXT):
                assert [one.program for one in await engine.register(same)] == [row.program]
            hashes = {
                (await engine.register(same))[0].program
                for same in (built(), program, program.program, compiled, compiled.read_bytes())
            }
            assert hashes == {program.hash}
            assert [one.workflow for one in await engine.register(python)] == ["script"]
            assert (await engine.run("double", {"n": 2})).outputs == {"n": 4}
            assert (await engine.run("built", {"n": 2})).outputs == {"n": 6}
            assert [row.workflow for row in await engine.registered()] == ["built", "double", "script"]

    asyncio.run(main())


def test_load_time_variables_are_given_along(store: Store) -> None:
    async def main() -> None:
        async with Engine(store, functions=[double]) as engine:
            await engine.register(calls("((which))", "double"), variables={"which": "double"})
            assert (await engine.run("double", {"n": 2})).outputs == {"n": 4}

    asyncio.run(main())


def test_mistakes_are_an_error_with_all_diagnostics(store: Store, tmp_path: Path) -> None:
    damaged = tmp_path / "x.wfc"
    damaged.write_bytes(b"no")

    async def main() -> None:
        async with Engine(store) as engine:
            with pytest.raises(DefinitionError, match=r"WFE\d{4}") as caught:
                await engine.register(DOUBLE.replace("inputs.n}", "inputs.m}").replace("version", "verison"))
            assert len(caught.value.diagnostics) >= 2
            wf = Workflow("bad", 1)
            wf.shell("a", "true", timeout="long")
            with pytest.raises(DefinitionError, match="WFE0115"):
                await engine.register(wf)
            with pytest.raises(DefinitionError, match="compiled file"):
                await engine.register(b"no")
            with pytest.raises(DefinitionError, match=r"x\.wfc"):
                await engine.register(damaged)
            with pytest.raises(NotFound, match=r"no file there\.yaml"):
                await engine.register("there.yaml")
            with pytest.raises(DefinitionError, match="has no suffix"):
                await engine.register(tmp_path)
            with pytest.raises(TypeError, match="int can't be registered"):
                await engine.register(5)
            assert await engine.registered() == []

    asyncio.run(main())


class HeldCompiler:
    """The compiler, whose first work has to wait until the event loop lets it go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self._compile = compiler.compile_document
        monkeypatch.setattr(compiler, "compile_document", self)

    async def has_begun(self) -> bool:
        return self.begun.is_set()

    def __call__(self, *arguments: Any) -> Any:
        first = not self.begun.is_set()
        self.begun.set()
        assert not first or self.go_on.wait(30), "the event loop stands still"
        return self._compile(*arguments)


@pytest.mark.parametrize("make", [lambda: DOUBLE, built], ids=["text", "builder"])
def test_runs_go_on_while_a_workflow_is_compiled_and_registrations_keep_their_order(
    store: Store, monkeypatch: pytest.MonkeyPatch, make: Callable[[], Any]
) -> None:
    async def main() -> None:
        async with Engine(store, functions=[double], workflows=[calls("double", "other")]) as engine:
            held = HeldCompiler(monkeypatch)
            definition = make()
            first = asyncio.ensure_future(engine.register(definition))
            await until(held.has_begun)
            second = asyncio.ensure_future(engine.register(calls("double", "later")))
            if isinstance(definition, Workflow):
                definition.shell("too-late", "true")
            assert (await engine.run("other", {"n": 2})).outputs == {"n": 4}
            assert not second.done()
            held.go_on.set()
            [[row], _] = await asyncio.gather(first, second)
            assert [one.workflow for one in await engine.registered(history=True)] == ["other", row.workflow, "later"]
            assert (await engine.register(make()))[0].program == row.program

    asyncio.run(main())


def test_an_engine_that_is_left_while_it_compiles_says_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        held = HeldCompiler(monkeypatch)
        async with Engine(store) as engine:
            registering = asyncio.ensure_future(engine.register(DOUBLE))
            await until(held.has_begun)
        held.go_on.set()
        with pytest.raises(WfeError, match="closed before the workflow was compiled"):
            await registering

    asyncio.run(main())


@pytest.mark.acceptance("PRG-12")
def test_versions_run_side_by_side_the_highest_without_one_and_unknown_ones_are_told_with_near_names(
    store: Store,
) -> None:
    async def main() -> None:
        async with Engine(store, functions={"double": double, "same": lambda n: n}) as engine:
            await engine.register(calls("same", "deploy", 10))
            await engine.register(calls("double", "deploy", 9))
            assert (await engine.run("deploy", {"n": 1})).outputs == {"n": 1}
            assert (await engine.run("deploy", {"n": 1}, version=9)).outputs == {"n": 2}
            with pytest.raises(NotFound, match="deploy has no version 3; registered are 9, 10"):
                await engine.start("deploy", version=3)
            with pytest.raises(NotFound, match="did you mean deploy"):
                await engine.start("deplyo")

    asyncio.run(main())


@pytest.mark.acceptance("PRG-13")
def test_another_program_of_a_version_is_refused_or_replaces_it_for_new_runs_alone(store: Store) -> None:
    async def main() -> None:
        begun, gate = asyncio.Event(), asyncio.Event()

        async def hold(n: int) -> int:
            begun.set()
            await gate.wait()
            return n

        async with Engine(store, functions={"double": double, "hold": hold}, who="tests") as engine:
            [first] = await engine.register(calls("hold"))
            old = await engine.start("work", {"n": 1})
            await begun.wait()
            with pytest.raises(WfeError, match="work version 1 is registered with another program") as caught:
                await engine.register(calls("double"))
            assert caught.value.code == "registered"
            [second] = await engine.register(calls("double"), replace=True)
            assert (await engine.run("work", {"n": 1})).outputs == {"n": 2}
            gate.set()
            assert (await old.result()).outputs == {"n": 1}
            assert [(row.program, row.who) for row in await engine.registered("work", history=True)] == [
                (first.program, "tests"),
                (second.program, "tests"),
            ]

    asyncio.run(main())


@pytest.mark.acceptance("PRG-14")
def test_a_version_is_removed_unless_an_unfinished_run_pins_it(make_store: Callable[[], Store]) -> None:
    async def main() -> None:
        async with Engine(make_store(), workflows=[WAITS]) as engine:
            handle = await engine.start("waits", name="pinning")
            with pytest.raises(WfeError, match="run pinning has not ended") as caught:
                await engine.unregister("waits", 1)
            assert caught.value.code == "pinned"
            await handle.terminate()
            await handle.result()
            assert await engine.unregister("waits", 1)
            assert not await engine.unregister("waits", 1)
            with pytest.raises(NotFound):
                await engine.start("waits")
        async with Engine(make_store()) as engine:
            assert await engine.registered() == []
            assert (await (await engine.handle("pinning")).info()).status == "terminated"

    asyncio.run(main())


@pytest.mark.acceptance("PRG-11")
def test_a_run_goes_on_from_the_stored_program_though_its_file_is_gone(
    make_store: Callable[[], Store], tmp_path: Path
) -> None:
    path = tmp_path / "hold.yaml"
    path.write_text(HOLD)

    async def main() -> None:
        begun, gate = asyncio.Event(), asyncio.Event()

        async def hold(n: int) -> int:
            begun.set()
            await gate.wait()
            return n

        async with Engine(make_store(), functions=[hold], workflows=[path]) as engine:
            handle = await engine.start("hold", {"n": 7})
            await begun.wait()
        path.unlink()
        gate.set()
        async with Engine(make_store(), functions=[hold]) as engine:
            assert (await (await engine.handle(handle.id)).result()).outputs == {"n": 7}
            assert (await engine.run("hold", {"n": 8})).outputs == {"n": 8}

    asyncio.run(main())


def test_what_a_definition_is_warned_of_goes_to_the_log(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with Engine(store) as engine:
            await engine.register("workflow endless version 1 {\n  while run.id != '' { sleep 1h }\n}\n")

    asyncio.run(main())
    assert "warning[WFE0405]: the loop `while-1` has no bound" in caplog.text
