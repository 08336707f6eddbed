"""The live view: a tree of steps with durations, and the tail of what the running ones print.

Redrawn at most ten times a second from a small model; what ended and does not fit is counted instead of
shown. When the run is over the tree stays on the screen, with the ends that matter.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import time as clock
from collections import deque
from typing import Any, Final

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from wfe_vm.outcome import Failure
from wfe_vm.state import Record

from ..providers.rows import RunRow
from ..result import RunResult
from .output import print_error, print_lines
from .texts import clip, format_span, harmless, harmless_lines
from .values import value_lines
from .views import Parking

__all__ = ["LiveView"]

FRAME_SECONDS: Final = 0.1
IDLE_FRAME_SECONDS: Final = 1.0  # durations go on counting
TAIL_LINES: Final = 3
LAST_LINES: Final = 200  # of the tree that stays
NODES_KEPT: Final = 2000
SIGNS: Final = {
    "running": ("▶", "cyan"),
    "succeeded": ("✓", "green"),
    "failed": ("✗", "red"),
    "error": ("✗", "red"),
    "aborted": ("◼", "yellow"),
    "skipped": ("-", "dim"),
}


class _Node:
    """A step that was seen."""

    __slots__ = ("attempt", "error", "kind", "path", "started", "status", "tail", "took")

    def __init__(self, path: str, kind: str) -> None:
        self.path = path
        self.kind = kind
        self.status = "running"
        self.attempt = 0
        self.started = 0
        self.took = 0
        self.error: Failure | None = None
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)


class LiveView:
    """Draws on a terminal. To be used on the event loop that the run is on."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
        self._live = Live(console=self._console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
        self._nodes: dict[tuple[str, str], _Node] = {}
        self._gone = 0  # nodes that ended and were forgotten
        self._title = ""
        self._began = 0
        self._timer: asyncio.TimerHandle | None = None
        self._next_frame = 0.0
        self._unicode = (getattr(sys.stdout, "encoding", "") or "").lower().replace("-", "") in ("utf8", "utf8mb4")

    def begun(self, row: RunRow, prefix: str, inputs: dict[str, Any], time: int, again: bool) -> None:
        if prefix:
            return
        self._title = harmless(f"{row.name} ({row.workflow} {row.version})")
        self._began = time
        self._live.start()
        self._draw()

    def step(self, row: RunRow, prefix: str, record: Record, kind: str) -> None:
        key = (row.id, record.path)
        node = self._nodes.get(key)
        if node is None:
            node = self._nodes[key] = _Node(harmless(prefix + record.path), kind)
            if len(self._nodes) > NODES_KEPT:
                self._forget()
        node.attempt = record.attempt
        if record.what == "started":
            node.status, node.started, node.error = "running", record.time, None
            node.tail.clear()
        else:
            node.status, node.took, node.error = record.status, record.time - record.started, record.error
        self._plan(FRAME_SECONDS)

    def output(self, row: RunRow, prefix: str, step: str, attempt: int, stream: str, text: str, time: int) -> None:
        node = self._nodes.get((row.id, step))
        if node is not None:
            node.tail.extend(harmless_lines(text)[-TAIL_LINES:])
            self._plan(FRAME_SECONDS)

    def ended(self, row: RunRow, prefix: str, result: RunResult, time: int) -> None:
        if prefix:
            return
        self._stop()
        lines = [f"run {harmless(row.name)} {result.status} after {format_span(result.duration_ms)}"]
        if result.outputs:
            lines.append("outputs:")
            lines += value_lines(row.name, "outputs", result.outputs)
        print_lines(lines)

    def parked(self, row: RunRow, parking: Parking, time: int) -> None:
        self._stop()
        print_lines([f"run {harmless(row.name)} is {parking.status}: {harmless(parking.reason)}"])

    def conclude(self, lines: list[str], errors: list[str]) -> None:
        print_lines(lines)
        for line in errors:
            print_error(line)

    def trouble(self, message: str) -> None:
        if self._live.is_started:
            self._live.console.print(Text(f"wfec: {harmless(message)}"))
        else:
            print_error(f"wfec: {harmless(message)}")

    def abandon(self) -> None:
        if self._live.is_started:
            self._console.show_cursor(True)

    def close(self) -> None:
        self._stop()

    # Drawing

    def _plan(self, seconds: float) -> None:
        """Have the tree drawn within so long."""
        if not self._live.is_started:
            return
        when = clock.monotonic() + seconds
        if self._timer is not None:
            if self._next_frame <= when:
                return
            self._timer.cancel()
        self._next_frame = when
        self._timer = asyncio.get_running_loop().call_later(seconds, self._draw)

    def _draw(self) -> None:
        self._timer = None
        try:
            self._live.update(self._tree(max(shutil.get_terminal_size().lines - 2, 3)), refresh=True)
        except OSError:
            return  # the terminal has gone; the run has not
        self._plan(IDLE_FRAME_SECONDS)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._live.is_started:
            try:
                self._live.update(self._tree(LAST_LINES, final=True))
                self._live.stop()
            except OSError:
                pass

    def _forget(self) -> None:
        """Forget the older half of what ended well."""
        ended = [key for key, node in self._nodes.items() if node.status in ("succeeded", "skipped")]
        for key in ended[: NODES_KEPT // 2]:
            del self._nodes[key]
            self._gone += 1

    def _tree(self, height: int, final: bool = False) -> Group:
        now = clock.time_ns() // 1_000_000
        nodes = list(self._nodes.values())
        hidden = self._gone
        room = height - 1
        tails = not final
        wanted = sum(1 + (len(node.tail) if tails and node.status == "running" else 0) for node in nodes)
        if wanted > room:
            # What runs or failed stays; of the rest the last ones.
            kept: set[int] = set()
            room -= 1
            order = [node for node in nodes if node.status in ("running", "failed", "error")][-room:]
            order += [node for node in reversed(nodes) if node.status not in ("running", "failed", "error")]
            kept = {id(node) for node in order[: max(room, 1)]}
            hidden += sum(1 for node in nodes if id(node) not in kept)
            nodes = [node for node in nodes if id(node) in kept]
            tails = tails and wanted - hidden <= room
        width = self._console.width
        lines = [Text(clip(f"{self._title}  {format_span(now - self._began)}", width), style="bold")]
        if hidden:
            lines.append(Text(clip(f"  {'…' if self._unicode else '...'} {hidden} more", width), style="dim"))
        for node in nodes:
            lines += self._lines(node, now, width, tails)
        return Group(*lines)

    def _lines(self, node: _Node, now: int, width: int, tails: bool) -> list[Text]:
        sign, style = SIGNS.get(node.status, ("?", "yellow"))
        if not self._unicode:
            sign = {"▶": ">", "✓": "+", "✗": "x", "◼": "#"}.get(sign, sign)
        *above, name = node.path.split("/")
        indent = "  " * (1 + len(above))
        took = format_span(now - node.started if node.status == "running" else node.took)
        attempt = f" (attempt {node.attempt})" if node.attempt > 1 else ""
        text = Text(indent)
        text.append(sign, style=style)
        text.append(f" {name}{attempt}")
        text.append(f"  {took}" if node.status != "skipped" else "  skipped", style="dim")
        if node.error is not None and node.status in ("failed", "error") and node.error.step in ("", node.path):
            text.append(f"  {(harmless_lines(node.error.message) or [node.error.kind])[0]}", style="red")
        text.truncate(width, overflow="ellipsis" if self._unicode else "crop")
        lines = [text]
        if tails and node.status == "running":
            for line in node.tail:
                lines.append(Text(clip(f"{indent}  | {line}", width), style="dim"))
        return lines
