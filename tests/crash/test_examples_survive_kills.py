"""The examples, killed at each point that they reach and gone on with: each ends as if nothing had happened.

What is held to be the same as in a run that nobody disturbed: the end with its outputs, the history with what each
step gave, and the files that the steps have written.
"""

from __future__ import annotations

import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.launcher import Launcher, Outcome
from tests.crash.pipelines import Journal, read_journal, steps_left
from wfe_vm.ids import make_id

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"
NAME = "killed"
RUN, RESUME = ("run",), ("resume",)

# The commands of each example, in order; the first starts the run, a later one tells it something.
STORIES: dict[str, tuple[tuple[str, ...], ...]] = {
    "hello.yaml": (RUN,),
    "fan_out.yaml": (RUN,),
    "loops.yaml": (RUN,),
    "sub_workflow.yaml": (RUN,),
    "pipeline.yaml": (RUN,),
    "python_steps.yaml": (RUN,),
    "deno.yaml": (RUN,),
    "secrets.yaml": (RUN,),
    "recovery.yaml": (("run", "-i", "seconds=0", "-i", "chapters=4"),),
    "pizza_shop.yaml": (RUN,),
    "approval.yaml": (("run", "--no-wait"), ("approve", f"{NAME}/ask-lead", "--option", "approve"), RESUME),
}
ELSEWHERE = {
    "containers.yaml": "it needs a container engine, and skips its step where there is none",
    "hello.wfe": "its program is that of hello.yaml",
    "pipeline.wfe": "its program is that of pipeline.yaml",
    "pipeline.py": "its program is that of pipeline.yaml",
    "sans_io.py": "it ends and goes on by itself",
    "order_saga.py": "see test_python_examples_survive_kills.py",
    "embedded_service.py": "see test_python_examples_survive_kills.py",
}
TAKING_OVER = ("engine.after_claim", "engine.after_recovery")
"""Points that only a process reaches that takes a run over: a second kill is at one of these."""
DIFFERS = re.compile(
    r"\b[0-9a-hjkmnp-tv-z]{26}\b|/[^\s\"']*/tmp\.\w+|\d{4}-\d\d-\d\dT[\d:.]+Z|'duration_ms': \d+",
)
"""What two runs never have in common: ids, folders that `mktemp -d` has made, times and durations."""


class End:
    """What a story has come to."""

    def __init__(self, folder: Path, last: dict[str, Any]) -> None:
        journal = read_journal(folder)
        self.end = _common((last["type"], last["status"], last["outputs"], last["tolerated"], last["warnings"]))
        self.history = sorted(
            _common((run.workflow, one.path, one.attempt, one.what, one.status, one.outputs, one.error))
            for run, one in journal.records
        )
        self.files = {
            str(path.relative_to(folder)): _common(path.read_text())
            for path in sorted(folder.rglob("*"))
            if path.is_file() and ".wfe" not in path.parts
        }


def _common(value: Any) -> str:
    """Return a value as text, without what no two runs have in common."""
    return DIFFERS.sub("*", repr(value))


class Teller:
    """Tells the story of one example in a folder, with at most one kill."""

    def __init__(self, launcher: Launcher, folder: Path, example: str) -> None:
        self._launcher = launcher
        self._folder = folder
        self._example = example
        self.reached: list[dict[str, int]] = []
        self.killed = False

    def tell(self, at: int = -1, fault: str = "", then: str = "") -> End:
        """Give all commands; the one with that number is killed by ``fault``, and ``then`` kills who goes on."""
        for number, command in enumerate(STORIES[self._example]):
            outcome = self._give(command, fault if number == at else "", count=at < 0)
            self.reached.append(outcome.reached)
            if outcome.code == -signal.SIGKILL:
                self.killed = True
                again = self._again(command, then)
                if again.code == -signal.SIGKILL:
                    again = self._again(command, "")
                if again.code == 1 and "answered approve before" in again.err:
                    continue  # the answer was durable
                outcome = again
            assert outcome.code in ((0, 6) if "--no-wait" in command else (0,)), outcome
        assert steps_left(read_journal(self._folder).runs) == []
        return End(self._folder, outcome.last)

    def _give(self, command: tuple[str, ...], fault: str, count: bool = False) -> Outcome:
        verb, *rest = command
        argv = [verb, *rest]
        if verb == "run":
            argv = [verb, str(EXAMPLES / self._example), *rest, "--name", NAME, "--json"]
        elif verb == "resume":
            argv = [verb, NAME, *rest, "--json"]
        return self._launcher.run(self._folder, *argv, fault=fault, count=count)

    def _again(self, command: tuple[str, ...], fault: str) -> Outcome:
        """Do what a person does who sees that a command was killed."""
        journal: Journal = read_journal(self._folder)
        if command[0] == "run" and journal.runs:
            command = ("resume", *(flag for flag in command if flag == "--no-wait"))
        return self._give(command, fault)


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    with Launcher() as launcher:
        yield launcher


class Undisturbed:
    """Each example as it ends where nobody kills it, found out when it is first asked for."""

    def __init__(self, launcher: Launcher, folders: Path) -> None:
        self._launcher = launcher
        self._folders = folders
        self._found: dict[str, tuple[End, list[dict[str, int]]]] = {}

    def __call__(self, example: str) -> tuple[End, list[dict[str, int]]]:
        """Return its end, and how often each of its commands reached each point."""
        if example not in self._found:
            folder = self._folders / example
            folder.mkdir()
            teller = Teller(self._launcher, folder, example)
            self._found[example] = teller.tell(), teller.reached
        return self._found[example]


@pytest.fixture(scope="module")
def undisturbed(launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return Undisturbed(launcher, tmp_path_factory.mktemp("undisturbed"))


def kill_and_compare(
    launcher: Launcher, folder: Path, undisturbed: Undisturbed, example: str, at: int, fault: str, then: str = ""
) -> bool:
    """Tell a story with a kill, and hold its end to the one without. Returns whether the point was reached."""
    folder.mkdir()
    teller = Teller(launcher, folder, example)
    found = teller.tell(at, fault, then)
    expected = undisturbed(example)[0]
    assert found.end == expected.end
    assert found.history == expected.history
    assert found.files == expected.files
    shutil.rmtree(folder)
    return teller.killed


def test_no_example_is_left_out() -> None:
    assert STORIES.keys() | ELSEWHERE.keys() == {path.name for path in EXAMPLES.glob("*.*")}
    assert not STORIES.keys() & ELSEWHERE.keys()


@pytest.mark.acceptance("ENG-01")
@pytest.mark.parametrize("example", STORIES)
def test_an_example_killed_at_a_few_points_ends_as_if_nothing_had_happened(
    launcher: Launcher, tmp_path: Path, undisturbed: Undisturbed, example: str, request: pytest.FixtureRequest
) -> None:
    if example == "deno.yaml":
        request.getfixturevalue("deno_program")
    _, reached = undisturbed(example)
    # Two kills an example, each at another point, so that all examples together are killed at many.
    number = list(STORIES).index(example)
    for kill in range(2):
        at = (number + kill) % len(reached)
        points = sorted(reached[at])
        point = points[(number * 2 + kill) * 5 % len(points)]
        fault = f"{point}:{max(reached[at][point] // 2, 1)}"
        then = TAKING_OVER[kill] if kill == number % 2 else ""
        kill_and_compare(launcher, tmp_path / str(kill), undisturbed, example, at, fault, then)


@pytest.mark.soak
@pytest.mark.acceptance("ENG-01")
@pytest.mark.parametrize("example", STORIES)
def test_an_example_killed_at_each_point_ends_as_if_nothing_had_happened(
    launcher: Launcher, tmp_path: Path, undisturbed: Undisturbed, example: str, request: pytest.FixtureRequest
) -> None:
    if example == "deno.yaml":
        request.getfixturevalue("deno_program")
    kills = 0
    for at, reached in enumerate(undisturbed(example)[1]):
        for point, times in sorted(reached.items()):
            for count in sorted({1, max(times * 3 // 4, 1)}):
                folder = tmp_path / f"{at}-{point}-{count}"
                kills += kill_and_compare(launcher, folder, undisturbed, example, at, f"{point}:{count}")
        for point in TAKING_OVER:
            folder = tmp_path / f"{at}-{point}"
            kills += kill_and_compare(launcher, folder, undisturbed, example, at, "engine.after_commit:1", point)
    assert kills


def test_what_two_runs_never_have_in_common_is_left_out_of_the_comparison() -> None:
    assert _common({"folder": "/tmp/a/tmp.x1Y2", "word": "kept"}) == repr({"folder": "*", "word": "kept"})
    assert _common(f"chapter 1 {make_id(1, bytes(10))}:7") == repr("chapter 1 *:7")
    assert _common({"at": "2026-11-27T11:42:10.475Z", "duration_ms": 4}) == "{'at': '*', *}"
