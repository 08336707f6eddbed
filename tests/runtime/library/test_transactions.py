"""Transaction steps: the user's rows and the end of the step in one commit, on SQLite."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.library.workflows import calls
from wfe_runtime import CallContext, Engine, RunResult, Transaction, WfeError


def book(transaction: Transaction, n: int, context: CallContext) -> int:
    context.log(f"booking {n}")
    transaction.execute("CREATE TABLE IF NOT EXISTS bookings (n INTEGER, key TEXT UNIQUE)")
    transaction.execute("INSERT INTO bookings VALUES (?, ?)", (n, context.idempotency_key))
    return n + 1


def run_one(path: Path, function: Any, n: int = 1, **keys: str) -> tuple[RunResult, list[int]]:
    """Run a workflow of one step. Returns how it ended, and what is booked."""

    async def main() -> RunResult:
        text = calls(function.__name__, **keys)
        async with Engine(f"sqlite:///{path}", transactions=[function], workflows=[text]) as engine:
            return await engine.run("work", {"n": n}, timeout=60)

    return asyncio.run(main()), booked(path)


def booked(path: Path) -> list[int]:
    connection = sqlite3.connect(path)
    try:
        return [n for (n,) in connection.execute("SELECT n FROM bookings")]
    except sqlite3.OperationalError:
        return []  # no table: nothing was booked
    finally:
        connection.close()


def test_the_rows_of_a_transaction_step_are_there_with_its_end(tmp_path: Path) -> None:
    result, rows = run_one(tmp_path / "runs.db", book)
    assert (result.status, result.outputs, rows) == ("succeeded", {"n": 2}, [1])


def test_what_the_function_raises_undoes_its_rows_and_is_the_steps_failure_which_may_be_tried_again(
    tmp_path: Path,
) -> None:
    tries: list[int] = []

    def flaky(transaction: Transaction, n: int, context: CallContext) -> int:
        book(transaction, n, context)
        tries.append(n)
        if len(tries) == 1:
            raise LookupError("once")
        return n

    result, rows = run_one(tmp_path / "runs.db", flaky, retry="{attempts: 2, interval: 0ms}")
    assert (result.status, rows, len(tries)) == ("succeeded", [1], 2)
    tries.clear()
    result, rows = run_one(tmp_path / "others.db", flaky)
    assert result.error is not None
    assert (result.error.kind, "LookupError: once" in result.error.message, rows) == ("throw", True, [])


def test_a_result_that_the_step_can_not_give_undoes_the_rows(tmp_path: Path) -> None:
    def mistyped(transaction: Transaction, n: int, context: CallContext) -> str:
        book(transaction, n, context)
        return "no number"

    result, rows = run_one(tmp_path / "runs.db", mistyped)
    assert (result.error and result.error.kind, rows) == ("type", [])


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("COMMIT", "COMMIT is not allowed in a transaction step: the store begins and ends the transaction"),
        ("END", "COMMIT is not allowed"),
        ("ROLLBACK", "ROLLBACK is not allowed in a transaction step: .* raise an exception to undo them"),
        ("BEGIN", "BEGIN is not allowed"),
        *((statement, "a savepoint is not allowed") for statement in ("SAVEPOINT x", "RELEASE step")),
        ("ROLLBACK TO step", "a savepoint is not allowed"),
        ("PRAGMA user_version = 9", "PRAGMA user_version is not allowed in a transaction step: the connection is"),
        ("ATTACH ':memory:' AS x", "ATTACH is not allowed in a transaction step: what is in another file"),
        ("DETACH x", "DETACH is not allowed"),
        ("CREATE TEMP TABLE runs (x)", "a temporary table is not allowed in a transaction step: it would outlive"),
        ("CREATE TEMP VIEW runs AS SELECT 1", "a temporary view is not allowed"),
        ("CREATE TEMP TRIGGER x AFTER INSERT ON runs BEGIN SELECT 1; END", "a temporary trigger is not allowed"),
        *(
            (statement, "runs is a table of the store itself, which a transaction step may only read")
            for statement in (
                *("DELETE FROM runs", "UPDATE runs SET fence = 9", "ALTER TABLE runs ADD COLUMN x"),
                *("CREATE INDEX x ON runs (fence)", "DROP INDEX runs_parked"),
                "CREATE TRIGGER x AFTER INSERT ON runs BEGIN SELECT 1; END",
            )
        ),
        ("DROP TABLE inbox", "inbox is a table of the store itself"),
    ],
)
def test_a_function_is_told_that_it_may_neither_end_the_transaction_nor_change_the_tables_of_the_store(
    tmp_path: Path, statement: str, told: str
) -> None:
    def wild(transaction: Transaction, n: int, context: CallContext) -> int:
        book(transaction, n, context)
        transaction.execute(statement)
        return n

    result, rows = run_one(tmp_path / "runs.db", wild)
    assert result.error is not None
    assert (result.status, rows) == ("failed", [])
    assert re.search(f"wild raised DatabaseError: {told}", result.error.message)


def test_the_methods_of_the_driver_that_end_a_transaction_are_refused_alike(tmp_path: Path) -> None:
    def wild(transaction: Any, n: int, context: CallContext) -> int:
        book(transaction, n, context)
        try:
            transaction.rollback()
        except sqlite3.DatabaseError:
            transaction.commit()
        return n

    result, rows = run_one(tmp_path / "runs.db", wild)
    assert rows == []
    assert result.error is not None
    assert "COMMIT is not allowed in a transaction step" in result.error.message


def test_an_async_function_and_a_store_without_transactions_are_refused(tmp_path: Path) -> None:
    async def later(transaction: Transaction, n: int) -> int:
        return n

    with pytest.raises(ValueError, match="later is async"):
        Engine("memory:", transactions=[later])
    result, _ = run_one(tmp_path / "runs.db", Later())
    assert result.error is not None
    assert "later is async" in result.error.message

    async def main() -> None:
        with pytest.raises(WfeError, match="memory: can't have") as caught:
            async with Engine("memory:", transactions=[book]):
                pass
        assert caught.value.code == "transaction"
        async with Engine("memory:") as engine:
            with pytest.raises(WfeError, match="memory: can't have"):
                engine.transaction(book)
        engine = Engine(f"sqlite:///{tmp_path}/runs.db", functions=[later])
        with pytest.raises(ValueError, match="another function is registered as later"):
            engine.transaction(named_later)

    asyncio.run(main())


class Later:
    """An async function that only its call shows to be one."""

    __name__ = "later"

    async def __call__(self, transaction: Transaction, n: int) -> int:
        return n


def named_later(transaction: Transaction) -> None: ...


named_later.__name__ = "later"


def test_a_transaction_of_a_run_that_was_taken_over_changes_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with Engine(f"sqlite:///{tmp_path}/runs.db", functions={"book": lambda n: n}) as engine:
            await engine.register(calls("book"))
            handle = await engine.start("work", {"n": 1})
            await handle.result()
            store: Any = engine.core.store
            with pytest.raises(WfeError, match="taken it over") as caught:
                await store.transact(handle.id, 7, lambda transaction: (None, b""))
            assert caught.value.code == "fence"

    asyncio.run(main())
