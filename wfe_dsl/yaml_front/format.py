"""The canonical layout of a YAML file: indentation, spacing and blank lines; all else stays as it was written.

Works on what was written and not on the tree: anchors, merge keys, includes, quotes, comments and the order of
keys stay. Lists and maps in brackets stay so where they fit on a line and hold no comment. The result is read
again and has to mean the same; a difference is a mistake of ours.

First the lines are laid out, each knowing which part of the source it came from; then comments go to the line
that holds what they stood beside or, alone, before what came next.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Any, Final

import msgspec
import yaml

from wfe_vm.errors import InternalError

from ..diagnostics.model import Diagnostics
from ..source import LINE_ENDS, SourceFile
from .reader import read_yaml
from .tree import Listing, Mapping, Scalar
from .written import Collection, Comment, Leaf, Part, Written, read_written

__all__ = ["format_yaml"]

WIDTH: Final = 120
_BLOCK_HEADER: Final = re.compile(r"([|>])([-+0-9]*)")
Levels = tuple[tuple[int, int], ...]

_BLANK_LINE: Final = re.compile(r"(?>\r\n|[\n\r\x85\u2028\u2029])[ \t]*(?:\r\n|[\n\r\x85\u2028\u2029])")
_BLANK_LINES: Final = re.compile(r"(?:[ \t]*(?:\r\n|[\n\r\x85\u2028\u2029]))+")
_DASH: Final = re.compile(r"^[ \t]*(?:-[ \t]*)+$", re.MULTILINE)
"""A line of dashes alone: the items begin further down."""


class Line(msgspec.Struct):
    """A line of the result. ``begin`` and ``end`` are offsets of what it came from, ``levels`` the open lists and
    maps there, as pairs of column in the source and indentation here, its own last. ``follows``: it goes on with
    the text of the line before. ``closed``: nothing may stand beside it. ``keeps``: a blank line after it would be
    part of its text."""

    indent: int
    text: str
    begin: int
    end: int
    levels: Levels
    follows: bool = False
    closed: bool = False
    keeps: bool = False


def format_yaml(text: str, path: str) -> str:
    """Return a YAML text in canonical layout. ``path`` is for messages.

    The text has to be one that the reader finds no mistake in. Raises ValueError where it is no YAML,
    InternalError where the result would not mean the same, or would lose a comment.
    """
    source = SourceFile.from_text(path, text)
    try:
        written = read_written(source)
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is no YAML: {error}") from None
    if written.root is None:
        return text
    lines = _Layout(written).lines()
    result = "\n".join(_with_comments(lines, written)) + "\n"
    if _meaning(result, path) != _meaning(text, path):
        raise InternalError(f"{path}: formatting would change what the file means")
    kept = read_written(SourceFile.from_text(path, result)).comments
    if sorted(comment.text for comment in kept) != sorted(comment.text for comment in written.comments):
        raise InternalError(f"{path}: formatting would lose a comment")
    return result


def _meaning(text: str, path: str) -> Any:
    """Return what a text holds, with the order of keys and what was quoted."""
    root = read_yaml(SourceFile.from_text(path, text), Diagnostics()).root

    def plain(node: object) -> Any:
        if isinstance(node, Mapping):
            return [(key, entry.quoted, plain(entry.value)) for key, entry in node.entries.items()]
        if isinstance(node, Listing):
            return [plain(item) for item in node.items]
        return (node.text, node.value, bool(node.style)) if isinstance(node, Scalar) else None

    return plain(root)


class _Layout:
    def __init__(self, written: Written) -> None:
        self.written = written
        self.text = written.source.text
        self.starts = [0, *(found.end() for found in LINE_ENDS.finditer(self.text))]
        self.comments = [comment.begin for comment in written.comments]
        self.found: list[Line] = []

    def lines(self) -> list[Line]:
        written = self.written
        for directive in written.directives:
            self.found.append(Line(0, directive, 0, 0, ()))
        if written.marker >= 0:
            self.found.append(Line(0, "---", written.marker, written.marker + 3, ()))
        root = written.root
        assert root is not None
        inline = self.inline(root, 0)
        if inline is not None or isinstance(root, Leaf):
            self.found.append(Line(0, inline or self.text[root.begin : root.end], root.begin, root.end, ((0, 0),)))
        else:
            if root.anchor:
                self.found.append(Line(0, root.anchor, root.begin, root.begin, ()))
            self.block(root, 0, ())
        return self.found

    # Blocks

    def block(self, part: Collection, indent: int, levels: Levels) -> None:
        """Lay out a list or map, each item on lines of its own."""
        inner = (*levels, (self.column(part), indent))
        for key, value in part.items:
            if part.mapping:
                assert key is not None
                self.entry(key, value, indent, inner)
            else:
                self.listed(value, indent, inner)

    def entry(self, key: Part, value: Part, indent: int, levels: Levels) -> None:
        shown = self.inline(key, 0)
        if shown is None or not isinstance(key, Leaf):
            raise InternalError("a key over several lines can't be formatted")
        colon = " :" if key.style == "*" else ":"
        self.value(f"{shown}{colon}", key.begin, key.end, value, indent, levels)

    def listed(self, value: Part, indent: int, levels: Levels) -> None:
        if isinstance(value, Collection) and not value.anchor and self.inline(value, indent + 2) is None:
            # The first line of what is inside stands beside the dash.
            place = len(self.found)
            self.block(value, indent + 2, levels)
            first = self.found[place]
            first.text = f"- {first.text}"
            first.indent = indent
            return
        begin = value.begin if not value.anchor else self.text.rindex(value.anchor, 0, max(value.begin, 1))
        self.value("-", begin, begin, value, indent, levels)

    def value(self, head: str, begin: int, end: int, value: Part, indent: int, levels: Levels) -> None:
        """Lay out what follows a key or a dash."""
        if value.anchor:
            head = f"{head} {value.anchor}"
        shown = self.inline(value, indent + len(head) + 1, anchored=False)
        if shown is not None:
            self.found.append(Line(indent, f"{head} {shown}".rstrip(), begin, max(end, value.end), levels))
        elif isinstance(value, Collection):
            self.found.append(Line(indent, head, begin, end, levels))
            self.block(value, indent + 2, levels)
        elif value.style in ("|", ">"):
            self.block_scalar(head, begin, value, indent, levels)
        else:
            self.several_lines(head, begin, value, indent, levels)

    # Scalars

    def block_scalar(self, head: str, begin: int, leaf: Leaf, indent: int, levels: Levels) -> None:
        found = _BLOCK_HEADER.match(self.text, leaf.begin)
        assert found is not None
        marks = found.group(2)
        chomping = "".join(sign for sign in marks if sign in "+-")
        ended = LINE_ENDS.search(self.text, found.end(), leaf.end)
        content = [] if ended is None else LINE_ENDS.split(self.text[ended.end() : leaf.end])
        guide = "".join(sign for sign in marks if sign.isdigit())
        lost = self.lost_indent(leaf, content, guide)
        lines = [line[lost:] for line in content]
        end = leaf.end
        if chomping == "+":  # the blank lines that follow are its own
            blank = _BLANK_LINES.match(self.text, end)
            if blank is not None:
                lines += [""] * (len(LINE_ENDS.findall(blank.group())) - 1)
                end = blank.end()
        first = next((number for number, line in enumerate(lines) if line.strip(" ")), 0)
        needed = "2" if any(line[:1] in (" ", "\t") for line in lines[: first + 1]) else ""
        self.found.append(Line(indent, f"{head} {found.group(1)}{needed}{chomping}", begin, found.end(), levels))
        for line in lines:
            self.found.append(Line(indent + 2 if line else 0, line, end, end, levels, True, closed=True))
        self.found[-1].keeps = chomping == "+"

    def lost_indent(self, leaf: Leaf, content: list[str], guide: str) -> int:
        """Return how many blanks each line of a block scalar begins with that are not part of its text."""
        letters = [len(line) - len(line.lstrip(" ")) for line in content if line.strip(" ")]
        if not letters:
            return 0
        if not guide:
            return letters[0]
        # The count is relative to what is around, which is known by what the reader made of the first line.
        node = next(
            one
            for one in _scalars(read_yaml(self.written.source, Diagnostics()).root)
            if one.begin <= leaf.begin < one.end
        )
        first = next(line for line in node.text.split("\n") if line.strip(" "))
        return letters[0] - (len(first) - len(first.lstrip(" ")))

    def several_lines(self, head: str, begin: int, leaf: Leaf, indent: int, levels: Levels) -> None:
        """Lay out a plain or quoted text over several lines: the line ends stay where they are."""
        first, *rest = LINE_ENDS.split(self.text[leaf.begin : leaf.end])
        self.found.append(Line(indent, f"{head} {_stripped(first)}", begin, begin, levels, closed=True))
        for line in rest:
            shown = _stripped(line.lstrip(" \t"))
            self.found.append(Line(indent + 2 if shown else 0, shown, leaf.end, leaf.end, levels, True, closed=True))
        self.found[-1].closed = False

    # Brackets

    def inline(self, part: Part, column: int, anchored: bool = True) -> str | None:
        """Return a part on one line, from a column on; None where it needs several."""
        if isinstance(part, Leaf):
            shown = self.leaf(part)
        elif part.flow and not self.has_comments(part):
            shown = self.brackets(part)
            shown = None if shown is not None and column + len(shown) > WIDTH and part.items else shown
        else:
            shown = None
        if shown is not None and anchored and part.anchor:
            return f"{part.anchor} {shown}".rstrip()
        return shown

    def leaf(self, leaf: Leaf) -> str | None:
        if leaf.style in ("|", ">"):
            return None
        shown = self.text[leaf.begin : leaf.end]
        return None if LINE_ENDS.search(shown) else shown

    def brackets(self, part: Collection) -> str | None:
        items: list[str] = []
        for key, value in part.items:
            shown = self.inline(value, 0)
            if shown is None:
                return None
            if key is not None:
                name = self.inline(key, 0)
                if name is None:
                    return None
                colon = " :" if isinstance(key, Leaf) and key.style == "*" else ":"
                shown = f"{name}{colon} {shown}" if shown else name
            items.append(shown)
        return f"{{{', '.join(items)}}}" if part.mapping else f"[{', '.join(items)}]"

    def has_comments(self, part: Collection) -> bool:
        return any(part.begin < begin < part.end for begin in self.comments)

    def column(self, part: Collection) -> int:
        """Return in which column of the source the items of a list or map stand."""
        return part.begin - self.starts[bisect_right(self.starts, part.begin) - 1]


def _scalars(node: object) -> Any:
    if isinstance(node, Mapping):
        for entry in node.entries.values():
            yield from _scalars(entry.value)
    elif isinstance(node, Listing):
        for item in node.items:
            yield from _scalars(item)
    elif isinstance(node, Scalar):
        yield node


def _stripped(line: str) -> str:
    """Return a line without blanks at its end, unless a backslash holds the first of them."""
    short = line.rstrip(" \t")
    return line if short.endswith("\\") else short


# Comments and blank lines


def _with_comments(lines: list[Line], written: Written) -> list[str]:
    text = written.source.text
    alone, beside = _places(lines, written)
    result: list[str] = []
    done = -1  # the offset up to which the source has been written

    def separate(begin: int) -> None:
        if result and 0 <= done < begin and _BLANK_LINE.search(text, done, begin):
            result.append("")

    for number, line in enumerate([*lines, None]):
        if number and lines[number - 1].keeps and line is not None:
            done = line.begin
        for comment in alone.get(number, ()):
            separate(comment.begin)
            previous = lines[number - 1] if number else None
            if previous is not None and line is not None and _DASH.search(text, previous.end, comment.begin):
                previous = None  # it stands within the item that follows
            result.append(" " * _indent_of(comment, previous, line) + comment.text)
            done = max(done, comment.begin + len(comment.text))
        if line is None:
            break
        if not line.follows:
            separate(line.begin)
        shown = " " * line.indent + line.text
        done = max(done, line.end)
        if number in beside:
            comment = beside[number]
            shown = f"{shown}  {comment.text}"
            done = max(done, comment.begin + len(comment.text))
        result.append(shown)
    return result


def _places(lines: list[Line], written: Written) -> tuple[dict[int, list[Comment]], dict[int, Comment]]:
    """Return the comments before each line, and those beside one."""
    text = written.source.text
    heads = [number for number, line in enumerate(lines) if not line.follows]
    begins = [lines[number].begin for number in heads]
    alone: dict[int, list[Comment]] = {}
    beside: dict[int, Comment] = {}
    for comment in written.comments:
        place = bisect_right(begins, comment.begin)
        following = heads[place] if place < len(heads) else len(lines)
        if not comment.alone and place:
            holder = heads[place - 1]
            while lines[holder].closed and holder + 1 < following:
                holder += 1
            end = lines[holder].end
            if end <= comment.begin and holder not in beside and not LINE_ENDS.search(text, end, comment.begin):
                beside[holder] = comment
                continue
            if end > comment.begin:  # within what stands on that line now
                following = heads[place - 1]
        alone.setdefault(following, []).append(comment)
    return alone, beside


def _indent_of(comment: Comment, previous: Line | None, following: Line | None) -> int:
    """Return how far a comment is indented: as what follows, or as what came before where it stood deeper."""
    column, indent = following.levels[-1] if following is not None and following.levels else (0, 0)
    if following is not None:
        indent = following.indent
        column = next((here for here, there in following.levels if there == indent), column)
    for here, there in previous.levels if previous is not None else ():
        if here > column and here <= comment.column and there > indent:
            column, indent = here, there
    return indent
