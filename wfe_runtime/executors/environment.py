"""The environment of a step: a small start, run data as variables, what ``env`` names, and our own names.

Rules:

1. Nothing of the engine's own environment reaches a step but ``INHERITED``: a token in the engine's
   shell is none of a step's business.
2. Run data never sets a name that changes what a program is or loads (``BLOCKED``): its keys may come
   from outside. ``env`` was written by the workflow's author and may set anything.
3. Order, later wins: inherited, our ``WFE_…`` names, run data, the step's inputs, ``env``, the
   expressions of the script.
4. A value that no variable can hold (too large, or a NUL in it) is a file, named by ``<NAME>_FILE``,
   gone after the step. Nothing is cut off.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from wfe_vm.values import print_json

from .contract import StepContext
from .problems import TaskProblem
from .scratch import Scratch

__all__ = [
    "BLOCKED",
    "BLOCKED_PREFIXES",
    "INHERITED",
    "Environment",
    "as_text",
    "build_environment",
    "inherited_environment",
    "step_variables",
    "variable_name",
]

INHERITED: Final = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TMPDIR", "TZ")
"""What programs need to be found, to find their user's files, and to speak, sort and tell time as the host does.
``LC_…`` belongs to them. A PATH is always set."""

_BLOCKED_BY_REASON: Final = {
    "what the host says of user, place and language": "PATH HOME USER LOGNAME LANG LANGUAGE TMPDIR TMP TEMP TZ TERM "
    "SHELL PWD OLDPWD UID EUID PPID HOSTNAME",
    "shells: what they run by themselves, how they split words and find folders": "IFS ENV CDPATH GLOBIGNORE "
    "SHELLOPTS BASHOPTS PROMPT_COMMAND PS0 PS1 PS2 PS4 OPTIND OPTARG OPTERR POSIXLY_CORRECT TMOUT FPATH ZDOTDIR "
    "HISTFILE _",
    "interpreters: options and code they load by themselves": "NODE_OPTIONS NODE_PATH CLASSPATH JAVA_TOOL_OPTIONS "
    "JDK_JAVA_OPTIONS _JAVA_OPTIONS PHPRC PHP_INI_SCAN_DIR LUA_INIT LUA_PATH LUA_CPATH TCLLIBPATH GEM_PATH GEM_HOME",
    "the C library: what it loads, where it looks": "GCONV_PATH LOCPATH NLSPATH GLIBC_TUNABLES HOSTALIASES "
    "LOCALDOMAIN RES_OPTIONS",
    "programs that others start by these names, and their options": "EDITOR VISUAL PAGER MANPAGER BROWSER LESSOPEN "
    "LESSCLOSE SSH_ASKPASS SUDO_ASKPASS MAKEFLAGS MFLAGS GNUMAKEFLAGS MAKEFILES RSYNC_RSH CVS_RSH TAR_OPTIONS "
    "CURL_HOME",
    "where requests go instead": "HTTP_PROXY HTTPS_PROXY FTP_PROXY ALL_PROXY NO_PROXY",
}
BLOCKED: Final = frozenset(name for names in _BLOCKED_BY_REASON.values() for name in names.split())
BLOCKED_PREFIXES: Final = (
    *("WFE_", "LD_", "DYLD_", "LC_", "BASH_", "GIT_"),
    *("PYTHON", "PERL5", "PERL_", "RUBY", "MALLOC_"),
)
"""Names that run data never becomes, besides those of ``BLOCKED``."""

_STRING_BYTES: Final = 128 * 1024
"""What Linux lets one ``NAME=value`` be, its final NUL included (32 pages; MAX_ARG_STRLEN)."""

_TOTAL_CEILING: Final = 6 * 1024 * 1024
"""What Linux lets arguments and environment be together where the stack's limit would allow for more."""

_POINTER_BYTES: Final = 8  # counted by Linux for each string

_DEFAULT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_INVALID: Final = re.compile(r"[^A-Z0-9_]")


class Environment(msgspec.Struct):
    """What a step starts with. ``files`` are names in the scratch folder; whoever built it removes them."""

    variables: dict[str, bytes]
    files: list[str]
    warnings: list[str]


def inherited_environment() -> dict[str, bytes]:
    """Return what this process's environment gives to every step."""
    found = {name.decode("ascii"): os.environb[name] for name in map(str.encode, INHERITED) if name in os.environb}
    for name in os.environb:
        if name.startswith(b"LC_"):
            found[name.decode("utf-8", "surrogateescape")] = os.environb[name]
    if not found.get("PATH"):
        found["PATH"] = _DEFAULT_PATH.encode()
    return found


def step_variables(context: StepContext, output: str, output_json: str) -> dict[str, str]:
    """Return our own variables of an attempt, which may write its outputs to these two files."""
    return {
        **context.services,
        "WFE_RUN_ID": context.run,
        "WFE_STEP": context.step,
        "WFE_ATTEMPT": str(context.attempt),
        "WFE_IDEMPOTENCY_KEY": context.idempotency_key,
        "WFE_FENCE": str(context.fence),
        "WFE_OUTPUT": output,
        "WFE_OUTPUT_JSON": output_json,
    }


def build_environment(
    inherited: Mapping[str, bytes],
    own: Mapping[str, str],
    data: Mapping[str, Any],
    inputs: Mapping[str, Any] | None,
    env: Mapping[str, Any],
    expressions: Mapping[str, Any],
    scratch: Scratch,
) -> Environment:
    """Return the environment of an attempt.

    ``inherited`` is what ``inherited_environment`` gave, ``own`` are our names and their values, ``data`` and
    ``inputs`` what a script may see of the run, ``env`` and ``expressions`` as in a shell step's config.
    Raises TaskProblem: ``executor`` for a name that can't be one, ``limit`` for an expression's value that no
    variable can hold, or for all together being more than the host allows.
    """
    warnings: list[str] = []
    values = _layer(data, warnings)
    if inputs:
        values |= _layer(inputs, warnings)
    values |= _checked_env(env)

    result = Environment(dict(inherited), [], warnings)
    for name, text in own.items():
        result.variables[name] = text.encode("utf-8", "surrogatepass")
    reserved = _cost_of(result.variables)
    for name, value in expressions.items():
        if value is not None:
            encoded = _encode(as_text(value))
            _check_expression(name, encoded)
            reserved += _cost(name, encoded)

    outside: dict[str, bytes] = {}
    for name, value in values.items():
        if value is None:
            result.variables.pop(name, None)
            continue
        encoded = _encode(as_text(value))
        if _fits(name, encoded):
            result.variables[name] = encoded
        else:
            result.variables.pop(name, None)
            outside[name] = encoded
    _spill(result.variables, values, outside, reserved)
    try:
        for name, encoded in outside.items():
            _put_outside(name, encoded, env, result, scratch)
    except BaseException:
        scratch.remove(result.files)
        raise
    for name, value in expressions.items():
        if value is None:
            result.variables.pop(name, None)
        else:
            result.variables[name] = _encode(as_text(value))
    return result


@lru_cache(maxsize=4096)
def variable_name(key: str) -> str | None:
    """Return the variable that a data key becomes; None if run data may not set it.

    Upper case; each character but A-Z, 0-9 and ``_`` becomes ``_``, and one comes before a leading digit.
    """
    name = _INVALID.sub("_", key.upper())
    if name[:1].isdigit():
        name = "_" + name
    if not name or name in BLOCKED or name.startswith(BLOCKED_PREFIXES):
        return None
    return name


def as_text(value: Any) -> str:
    """Return a value as a script sees it: a text as it is, anything else as JSON."""
    return value if type(value) is str else print_json(value)


def _layer(data: Mapping[str, Any], warnings: list[str]) -> dict[str, Any]:
    """Return variables by name; of two keys that make one name the later by code point wins."""
    layer: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for key in sorted(data):
        name = variable_name(key)
        if name is None:
            continue
        value = data[key]
        if name in origins and value is not None:
            warnings.append(
                f"{origins[name]!r} and {key!r} both become the variable {name}; it holds the value of {key!r}"
            )
        if value is not None:
            origins[name] = key
            layer[name] = value
        else:
            layer.setdefault(name, None)
    return layer


def _checked_env(env: Mapping[str, Any]) -> dict[str, Any]:
    for name in env:
        if not name or "=" in name or "\0" in name:
            raise TaskProblem("executor", f"env has the name {name!r}, which no environment variable can have")
    return dict(env)


def _encode(text: str) -> bytes:
    # A lone surrogate can't come from a run's data; should one, its bytes are passed on as they are.
    return text.encode("utf-8", "surrogatepass")


def _cost(name: str, value: bytes) -> int:
    return len(name) + len(value) + 2 + _POINTER_BYTES


def _cost_of(variables: Mapping[str, bytes]) -> int:
    """Return the cost of all together."""
    names_and_values = sum(map(len, variables)) + sum(map(len, variables.values()))
    return names_and_values + len(variables) * _cost("", b"")


def _fits(name: str, value: bytes) -> bool:
    return len(name.encode()) + len(value) + 2 <= _STRING_BYTES and b"\0" not in value


def _check_expression(name: str, value: bytes) -> None:
    if _fits(name, value):
        return
    reason = "holds a NUL character" if b"\0" in value else f"is {len(value)} bytes long"
    limit = _STRING_BYTES - len(name) - 2
    raise TaskProblem(
        "limit",
        f"the value of a ${{{{ }}}} in `run` (variable {name}) {reason}; a variable holds up to {limit} bytes and "
        "no NUL. Give the value to the step as one of its `inputs`, and read the file named by <NAME>_FILE",
        limit=limit,
    )


def _spill(variables: dict[str, bytes], values: Mapping[str, Any], outside: dict[str, bytes], reserved: int) -> None:
    """Move the largest values outside until the rest takes half of what the host allows.

    The other half is for the arguments, and for the programs that the script starts: they get this
    environment too, and a script whose ``ls *.c`` fails by our doing would be no help.
    """
    budget = min(os.sysconf("SC_ARG_MAX"), _TOTAL_CEILING) // 2
    movable = {name: _cost(name, variables[name]) for name in values if name in variables}
    total = reserved + sum(movable.values())
    if total <= budget:
        return
    for name in sorted(movable, key=lambda name: (-movable[name], name)):
        outside[name] = variables.pop(name)
        total -= movable[name]
        if total <= budget:
            return
    raise TaskProblem(
        "limit",
        f"the environment would take {total} bytes, more than the {budget} that this host has room for; "
        "give large values to the step as `inputs` instead of ${{ }} in `run`",
        limit=budget,
    )


def _put_outside(name: str, value: bytes, env: Mapping[str, Any], result: Environment, scratch: Scratch) -> None:
    file_variable = f"{name}_FILE"
    file = scratch.new_name("value")
    result.files.append(file)
    path = scratch.write(file, value)
    if file_variable in env:
        result.warnings.append(
            f"{name} is too large for a variable or holds a NUL; `env` sets {file_variable}, so it is out of reach"
        )
        return
    if file_variable in result.variables:
        result.warnings.append(f"{name} is in a file; {file_variable} names it and so hides the run's own value")
    result.variables[file_variable] = path.encode("utf-8", "surrogateescape")
