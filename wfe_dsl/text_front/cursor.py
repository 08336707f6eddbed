"""A place among the tokens of a text, and what every part of the parser does there.

It moves on, says what was expected where something else stands, finds its way to the next statement after
a mistake, and blames a brace that is never closed at its opening. It knows nothing of statements.

Rules: a mistake is reported once, by whoever meets it, and raised as Mistake; the nearest block goes on
after it. Whatever is met, the cursor moves on or the block ends, so reading takes linear time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from ..diagnostics.model import Diagnostics, Fix, Label
from ..source import SourceFile, Span
from ..yaml_front.reader import MAX_NESTING
from .slips import instead, slip
from .tokens import Layout, Token, tokens_of
from .words import STATEMENT_WORDS

__all__ = ["SEPARATORS", "Cursor", "Mistake", "shown"]

SEPARATORS: Final = ("newline", ";")
CLOSING: Final = {"(": ")", "[": "]", "{": "}"}
NO_BEGINNING: Final = (":", "=", ",", ")", "]")
"""What follows a word that is a key or an item of a list."""


class Mistake(Exception):
    """What stands here has been reported, and the statement is given up."""


class Cursor:
    """``broken``: whether anything could not be read, so that what is missing may have stood there.

    ``mistakes``: how many statements were given up.
    """

    def __init__(self, source: SourceFile, diagnostics: Diagnostics) -> None:
        self.source = source
        self.text = source.text
        self.diagnostics = diagnostics
        self.layout = Layout(source)
        self.tokens = tokens_of(source.text)
        self.at = 0
        self.open: list[Token] = []
        self.suspects: list[Token] = []
        self.cut = False
        self.broken = False
        self.mistakes = 0

    # Looking and moving

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    @property
    def kind(self) -> str:
        return self.tokens[self.at][0]

    @property
    def word(self) -> str:
        """The word that stands here, or an empty text."""
        kind, text, _, _ = self.tokens[self.at]
        return text if kind == "word" else ""

    def next_kind(self) -> str:
        """Return the kind of the token after this one."""
        return self.tokens[min(self.at + 1, len(self.tokens) - 1)][0]

    def take(self) -> Token:
        token = self.tokens[self.at]
        if token[0] != "end":
            self.at += 1
        return token

    def take_if(self, kind: str) -> bool:
        """Take a sign if it stands here."""
        if self.tokens[self.at][0] != kind:
            return False
        self.at += 1
        return True

    def take_word(self, *words: str) -> Token | None:
        """Take one of these words if it stands here."""
        token = self.tokens[self.at]
        if token[0] == "word" and token[1] in words:
            self.at += 1
            return token
        return None

    def continues(self, word: str) -> bool:
        """Take a word that goes on with the statement, newlines before it included, if it comes next."""
        at = self.at
        while self.tokens[at][0] == "newline":
            at += 1
        if self.tokens[at][:2] != ("word", word):
            return False
        self.at = at + 1
        return True

    def expect(self, kind: str, expected: str, example: str) -> Token:
        """Take a sign that has to stand here."""
        token = self.tokens[self.at]
        if token[0] != kind:
            raise self.refuse(expected, example)
        self.at += 1
        return token

    def skip_separators(self, commas: bool = False) -> None:
        tokens = self.tokens
        while (kind := tokens[self.at][0]) == "newline" or kind == ";" or (commas and kind == ","):
            self.at += 1

    # Places

    def span(self, token: Token) -> Span:
        return self.layout.span(token[2], token[3])

    def span_from(self, start: int) -> Span:
        """Return the place from an offset to the end of the last token that was taken."""
        end = self.tokens[self.at - 1][3] if self.at else 0
        return self.layout.span(start, max(start, end))

    def text_of(self, span: Span) -> str:
        """Return what stands at a place, on one line and not too long."""
        starts = self.layout.starts
        written = self.text[starts[span.line - 1] + span.column - 1 : starts[span.end_line - 1] + span.end_column - 1]
        written = " ".join(written.split())
        return written if len(written) <= 60 else written[:59] + "…"

    # Mistakes

    def report(
        self, code: str, message: str, span: Span, help: str, labels: tuple[Label, ...] = (), fix: Fix | None = None
    ) -> None:
        self.broken = True
        self.diagnostics.add(code, message, span, help, labels, fix)

    def refuse(self, expected: str, example: str) -> Mistake:
        """Report what stands here, as something else is expected; return what to raise. ``example`` shows what."""
        token = self.tokens[self.at]
        kind, _, start, _ = token
        if kind == "unclosed":
            self.report_unclosed(token)
            self.at += 1
            return Mistake()
        if kind == "end" and self.open and not self.cut:
            self.close_at_end()
            return Mistake()
        if kind == "end" and self.cut:
            return Mistake()
        message = f"{shown(token)} can't stand here: {expected} is expected"
        fix = None
        span = self.span(token)
        if (known := slip(self.tokens, self.at, expected)) is not None:
            example = known
            cure = instead(self.tokens, self.at, known)
            fix = None if cure is None else Fix(span, cure)
        if kind == "newline":
            # What is missing would have stood directly after what there is.
            message = f"the line ends too early: {expected} is expected"
            before = self.tokens[self.at - 1][3] if self.at else start
            span = self.layout.span(before, before)
        elif kind == "end":
            message = f"the file ends too early: {expected} is expected"
        self.report("WFE0600", message, span, example, fix=fix)
        return Mistake()

    def report_unclosed(self, token: Token) -> None:
        """Report a string or raw block without an end, once, at its opening."""
        _, text, start, _ = token
        self.broken = True
        if text.startswith("`"):
            self.cut = True
            width = len(text) - len(text.lstrip("`"))
            span = self.layout.span(start, start + width)
            help = f"end it with a line that holds {width} backticks"
            self.report("WFE0602", "this raw block is never closed", span, help)
            return
        if "\n" in text:
            message, help = "this string has several lines", "a text of several lines stands between ```"
        else:
            message = "this string is never closed"
            help = f"close it with {text[0]} on the same line; a text of several lines stands between ```"
        self.report("WFE0304", message, self.layout.span(start, start + 1), help)

    def close_at_end(self) -> None:
        """Report the block that is still open where the file ends; of several, the likeliest, once."""
        if self.cut:
            return
        self.cut = True
        opening = self.suspects[0] if self.suspects else self.open[-1]
        self.report_open(opening)

    def report_open(self, opening: Token) -> None:
        """Report a brace or bracket without an end; a sign of another kind in its place is taken for a slip."""
        closing = CLOSING[opening[0]]
        message = f"this `{opening[0]}` is never closed"
        help = f"a `{closing}` is missing"
        if self.is_closed_by_another(opening):
            help = f"close it with `{closing}`, not with `{self.kind}`"
            self.at += 1
        self.report("WFE0601", message, self.span(opening), help)

    def is_closed_by_another(self, opening: Token) -> bool:
        """Whether the sign that closes something here can only be meant for ``opening``, of another kind."""
        if self.kind not in CLOSING.values() or self.kind == CLOSING[opening[0]]:
            return False
        line = self.layout.line_of(opening[2])
        if self.layout.line_of(self.token[2]) != line:
            return False
        around = [brace for brace in self.open if brace[2] < opening[2]]
        return not around or CLOSING[around[-1][0]] != self.kind or self.layout.line_of(around[-1][2]) != line

    def recover(self, begin: int) -> None:
        """Go to where the statement that began at token ``begin`` ends."""
        self.mistakes += 1
        if self.at == begin and self.kind not in ("}", "end"):
            self.skip_one()
        while self.kind not in ("newline", ";", "}", "end"):
            self.skip_one()

    def skip_one(self) -> None:
        """Skip a token, or all that stands between it and its closing bracket."""
        kind = self.take()[0]
        if kind == "unclosed":
            self.at -= 1
            self.report_unclosed(self.take())
        if kind not in CLOSING:
            return
        wanted = [CLOSING[kind]]
        while wanted and self.kind != "end":
            token = self.tokens[self.at]
            kind = token[0]
            if kind in CLOSING:
                wanted.append(CLOSING[kind])
            elif kind == wanted[-1]:
                wanted.pop()
            elif kind == "}" and "}" not in wanted:
                return  # of a block around it: the bracket was never closed
            elif kind == "word" and "}" not in wanted and self.begins_statement():
                return
            self.at += 1

    def begins_statement(self) -> bool:
        """Whether a word of statements stands at the beginning of a line, and neither as a key nor as an item."""
        kind, text, start, _ = self.tokens[self.at]
        if kind != "word" or text not in STATEMENT_WORDS or not self.layout.begins_line(start):
            return False
        at = self.at + 1
        while self.tokens[at][0] == "newline":
            at += 1
        return self.tokens[at][0] not in NO_BEGINNING

    def begins_map(self) -> bool:
        """Whether the brace here is one of a map, ``{}`` or ``{key: …``, and not of a block."""
        at = self.at + 1
        while self.tokens[at][0] == "newline":
            at += 1
        return self.tokens[at][0] == "}" or self.tokens[min(at + 1, len(self.tokens) - 1)][0] == ":"

    def before_line(self) -> None:
        """Go back to the end of the line before, as what stands here begins a statement of its own."""
        while self.at and self.tokens[self.at - 1][0] == "newline" and self.tokens[self.at][0] != "newline":
            self.at -= 1

    # Blocks

    def block(
        self,
        read_item: Callable[[], None],
        commas: bool = False,
        foreign: Collection[str] = (),
        example: str = "what belongs to it stands in braces: { … }",
    ) -> Span:
        """Read what stands in braces, an item at a time; return its place.

        ``foreign`` are words that no item can begin with: where one begins a line, the block was never closed.
        """
        opening = self.expect("{", "`{`", example)
        self.enter(opening)
        tokens = self.tokens
        while True:
            self.skip_separators(commas)
            kind = tokens[self.at][0]
            if kind == "}":
                closing = self.take()
                self.leave(opening, closing)
                break
            if kind == "end":
                self.close_at_end()
                self.open.pop()
                break
            if foreign and kind == "word" and tokens[self.at][1] in foreign and self.begins_statement():
                # An inner block may have been closed by the brace that was meant for this one.
                self.report_open(next((inner for inner in self.suspects if inner[2] > opening[2]), opening))
                self.open.pop()
                self.before_line()
                break
            begin = self.at
            try:
                read_item()
                self.end_statement(commas)
            except Mistake:
                self.recover(begin)
        return self.span_from(opening[2])

    def end_statement(self, commas: bool = False) -> None:
        """Raise Mistake, and report it, where a statement doesn't end here."""
        kind = self.tokens[self.at][0]
        if kind not in ("newline", ";", "}", "end") and not (commas and kind == ","):
            raise self.refuse("the end of the statement", "statements end with their line, or with `;`")

    def enter(self, opening: Token) -> None:
        """Note an opened brace. Raises Mistake where too many are open."""
        if len(self.open) >= MAX_NESTING:
            message = f"blocks are nested more than {MAX_NESTING} deep"
            self.report("WFE0006", message, self.span(opening), "move inner steps into a workflow of their own")
            self.cut = True
            self.at = len(self.tokens) - 1
            raise Mistake
        self.open.append(opening)

    def leave(self, opening: Token, closing: Token) -> None:
        """Note a closed brace. One that stands further left than its line began was meant for another."""
        self.open.pop()
        layout = self.layout
        column = layout.column_at_beginning(closing[2])
        if column is not None and column < layout.indentation(opening[2]):
            self.suspects.append(opening)


def shown(token: Token) -> str:
    """Return what a token is, in the words of a message."""
    kind, text, _, _ = token
    if kind == "end":
        return "the end of the file"
    if kind == "newline":
        return "the end of the line"
    if kind == "string":
        return "a string"
    if kind == "raw":
        return "a raw block"
    if text == "`":
        return "a backtick"
    text = text if len(text) <= 40 else text[:39] + "…"
    return f"`{text}`" if text.isprintable() else f"the character U+{ord(text[0]):04X}"
