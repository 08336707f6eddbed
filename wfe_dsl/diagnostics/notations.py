"""How a diagnostic is spelt in the notation of the file that it speaks about.

Whoever reports a mistake writes its help as for YAML. Here it is put into the words of the text language or of
the builder, once for all: what stands between backticks as ``key: value`` by a rule, what is said in another way
there by a row of the table. Names and values of the user pass through unchanged.
"""

from __future__ import annotations

import json
import keyword
import re
from functools import lru_cache
from typing import Any, Final

__all__ = ["in_notation"]

# YAML, the text language, the builder. A ``*`` is anything without a backtick, and the same in all three.
HELPS: Final[tuple[tuple[str, str, str], ...]] = (
    # Values of the wrong kind
    (
        "write `name: value` lines below it, or `{name: value}`",
        'write `{ name "value" }`',
        'write a dict: `{"name": "value"}`',
    ),
    (
        "write its items below it, each after `- `, or `[one, two]`",
        'write `["one", "two"]`',
        'write a list: `["one", "two"]`',
    ),
    ("write a text; one with `: ` or ` #` in it needs quotes", 'write a text, in quotes: `"…"`', 'write a text: `"…"`'),
    ("write `true` or `false`, without quotes", "write `true` or `false`, without quotes", "write `True` or `False`"),
    (
        "if a text is meant, quote it in the expression: '*'",
        "if a text is meant, quote it: '*'",
        'if a text is meant, write `value("*")`',
    ),
    # A workflow
    ("as in `id: deploy`", "as in `workflow deploy version 1 { … }`", 'as in `Workflow("deploy", 1)`'),
    ("as in `version: 1`", "as in `workflow deploy version 1 { … }`", 'as in `Workflow("deploy", 1)`'),
    ("give its `version:`", "give its `version`, as in `call deploy version 2`", "give its `version=`"),
    ("`region: string`", "`input region: string`", '`{"region": str}`'),
    ("`type: {host: string, port: integer}`", "`input host: {host: string, port: integer}`", "`Input(…)`"),
    ("as in `enum: [test, live]`", 'as in `in ["test", "live"]`', 'as in `enum=["test", "live"]`'),
    ("or leave `enum` out", "or leave `in` out", "or leave `enum` out"),
    (
        "`retry` goes under `defaults:`, for all tasks, or on a step",
        "`retry` goes into `defaults { }`, for all tasks, or on a step",
        "`retry` goes into `defaults=Defaults(…)`, for all tasks, or on a step",
    ),
    (
        "declare it under the workflow's `outputs:`, as in `*`",
        "declare it, as in `output *`",
        "declare it among the workflow's `outputs=`, as in `*`",
    ),
    ("declare it under the `outputs:` of `*`", "declare it as an `output` of `*`", "declare it in `outputs=` of `*`"),
    ("declare it under `inputs:`", "declare it with `input`", "declare it in the workflow's `inputs=`"),
    ("declare it under `services:`", "declare it in `services { }`", "declare it in `services=`"),
    (
        "as in `- {cron: '30 6 * * mon-fri', timezone: Europe/Berlin}`",
        'as in `schedule [{ cron "30 6 * * mon-fri"; timezone "Europe/Berlin" }]`',
        'as in `schedule=[{"cron": "30 6 * * mon-fri", "timezone": "Europe/Berlin"}]`',
    ),
    (
        "`database: {image: 'postgres:17', ports: [5432]}`",
        '`services { database { image "postgres:17"; ports [5432] } }`',
        '`{"database": {"image": "postgres:17", "ports": [5432]}}`',
    ),
    # Steps
    (
        "as in `- {name: build, config: {run: make}}`",
        'as in `step build = shell "make"`',
        'as in `wf.shell("build", "make")`',
    ),
    (
        "give one of them another name",
        "give one of them another name, of a call too: `step other = call …`",
        "give one of them another name",
    ),
    ("say what to do under `config:`", 'as in `step build = shell "make"`', "say what to do in its arguments"),
    ("goes under `config:`", "goes into the block of a task", "is an argument of a task"),
    ("belongs under `config:`", "belongs in the block of a task", "is an argument of a task"),
    ("`outputs: [{name: image, type: string}]`", "`outputs { image: string }`", '`outputs={"image": str}`'),
    ("lists it under `outputs:`", "lists it in `outputs { }`", "lists it in `outputs=`"),
    ("list it under the `outputs:` of", "list it in the `outputs { }` of", "list it in `outputs=` of"),
    ("add * to the step's `inputs:`", "add * to what the call is given: `(name: …)`", "add * to the step's `inputs=`"),
    ("give them under `inputs:`", "give them in parentheses after the call", "give them in `inputs=`"),
    ("give it under `inputs:`", "give it in parentheses after the call", "give it in `inputs=`"),
    (
        "pass it by `env:` (`env: {NAME: '${{ … }}'}`)",
        "pass it by `env { NAME = … }`",
        'pass it by `env={"NAME": …}`',
    ),
    (
        "it has: detach, inputs, timeout, version, workflow, workflow_version",
        "what it is given stands in parentheses, as in `call deploy (region: inputs.region)`",
        "it has: detach, inputs, timeout, version, workflow, workflow_version",
    ),
    # Kinds of steps
    ("`parallel: {steps: […], limit: 4}`", "`parallel limit 4 { … }`", "`wf.parallel(limit=4)`"),
    (
        "`parallel: {steps: […], fail_fast: cancel}`",
        "`parallel fail_fast cancel { … }`",
        '`wf.parallel(fail_fast="cancel")`',
    ),
    (
        "a map from values to steps, as in `cases: {live: [{name: ship, config: {run: make ship}}]}`",
        'as in `case "live" { step ship = shell "make ship" }`',
        'as in `with choice.case("live"):`',
    ),
    (
        "names and lists, as in `matrix: {os: [debian, alpine]}`",
        'as in `matrix os in ["debian", "alpine"] { … }`',
        'as in `wf.matrix({"os": ["debian", "alpine"]})`',
    ),
    (
        "use it inside the `do:` of a for_each",
        "use it inside the block of a `for`",
        "use it in the block of a `for_each`",
    ),
    ("the for_each around this", "the `for` around this", "the `for_each` around this"),
    ("use it inside a for_each", "use it inside the block of a `for`", "use it in the block of a `for_each`"),
    ("give the for_each `limit: 1`", "give the loop `limit 1`", "give the loop `limit=1`"),
    ("as in `event: paid`", 'as in `event "paid"`', 'as in `wf.wait_for("paid")`'),
    ("as in `title: Ship it?`", 'as in `approve "Ship it?"`', 'as in `wf.approve("Ship it?")`'),
    ("as in `key: '${{ run.id }}'`", "as in `key run.id`", "as in `key=run.id`"),
    ("`as: entry`", "`for entry in …`", '`as_="entry"`'),
    ("`set: {count: vars.count + 1}`", "`let count = vars.count + 1`", '`wf.set({"count": "vars.count + 1"})`'),
    ("`set: {*: …}`", "`let * = …`", '`wf.set({"*": …})`'),
    ("`fail: the image is missing`", '`fail "the image is missing"`', '`wf.fail("the image is missing")`'),
    ("`sleep_until: inputs.start`", "`sleep until inputs.start`", "`wf.sleep_until(wf.inputs.start)`"),
    ("with `set` steps", "with `let`", "with `wf.set`"),
    ("(`while`, `until`)", "(`while`, `repeat`)", "(`while_`, `until`)"),
    ("after the `if` or `switch`", "after the `if` or `switch`", "after the block of the `if_` or `switch`"),
    ("with `any:`, `||` or `in`", "with `||` or `in`", "with `|` or `in`"),
    ("as in `group: deploy-${{ inputs.region }}`", 'as in `group "deploy-${{ inputs.region }}"`', 'as in `group=f"…"`'),
    # What undoes
    ("put the step in a `saga:`", "put the step into a `saga { }`", "put the step into a `saga()`"),
    ("say with `compensate:` what", "say with `compensate { }` what", "say with `compensate_with()` what"),
    ("give it a `compensate:`", "give it a `compensate { }`", "give it a `compensate_with()`"),
    ("as in `error_behavior: {type: suspend}`", "as in `error_behavior suspend`", 'as in `error_behavior="suspend"`'),
)
MESSAGES: Final[tuple[tuple[str, str], ...]] = (
    ("the `config` of a", "a"),
    ("step needs `config`", "step needs something to do"),
    ("`config` takes", "what a step does takes"),
    ("no `set` gives a variable", "no `let` gives a variable"),
    ("the item of a for_each", "the item of a `for`"),
    ("the item of a matrix", "the combination of a `matrix`"),
    ("the iterations of a for_each", "the iterations of a `for`"),
    ("`for_each` needs", "`for` needs"),
    ("`for_each` takes", "`for` takes"),
    ("`enum` takes", "`in` takes"),
    ("`set` takes", "`let` takes"),
    ("`cases` has no case", "`switch` has no case"),
    ("`do` has no steps", "the block has no steps"),
    ("in the hook `on_*`", "in the hook `on *`"),
)
"""Messages that name a key which the text language spells in another way; the builder has the keys of YAML."""

Rows = tuple[tuple[re.Pattern[str], str], ...]
TEXT, BUILDER = 1, 2
_FRAGMENT: Final = re.compile(r"`((?:- )?[a-z_]+: ?[^`]*|[\[{][^`]*[\]}])`")
_UNQUOTED: Final = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d)?)+")


def in_notation(name: str, message: str, help: str) -> tuple[str, str]:
    """Return a message and a help as they are said of the file ``name``, whose suffix says its notation."""
    if name.endswith(".wfe"):
        return _replaced(_rows_of_messages(), message), _spelt(help, TEXT)
    if name.endswith(".py"):
        return message, _spelt(help, BUILDER)
    return message, help


def _spelt(help: str, notation: int) -> str:
    help = _replaced(_rows_of_helps(notation), help)
    return _FRAGMENT.sub(lambda found: _fragment(found[1], notation), help)


def _replaced(rows: Rows, text: str) -> str:
    for pattern, instead in rows:
        text = pattern.sub(instead, text)
    return text


@lru_cache
def _rows_of_helps(notation: int) -> Rows:
    return tuple(_row(row[0], row[notation]) for row in HELPS)


@lru_cache
def _rows_of_messages() -> Rows:
    return tuple(_row(*row) for row in MESSAGES)


def _row(written: str, instead: str) -> tuple[re.Pattern[str], str]:
    pattern = re.compile(re.escape(written).replace(r"\*", "([^`]*)" if "`*`" in written else "(.*?)"))
    return pattern, instead.replace("\\", r"\\").replace("*", r"\1")


def _fragment(written: str, notation: int) -> str:
    """Return a piece of YAML in another notation; one that YAML can't read, or that is none, as it is."""
    import yaml  # only where there is a mistake

    try:
        value = yaml.load(written, yaml.BaseLoader)
    except yaml.YAMLError:
        return f"`{written}`"
    if isinstance(value, list):
        return f"`{_value(value, notation)}`"
    if not isinstance(value, dict) or len(value) != 1 or written.startswith("{"):
        return f"`{_value(value, notation)}`" if isinstance(value, dict) else f"`{written}`"
    [(key, inner)] = value.items()
    if notation == BUILDER:
        key = f"{key}_=" if keyword.iskeyword(key) else f"{key}="
        return f"`{key}`" if inner == "" else f"`{key}{_value(inner, notation)}`"
    return f"`{key}`" if inner == "" else f"`{key} {_value(inner, notation)}`"


def _value(value: Any, notation: int) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_value(item, notation) for item in value)}]"
    if isinstance(value, dict):
        if notation == TEXT:
            return f"{{ {'; '.join(f'{key} {_value(inner, notation)}' for key, inner in value.items())} }}"
        return f"{{{', '.join(f'{json.dumps(key)}: {_value(inner, notation)}' for key, inner in value.items())}}}"
    if value in ("true", "false"):
        return str(value) if notation == TEXT else str(value).capitalize()
    if value.isdecimal() or (notation == TEXT and _UNQUOTED.fullmatch(value)) or value == "…":
        return str(value)
    return json.dumps(value, ensure_ascii=False)
