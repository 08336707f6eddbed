"""Asking services: what counts as ready for a port and a path, and how often is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from wfe_runtime.service_probes import ask_http, ask_tcp, wait_until_ready
from wfe_runtime.services import service_variables
from wfe_vm.program import Readiness

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


async def answered(serve: Serve, ask: Callable[[int], Coroutine[Any, Any, str]]) -> str:
    """Return what a question is answered while ``serve`` listens."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        return await ask(server.sockets[0].getsockname()[1])


def saying(text: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if text:
            writer.write(text)
            await writer.drain()
        else:
            await reader.read()
        writer.close()

    return serve


def test_a_port_is_ready_if_it_keeps_a_connection_or_speaks_first() -> None:
    async def hangs_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def main() -> list[str]:
        return [
            await answered(saying(b""), lambda port: ask_tcp("127.0.0.1", port)),
            await answered(saying(b"220 hello\r\n"), lambda port: ask_tcp("127.0.0.1", port)),
            await answered(hangs_up, lambda port: ask_tcp("127.0.0.1", port)),
            await ask_tcp("127.0.0.1", 1),
        ]

    silent, first, closed, none = asyncio.run(main())
    assert (silent, first) == ("", "")
    assert "closes connections at once" in closed
    assert "takes no connection" in none


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", ""),
        (b"HTTP/1.1 302 Found\r\n\r\n", ""),
        (b"HTTP/1.1 503 Not Yet\r\n\r\n", "answers with status 503"),
        (b"220 hello\r\n", "does not answer in HTTP"),
    ],
)
def test_a_path_is_ready_if_it_answers_well(answer: bytes, said: str) -> None:
    found = asyncio.run(answered(saying(answer), lambda port: ask_http("127.0.0.1", port, "/up")))
    assert said in found
    assert bool(said) == bool(found)


def asking(answers: list[str], ready: Readiness, gone: str = "") -> tuple[str, int]:
    """Return how a wait ended, and how often was asked."""
    asked = 0

    async def probe() -> str:
        nonlocal asked
        asked += 1
        return answers[min(asked, len(answers)) - 1]

    async def still_there() -> str:
        return gone if asked > 1 else ""

    return asyncio.run(wait_until_ready(probe, ready, still_there)), asked


def test_it_is_asked_until_it_is_ready_or_so_many_times_or_so_long() -> None:
    assert asking([""], Readiness(interval_ms=5000)) == ("", 1)
    assert asking(["no", "no", ""], Readiness(interval_ms=1)) == ("", 3)
    assert asking(["no"], Readiness(interval_ms=1, retries=4)) == ("no (4 tries)", 4)
    assert asking(["no"], Readiness(interval_ms=60_000, timeout_ms=30))[0] == "no (asked for 30 ms)"


def test_nobody_asks_on_where_the_service_is_gone() -> None:
    assert asking(["no"], Readiness(interval_ms=1), "it ended with code 3") == ("it ended with code 3", 2)


def test_a_step_is_told_of_services_by_variables_with_valid_names() -> None:
    addresses = {
        "data-base.1": {"host": "127.0.0.1", "ports": [40001, 40002]},
        "worker": {"host": "127.0.0.1", "ports": []},
    }
    assert service_variables(addresses) == {
        "SVC_DATA_BASE_1_HOST": "127.0.0.1",
        "SVC_DATA_BASE_1_PORT": "40001",
        "SVC_WORKER_HOST": "127.0.0.1",
    }
