"""Compiled files that are kept, so that the same file is parsed once: `wfec run FILE.yaml` the second time.

Owns the folder, what an entry is, and when one may be used. The name of an entry is the sha256 of all that
is known before anything is parsed: the file's path and content, the variables, the installed step types and
the compiler itself. In the entry stand the other files that were read (includes, scripts), with their
digests: each is looked at again before the entry counts.

Rules:

1. An entry that is damaged, foreign or out of date is as good as none: it is written anew, and nothing is said.
2. Nothing that goes wrong here fails a command: without a cache it is slower, and does the same.
3. The folder is 0700 and its files 0600; what others could have written is not used. A program from here is
   verified as any other.
4. An entry comes into being by a rename, so processes need no lock. The oldest go when there are too many.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from wfe_vm.isa import ISA_VERSION
from wfe_vm.program import FORMAT_VERSION
from wfe_vm.program_file import FILE_FORMAT

__all__ = ["Entry", "ProgramFolder", "cache_folder"]

ENTRY_FORMAT: Final = 1
"""Of what is below; raised when a field changes its meaning."""

SUFFIX: Final = ".wfec"
TEMPORARY: Final = ".new-"
OFF: Final = ("off", "none", "0")
MAX_BYTES: Final = 64 * 1024 * 1024
MAX_ENTRIES: Final = 500
MAX_ENTRY_BYTES: Final = 32 * 1024 * 1024
MAX_SOURCE_BYTES: Final = 16 * 1024 * 1024
ABANDONED_S: Final = 3600
"""A temporary file of this age belongs to a process that was killed."""

DIGEST_BYTES: Final = 32
COMPILER: Final = ("wfe_dsl", "wfe_vm")
COMPILER_SUFFIXES: Final = (".py", ".so", ".pyd", ".lark")


class Entry(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What is kept of a file that compiled without an error.

    ``programs`` are a compiled file's bytes; ``own`` says of each whether it stands in the file itself.
    ``warnings`` is what was printed of them, ``coloured`` the same for a terminal.
    """

    name: str
    digests: dict[str, str]
    links: dict[str, str]
    own: tuple[bool, ...]
    warnings: str
    coloured: str
    programs: bytes


_decoder = msgspec.msgpack.Decoder(Entry)


def cache_folder(setting: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the folder for a setting ``cache``; None where nothing is to be kept."""
    if setting.strip().lower() in OFF:
        return None
    if setting.strip():
        return os.path.abspath(os.path.expanduser(setting))
    base = environment.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # as the specification of base folders has it
        home = os.path.expanduser("~")
        if not os.path.isabs(home):
            return None
        base = os.path.join(home, ".cache")
    return os.path.join(base, "wfe")


class ProgramFolder:
    """A folder of compiled files."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def name_of(self, path: str, sources: Any, step_types: Iterable[str]) -> str | None:
        """Return the name of the entry for a file as it is now; None where it can't be read.

        ``sources`` is whatever the file's variables come from, as plain data.
        """
        try:
            data = _read(path, MAX_SOURCE_BYTES)
        except OSError:
            return None
        known = (
            (ENTRY_FORMAT, FILE_FORMAT, FORMAT_VERSION, ISA_VERSION),
            _compiler_state(),
            path,
            os.path.abspath(path),
            hashlib.sha256(data).hexdigest(),
            sources,
            sorted(step_types),
        )
        return hashlib.sha256(msgspec.msgpack.encode(known)).hexdigest() + SUFFIX

    def find(self, name: str) -> Entry | None:
        """Return the entry of that name, if all that it was made of is still as it was."""
        path = os.path.join(self.folder, name)
        try:
            if not _is_ours(os.lstat(self.folder), stat.S_ISDIR):
                return None
            data = _read_ours(path)
            if data[:DIGEST_BYTES] != hashlib.sha256(data[DIGEST_BYTES:]).digest():
                return None
            entry = _decoder.decode(memoryview(data)[DIGEST_BYTES:])
        except (OSError, ValueError, RecursionError):
            return None
        if entry.name != name or not _holds(entry):
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # the least used go first
        return entry

    def keep(self, entry: Entry) -> None:
        """Write an entry, and remove the oldest where there are too many."""
        body = msgspec.msgpack.encode(entry)
        if len(body) + DIGEST_BYTES > MAX_ENTRY_BYTES:
            return
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(self.folder), exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.mkdir(self.folder, 0o700)
            if not _is_ours(os.lstat(self.folder), stat.S_ISDIR):
                return
            descriptor, temporary = tempfile.mkstemp(prefix=TEMPORARY, dir=self.folder)  # 0600
            try:
                with open(descriptor, "wb") as file:
                    file.write(hashlib.sha256(body).digest() + body)
                os.replace(temporary, os.path.join(self.folder, entry.name))
            except BaseException:
                os.unlink(temporary)
                raise
            self._make_room()

    def _make_room(self) -> None:
        """Remove the entries used longest ago until the rest is within the bounds."""
        kept = sorted(self._files(), reverse=True)
        size = 0
        for number, (moment, length, path) in enumerate(kept):
            size += length
            abandoned = os.path.basename(path).startswith(TEMPORARY) and moment < time.time() - ABANDONED_S
            if abandoned or number >= MAX_ENTRIES or size > MAX_BYTES:
                with contextlib.suppress(OSError):  # another process may have been here first
                    os.unlink(path)

    def _files(self) -> Iterator[tuple[float, int, str]]:
        with os.scandir(self.folder) as found:
            for item in found:
                if item.name.endswith(SUFFIX) or item.name.startswith(TEMPORARY):
                    with contextlib.suppress(OSError):
                        status = item.stat(follow_symlinks=False)
                        yield status.st_mtime, status.st_size, item.path


def _compiler_state() -> list[tuple[str, int, int]]:
    """Return what tells one compiler from another: its files with their sizes and times.

    A version alone would not do: whoever works on the compiler would get what its older self made.
    """
    state = []
    for package in COMPILER:
        spec = importlib.util.find_spec(package)  # imports nothing
        for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
            for here, folders, names in os.walk(folder):
                folders.sort()
                for name in sorted(names):
                    if name.endswith(COMPILER_SUFFIXES):
                        status = os.stat(os.path.join(here, name))
                        state.append((os.path.join(here, name), status.st_size, status.st_mtime_ns))
    return state


def _holds(entry: Entry) -> bool:
    """Say whether all that was read is as it was: files by their content, links by where they lead."""
    for path, digest in entry.digests.items():
        try:
            found = hashlib.sha256(_read(path, MAX_SOURCE_BYTES)).hexdigest()
        except OSError:
            found = ""
        if found != digest:
            return False
    return all(os.path.realpath(path) == target for path, target in entry.links.items())


def _read(path: str, limit: int) -> bytes:
    with open(path, "rb") as file:
        return file.read(limit + 1)


def _read_ours(path: str) -> bytes:
    """Return the content of a file that nobody else can have written. Raises OSError, ValueError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        if not _is_ours(os.fstat(descriptor), stat.S_ISREG):
            raise ValueError(f"{path} belongs to somebody else")
        return file.read(MAX_ENTRY_BYTES)


def _is_ours(status: os.stat_result, is_kind: Any) -> bool:
    return bool(is_kind(status.st_mode)) and status.st_uid == os.geteuid() and not status.st_mode & 0o022
