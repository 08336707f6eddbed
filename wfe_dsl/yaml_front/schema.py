"""The YAML notation as a JSON Schema (draft 2020-12), for editors that complete, explain and underline.

It is made from the tables that the reader reads by, so it knows every key that the reader knows, where it may
stand and what its value looks like. What a value means is not its business: names, types and expressions are
for ``wfec check``. What the schema refuses, the reader refuses too, but for one thing: an anchor under a key
of its own at the top has to have a name that begins with ``_`` here.

Rule: wherever the reader puts load-time variables in, the schema takes a text with ``((`` in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from wfe_vm import durations

from . import conditions, data, documents, kinds, recovery, schedules, secrets, step_keys, surroundings, workflows
from .key_help import help_for
from .step_types import STEP_TYPES, Key, StepType

__all__ = ["workflow_schema"]

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
IDENTITY: Final = "urn:wfe:workflow-file"
HIDDEN: Final = "^_"
# All of ASCII that is neither letter, digit, `_` nor `-`: names have other letters too.
NAME_PATTERN: Final = r"^[^\s!-,./:-@\[-^`{-~]+$"
DURATION_PATTERN: Final = f"^(?:{durations.DIGITS.pattern}|(?:{durations.PART.pattern})+)$"
VARIABLE: Final[Schema] = {"type": "string", "pattern": r"\(\("}
DYNAMIC: Final[Schema] = {"type": "string", "pattern": r"\(\(|\$\{\{"}
SCALAR: Final = ("string", "number", "boolean")
CONFIG_OF: Final = "config-of-"


def workflow_schema(step_types: Collection[str] = ()) -> Schema:
    """Return the schema as plain data. ``step_types`` are the installed ones beyond those built in."""
    return {
        "$schema": DIALECT,
        "$id": IDENTITY,
        "title": "WFE workflow file",
        **_object("file", documents.KEYS, _file_values()),
        "patternProperties": {HIDDEN: True},
        "oneOf": [{"required": ["workflow"]}, {"required": ["workflows"]}],
        "$defs": _definitions(step_types),
    }


def _definitions(step_types: Collection[str]) -> dict[str, Schema]:
    return {
        "workflow": {
            **_object("workflow", workflows.KEYS, _workflow_values(), ("id", "version", "steps")),
            "patternProperties": {HIDDEN: True},
        },
        "declarations": _known({"type": ["object", "null"], "additionalProperties": _ref("declaration")}),
        "declaration": {"anyOf": [_ref("text"), _declaration()]},
        "defaults": _known(_object("defaults", workflows.DEFAULTS_KEYS, _defaults_values())),
        "steps": _known({"type": "array", "minItems": 1, "items": _ref("step")}),
        "step-or-steps": {"anyOf": [_ref("step"), _ref("steps")]},
        "step": _step(step_types),
        "inputs": _known({"anyOf": [_ref("expressions"), _list(_listed("input", data.INPUT_KEYS))]}),
        "outputs": _known(_list(_listed("output", data.OUTPUT_KEYS))),
        "retry": _known({"anyOf": [{"type": "integer", "minimum": 0}, _retry()]}),
        "error-behavior": _known({"anyOf": [{"enum": [*recovery.BEHAVIORS]}, _error_behavior()]}),
        "fail-fast": _known({"enum": [False, True, "never", "cancel", "stop"]}),
        "condition": _condition(),
        "expressions": {"type": "object", "additionalProperties": _ref("expression")},
        "expression": {"type": [*SCALAR, "null", "array", "object"]},
        "name": {"type": [*SCALAR], "anyOf": [{"pattern": NAME_PATTERN}, VARIABLE], "maxLength": 1000},
        "text": {"type": [*SCALAR]},
        "type": _known({"anyOf": [_ref("text"), {"type": "object", "additionalProperties": _ref("type")}]}),
        "duration": _known({"anyOf": [{"type": "integer", "minimum": 0}, _pattern(DURATION_PATTERN)]}),
        "flag": _known({"type": "boolean"}),
        **{f"{CONFIG_OF}{name}": _config(name, row) for name, row in _distinct_types().items()},
    }


# Building blocks


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _known(schema: Schema) -> Schema:
    """Return the schema of a value that is known when the file is read, for which a variable may stand."""
    return {"anyOf": [*(schema["anyOf"] if set(schema) == {"anyOf"} else [schema]), VARIABLE]}


def _dynamic(schema: Schema) -> Schema:
    """Return the schema of a value of a config, for which a variable or an expression may stand."""
    return {"anyOf": [schema, DYNAMIC]}


def _pattern(pattern: str) -> Schema:
    return {"type": "string", "pattern": pattern}


def _integer(least: int, most: int | None = None) -> Schema:
    bounds = {"minimum": least} if most is None else {"minimum": least, "maximum": most}
    return _known({"type": "integer", **bounds})


def _list(items: Schema, least: int = 0) -> Schema:
    return {"type": "array", "items": items, **({"minItems": least} if least else {})}


def _object(place: str, keys: Iterable[str], values: Mapping[str, Schema], required: Iterable[str] = ()) -> Schema:
    """Return the schema of a map with these keys and no others; a key without a schema of its own takes anything."""
    properties = {key: _described(place, key, values.get(key, {})) for key in keys}
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    needed = list(required)
    return {**schema, "required": needed} if needed else schema


def _described(place: str, key: str, schema: Schema) -> Schema:
    text = help_for(place, key)
    return {"description": text, **schema} if text else schema


# The parts of a file


def _file_values() -> dict[str, Schema]:
    return {
        "workflow": _known(_ref("workflow")),
        "workflows": _known(_list(_ref("workflow"), 1)),
        "include": _known({"anyOf": [{"type": "string"}, _list(_ref("text"))]}),
    }


def _hooks() -> dict[str, Schema]:
    return dict.fromkeys(step_keys.HOOKS, _ref("step-or-steps"))


def _workflow_values() -> dict[str, Schema]:
    optional_text = {"type": [*SCALAR, "null"]}
    return {
        "id": _ref("name"),
        "version": _integer(0, workflows.MAX_VERSION),
        "name": optional_text,
        "description": optional_text,
        "inputs": _ref("declarations"),
        "outputs": _ref("declarations"),
        "error_behavior": _ref("error-behavior"),
        **_hooks(),
        "timeout": _ref("duration"),
        "defaults": _ref("defaults"),
        "durability": _known({"anyOf": [{"enum": ["sync", "relaxed"]}, _pattern(r"^group\(.*\)$")]}),
        "requires": _known(_list(_ref("text"))),
        "concurrency": {"anyOf": [_ref("text"), _concurrency()]},
        "services": _known({"type": "object", "additionalProperties": _known(_service())}),
        "shared_volume": _known(_object("shared_volume", surroundings.VOLUME_KEYS, _volume_values())),
        "schedule": _known(_list(_schedule())),
        "secrets": _known({"type": "object", "additionalProperties": _known(_secret())}),
        "steps": _ref("steps"),
    }


def _schedule() -> Schema:
    values = {"cron": _ref("text"), "timezone": _ref("text"), "missed": _known({"enum": [*schedules.MISSED]})}
    return _object("schedule", schedules.SCHEDULE_KEYS, values, ("cron",))


def _secret() -> Schema:
    values = {"env": _ref("text"), "file": _ref("text"), "command": _known(_list(_ref("text"), 1))}
    return {**_object("secret", secrets.SOURCES, values), "oneOf": [{"required": [key]} for key in secrets.SOURCES]}


def _concurrency() -> Schema:
    values = {
        "group": _ref("text"),
        "limit": _integer(1, surroundings.MAX_LIMIT),
        "on_full": _known({"enum": [*surroundings.ON_FULL]}),
    }
    return _object("concurrency", surroundings.CONCURRENCY_KEYS, values, ("group",))


def _service() -> Schema:
    port = _integer(1, surroundings.LAST_PORT)
    texts = _known(_list(_ref("text")))
    http = _object("http", surroundings.HTTP_KEYS, {"port": port, "path": _ref("text")}, ("port",))
    probes = {
        "exec": _known(_list(_ref("text"), 1)),
        "tcp": port,
        "http": _known(http),
        "interval": _ref("duration"),
        "timeout": _ref("duration"),
        "retries": _integer(1, surroundings.MAX_LIMIT),
    }
    readiness = _object("readiness", surroundings.READINESS_KEYS, probes)
    values = {
        "image": _ref("text"),
        "ports": _known(_list(port)),
        "env": _known(_env()),
        "command": texts,
        "args": texts,
        "memory": _of_kind(Key("memory")),
        "cpu": _of_kind(Key("number")),
        "network": _known({"enum": [*surroundings.NETWORKS]}),
        "readiness": _known({**readiness, "oneOf": [{"required": [probe]} for probe in surroundings.PROBES]}),
    }
    return _object("service", surroundings.SERVICE_KEYS, values, ("image",))


def _volume_values() -> dict[str, Schema]:
    return {"mount_path": _ref("text"), "size": _of_kind(Key("memory"))}


def _declaration() -> Schema:
    values = {
        "type": _ref("type"),
        "default": {},
        "description": {"type": [*SCALAR, "null"]},
        "enum": _known(_list({}, 1)),
    }
    return _object("declaration", workflows.DECLARATION_KEYS, values, ("type",))


def _defaults_values() -> dict[str, Schema]:
    return {
        "timeout": _ref("duration"),
        "retry": _ref("retry"),
        "error_behavior": _ref("error-behavior"),
        "env": _known(_env()),
        "working_dir": _ref("text"),
        "shell": {"anyOf": [_ref("text"), _list(_ref("text"))]},
    }


def _env() -> Schema:
    return {"type": "object", "additionalProperties": {"type": [*SCALAR, "null"]}}


def _listed(place: str, keys: tuple[str, ...]) -> Schema:
    texts: dict[str, Schema] = dict.fromkeys(keys, _ref("text"))
    return _object(place, keys, {**texts, "name": _ref("name"), "type": _ref("type")}, ("name",))


def _retry() -> Schema:
    reason = _known({"anyOf": [{"enum": [*recovery.OUTCOMES]}, {"type": "integer", "minimum": 1, "maximum": 255}]})
    values = {
        "attempts": _integer(0, recovery.MAX_ATTEMPTS),
        "backoff": _known({"type": "number", "minimum": 1, "maximum": recovery.MAX_BACKOFF}),
        "jitter": _known({"type": ["number", "boolean"], "minimum": 0, "maximum": 1}),
        "on": _known({"anyOf": [*reason["anyOf"][:-1], _list(reason, 1)]}),
        **dict.fromkeys(("interval", "max_interval", "max_elapsed"), _ref("duration")),
    }
    return _object("retry", recovery.RETRY_KEYS, values, ("attempts",))


def _error_behavior() -> Schema:
    values = {
        "type": _known({"enum": [*recovery.BEHAVIORS]}),
        "interval": _ref("duration"),
        "max_retries": _integer(0, recovery.MAX_ATTEMPTS - 1),
    }
    return _object("error_behavior", recovery.BEHAVIOR_KEYS, values, ("type",))


def _condition() -> Schema:
    several = _known(_list(_ref("condition")))
    values: dict[str, Schema] = {
        "field": _ref("text"),
        **dict.fromkeys(conditions.NULL_TESTS, _ref("flag")),
        **dict.fromkeys(conditions.COMBINATORS, several),
        "not": _ref("condition"),
    }
    return {"anyOf": [{"type": [*SCALAR]}, {**_object("condition", conditions.KEYS, values), "minProperties": 1}]}


# Steps


def _step(step_types: Collection[str]) -> Schema:
    """Return the schema of a step: every key it may have, then per kind and per type which go together."""
    order = (*step_keys.COMMON[:1], *step_keys.TASK_KEYS, *step_keys.COMMON[1:], *step_keys.KINDS)
    keys = dict.fromkeys((*order, *sorted(step_keys.COMPANIONS)))
    values = {**_common_values(), **_kind_values(), "type": _known({"enum": [*STEP_TYPES, *sorted(step_types)]})}
    one_thing = [{"required": [key]} for key in ("type", "config", *step_keys.KINDS)]
    rules = [_kind_rule(kind, companions) for kind, companions in step_keys.KINDS.items()]
    rules += [_task_rule(), *(_type_rule(name, row) for name, row in STEP_TYPES.items()), _plain_rule()]
    return {**_object("step", keys, values), "anyOf": one_thing, "allOf": rules}


def _common_values() -> dict[str, Schema]:
    return {
        "name": _ref("name"),
        "when": _ref("condition"),
        "timeout": _ref("duration"),
        "total_timeout": _ref("duration"),
        "retry": _ref("retry"),
        "error_behavior": _ref("error-behavior"),
        "continue_on_failure": _ref("flag"),
        "compensate": _ref("step-or-steps"),
        "compensate_on_failure": _ref("flag"),
        **_hooks(),
        "config": {"type": ["object", "null", "string"]},
        "inputs": _ref("inputs"),
        "outputs": _ref("outputs"),
        "on_crash": _known({"enum": ["rerun", "fail"]}),
    }


def _kind_values() -> dict[str, Schema]:
    steps, expression, text, event = _ref("steps"), _ref("expression"), _ref("text"), _ref("text")
    waiting = {"timeout": _ref("duration"), "on_timeout": _ref("step-or-steps")}
    parallel = {"steps": steps, "limit": _integer(1, kinds.MAX_LIMIT), "fail_fast": _ref("fail-fast")}
    wait = {"event": event, "key": text, "since": text, **waiting}
    texts = _known(_list(text))
    approve = {"title": text, "options": texts, "reject": texts, "assignees": texts, **waiting}
    return {
        "sequence": steps,
        "parallel": {"anyOf": [steps, _object("parallel", kinds.PARALLEL_KEYS, parallel, ("steps",))]},
        "if": expression,
        "then": steps,
        "else": steps,
        "switch": expression,
        "cases": _known({"type": "object", "minProperties": 1, "additionalProperties": steps}),
        "default": steps,
        "while": expression,
        "until": expression,
        "do": steps,
        "max_iterations": _integer(1),
        "for_each": expression,
        "matrix": _known({**_ref("expressions"), "minProperties": 1}),
        "as": _ref("name"),
        "limit": _integer(1, kinds.MAX_LIMIT),
        "fail_fast": _ref("fail-fast"),
        "collect": _known({"anyOf": [_ref("name"), {**_ref("expressions"), "minProperties": 1, "maxProperties": 1}]}),
        "race": steps,
        "saga": steps,
        "wait": _known(_object("wait", kinds.WAIT_KEYS, wait, ("event",))),
        "approve": {"anyOf": [text, _object("approve", kinds.APPROVE_KEYS, approve, ("title",))]},
        "publish": _known(_object("publish", kinds.PUBLISH_KEYS, {"event": event, "key": text}, ("event",))),
        "set": _known({**_ref("expressions"), "minProperties": 1}),
        "return": _known({"anyOf": [_ref("expressions"), {"type": "null"}]}),
        "fail": {"type": [*SCALAR, "null"]},
        "sleep": _ref("duration"),
        "sleep_until": {"type": [*SCALAR]},
    }


def _kind_rule(kind: str, companions: tuple[str, ...]) -> Schema:
    """Return the rule that a step of a kind has that kind's keys and those of all steps, and no others."""
    allowed = [kind, *companions, *step_keys.COMMON]
    needed = [key for key in ("then", "do", "cases") if key in companions]
    then: Schema = {"propertyNames": {"enum": allowed}}
    return {"if": {"required": [kind]}, "then": {**then, "required": needed} if needed else then}


def _task_rule() -> Schema:
    allowed = [*step_keys.TASK_KEYS, *step_keys.COMMON]
    is_task = {"anyOf": [{"required": ["type"]}, {"required": ["config"]}]}
    return {"if": is_task, "then": {"propertyNames": {"enum": allowed}, "required": ["name"]}}


def _type_rule(name: str, row: StepType) -> Schema:
    """Return the rule for the config of a type; one that can't do without it has to have it."""
    then: Schema = {"properties": {"config": _ref(CONFIG_OF + _first_name(row))}}
    if row.has_required:
        then["required"] = ["config"]
    return {"if": {"properties": {"type": {"const": name}}, "required": ["type"]}, "then": then}


def _plain_rule() -> Schema:
    """Return the rule for a step without a type: its config makes it a shell step."""
    without_type = {"required": ["config"], "not": {"required": ["type"]}}
    config = {"allOf": [_ref(f"{CONFIG_OF}shell"), {"if": {"type": "object"}, "then": {"required": ["run"]}}]}
    return {"if": without_type, "then": {"properties": {"config": config}}}


# The config of tasks


def _distinct_types() -> dict[str, StepType]:
    """Return each row of the table once, under the first name it has."""
    return {_first_name(row): row for row in STEP_TYPES.values()}


def _first_name(row: StepType) -> str:
    return next(name for name, other in STEP_TYPES.items() if other is row)


def _config(name: str, row: StepType) -> Schema:
    place = "workflow-step" if name == "workflow" else name
    properties = {key: _config_key(place, key, value) for key, value in row.keys.items()}
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    required = [key for key, value in row.keys.items() if value.required]
    if required:
        schema["required"] = required
    rules: list[Schema] = [{"oneOf": [{"required": [key]} for key in group]} for group in row.one_of]
    rules += [{"anyOf": [{"required": [key]} for key in pair]} for pair in row.unless]
    for key, other in row.needs:
        asked = {"properties": {key: {"not": {"const": False}}}, "required": [key]}
        rules.append({"if": asked, "then": {"required": [other]}})
    if rules:
        schema["allOf"] = rules
    return _known(schema) if row.has_required else {"anyOf": [schema, {"type": "null"}, VARIABLE]}


def _config_key(place: str, key: str, row: Key) -> Schema:
    text = help_for(place, key) or help_for("config", key)
    schema = _of_kind(row)
    return {"description": text, **schema} if text else schema


def _of_kind(row: Key) -> Schema:
    """Return the schema of what a kind of key holds; ``Key`` says what the kinds are."""
    text, texts = _ref("text"), _dynamic(_list(_ref("text")))
    table = _object("", row.keys, {key: _of_kind(inner) for key, inner in row.keys.items()})
    needed = [key for key, inner in row.keys.items() if inner.required]
    table = {**table, "required": needed} if needed else table
    schemas: dict[str, Schema] = {
        "text": text,
        "script": text,
        "run": text,
        "command": {"anyOf": [text, _list(text, 1)]},
        "texts": texts,
        "texts_or_all": {"anyOf": [{"type": "boolean"}, *texts["anyOf"]]},
        "map": _dynamic(_env()),
        "flag": _dynamic({"type": "boolean"}),
        "integer": _dynamic({"type": "integer", "minimum": 0}),
        "number": _dynamic({"anyOf": [{"type": "number", "minimum": 0}, _pattern(r"^[0-9]+(?:\.[0-9]+)?m?$")]}),
        "memory": _dynamic({"type": ["string", "number"]}),
        "choice": _dynamic({"enum": [*row.choices]}),
        "name": _ref("name"),
        "version": _integer(0, workflows.MAX_VERSION),
        "timeout": _ref("duration"),
        "expressions": _known(_ref("expressions")),
        "table": _dynamic(table),
        "tables": _dynamic(_list(table)),
        "named_tables": _dynamic({"type": "object", "additionalProperties": table}),
    }
    return schemas.get(row.kind, {})
