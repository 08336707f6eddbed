"""Steps in the text language: one function for each word that begins one.

A step becomes the map that it would be in YAML; what its keys and values have to be is for the builders that
all notations share. ``step NAME = …`` gives any step its name.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from ..suggest import nearest
from ..yaml_front.step_keys import HOOKS
from ..yaml_front.tree import Broken, Entry, Listing, Mapping, Node, Scalar
from .cursor import Cursor, Mistake
from .modifiers import modifiers, read_key
from .slips import OTHER_WORDS
from .tokens import Token
from .values import (
    CONTINUING_SIGNS,
    Entries,
    add_entry,
    embedded,
    expression,
    expression_map,
    literal,
    literal_of,
    map_block,
    name,
    plain,
    string,
    text,
    value,
)
from .words import BLOCK_KEYS, HOOK_WORDS, MODIFIERS, RESERVED, SHORTHANDS, STEP_WORDS, WORKFLOW_WORDS, outside_tasks

AFTER_RETURN: Final = frozenset(MODIFIERS).difference(("inputs", "outputs"))
"""The other two would be the beginnings of an expression."""

__all__ = ["read_step", "read_steps"]

STEP_EXAMPLE: Final = 'as in step build = shell "make"'
TAKING_STEPS: Final = frozenset(
    ("sequence", "parallel", "race", "saga", "repeat", "else", "ensure", "compensate", "on_timeout", *HOOK_WORDS)
)
"""Words that steps in braces stand directly after."""
ARGUMENTS_EXAMPLE: Final = "as in call deploy (region: inputs.region)"
RETURN_EXAMPLE: Final = "as in return { image: steps.build.output.image }"
CASE_EXAMPLE: Final = 'as in case "live" { step ship = shell "make ship" }'


def read_steps(cursor: Cursor) -> Listing:
    """Return the steps that stand in braces."""
    items: list[Node] = []
    start = cursor.token[2]
    broken_before = cursor.broken

    def item() -> None:
        step = read_step(cursor)
        cursor.end_statement()
        items.append(step)

    cursor.broken = False
    before = cursor.tokens[cursor.at - 1]
    if before[0] == "word" and before[1] in TAKING_STEPS:
        cursor.block(item, example=f'as in {before[1]} {{ step tell = shell "make tell" }}')
    else:
        cursor.block(item)
    if cursor.broken and not items:
        items.append(Broken(cursor.span_from(start)))
    cursor.broken = cursor.broken or broken_before
    return Listing(cursor.span_from(start), items)


def read_step(cursor: Cursor) -> Node:
    """Return the step that begins here."""
    token = cursor.token
    word = token[1] if token[0] == "word" else ""
    reader = READERS.get(word)
    if reader is None:
        raise _refuse_statement(cursor, word)
    cursor.at += 1
    entries: Entries = {}
    reader(cursor, token, entries)
    return Mapping(cursor.span_from(token[2]), entries)


def _refuse_statement(cursor: Cursor, word: str) -> Mistake:
    if word in OTHER_WORDS:
        return cursor.refuse("a step", f"it is written {OTHER_WORDS[word]}")
    guess = nearest(word, STEP_WORDS) if word else None
    if guess is not None:
        return cursor.refuse("a step", f"did you mean `{guess}`?")
    if word in WORKFLOW_WORDS:
        return cursor.refuse(
            "a step", f"`{word}` stands in the workflow itself; of a step it is said after it, in with {{ … }}"
        )
    if word and cursor.next_kind() in ("=", "string", "{"):
        return cursor.refuse("a step", f'a step begins with a word such as `step`: step {word} = shell "make"')
    return cursor.refuse("a step", f"{STEP_EXAMPLE}; a step begins with one of: {', '.join(STEP_WORDS)}")


def _put(cursor: Cursor, entries: Entries, key: str, token: Token, found: Node) -> None:
    add_entry(cursor, entries, key, cursor.span(token), found)


def _option(cursor: Cursor, entries: Entries, *words: str) -> bool:
    """Read a word of the step's own and its literal, if one of ``words`` comes next."""
    token = cursor.take_word(*words)
    if token is None:
        return False
    _put(cursor, entries, token[1], token, literal_of(cursor, token[1]))
    return True


def _header(cursor: Cursor, entries: Entries, inner: Entries, *words: str) -> None:
    """Read what stands between a block's first words and its brace: its own options and those of all steps."""
    while True:
        before = cursor.at
        while _option(cursor, inner, *words):
            pass
        if cursor.kind == "word":
            modifiers(cursor, entries, read_steps, but=words)
        if cursor.at == before:
            return


def _body(cursor: Cursor, entries: Entries, key: str) -> None:
    opening = cursor.token
    steps = read_steps(cursor)
    entries[key] = Entry(key, cursor.span(opening), steps)


# Names and tasks


def _step(cursor: Cursor, token: Token, entries: Entries) -> None:
    found = name(cursor, "the name of a step", STEP_EXAMPLE)
    if cursor.kind == "word" and cursor.next_kind() == "=":
        more = cursor.take()
        message = f"the name `{cursor.text[found.begin : more[3]]}` has a blank, which a name can't have"
        help = f"a name is made of letters, digits, `_` and `-`, as in `{found.text}-{more[1]}`"
        cursor.report("WFE0113", message, cursor.span_from(found.begin), help)
    entries["name"] = Entry("name", found.span, found)
    cursor.expect("=", "`=`", STEP_EXAMPLE)
    following = cursor.token
    word = cursor.word
    if word in READERS and word != "step":
        cursor.at += 1
        READERS[word](cursor, following, entries)
        return
    if word == "" and (cursor.kind != "string" or cursor.next_kind() not in ("string", "raw", "{")):
        raise cursor.refuse("the type of the step", STEP_EXAMPLE)
    if word in RESERVED and word != "workflow":
        raise cursor.refuse("the type of the step", STEP_EXAMPLE)
    cursor.at += 1
    kind = string(cursor, following) if word == "" else plain(cursor, following)
    entries["type"] = Entry("type", kind.span, kind)
    config: Entries = {}
    start = cursor.token[2]
    given = cursor.kind in ("string", "raw", "variable", "{", "unclosed")
    if cursor.kind in ("string", "raw", "variable"):
        found = text(cursor, "what it does", STEP_EXAMPLE)
        key = SHORTHANDS.get(kind.text, "run")
        config[key] = Entry(key, found.span, found)
    _task_rest(cursor, entries, config, start, given, kind.text)


def _task_rest(cursor: Cursor, entries: Entries, config: Entries, start: int, given: bool, type: str) -> None:
    modifiers(cursor, entries, read_steps)
    if cursor.kind == "unclosed":
        raise cursor.refuse("what it does", STEP_EXAMPLE)
    if cursor.kind == "{":
        given = True
        before = cursor.mistakes
        cursor.block(lambda: _task_item(cursor, entries, config, type), foreign=outside_tasks(type))
        end = cursor.tokens[cursor.at - 1][3]
        if cursor.mistakes > before:
            # What seems to be missing may be what could not be read.
            span = cursor.layout.span(min(start, end), end)
            entries["config"] = Entry("config", span, Broken(span))
        modifiers(cursor, entries, read_steps)
    else:
        end = cursor.tokens[cursor.at - 1][3]
    if (given or config) and "config" not in entries:
        span = cursor.layout.span(min(start, end), end)
        entries["config"] = Entry("config", span, Mapping(span, config))


def _task_item(cursor: Cursor, entries: Entries, config: Entries, type: str) -> None:
    """Read what stands in the block of a task: a key of the step or one of its configuration."""
    token = cursor.token
    kind, word, _, _ = token
    if kind == "string":
        key = string(cursor, cursor.take())
        add_entry(cursor, config, key.text, key.span, value(cursor))
        return
    if word in OTHER_WORDS and word in HOOKS:
        raise cursor.refuse("a key", f"it is written {OTHER_WORDS[word]}")
    if kind not in ("word", "number"):
        raise cursor.refuse("a key", 'as in run "make", timeout 5m or env { NAME "value" }')
    if kind == "word" and word in outside_tasks(type) and cursor.next_kind() not in (":", "="):
        raise cursor.refuse("a key", f'a key that is also a word for steps stands in quotes: "{word}"')
    cursor.at += 1
    if cursor.kind in ("newline", ";", "}", "end") and word not in BLOCK_KEYS:
        raise cursor.refuse(f"a value for `{word}`", f'as in {word} "…"')
    if word == "config":
        found = map_block(cursor)
        if isinstance(found, Mapping):
            for entry in found.entries.values():
                add_entry(cursor, config, entry.key, entry.key_span, entry.value)
        return
    if word in BLOCK_KEYS and not (word == "on" and cursor.kind == "="):
        read_key(cursor, token, entries, read_steps)
        return
    add_entry(cursor, config, word, cursor.span(token), value(cursor))


def _call(cursor: Cursor, token: Token, entries: Entries) -> None:
    workflow = name(cursor, "the id of a workflow", ARGUMENTS_EXAMPLE)
    if "name" not in entries:
        entries["name"] = Entry("name", workflow.span, workflow)
    kind = Scalar(cursor.span(token), "workflow", "workflow", "", token[2], token[3])
    entries["type"] = Entry("type", kind.span, kind)
    config: Entries = {"workflow": Entry("workflow", workflow.span, workflow)}
    _option(cursor, config, "version")
    if cursor.kind in ("string", "raw", "number"):
        raise cursor.refuse("`(` with the inputs", ARGUMENTS_EXAMPLE)
    if cursor.kind == "(":
        opening = cursor.token
        arguments = expression_map(cursor, "(", ARGUMENTS_EXAMPLE)
        entries["inputs"] = Entry("inputs", cursor.span(opening), arguments)
    if (detach := cursor.take_word("detach")) is not None:
        always = Scalar(cursor.span(detach), "true", True, "", detach[2], detach[3])
        config["detach"] = Entry("detach", always.span, always)
    _task_rest(cursor, entries, config, token[2], True, "workflow")


# Blocks


def _block_of(key: str) -> Callable[[Cursor, Token, Entries], None]:
    def read(cursor: Cursor, token: Token, entries: Entries) -> None:
        modifiers(cursor, entries, read_steps)
        steps = read_steps(cursor)
        _put(cursor, entries, key, token, steps)
        modifiers(cursor, entries, read_steps)

    return read


def _parallel(cursor: Cursor, token: Token, entries: Entries) -> None:
    inner: Entries = {}
    _header(cursor, entries, inner, "limit", "fail_fast")
    steps = read_steps(cursor)
    found: Node = steps
    if inner:
        found = Mapping(cursor.span_from(token[2]), {"steps": Entry("steps", steps.span, steps), **inner})
    _put(cursor, entries, "parallel", token, found)
    modifiers(cursor, entries, read_steps)


def _condition(cursor: Cursor, example: str) -> Node:
    """Return the expression between the first word of a block and its brace, which may be all that there is."""
    if cursor.kind == "{" and not cursor.begins_map():
        raise cursor.refuse("an expression", f"as in {example}")
    return expression(cursor)


def _if(cursor: Cursor, token: Token, entries: Entries) -> None:
    _put(cursor, entries, "if", token, _condition(cursor, "if inputs.live { … }"))
    modifiers(cursor, entries, read_steps)
    _body(cursor, entries, "then")
    inner = entries
    while cursor.continues("else"):
        word = cursor.tokens[cursor.at - 1]
        following = cursor.take_word("if")
        if following is None:
            inner["else"] = Entry("else", cursor.span(word), read_steps(cursor))
            break
        branch: Entries = {}
        _put(cursor, branch, "if", following, _condition(cursor, "else if inputs.live { … }"))
        _body(cursor, branch, "then")
        step = Mapping(cursor.span_from(following[2]), branch)
        inner["else"] = Entry("else", cursor.span(word), Listing(step.span, [step]))
        inner = branch
    modifiers(cursor, entries, read_steps)


def _switch(cursor: Cursor, token: Token, entries: Entries) -> None:
    _put(cursor, entries, "switch", token, _condition(cursor, "switch inputs.env { … }"))
    modifiers(cursor, entries, read_steps)
    cases: Entries = {}
    opening = cursor.token

    def case() -> None:
        word = cursor.token
        if cursor.take_word("default") is not None:
            _put(cursor, entries, "default", word, read_steps(cursor))
            return
        if cursor.take_word("case") is None:
            raise cursor.refuse("`case` or `default`", CASE_EXAMPLE)
        found = literal(cursor, "the value of the case", CASE_EXAMPLE)
        if cursor.kind == ",":
            raise cursor.refuse("`{`", f"each value has a case of its own, {CASE_EXAMPLE}")
        steps = read_steps(cursor)
        if isinstance(found, Scalar):
            add_entry(cursor, cases, found.text, found.span, steps, quoted=isinstance(found.value, str))
        elif not isinstance(found, Broken):
            cursor.report("WFE0600", "a case is one text, number or `true`, `false`, `null`", found.span, CASE_EXAMPLE)

    broken = cursor.broken
    cursor.broken = False
    span = cursor.block(case)
    if cases or not cursor.broken:
        entries["cases"] = Entry("cases", cursor.span(opening), Mapping(span, cases))
    else:
        entries["cases"] = Entry("cases", cursor.span(opening), Broken(span))
    cursor.broken = cursor.broken or broken
    modifiers(cursor, entries, read_steps)


def _while(cursor: Cursor, token: Token, entries: Entries) -> None:
    _put(cursor, entries, "while", token, _condition(cursor, "while vars.count < 3 { … }"))
    _header(cursor, entries, entries, "max_iterations")
    _body(cursor, entries, "do")
    modifiers(cursor, entries, read_steps)


def _repeat(cursor: Cursor, token: Token, entries: Entries) -> None:
    _header(cursor, entries, entries, "max_iterations")
    _body(cursor, entries, "do")
    if not cursor.continues("until"):
        raise cursor.refuse("`until`", "as in repeat { … } until vars.done")
    _put(cursor, entries, "until", cursor.tokens[cursor.at - 1], expression(cursor))
    modifiers(cursor, entries, read_steps)


def _for(cursor: Cursor, token: Token, entries: Entries) -> None:
    example = "as in for region in inputs.regions { … }"
    variable = name(cursor, "a name for the item", example)
    if cursor.take_word("in") is None:
        raise cursor.refuse("`in`", example)
    items = expression(cursor)
    _put(cursor, entries, "for_each", token, items)
    entries["as"] = Entry("as", variable.span, variable)
    _iterations(cursor, entries)


def _matrix(cursor: Cursor, token: Token, entries: Entries) -> None:
    example = 'as in matrix os in ["debian", "alpine"], python in ["3.12", "3.13"] { … }'
    axes: Entries = {}
    start = cursor.token[2]
    while True:
        axis = name(cursor, "a name for the axis", example)
        if cursor.take_word("in") is None:
            raise cursor.refuse("`in`", example)
        add_entry(cursor, axes, axis.text, axis.span, expression(cursor))
        if not cursor.take_if(","):
            break
        while cursor.kind == "newline":
            cursor.at += 1
    _put(cursor, entries, "matrix", token, Mapping(cursor.span_from(start), axes))
    if (word := cursor.take_word("as")) is not None:
        _put(cursor, entries, "as", word, name(cursor, "a name for the combination", example))
    _iterations(cursor, entries)


def _iterations(cursor: Cursor, entries: Entries) -> None:
    while True:
        before = cursor.at
        _header(cursor, entries, entries, "limit", "fail_fast")
        if (token := cursor.take_word("collect")) is not None:
            variable = name(cursor, "a name for what is collected", "as in collect results")
            found: Node = variable
            if cursor.take_if("="):
                inner: Entries = {}
                add_entry(cursor, inner, variable.text, variable.span, expression(cursor))
                found = Mapping(cursor.span_from(token[2]), inner)
            _put(cursor, entries, "collect", token, found)
        if cursor.at == before:
            break
    _body(cursor, entries, "do")
    modifiers(cursor, entries, read_steps)


# Signals


def _keywords(cursor: Cursor, entries: Entries, inner: Entries, read: dict[str, Callable[[Cursor], Node]]) -> None:
    """Read the words of a step that says all it has to say in a row, and then those that any step has."""
    while True:
        token = cursor.token
        if token[0] == "word" and token[1] in read:
            cursor.at += 1
            _put(cursor, inner, token[1], token, read[token[1]](cursor))
            continue
        before = cursor.at
        modifiers(cursor, entries, read_steps, but=tuple(read))
        if cursor.at == before:
            return


def _event(cursor: Cursor, inner: Entries, example: str) -> None:
    token = cursor.take_word("event")
    if token is None:
        raise cursor.refuse("`event` with its name", example)
    found = text(cursor, "the name of the event", example)
    _put(cursor, inner, "event", token, found)


def _wait(cursor: Cursor, token: Token, entries: Entries) -> None:
    inner: Entries = {}
    _event(cursor, inner, 'as in wait event "approved" key run.id timeout 1d')
    words: dict[str, Callable[[Cursor], Node]] = {
        "key": embedded,
        "since": _since,
        "timeout": partial(literal_of, word="timeout"),
        "on_timeout": read_steps,
    }
    _keywords(cursor, entries, inner, words)
    _put(cursor, entries, "wait", token, Mapping(cursor.span_from(token[2]), inner))


def _since(cursor: Cursor) -> Node:
    if cursor.word in ("now", "run") and cursor.next_kind() not in CONTINUING_SIGNS:
        return literal(cursor)
    return embedded(cursor)


def _publish(cursor: Cursor, token: Token, entries: Entries) -> None:
    inner: Entries = {}
    _event(cursor, inner, 'as in publish event "built" key run.id data { image = outputs.image }')
    words: dict[str, Callable[[Cursor], Node]] = {"key": embedded, "data": _data}
    _keywords(cursor, entries, inner, words)
    _put(cursor, entries, "publish", token, Mapping(cursor.span_from(token[2]), inner))


def _data(cursor: Cursor) -> Node:
    if cursor.kind in ("{", "["):
        return literal(cursor)
    cursor.take_if("=")
    return embedded(cursor)


def _approve(cursor: Cursor, token: Token, entries: Entries) -> None:
    title = cursor.token
    inner: Entries = {}
    if title[1] in ("options", "reject", "assignees") and cursor.next_kind() == "[":
        raise cursor.refuse("the question", 'as in approve "Ship it?" options ["yes", "no"]')
    _put(cursor, inner, "title", title, embedded(cursor))
    words: dict[str, Callable[[Cursor], Node]] = {
        **{word: partial(literal_of, word=word) for word in ("options", "reject", "assignees", "timeout")},
        "on_timeout": read_steps,
    }
    _keywords(cursor, entries, inner, words)
    _put(cursor, entries, "approve", token, Mapping(cursor.span_from(token[2]), inner))


# Values and ends


def _let(cursor: Cursor, token: Token, entries: Entries) -> None:
    example = "as in let count = vars.count + 1"
    values: Entries = {}
    start = cursor.token[2]
    while True:
        variable = name(cursor, "the name of a variable", example)
        cursor.expect("=", "`=` with a value", example)
        add_entry(cursor, values, variable.text, variable.span, expression(cursor))
        if not cursor.take_if(","):
            break
        while cursor.kind == "newline":
            cursor.at += 1
    _put(cursor, entries, "set", token, Mapping(cursor.span_from(start), values))
    modifiers(cursor, entries, read_steps)


def _return(cursor: Cursor, token: Token, entries: Entries) -> None:
    span = cursor.span(token)
    found: Node = Scalar(span, "", None, "", token[2], token[3])
    if cursor.kind == "{":
        found = expression_map(cursor, "{", RETURN_EXAMPLE)
    elif cursor.kind not in ("newline", ";", "}", "end") and cursor.word not in AFTER_RETURN:
        raise cursor.refuse("a map of outputs", RETURN_EXAMPLE)
    _put(cursor, entries, "return", token, found)
    modifiers(cursor, entries, read_steps)


def _fail(cursor: Cursor, token: Token, entries: Entries) -> None:
    if cursor.kind in ("newline", ";", "}", "end"):
        found: Node = Scalar(cursor.span(token), "", None, "", token[2], token[3])
    else:
        found = embedded(cursor)
    _put(cursor, entries, "fail", token, found)
    modifiers(cursor, entries, read_steps)


def _sleep(cursor: Cursor, token: Token, entries: Entries) -> None:
    if cursor.take_word("until") is not None:
        _put(cursor, entries, "sleep_until", token, expression(cursor))
    else:
        _put(cursor, entries, "sleep", token, literal_of(cursor, "sleep"))
    modifiers(cursor, entries, read_steps)


READERS: Final[dict[str, Callable[[Cursor, Token, Entries], None]]] = {
    "step": _step,
    "call": _call,
    "sequence": _block_of("sequence"),
    "parallel": _parallel,
    "if": _if,
    "switch": _switch,
    "while": _while,
    "repeat": _repeat,
    "for": _for,
    "matrix": _matrix,
    "race": _block_of("race"),
    "saga": _block_of("saga"),
    "wait": _wait,
    "approve": _approve,
    "publish": _publish,
    "let": _let,
    "return": _return,
    "fail": _fail,
    "sleep": _sleep,
}
assert tuple(READERS) == STEP_WORDS
