"""The modules from outside that a deno step lists: fetched once, under a lock, before a script is started.

Owns the cache of fetched modules and its lock files. A script itself fetches nothing: its process finds in its
private folder what was fetched here, and is told to look nowhere else.

Rules:

1. The run's folder may hold a ``deno.lock``: it decides, and a module that it does not know is refused. Otherwise
   the lock that the first fetch wrote beside the cache decides from then on.
2. What is kept depends on the list of modules and the lock alone. A folder is made under another name and put in its
   place when it is whole, so that two engines don't meet in it.
3. No module's install script is ever run.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import tempfile
from typing import Final

from .deno_home import Place
from .environment import inherited_environment
from .launch import Launcher
from .outputs import Tail
from .problems import TaskProblem

__all__ = ["DenoModules", "module_sources"]

_PASSED_ON: Final = (
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "NPM_CONFIG_REGISTRY", "JSR_URL", "DENO_CERT", "DENO_TLS_CA_STORE", "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
"""Of the engine's environment: where modules are fetched from, and whom to trust there."""

_LINKED: Final = ("npm", "remote")  # of Deno's folder: the modules themselves; all else is its own databases


def module_sources() -> dict[str, bytes]:
    """Return what the engine's environment says of where modules come from, for a process that may import some."""
    return {name: os.environb[name.encode()] for name in _PASSED_ON if name.encode() in os.environb}


class DenoModules:
    """Fetches modules, each list of them once at a time."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._locks: dict[str, asyncio.Lock] = {}

    async def prepare(self, program: str, modules: tuple[str, ...], home: Place, folder: str) -> tuple[str, ...]:
        """Put what the modules need into a process's private folder, and return Deno's options for it.

        Raises TaskProblem ``executor`` for a module that can't be fetched, or is not what the lock says.
        """
        own_lock = os.path.join(folder, "deno.lock")
        locked = _read(own_lock)
        name = hashlib.sha256("\0".join((*modules, locked or "")).encode()).hexdigest()[:32]
        place = os.path.join(_cache_folder(), name)
        async with self._locks.setdefault(name, asyncio.Lock()):
            if _read(os.path.join(place, "deno.lock")) is None:
                await self._fetch(program, modules, locked, place)
        return (f"--lock={_link_into(home, place)}", "--frozen")

    async def _fetch(self, program: str, modules: tuple[str, ...], locked: str | None, place: str) -> None:
        os.makedirs(os.path.dirname(place), mode=0o700, exist_ok=True)
        work = tempfile.mkdtemp(prefix=".new-", dir=os.path.dirname(place))
        try:
            lock = os.path.join(work, "deno.lock")
            if locked is not None:
                _write(lock, locked)
            entry = os.path.join(work, "modules.js")
            _write(entry, "".join(f"import {module!r};\n" for module in modules))
            arguments = [program, "cache", "--quiet", "--no-config", "--node-modules-dir=none", f"--lock={lock}"]
            if locked is not None:
                arguments.append("--frozen")
            hosts = sorted({module[8:].partition("/")[0] for module in modules if module.startswith("https://")})
            arguments.append(f"--allow-import={','.join([*hosts, 'jsr.io'])}")
            environment = inherited_environment() | module_sources()
            environment |= {"DENO_DIR": os.fsencode(os.path.join(work, "dir")), "NO_COLOR": b"1"}
            await self._carry_out([*arguments, entry], environment, work, modules)
            if _read(lock) is None:  # modules without any version or hash
                _write(lock, '{"version":"5"}')
            with contextlib.suppress(OSError):  # another engine was faster
                os.rename(work, place)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    async def _carry_out(
        self, arguments: list[str], environment: dict[str, bytes], folder: str, modules: tuple[str, ...]
    ) -> None:
        printed = Tail(4096)

        def take(stream: str, data: bytes) -> bool:
            printed.feed(data)
            return False

        process = self._launcher.start(arguments, environment, folder, take)
        try:
            await process.wait()
            await process.finish()
        except asyncio.CancelledError:
            await process.stop(0.0)
            raise
        finally:
            process.close()
        if process.exit_code != 0:
            raise TaskProblem(
                "executor",
                f"the modules {', '.join(modules)} can't be fetched: {printed.text().strip()}",
                modules=list(modules),
            )


def _cache_folder() -> str:
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "wfe", "deno")


def _link_into(home: Place, place: str) -> str:
    """Give a process's private folder the modules that were fetched, and return the path of its lock."""
    for part in _LINKED:
        source = os.path.join(place, "dir", part)
        if os.path.isdir(source):
            target = os.path.join(home.dir, part)
            shutil.copytree(source, target, copy_function=_link, symlinks=True, dirs_exist_ok=True)
    return shutil.copyfile(os.path.join(place, "deno.lock"), os.path.join(home.home, "deno.lock"))


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copyfile(source, target)


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return None


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
