"""A file of the text language: its includes, its workflows, and what a workflow holds beside its steps.

The result is the plain tree that the same file would be in YAML, so whatever is checked there is checked here,
with the same codes and messages.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ..diagnostics.codes import ABSENCES
from ..diagnostics.model import Diagnostics
from ..source import SourceFile, Span
from ..suggest import nearest
from ..yaml_front.tree import Broken, Entry, Listing, Mapping, Node
from .cursor import Cursor, Mistake
from .modifiers import read_key
from .slips import OTHER_WORDS
from .steps import STEP_EXAMPLE, read_step, read_steps
from .tokens import Token
from .values import Entries, add_entry, literal, name, string, text, type_text, value
from .words import MODIFIERS, SETTINGS, STEP_WORDS, WORKFLOW_WORDS

__all__ = ["ReadText", "read_text"]

HEADER_EXAMPLE: Final = 'as in workflow deploy version 1 "Build and deploy" { … }'
DECLARATION_EXAMPLE: Final = 'as in input region: string = "eu" in ["eu", "us"]'


class ReadText(msgspec.Struct):
    """What a file says, as plain trees. ``unread``: what not to blame for being missing, as something can't be read."""

    span: Span
    workflows: list[Node]
    includes: list[Node]
    unread: frozenset[str]


def read_text(source: SourceFile, diagnostics: Diagnostics) -> ReadText | None:
    """Return what a text says; None where nothing is in it. Its mistakes go to ``diagnostics``."""
    cursor = Cursor(source, diagnostics)
    cursor.skip_separators()
    if cursor.kind == "end":
        span = cursor.layout.span(0, 0)
        diagnostics.add("WFE0012", "the file is empty", span, f"begin with a workflow, {HEADER_EXAMPLE}")
        return None
    if cursor.word in ("workflow", "workflows", "include") and cursor.next_kind() == ":":
        help = "name it with .yaml at its end; `wfec convert` makes a file of the text language of it"
        diagnostics.add("WFE0630", "this is YAML in a file of the text language", cursor.span(cursor.token), help)
        return None
    found = ReadText(cursor.layout.span(0, len(source.text)), [], [], frozenset())
    while True:
        cursor.skip_separators()
        if cursor.kind == "end":
            break
        begin = cursor.at
        try:
            _read_top(cursor, found)
            if cursor.kind not in ("newline", ";", "end") and not cursor.begins_statement():
                if cursor.kind == "}":
                    _refuse_brace(cursor)
                raise cursor.refuse(
                    "the end of the statement", "each workflow and each include stands on lines of its own"
                )
        except Mistake:
            cursor.recover(begin)
            if cursor.kind == "}":
                cursor.at += 1
    if not found.workflows and not found.includes and not cursor.broken:
        diagnostics.add("WFE0105", "the file has no workflow", found.span, f"begin with one, {HEADER_EXAMPLE}")
    if cursor.broken:
        found.unread = frozenset(ABSENCES)
        if not found.workflows:
            return None if not found.includes else found
    return found


def _read_top(cursor: Cursor, found: ReadText) -> None:
    if cursor.take_word("include") is not None:
        found.includes.append(text(cursor, "a path", 'as in include "shared/deploy.wfe"'))
    elif (token := cursor.take_word("workflow")) is not None:
        found.workflows.append(_workflow(cursor, token))
    elif cursor.kind == "}":
        _refuse_brace(cursor)
    else:
        word = cursor.word
        guess = nearest(word, ("workflow", "include")) if word else None
        if word in STEP_WORDS or word in WORKFLOW_WORDS:
            help = "put it into a workflow; perhaps a `}` before it ends the workflow too early"
            cursor.report("WFE0605", f"`{word}` stands outside of any workflow", cursor.span(cursor.token), help)
            _skip_to_workflow(cursor)
            return
        raise cursor.refuse("`workflow` or `include`", f"did you mean `{guess}`?" if guess else HEADER_EXAMPLE)


def _refuse_brace(cursor: Cursor) -> None:
    message = "`}` without its `{`"
    cursor.report("WFE0605", message, cursor.span(cursor.token), "remove it, or put a `{` before what it ends")
    _skip_to_workflow(cursor)
    raise Mistake


def _skip_to_workflow(cursor: Cursor) -> None:
    """Pass over what a misplaced brace left outside of its workflow: it is one mistake."""
    while cursor.kind != "end" and not (cursor.word in ("workflow", "include") and cursor.begins_statement()):
        cursor.at += 1


def _workflow(cursor: Cursor, token: Token) -> Node:
    entries: Entries = {}
    if cursor.word == "version" and cursor.next_kind() == "number":
        raise cursor.refuse("the id of the workflow", HEADER_EXAMPLE)
    id = name(cursor, "the id of the workflow", HEADER_EXAMPLE)
    entries["id"] = Entry("id", id.span, id)
    if (word := cursor.take_word("version")) is not None:
        entries["version"] = Entry("version", cursor.span(word), literal(cursor, "a version", HEADER_EXAMPLE))
    if cursor.kind in ("string", "raw"):
        title = string(cursor, cursor.take())
        entries["name"] = Entry("name", title.span, title)
    if cursor.kind != "{":
        given = "version" in entries
        if not given and "name" in entries and cursor.word == "version":
            raise cursor.refuse("`{`", f"the version stands before the title, {HEADER_EXAMPLE}")
        raise cursor.refuse("`{`" if given else "`version` with a number", HEADER_EXAMPLE)
    head = cursor.span_from(token[2])
    steps: list[Node] = []
    broken, cursor.broken = cursor.broken, False
    cursor.block(lambda: _item(cursor, entries, steps))
    if cursor.broken and not steps:
        steps.append(Broken(head))
    cursor.broken = cursor.broken or broken
    entries["steps"] = Entry("steps", head, Listing(head, steps))
    return Mapping(head, entries)


def _item(cursor: Cursor, entries: Entries, steps: list[Node]) -> None:
    token = cursor.token
    word = token[1] if token[0] == "word" else ""
    if word in STEP_WORDS:
        step = read_step(cursor)
        cursor.end_statement()
        steps.append(step)
    elif word == "input" or word == "output":
        cursor.at += 1
        if cursor.kind == "{":
            opening = cursor.token
            span = cursor.block(lambda: _declaration(cursor, entries, word), commas=True)
            entries.setdefault(f"{word}s", Entry(f"{word}s", cursor.span(opening), Mapping(span, {})))
        else:
            _declaration(cursor, entries, word)
    elif word == "description":
        cursor.at += 1
        found = text(cursor, "a text", 'as in description "Builds and deploys"')
        add_entry(cursor, entries, word, cursor.span(token), found)
    elif word == "defaults":
        cursor.at += 1
        _defaults(cursor, entries, token)
    elif word == "on" or word == "ensure" or word == "error_behavior":
        cursor.at += 1
        read_key(cursor, token, entries, read_steps)
    elif word in SETTINGS:
        cursor.at += 1
        add_entry(cursor, entries, word, cursor.span(token), value(cursor))
    else:
        _refuse_item(cursor, entries, token)


def _refuse_item(cursor: Cursor, entries: Entries, token: Token) -> None:
    word = token[1] if token[0] == "word" else ""
    guess = nearest(word, (*WORKFLOW_WORDS, *STEP_WORDS)) if word else None
    if word in OTHER_WORDS:
        help = f"it is written {OTHER_WORDS[word]}"
        guess = None
    elif word.startswith("_"):
        help = "a place for what nothing reads is not needed here; remove it"
    elif guess is not None:
        help = f"did you mean `{guess}`?"
    elif word in MODIFIERS:
        help = f"`{word}` is said of a step, after it: step build = shell {{ … }} {word} …"
        if word in ("retry", "error_behavior"):
            help += f"; for all tasks in defaults {{ {word} … }}"
    elif word and cursor.next_kind() in ("=", "string", "{"):
        help = f'a step begins with a word such as `step`: step {word} = shell "make"'
    else:
        help = STEP_EXAMPLE
    if guess in WORKFLOW_WORDS:
        # As any unknown key of a workflow.
        cursor.report("WFE0101", f"a workflow has no key `{word}`", cursor.span(token), help)
        raise Mistake
    raise cursor.refuse("a step or a part of the workflow", help)


def _declaration(cursor: Cursor, entries: Entries, word: str) -> None:
    key = f"{word}s"
    found = name(cursor, f"the name of the {word}", DECLARATION_EXAMPLE)
    declared = entries.get(key)
    if declared is None:
        declared = entries[key] = Entry(key, found.span, Mapping(found.span, {}))
    assert isinstance(declared.value, Mapping)
    names = declared.value.entries
    cursor.expect(":", "`:` with a type", DECLARATION_EXAMPLE)
    given = type_text(cursor)
    inner: Entries = {"type": Entry("type", given.span, given)}
    if (token := cursor.token)[0] == "=":
        cursor.at += 1
        inner["default"] = Entry("default", cursor.span(token), literal(cursor, "a default", DECLARATION_EXAMPLE))
    if (begin := cursor.take_word("in")) is not None:
        allowed = literal(cursor, "a list of the values that are allowed", DECLARATION_EXAMPLE)
        inner["enum"] = Entry("enum", cursor.span(begin), allowed)
    if cursor.kind in ("string", "raw"):
        description = string(cursor, cursor.take())
        inner["description"] = Entry("description", description.span, description)
    whole: Node = given if len(inner) == 1 else Mapping(cursor.span_from(found.begin), inner)
    add_entry(cursor, names, found.text, found.span, whole)


def _defaults(cursor: Cursor, entries: Entries, token: Token) -> None:
    inner: Entries = {}
    start = cursor.token[2]

    def item() -> None:
        key = cursor.token
        if key[0] != "word":
            raise cursor.refuse("a key", "as in defaults { timeout 10m; retry 3 every 5s }")
        cursor.at += 1
        if key[1] == "retry":
            read_key(cursor, key, inner, read_steps)
        else:
            add_entry(cursor, inner, key[1], cursor.span(key), value(cursor))

    cursor.block(item)
    add_entry(cursor, entries, "defaults", cursor.span(token), Mapping(cursor.span_from(start), inner))
