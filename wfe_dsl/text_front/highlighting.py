"""The TextMate grammar by which editors colour ``.wfe`` files, made from the tables of words.

``python -m wfe_dsl.text_front.highlighting`` writes ``docs/editors/wfe.tmLanguage.json``; ``--check`` only looks. Its
expressions keep to what the engines of editors and Python's ``re`` have in common. It colours words wherever they
stand: what a word means at its place is for the parser.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from wfe_vm.generated import keep_generated

from ..roots import ROOTS
from .words import (
    CLAUSE_WORDS,
    CONSTANT_WORDS,
    CONTINUING,
    HOOK_WORDS,
    MODIFIERS,
    OPERATOR_WORDS,
    RESERVED,
    STEP_WORDS,
    WORKFLOW_WORDS,
)

__all__ = ["main", "textmate"]

GRAMMAR: Final = "docs/editors/wfe.tmLanguage.json"
TYPES: Final = ("string", "number", "integer", "bool", "any", "list", "map")
NAME: Final = r"[\w-]+|\"[^\"\n]*\""
UNIT: Final = r"(?:ms|s|m|h|d)"

Rule = dict[str, Any]


def textmate() -> Rule:
    """Return the grammar."""
    control = [word for word in (*STEP_WORDS, *CONTINUING, *sorted(RESERVED)) if word not in _others()]
    return {
        "name": "WFE",
        "scopeName": "source.wfe",
        "fileTypes": ["wfe"],
        "patterns": [{"include": f"#{name}"} for name in ("comment", "raw", "strings", "statements", "values")],
        "repository": {
            "comment": _match(r"#.*$", "comment.line.number-sign"),
            "raw": {
                "name": _scope("string.unquoted.raw"),
                "begin": r"(`{3,})(?!`)",
                "end": r"(?<!`)\1(?!`)",
                "patterns": [{"include": "#interpolation"}, {"include": "#variable"}],
            },
            "strings": {"patterns": [_string('"', "double"), _string("'", "single")]},
            "interpolation": {
                "name": _scope("meta.interpolation"),
                "begin": r"\$\{\{",
                "end": r"\}\}",
                "beginCaptures": _captures("punctuation.section.interpolation.begin"),
                "endCaptures": _captures("punctuation.section.interpolation.end"),
                "patterns": [{"include": "#strings"}, {"include": "#values"}],
            },
            "variable": _match(
                r"\(\([ \t]*[A-Za-z_][\w-]*(?:\.[\w-]+)*[ \t]*(?:\|(?!\|)[^\n]*?)?\)\)", "variable.other.load-time"
            ),
            "statements": {
                "patterns": [
                    {
                        "match": rf"(?<![\w.-])(step)\s+({NAME})\s*(=)\s*(?:({_any(STEP_WORDS)})(?![\w-])|([\w-]+))?",
                        "captures": _captures(
                            "",
                            "keyword.control",
                            "entity.name.function.step",
                            "keyword.operator.assignment",
                            "keyword.control",
                            "entity.name.type",
                        ),
                    },
                    {
                        "match": rf"(?<![\w.-])(call|workflow)\s+({NAME})",
                        "captures": _captures("", "keyword.control", "entity.name.function.workflow"),
                    },
                    {
                        "match": rf"(?<![\w.-])(input|output)\s+({NAME})\s*:",
                        "captures": _captures("", "keyword.declaration", "variable.parameter"),
                    },
                    {
                        "match": rf"(?<![\w.-])(on)\s+({_any(HOOK_WORDS)})(?![\w-])",
                        "captures": _captures("", "keyword.other.modifier", "keyword.other.outcome"),
                    },
                    _match(rf"(?<![\w.-])(?:{_any(ROOTS)})(?=\s*[.\[])", "variable.language"),
                    _match(_word(control), "keyword.control"),
                    _match(_word(WORKFLOW_WORDS), "keyword.declaration"),
                    _match(_word(MODIFIERS), "keyword.other.modifier"),
                    _match(_word(CLAUSE_WORDS), "keyword.other.clause"),
                ]
            },
            "values": {
                "patterns": [
                    {"include": "#variable"},
                    _match(r"\.[\w]+(?:-\w+)*", "variable.other.member"),
                    _match(rf"(?<![\w.-])(?:{_any(ROOTS)})(?=\s*[.\[])", "variable.language"),
                    _match(_word(OPERATOR_WORDS), "keyword.operator.word"),
                    _match(_word(CONSTANT_WORDS), "constant.language"),
                    _match(r"(?<![\w.-])[A-Za-z_]\w*(?=\()", "support.function"),
                    _match(_word(TYPES), "support.type"),
                    _match(
                        rf"(?<![\w.-])[0-9]+(?:\.[0-9]+)?{UNIT}(?:[0-9]+(?:\.[0-9]+)?{UNIT})*(?![\w-])",
                        "constant.numeric.duration",
                    ),
                    _match(r"(?<![\w.-])[0-9]+(?:[kmg]|[KMG]i?B)(?![\w-])", "constant.numeric.size"),
                    _match(r"(?<![\w.-])[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w-])", "constant.numeric"),
                    _match(r"=>|==|!=|<=|>=|&&|\|\||\?\?|[-+*/%<>!?]", "keyword.operator"),
                    _match(r"=", "keyword.operator.assignment"),
                    _match(r"[\w]+(?:-\w+)*", "variable.other"),
                ]
            },
        },
    }


def _others() -> set[str]:
    return {*WORKFLOW_WORDS, *MODIFIERS, *OPERATOR_WORDS, *CONSTANT_WORDS, *CLAUSE_WORDS} - {*CONTINUING}


def _scope(name: str) -> str:
    return f"{name}.wfe"


def _match(expression: str, scope: str) -> Rule:
    return {"match": expression, "name": _scope(scope)}


def _captures(*scopes: str) -> Rule:
    return {str(number): {"name": _scope(scope)} for number, scope in enumerate(scopes) if scope}


def _any(words: Iterable[str]) -> str:
    return "|".join(dict.fromkeys(words))


def _word(words: Iterable[str]) -> str:
    return rf"(?<![\w.-])(?:{_any(words)})(?![\w-])"


def _string(quote: str, kind: str) -> Rule:
    escape = r"\\(?:u\{[0-9A-Fa-f]{1,6}\}|u[0-9A-Fa-f]{4}|[nrtbf\\\"'/])"
    return {
        "name": _scope(f"string.quoted.{kind}"),
        "begin": quote,
        "end": f"{quote}|$",
        "patterns": [
            _match(escape, "constant.character.escape"),
            {"include": "#interpolation"},
            {"include": "#variable"},
        ],
    }


def main(arguments: Sequence[str] | None = None, root: Path | None = None) -> int:
    """Write the grammar, or with ``--check`` compare it; returns the exit code."""
    files = {GRAMMAR: json.dumps(textmate(), indent=2) + "\n"}
    return keep_generated("wfe_dsl.text_front.highlighting", "the words of the language", files, arguments, root)


if __name__ == "__main__":
    sys.exit(main())
