"""Files that commands write: whole or not at all."""

from __future__ import annotations

import os
import tempfile

from .exits import MISSING, CommandError

__all__ = ["create_file", "replace_file"]


def replace_file(path: str, data: bytes) -> None:
    """Write a file so that it is there whole or as it was before. Raises CommandError (5) where it can't be.

    A link stays one, and a file that is there keeps its permissions.
    """
    real = os.path.realpath(path)
    try:
        temporary = _temporary(real, data)
        try:
            if os.path.exists(real):
                os.chmod(temporary, os.stat(real).st_mode & 0o777)
            os.replace(temporary, real)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise CommandError(f"{path} can't be written: {error.strerror}", None, MISSING) from error


def create_file(path: str, data: bytes) -> None:
    """Write a file that must not be there yet. Raises CommandError (2) where it is, (5) where it can't be written."""
    try:
        temporary = _temporary(path, data)
        try:
            os.link(temporary, path)  # unlike a rename, it never takes another file's place
        finally:
            os.unlink(temporary)
    except FileExistsError:
        raise CommandError(f"{path} is there already", "give another name, or remove it first") from None
    except OSError as error:
        raise CommandError(f"{path} can't be written: {error.strerror}", None, MISSING) from error


def _temporary(path: str, data: bytes) -> str:
    """Return the path of a new file beside another, with the data in it, safe on the disk."""
    descriptor, temporary = tempfile.mkstemp(prefix=".wfc-", dir=os.path.dirname(path) or ".")
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        os.chmod(temporary, 0o666 & ~_umask())
    except BaseException:
        os.unlink(temporary)
        raise
    return temporary


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
