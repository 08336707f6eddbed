"""The command line's front door: which verb, its arguments, and what any error becomes.

Owns the table of verbs and the last line of defence: whatever happens, the user sees a sentence and an
exit code of the contract, never a traceback (``WFE_DEBUG=1`` shows that). A verb is a module of this
package with ``add_arguments(parser)``, ``execute(arguments) -> exit code`` and ``EXAMPLES``; it is
imported only when it is used, so ``wfec --help`` needs neither engine nor compiler.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys
import textwrap
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from ..errors import StoreError, WfeError
from .exits import (
    BUG,
    INTERRUPTED,
    MISSING,
    USAGE,
    CommandError,
    check_text,
    code_of,
    folder_is_gone,
    folder_is_there,
)
from .open_files import explain_open_files
from .output import print_error, print_line, print_lines, silence, steady_streams
from .texts import harmless_lines

__all__ = ["VERBS", "main", "run", "verb_parser", "version"]

PROGRAM: Final = "wfec"

VERBS: Final[dict[str, tuple[str, str]]] = {
    "new": ("author", "write a starter file"),
    "check": ("author", "find the mistakes in workflow files without running anything"),
    "compile": ("author", "compile a file to a program file that needs no source"),
    "fmt": ("author", "lay workflow files out in the one canonical style"),
    "convert": ("author", "write a file in another notation, with the same programs"),
    "disasm": ("author", "show a compiled program's steps and code"),
    "graph": ("author", "draw a workflow file, or a run with its statuses"),
    "plan": ("author", "show what a run would do, without running anything"),
    "diff": ("author", "show what changed between two workflows, files or runs"),
    "explain": ("author", "explain a diagnostic by its code"),
    "schema": ("author", "print the JSON Schema of workflow files, for editors"),
    "run": ("run", "run a workflow in the foreground"),
    "start": ("run", "start a run without following it: a worker takes it up"),
    "resume": ("run", "go on with a run that was suspended, or whose process is gone"),
    "retry": ("run", "reopen a failed run at the steps that failed"),
    "suspend": ("run", "have a run stand still until it is resumed"),
    "cancel": ("run", "end a run in order: its abort hooks run"),
    "terminate": ("run", "end a run at once: no hook runs"),
    "event": ("run", "publish an event that runs wait for"),
    "approve": ("run", "answer an approval that a run waits for"),
    "list": ("look", "list runs"),
    "inspect": ("look", "show a run: status, steps, inputs, outputs, error"),
    "logs": ("look", "show what a run's steps printed"),
    "search": ("look", "find runs, steps and what they printed"),
    "watch": ("look", "show a run as it goes, whichever process has it"),
    "why": ("look", "say what a run waits for, since when, and who can end that"),
    "export": ("look", "write a run that has ended into a store file of its own"),
    "worker": ("operate", "serve a store: take up runs that nobody has, and keep schedules"),
    "store": ("operate", "look after a store: init, migrate, status, compact, purge"),
    "doctor": ("operate", "see what is installed here, and what is missing for what"),
    "config": ("operate", "show the settings and where each comes from"),
    "completion": ("operate", "print a script that completes commands in bash, zsh or fish"),
}
"""Every verb: its group and what it does."""


def main() -> NoReturn:
    """Run the command that this process was started with, and exit."""
    code = run(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            silence(stream)  # the interpreter flushes once more on its way out
        except ValueError:
            pass
    sys.exit(code)


def run(argv: Sequence[str]) -> int:
    """Run one command, without the program's name. Returns its exit code; raises nothing."""
    steady_streams()
    try:
        return _run(list(argv))
    except WfeError as error:
        if error.code == "internal":
            return _report_bug(error)
        if error.message:
            _show(error)
        return code_of(error)
    except KeyboardInterrupt:
        print_error(f"{PROGRAM}: interrupted")
        return INTERRUPTED
    except SystemExit as leave:  # argparse, after it has said why
        return leave.code if isinstance(leave.code, int) else USAGE
    except BrokenPipeError:
        silence(sys.stdout)
        return 0
    except Exception as error:
        return _report(error)


def verb_parser(name: str) -> argparse.ArgumentParser:
    """Return the parser of a verb: of use to shells and documents too."""
    return _parser(name, _module(name))


def _run(argv: list[str]) -> int:
    if not argv:
        print_error(_overview())
        return USAGE
    for word in argv:
        check_text(word, "an argument")
    first = argv[0]
    if first in ("-h", "--help", "help"):
        if first == "help" and len(argv) > 1:
            return _run([argv[1], "--help"])
        print_line(_overview())
        return 0
    if first in ("-V", "--version"):
        print_line(f"{PROGRAM} {version()}")
        return 0
    if first not in VERBS:
        near = difflib.get_close_matches(first, VERBS, n=2)
        what = "option" if first.startswith("-") else "command"
        hint = f"did you mean {' or '.join(near)}?" if near else f"`{PROGRAM} --help` lists the commands"
        raise CommandError(f"there is no {what} {first!r}", hint)
    module = _module(first)
    arguments = _parser(first, module).parse_intermixed_args(argv[1:])
    return int(module.execute(arguments))


def _module(name: str) -> Any:
    return importlib.import_module(f".{name}", __package__)


def _parser(name: str, module: Any) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"{PROGRAM} {name}",
        description=(module.__doc__ or "").partition("\n\n")[0].replace("``", "`"),
        epilog="examples:\n" + textwrap.indent(textwrap.dedent(module.EXAMPLES).strip("\n"), "  "),
        formatter_class=_HelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    return parser


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Wraps the description, keeps the examples as they are written."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith("examples:"):
            return super()._fill_text(text, width, indent)
        return argparse.HelpFormatter._fill_text(self, text, width, indent)


def _overview() -> str:
    lines = [f"usage: {PROGRAM} COMMAND [ARGUMENTS]", ""]
    group = ""
    for name, (belongs_to, summary) in VERBS.items():
        if belongs_to != group:
            group = belongs_to
            lines.append(f"{group}:")
        lines.append(f"  {name:<10} {summary}")
    lines += [
        "",
        f"`{PROGRAM} COMMAND --help` explains a command, with examples. To begin with:",
        f"  {PROGRAM} run workflows.yaml",
    ]
    return "\n".join(lines)


def version() -> str:
    import importlib.metadata

    try:
        return importlib.metadata.version("wfe")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def _report(error: Exception) -> int:
    """Tell of an error that is none of this command's own: of a store's content, of the folder, of the limit of open

    files, or there is a bug.
    """
    from wfe_vm.errors import StateError

    if isinstance(error, StateError):
        _show(StoreError("damaged", error.message))
        return MISSING
    if isinstance(error, FileNotFoundError) and not folder_is_there():
        gone = folder_is_gone()
        _show(gone)
        return code_of(gone)
    crowded = explain_open_files(error)
    if crowded is not None:
        _show(crowded)
        return code_of(crowded)
    return _report_bug(error)


def _show(error: WfeError) -> None:
    """Say what went wrong, and what to do."""
    lines = harmless_lines(error.message)
    print_error("\n".join([f"{PROGRAM}: {lines[0]}", *lines[1:]]))
    if error.hint:
        print_error("\n".join(f"  {line}" for line in harmless_lines(error.hint)))


def _report_bug(error: BaseException) -> int:
    """Say that this is our fault, and what a report should hold."""
    if os.environ.get("WFE_DEBUG"):
        import traceback

        print_error("".join(traceback.format_exception(error)).rstrip())
    lines = harmless_lines(str(error)) or [""]
    print_lines(())
    print_error(f"{PROGRAM}: {type(error).__name__}: {lines[0]}")
    for line in lines[1:]:
        print_error(f"  {line}")
    print_error(
        f"  This is a bug in {PROGRAM} {version()}. Please report it, with the output of the same command under\n"
        "  WFE_DEBUG=1 in its environment. What was committed to the store is kept."
    )
    return BUG
