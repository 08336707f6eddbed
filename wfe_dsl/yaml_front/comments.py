"""The comments of a YAML file, as the printers of all notations take them."""

from __future__ import annotations

import yaml

from ..comments import Comments
from ..source import LINE_ENDS, SourceFile
from .written import Comment, read_written

__all__ = ["read_comments"]

EMPTY = " "
"""Of a comment without any text: the empty text stands for a blank line."""


def read_comments(text: str) -> Comments:
    """Return the comments of a text; none of one that is no YAML."""
    try:
        written = read_written(SourceFile.from_text("<text>", text))
    except yaml.YAMLError:
        return Comments()
    lines = LINE_ENDS.split(written.source.text)
    comments = Comments()
    waiting: list[Comment] = []
    alone = {comment.line: comment for comment in written.comments if comment.alone}
    for number, line in enumerate(lines):
        if number in alone:
            waiting.append(alone[number])
        elif waiting and line.strip():
            comments.before[number + 1] = _texts(waiting)
            waiting = []
    comments.end = _texts(waiting)
    for comment in written.comments:
        if not comment.alone:
            comments.beside[comment.line + 1] = _text(comment)
    return comments


def _texts(comments: list[Comment]) -> tuple[str, ...]:
    texts: list[str] = []
    for number, comment in enumerate(comments):
        if number and comment.line > comments[number - 1].line + 1:
            texts.append("")
        texts.append(_text(comment))
    return tuple(texts)


def _text(comment: Comment) -> str:
    return comment.text[1:].removeprefix(" ") or EMPTY
