"""Scripts for shells that complete a command line, made of what may follow each command.

Owns what each shell wants to read; knows nothing of our commands. The rules, for all of them:

1. A script starts no process of ours: what it offers stands in it.
2. First comes a command. After an option that takes a value come its words, or files; a word that begins with a dash
   is an option; else come the words of the command's own argument, or files.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

__all__ = ["SCRIPTS", "CommandWords", "OptionWords"]


class OptionWords(NamedTuple):
    """An option: its spellings, what it does, whether a value follows, and the values where they are known."""

    names: tuple[str, ...]
    help: str
    takes_value: bool
    values: tuple[str, ...]


class CommandWords(NamedTuple):
    """What may follow a command: options, and the words that its own argument may be, where they are known."""

    name: str
    summary: str
    options: tuple[OptionWords, ...]
    positional: tuple[str, ...]


_BASH: Final = """\
# Completion of wfec for bash.
_wfec() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options= words=
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W %(commands)s -- "$word"))
    return
  fi
  # bash takes the = of --option=value for a word of its own.
  if [[ $word == = ]]; then
    word=
  elif [[ $before == = ]]; then
    before=${COMP_WORDS[COMP_CWORD-2]}
  fi
  case "${COMP_WORDS[1]} $before" in
%(values)s
  esac
  case "${COMP_WORDS[1]}" in
%(words)s
  esac
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$word"))
  elif [[ -n $words ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$word"))
  fi
}
complete -o default -F _wfec wfec"""

_ZSH: Final = """\
#compdef wfec
# Completion of wfec for zsh.
_wfec() {
  local command=${words[2]} before=${words[CURRENT-1]}
  local -a options positional
  if ((CURRENT == 2)); then
    compadd -- %(commands)s
    return
  fi
  if [[ $PREFIX == --*=* ]]; then
    before=${PREFIX%%%%=*}
    compset -P '*='
  fi
  case "$command $before" in
%(values)s
  esac
  case "$command" in
%(words)s
  esac
  if [[ $PREFIX == -* ]]; then
    compadd -- $options
  elif (($#positional)); then
    compadd -- $positional
  else
    _files
  fi
}
# Found in a folder of fpath this is the function's own body; read by `source` it makes the function known.
if [[ $funcstack[1] == _wfec ]]; then
  _wfec "$@"
else
  compdef _wfec wfec
fi"""

_FISH: Final = """\
# Completion of wfec for fish.
function __wfec_begins
  test (count (commandline -opc)) -eq 1
end
function __wfec_is
  set -l words (commandline -opc)
  test (count $words) -ge 2; and test "$words[2]" = "$argv[1]"
end
%(lines)s"""


def bash_script(commands: Sequence[CommandWords]) -> str:
    """Return the script for bash 3.2 and later."""
    values = []
    for patterns, known in _values(commands):
        reply = f'COMPREPLY=($(compgen -W {_list(known)} -- "$word")); ' if known else ""
        values.append(f"    {patterns}) {reply}return ;;")
    words = [
        f"    {command.name}) options={_list(_options(command))} words={_list(command.positional)} ;;"
        for command in commands
    ]
    return _BASH % {
        "commands": _list([command.name for command in commands]),
        "values": "\n".join(values),
        "words": "\n".join(words),
    }


def zsh_script(commands: Sequence[CommandWords]) -> str:
    """Return the script for zsh, to be a file ``_wfec`` in a folder of ``fpath``, or to be read by ``source``."""
    values = []
    for patterns, known in _values(commands):
        reply = f"compadd -- {shlex.join(known)}" if known else "_files"
        values.append(f"    ({patterns}) {reply}; return ;;")
    words = [
        f"    ({command.name}) options=({shlex.join(_options(command))}) "
        f"positional=({shlex.join(command.positional)}) ;;"
        for command in commands
    ]
    return _ZSH % {
        "commands": shlex.join([command.name for command in commands]),
        "values": "\n".join(values),
        "words": "\n".join(words),
    }


def fish_script(commands: Sequence[CommandWords]) -> str:
    """Return the script for fish 3 and later."""
    lines = []
    for command in commands:
        lines.append(f"complete -c wfec -n __wfec_begins -f -a {command.name} -d {_fish(command.summary)}")
        here = f"complete -c wfec -n '__wfec_is {command.name}'"
        if command.positional:
            lines.append(f"{here} -f -a {_fish(' '.join(command.positional))}")
        for option in command.options:
            names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
            value = " -r" if option.takes_value else ""
            if option.values:
                value = f" -x -a {_fish(' '.join(option.values))}"
            lines.append(f"{here} {names}{value} -d {_fish(option.help)}")
    return _FISH % {"lines": "\n".join(lines)}


SCRIPTS: Final[dict[str, Callable[[Sequence[CommandWords]], str]]] = {
    "bash": bash_script,
    "zsh": zsh_script,
    "fish": fish_script,
}
"""What makes the script for each shell."""


def _values(commands: Sequence[CommandWords]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give, for each option that takes a value, the pattern of a command with it, and the values that are known."""
    for command in commands:
        for option in command.options:
            if option.takes_value:
                yield "|".join(f'"{command.name} {name}"' for name in option.names), option.values


def _options(command: CommandWords) -> list[str]:
    return [name for option in command.options for name in option.names]


def _list(words: Sequence[str]) -> str:
    return shlex.quote(" ".join(words))


def _fish(text: str) -> str:
    r"""Return a text in the quotes of fish, in which only \ and ' need care."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
