"""What becomes of a step's output on its way to the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfe_runtime.errors import StoreError
from wfe_runtime.logs import LINE_BYTES, RunLog
from wfe_runtime.providers.rows import LogRow

from .shell_support import run_on, until


class Rows:
    """Keeps rows: at once if ``quick``; else it waits for ``gate``. Fails while ``failing``."""

    def __init__(self, quick: bool = False) -> None:
        self.rows: list[LogRow] = []
        self.calls = 0
        self.quick = quick
        self.failing = False
        self.gate: asyncio.Event | None = None

    async def append_logs(self, rows: Sequence[LogRow]) -> None:
        self.calls += 1
        if self.gate is not None:
            await self.gate.wait()
        self._keep(rows)

    def append_logs_now(self, rows: Sequence[LogRow]) -> bool:
        if self.quick:
            self.calls += 1
            self._keep(rows)
        return self.quick

    def _keep(self, rows: Sequence[LogRow]) -> None:
        if self.failing:
            raise StoreError("full", "the disk is full")
        self.rows += rows

    def text(self, *streams: str) -> str:
        return "".join(row.text for row in self.rows if not streams or row.stream in streams)


def log_to(rows: Rows, on_output: Callable[[str, str], None] = lambda stream, text: None, **limits: int) -> RunLog:
    return RunLog(rows, "0197", "build", 2, lambda: 1_700_000_000_000, on_output, **limits)


def logged(writes: Sequence[tuple[str, bytes]], quick: bool = False, **limits: int) -> Rows:
    """Write, close, and return the rows that are stored."""
    rows = Rows(quick)

    async def main() -> None:
        log = log_to(rows, **limits)
        for stream, data in writes:
            log.write(stream, data)
            if log.full:
                await log.drain()
        await log.close()

    run_on("asyncio", main())
    return rows


def run(work: Coroutine[Any, Any, None]) -> None:
    run_on("asyncio", work)


@pytest.mark.acceptance("LOG-05")
def test_a_row_tells_run_step_attempt_stream_and_time() -> None:
    (row,) = logged([("stdout", b"hi\n")]).rows
    assert row == LogRow("0197", "build", 2, "stdout", 1_700_000_000_000, "hi\n")


QUICK = pytest.mark.parametrize("quick", [False, True], ids=["a store that takes a while", "a quick store"])


@QUICK
@pytest.mark.acceptance("LOG-05")
def test_lines_that_come_together_share_a_row_and_streams_keep_their_order(quick: bool) -> None:
    writes = [("stdout", b"a\nb\n"), ("stdout", b"c\n"), ("stderr", b"d\n"), ("stdout", b"e\nend")]
    found = logged(writes, quick).rows
    assert [(row.stream, row.text) for row in found] == [
        ("stdout", "a\nb\nc\n"),
        ("stderr", "d\n"),
        ("stdout", "e\nend"),
    ]


@given(st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.binary(max_size=30)), max_size=30), st.booleans())
def test_no_byte_is_lost_or_moved_within_a_stream_however_output_is_cut(
    writes: list[tuple[str, bytes]], quick: bool
) -> None:
    rows = logged(writes, quick)
    for stream in ("stdout", "stderr"):
        whole = b"".join(data for name, data in writes if name == stream)
        assert rows.text(stream) == whole.decode("utf-8", "replace")


LINES = st.lists(st.text(st.sampled_from("aä🎉\0\r"), max_size=30), max_size=20)


@given(LINES, st.lists(st.integers(0, 600), max_size=10))
def test_long_lines_are_cut_and_marked_and_short_ones_left_alone(lines: list[str], cuts: list[int]) -> None:
    data = "".join(line + "\n" for line in lines).encode()
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    pieces = [data[start:end] for start, end in zip(places, [*places[1:], len(data)], strict=True)]
    stored = logged([("stdout", piece) for piece in pieces], line_bytes=40).text().split("\n")[:-1]
    assert len(stored) == len(lines)
    for line, text in zip(lines, stored, strict=True):
        size = len(line.encode())
        if size <= 40:
            assert text == line
        else:
            kept = 40
            while line.encode()[kept] & 0xC0 == 0x80:
                kept -= 1
            assert text.startswith(line.encode()[:kept].decode())
            assert str(size - kept) in text
            assert "cut" in text


@pytest.mark.acceptance("SHL-14", "LOG-06")
def test_a_huge_line_keeps_its_first_64_kib_and_tells_how_much_is_gone() -> None:
    rows = logged([("stdout", b"x" * 65_536)] * 100 + [("stdout", b"\nnext\n")])
    text = rows.text()
    assert text.startswith("x" * LINE_BYTES)
    assert f"{99 * 65_536:,}" in text
    assert text.endswith("\nnext\n")
    assert len(text) < LINE_BYTES + 200


@pytest.mark.acceptance("LOG-06")
def test_a_step_over_its_limit_is_cut_and_the_rest_counted_in_the_last_row() -> None:
    rows = logged([("stdout", b"123456789\n")] * 25 + [("stderr", b"more\n")], step_bytes=100)
    assert rows.text("stdout") == "123456789\n" * 10
    assert rows.text("stderr") == ""
    assert rows.rows[-1].stream == "log"
    assert "155" in rows.rows[-1].text
    assert "100 bytes" in rows.text("log")


@pytest.mark.acceptance("SHL-13")
def test_bytes_that_are_no_utf8_are_replaced_and_nul_is_kept() -> None:
    assert logged([("stdout", b"a\0b\xff\xc3"), ("stdout", b"\xa4\n")]).text() == "a\0b�ä\n"


@pytest.mark.acceptance("SHL-14")
def test_what_is_held_is_bounded_by_full_and_drain_while_the_store_is_slow() -> None:
    rows = Rows()

    async def main() -> None:
        rows.gate = asyncio.Event()
        log = log_to(rows)
        written = 0
        while not log.full:
            log.write("stdout", b"x" * 1023 + b"\n")
            written += 1024
        assert written <= 2 << 20
        draining = asyncio.ensure_future(log.drain())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not draining.done()
        rows.gate.set()
        await draining
        assert not log.full
        await log.close()
        assert len(rows.text()) == written

    run(main())


def test_a_drain_that_is_given_up_does_not_hinder_another() -> None:
    rows = Rows()

    async def main() -> None:
        rows.gate = asyncio.Event()
        log = log_to(rows)
        log.write("stdout", b"x\n" * (1 << 20))
        first, second = asyncio.ensure_future(log.drain()), asyncio.ensure_future(log.drain())
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        rows.gate.set()
        await second
        await log.close()
        assert first.cancelled()

    run(main())


@pytest.mark.acceptance("LOG-07")
def test_a_store_that_fails_leaves_a_marked_gap_and_no_error() -> None:
    rows = Rows()

    async def main() -> None:
        log = log_to(rows)
        rows.failing = True
        log.write("stdout", b"lost line\n" * 10_000)
        await until(lambda: rows.calls > 0)
        rows.failing = False
        log.write("stdout", b"back\n")
        await log.close()

    run(main())
    assert rows.text("stdout").endswith("back\n")
    (gap, *_) = [row for row in rows.rows if "missing" in row.text]
    assert gap.stream == "log"
    assert "100,000 bytes" in gap.text
    assert "the disk is full" in gap.text


@pytest.mark.acceptance("LOG-07")
def test_a_quick_store_that_fails_leaves_a_marked_gap_too() -> None:
    rows = Rows(quick=True)

    async def main() -> None:
        log = log_to(rows)
        rows.failing = True
        log.write("stdout", b"lost line\n")
        await until(lambda: rows.calls > 0)
        rows.failing = False
        log.write("stdout", b"back\n")
        await log.close()

    run(main())
    gap, back = rows.rows
    assert "10 bytes" in gap.text
    assert "the disk is full" in gap.text
    assert (gap.stream, back.text) == ("log", "back\n")


@QUICK
@pytest.mark.acceptance("LOG-07")
def test_a_store_that_never_recovers_lets_the_log_be_closed(quick: bool) -> None:
    rows = Rows(quick)

    async def main() -> None:
        rows.failing = True
        log = log_to(rows)
        log.write("stdout", b"lost\n")
        await log.close()

    run(main())
    assert rows.rows == []


def test_a_view_is_told_nothing_that_is_not_stored_yet() -> None:
    rows = Rows()
    seen: list[str] = []

    async def main() -> None:
        rows.gate = asyncio.Event()
        log = log_to(rows, lambda stream, text: seen.append(text))
        log.write("stdout", b"x\n" * 40_000)
        await until(lambda: rows.calls > 0)
        assert seen == []
        rows.gate.set()
        await log.close()
        assert "".join(seen) == rows.text()

    run(main())


def test_a_view_that_breaks_is_told_at_the_end_and_the_log_is_kept() -> None:
    rows = Rows()

    def fail(stream: str, text: str) -> None:
        raise RuntimeError("the view is broken")

    async def main() -> None:
        log = log_to(rows, fail)
        log.write("stdout", b"kept\n")
        with pytest.raises(RuntimeError, match="the view is broken"):
            await log.close()

    run(main())
    assert rows.text() == "kept\n"


@QUICK
def test_a_view_is_told_what_is_stored_in_order(quick: bool) -> None:
    rows = Rows(quick)
    seen: list[tuple[str, str]] = []

    async def main() -> None:
        log = log_to(rows, lambda stream, text: seen.append((stream, text)))
        log.write("stdout", b"one\n")
        log.write("stderr", b"two\n")
        await log.close()

    run(main())
    assert seen == [("stdout", "one\n"), ("stderr", "two\n")]


@QUICK
@pytest.mark.acceptance("LOG-05")
def test_output_is_stored_while_the_step_goes_on_also_a_line_without_end(quick: bool) -> None:
    rows = Rows(quick)

    async def main() -> None:
        log = log_to(rows)
        log.write("stdout", b"line\nPassword: ")
        await until(lambda: rows.text() == "line\nPassword: ")
        log.write("stdout", b"accepted\n")
        await log.close()

    run(main())
    assert rows.text() == "line\nPassword: accepted\n"


@QUICK
def test_a_log_without_output_never_asks_the_store(quick: bool) -> None:
    rows = Rows(quick)

    async def main() -> None:
        log = log_to(rows)
        log.write("stdout", b"")
        await log.close()
        await log.close()
        log.write("stdout", b"too late\n")

    run(main())
    assert rows.calls == 0


@pytest.mark.acceptance("SHL-14", "LOG-06")
def test_ten_million_lines_are_taken_in_bounded_memory() -> None:
    counted = 0

    class Counting(Rows):
        def _keep(self, rows: Sequence[LogRow]) -> None:
            nonlocal counted
            counted += sum(row.text.count("\n") for row in rows if row.stream == "stdout")

    async def main() -> None:
        log = RunLog(Counting(), "0197", "build", 1, lambda: 0, lambda stream, text: None)
        piece = b"1234567\n" * 8192
        for _ in range(10_000_000 // 8192 + 1):
            log.write("stdout", piece)
            if log.full:
                await log.drain()
        await log.close()

    run(main())
    assert counted == (10_000_000 // 8192 + 1) * 8192
