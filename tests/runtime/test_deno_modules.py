"""The modules that a deno step lists: fetched before it starts, under a lock, and nothing besides."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from .deno_support import run_script

pytestmark = pytest.mark.usefixtures("deno_program")


def package(name: str, code: str) -> bytes:
    """Return the archive of a package with one module."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        manifest = json.dumps({"name": name, "version": "1.0.0", "type": "module", "main": "index.js"})
        for file, text in (("package.json", manifest), ("index.js", code)):
            entry = tarfile.TarInfo(f"package/{file}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


class Registry(ThreadingHTTPServer):
    """A registry of packages, which counts what it is asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Shelf)
        self.packages = {name: package(name, f"export default '{name}';") for name in ("listed", "other")}
        self.asked: list[str] = []


class Shelf(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        name = self.path.strip("/").removesuffix(".tgz")
        content = self.server.packages.get(name)
        if content is not None and not self.path.endswith(".tgz"):
            digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
            tarball = f"http://127.0.0.1:{self.server.server_port}/{name}.tgz"
            version = {
                "name": name,
                "version": "1.0.0",
                "dist": {"tarball": tarball, "integrity": f"sha512-{digest}", "shasum": ""},
            }
            told = {"name": name, "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
            content = json.dumps(told).encode()
        self.send_response(404 if content is None else 200)
        self.send_header("content-length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Registry]:
    server = Registry()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield server
    server.shutdown()
    server.server_close()


LISTED = {"modules": ["npm:listed@1"]}


@pytest.mark.acceptance("DEN-09")
def test_a_listed_module_is_imported_and_fetched_once(tmp_path: Path, registry: Registry) -> None:
    script = "import name from 'npm:listed@1'; output('name', [name, (await import('npm:listed@1')).default])"
    for _ in range(2):
        result = run_script(tmp_path, script, LISTED)
        assert result.outputs == {"name": ["listed", "listed"]}, result.error
    assert sorted(registry.asked) == ["/listed", "/listed.tgz"]


@pytest.mark.acceptance("DEN-09")
def test_no_other_module_is_fetched_behind_the_users_back(tmp_path: Path, registry: Registry) -> None:
    result = run_script(tmp_path, "import 'npm:listed@1'; await import('npm:other@1'); output('got', 1)", LISTED)
    assert (result.outcome, result.outputs) == ("failure", {})
    assert result.error is not None
    assert 'import access to "npm:other" is not permitted; `modules: […]` lists' in result.error.message
    assert not any(path.startswith("/other") for path in registry.asked)


def test_a_module_that_is_nowhere_is_an_error_that_names_it(tmp_path: Path, registry: Registry) -> None:
    error = run_script(tmp_path, "", {"modules": ["npm:absent@1"]}).error
    assert error is not None
    assert error.kind == "executor"
    assert error.message.startswith("the modules npm:absent@1 can't be fetched: ")


def test_the_lock_of_the_runs_folder_decides(tmp_path: Path, registry: Registry) -> None:
    script = "import name from 'npm:listed@1'; output('name', name)"
    assert run_script(tmp_path, script, LISTED).outputs == {"name": "listed"}
    (written,) = (tmp_path / "cache" / "wfe" / "deno").glob("*/deno.lock")
    good = written.read_text()
    (digest,) = re.findall(r"sha512-([^\"]+)", good)
    own = tmp_path / "deno.lock"
    own.write_text(good.replace(digest, base64.b64encode(b"x" * 64).decode()))
    error = run_script(tmp_path, script, LISTED).error
    assert error is not None
    assert (error.kind, "npm:listed@1 can't be fetched" in error.message) == ("executor", True)
    own.write_text(good)
    assert run_script(tmp_path, script, LISTED).outputs == {"name": "listed"}
    error = run_script(tmp_path, "", {"modules": ["npm:other@1"]}).error
    assert error is not None
    assert "npm:other@1 can't be fetched" in error.message
    assert own.read_text() == good
