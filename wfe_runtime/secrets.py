"""Secrets of runs: fetched when a step that names one is about to begin, put into what its executor is given.

Owns where values come from and how long they are known. What hides them is ``masking``'s.

Rules:

1. A value is fetched anew for each attempt, so one that was replaced meanwhile is the new one.
2. It is put into the context of the attempt and nowhere else: a run's state, its store and its program hold
   the name of the secret and its place.
3. All values that a run was given on this host are hidden in all that its later steps print and give, until the
   run is let go of.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

from wfe_vm.program import Program, Secret, SecretUse

from .executors.launch import Launcher
from .executors.problems import TaskProblem
from .masking import LEAST_CHARACTERS, Masker

__all__ = ["COMMAND_S", "SECRET_BYTES", "Secrets", "filled"]

SECRET_BYTES: Final = 64 * 1024
"""What a secret may be long."""

COMMAND_S: Final = 60.0
"""How long a command may take that prints one."""

_GRACE_S: Final = 1.0


class Secrets:
    """The secrets of the runs at hand."""

    def __init__(self) -> None:
        self._values: dict[str, set[str]] = {}
        self._maskers: dict[str, Masker] = {}
        self._uses: dict[int, tuple[Program, dict[int, list[SecretUse]]]] = {}
        self._launcher = Launcher()

    def uses_of(self, program: Program, step: int) -> Sequence[SecretUse]:
        """Return where the configuration of a step has secrets."""
        if not program.secret_uses:
            return ()
        known = self._uses.get(id(program))
        if known is None:
            uses: dict[int, list[SecretUse]] = {}
            for use in program.secret_uses:
                uses.setdefault(use.step, []).append(use)
            known = self._uses[id(program)] = (program, uses)  # kept, so that the id stays this one's
        return known[1].get(step, ())

    def masker_of(self, run: str) -> Masker | None:
        """Return what hides all that a run was given so far; None if it was given nothing."""
        return self._maskers.get(run)

    async def fetch(self, run: str, program: Program, uses: Sequence[SecretUse], folder: str) -> dict[str, str]:
        """Return the values of the secrets that these uses name. From here on ``masker_of`` hides them.

        ``folder`` is what a relative path is relative to. Raises TaskProblem (``executor``, ``limit``) that
        names the secret and says where it was looked for; it never holds a value.
        """
        rows = {secret.name: secret for secret in program.secrets}
        wanted = sorted({part for use in uses for part in use.parts if part})
        values = {name: _checked(name, await self._value_of(rows[name], folder)) for name in wanted}
        known = self._values.setdefault(run, set())
        if not known.issuperset(values.values()):
            known.update(values.values())
            self._maskers[run] = Masker(known)
        return values

    def forget(self, run: str) -> None:
        """Let go of what a run was given."""
        self._values.pop(run, None)
        self._maskers.pop(run, None)

    def close(self) -> None:
        """Let go of everything."""
        self._values.clear()
        self._maskers.clear()
        self._uses.clear()
        self._launcher.close()

    async def _value_of(self, secret: Secret, folder: str) -> str:
        if secret.env:
            found = os.environb.get(os.fsencode(secret.env))
            if found is None:
                raise _missing(secret.name, f"the variable {secret.env} is not set where the engine runs")
            return _decoded(secret.name, found)
        if secret.file:
            return _decoded(secret.name, _without_line_end(_read(secret, os.path.join(folder, secret.file))))
        return _decoded(secret.name, _without_line_end(await self._printed(secret, folder)))

    async def _printed(self, secret: Secret, folder: str) -> bytes:
        """Return what the command of a secret prints. Its own messages are not told: they may hold the value."""
        program = secret.command[0]
        printed = bytearray()

        def take(stream: str, data: bytes) -> bool:
            if stream == "stdout" and len(printed) <= SECRET_BYTES:
                printed.extend(data)
            return False

        environment = {os.fsdecode(name): value for name, value in os.environb.items()}
        try:
            process = self._launcher.start(list(secret.command), environment, folder, take)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise _missing(secret.name, f"the command {program} can't be started: {reason}") from None
        try:
            async with asyncio.timeout(COMMAND_S):
                await process.wait()
                await process.finish()
        except TimeoutError:
            await process.stop(_GRACE_S)
            raise _missing(secret.name, f"the command {program} took longer than {COMMAND_S:g} s") from None
        except asyncio.CancelledError:
            await process.stop(_GRACE_S)
            raise
        finally:
            process.close()
        if process.exit_code != 0:
            how = f"exited with code {process.exit_code}" if process.exit_code is not None else "was killed"
            raise _missing(secret.name, f"the command {program} {how}; run it by hand to see why")
        return bytes(printed)


def filled(config: Mapping[str, Any], uses: Sequence[SecretUse], values: Mapping[str, str]) -> dict[str, Any]:
    """Return a configuration with the values put into the places that ``uses`` name; the given one is left as it is.

    Raises TaskProblem (``internal``) where it has no such place.
    """
    result: dict[str, Any] = dict(config)
    copied: set[tuple[str | int, ...]] = set()
    for use in uses:
        holder: Any = result
        try:
            for at, key in enumerate(use.path[:-1]):
                if use.path[: at + 1] not in copied:
                    inner = holder[key]
                    holder[key] = dict(inner) if isinstance(inner, dict) else list(inner)
                    copied.add(use.path[: at + 1])
                holder = holder[key]
            parts = holder[use.path[-1]]
            texts = [values[name] if name else part for name, part in zip(use.parts, parts, strict=True)]
            holder[use.path[-1]] = "".join(texts)
        except (LookupError, TypeError, ValueError):
            place = ".".join(map(str, use.path))
            message = f"the step's configuration has no place for a secret at {place}"
            raise TaskProblem("internal", message) from None
    return result


def _read(secret: Secret, path: str) -> bytes:
    try:
        # A pipe would hang here: only what can be read at once is.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            return file.read(SECRET_BYTES + 2) or b""
    except OSError as error:
        raise _missing(secret.name, f"the file {path} can't be read: {error.strerror}") from None


def _without_line_end(value: bytes) -> bytes:
    """Return what a file or a command gives without the end of its last line, which editors and programs add."""
    return value.removesuffix(b"\n").removesuffix(b"\r")


def _decoded(name: str, value: bytes) -> str:
    if len(value) > SECRET_BYTES:
        raise TaskProblem("limit", f"the secret {name} is longer than {SECRET_BYTES} bytes", limit=SECRET_BYTES)
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise _missing(name, "what was found is no text in UTF-8; keep it in base64") from None


def _checked(name: str, value: str) -> str:
    if len(value) < LEAST_CHARACTERS:
        what = "is empty" if not value else f"has fewer than {LEAST_CHARACTERS} characters"
        raise _missing(name, f"what was found {what}, and so could not be told from other text in a log")
    return value


def _missing(name: str, why: str) -> TaskProblem:
    return TaskProblem("executor", f"the secret {name} can't be given to the step: {why}", secret=name)
