"""The editors' grammar colours every word of the language, and reads as an editor would read it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.dsl.files import ROOT, TEXT_SOURCES
from wfe_dsl.text_front import highlighting
from wfe_dsl.text_front.words import (
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

FOLDER = ROOT / "docs" / "editors"
GRAMMAR = json.loads((FOLDER / "wfe.tmLanguage.json").read_text())
WORDS = sorted({*STEP_WORDS, *CONTINUING, *RESERVED, *WORKFLOW_WORDS, *MODIFIERS, *CLAUSE_WORDS})
EXPRESSION_WORDS = {*OPERATOR_WORDS, *CONSTANT_WORDS}
Rule = dict[str, Any]


def flat(patterns: list[Rule]) -> list[Rule]:
    """Return the rules of a list, those that it includes in their place."""
    found: list[Rule] = []
    for rule in patterns:
        if "include" in rule:
            found.extend(flat([GRAMMAR["repository"][rule["include"].removeprefix("#")]]))
        elif "match" in rule or "begin" in rule:
            found.append(rule)
        else:
            found.extend(flat(rule["patterns"]))
    return found


def colours(text: str) -> list[str]:
    """Return the innermost scope of each letter, as an editor gives it: line by line, the earliest rule first."""
    scopes: list[str] = []
    opened: list[tuple[Rule, str]] = []
    for line in text.split("\n"):
        at = 0
        while True:
            rule, end = opened[-1] if opened else ({"patterns": GRAMMAR["patterns"], "name": ""}, "(?!)")
            rules = [None, *flat(rule.get("patterns", []))]
            expressions = [end, *(one.get("match") or one["begin"] for one in rules if one)]
            matches = [re.compile(expression).search(line, at) for expression in expressions]
            first = (
                min((found.start(), number) for number, found in enumerate(matches) if found) if any(matches) else None
            )
            scopes += [rule["name"]] * ((first[0] if first else len(line)) - at)
            if first is None:
                break
            found, meant = matches[first[1]], rules[first[1]]
            assert found is not None
            scopes += painted(found, meant or rule)
            at = found.end()
            if meant is None:
                opened.pop()
            elif "begin" in meant:
                opened.append((meant, meant["end"].replace(r"\1", found[1] if found.re.groups else "")))
        scopes.append(rule["name"])
    return scopes[: len(text)]


def painted(found: re.Match[str], rule: Rule) -> list[str]:
    """Return the scopes of what a rule matches."""
    scopes = [rule.get("name", "")] * len(found[0])
    for group, capture in rule.get("captures", {}).items():
        start, end = (place - found.start() for place in found.span(int(group)))
        scopes[max(start, 0) : max(end, 0)] = [capture["name"]] * (end - start)
    return scopes


def scope_of(text: str, token: str, nth: int = 0) -> str:
    """Return the scope of a token in a text, all of which has one; ``nth`` of several."""
    at = [found.start() for found in re.finditer(rf"(?<!\w){re.escape(token)}(?!\w)", text)][nth]
    found = set(colours(text)[at : at + len(token)])
    assert len(found) == 1, found
    return found.pop().removesuffix(".wfe")


def test_the_grammar_is_made_from_the_table_of_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert highlighting.main(["--check"]) == 0
    assert capsys.readouterr().out == ""


def test_one_that_is_older_than_the_words_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert highlighting.main(["--check"], tmp_path) == 1
    assert "python -m wfe_dsl.text_front.highlighting" in capsys.readouterr().out
    assert highlighting.main([], tmp_path) == 0
    assert highlighting.main(["--check"], tmp_path) == 0


@pytest.mark.parametrize("word", WORDS)
def test_every_word_of_the_language_is_coloured(word: str) -> None:
    scope = scope_of(f"  {word} x\n", word)
    assert scope.startswith("constant.language" if word in CONSTANT_WORDS else "keyword"), scope
    for name in (f"my-{word}", f"{word}_2", f"{word}-x", f".{word}"):
        assert not colours(f"  {name} x\n")[3].startswith("keyword"), name


@pytest.mark.parametrize("outcome", HOOK_WORDS)
def test_outcomes_are_coloured_after_on(outcome: str) -> None:
    assert scope_of(f"on {outcome} {{ }}", outcome) == "keyword.other.outcome"


@pytest.mark.parametrize(
    ("text", "token", "scope"),
    [
        ('step build = shell "make"', "build", "entity.name.function.step"),
        ('step build = shell "make"', "shell", "entity.name.type"),
        ("step both = parallel {", "parallel", "keyword.control"),
        ("call roll-out version 2", "roll-out", "entity.name.function.workflow"),
        ("workflow deploy version 3", "deploy", "entity.name.function.workflow"),
        ("input env: string", "env", "variable.parameter"),
        ("input env: list<string>", "string", "support.type"),
        ('run "make"  # if it is so', "# if it is so", "comment.line.number-sign"),
        ('run "make # all"', "make # all", "string.quoted.double"),
        ("run 'make if'", "make if", "string.quoted.single"),
        ('run "a ${{ inputs.name }} b"', "inputs", "variable.language"),
        ('run "a ${{ inputs.name }} b"', "b", "string.quoted.double"),
        (r'run "\n"', r"\n", "constant.character.escape"),
        ("timeout 1h30m", "1h30m", "constant.numeric.duration"),
        ("memory 256MiB", "256MiB", "constant.numeric.size"),
        ("backoff 1.5", "1.5", "constant.numeric"),
        ("when a == b", "==", "keyword.operator"),
        ("when not a", "not", "keyword.operator.word"),
        ("let x = upper(y)", "upper", "support.function"),
        ("when steps.if.output.wait", "wait", "variable.other.member"),
        ("run ((target | all))", "((target | all))", "variable.other.load-time"),
        ("run ```\n  if x; then\n```\nif y {", "then", "string.unquoted.raw"),
        ("run ````\n  ```\n  x\n````\nif y {", "x", "string.unquoted.raw"),
        ("run ````\n  ```\n  x\n````\nif y {", "if", "keyword.control"),
        ('run "never closed\nif y {', "if", "keyword.control"),
    ],
)
def test_a_token_has_its_scope(text: str, token: str, scope: str) -> None:
    assert scope_of(text, token) == scope


@pytest.mark.parametrize("name", [name for name in TEXT_SOURCES if name.startswith(("examples/", "tests/data/text/"))])
def test_of_a_file_every_letter_outside_of_texts_is_coloured(name: str) -> None:
    text = TEXT_SOURCES[name]
    plain = {letter for letter, scope in zip(text, colours(text), strict=True) if not scope and not letter.isspace()}
    assert plain <= set("{}[]():,;.")
    assert colours(text + "step last = shell")[-len("last = shell") :][:4] == ["entity.name.function.step.wfe"] * 4


def test_the_folder_is_an_extension_whose_files_are_there() -> None:
    package = json.loads((FOLDER / "package.json").read_text())
    [language], [grammar] = package["contributes"]["languages"], package["contributes"]["grammars"]
    assert (FOLDER / grammar["path"]).exists()
    assert (FOLDER / language["configuration"]).exists()
    assert (grammar["language"], grammar["scopeName"]) == (language["id"], GRAMMAR["scopeName"])
    assert json.loads((FOLDER / "language-configuration.json").read_text())["comments"] == {"lineComment": "#"}
