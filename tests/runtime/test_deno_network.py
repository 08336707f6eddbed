"""What a deno step reaches over the network: what is listed, by whatever way it asks."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from wfe_runtime.executors import deno_permissions
from wfe_runtime.executors.deno_permissions import grants_of

from .deno_support import attempt, shown

pytestmark = pytest.mark.usefixtures("deno_program")

SECRET = "the crown jewels"


class Site(BaseHTTPRequestHandler):
    """Tells what it was asked, or sends elsewhere what asks for ``/to/…``."""

    asked: list[str]

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length).decode()
        self.server.asked.append(self.path)
        if self.path.startswith("/to/"):
            self.send_response(307)
            self.send_header("location", self.path.removeprefix("/to/"))
            self.send_header("content-length", "0")
            self.end_headers()
            return
        told = {"method": self.command, "body": body, "own": self.headers.get("x-own"), "secret": SECRET}
        content = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def sites() -> Iterator[tuple[ThreadingHTTPServer, ThreadingHTTPServer]]:
    """Give two servers; the test allows the first."""
    made = []
    for _ in range(2):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
        server.asked = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made.append(server)
    yield made[0], made[1]
    for server in made:
        server.shutdown()
        server.server_close()


Sites = tuple[ThreadingHTTPServer, ThreadingHTTPServer]


@pytest.mark.acceptance("DEN-06")
def test_a_listed_host_is_reached(tmp_path: Path, sites: Sites) -> None:
    port = sites[0].server_port
    script = f"""
        const got = await fetch("http://127.0.0.1:{port}/a");
        output("get", [got.status, (await got.json()).method]);
        const request = {{ method: "POST", body: "text", headers: {{ "x-own": "1" }} }};
        const posted = await fetch("http://127.0.0.1:{port}/b", request);
        const {{ method, body, own }} = await posted.json();
        output("post", [method, body, own]);
    """
    for host in (f"127.0.0.1:{port}", "127.0.0.1"):
        result = attempt(tmp_path, script, {"permissions": {"net": [host]}})
        assert result.outputs == {"get": [200, "GET"], "post": ["POST", "text", "1"]}


@pytest.mark.acceptance("DEN-06")
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{other}/",
        "http://127.0.0.1:{port}/to/http://127.0.0.1:{other}/",
        "http://127.0.0.1:{port}/to/http://localhost:{port}/",
        "http://localhost:{port}/",
        "http://[::ffff:127.0.0.1]:{other}/",
        "http://127.0.0.1:{port}@127.0.0.1:{other}/",
        "http://127.1:{other}/",
        "http://0x7f000001:{other}/",
    ],
)
def test_no_other_host_is_reached(tmp_path: Path, sites: Sites, url: str) -> None:
    allowed, other = sites
    target = url.format(port=allowed.server_port, other=other.server_port)
    script = f"output('got', await (await fetch('{target}')).text())"
    result = attempt(tmp_path, script, {"permissions": {"net": [f"127.0.0.1:{allowed.server_port}"]}})
    assert result.outcome == "failure"
    assert SECRET not in shown(result)
    assert other.asked == []
    assert "/" not in allowed.asked


def test_the_kernel_denies_the_network_too(tmp_path: Path) -> None:
    if deno_permissions.landlock_version() < 4:
        pytest.skip("this kernel's Landlock does not know the network")
    confinement = grants_of({}, str(tmp_path)).confinement((str(tmp_path),), ())
    assert confinement is not None
    problems: list[OSError] = []

    def work() -> None:
        confinement.apply()
        for act in (
            lambda: socket.create_connection(("127.0.0.1", 9)),
            lambda: os.open("/etc/passwd", os.O_RDONLY),
            lambda: os.mkdir("/tmp/made-by-a-confined-thread"),
        ):
            try:
                act()
            except OSError as error:
                problems.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert [type(problem) for problem in problems] == [PermissionError] * 3
