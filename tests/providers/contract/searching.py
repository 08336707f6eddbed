"""The clauses of search: what a run left is listed until the index has it, and found by every condition at once.

What a document is made of is for who fills the index; a store keeps it, and knows what the run is now.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.providers.contract.rows import advance, ends, new
from wfe_runtime.providers.contracts import Store
from wfe_runtime.providers.rows import LogRow, PurgeFilter
from wfe_runtime.providers.searching import Document, Hit, IndexMark, Phrase, SearchQuery

LINES = (
    Document("line", 30, "connection refused", "build", 1, "stdout"),
    Document("line", 20, "Refused: the connection.", "fan[0]/push", 1, "stderr"),
    Document("step", 10, "under_score 77", "build", 2),
)


async def indexed(store: Store, id: str, *documents: Document, **fields: object) -> None:
    """Create a run that left these documents."""
    await store.create_run(new(id, **fields))
    assert await store.index(IndexMark(id, 0, 0), IndexMark(id, 0, 0), documents)


async def found(store: Store, text: str = "", **conditions: object) -> list[tuple[str, int]]:
    """Return the run and time of each document that has such words in a row, and of which the conditions hold."""
    phrases = (Phrase(tuple(text.removesuffix("*").split()), text.endswith("*")),) if text else ()
    return [(hit.run, hit.document.time) for hit in (await store.search(SearchQuery(phrases, **conditions))).hits]


class SearchClauses:
    @pytest.mark.acceptance("SRC-06")
    def test_a_run_is_listed_while_it_left_something_that_the_index_does_not_have(self, run):
        async def check(store):
            assert await store.list_unindexed() == []
            await store.create_run(new("r1"))
            await store.create_run(new("r2"))
            start = IndexMark("r1", 0, 0)
            assert set(await store.list_unindexed()) == {start, IndexMark("r2", 0, 0)}
            assert len(await store.list_unindexed(1)) == 1
            await store.commit([advance("r1", 0)])
            await store.append_logs([LogRow("r1", "s", 1, "stdout", 1, "text")])
            (line,) = await store.read_logs("r1")
            mark = IndexMark("r1", 1, line.number)
            assert await store.index(start, mark, []) is True
            assert await store.list_unindexed() == [IndexMark("r2", 0, 0)]
            await store.append_logs([LogRow("r1", "s", 1, "stdout", 1, "more")])
            assert mark in await store.list_unindexed()
            (line,) = await store.read_logs("r1", after=line.number)
            further = IndexMark("r1", 1, line.number)
            assert await store.index(mark, further, []) is True
            await store.commit([advance("r1", 1)])
            assert further in await store.list_unindexed()

        run(check)

    @pytest.mark.acceptance("SRC-06")
    def test_what_another_took_in_meanwhile_is_not_taken_in_twice(self, run):
        async def check(store):
            await store.create_run(new("r1"))
            start, after = IndexMark("r1", 0, 0), IndexMark("r1", 1, 0)
            await store.commit([advance("r1", 0)])
            assert await store.index(start, after, LINES[:1]) is True
            assert await store.index(start, after, LINES) is False
            assert await store.index(IndexMark("nobody", 0, 0), IndexMark("nobody", 1, 0), LINES) is False
            assert await found(store) == [("r1", 30)]

        run(check)

    @pytest.mark.acceptance("SRC-01", "SRC-02", "SRC-03")
    def test_a_document_is_found_by_words_in_a_row_and_by_every_other_condition(self, run):
        async def check(store):
            assert await found(store, "refused") == []
            await indexed(store, "r1", *LINES, name="night")
            await indexed(store, "r2", replace(LINES[0], time=25), workflow="other")
            every = [("r1", 30), ("r2", 25), ("r1", 20), ("r1", 10)]
            for text, conditions, expected in (
                ("", {}, every),
                ("refused", {}, every[:3]),
                ("connection refused", {}, every[:2]),
                ("conn", {}, []),
                ("conn*", {}, every[:3]),
                ("the conn*", {}, every[2:3]),
                ("score", {}, every[3:]),
                ("", {"kinds": ("step",)}, every[3:]),
                ("", {"kinds": ("step", "line")}, every),
                ("", {"workflow": "other"}, every[1:2]),
                ("", {"name": "night"}, [every[0], *every[2:]]),
                ("", {"run": "r2"}, every[1:2]),
                ("", {"step": "push"}, every[2:3]),
                ("", {"step": "fan[0]/push"}, every[2:3]),
                ("", {"step": "sh"}, []),
                ("", {"stream": "stderr"}, every[2:3]),
                ("", {"since": 20, "until": 30}, every[1:3]),
                ("refused", {"run": "r1", "stream": "stdout"}, every[:1]),
                ("refused", {"status": "failed"}, []),
            ):
                assert await found(store, text, **conditions) == expected, (text, conditions)

        run(check)

    @pytest.mark.acceptance("SRC-02")
    def test_hits_come_page_by_page_and_of_one_time_the_last_taken_in_first(self, run):
        async def check(store):
            documents = [Document("line", 5, f"line {number}") for number in range(5)]
            await indexed(store, "r1", *documents)
            pages = [await store.search(SearchQuery(), skip, 2) for skip in (0, 2, 4, 6)]
            assert [page.total for page in pages] == [5] * 4
            assert [[hit.document for hit in page.hits] for page in pages] == [
                documents[:2:-1],
                documents[2:0:-1],
                documents[:1],
                [],
            ]

        run(check)

    @pytest.mark.acceptance("SRC-01")
    def test_a_hit_says_what_its_run_is_now_and_a_run_has_one_document_of_its_own(self, run):
        async def check(store):
            row = await store.create_run(new("r1"))
            old, fresh = Document("run", 1, "r1 begun"), Document("run", 1, "r1 gave 77")
            first, second = IndexMark("r1", 0, 0), IndexMark("r1", 1, 0)
            await store.index(first, first, [old, LINES[0]])
            assert (await store.search(SearchQuery(kinds=("run",)))).hits == (
                Hit("r1", row.name, "deploy", "pending", old),
            )
            await store.commit([ends("r1", fence=0)])
            await store.index(first, second, [fresh])
            page = await store.search(SearchQuery(status="failed"))
            assert [(hit.status, hit.document) for hit in page.hits] == [("failed", LINES[0]), ("failed", fresh)]

        run(check)

    @pytest.mark.acceptance("STO-12")
    def test_with_a_run_that_is_cleared_out_all_that_was_found_of_it_goes(self, run):
        async def check(store):
            await indexed(store, "r1", *LINES)
            await indexed(store, "r2", *LINES[:1])
            await store.commit([ends("r1", fence=0)])
            assert await store.purge(PurgeFilter(5000, 5000)) == ["r1"]
            assert await found(store) == [("r2", 30)]
            assert [mark.run for mark in await store.list_unindexed()] == []

        run(check)
