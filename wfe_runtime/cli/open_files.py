"""How many files this process may open: whether that is enough, and which errors come of it when it is not.

Where the limit is reached nearly anything may fail, the event loop and imports too, each with words of its own; so a
limit with which no step could be started is refused first.
"""

from __future__ import annotations

import errno
from typing import Final

from .exits import MISSING, CommandError

__all__ = ["explain_open_files", "require_open_files"]

LEAST: Final = 96
"""What the loop, a store and one step take, with room for what was inherited. A leash alone lies beyond 64."""


def require_open_files() -> None:
    """Raise CommandError (5) where this process may open too few files to do anything."""
    limit = _limit()
    if limit < LEAST:
        raise _refusal(f"this process may have {limit} files open at once, and needs {LEAST} or more")


def explain_open_files(error: BaseException) -> CommandError | None:
    """Return what to tell of an error behind which is the limit of open files; None: something else is."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, OSError) and cause.errno == errno.EMFILE:
            return _refusal(f"this process may have {_limit()} files open at once, and has as many")
        if isinstance(cause, OSError) and cause.errno == errno.ENFILE:
            return CommandError(
                "this machine has as many open files as it may",
                "end some programs, or raise fs.file-max",
                MISSING,
            )
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return None


def _limit() -> int:
    import resource  # not for `wfec --help`

    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return LEAST if soft == resource.RLIM_INFINITY else soft


def _refusal(message: str) -> CommandError:
    return CommandError(message, "raise the limit for it: ulimit -n 1024", MISSING)
