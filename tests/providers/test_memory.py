import asyncio

import pytest

from tests.providers.contract import StoreContract
from tests.providers.contract.rows import advance, new
from wfe_runtime.errors import StoreError
from wfe_runtime.providers import open_store
from wfe_runtime.providers.memory import MemoryStore


class TestMemory(StoreContract):
    @pytest.fixture
    def make(self):
        store = MemoryStore()
        return lambda: store


def test_each_memory_url_is_a_store_of_its_own():
    async def main():
        first, second = open_store("memory:"), open_store("memory:")
        await first.open()
        await second.open()
        await first.create_run(new("r1"))
        assert await second.get_run("r1") is None

    asyncio.run(main())


@pytest.mark.parametrize("url", ["memory:x", "memory://host/path"])
def test_a_memory_url_has_no_further_parts(url):
    with pytest.raises(StoreError, match="memory:") as caught:
        open_store(url)
    assert caught.value.code == "url"


class IgnoresFence(MemoryStore):
    def _commit(self, commit, touched):
        self._runs[commit.run].fence = commit.fence
        return super()._commit(commit, touched)


class ReordersInbox(MemoryStore):
    async def read_inbox(self, runs):
        return (await super().read_inbox(runs))[::-1]


class TearsCommits(MemoryStore):
    def _commit(self, commit, touched):
        self._post(commit.posts)
        return super()._commit(commit, touched)


@pytest.mark.acceptance("STO-18")
@pytest.mark.parametrize(
    ("broken", "clause"),
    [
        (IgnoresFence, "test_the_former_owner_of_a_claimed_run_can_not_commit"),
        (ReordersInbox, "test_posts_wait_in_the_order_of_their_commits_until_they_are_consumed"),
        (TearsCommits, "test_a_commit_of_another_sequence_or_fence_is_refused_and_changes_nothing"),
    ],
)
def test_a_provider_that_breaks_a_clause_fails_the_suite_by_its_name(broken, clause):
    def run(check):
        async def main():
            store = broken()
            await store.open()
            await check(store)

        asyncio.run(main())

    with pytest.raises(AssertionError):
        getattr(StoreContract(), clause)(run)


def test_nothing_of_a_call_is_done_where_one_commit_of_it_is_wrong():
    async def main():
        store = MemoryStore()
        await store.open()
        await store.create_run(new("r1"))
        await store.create_run(new("r2"))
        with pytest.raises(ValueError, match="r2"):
            await store.commit([advance("r1", 0), advance("r2", 0, status="failed")])
        assert (await store.get_run("r1")).sequence == 0

    asyncio.run(main())
