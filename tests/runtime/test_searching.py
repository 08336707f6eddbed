"""Searching: what a query asks for, what the index has, and that no store finds other things than the next."""

from __future__ import annotations

import asyncio

import pytest

from tests.runtime.engine_support import MakeStore, Work, Workflows, embedded, fails, gives, result_of
from wfe_runtime.executors.contract import StepContext, StepResult
from wfe_runtime.providers.rows import PurgeFilter
from wfe_runtime.providers.searching import HitPage, Phrase
from wfe_runtime.searching import parse_query, update_index

TWO = """
workflows:
  - id: deploy
    version: 1
    inputs: {place: string}
    outputs: {size: integer}
    steps:
      - {name: build, config: {run: make}, outputs: [{name: size, type: integer}]}
      - {name: push, config: {run: make}}
      - return: {size: outputs.size}
  - id: backup
    version: 1
    outputs: {size: string}
    steps:
      - {name: build, config: {run: make}, outputs: [{name: size, type: string}]}
      - return: {size: outputs.size}
"""


def work(context: StepContext) -> StepResult:
    if context.workflow == "backup":
        context.log.write("stdout", b"all of it, twice\n")
        return gives(size="enormous")
    if context.step == "push":
        context.log.write("stderr", b"warning: under_score\n")
        context.log.write("stderr", b"Connection Refused by example.com:80\n")
        return fails("the push said no")
    context.log.write("stdout", b"refused the connection once\n")
    return gives(size=77)


def found(page: HitPage) -> list[tuple[str, str, str]]:
    """Return run, kind and step of the hits, sorted."""
    return sorted((hit.name, hit.document.kind, hit.document.step) for hit in page.hits)


@pytest.mark.acceptance("SRC-01", "SRC-02", "SRC-03", "SRC-04", "SRC-06")
def test_words_phrases_and_fields_find_exactly_what_matches(make_store: MakeStore) -> None:
    async def main() -> None:
        async with embedded(make_store(), Work(work)) as engine:
            store = engine.store

            async def ask(text: str) -> list[tuple[str, str, str]]:
                return found(await store.search(parse_query(text)))

            assert await ask("anything") == []
            await update_index(store)
            assert await ask("anything") == []
            flows = Workflows(TWO)
            for place in ("paris", "rome"):
                run = await flows.start(engine, "deploy", {"place": place}, name=place)
                assert (await result_of(engine, run)).status == "failed"
            await result_of(engine, await flows.start(engine, "backup", name="night"))
            await update_index(store)
            pushed = [("paris", "line", "push"), ("rome", "line", "push")]
            assert await ask('"connection refused"') == pushed
            assert await ask('"refused connection"') == []
            assert await ask("CONNECTION refused stream:stdout") == [
                ("paris", "line", "build"),
                ("rome", "line", "build"),
            ]
            assert await ask("name:rome conn* kind:line stream:stderr") == [("rome", "line", "push")]
            assert await ask("status:failed") == [("paris", "run", ""), ("rome", "run", "")]
            assert await ask("status:succeeded workflow:deploy") == []
            assert await ask("workflow:deploy paris") == [("paris", "run", "")]
            assert await ask("step:push said") == [("paris", "step", "push"), ("rome", "step", "push")]
            assert await ask("size 77 kind:step") == [("paris", "step", "build"), ("rome", "step", "build")]
            assert await ask("enormous") == [("night", "run", ""), ("night", "step", "build")]
            assert await ask("step:build workflow:backup stream:stdout") == [("night", "line", "build")]
            assert await ask("conn") == []

            pages = [await store.search(parse_query("kind:step"), skip, 2) for skip in (0, 2, 4)]
            assert [(page.total, len(page.hits)) for page in pages] == [(6, 2)] * 3
            everything = await store.search(parse_query("kind:step"))
            assert [hit for page in pages for hit in page.hits] == list(everything.hits)
            last = everything.hits[0].document.time
            within = [hit for hit in everything.hits if hit.document.time < last]
            assert list((await store.search(parse_query("kind:step", 0, last))).hits) == within
            assert (await store.search(parse_query("kind:step", last + 1))).hits == ()
            assert (await store.search(parse_query("kind:step", last))).total == everything.total - len(within)

            before = await store.search(parse_query("build"))
            await update_index(store)
            assert await store.search(parse_query("build")) == before, "nothing is taken in twice"
            now = engine.clock.now()
            assert len(await store.purge(PurgeFilter(now + 1, now, workflow="deploy"))) == 2
            assert {hit.name for hit in (await store.search(parse_query("build"))).hits} == {"night"}
            assert await ask('"connection refused"') == []

    asyncio.run(main())


@pytest.mark.acceptance("SRC-07")
@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ('"never closed here', [Phrase(("never", "closed", "here"))]),
        ("a AND (b OR NOT c", [Phrase((word,)) for word in ("a", "and", "b", "or", "not", "c")]),
        ("http://example.com:80/x", [Phrase(("http", "example", "com", "80", "x"))]),
        ("nobody:knows '; DROP runs --", [Phrase(("nobody", "knows")), Phrase(("drop",)), Phrase(("runs",))]),
        ('"" * ( ) [ ^ - :', []),
        ("pre* *", [Phrase(("pre",), True)]),
        ("Größe ключ", [Phrase(("größe",)), Phrase(("ключ",))]),
    ],
)  # fmt: skip
def test_no_query_is_wrong(make_store: MakeStore, text: str, phrases: list[Phrase]) -> None:
    async def main() -> None:
        query = parse_query(text)
        assert list(query.phrases) == phrases
        async with embedded(make_store(), Work(work)) as engine:
            await result_of(engine, await Workflows(TWO).start(engine, "backup"))
            await update_index(engine.store)
            await engine.store.search(query)

    asyncio.run(main())
