"""The lines of a file while it is printed, and the comments that are put among them: what the cursor is to the parser.

It indents, opens and closes braces, and puts a comment before or beside the first thing that is printed of the line
it stood at; what has no place of its own any more is kept before the next thing or at the end. It knows nothing of
statements.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .. import nodes
from ..comments import Comments
from ..source import Span
from ..yaml_front.step_types import Key
from .print_values import INDENT, Lines, field

__all__ = ["Page"]


class Page:
    """``lines`` are those printed so far, ``depth`` how many braces are open."""

    def __init__(self, comments: Comments) -> None:
        self.lines: Lines = []
        self.depth = 0
        self._before = dict(comments.before)
        self._beside = dict(comments.beside)
        self._end = comments.end

    # Lines

    def put(self, lines: Lines | str, span: Span | None = None) -> None:
        """Add lines, at the current depth, with the comments of the line on which what they say began."""
        given = [lines] if isinstance(lines, str) else lines
        pad = INDENT * self.depth
        if span is not None:
            self.comment(span.line)
        first = len(self.lines)
        self.lines.extend(pad + line if line else "" for line in given)
        if span is not None and span.line in self._beside:
            # Inside of a raw block it would be text.
            at = first if len(given) == 1 or not given[0].rstrip().endswith("`") else len(self.lines) - 1
            self.lines[at] += f"  # {self._beside.pop(span.line)}".rstrip()

    def put_field(
        self, key: str, value: nodes.Expression, row: Key, quoted: bool = False, span: Span | None = None
    ) -> None:
        """Add an entry of a block; ``row`` is what the tables say of its key."""
        self.put([line.removeprefix(INDENT) for line in field(key, value, row, quoted)], span)

    def blank(self) -> None:
        """Add an empty line."""
        self.lines.append("")

    def go_on(self, words: str) -> None:
        """Put words behind the last line."""
        self.lines[-1] += words

    # Braces

    @contextmanager
    def braces(self, head: str, span: Span | None = None) -> Iterator[None]:
        """A block: what is printed meanwhile stands in braces after ``head``."""
        self.put(f"{head} {{", span)
        with self.inside():
            yield

    @contextmanager
    def braces_behind(self, head: str) -> Iterator[None]:
        """A block whose head stands behind the last line."""
        self.go_on(f" {head} {{")
        with self.inside():
            yield

    @contextmanager
    def inside(self) -> Iterator[None]:
        """The inside of a block that is open already, and its end."""
        self.depth += 1
        yield
        self.depth -= 1
        self.put("}")

    # Comments

    def comment(self, line: int) -> None:
        """Add the comments that stood before a line."""
        pad = INDENT * self.depth
        for text in self._before.pop(line, ()):
            self.lines.append(f"{pad}# {text}".rstrip() if text else "")

    def remaining_comments(self, first: int, last: int) -> None:
        """Add the comments of lines for which nothing was printed."""
        for line in sorted({*self._before, *self._beside}):
            if first <= line <= last:
                texts = (*self._before.pop(line, ()), *filter(None, (self._beside.pop(line, ""),)))
                self.lines.extend(f"{INDENT * self.depth}# {text}".rstrip() for text in texts)

    def finish(self) -> str:
        """Return the text, with all comments that are left at its end."""
        self.remaining_comments(0, 2**31)
        self.lines.extend(f"# {text}".rstrip() if text else "" for text in self._end)
        return "\n".join(self.lines) + "\n"
