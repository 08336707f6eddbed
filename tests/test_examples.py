"""Every example runs, through the real command, and gives what it says."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from tests.crash.launcher import Launcher
from wfe_dsl.compiler import compile_file
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.nodes import Block
from wfe_dsl.text_front import format_text
from wfe_dsl.variables import Variables
from wfe_runtime.testing import EngineUnderTest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"

# The file (of YAML, where it says no suffix), its inputs, and the outputs that it has to end with.
RUNS: tuple[tuple[str, tuple[str, ...], dict[str, Any]], ...] = (
    ("hello", (), {"greeting": "Hello, world!", "length": 13}),
    ("hello", ("name=Zoë", "tone=loud", "times=2"), {"greeting": "HELLO, ZOë!", "length": 11}),
    (
        "hello",
        ('name=$(touch pwned); `id` "quoted"',),
        {"greeting": 'Hello, $(touch pwned); `id` "quoted"!', "length": 37},
    ),
    ("hello.wfe", ("name=Ada", "tone=loud"), {"greeting": "HELLO, ADA!", "length": 11}),
    ("pipeline.wfe", ("release=2.0.0",), {"artifact": "app-2.0.0.pyz", "tests": 2, "tag": "v2.0.0"}),
    ("pipeline", (), {"artifact": "app-1.10.pyz", "tests": 2, "tag": None}),
    ("pipeline", ("release=2.0.0",), {"artifact": "app-2.0.0.pyz", "tests": 2, "tag": "v2.0.0"}),
    (
        "fan_out",
        (),
        {
            "reached": [f"app.{name}.example" for name in ("us-east", "us-west", "eu-north", "ap-east")],
            "unreachable": 1,
        },
    ),
    ("fan_out", ('regions=["north"]',), {"reached": ["app.north.example"], "unreachable": 0}),
    ("loops", (), {"polls": 3, "started": 4, "verdict": "quick"}),
    ("loops", ("ready_after=7", "replicas=0"), {"polls": 7, "started": 0, "verdict": "slow"}),
    (
        "sub_workflow",
        (),
        {
            "images": [f"registry.example/{name}:1.4.0" for name in ("web", "worker", "mailer")],
            "announcement": ", ".join(f"registry.example/{name}:1.4.0" for name in ("web", "worker", "mailer")),
        },
    ),
    (
        "deno",
        (),
        {"favourite": "/docs", "minutes": 65 / 60, "kept": "/docs: 1.0833333333333333 min"},
    ),
    ("deno", ('visits=[{"page": "/", "seconds": 3}]',), {"favourite": "/", "minutes": 0.05, "kept": "/: 0.05 min"}),
    ("python_steps", (), {"title": "A Few Numbers", "mean": 5, "spread": 2.94}),
    ("python_steps", ("numbers=[1, 2]", "title=two"), {"title": "Two", "mean": 1.5, "spread": 0.5}),
    ("secrets", (), {"length": 23, "header": "Bearer ***"}),
    ("recovery", ("seconds=0", "chapters=3"), {"printed": 3, "complete": True}),
    (
        "pizza_shop",
        (),
        {
            "served": ["Small Ham", "Large Cheese", "Large Ham", "Small Cheese"],
            "income": 34,
            "delivered_by": "Bea",
            "mood": "busy",
        },
    ),
    (
        "pizza_shop",
        ("guests=1", "weather=storm"),
        {"served": ["Small Ham"], "income": 7, "delivered_by": "Carl", "mood": "cosy"},
    ),
    ("pizza_shop", ("guests=0",), {"served": [], "income": 0, "mood": "bored"}),
)

# Programs, and what they print.
PROGRAMS: dict[str, list[str]] = {
    "embedded_service": [
        "202 {'run': 'order-1'}",
        "202 {'run': 'order-1'}",
        "404 {'error': \"no run has the id or name 'order-9', nor one that begins so\"}",
        "202 {'event': 'payment-7', 'new': True}",
        "200 pack order 7 of 2 pieces",
        "204",
        "200 ['run.started', 'step.started reserve', 'step.ended reserve', 'step.started paid', 'step.ended paid', "
        "'step.started pack', 'step.ended pack', 'step.started return-1', 'step.ended return-1', 'run.ended']",
        "200 {'status': 'succeeded', 'outputs': {'paid': 30, 'parcel': 'P-7'}}",
    ],
    "order_saga": [
        "order a lamp",
        "  reserve the lamp",
        "  charge 120",
        "  ship the lamp from shelf 3",
        "  succeeded: {'parcel': 'parcel-1'}",
        "order a chair",
        "  reserve the chair",
        "  put the chair back on shelf 3",
        "  failed: charge raised ValueError: the card has expired",
        "order a piano",
        "  reserve the piano",
        "  charge 120",
        "  refund payment-1, at attempt 2",
        "  put the piano back on shelf 3",
        "  failed: ship raised ValueError: no van is large enough",
    ],
    "sans_io": [
        "greet Ada",
        "greet Grace: busy, to be tried again",
        "-- the process ends here, and another begins with what was kept --",
        "greet Grace",
        "succeeded {'greetings': ['Hello, Ada!', 'Hello, Grace!']}",
    ],
}


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    with Launcher("wfe_dsl.compiler", "wfe_dsl.yaml_front") as launcher:
        yield launcher


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def run_example(launcher: Launcher, folder: Path, name: str, *inputs: str) -> tuple[int, list[dict[str, Any]]]:
    """Run an example in a folder; returns its exit code and the lines of its stream."""
    given = [part for text in inputs for part in ("-i", text)]
    file = name if "." in name else f"{name}.yaml"
    result = launcher.run(folder, "run", str(EXAMPLES / file), *given, "--json")
    assert result.out, result.err
    return result.code, [json.loads(line) for line in result.out.splitlines()]


def printed(lines: list[dict[str, Any]]) -> str:
    return "".join(line["text"] for line in lines if line["type"] == "step.output")


def test_every_example_is_run_here() -> None:
    # What needs a container engine is shown where there may be one: tests/cli/test_containers.py. The approval waits
    # for days, which a test of its own lets pass.
    run = {*(name for name, _, _ in RUNS), "containers", "approval"}
    assert {name for name in run if "." not in name} | set(PROGRAMS) == {path.stem for path in EXAMPLES.glob("*.*")}
    assert {name for name in run if "." in name} == {path.name for path in EXAMPLES.glob("*.wfe")}


@pytest.mark.acceptance("TXT-02")
@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.wfe")))
def test_an_example_in_the_text_language_is_the_program_of_its_yaml_file(name: str) -> None:
    diagnostics = Diagnostics()
    [text] = compile_file(str(EXAMPLES / f"{name}.wfe"), Variables(), diagnostics)
    [yaml] = compile_file(str(EXAMPLES / f"{name}.yaml"), Variables(), diagnostics)
    assert (text.hash, diagnostics.found) == (yaml.hash, [])


@pytest.mark.acceptance("TXT-03")
@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.wfe")), ids=lambda path: path.name)
def test_an_example_in_the_text_language_is_in_the_style_it_teaches(path: Path) -> None:
    assert format_text(path.read_text(), str(path)) == path.read_text()


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_example_in_python_runs_and_prints_what_it_promises(tmp_path: Path, name: str) -> None:
    result = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py")],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == PROGRAMS[name]


@pytest.mark.parametrize(
    ("name", "inputs", "outputs"), RUNS, ids=lambda value: value if isinstance(value, str) else None
)
def test_an_example_succeeds_with_the_outputs_it_promises(
    launcher: Launcher,
    tmp_path: Path,
    name: str,
    inputs: tuple[str, ...],
    outputs: dict[str, Any],
    request: pytest.FixtureRequest,
) -> None:
    if name == "deno":
        request.getfixturevalue("deno_program")
    code, lines = run_example(launcher, tmp_path, name, *inputs)
    end = lines[-1]
    assert (end["type"], end["status"], code) == ("run.ended", "succeeded", 0), end
    assert {key: end["outputs"][key] for key in outputs} == outputs
    assert not (tmp_path / "pwned").exists()


def test_the_examples_and_the_projects_own_pipeline_have_no_mistakes_and_no_warnings(
    launcher: Launcher, tmp_path: Path
) -> None:
    result = launcher.run(
        tmp_path, "check", "--strict", "--format", "json", str(EXAMPLES), str(ROOT / "workflows.yaml")
    )
    assert (result.code, json.loads(result.out)) == (0, [])


def test_the_pizza_shop_has_every_construct_of_the_language() -> None:
    text = (EXAMPLES / "pizza_shop.yaml").read_text()
    found = Diagnostics()
    shop = compile_file(str(EXAMPLES / "pizza_shop.yaml"), Variables(), found)
    assert found.found == []
    kinds = {step.kind for one in shop for step in one.program.steps}
    assert kinds >= {type.__name__.lower() for type in get_args(Block)} - {"while", "foreach", "matrix"}
    assert {key for key in ("while:", "until:", "for_each:", "matrix:") if f" {key}" not in text} == set()


@pytest.mark.parametrize(
    ("answers", "hours", "outputs"),
    [
        ([("approve", "ada", "ask-lead")], 0, {"approved": True, "decided_by": "lead ada"}),
        ([("decline", "ada", "ask-lead")], 0, {"approved": False, "decided_by": "lead ada"}),
        ([(), ("approve", "grace", "ask-head")], 4, {"approved": True, "decided_by": "head grace"}),
        ([(), ()], 28, {"approved": False, "decided_by": "nobody"}),
    ],
    ids=["lead-approves", "lead-declines", "head-approves", "nobody-answers"],
)
def test_the_approval_goes_one_step_up_while_nobody_answers(
    answers: list[tuple[str, ...]], hours: int, outputs: dict[str, Any]
) -> None:
    async def story() -> None:
        async with EngineUnderTest(workflows=[EXAMPLES / "approval.yaml"]) as engine:
            began = engine.clock.time
            run = await engine.start("approval")
            for answer in answers:
                await engine.settle()
                if answer:
                    await run.answer(*answer)
                else:
                    await engine.advance(timedelta(hours=4 if engine.clock.time == began else 24))
            assert (await run.result()).outputs == outputs
            assert engine.clock.time - began == timedelta(hours=hours)

    asyncio.run(story())


def test_the_broken_pipeline_fails_reports_and_cleans_up(launcher: Launcher, tmp_path: Path) -> None:
    code, lines = run_example(launcher, tmp_path, "pipeline", "broken=true")
    assert (lines[-1]["status"], code) == ("failed", 1)
    assert "not released:" in printed(lines)
    [folder] = [
        line["outputs"]["folder"] for line in lines if line["type"] == "step.ended" and line["step"] == "checkout"
    ]
    assert not Path(folder).exists()


def test_the_pipeline_fetches_again_what_was_busy(launcher: Launcher, tmp_path: Path) -> None:
    _, lines = run_example(launcher, tmp_path, "pipeline")
    attempts = [(line["attempt"], line["status"]) for line in lines
                if line["type"] == "step.ended" and line["step"].endswith("fetch-licence")]  # fmt: skip
    assert attempts == [(1, "failed"), (2, "succeeded")]


def test_the_recovery_example_can_be_killed_and_taken_up_again(launcher: Launcher, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wfe_runtime", "run", str(EXAMPLES / "recovery.yaml"), "--name", "book", "--json"]
    command += ["-i", "chapters=8", "-i", "seconds=0.1"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ended = 0
        for text in process.stdout:
            line = json.loads(text)
            ended += line["type"] == "step.ended" and line["step"].endswith("/chapter")
            if ended == 3:
                break
        process.send_signal(signal.SIGKILL)
    before = (tmp_path / "ledger.txt").read_text().splitlines()
    assert 3 <= len(before) < 8

    end = launcher.run(tmp_path, "resume", "book", "--json").last
    assert (end["status"], end["outputs"]) == ("succeeded", {"printed": 8, "complete": True})
    ledger = (tmp_path / "ledger.txt").read_text().splitlines()
    assert ledger[: len(before)] == before
    assert [line.split()[1] for line in ledger] == [str(number) for number in range(1, 9)]
