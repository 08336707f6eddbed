"""Tells the other processes on one store's file that something was committed, and hears it from them.

This file owns the datagram sockets in ``<file>-wake/`` (0700), one a process that writes or watches. It
knows ids of runs and nothing else. The rules:

* It is a courtesy: a message that is lost, because a process is slow or a file system has no sockets,
  costs some seconds at most (the store looks for foreign commits by itself). Nothing here ever raises.
* A process greets all that are there when it comes, so nobody has to look for newcomers at a commit.
* A socket whose process is gone is removed by whoever meets it.
* Addresses go through ``/proc/self/fd``, because a socket's path may have 107 bytes and a folder's more.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import secrets
import socket
from collections.abc import Callable

import msgspec

__all__ = ["Notifier"]

MANY = 200  # runs in a message; more are "look at everything"
EVERYTHING = b"*"
# The kernel keeps 10 messages for a socket by default (net.unix.max_dgram_qlen): of so many at once some
# more may have been refused.
SUSPICIOUS = 8
LONGEST = 64 << 10

_decode_runs = msgspec.msgpack.Decoder(list[str]).decode


class Notifier:
    """One store's socket. ``start`` and ``tell`` run in the writer's thread, ``stop`` on the loop after it.

    ``heard`` is called on the loop with runs that another process has changed; none: any may have.
    """

    def __init__(self, path: str, loop: asyncio.AbstractEventLoop, heard: Callable[[frozenset[str]], None]) -> None:
        self._folder = f"{path}-wake"
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._loop = loop
        self._heard = heard
        self._started = False
        self._directory = -1
        self._socket: socket.socket | None = None
        self._peers: set[str] = set()
        self._behind: set[str] = set()  # peers that a message could not be given to

    def start(self) -> None:
        """Join the others. Again: nothing."""
        if self._started:
            return
        self._started = True
        try:
            self._join()
        except OSError:
            self._let_go()
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._listen)
        for peer in tuple(self._peers):
            self._send(peer, b"+" + self._name.encode())

    def tell(self, touched: set[str], advanced: set[str]) -> None:
        """Tell the others of runs."""
        if not self._started:
            self.start()
        peers = self._peers
        if not peers or self._socket is None or not (touched or advanced):
            return
        runs = touched | advanced
        message = EVERYTHING if len(runs) > MANY else b"=" + msgspec.msgpack.encode(list(runs))
        if len(message) > LONGEST:
            message = EVERYTHING
        for peer in tuple(peers):
            self._send(peer, EVERYTHING if peer in self._behind else message)

    def stop(self) -> None:
        """Leave the others."""
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            with contextlib.suppress(OSError):
                os.unlink(self._address(self._name))
                os.rmdir(self._folder)  # if nobody else is there
        self._let_go()

    def _join(self) -> None:
        """Bind a socket in the folder, and find who else is there."""
        for attempts_left in (2, 1, 0):
            with contextlib.suppress(FileExistsError):
                os.mkdir(self._folder, 0o700)
                os.chmod(self._folder, 0o700)
            try:
                self._directory = os.open(self._folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                self._socket.setblocking(False)
                self._socket.bind(self._address(self._name))
                break
            except FileNotFoundError:
                # The last of the others left and removed the folder between two lines of ours.
                self._let_go()
                if not attempts_left:
                    raise
        os.chmod(self._address(self._name), 0o600)
        self._peers.update(name for name in os.listdir(self._folder) if name != self._name)

    def _address(self, name: str) -> str:
        return f"/proc/self/fd/{self._directory}/{name}"

    def _listen(self) -> None:
        if self._socket is not None:
            self._loop.add_reader(self._socket.fileno(), self._receive)

    def _send(self, peer: str, message: bytes) -> None:
        assert self._socket is not None
        try:
            self._socket.sendto(message, self._address(peer))
        except OSError as error:
            if error.errno in (errno.ECONNREFUSED, errno.ENOENT):
                self._peers.discard(peer)
                self._behind.discard(peer)
                with contextlib.suppress(OSError):
                    os.unlink(self._address(peer))
            else:
                self._behind.add(peer)
        else:
            self._behind.discard(peer)

    def _receive(self) -> None:
        """Take all messages that are there, and tell of them at once."""
        runs: set[str] = set()
        everything = False
        taken = 0
        while self._socket is not None:
            try:
                message = self._socket.recv(LONGEST + 1)
            except OSError:
                break
            taken += 1
            kind, body = message[:1], message[1:]
            if kind == b"+":
                name = body.decode(errors="replace")
                if "/" not in name and name not in ("", ".", ".."):
                    self._peers.add(name)
            elif kind == b"=":
                try:
                    runs.update(_decode_runs(body))
                except msgspec.DecodeError:
                    everything = True
            else:
                everything = True
        if everything or taken >= SUSPICIOUS:
            self._heard(frozenset())
        elif runs:
            self._heard(frozenset(runs))

    def _let_go(self) -> None:
        self._peers.clear()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._directory >= 0:
            os.close(self._directory)
            self._directory = -1
