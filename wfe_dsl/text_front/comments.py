"""The comments of a text, by the lines of what they stand before or beside."""

from __future__ import annotations

from ..comments import Comments
from ..source import SourceFile
from .tokens import COMMENT, Layout, comments_of, tokens_of

__all__ = ["read_comments"]


def read_comments(text: str) -> Comments:
    """Return the comments of a text of the text language, without their sign and the blank after it."""
    source = SourceFile.from_text("text.wfe", text)
    layout = Layout(source)
    held = {layout.line_of(start) for kind, _, start, _ in tokens_of(source.text) if kind not in ("newline", "end")}
    found = Comments(before={}, beside={})
    pending: list[str] = []
    last = 0
    comments = {
        layout.line_of(start): comment.removeprefix(COMMENT).removeprefix(" ").rstrip()
        for start, comment in comments_of(source.text)
    }
    for line in sorted(held | comments.keys()):
        if line in held:
            if pending:
                found.before[line] = tuple(pending)
                pending = []
            if line in comments:
                found.beside[line] = comments[line]
            continue
        if pending and line > last + 1:
            pending.append("")
        pending.append(comments[line])
        last = line
    found.end = tuple(pending)
    return found
