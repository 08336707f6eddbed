"""Finds where ``${{ … }}`` begin and end in a text.

The one place that knows it: strings are passed over whole and braces counted, so that a ``}}`` in a string
or of a map ends nothing. It knows nothing of what stands inside.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["OPENING", "STRING", "expression_end", "expression_regions"]

OPENING: Final = "${{"
STRING: Final = re.compile(r"""\"(?:[^"\\\n]|\\[^\n])*\"|'(?:[^'\\\n]|\\[^\n])*'""")
_MARK: Final = re.compile(STRING.pattern + r"""|["'{}]""")


def expression_end(text: str, start: int) -> int:
    """Return where the ``}}`` of the expression stands whose inside begins at ``start``; -1 where it has none."""
    depth = 0
    position = start
    for mark in _MARK.finditer(text, start):
        sign = mark[0]
        position = mark.end()
        if sign == "{":
            depth += 1
        elif sign == "}":
            if depth == 0 and text.startswith("}}", mark.start()):
                return mark.start()
            depth -= depth > 0
        elif len(sign) == 1:
            break  # a string that is never closed: the parser will say so
    return text.find("}}", position)


def expression_regions(text: str) -> list[tuple[int, int]]:
    """Return where the ``${{ … }}`` of a text begin and end; one that is never closed reaches to the end."""
    regions = []
    position = text.find(OPENING)
    while position >= 0:
        closing = expression_end(text, position + len(OPENING))
        end = len(text) if closing < 0 else closing + 2
        regions.append((position, end))
        position = text.find(OPENING, end)
    return regions
