"""The hand-written parser of the text language reads the language of ``grammars/workflow.lark``."""

from __future__ import annotations

import random
import re
from contextlib import suppress
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.dsl.files import LANGUAGE, SOUND, TEXT_SOURCES
from tests.dsl.reference_text import GivenTwice, in_the_language, taken_by_the_parser
from tests.dsl.trees import documents
from tests.examples import examples
from wfe_dsl import nodes
from wfe_dsl.comments import Comments
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.text_front import print_document
from wfe_dsl.text_front.modifiers import RETRY_WORDS
from wfe_dsl.text_front.tokens import tokens_of
from wfe_dsl.text_front.words import (
    CLAUSE_WORDS,
    CONSTANT_WORDS,
    CONTINUING,
    HOOK_WORDS,
    MODIFIERS,
    NO_KEYS,
    OPERATOR_WORDS,
    RESERVED,
    SETTINGS,
    STEP_WORDS,
    WORKFLOW_WORDS,
)
from wfe_dsl.variables import Variables
from wfe_dsl.yaml_front import load_yaml_text

OPERATORS = {*OPERATOR_WORDS, *CONSTANT_WORDS}
YAML_SOURCES = {**SOUND, **{name: path.read_text() for name, path in LANGUAGE.items()}}


def changed(text: str, choose: random.Random) -> str:
    """Return a text in which one token, or two, were left out, doubled or swapped with the next one."""
    for _ in range(choose.choice((1, 1, 2))):
        tokens = tokens_of(text)
        if len(tokens) < 3:
            break
        at = choose.randrange(len(tokens) - 2)
        (_, one, start, end), (_, other, next_start, next_end) = tokens[at], tokens[at + 1]
        gap = text[end:next_start]
        new = {
            "delete": f" {gap}{other}",
            "double": f"{one} {one}{gap}{other}",
            "swap": f"{other}{gap or ' '}{one} ",
        }[choose.choice(("delete", "double", "swap"))]
        text = text[:start] + new + text[next_end:]
    return text


def same_verdict(text: str) -> bool:
    """Return what both say of a text."""
    taken = taken_by_the_parser(text)
    assert in_the_language(text) == taken, text
    return taken


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=examples(50))
@given(documents())
def test_every_tree_that_is_printed_is_in_the_language_of_the_grammar(document: nodes.Document) -> None:
    assert same_verdict(print_document(document, Comments()))


@pytest.mark.parametrize("name", [name for name in TEXT_SOURCES if "broken" not in name])
def test_every_text_of_this_repository_is_in_the_language_of_the_grammar(name: str) -> None:
    assert same_verdict(TEXT_SOURCES[name])


@pytest.mark.parametrize("name", [name for name in TEXT_SOURCES if "broken" in name])
def test_of_broken_texts_both_take_or_refuse_the_same(name: str) -> None:
    with suppress(GivenTwice):
        same_verdict(TEXT_SOURCES[name])


@pytest.mark.parametrize("name", YAML_SOURCES)
def test_every_yaml_file_of_this_repository_printed_is_in_the_language_of_the_grammar(name: str) -> None:
    document = load_yaml_text(YAML_SOURCES[name], Variables(keep=True), Diagnostics(), read=lambda path: b"")
    assert document is not None
    assert same_verdict(print_document(document, Comments()))


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=examples(300))
@given(st.sampled_from(list(TEXT_SOURCES.values())), st.randoms(use_true_random=False))
def test_of_changed_texts_both_take_or_refuse_the_same(text: str, choose: Any) -> None:
    try:
        same_verdict(changed(text, choose))
    except GivenTwice:
        assume(False)


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=examples(40))
@given(documents(), st.randoms(use_true_random=False))
def test_of_changed_trees_both_take_or_refuse_the_same(document: nodes.Document, choose: Any) -> None:
    try:
        same_verdict(changed(print_document(document, Comments()), choose))
    except GivenTwice:
        assume(False)


@pytest.mark.parametrize(
    "key", ['on_failure { run "x" }', "on_error: 1", '"on_abort" 1', "on_failures 1", "ensure { }"]
)
def test_of_keys_that_are_hooks_in_yaml_both_take_or_refuse_the_same(key: str) -> None:
    same_verdict(f'workflow demo version 1 {{ step a = shell {{ run "make"; {key} }} }}')


GRAMMAR = files("wfe_dsl.grammars").joinpath("workflow.lark").read_text()


def words_of(terminal: str) -> set[str]:
    """Return the words that a terminal lists."""
    found = re.search(rf"^{terminal}(?:\.\d)?: /(?:\(\?<!\\w\))?(?:\(\?!)?\(\?:([\w|]+)\)", GRAMMAR, re.MULTILINE)
    assert found is not None
    return set(found[1].split("|"))


def test_the_words_of_the_grammar_are_those_of_the_parser() -> None:
    assert words_of("ID") == RESERVED
    assert words_of("TASK_KEY") == NO_KEYS
    assert words_of("SETTING") == set(SETTINGS)
    assert words_of("OUTCOME") == set(HOOK_WORDS)
    assert words_of("RETRY_WORD") == RETRY_WORDS.keys() - {"jitter", "on"}
    own = {word.lower() for word in re.findall(r"^([A-Z_]+)\.2: ", GRAMMAR, re.MULTILINE)}
    tables = {*STEP_WORDS, *CONTINUING, *MODIFIERS, *WORKFLOW_WORDS, *CLAUSE_WORDS, *RESERVED} - OPERATORS
    assert {*own, *words_of("SETTING"), *words_of("RETRY_WORD")} - {"flag", "setting", "retry_word"} == tables
