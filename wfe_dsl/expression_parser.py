"""Reads an expression's text into a tree of tuples, by precedence climbing.

The language is that of ``grammars/expr.lark``; a parser made from the grammar takes several times as
long, and its import alone longer than checking a small file. Tests hold the two to each other. This file
knows nothing of spans or diagnostics: a tree has offsets into the text, so equal texts share one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import isfinite
from typing import Any, Final, NoReturn

from wfe_vm.library import SYNTAX_FUNCTIONS
from wfe_vm.limits import (
    LARGEST_INTEGER,
    MAX_EXPRESSION_LENGTH,
    MAX_EXPRESSION_NESTING,
)

from .expression_tokens import (
    FOREIGN_NAMES,
    FOREIGN_PAIRS,
    KEYWORDS,
    ExpressionSyntaxError,
    Token,
    string_value,
    tokens_of,
)
from .expression_tree import Tree, check_depth, function_name

__all__ = ["read_expression"]

_KEY: Final = re.compile(r"[^\W\d]\w*(?:-(?=[^\W_])\w+)+")
_TIME: Final = re.compile(
    r"(?<!\w)\d{4}-\d\d-\d\d(?:[Tt]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[+-]\d\d:?\d\d)?)?(?!\w)", re.ASCII
)
_CONSTANTS: Final[dict[str, Any]] = {"true": True, "false": False, "null": None}
_BINDING: Final = {
    "??": 1,
    **dict.fromkeys(("||", "or"), 2),
    **dict.fromkeys(("&&", "and"), 3),
    **dict.fromkeys(("==", "!="), 4),
    **dict.fromkeys(("<", "<=", ">", ">=", "in", "contains"), 5),
    **dict.fromkeys(("+", "-"), 6),
    **dict.fromkeys(("*", "/", "%"), 7),
}
_SPELLINGS: Final = {"or": "||", "and": "&&", "not": "!"}
_EXAMPLE: Final = "a value is written like inputs.name, steps.build.output.image, 'text', 42, [1, 2] or len(x)"
_OPERATORS: Final = "operators are == != < <= > >= && || in contains + - * / % ?? and ?:"
_MAP_EXAMPLE: Final = "a map is written {name: value, 'other name': 2}"
_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}


@lru_cache(maxsize=4096)
def read_expression(text: str) -> Tree | ExpressionSyntaxError:
    """Return the tree of an expression, or what is wrong with it; equal texts are read once."""
    try:
        return _Parser(text).whole()
    except ExpressionSyntaxError as error:
        return error.with_traceback(None)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[Token] = []
        self.at = 0
        self.nesting = 0
        self.beyond: list[Tree] = []  # literals of 2**63, which must turn out to be negated

    def whole(self) -> Tree:
        text = self.text
        if len(text) > MAX_EXPRESSION_LENGTH:
            raise ExpressionSyntaxError(
                "WFE0306",
                f"the expression is {len(text)} characters long, the limit is {MAX_EXPRESSION_LENGTH}",
                0,
                len(text),
                "split it with `set` steps",
            )
        self.tokens = tokens_of(text)
        if len(self.tokens) == 1:
            raise ExpressionSyntaxError("WFE0307", "an expression is empty", 0, len(text), _EXAMPLE)
        tree = self.expression()
        if self.tokens[self.at][0] != "end":
            self.refuse_rest()
        if self.beyond:
            self.refuse_number(self.beyond[0][1], self.beyond[0][2])
        check_depth(tree, len(self.tokens))
        return tree

    # Operators

    def enter(self) -> None:
        self.nesting += 1
        if self.nesting > MAX_EXPRESSION_NESTING:
            _, _, start, end = self.tokens[self.at]
            raise ExpressionSyntaxError(
                "WFE0306",
                f"the expression is nested more than {MAX_EXPRESSION_NESTING} deep",
                start,
                end,
                "split it with `set` steps",
            )

    def expression(self) -> Tree:
        self.enter()
        tree = self.binary(1)
        if self.tokens[self.at][0] == "?":
            self.at += 1
            then = self.expression()
            if self.tokens[self.at][0] != ":":
                self.refuse_token("`:` and a value are expected here", "a choice is written test ? then : otherwise")
            self.at += 1
            otherwise = self.expression()
            tree = ("conditional", tree[1], otherwise[2], tree, then, otherwise)
        self.nesting -= 1
        return tree

    def binary(self, minimum: int) -> Tree:
        left = self.unary()
        tokens = self.tokens
        while True:
            operator = tokens[self.at][0]
            binding = _BINDING.get(operator, 0)
            if binding < minimum or binding == 0:
                return left
            self.at += 1
            right = self.binary(binding + 1)
            left = ("binary", left[1], right[2], _SPELLINGS.get(operator, operator), left, right)

    def unary(self) -> Tree:
        kind, _, start, _ = self.tokens[self.at]
        if kind != "-" and kind != "!" and kind != "not":
            return self.postfix()
        self.enter()
        self.at += 1
        operand = self.unary()
        self.nesting -= 1
        if kind == "-" and operand[0] == "literal" and type(operand[3]) in (int, float) and operand[3] >= 0:
            if operand in self.beyond:
                self.beyond.remove(operand)
            return ("literal", start, operand[2], -operand[3])
        return ("unary", start, operand[2], _SPELLINGS.get(kind, kind), operand)

    def postfix(self) -> Tree:
        tree = self.atom()
        while True:
            kind, word, start, end = self.tokens[self.at]
            if kind == "member":
                name = word[1:]
                if name.isdigit():
                    raise ExpressionSyntaxError(
                        "WFE0301", "an element is taken with brackets", start, end, f"write [{name}]", f"[{name}]"
                    )
                self.at += 1
                tree = ("member", tree[1], end, tree, name, start + 1, end)
            elif kind == "[":
                self.at += 1
                key = self.expression()
                tree = ("index", tree[1], self.close("["), tree, key)
            elif kind == "(":
                tree = self.call(tree)
            else:
                return tree

    # Values

    def atom(self) -> Tree:
        kind, word, start, end = self.tokens[self.at]
        self.at += 1
        if kind == "name":
            if word in FOREIGN_NAMES:
                _refuse_spelling(word, start, end)
            return ("name", start, end, word)
        if kind == "string":
            return ("literal", start, end, string_value(word, start))
        if kind == "number":
            return self.number(word, start, end)
        if kind in _CONSTANTS:
            return ("literal", start, end, _CONSTANTS[kind])
        if kind == "(":
            inside = self.expression()
            self.close("(")
            return inside
        if kind == "[":
            return self.list(start)
        if kind == "{":
            return self.map(start)
        if kind != "contains" or self.tokens[self.at][0] != "(":
            self.at -= 1
            self.refuse_token("a value is expected here", _EXAMPLE)
        return self.contains(start, end)

    def number(self, word: str, start: int, end: int) -> Tree:
        following = self.tokens[self.at]
        if following[0] == "name" and following[2] == end:
            self.refuse_time(start)
            whole = word + following[1]
            help = f"write '{whole}' if it is a text, or an operator between the number and the name"
            if following[1] in ("ms", "s", "m", "h", "d"):
                help = f'a length of time is written duration("{whole}"), in milliseconds'
            raise ExpressionSyntaxError("WFE0305", f"`{whole}` is no number", start, following[3], help)
        if word.isdigit():
            if len(word) > 1 and word[0] == "0":
                self.refuse_time(start)
                raise ExpressionSyntaxError(
                    "WFE0305",
                    f"the number `{word}` begins with 0",
                    start,
                    end,
                    f"write {word.lstrip('0') or '0'}, or '{word}' if it is a text",
                )
            value = int(word) if len(word) <= 19 else LARGEST_INTEGER + 2
            tree = ("literal", start, end, value)
            if value == LARGEST_INTEGER + 1:
                self.beyond.append(tree)
            elif value > LARGEST_INTEGER:
                self.refuse_number(start, end)
            return tree
        if not isfinite(float(word)):
            self.refuse_number(start, end)
        return ("literal", start, end, float(word))

    def refuse_time(self, place: int) -> None:
        """Tell of a time without quotes, if what can't be a number at that place is a part of one."""
        for found in _TIME.finditer(self.text):
            if found.start() <= place < found.end():
                time = found[0]
                help = f"a time is a text, in quotes of its own within the expression: '{time}'"
                raise ExpressionSyntaxError("WFE0305", f"`{time}` is no number", *found.span(), help)

    def refuse_number(self, start: int, end: int) -> NoReturn:
        raise ExpressionSyntaxError(
            "WFE0305",
            "the number does not fit into 64 bits",
            start,
            end,
            "if it is an identifier, write it as a string: '…'",
        )

    def list(self, start: int) -> Tree:
        items: list[Tree] = []
        while self.tokens[self.at][0] != "]":
            items.append(self.expression())
            if self.tokens[self.at][0] != ",":
                break
            self.at += 1
        return ("list", start, self.close("[", start), tuple(items))

    def map(self, start: int) -> Tree:
        entries: list[tuple[str, int, int, Tree]] = []
        seen: set[str] = set()
        while self.tokens[self.at][0] != "}":
            key, key_start, key_end = self.key(start)
            if key in seen:
                raise ExpressionSyntaxError(
                    "WFE0308", f"the key `{key}` occurs twice in this map", key_start, key_end, "remove one of the two"
                )
            seen.add(key)
            if self.tokens[self.at][0] != ":":
                self.refuse_token("`:` and a value are expected here", _MAP_EXAMPLE)
            self.at += 1
            entries.append((key, key_start, key_end, self.expression()))
            if self.tokens[self.at][0] != ",":
                break
            self.at += 1
        return ("map", start, self.close("{", start), tuple(entries))

    def key(self, opened: int) -> tuple[str, int, int]:
        kind, word, start, end = self.tokens[self.at]
        if kind == "string":
            self.at += 1
            return string_value(word, start), start, end
        if kind == "end":
            self.close("{", opened)
        if kind != "name" and kind not in KEYWORDS:
            self.refuse_token("a key is expected here", _MAP_EXAMPLE)
        longer = _KEY.match(self.text, start)
        if longer is None:
            self.at += 1
            return word, start, end
        while self.tokens[self.at][2] < longer.end():
            end = self.tokens[self.at][3]
            self.at += 1
        if end != longer.end():
            self.at -= 1
            self.refuse_token("`:` and a value are expected here", "other keys than names stand in quotes: {'1.5': x}")
        return longer[0], start, end

    # Calls

    def call(self, target: Tree) -> Tree:
        function = function_name(target)
        if function is None:
            raise ExpressionSyntaxError(
                "WFE0301",
                "only functions can be called, and this is a value",
                target[1],
                target[2],
                "a function is called by its name: len(x), split(text, ',')",
            )
        arguments = self.arguments()
        if function not in SYNTAX_FUNCTIONS:
            for argument in arguments:
                _refuse_lambda(argument, function)
        elif arguments and arguments[0][0] == "lambda":
            _refuse_lambda(arguments[0], function)
        return ("call", target[1], self.close("("), function, target[1], target[2], arguments)

    def contains(self, start: int, end: int) -> Tree:
        opening = self.tokens[self.at]
        arguments = self.arguments()
        for argument in arguments:
            _refuse_lambda(argument, "contains")
        closed = self.close("(", opening[2])
        if len(arguments) != 2:
            raise ExpressionSyntaxError(
                "WFE0311",
                f"contains() takes 2 arguments, not {len(arguments)}",
                start,
                closed,
                "write contains(container, item), or container contains item",
            )
        return ("binary", start, closed, "contains", *arguments)

    def arguments(self) -> tuple[Tree, ...]:
        """Read what stands after an opening parenthesis, up to the closing one."""
        self.at += 1
        arguments: list[Tree] = []
        while self.tokens[self.at][0] != ")":
            kind, word, start, _ = self.tokens[self.at]
            if kind == "name" and self.tokens[self.at + 1][0] == "=>":
                self.at += 2
                body = self.expression()
                arguments.append(("lambda", start, body[2], word, body))
            else:
                arguments.append(self.expression())
            if self.tokens[self.at][0] != ",":
                break
            self.at += 1
        return tuple(arguments)

    # What is wrong

    def close(self, opening: str, opened: int | None = None) -> int:
        """Take the closing bracket; return where it ends."""
        closing = _CLOSING[opening]
        kind, _, _, end = self.tokens[self.at]
        if kind == "end":
            at = self.opened(opening) if opened is None else opened
            raise ExpressionSyntaxError(
                "WFE0301", f"`{opening}` is never closed", at, at + 1, f"a `{closing}` is missing"
            )
        if kind != closing:
            self.refuse_token(f"an operator, `,` or `{closing}` is expected here", _OPERATORS)
        self.at += 1
        return end

    def opened(self, opening: str) -> int:
        """Return where the innermost bracket of that kind that is still open stands."""
        closed = 0
        for kind, _, start, _ in reversed(self.tokens):
            closed += kind == _CLOSING[opening]
            if kind == opening:
                if closed == 0:
                    return start
                closed -= 1
        return 0

    def refuse_rest(self) -> NoReturn:
        kind, word, start, end = self.tokens[self.at]
        if kind in (")", "]", "}"):
            opening = next(opening for opening, closing in _CLOSING.items() if closing == kind)
            help = f"remove it, or put a `{opening}` before what it ends"
            raise ExpressionSyntaxError("WFE0301", f"`{kind}` without its `{opening}`", start, end, help)
        if kind == "=>":
            binds = "it binds the variable of map(list, x => …) and filter(list, x => …)"
            raise ExpressionSyntaxError("WFE0309", "`=>` has no place here", start, end, binds)
        help = _OPERATORS
        before = self.tokens[self.at - 1]
        if kind == "not" and self.tokens[self.at + 1][0] == "in":
            help = "write not (item in list)"
        elif before[0] == "name" and kind in ("name", "string", "number"):
            help = f"a text is written in quotes: '{before[1]} {word}'; texts are joined with +"
        elif kind == "member":
            help = "a name stands directly before the `.`"
        self.refuse_token("an operator or the end of the expression is expected here", help)

    def refuse_token(self, expected: str, help: str) -> NoReturn:
        kind, word, start, end = self.tokens[self.at]
        if word in FOREIGN_NAMES and kind == "name":
            _refuse_spelling(word, start, end)
        if kind == "end":
            start = self.tokens[self.at - 1][2] if self.at else 0
            end = self.tokens[self.at - 1][3] if self.at else len(self.text)
            message = f"the expression ends after this, but {expected.removesuffix(' here')}"
            raise ExpressionSyntaxError("WFE0301", message, start, end, help)
        before = self.tokens[self.at - 1][0] if self.at else ""
        help = FOREIGN_PAIRS.get((before, kind), help)
        shown = word if len(word) <= 30 else word[:29] + "…"
        raise ExpressionSyntaxError("WFE0301", f"{expected}, not `{shown}`", start, end, help)


def _refuse_spelling(word: str, start: int, end: int) -> NoReturn:
    """Refuse a word of another language."""
    meant = FOREIGN_NAMES[word]
    raise ExpressionSyntaxError("WFE0301", f"`{word}` means nothing here", start, end, f"write `{meant}`", meant)


def _refuse_lambda(argument: Tree, function: str) -> None:
    if argument[0] == "lambda":
        raise ExpressionSyntaxError(
            "WFE0309",
            f"{function}() takes no `{argument[3]} => …` here",
            argument[1],
            argument[2],
            "it is the second argument of map(list, x => …) and filter(list, x => …)",
        )
