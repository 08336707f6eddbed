"""A large program that a store remembers as verified is not verified again, by that very verifier, and only so."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import wfe_vm
from tests.runtime.engine_support import ONE, Workflows, embedded, result_of
from tests.runtime.test_releases import Programs
from wfe_runtime import programs, verified
from wfe_runtime.engine import Engine
from wfe_runtime.errors import StoreError
from wfe_vm.program import Program

MakeStore = Callable[[], Any]


class Checks:
    """Counts how often programs are verified; ``verifier`` is the digest of who does it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.verifier = "digest"
        self._check = programs.check
        monkeypatch.setattr(programs, "check", self.check)
        monkeypatch.setattr(programs, "this_verifier", lambda: self.verifier)

    def check(self, program: Program) -> None:
        self.count += 1
        self._check(program)


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Checks:
    return Checks(monkeypatch)


@pytest.fixture
def remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have it remembered of small programs too."""
    monkeypatch.setattr(programs, "LEAST_BYTES", 0)


async def run_one(engine: Engine) -> None:
    assert (await result_of(engine, await Workflows(ONE).start(engine))).status == "succeeded"


@pytest.mark.acceptance("PRG-07")
@pytest.mark.usefixtures("remembered")
def test_a_program_is_verified_before_its_first_run_and_not_again_by_the_same_verifier(
    make_store: MakeStore, checks: Checks
) -> None:
    async def main() -> None:
        counts = []
        for verifier in ("digest", "digest", "of a newer release", "of a newer release"):
            checks.verifier = verifier
            async with embedded(make_store()) as engine:
                await run_one(engine)
            counts.append(checks.count)
        assert counts == [1, 1, 2, 2]

    asyncio.run(main())


@pytest.mark.usefixtures("remembered")
def test_a_verifier_that_has_no_digest_verifies_each_time(make_store: MakeStore, checks: Checks) -> None:
    async def main() -> None:
        checks.verifier = ""
        for _ in range(2):
            async with embedded(make_store()) as engine:
                await run_one(engine)
        assert checks.count == 2

    asyncio.run(main())


def test_a_small_program_is_verified_each_time(make_store: MakeStore, checks: Checks) -> None:
    async def main() -> None:
        for _ in range(2):
            async with embedded(make_store()) as engine:
                await run_one(engine)
        assert checks.count == 2

    asyncio.run(main())


@pytest.mark.acceptance("PRG-07")
@pytest.mark.usefixtures("remembered", "checks")
def test_a_program_that_was_altered_since_it_was_verified_is_not_run(make_store: MakeStore) -> None:
    async def main() -> None:
        async with embedded(make_store()) as engine:
            await run_one(engine)

        def altered(row: Any) -> Any:
            assert row.verifier
            return replace(row, program=row.program[:-1] + bytes([row.program[-1] ^ 1]))

        async with embedded(Programs(make_store(), altered)) as engine:
            with pytest.raises(StoreError, match="has been altered, and is not run"):
                await Workflows(ONE).start(engine)

    asyncio.run(main())


@pytest.mark.acceptance("PRG-07")
@pytest.mark.usefixtures("remembered")
@pytest.mark.parametrize(
    "damage",
    [
        lambda note: note.replace("only", "other"),
        lambda note: note.replace('"shell"', '"shall"'),
        lambda note: note[:-1],
        lambda note: note.partition(" ")[0],
        lambda note: note[1:],
        lambda note: "of an earlier release",
    ],
)
def test_a_program_of_which_what_is_remembered_is_damaged_is_verified_and_runs(
    make_store: MakeStore, checks: Checks, damage: Callable[[str], str]
) -> None:
    async def main() -> None:
        async with embedded(make_store()) as engine:
            await run_one(engine)
        async with embedded(Programs(make_store(), lambda row: replace(row, verifier=damage(row.verifier)))) as engine:
            await run_one(engine)
        assert checks.count == 2

    asyncio.run(main())


def test_what_is_remembered_of_one_program_or_by_one_verifier_counts_for_no_other() -> None:
    needs = verified.Needs({"shell": "one"}, ("hash of a child",), (("detached", 2),))
    note = verified.note_of("verifier", "hash", needs)
    assert verified.noted_needs(note, "verifier", "hash") == needs
    assert verified.noted_needs(note, "verifier", "another") is None
    assert verified.noted_needs(note, "another", "hash") is None


@pytest.mark.usefixtures("remembered")
def test_where_it_can_not_be_remembered_the_run_goes_on_all_the_same(make_store: MakeStore, checks: Checks) -> None:
    class Forgetful(Programs):
        async def note_verified(self, hash: str, verifier: str) -> None:
            raise StoreError("full", "there is no room", "make some")

    async def main() -> None:
        async with embedded(Forgetful(make_store(), lambda row: row)) as engine:
            await run_one(engine)
        async with embedded(make_store()) as engine:
            await run_one(engine)
        assert checks.count == 2

    asyncio.run(main())


def test_the_digest_tells_every_change_of_the_package_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "wfe_vm"
    shutil.copytree(wfe_vm.__path__[0], folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(wfe_vm, "__path__", [str(folder)])

    def digest() -> str:
        verified.this_verifier.cache_clear()
        return verified.this_verifier()

    try:
        first = digest()
        (folder / "notes.txt").write_text("nothing of the verifier")
        assert digest() == first
        seen = {first}
        for name in ("verify_flow.py", "values.py", "isa.py", "verify_code.pxd"):
            path = folder / name
            path.write_text(path.read_text() + "\n")
            seen.add(digest())
        (folder / "machine.so").write_bytes(b"built anew")
        seen.add(digest())
        assert len(seen) == 6
        (folder / "verify.py").unlink()
        assert digest() == ""
    finally:
        verified.this_verifier.cache_clear()
