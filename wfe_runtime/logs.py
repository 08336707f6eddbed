"""What a step prints, on its way to the store: lines in rows, within limits, in bounded memory.

Owns the limits on lines and on a step's log, the decoding, and what is said where something is missing.
Knows nothing of processes, nor of how a store keeps rows.

Rules:

1. A row holds whole lines of one stream, up to 64 KiB; it goes to the store within a moment. A line whose
   end is long in coming is stored in parts, so what a step shows while it waits is seen.
2. A line is cut after 64 KiB, an attempt's log after 256 MiB. Where something was cut it says so, with the
   number of bytes. What says so of a whole log is in the stream ``log``, which no step can print to.
3. A store that fails doesn't stop a step: the rows are lost, and the next ones say how much is missing.
4. Bytes that are no UTF-8 become U+FFFD; all else, NUL too, is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from .errors import WfeError
from .providers.rows import LogRow

__all__ = ["LINE_BYTES", "STEP_BYTES", "RunLog"]

LINE_BYTES: Final = 64 * 1024
"""How much of one line is kept."""
STEP_BYTES: Final = 256 * 1024 * 1024
"""How much of one attempt is kept, all streams together."""

_ROW_BYTES: Final = 64 * 1024
_HELD_BYTES: Final = 1024 * 1024  # more waiting than this, and the log is full
_ENOUGH_BYTES: Final = _HELD_BYTES // 2  # it takes more again when no more than this waits
_GATHER_S: Final = 0.05  # lines that come within it share a row
_PART_S: Final = 0.5  # how long a line's end is waited for


class LogStore(Protocol):
    """What keeps rows. See ``Store``."""

    async def append_logs(self, rows: Sequence[LogRow]) -> None: ...

    def append_logs_now(self, rows: Sequence[LogRow]) -> bool: ...


class _Stream:
    """The line that a stream is in."""

    __slots__ = ("begun", "cut", "kept", "part")

    def __init__(self) -> None:
        self.part = bytearray()  # of the line, not passed on yet
        self.kept = 0  # bytes of the line kept so far, those passed on included
        self.cut = 0  # bytes of the line beyond the limit
        self.begun = 0.0  # when ``part`` got its first byte, in the loop's time


class _Piece:
    """What becomes a row."""

    __slots__ = ("data", "stream", "time")

    def __init__(self, stream: str, time: int) -> None:
        self.stream = stream
        self.time = time
        self.data = bytearray()


class RunLog:
    """The log of one attempt. ``close`` it; what is written after that is lost."""

    def __init__(
        self,
        store: LogStore,
        run: str,
        step: str,
        attempt: int,
        now: Callable[[], int],
        printed: Callable[[str, str], None],
        *,
        line_bytes: int = LINE_BYTES,
        step_bytes: int = STEP_BYTES,
    ) -> None:
        """``now`` is the time in epoch ms, ``printed`` is told each stored row's stream
        and text, which may have several lines."""
        self._store = store
        self._run = run
        self._step = step
        self._attempt = attempt
        self._now = now
        self._printed = printed
        self._line_bytes = line_bytes
        self._left = step_bytes
        self._step_bytes = step_bytes
        self._dropped = 0  # beyond the step's limit
        self._lost = 0  # refused by the store
        self._reason = ""
        self._streams: dict[str, _Stream] = {}
        self._pieces: list[_Piece] = []
        self._held = 0  # bytes waiting, or on their way to the store
        self._timer: asyncio.TimerHandle | None = None
        self._flusher: asyncio.Task[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._broken: Exception | None = None
        self._closed = False

    @property
    def full(self) -> bool:
        """True while more waits for the store than should."""
        return self._held > _HELD_BYTES

    def write(self, stream: str, data: bytes) -> None:
        """Take output of ``stdout``, ``stderr`` or ``log``, cut anywhere. Never blocks."""
        if self._closed:
            return
        # No more than a line's worth at a time: then all lines that end in a piece are short enough unread.
        for start in range(0, len(data), self._line_bytes):
            self._take(stream, data[start : start + self._line_bytes])
        self._schedule()

    def _take(self, stream: str, data: bytes) -> None:
        state = self._streams.get(stream)
        if state is None:
            state = self._streams[stream] = _Stream()
        last = data.rfind(b"\n") + 1
        if last:
            first = 0
            if state.kept:
                first = data.find(b"\n") + 1
                self._end_line(stream, state, data[:first])
            self._keep(stream, data[first:last])
        if last < len(data):
            self._add_part(stream, state, data[last:])

    async def drain(self) -> None:
        """Return once little enough waits."""
        while self._held > _ENOUGH_BYTES:
            self._flush()
            if self._drained is None:
                self._drained = asyncio.get_running_loop().create_future()
            # Shielded by hand: several may wait for it, and one that gives up must not take it from the others.
            await asyncio.wait([self._drained])

    async def close(self) -> None:
        """Return once all that was written is with the store, or was refused by it.

        Raises what ``printed`` has raised, if it did.
        """
        if not self._closed:
            self._closed = True
            for stream, state in self._streams.items():
                if state.kept:
                    self._end_line(stream, state, b"")
            if self._dropped:
                self._tell(f"[{self._dropped:,} more bytes were printed and are not kept]")
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._flusher is not None or self._pieces or self._lost:
            if self._flusher is None and not self._pieces:
                self._tell_loss()
                final = True
            else:
                final = False
            self._flush()
            if self._flusher is not None:
                await asyncio.wait([self._flusher])
            if final:
                break
        if self._broken is not None:
            raise self._broken

    # Lines

    def _end_line(self, stream: str, state: _Stream, end: bytes) -> None:
        """Pass on a line whose last part is ``end``, with its newline; an empty one is the end of the stream."""
        self._add_part(stream, state, end[:-1])
        if state.cut:
            self._release(stream, state)
            mark = f" … [cut: {state.cut:,} more bytes of this line are not kept]"
            self._keep(stream, mark.encode() + b"\n", counts=False)
        else:
            state.part += end[-1:]
            self._release(stream, state)
        state.kept = state.cut = 0

    def _add_part(self, stream: str, state: _Stream, data: bytes) -> None:
        if not data:
            return
        room = self._line_bytes - state.kept
        if len(data) > room:
            state.cut += len(data) - room
            data = data[:room]
        if not state.part:
            state.begun = asyncio.get_running_loop().time()
        state.part += data
        state.kept += len(data)
        if state.cut and state.part:
            # The last letter may have been cut in two.
            whole = _whole_letters(state.part)
            state.cut += len(state.part) - whole
            del state.part[whole:]
            self._release(stream, state)

    def _release(self, stream: str, state: _Stream) -> None:
        if state.part:
            self._keep(stream, state.part)
            state.part = bytearray()

    def _keep(self, stream: str, data: bytes | bytearray, counts: bool = True) -> None:
        """Put bytes where the next row takes them from, as far as the step's limit allows."""
        if not data:
            return
        if counts:
            if self._left <= 0:
                self._dropped += len(data)
                return
            if len(data) > self._left:
                self._dropped += len(data) - self._left
                data = data[: self._left]
            self._left -= len(data)
        elif self._left <= 0:
            return
        self._put(stream, data)
        if self._left <= 0:
            self._tell(f"[the log of this step is cut here: its limit of {self._step_bytes:,} bytes is reached]")

    def _put(self, stream: str, data: bytes | bytearray) -> None:
        piece = self._pieces[-1] if self._pieces else None
        if piece is None or piece.stream != stream or len(piece.data) + len(data) > _ROW_BYTES:
            piece = _Piece(stream, self._now())
            self._pieces.append(piece)
        piece.data += data
        self._held += len(data)

    def _tell(self, message: str) -> None:
        self._put("log", message.encode() + b"\n")

    def _tell_loss(self) -> None:
        message = f"[{self._lost:,} bytes of output are missing here: the store did not take them: {self._reason}]"
        piece = _Piece("log", self._now())
        piece.data += message.encode("utf-8", "replace") + b"\n"
        self._held += len(piece.data)
        self._pieces.insert(0, piece)
        self._lost = 0

    def _show(self, rows: Sequence[LogRow]) -> None:
        """Tell of rows that are stored: what is shown of a run is what is kept of it."""
        for row in rows:
            if self._broken is None:
                try:
                    self._printed(row.stream, row.text)
                except Exception as error:  # told by close(); the step is not to suffer from it
                    self._broken = error

    # On to the store

    def _schedule(self) -> None:
        if self._held >= _ROW_BYTES:
            self._flush()
        elif self._timer is None and self._flusher is None:
            if self._pieces:
                self._timer = asyncio.get_running_loop().call_later(_GATHER_S, self._on_timer)
            elif any(state.part for state in self._streams.values()):
                self._timer = asyncio.get_running_loop().call_later(_PART_S, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        for stream, state in self._streams.items():
            if state.part and now - state.begun >= _PART_S - _GATHER_S:
                whole = _whole_letters(state.part)
                self._keep(stream, state.part[:whole])
                state.part = state.part[whole:]
                state.begun = now
        if self._pieces:
            self._flush()
        else:
            self._schedule()

    def _flush(self) -> None:
        if self._flusher is None and self._pieces:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self._held < _ROW_BYTES and self._store_now():
                if not self._closed:
                    self._schedule()
            else:
                self._flusher = asyncio.get_running_loop().create_task(self._store_all())

    def _store_now(self) -> bool:
        """Store what waits if the store takes it without a wait. Most steps print little: a task would cost more."""
        if self._lost:
            self._tell_loss()
        rows = self._rows(self._pieces)
        try:
            if not self._store.append_logs_now(rows):
                return False
        except Exception as error:
            self._lose(self._held, error)
        else:
            self._show(rows)
        self._pieces = []
        self._release_held(self._held)
        return True

    async def _store_all(self) -> None:
        """Store what waits, and what comes meanwhile as long as it is much."""
        try:
            while self._pieces:
                if self._lost:
                    self._tell_loss()
                pieces, self._pieces = self._pieces, []
                await self._store_pieces(pieces)
                if self._held < _ROW_BYTES and not self._closed:
                    break
        finally:
            self._flusher = None
            if not self._closed:
                self._schedule()

    async def _store_pieces(self, pieces: list[_Piece]) -> None:
        rows = self._rows(pieces)
        size = sum(len(piece.data) for piece in pieces)
        try:
            await self._store.append_logs(rows)
        except Exception as error:
            self._lose(size, error)
        else:
            self._show(rows)
        finally:
            self._release_held(size)

    def _rows(self, pieces: Sequence[_Piece]) -> list[LogRow]:
        run, step, attempt = self._run, self._step, self._attempt
        return [
            LogRow(run, step, attempt, piece.stream, piece.time, piece.data.decode("utf-8", "replace"))
            for piece in pieces
        ]

    def _lose(self, size: int, error: Exception) -> None:
        """Note what the store did not take, whatever it raised: the step goes on without its log."""
        self._lost += size
        self._reason = error.message if isinstance(error, WfeError) else f"{type(error).__name__}: {error}"

    def _release_held(self, size: int) -> None:
        self._held -= size
        if self._held <= _ENOUGH_BYTES and self._drained is not None:
            drained, self._drained = self._drained, None
            with contextlib.suppress(asyncio.InvalidStateError):
                drained.set_result(None)


def _whole_letters(data: bytes | bytearray) -> int:
    """Return how many bytes there are without a UTF-8 character that is cut off at the end."""
    end = len(data)
    for back in range(1, min(4, end + 1)):
        byte = data[end - back]
        if byte & 0xC0 == 0x80:
            continue
        needed = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return end if needed <= back else end - back
    return end
