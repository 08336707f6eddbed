"""What a hostile script does to take all there is: time, memory, threads, output. It ends, and it alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from wfe_runtime.executors.contract import StepResult
from wfe_runtime.executors.deno import DenoExecutor

from .deno_support import NEIGHBOUR, attempt, deno_children, run_with, script_context
from .shell_support import MemoryLog, is_alive, until

pytestmark = pytest.mark.usefixtures("deno_program")

ENDLESS = {
    "a loop": "while (true);",
    "microtasks": "const again = () => Promise.resolve().then(again); again(); setTimeout(() => {}, 1e9);",
    "a regular expression": "/^(a+)+$/.test('a'.repeat(60) + 'b');",
    "JSON": "const text = JSON.stringify(Array(1e5).fill('x')); while (true) JSON.parse(text);",
    "big numbers": "let n = 3n; while (true) n = n * n % (10n ** 2000n) + 1n;",
    "WebAssembly": "const c = [0,97,115,109,1,0,0,0,1,4,1,96,0,0,3,2,1,0,7,5,1,1,102,0,0,10,9,1,7,0,3,64,12,0,11,11];"
    "new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(c))).exports.f();",
    "a pending timer": "await new Promise((done) => setTimeout(done, 1e9));",
    "an interval": "setInterval(() => {}, 1);",
    "waiting for memory": "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);",
    "ignoring signals": "for (const s of ['SIGTERM', 'SIGINT']) Deno.addSignalListener(s, () => {}); while (true);",
    "threads": "const { Worker } = await import('node:worker_threads'); for (let i = 0; i < 4; i++) "
    "new Worker('while (true);', { eval: true }); await new Promise(() => setInterval(() => {}, 1));",
}


@pytest.mark.acceptance("DEN-04")
@pytest.mark.parametrize("what", ENDLESS)
def test_what_never_ends_is_gone_when_it_is_stopped(tmp_path: Path, what: str) -> None:
    log = MemoryLog()

    async def work(executor: DenoExecutor) -> tuple[int, StepResult]:
        script, config = f"log(Deno.pid); {ENDLESS[what]}", {"memory": "4GiB"}  # V8 reserves up to 530 MiB for a thread
        hostile = asyncio.create_task(
            executor.run(script_context(tmp_path, script, config, log=log, timeout_ms=60_000))
        )
        await until(lambda: "\n" in log.text("stdout") or hostile.done())
        process = int(log.text("stdout"))
        neighbour = await executor.run(script_context(tmp_path, NEIGHBOUR, step="neighbour", inputs={"n": 1}))
        assert is_alive(process)
        hostile.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hostile
        assert not is_alive(process)
        return process, neighbour

    _, neighbour = run_with(work)
    assert neighbour.outputs == {"well": 2}
    assert deno_children() == set()


BOMBS = {
    "objects": "const held = []; while (true) held.push(Array(1e4).fill().map((_, i) => ({ i })));",
    "text": "let text = 'x'; const held = []; while (true) { text += text.slice(0, 1e6); held.push(text.split('')); }",
    "buffers": "const held = []; while (true) held.push(new Uint8Array(8 << 20).fill(1));",
    "shared buffers": "const held = [];while (true) held.push(new Uint8Array(new SharedArrayBuffer(8 << 20)).fill(1));",
    "WebAssembly": "const held = []; while (true) { const memory = new WebAssembly.Memory({ initial: 128 });"
    " new Uint8Array(memory.buffer).fill(1); held.push(memory); }",
    "blobs": "const held = []; while (true) { held.push(new Blob([new Uint8Array(8 << 20).fill(1)])); await 0; }",
}


@pytest.mark.acceptance("DEN-10")
@pytest.mark.parametrize("what", BOMBS)
def test_a_memory_bomb_ends_its_own_step_alone(tmp_path: Path, what: str) -> None:
    result = attempt(tmp_path, BOMBS[what], {"memory": "64MiB"})
    assert result.error is not None
    assert (result.outcome, result.error.kind) in (("error", "limit"), ("failure", "throw"), ("failure", "signal"))


def test_what_the_runtime_prints_of_its_own_end_is_no_part_of_the_error(tmp_path: Path) -> None:
    log = MemoryLog()
    result = attempt(tmp_path, f"console.error('before'); {BOMBS['objects']}", {"memory": "64MiB"}, log=log)
    assert result.error is not None
    assert (result.error.message, result.error.stderr) == ("the script took more than its 64 MiB of memory", "before")
    assert "Last few GCs" in log.text("stderr")


def test_too_many_threads_end_the_step(tmp_path: Path) -> None:
    script = """
        const { Worker } = await import("node:worker_threads");
        for (let i = 0; i < 500; i++) new Worker("setInterval(() => {}, 1000)", { eval: true }).on("error", () => {});
        await new Promise((done) => setInterval(() => {}, 1000));
    """
    result = attempt(tmp_path, script)
    assert result.error is not None
    assert (result.outcome, result.error.kind) == ("error", "limit")


def test_a_gigabyte_of_output_is_taken_in_bounded_memory(tmp_path: Path) -> None:
    class Counting(MemoryLog):
        total = 0

        def write(self, stream: str, data: bytes) -> None:
            self.total += len(data)
            super().write(stream, data)

    log = Counting(limit=1 << 20)
    log.keeps = False
    script = "const piece = new Uint8Array(1 << 20).fill(120);\nfor (let i = 0; i < 1024; i++) {"
    script += " let rest = piece; while (rest.length) rest = rest.subarray(Deno.stdout.writeSync(rest)); }"
    result = attempt(tmp_path, script, log=log)
    assert result.outcome == "success"
    assert log.total == 1 << 30
    assert log.most_waiting < 4 << 20
    assert result.stdout == "x" * 65536


@pytest.mark.acceptance("DEN-10")
@pytest.mark.parametrize("signal", ["SIGTERM", "SIGKILL"])
def test_a_signal_to_itself_ends_its_own_step_alone(tmp_path: Path, signal: str) -> None:
    result = attempt(tmp_path, f"Deno.kill(Deno.pid, '{signal}'); await new Promise((done) => setTimeout(done, 1e6))")
    assert result.error is not None
    assert (result.outcome, result.error.kind) == ("failure", "signal")
