"""Which command line runs a script: what ``shell`` means.

* A text is a program that takes a script after ``-c``: ``sh``, ``bash``, ``python`` …
* A list is a command line to which the script is appended: ``[bash, -euo, pipefail, -c]``, ``[node, -e]``.
  Where its program is a known shell or Python and no option holds a ``c``, ``-c`` comes before the script,
  so that ``[bash, -eu]`` works too.
* A file is run by the same command line without the option that asks for a script's text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any, Final

from wfe_vm.values import describe

from .problems import TaskProblem

__all__ = ["command_for_file", "command_for_script", "find_program"]

_SHELL: Final = "sh"
_TAKES_C: Final = re.compile(r"(?:sh|bash|dash|ash|ksh|mksh|zsh|busybox|python(?:\d+(?:\.\d+)*)?)")
_SHORT_WITH_C: Final = re.compile(r"-[a-zA-Z]*c[a-zA-Z]*")
_SCRIPT_OPTIONS: Final = frozenset(("-c", "-e", "--eval", "--command"))


def command_for_script(shell: Any, script: str, path: str) -> list[str | bytes]:
    """Return the command line that runs a script's text. ``path`` is the step's PATH.

    Raises TaskProblem (``type``) where ``shell`` is neither a text nor a list of texts.
    """
    if shell is None:
        return [_SHELL, "-c", script.encode("utf-8", "surrogatepass")]
    words = _words(shell, path)
    start = _program_at(words)
    takes_c = _TAKES_C.fullmatch(os.path.basename(words[start])) is not None
    command: list[str | bytes] = [*words]
    if not isinstance(shell, list) or (takes_c and _script_option(words, start) is None):
        command.append("-c")
    command.append(script.encode("utf-8", "surrogatepass"))
    return command


def command_for_file(shell: Any, file: str, path: str) -> list[str | bytes]:
    """Return the command line that runs a script in a file. Raises as ``command_for_script`` does."""
    words = _words(shell, path)
    start = _program_at(words)
    if _TAKES_C.fullmatch(os.path.basename(words[start])) is not None:
        option = _script_option(words, start)
        if option is not None:
            rest = words[option].replace("c", "", 1)
            words[option : option + 1] = [rest] if rest != "-" else []
    elif words[-1] in _SCRIPT_OPTIONS:
        words.pop()
    return [*words, file]


def find_program(name: str, path: str) -> str | None:
    """Return where a program is; one named with a ``/`` is looked for there alone."""
    places = [name] if "/" in name else [os.path.join(folder, name) for folder in path.split(os.pathsep)]
    for place in places:
        if os.path.isfile(place) and os.access(place, os.X_OK):
            return place
    return None


def _words(shell: Any, path: str) -> list[str]:
    if shell is None:
        return [_SHELL]
    words = shell if isinstance(shell, list) else [shell]
    if not words or any(type(word) is not str for word in words) or not words[0]:
        raise TaskProblem(
            "type", f"`shell` of a shell step is a program or a list of texts, not {describe(shell)}", field="shell"
        )
    words = list(words)
    # Debian has no `python`, and its users mean the only one there is.
    if words[0] == "python" and find_program("python", path) is None and find_program("python3", path):
        words[0] = "python3"
    return words


def _program_at(words: Sequence[str]) -> int:
    """Return where the program stands: behind ``env`` and its assignments, if those come first."""
    if os.path.basename(words[0]) != "env":
        return 0
    for index, word in enumerate(words[1:], 1):
        if "=" not in word and not word.startswith("-"):
            return index
    return 0


def _script_option(words: Sequence[str], start: int) -> int | None:
    """Return where the option that asks for a script's text stands, ``-c`` or one like ``-ec``."""
    for index, word in enumerate(words[start + 1 :], start + 1):
        if _SHORT_WITH_C.fullmatch(word):
            return index
    return None
