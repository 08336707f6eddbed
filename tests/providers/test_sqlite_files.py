import asyncio
import os
import stat
import subprocess
import sys
from functools import partial

import pytest

from tests.providers.contract.rows import new
from wfe_runtime.errors import StoreError
from wfe_runtime.providers.sqlite import SqliteStore

CREATE_WITHOUT_UMASK = """
import asyncio, os, sys
from wfe_runtime.providers import open_store
from wfe_runtime.providers.contracts import NewRun

async def main():
    store = open_store(sys.argv[1])
    await store.open()
    for id in ("r1", "r2"):  # the sockets are made after the first
        await store.create_run(NewRun(id, "w", 1, "h", b"", 1))
    for folder, folders, files in os.walk(sys.argv[2]):
        for name in folders + files:
            path = os.path.join(folder, name)
            print(oct(os.stat(path).st_mode & 0o777), os.path.relpath(path, sys.argv[2]))
    await store.close()

os.umask(int(sys.argv[3], 8))
asyncio.run(main())
"""


def refused(url: str) -> StoreError:
    with pytest.raises(StoreError) as caught:
        SqliteStore(url)
    return caught.value


@pytest.mark.acceptance("SEC-02", "CLI-07")
@pytest.mark.parametrize("umask", ["000", "077", "777"])
def test_what_is_created_is_for_its_owner_alone_whatever_the_umask(tmp_path, umask):
    url = f"sqlite:///{tmp_path}/.wfe/deep/wfe.db"
    listed = subprocess.run(
        [sys.executable, "-c", CREATE_WITHOUT_UMASK, url, str(tmp_path), umask],
        check=True,
        capture_output=True,
        text=True,
    )
    modes = dict(reversed(line.split()) for line in listed.stdout.splitlines())
    sockets = [name for name in modes if os.path.dirname(name) == ".wfe/deep/wfe.db-wake"]
    assert len(sockets) == 1
    assert modes.pop(sockets[0]) == "0o600"
    assert modes == {
        ".wfe": "0o700",
        ".wfe/deep": "0o700",
        ".wfe/deep/wfe.db": "0o600",
        ".wfe/deep/wfe.db-wal": "0o600",
        ".wfe/deep/wfe.db-shm": "0o600",
        ".wfe/deep/wfe.db-wake": "0o700",
    }


def test_a_closed_store_leaves_one_file(tmp_path):
    async def main():
        store = SqliteStore(f"sqlite:///{tmp_path}/wfe.db")
        await store.open()
        await store.create_run(new("r1"))
        await store.close()

    asyncio.run(main())
    assert os.listdir(tmp_path) == ["wfe.db"]


def test_a_file_that_is_there_keeps_its_mode(tmp_path):
    path = tmp_path / "wfe.db"
    path.touch()
    path.chmod(0o640)

    async def main():
        store = SqliteStore(f"sqlite:///{path}")
        await store.open()
        await store.close()

    asyncio.run(main())
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_three_slashes_are_relative_to_the_folder_of_that_moment_and_four_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    relative = SqliteStore("sqlite:///a/b%20c.db")
    monkeypatch.chdir("/")
    assert relative.path == f"{os.path.realpath(tmp_path)}/a/b c.db"
    assert SqliteStore("sqlite:////var/x.db").path == os.path.realpath("/var/x.db")


def test_a_link_leads_to_one_and_the_same_store(tmp_path):
    (tmp_path / "link.db").symlink_to(tmp_path / "folder" / "real.db")

    async def main():
        store = SqliteStore(f"sqlite:///{tmp_path}/link.db")
        await store.open()
        await store.create_run(new("r1"))
        other = SqliteStore(f"sqlite:///{tmp_path}/folder/real.db")
        await other.open()
        assert await other.get_run("r1") is not None
        await other.close()
        await store.close()

    asyncio.run(main())
    assert stat.S_IMODE((tmp_path / "folder" / "real.db").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("sqlite:x.db", "sqlite:///"),
        ("sqlite://x.db", "sqlite:///"),
        ("sqlite:///", "does not name a file"),
        ("sqlite:///folder/", "does not name a file"),
        ("sqlite:///:memory:", "memory:"),
        ("sqlite:///x%00.db", "does not name a file"),
        ("sqlite:///x.db?tiemout=5s", "tiemout"),
        ("sqlite:///x.db?timeout=soon", "soon"),
    ],
)
def test_a_url_that_names_no_file_is_refused_with_the_right_forms(url, part):
    error = refused(url)
    assert error.code == "url"
    assert part in str(error)
    assert "sqlite:///runs.db" in str(error)


@pytest.mark.parametrize(("text", "seconds"), [("500ms", 0.5), ("2s", 2.0), ("1.5m", 90.0), ("250", 0.25)])
def test_the_patience_with_locks_is_an_option(text, seconds):
    assert SqliteStore(f"sqlite:///x.db?timeout={text}").location.patience == seconds


def test_a_folder_in_place_of_the_file_is_refused(tmp_path):
    async def main():
        with pytest.raises(StoreError, match="is a folder") as caught:
            await SqliteStore(f"sqlite:///{tmp_path}").open()
        assert caught.value.code == "unreachable"

    asyncio.run(main())


def test_a_file_in_place_of_a_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()

    async def main():
        with pytest.raises(StoreError, match=r"Not a directory|File exists") as caught:
            await SqliteStore(f"sqlite:///{tmp_path}/file/wfe.db").open()
        assert caught.value.code == "unreachable"

    asyncio.run(main())


def test_a_store_that_is_not_open_says_so(tmp_path):
    async def main():
        store = SqliteStore(f"sqlite:///{tmp_path}/wfe.db")
        for call in (partial(store.get_run, "r1"), partial(store.commit, []), partial(store.append_logs, [])):
            with pytest.raises(StoreError, match="not open") as caught:
                await call()
            assert caught.value.code == "closed"

    asyncio.run(main())
