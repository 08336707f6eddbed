"""The scripts that complete ``wfec``, asked by the shells themselves, where they are here."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from wfe_runtime.cli.completion import words_of
from wfe_runtime.cli.main import VERBS

from .conftest import Wfec

FILES = "FILES"  # where the shell is left to complete names of files

BASH = """
source ./script
COMP_WORDS=({words}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_wfec
printf '%s\\n' "${{COMPREPLY[@]:-FILES}}"
"""
# What only the line editor of zsh can do is stood in for.
ZSH = """
compdef() {{ }}
compset() {{ PREFIX=${{PREFIX#*=}} }}
compadd() {{ shift; print -rl -- ${{(M)@:#$PREFIX*}} }}
_files() {{ print FILES }}
source ./script
words=({words}) CURRENT=$#words PREFIX=$words[-1]
_wfec
"""
FISH = """
source ./script
complete -C {line}
"""


def completed(wfec: Wfec, folder: Path, shell: str, line: str) -> list[str]:
    """Return what a shell offers for the last word of a line, which may be empty."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed here, and only it can tell whether its script is right")
    (folder / "script").write_text(wfec("completion", shell).out)
    # bash makes words of the = as well.
    words = line.replace("=", " = ") if shell == "bash" else line
    quoted = " ".join(shlex.quote(word) for word in words.split(" ")) if not words.endswith("= ") else words
    program = {"bash": BASH, "zsh": ZSH, "fish": FISH}[shell].format(words=quoted, line=shlex.quote(line))
    flags = {"bash": ("--norc", "--noprofile"), "zsh": ("-f",), "fish": ("--no-config",)}[shell]
    done = subprocess.run([shell, *flags, "-c", program], cwd=folder, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return [found.partition("\t")[0] for found in done.stdout.splitlines()]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("wfec con", {"config", "convert"}),
        ("wfec store ", {"init", "migrate", "status", "compact", "purge"}),
        ("wfec store pu", {"purge"}),
        ("wfec list --status term", {"terminated"}),
        ("wfec convert --to ", {"yaml", "wfe", "python"}),
        ("wfec run file.yaml --no-", {"--no-cache", "--no-wait"}),
        ("wfec help disa", {"disasm"}),
    ],
)
def test_a_shell_offers_commands_options_and_their_words(
    folder: Path, wfec: Wfec, shell: str, line: str, offered: set[str]
) -> None:
    assert set(completed(wfec, folder, shell, line)) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize("line", ["wfec run ", "wfec run file.yaml --inputs ", "wfec run file.yaml --vars-file=fi"])
def test_names_of_files_are_left_to_the_shell(folder: Path, wfec: Wfec, shell: str, line: str) -> None:
    assert completed(wfec, folder, shell, line) == [FILES]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_value_behind_an_equals_sign_is_completed(folder: Path, wfec: Wfec, shell: str) -> None:
    offered = completed(wfec, folder, shell, "wfec convert file.yaml --to=py")
    assert [found.rpartition("=")[2] for found in offered] == ["python"]


@pytest.mark.parametrize("verb", VERBS)
def test_whatever_a_script_offers_is_one_plain_word(verb: str) -> None:
    words = words_of(verb, "")
    offered = [*words.positional, *(word for option in words.options for word in (*option.names, *option.values))]
    assert "--help" in offered
    assert all(shlex.quote(word) == word for word in offered)
