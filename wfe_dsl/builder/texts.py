"""Texts over several lines, as they stand in indented source."""

from __future__ import annotations

import textwrap

__all__ = ["text"]


def text(block: str) -> str:
    """Return a text without its first line end and without the indentation that its lines have in common.

    The end of the last line belongs to it where the closing quotes stand on a line of their own.
    """
    return textwrap.dedent(block.removeprefix("\n"))
