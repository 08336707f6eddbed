"""Files that a command writes: each is there whole, or as it was before."""

from __future__ import annotations

import os
import tempfile

from .exits import MISSING, CommandError

__all__ = ["replace_file"]


def replace_file(path: str, data: bytes) -> None:
    """Write a file so that it is there whole or as it was before. Raises CommandError (5) where that can't be done.

    A link stays one, and a file that is there keeps its permissions.
    """
    real = os.path.realpath(path)
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=".wfec-", dir=os.path.dirname(real))
        try:
            with open(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            os.chmod(temporary, _mode(real))
            os.replace(temporary, real)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise CommandError(f"{path} can't be written: {error.strerror}", None, MISSING) from error


def _mode(path: str) -> int:
    try:
        return os.stat(path).st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0o077)
        os.umask(mask)
        return 0o666 & ~mask
