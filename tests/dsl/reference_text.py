"""Reads the text language with a parser made from ``grammars/workflow.lark``: what the hand-written one is held to.

Only whether a text is in the language is asked. What later passes refuse is left out on both sides: which keys a
step has, what values may be (a number beyond 64 bits), a key that is given twice.
"""

from functools import cache

from lark import Lark, Token, Transformer, Tree, UnexpectedInput, v_args
from lark.exceptions import VisitError
from lark.visitors import merge_transformers

from tests.dsl.reference_grammar import NotInTheLanguage, Shapes, too_large
from wfe_dsl import nodes
from wfe_dsl.declared_types import report_type
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.expression_tokens import ExpressionSyntaxError, string_value
from wfe_dsl.interpolation import Interpolator
from wfe_dsl.source import SourceFile
from wfe_dsl.text_front.context import TextContext
from wfe_dsl.text_front.scalars import EXPRESSION
from wfe_dsl.text_front.workflows import read_text
from wfe_dsl.variables import Variables
from wfe_dsl.yaml_front.tree import Broken, Listing, Mapping, Scalar

GIVEN_TWICE = "WFE0014"
OUT_OF_RANGE = "WFE0017"
OPENING = ("LPAR", "LSQB", "LBRACE", "LIST", "BLOCK")
CLOSING = ("RPAR", "RSQB", "RBRACE")
OPERATORS = ("EQUALITY", "RELATION", "SIGN", "FACTOR", "AND", "OR", "NOT", "IN", "CONTAINS")
SIGNS = {"?", ":", "??", "||", "&&", "!", "-", ",", "=>"}


class GivenTwice(Exception):
    """A key stands twice: a later pass would have looked at the first one only."""


def in_the_language(text):
    """Return whether the reference parser takes a text."""
    try:
        tree = _parser().parse(text)
        _check(_transformer().transform(tree))
    except (UnexpectedInput, VisitError, NotInTheLanguage):
        return False
    return True


def taken_by_the_parser(text):
    """Return whether the parser of ``wfe_dsl.text_front`` takes a text. Raises GivenTwice."""
    source = SourceFile.from_text("text.wfe", text)
    diagnostics = Diagnostics()
    found = read_text(source, diagnostics)
    codes = {one.code for one in diagnostics.found} - {OUT_OF_RANGE}
    if found is not None and not codes:
        context = TextContext(Interpolator(Variables(keep=True), (), diagnostics), diagnostics)
        for workflow in found.workflows:
            _read(workflow, source, context)
        codes = {one.code for one in diagnostics.found} - {OUT_OF_RANGE}
    if codes == {GIVEN_TWICE}:
        raise GivenTwice
    return not codes


def _read(node, source, context):
    """Read all that the first pass has only found the extent of: expressions and types."""
    if isinstance(node, Scalar):
        if node.style == EXPRESSION:
            context.expression(node, "this place")
    elif isinstance(node, Listing):
        for item in node.items:
            _read(item, source, context)
    elif isinstance(node, Mapping):
        for key in ("inputs", "outputs"):
            if key in node.entries:
                _read_types(node.entries[key].value, source, context)
        for entry in node.entries.values():
            _read(entry.value, source, context)
    else:
        assert isinstance(node, Broken)


def _read_types(declared, source, context):
    whole = isinstance(declared, Mapping)
    found = [entry.value for entry in declared.entries.values()] if whole else getattr(declared, "items", [])
    for one in found:
        written = one.get("type") if isinstance(one, Mapping) else one
        if isinstance(written, Scalar) and written.style == '"' and source.text[written.begin] not in "\"'":
            report_type(nodes.TypeText(span=written.span, text=written.text), context.diagnostics)


class Newlines:
    """Leaves out the newlines that are blanks, as the grammar's head says."""

    always_accept = ("NEWLINE",)

    def process(self, tokens):
        open_ones = []
        before = None
        for token in tokens:
            kind = token.type
            if kind in OPENING:
                open_ones.append(kind)
            elif kind in CLOSING and open_ones:
                open_ones.pop()
            blank = (open_ones and open_ones[-1] != "BLOCK") or before is None or _is_operator(before)
            if kind != "NEWLINE":
                before = token
            elif blank:
                continue
            yield token


def _is_operator(token):
    if token.type.startswith("expr__"):
        return token.type.removeprefix("expr__") in OPERATORS
    return token.type not in ("KEY_COLON", "OPTIONAL") and token in SIGNS


@cache
def _parser():
    return Lark.open_from_package("wfe_dsl", "workflow.lark", ("grammars",), parser="lalr", postlex=Newlines())


@v_args(inline=True)
class _Expressions(Shapes):
    """Shapes of expressions, whose strings may hold ``${{ }}``."""

    def string(self, token):
        return ("literal", "str", _string(token))

    def entry(self, key, value):
        return (_string(key) if key.type.endswith("STRING") else str(key), value)


@v_args(inline=True)
class _Additions(Transformer):
    """What this notation adds to expressions."""

    def variable(self, token):
        return ("name", str(token))

    def data_key(self, token):
        return ("name", str(token))


def _string(token):
    try:
        return string_value(token, 0)
    except ExpressionSyntaxError as error:
        raise NotInTheLanguage(token) from error


@cache
def _transformer():
    return merge_transformers(_Additions(), expr=_Expressions())


def _check(tree):
    """Refuse what the grammar leaves to the reader of its tree."""
    for part in tree.iter_subtrees():
        for child in part.children:
            if isinstance(child, Token) and child.type == "STRING":
                _string(child)
            elif isinstance(child, tuple) and too_large(child):
                raise NotInTheLanguage(child)
        if part.data in ("task", "step") and _has_call(part) and "python" not in part.children:
            raise NotInTheLanguage(part)


def _has_call(step):
    blocks = [child for child in step.children if isinstance(child, Tree) and child.data == "task_block"]
    return any(isinstance(part, Tree) and part.data == "call_entry" for block in blocks for part in block.children)
