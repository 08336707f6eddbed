"""Values of the text language: texts, numbers, lists, maps, names, types, and where an expression ends.

An expression is not read here: only its extent is found, by the alternation of values and operators, and the
reader that all notations share gets its text. Without ``=`` a value is a literal, after ``=`` an expression
(which a string or a number alone is too).
"""

from __future__ import annotations

import re
from typing import Final

from ..diagnostics.model import Fix, Label
from ..embedded import OPENING
from ..expression_tokens import ExpressionSyntaxError, string_value
from ..source import Span
from ..yaml_front.scalars import NumberRange, core_value
from ..yaml_front.tree import Broken, Entry, Listing, Mapping, Node, Scalar
from .cursor import CLOSING, Cursor, Mistake
from .scalars import expression_scalar, raw_scalar
from .tokens import Token
from .words import CONSTANT_WORDS, OPERATOR_WORDS, RESERVED

__all__ = [
    "Entries",
    "add_entry",
    "embedded",
    "expression",
    "expression_map",
    "literal",
    "literal_of",
    "map_block",
    "name",
    "plain",
    "text",
    "type_text",
    "value",
]

Entries = dict[str, Entry]

NAME: Final = re.compile(r"[\w-]+")
OPERATORS: Final = frozenset(
    ("+", "-", "*", "/", "%", "<", ">", "<=", ">=", "==", "!=", "&&", "||", "??", "?", *OPERATOR_WORDS)
)
CONTINUING_SIGNS: Final = frozenset((*OPERATORS, "member", "[", ".", "("))
PREFIXES: Final = frozenset(("-", "!", "not"))
INSIDE: Final = frozenset((*OPERATORS, ",", ":", "=>", "!", "(", "[", "{"))
"""After these a value is expected inside of brackets."""
VALUE_EXAMPLE: Final = (
    'a value is written like "text", 42, true, [1, 2], { key "value" }; an expression stands after `=`'
)
EXAMPLES: Final = {
    "version": "call deploy version 2",
    "limit": "parallel limit 4 { … }",
    "fail_fast": "parallel fail_fast cancel { … }",
    "max_iterations": "while vars.again max_iterations 10 { … }",
    "timeout": "timeout 5m",
    "total_timeout": "total_timeout 1h",
    "error_behavior": "error_behavior suspend",
    "on_crash": "on_crash fail",
    "retry": "retry 3 every 5s",
    "every": "retry 3 every 5s",
    "interval": "retry 3 interval 5s",
    "backoff": "retry 3 every 5s backoff 2",
    "max_interval": "retry 9 every 5s backoff 2 max_interval 1m",
    "jitter": "retry 3 every 5s jitter 0.1",
    "max_elapsed": "retry 9 every 5s max_elapsed 10m",
    "on": 'retry 3 on ["timeout", 75]',
    "sleep": "sleep 30s",
    "options": 'approve "Ship it?" options ["yes", "later"]',
    "reject": 'approve "Ship it?" options ["yes", "later"] reject ["later"]',
    "assignees": 'approve "Ship it?" assignees ["ops"]',
}
"""Words whose value is written out and never computed."""
EXPRESSION_EXAMPLE: Final = "as in inputs.region, steps.build.output.image, 'text', 42 or len(x)"


# Names


def name(cursor: Cursor, what: str, example: str) -> Scalar:
    """Return a name: a word that is not reserved, or one in quotes."""
    token = cursor.token
    kind, written, _, _ = token
    if kind == "string":
        return string(cursor, cursor.take())
    if kind == "variable":
        return plain(cursor, cursor.take())
    if kind == "word" and written in RESERVED:
        message = f"`{written}` is a word of the language and no name"
        if written in OPERATOR_WORDS:
            cursor.report("WFE0603", message, cursor.span(token), f"{what} stands before it, {example}")
            raise Mistake  # the name is missing, more likely
        fix = Fix(cursor.span(token), f'"{written}"')
        help = f'choose another one, or put it in quotes: "{written}"'
        cursor.report("WFE0603", message, cursor.span(token), help, fix=fix)
        cursor.at += 1
        return plain(cursor, token)
    if (kind == "word" or kind == "number") and NAME.fullmatch(written):
        cursor.at += 1
        return _whole_name(cursor, token)
    raise cursor.refuse(what, example)


def _whole_name(cursor: Cursor, token: Token) -> Scalar:
    """Return the name that begins with a token; parts after dots are reported, and no part of it."""
    begin_at, end = cursor.at, token[3]
    while cursor.kind == "member" and cursor.token[2] == end:
        end = cursor.take()[3]
    if end > token[3] and cursor.kind not in ("=", ":", "(") and cursor.word not in ("in", "version"):
        cursor.at = begin_at  # something else than a name with dots is meant
    elif end > token[3]:
        span = cursor.layout.span(token[2], end)
        written = cursor.text[token[2] : end]
        message = f"the name `{written}` has a letter that a name can't have"
        proposal = written.removeprefix("vars.").replace(".", "-")
        help = f"a name is made of letters, digits, `_` and `-`, as in `{proposal}`"
        cursor.report("WFE0113", message, span, help)
    return plain(cursor, token)


def plain(cursor: Cursor, token: Token) -> Scalar:
    """Return a token as the scalar that its letters are."""
    _, written, start, end = token
    return Scalar(cursor.layout.span(start, end), written, written, "", start, end)


# Texts and literals


def string(cursor: Cursor, token: Token) -> Scalar:
    """Return what a string or raw block that has been taken means."""
    kind, written, start, end = token
    if kind == "raw":
        return raw_scalar(cursor.layout, written, start, end)
    span = cursor.layout.span(start, end)
    if "\\" not in written:
        inside = written[1:-1]
        return Scalar(span, inside, inside, '"', start, end)
    try:
        inside = string_value(written, start)
    except ExpressionSyntaxError as error:
        cursor.report(error.code, error.message, cursor.layout.span(error.start, error.end), error.help)
        inside = written[1:-1]
    return Scalar(span, inside, inside, '"', start, end)


def text(cursor: Cursor, what: str, example: str) -> Scalar:
    """Return a string, a raw block or a load-time variable."""
    kind = cursor.kind
    if kind == "string" or kind == "raw":
        return string(cursor, cursor.take())
    if kind == "variable":
        return plain(cursor, cursor.take())
    raise cursor.refuse(what, example)


def literal_of(cursor: Cursor, word: str) -> Node:
    """Return the value of one of the words of ``EXAMPLES``, which has been taken."""
    return literal(cursor, f"a value for `{word}`", f"as in {EXAMPLES[word]}")


def literal(cursor: Cursor, what: str = "a value", example: str = VALUE_EXAMPLE) -> Node:
    """Return a value that is written out: a text, a number, a word, a list, a map or a load-time variable.

    ``example``: how; it is another one where no expression may stand instead.
    """
    token = cursor.token
    kind, written, start, end = token
    if kind == "string" or kind == "raw":
        cursor.at += 1
        return string(cursor, token)
    if kind == "number":
        cursor.at += 1
        return _number(cursor, written, start, end)
    if kind == "word":
        cursor.at += 1
        if cursor.kind in ("member", "(") and cursor.token[2] == end:
            return _refuse_expression(cursor, example)
        return _number(cursor, written, start, end)
    if kind == "[":
        return _list(cursor)
    if kind == "{":
        return map_block(cursor)
    if kind == "-" and cursor.next_kind() == "number":
        cursor.at += 2
        end = cursor.tokens[cursor.at - 1][3]
        return _number(cursor, cursor.text[start:end], start, end)
    if kind == "variable":
        cursor.at += 1
        return plain(cursor, token)
    if kind == "unclosed":
        cursor.at += 1
        cursor.report_unclosed(token)
        return Broken(cursor.span(token))
    raise cursor.refuse(what, example)


def _number(cursor: Cursor, written: str, start: int, end: int) -> Node:
    span = cursor.layout.span(start, end)
    try:
        return Scalar(span, written, core_value(written), "", start, end)
    except NumberRange as error:
        cursor.report("WFE0017", str(error), span, "quote it if it is meant as a text")
        return Broken(span)


def _refuse_expression(cursor: Cursor, example: str) -> Node:
    """Report an expression where only literals stand; what it looks like is passed over."""
    cursor.at -= 1
    before = cursor.tokens[cursor.at - 1]
    span = expression(cursor).span
    if example != VALUE_EXAMPLE:
        message = "an expression can't stand here: the value is known before the run starts"
        cursor.report("WFE0631", message, span, example)
        return Broken(span)
    written = cursor.text_of(span)
    if before[0] in ("word", "string"):
        help = f"write `{before[1]} = {written}`"
    else:
        help = f'in a list it stands in a text: "${{{{ {written} }}}}"'
    cursor.report("WFE0604", "an expression stands after `=`", span, help)
    return Broken(span)


def _list(cursor: Cursor) -> Node:
    opening = cursor.take()
    cursor.enter(opening)
    items: list[Node] = []
    while True:
        while cursor.kind == "newline":
            cursor.at += 1
        if cursor.take_if("]"):
            break
        if cursor.kind in ("end", "}", ";") or (items and cursor.begins_statement()):
            _never_closed(cursor, opening)
            break
        items.append(literal(cursor, "an item of the list"))
        while cursor.kind == "newline":
            cursor.at += 1
        if not cursor.take_if(",") and cursor.kind != "]":
            if cursor.kind in ("end", "}", ";") or cursor.begins_statement():
                continue
            cursor.open.pop()
            raise cursor.refuse("`,` or `]`", 'a list is written ["one", "two"]')
    cursor.open.pop()
    return Listing(cursor.span_from(opening[2]), items)


def _never_closed(cursor: Cursor, opening: Token) -> None:
    if not cursor.cut:
        cursor.cut = cursor.kind == "end"
        cursor.report_open(opening)
        if cursor.begins_statement():
            cursor.before_line()


# Maps


def add_entry(cursor: Cursor, entries: Entries, key: str, span: Span, value: Node, quoted: bool = False) -> None:
    """Put a value under its key. A key that is there already is reported, and the first one kept."""
    if key in entries:
        label = (Label(entries[key].key_span, "first here"),)
        cursor.report("WFE0014", f"the key `{key}` is given twice", span, "remove one of the two", label)
        return
    entries[key] = Entry(key, span, value, quoted)


def map_block(cursor: Cursor) -> Node:
    """Return a map in braces: ``key value``, ``key: value`` or ``key = expression``, an entry a line or with ``,``."""
    entries: Entries = {}

    def entry() -> None:
        key = _key(cursor)
        add_entry(cursor, entries, key.text, key.span, value(cursor))

    span = cursor.block(entry, commas=True)
    return Mapping(span, entries)


def expression_map(cursor: Cursor, opening: str, example: str) -> Mapping:
    """Return a map from names to expressions: ``name: expression`` or ``name = expression``, between ``,``."""
    start = cursor.token[2]
    entries: Entries = {}

    def entry() -> None:
        key = _key(cursor)
        if not cursor.take_if(":"):
            cursor.expect("=", f"`:` with a value for `{key.text}`", example)
        add_entry(cursor, entries, key.text, key.span, expression(cursor, enclosed=opening == "("))

    if opening == "{":
        cursor.block(entry, commas=True)
        return Mapping(cursor.span_from(start), entries)
    bracket = cursor.expect("(", "`(`", example)
    cursor.enter(bracket)
    while True:
        while cursor.kind == "newline":
            cursor.at += 1
        if cursor.take_if(")"):
            break
        if cursor.kind in ("end", "}", ";") or cursor.begins_statement():
            _never_closed(cursor, bracket)
            break
        try:
            entry()
        except Mistake:
            cursor.open.pop()
            raise
        while cursor.kind == "newline":
            cursor.at += 1
        if cursor.kind in (")", "end", "}", ";") or cursor.begins_statement():
            continue
        if not cursor.take_if(","):
            cursor.open.pop()
            raise cursor.refuse("`,` or `)`", example)
    cursor.open.pop()
    return Mapping(cursor.span_from(start), entries)


def _key(cursor: Cursor) -> Scalar:
    kind = cursor.kind
    if kind == "string":
        return string(cursor, cursor.take())
    if kind == "word" or kind == "number":
        return plain(cursor, cursor.take())
    raise cursor.refuse("a key", 'as in `image "debian:12"`; a key with other signs than letters stands in quotes')


def value(cursor: Cursor) -> Node:
    """Return what stands after a key: a literal or, after ``=``, an expression."""
    if cursor.take_if("="):
        return embedded(cursor)
    cursor.take_if(":")
    return literal(cursor)


# Expressions


def embedded(cursor: Cursor) -> Node:
    """Return an expression in a place for texts. A string, a number or the like alone is the value itself."""
    kind = cursor.kind
    ahead = 2 if kind == "-" else 1
    following = cursor.tokens[min(cursor.at + ahead, len(cursor.tokens) - 1)]
    alone = following[0] not in CONTINUING_SIGNS and not (following[0] == "word" and following[1] in OPERATOR_WORDS)
    if alone and (kind == "string" or cursor.word in CONSTANT_WORDS):
        return literal(cursor)
    if kind == "raw" or (alone and _is_size(cursor.tokens[cursor.at + ahead - 1])):
        return literal(cursor)
    return expression(cursor, embed=True)


def _is_size(token: Token) -> bool:
    """Whether a token is a number, a size or a duration; `7-x` is a subtraction where expressions stand."""
    return token[0] == "number" and "-" not in token[1]


def expression(cursor: Cursor, embed: bool = False, enclosed: bool = False) -> Node:
    """Return the expression that stands here, as its text. ``enclosed``: in parentheses, where newlines are blanks."""
    tokens = cursor.tokens
    begin_at = at = cursor.at
    wanted = True  # whether a value is wanted here, and not an operator
    choices = 0
    pieces: list[tuple[int, int]] = []
    brackets: list[Token] = []
    broken = False
    while True:
        token = tokens[at]
        kind = token[0]
        if kind == "word":
            word = token[1]
            kind = word if word in OPERATOR_WORDS else "value"
            if kind == "value" and not wanted and word.partition("-")[0] in OPERATOR_WORDS:
                at += 1
                wanted = False
                continue
        if kind == "newline":
            if brackets or enclosed or (wanted and at > begin_at):
                at += 1
                cursor.at = at
                if cursor.begins_statement():
                    break
                continue
            break
        if kind == "end" or kind == ";" or (kind == "=" and not brackets):
            break
        if kind == "unclosed":
            cursor.at = at
            cursor.report_unclosed(token)
            broken = True
            wanted = False
            at += 1
            continue
        if kind in ("value", "number", "string", "raw", "variable"):
            if not wanted and not brackets and kind != "variable":
                break
            if kind == "string" and OPENING in token[1]:
                pieces.append((token[2], token[3]))
            wanted = False
        elif kind == "member":
            if wanted:
                pieces.append((token[2], token[3]))
            wanted = False
        elif kind == ".":
            if wanted and tokens[at + 1][0] == "string" and tokens[at + 1][2] == token[3]:
                pieces.append((token[2], tokens[at + 1][3]))
                at += 1
            wanted = False
        elif kind == "other" and wanted and token[1] == "$" and _opens_embedded(tokens, at):
            pass  # the reader of expressions says what is to be said of it
        elif kind in CLOSING:
            if kind == "{" and not wanted:
                break  # the block that comes after the expression
            brackets.append(token)
            wanted = True
        elif kind in (")", "]", "}"):
            if not brackets:
                break
            if CLOSING[brackets[-1][0]] != kind:
                if kind == "}" and not any(opening[0] == "{" for opening in brackets):
                    break
            else:
                brackets.pop()
            wanted = False
        elif kind == ":" and not brackets:
            if not choices:
                break
            choices -= 1
            wanted = True
        elif kind == "," and not brackets:
            break
        elif kind in PREFIXES and wanted:
            pass
        elif kind in INSIDE or kind in OPERATORS:
            choices += kind == "?" and not brackets
            wanted = True
        else:
            # No part of an expression; the reader of expressions says so.
            wanted = kind == "other" and token[1] in ("&", "|", "^")
        at += 1
    cursor.at = at
    while at > begin_at and tokens[at - 1][0] == "newline":
        at -= 1
    if at == begin_at:
        raise cursor.refuse("an expression", EXPRESSION_EXAMPLE)
    begin, end = tokens[begin_at][2], tokens[at - 1][3]
    if brackets and not broken:
        # The reader of expressions would say so too, but not at the bracket if what follows made no sense.
        cursor.cut = cursor.cut or tokens[cursor.at][0] == "end"
        cursor.report_open(brackets[-1])
        if cursor.begins_statement():
            cursor.before_line()
        broken = True
    if broken:
        return Broken(cursor.layout.span(begin, end))
    written = cursor.text[begin:end]
    if "#" in written:
        written = _without_comments(cursor, begin_at, at)
    return expression_scalar(cursor.layout, written, begin, end, tuple(pieces), embed)


def _opens_embedded(tokens: list[Token], at: int) -> bool:
    """Whether a ``$`` is the beginning of ``${{``."""
    start = tokens[at][2]
    return [token[0] for token in tokens[at + 1 : at + 3]] == ["{", "{"] and tokens[at + 2][2] == start + 2


def _without_comments(cursor: Cursor, begin_at: int, end_at: int) -> str:
    """Return the text from one token up to another one, with blanks in the place of comments."""
    parts: list[str] = []
    position = cursor.tokens[begin_at][2]
    for _, written, start, end in cursor.tokens[begin_at:end_at]:
        gap = cursor.text[position:start]
        parts.append(" " * len(gap))
        parts.append(written)
        position = end
    return "".join(parts)


# Types


def type_text(cursor: Cursor) -> Node:
    """Return a type as it is written, on one line."""
    tokens = cursor.tokens
    begin_at = cursor.at
    depth = 0
    kind = ""
    if cursor.kind == "variable":
        return plain(cursor, cursor.take())
    if cursor.kind == "string":
        return string(cursor, cursor.take())
    while True:
        kind, written, _, _ = tokens[cursor.at]
        if kind in ("end", ";", "string", "raw", "=", "unclosed") or (kind == "newline" and depth <= 0):
            break
        if kind == "word" and cursor.begins_statement() and cursor.at > begin_at:
            break  # the type was never closed
        if depth <= 0 and (kind in (",", "}", ")", "{") and cursor.at > begin_at):
            break
        if depth <= 0 and kind == "word" and cursor.at > begin_at:
            break
        if kind in ("<", "{"):
            depth += 1
        elif kind in (">", "}"):
            depth -= 1
        elif kind == ">=":
            break
        cursor.at += 1
    if cursor.at == begin_at:
        raise cursor.refuse("a type", "as in string, integer?, list<string> or {host: string, port: integer}")
    cursor.before_line()
    begin, end = tokens[begin_at][2], tokens[cursor.at - 1][3]
    written = cursor.text[begin:end]
    if "#" in written:
        written = _without_comments(cursor, begin_at, cursor.at)
    written = re.sub(r"\s+", " ", written)
    return Scalar(cursor.layout.span(begin, end), written, written, '"', begin, end)
