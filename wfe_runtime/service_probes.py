"""Asking a service whether it is ready: by a command in its container, a port or a path.

Owns how often and how long is asked. Knows nothing of how a service is started.

Rules:

1. ``retries`` questions, ``interval`` apart, within ``timeout``; before the first interval is over some more are asked
   that don't count, so what is ready at once is not waited for.
2. Where a proxy listens for the container, a port that takes a connection only to close it is not ready.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

from wfe_vm.program import Readiness, Service

from .executors.container_cli import ContainerCli

__all__ = ["Probe", "ask_http", "ask_tcp", "probe_of", "wait_until_ready"]

_FIRST_DELAY_S: Final = 0.05
_CONNECT_S: Final = 2.0
_HELD_OPEN_S: Final = 0.1
_HEAD_BYTES: Final = 64

Probe = Callable[[], Awaitable[str]]
"""Asks once. Gives an empty text if the service is ready, else what stands in the way."""


def probe_of(
    service: Service, cli: ContainerCli, container: str, host: str, ports: dict[int, int]
) -> tuple[Probe, str, Readiness]:
    """Return what asks a service, how that is called, and how often it is to be asked.

    ``ports`` gives the host's port for each of the service's own.
    """
    ready = service.readiness or Readiness(tcp_port=service.ports[0] if service.ports else 0)
    if ready.command:
        command = ready.command
        return lambda: _ask_command(cli, container, command), f"exec {' '.join(command)}", ready
    if ready.http_port:
        port = ports.get(ready.http_port, ready.http_port)
        return lambda: ask_http(host, port, ready.http_path), f"http {ready.http_port}{ready.http_path}", ready
    if ready.tcp_port:
        port = ports.get(ready.tcp_port, ready.tcp_port)
        return lambda: ask_tcp(host, port), f"tcp {ready.tcp_port}", ready
    return _always, "nothing", ready


async def wait_until_ready(probe: Probe, ready: Readiness, still_there: Callable[[], Awaitable[str]]) -> str:
    """Return an empty text once the service is ready, else why it will not be.

    ``still_there`` gives a reason where asking on makes no sense.
    """
    interval = ready.interval_ms / 1000
    delay = min(_FIRST_DELAY_S, interval)
    left = max(ready.retries, 1)
    answer = "it was not asked"
    try:
        async with asyncio.timeout(ready.timeout_ms / 1000):
            while True:
                answer = await probe()
                if not answer:
                    return ""
                gone = await still_there()
                if gone:
                    return gone
                if delay >= interval:
                    left -= 1
                    if not left:
                        return f"{answer} ({ready.retries} tries)"
                await asyncio.sleep(delay)
                delay = min(delay * 2, interval)
    except TimeoutError:
        return f"{answer} (asked for {ready.timeout_ms} ms)"


async def ask_tcp(host: str, port: int) -> str:
    """Ask whether a port takes a connection and keeps it."""
    try:
        async with asyncio.timeout(_CONNECT_S):
            reader, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        return f"{host}:{port} takes no connection: {_reason(error)}"
    try:
        async with asyncio.timeout(_HELD_OPEN_S):
            closed = not await reader.read(1)
    except TimeoutError:
        closed = False
    except OSError:
        closed = True
    finally:
        await _close(writer)
    return f"{host}:{port} closes connections at once" if closed else ""


async def ask_http(host: str, port: int, path: str) -> str:
    """Ask whether a path answers with a status from 200 to 399."""
    try:
        async with asyncio.timeout(_CONNECT_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\nAccept: */*\r\n\r\n"
                writer.write(request.encode("utf-8", "replace"))
                await writer.drain()
                line = await reader.readline()
            finally:
                await _close(writer)
    except (OSError, ValueError, TimeoutError) as error:
        return f"http://{host}:{port}{path} does not answer: {_reason(error)}"
    words = line[:_HEAD_BYTES].split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return f"http://{host}:{port}{path} does not answer in HTTP"
    status = int(words[1])
    return "" if 200 <= status < 400 else f"http://{host}:{port}{path} answers with status {status}"


async def _ask_command(cli: ContainerCli, container: str, command: tuple[str, ...]) -> str:
    result = await cli.call(("exec", container, *command), limit_s=30.0)
    if result.code == 0:
        return ""
    printed = result.stderr or result.stdout.decode("utf-8", "replace")
    last = (printed.strip().splitlines() or ["it says nothing"])[-1]
    return f"{command[0]} exits with code {result.code}: {last}"


async def _always() -> str:
    return ""


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or "it took too long"
