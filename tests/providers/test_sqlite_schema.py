import asyncio
import sqlite3
import subprocess
import sys
from importlib.resources import files

import pytest

from tests.providers.contract.rows import new
from wfe_runtime.providers.sqlite import SqliteStore, schema

OPEN = """
import asyncio, sys
from wfe_runtime.providers.sqlite import SqliteStore

async def main():
    store = SqliteStore(sys.argv[1])
    sys.stdin.readline()
    await store.open()
    await store.close()

asyncio.run(main())
"""


def test_the_table_of_migrations_names_the_files_that_are_there():
    folder = files("wfe_runtime.providers").joinpath("sql", "sqlite")
    assert sorted(file.name for file in folder.iterdir()) == list(schema.MIGRATIONS)
    assert [int(name[:4]) for name in schema.MIGRATIONS] == list(range(1, len(schema.MIGRATIONS) + 1))


@pytest.mark.acceptance("STO-08")
def test_several_processes_that_open_a_new_store_at_once_make_one_schema(tmp_path):
    url = f"sqlite:///{tmp_path}/wfe.db"
    processes = [
        subprocess.Popen([sys.executable, "-c", OPEN, url], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        _, problem = process.communicate()
        assert (process.returncode, problem) == (0, "")
    connection = sqlite3.connect(tmp_path / "wfe.db")
    assert connection.execute("PRAGMA user_version").fetchone() == (len(schema.MIGRATIONS),)
    connection.close()


@pytest.mark.acceptance("STO-08")
def test_an_older_schema_is_migrated_with_its_data_and_a_failed_migration_changes_nothing(tmp_path):
    path = tmp_path / "wfe.db"

    async def create():
        store = SqliteStore(f"sqlite:///{path}")
        await store.open()
        await store.create_run(new("r1"))
        await store.close()

    asyncio.run(create())
    connection = sqlite3.connect(path, isolation_level=None)
    version = schema.check(connection, str(path))
    texts = ["never run again"] * version
    added = "-- a comment; with a semicolon\nALTER TABLE run_details\n  ADD COLUMN extra TEXT DEFAULT ';';\n"
    connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError):
        schema.migrate(connection, version, [*texts, added, "INSERT INTO nowhere VALUES (1);"])
    connection.execute("ROLLBACK")
    assert schema.check(connection, str(path)) == version
    connection.execute("BEGIN IMMEDIATE")
    schema.migrate(connection, version, [*texts, added])
    connection.execute("COMMIT")
    assert schema.check(connection, str(path), version + 1) == version + 1
    assert connection.execute("SELECT id, extra FROM run_details").fetchall() == [("r1", ";")]
    connection.close()


def test_a_migration_that_ends_within_a_statement_is_an_error():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    with pytest.raises(ValueError, match="within a statement"):
        schema.migrate(connection, 0, ["CREATE TABLE a (b);\nCREATE TABLE c (d)"])
    connection.close()
