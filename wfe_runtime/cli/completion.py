"""Print a script that teaches a shell to complete `wfec`: commands, options, and the words that some of them take.

Where neither is expected the shell completes names of files. The script is made for this release: make it anew after an
update.
"""

from __future__ import annotations

import argparse

from .completion_scripts import SCRIPTS, CommandWords, OptionWords
from .exits import SUCCEEDED
from .main import VERBS, verb_parser
from .output import print_line

__all__ = ["add_arguments", "execute", "words_of"]

EXAMPLES = """
wfec completion bash > ~/.local/share/bash-completion/completions/wfec
wfec completion zsh > ~/.zfunc/_wfec
wfec completion fish > ~/.config/fish/completions/wfec.fish
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=tuple(SCRIPTS), metavar="SHELL", help=f"one of: {', '.join(SCRIPTS)}")


def execute(arguments: argparse.Namespace) -> int:
    commands = [words_of(name, summary) for name, (_, summary) in VERBS.items()]
    commands.append(CommandWords("help", "explain a command", (), tuple(VERBS)))
    print_line(SCRIPTS[arguments.shell](commands))
    return SUCCEEDED


def words_of(name: str, summary: str) -> CommandWords:
    """Return what may follow a verb, as its parser has it."""
    options: list[OptionWords] = []
    positional: tuple[str, ...] = ()
    # argparse tells nobody what a parser takes, but for this list, which has been there since its first release.
    for action in verb_parser(name)._actions:
        choices = tuple(map(str, action.choices or ()))
        if not action.option_strings:
            positional = positional or choices
        elif action.help is not argparse.SUPPRESS:
            help = (action.help or "").replace("%%", "%")
            options.append(OptionWords(tuple(action.option_strings), help, action.nargs != 0, choices))
    return CommandWords(name, summary, tuple(options), positional)
