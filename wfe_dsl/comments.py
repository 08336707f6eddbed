"""The comments of a source, as what formats a file or writes it in another notation needs them.

A front end's reader of comments fills this; a printer asks for the comments of the line on which what it is
about to print began. The texts are without the comment sign and the blank after it.
"""

from __future__ import annotations

import msgspec

__all__ = ["Comments"]


class Comments(msgspec.Struct):
    """Lines are those of the source, 1-based.

    ``before``: the comment lines above a line that holds something else; an empty text is a blank line between
    two of them. ``beside``: the comment at the end of a line. ``end``: the comment lines after all else.
    """

    before: dict[int, tuple[str, ...]] = {}
    beside: dict[int, str] = {}
    end: tuple[str, ...] = ()
