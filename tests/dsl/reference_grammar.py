"""Reads expressions with a parser made from ``grammars/expr.lark``: what the hand-written one is held to.

The result is what ``shape`` makes of a tree: nested tuples without places.
"""

from ast import literal_eval
from functools import cache
from importlib.resources import files
from math import isfinite

from lark import Lark, Transformer, UnexpectedInput, v_args
from lark.exceptions import VisitError

from wfe_dsl import nodes

SPELLINGS = {"or": "||", "and": "&&"}


class NotInTheLanguage(Exception):
    """The text is no expression."""


@cache
def _parser():
    grammar = files("wfe_dsl.grammars").joinpath("expr.lark").read_text()
    return Lark(grammar, parser="lalr", start="expression")


def read(text):
    """Return the shape of an expression. Raises NotInTheLanguage."""
    try:
        tree = _parser().parse(text)
        shape = Shapes().transform(tree)
    except (UnexpectedInput, VisitError) as error:
        raise NotInTheLanguage(text) from error
    if too_large(shape):
        raise NotInTheLanguage(text)
    return shape


def shape(node):
    """Return a node without its places."""
    match node:
        case nodes.Literal():
            return ("literal", type(node.value).__name__, node.value)
        case nodes.Name():
            return ("name", node.name)
        case nodes.ListExpression():
            return ("list", *map(shape, node.items))
        case nodes.MapExpression():
            return ("map", *((key, shape(value)) for key, _, value in node.entries))
        case nodes.Member():
            return ("member", shape(node.target), node.name)
        case nodes.Index():
            return ("index", shape(node.target), shape(node.key))
        case nodes.Unary():
            return (node.operator, shape(node.operand))
        case nodes.Binary():
            return (node.operator, shape(node.left), shape(node.right))
        case nodes.Conditional():
            return ("?:", shape(node.test), shape(node.then), shape(node.otherwise))
        case nodes.Lambda():
            return ("lambda", node.parameter, shape(node.body))
        case nodes.Call():
            return ("call", node.function, *map(shape, node.arguments))
    raise AssertionError(node)


def literal(value):
    return ("literal", type(value).__name__, value)


def too_large(shape):
    if shape[:2] == ("literal", "int"):
        return not -(2**63) <= shape[2] < 2**63
    return any(too_large(part) for part in shape if isinstance(part, tuple) and part)


def _text(token):
    return literal_eval(token.replace("\\/", "/"))


def _refuse_lambdas(arguments):
    if any(argument[0] == "lambda" for argument in arguments):
        raise NotInTheLanguage


@v_args(inline=True)
class Shapes(Transformer):
    def name(self, token):
        return ("name", str(token))

    def number(self, token):
        if token.isdigit():
            if len(token) > 1 and token[0] == "0":
                raise NotInTheLanguage
            return literal(int(token))
        if not isfinite(float(token)):
            raise NotInTheLanguage
        return literal(float(token))

    def string(self, token):
        return literal(_text(token))

    def true(self, _):
        return literal(True)

    def false(self, _):
        return literal(False)

    def null(self, _):
        return literal(None)

    def list(self, *items):
        return ("list", *(item for item in items if item is not None))

    def entry(self, key, value):
        return (_text(key) if key.type == "STRING" else str(key), value)

    def map(self, *entries):
        entries = [entry for entry in entries if entry is not None]
        if len({key for key, _ in entries}) < len(entries):
            raise NotInTheLanguage
        return ("map", *entries)

    def parenthesized(self, inside):
        return inside

    def member(self, target, token):
        if token[1:].isdigit():
            raise NotInTheLanguage
        return ("member", target, str(token[1:]))

    def index(self, target, key):
        return ("index", target, key)

    def call(self, function, *arguments):
        if function in ("map", "filter"):
            _refuse_lambdas(arguments[:1])
        else:
            _refuse_lambdas(arguments)
        return ("call", str(function), *arguments)

    def method(self, target, token, *arguments):
        _refuse_lambdas(arguments)
        names = [str(token[1:])]
        while target[0] == "member":
            names.append(target[2])
            target = target[1]
        if target[0] != "name" or any(name.isdigit() for name in names):
            raise NotInTheLanguage
        return ("call", ".".join(reversed([*names, target[1]])), *arguments)

    def call_contains(self, _, *arguments):
        _refuse_lambdas(arguments)
        if len(arguments) != 2:
            raise NotInTheLanguage
        return ("contains", *arguments)

    def negate(self, operand):
        if operand[0] == "literal" and operand[1] in ("int", "float") and operand[2] >= 0:
            return literal(-operand[2])
        return ("-", operand)

    def invert(self, *parts):
        return ("!", parts[-1])

    def binary(self, left, operator, right):
        return (str(operator), left, right)

    def either(self, left, *rest):
        return ("||", left, rest[-1])

    def both(self, left, *rest):
        return ("&&", left, rest[-1])

    def coalesce(self, left, right):
        return ("??", left, right)

    def contained_in(self, left, _, right):
        return ("in", left, right)

    def contains(self, left, _, right):
        return ("contains", left, right)

    def conditional(self, test, then, otherwise):
        return ("?:", test, then, otherwise)


setattr(Shapes, "lambda", v_args(inline=True)(lambda self, name, body: ("lambda", str(name), body)))
