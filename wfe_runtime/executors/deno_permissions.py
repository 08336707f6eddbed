"""What a deno step may do: its config read, and told to Deno and to the kernel.

Owns the meaning of ``permissions``, ``env``, ``memory`` and ``modules``. Starts nothing.

Rules:

1. What is not listed is denied. An empty list is nothing, never everything.
2. An entry is one entry: what Deno would read as two (a comma) or as another kind is refused, since a value may
   come from outside the workflow.
3. A granted link is what it leads to. Links inside of a granted folder are not followed out of it: by Landlock,
   or, without it, by refusing a folder that holds one. A script that may ``run`` programs is not held by this:
   they could do all that their user may.
4. The environment holds what ``env`` sets, and those of the engine's variables, and of those that tell where the
   run's services are, that ``permissions: env`` lists.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from wfe_vm.values import describe

from .confinement import Confinement, landlock_version
from .environment import as_text, inherited_environment
from .problems import TaskProblem

__all__ = ["DEFAULT_MEMORY", "NOTHING", "Grants", "grants_of"]

DEFAULT_MEMORY: Final = 512 << 20
LEAST_MEMORY: Final = 16 << 20  # with less, V8 does not get as far as a script

_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s?([KMGTkmgt]?)(i?)([Bb]?)")
_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_HOST: Final = re.compile(r"(?!unix:|vsock:)(?:[A-Za-z0-9_.*-]+|\[[0-9A-Fa-f:.]+\]|[0-9.]+/[0-9]+)(?::[0-9]{1,5})?")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\*?")
_PROGRAM: Final = re.compile(r"[^\s,\0]+")
_MODULE: Final = re.compile(r"(?:npm:|jsr:|https://)[^\s,\"'\\\0]+")
_RUNTIME_PREFIXES: Final = ("DENO_", "LD_", "NODE_", "V8_", "RUST_", "NPM_CONFIG_", "GLIBC_", "MALLOC_")

_SYSTEM: Final = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo", "/usr/share/ca-certificates", "/dev/urandom",
    "/etc/ld.so.cache", "/etc/localtime", "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf",
    "/etc/gai.conf", "/etc/services", "/etc/ssl", "/etc/pki", "/run/systemd/resolve", "/sys/fs/cgroup",
)  # fmt: skip
"""What Deno itself reads: libraries, time zones, how names are resolved, certificates. No script gets at it."""


class Grants(msgspec.Struct, frozen=True):
    """What a process is started with. Two that are equal make processes that are alike."""

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    net: tuple[str, ...] = ()
    run: tuple[str, ...] | bool = False
    imports: tuple[str, ...] | bool = False
    names: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    modules: tuple[str, ...] = ()
    memory: int = DEFAULT_MEMORY

    def flags(self, socket: str, code: str | None) -> list[str]:
        """Return Deno's options. ``socket`` is what the boot module opens and gives up, ``code`` a script's folder."""
        own = [socket] if code is None else [socket, code]
        flags = [
            f"--allow-read={','.join((*own, *self.read, *self.write))}",
            f"--allow-write={','.join((socket, *self.write))}",
            f"--allow-net={','.join((f'unix:{socket}', *self.net))}",
            f"--v8-flags=--max-old-space-size={max(1, self.memory >> 20)}",
        ]
        if self.names:
            flags.append(f"--allow-env={','.join(self.names)}")
        if self.run is True:
            flags.append("--allow-run")
        elif self.run:
            flags.append(f"--allow-run={','.join(self.run)}")
        if self.imports is True:
            return [*flags, "--allow-import"]
        hosts = {*(self.imports or ()), *_hosts_of(self.modules)}
        if hosts:
            flags.append(f"--allow-import={','.join(sorted(hosts))}")
        if not hosts:
            flags.append("--no-remote")
        if not any(module.startswith("npm:") for module in self.modules):
            flags.append("--no-npm")
        if not self.imports:
            flags.append("--cached-only")
        return flags

    def confinement(self, private: tuple[str, ...], runtime: tuple[str, ...]) -> Confinement | None:
        """Return what the kernel is to leave to a process with these ``private`` folders; None: all."""
        if self.run or landlock_version() == 0:
            return None
        # What is to be made needs its folder; Deno itself holds the script to the path.
        write = (path if os.path.lexists(path) else os.path.dirname(path) for path in self.write)
        return Confinement(
            (*_SYSTEM, *runtime, *self.read), ("/dev/null", *private, *write), bool(self.net or self.imports)
        )


NOTHING: Final = Grants()
"""What a step without permissions has: a process for it can be started before it is known."""


def grants_of(config: Mapping[str, Any], folder: str, services: Mapping[str, str] | None = None) -> Grants:
    """Return what a step's config grants; relative paths are relative to ``folder``.

    ``services`` are variables that tell where the services of the run are.

    Raises TaskProblem: ``type`` for what is no such grant, ``executor`` for one that can't be kept here.
    """
    permissions = config.get("permissions")
    if permissions is None:
        permissions = {}
    if type(permissions) is not dict:
        raise TaskProblem("type", f"`permissions` of a deno step is a map, not {describe(permissions)}")
    variables = _variables(config.get("env"))
    listed = _texts(permissions, "env", _is(_NAME))
    given = variables
    if listed:  # to look at each of the engine's own variables takes a while
        there = {**os.environ, **(services or {})}
        given = {name: value for name, value in there.items() if _lists(listed, name)} | variables
    run = _texts_or_all(permissions, "run", _is(_PROGRAM))
    if run:
        given = {name: os.fsdecode(value) for name, value in inherited_environment().items()} | given
    for name in given:
        if name.startswith(_RUNTIME_PREFIXES):
            raise TaskProblem(
                "executor", f"the variable {name} would change Deno itself, so a deno step can't have it", variable=name
            )
    read = tuple(_places(permissions, "read", folder))
    write = tuple(_places(permissions, "write", folder))
    if not run and landlock_version() == 0:
        for path in (*read, *write):
            _refuse_links_out_of(path)
    return Grants(
        read=read,
        write=write,
        net=tuple(_texts(permissions, "net", _is(_HOST))),
        run=run,
        imports=_texts_or_all(permissions, "import", _is(_HOST)),
        names=tuple(sorted({*listed, *variables})),
        env=tuple(sorted(given.items())),
        modules=tuple(sorted(set(_texts(config, "modules", _is(_MODULE))))),
        memory=_memory(config.get("memory")),
    )


def _is(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.fullmatch(text) is not None


def _texts(values: Mapping[str, Any], key: str, fits: Callable[[str], bool]) -> list[str]:
    value = values.get(key)
    if value is None:
        return []
    if type(value) is not list:
        raise TaskProblem("type", f"`{key}` of a deno step is a list of texts, not {describe(value)}", field=key)
    for entry in value:
        if type(entry) is not str or not fits(entry):
            raise TaskProblem("type", f"`{key}` of a deno step can't hold {describe(entry)}", field=key)
    return value


def _texts_or_all(values: Mapping[str, Any], key: str, fits: Callable[[str], bool]) -> tuple[str, ...] | bool:
    value = values.get(key)
    if type(value) is bool:
        return value
    return tuple(_texts(values, key, fits)) or False


def _variables(env: Any) -> dict[str, str]:
    if env is None:
        return {}
    if type(env) is not dict:
        raise TaskProblem("type", f"`env` of a deno step is a map, not {describe(env)}", field="env")
    variables = {name: as_text(value) for name, value in env.items() if value is not None}
    for name, value in variables.items():
        if _NAME.fullmatch(name) is None or name.endswith("*"):
            raise TaskProblem("executor", f"env has the name {name!r}, which Deno can't be given", field="env")
        if "\0" in value:
            raise TaskProblem("executor", f"the variable {name} holds a NUL character", variable=name)
    return variables


def _lists(listed: list[str], name: str) -> bool:
    return any(name == entry or (entry.endswith("*") and name.startswith(entry[:-1])) for entry in listed)


def _places(permissions: Mapping[str, Any], key: str, folder: str) -> list[str]:
    """Return granted paths, absolute, and what they lead to where they are links."""
    places: list[str] = []
    for entry in _texts(permissions, key, lambda text: text != "" and "\0" not in text):
        path = os.path.abspath(os.path.join(folder, entry))
        real = os.path.realpath(path)
        for place in (path, real):
            if "," in place:
                raise TaskProblem("executor", f"Deno can't be given a path with a comma in it, {place}", field=key)
        places += [path] if real == path else [path, real]
        if key == "write" and not os.path.lexists(path) and not os.path.isdir(os.path.dirname(path)):
            parent = os.path.dirname(path)
            raise TaskProblem(
                "executor", f"the script may write {path}, but the folder {parent} does not exist; make it before"
            )
    return places


def _refuse_links_out_of(folder: str) -> None:
    """Raise TaskProblem for a folder with a link that leads out of it: without Landlock, Deno would follow it."""
    inside = os.path.realpath(folder)
    for parent, folders, files in os.walk(inside):
        for name in (*folders, *files):
            path = os.path.join(parent, name)
            if os.path.islink(path) and os.path.commonpath((inside, os.path.realpath(path))) != inside:
                raise TaskProblem(
                    "executor",
                    f"the granted folder {folder} holds a link that leaves it, {path}, and this kernel has no Landlock "
                    "to keep a script from following it; remove the link or grant less",
                    link=path,
                )


def _memory(value: Any) -> int:
    if value is None:
        return DEFAULT_MEMORY
    match = _SIZE.fullmatch(value) if type(value) is str else None
    if match is None:
        raise TaskProblem("type", f"`memory` of a deno step is a size like 256MiB, not {describe(value)}")
    number, unit, binary, byte = match.groups()
    base = 1000 if unit.isupper() and byte and not binary else 1024
    size = int(float(number) * base ** _POWERS[unit.lower()])
    if size < LEAST_MEMORY:
        raise TaskProblem("executor", f"a deno step needs at least 16MiB of memory, and is given {value}")
    return size


def _hosts_of(modules: tuple[str, ...]) -> set[str]:
    hosts = {module.removeprefix("https://").partition("/")[0] for module in modules if module.startswith("https://")}
    return hosts | ({"jsr.io"} if any(module.startswith("jsr:") for module in modules) else set())
