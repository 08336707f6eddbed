"""The JSON Schema of the YAML notation: it takes what the reader takes, and refuses keys that the reader refuses."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.test_docs import ALL as BLOCKS
from tests.test_docs import as_file
from wfe_dsl.diagnostics.codes import CODES, ROWS
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.source import SourceFile
from wfe_dsl.yaml_front import (
    conditions,
    data,
    documents,
    kinds,
    recovery,
    schedules,
    secrets,
    step_keys,
    surroundings,
    workflows,
)
from wfe_dsl.yaml_front.key_help import KEY_HELP
from wfe_dsl.yaml_front.reader import read_yaml
from wfe_dsl.yaml_front.schema import workflow_schema
from wfe_dsl.yaml_front.step_types import STEP_TYPES
from wfe_dsl.yaml_front.tree import Listing, Mapping, Node, Scalar

ROOT = Path(__file__).resolve().parent.parent.parent
SCHEMA = workflow_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
FILES = [*sorted((ROOT / "examples").glob("*.yaml")), ROOT / "workflows.yaml"]
DOCUMENTED = [block for block in BLOCKS if block.language == "yaml" and "(has mistakes)" not in block.text]
# What is about where keys stand and what kind of value they take, and nothing else.
STRUCTURAL = (
    "WFE0101", "WFE0102", "WFE0105", "WFE0106", "WFE0107", "WFE0108", "WFE0110", "WFE0111", "WFE0112",
    "WFE0113", "WFE0115", "WFE0116", "WFE0117", "WFE0124", "WFE0501", "WFE0502", "WFE0503", "WFE0504", "WFE0505",
)  # fmt: skip
EVERY_KIND = """
workflow:
  id: all
  version: 1
  steps:
    - sequence: [{name: s1, config: {run: a}}]
    - parallel: {steps: [{name: s2, config: {run: a}}], limit: 2, fail_fast: true}
    - {if: inputs.x, then: [{name: s3, config: {run: a}}], else: [{name: s4, config: {run: a}}]}
    - {switch: inputs.x, cases: {1: [{name: s5, config: {run: a}}]}, default: [{name: s6, config: {run: a}}]}
    - {while: inputs.x, do: [{name: s7, config: {run: a}}], max_iterations: 3}
    - {until: inputs.x, do: [{name: s8, config: {run: a}}]}
    - {for_each: [a, b], as: letter, limit: 2, fail_fast: stop, collect: {x: item}, do: [{name: s9, config: {run: a}}]}
    - {matrix: {os: [a, b]}, collect: all, do: [{name: s10, config: {run: a}}]}
    - race: [{name: s11, config: {run: a}}, {sleep: 5s}]
    - saga: [{name: s12, config: {run: a}, compensate: {name: undo, config: {run: a}}, compensate_on_failure: true}]
    - wait: {event: paid, key: '${{ run.id }}', since: now, timeout: 1d, on_timeout: [{fail: too late}]}
    - approve: Ship it?
    - approve: {title: Ship?, options: [yes, no], reject: [no], assignees: [ops], timeout: 1h, on_timeout: {fail: x}}
    - publish: {event: built, key: a, data: {image: '${{ outputs.image }}'}}
    - set: {x: 1}
    - return: {}
    - fail: it is over
    - sleep: 1h30m
    - sleep_until: inputs.start
"""


def plain(node: Node) -> Any:
    if isinstance(node, Mapping):
        return {key: plain(entry.value) for key, entry in node.entries.items()}
    if isinstance(node, Listing):
        return [plain(item) for item in node.items]
    return node.value if isinstance(node, Scalar) else None


def read(text: str) -> Any:
    """Return a file's content as the reader sees it: merged, with the scalars of YAML 1.2."""
    result = read_yaml(SourceFile.from_text("file.yaml", text), Diagnostics())
    assert result.root is not None
    return plain(result.root)


def maps(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return the place of every map in a value."""
    if isinstance(value, dict):
        yield place
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from maps(inner, (*place, key))


def at(value: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        value = value[key]
    return value


def alone(value: Any, place: tuple[Any, ...]) -> Any:
    """Return a copy of a value in which a list on the way to a place has no item but the one that leads there."""
    if not place:
        return copy.deepcopy(value)
    inner = alone(value[place[0]], place[1:])
    return [inner] if isinstance(value, list) else {**value, place[0]: inner}


def complaints(content: Any) -> list[str]:
    found = VALIDATOR.iter_errors(content)
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in found]


def test_the_schema_is_one_of_its_draft() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


@pytest.mark.acceptance("CLI-23")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_example_file_is_accepted(path: Path) -> None:
    assert complaints(read(path.read_text())) == []


@pytest.mark.parametrize("block", DOCUMENTED, ids=lambda block: f"{block.page.name}-{block.line}")
def test_every_file_of_the_documents_is_accepted(block: Any) -> None:
    assert complaints(read(as_file(block))) == []


@pytest.mark.parametrize("row", [row for row in ROWS if row.right and row.notation == "yaml"], ids=lambda row: row.code)
def test_the_right_example_of_a_code_is_accepted_and_so_is_what_only_a_warning_is_about(row: Any) -> None:
    assert complaints(read(row.right)) == []
    if row.severity != "error" and not row.wrong.startswith("%"):
        assert complaints(read(row.wrong)) == []


@pytest.mark.parametrize("code", STRUCTURAL)
def test_the_wrong_example_of_a_code_about_keys_is_refused(code: str) -> None:
    assert complaints(read(CODES[code].wrong)) != []


def test_a_step_of_every_kind_is_accepted() -> None:
    content = read(EVERY_KIND)
    assert complaints(content) == []
    assert {key for step in content["workflow"]["steps"] for key in step} >= set(step_keys.KINDS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_misspelt_key_is_refused_wherever_the_reader_refuses_it(path: Path) -> None:
    content = read(path.read_text())
    tried: set[tuple[Any, ...]] = set()
    for place in maps(content):
        way = tuple(name for name in place if isinstance(name, str))
        keys = [key for key in at(content, place) if is_checked(place, key) and (*way, key) not in tried]
        if not keys:
            continue
        tried |= {(*way, key) for key in keys}
        # Alone: to look through what stands beside it, which is right, takes long.
        right = alone(content, place)
        assert VALIDATOR.is_valid(right), place
        for key in keys:
            wrong = copy.deepcopy(right)
            holder = at(wrong, tuple(0 if isinstance(name, int) else name for name in place))
            holder[f"{key}x"] = holder.pop(key)
            assert not VALIDATOR.is_valid(wrong), (*place, key)
    assert len(tried) > 10


FREE = (
    *("inputs", "outputs", "env", "set", "return", "cases", "collect", "matrix", "data", "default", "enum", "type"),
    "secrets",
)


def is_checked(place: tuple[Any, ...], key: str) -> bool:
    """Whether a key is one of the notation's, not a name or a value of the file's own, nor a hidden one."""
    return not any(str(name).startswith("_") for name in (*place, key)) and not any(name in FREE for name in place)


@pytest.mark.parametrize(
    "text",
    [
        "workflow: {id: w, version: ((v)), timeout: ((t)), steps: ((steps))}",
        "workflow: {id: w, version: 1, _shared: {x: 1}, steps: [{name: a, config: ((config)), retry: ((n))}]}\n_x: 1",
        "workflow: {id: 7, version: 1, inputs: null, steps: [{name: 1.5, config: {run: a, timeout: '90'}}]}",
        "workflow: {id: ñandú, version: 1, steps: [{name: a_b-c, type: cargo-test}]}",
        "workflow: {id: w, version: 1, steps: [{name: a, type: deno, config: {script: x, permissions: {run: true}}}]}",
        "workflow: {id: w, version: 1, concurrency: 'g-${{ inputs.r }}', shared_volume: {size: 1GiB}, services: {db:"
        " {image: postgres:17, ports: [5432], readiness: {http: {port: 5432}}, memory: 1GiB}}, steps: [{sleep: 1s}]}",
        "workflow: {id: w, version: 1, steps: [{name: a, when: {all: [{field: x, equals: null}]}, config: {run: a}}]}",
    ],
)
def test_what_the_reader_takes_beside_the_plain_forms_is_accepted(text: str) -> None:
    assert complaints(read(text)) == []


@pytest.mark.parametrize(
    "step",
    [
        "{name: a}",
        "{type: shell, config: {run: a}}",
        "{name: a, type: shel, config: {run: a}}",
        "{name: a, type: shell, config: {image: a}}",
        "{name: a, type: shell}",
        "{name: a, config: {file: a}}",
        "{name: a, config: {run: a}, sleep: 5s}",
        "{sleep: 5s, limit: 3}",
        "{sleep: 5 minutes}",
        "{if: x, do: [{sleep: 1s}]}",
        "{name: a, config: {run: a}, retry: {attempt: 3}}",
        "{name: a, config: {run: a}, when: {field: x, equal: 1}}",
        "{name: a b, config: {run: a}}",
        "{wait: {key: a}}",
        "{name: a, type: buildkit, config: {dockerfile: D, context: ., push: true}}",
    ],
)
def test_a_step_that_the_reader_refuses_is_refused(step: str) -> None:
    assert complaints(read(f"workflow: {{id: w, version: 1, steps: [{step}]}}")) != []


@pytest.mark.parametrize(
    "key",
    [
        "concurrency: {limit: 2}",
        "concurrency: {group: g, on_full: wait}",
        "services: {db: {ports: [1]}}",
        "services: {db: {image: a, port: [1]}}",
        "services: {db: {image: a, readiness: {tcp: 1, exec: [a]}}}",
        "shared_volume: {path: /a}",
    ],
)
def test_what_lies_around_the_steps_is_checked_too(key: str) -> None:
    assert complaints(read(f"workflow: {{id: w, version: 1, {key}, steps: [{{sleep: 1s}}]}}")) != []


def test_an_installed_type_is_known_once_it_is_named() -> None:
    content = read("workflow: {id: w, version: 1, steps: [{name: a, type: mail, config: {to: x}}]}")
    assert not VALIDATOR.is_valid(content)
    assert Draft202012Validator(workflow_schema(["mail"])).is_valid(content)


def places() -> dict[str, set[str]]:
    """Return the keys that the reader knows, by place."""
    own = {"workflow": "workflow-step"}
    return {
        "file": set(documents.KEYS),
        "workflow": set(workflows.KEYS),
        "declaration": set(workflows.DECLARATION_KEYS),
        "defaults": set(workflows.DEFAULTS_KEYS),
        "step": set(step_keys.KNOWN),
        "parallel": set(kinds.PARALLEL_KEYS),
        "wait": set(kinds.WAIT_KEYS),
        "approve": set(kinds.APPROVE_KEYS),
        "publish": set(kinds.PUBLISH_KEYS),
        "input": set(data.INPUT_KEYS),
        "output": set(data.OUTPUT_KEYS),
        "retry": set(recovery.RETRY_KEYS),
        "error_behavior": set(recovery.BEHAVIOR_KEYS),
        "condition": set(conditions.KEYS),
        "concurrency": set(surroundings.CONCURRENCY_KEYS),
        "schedule": set(schedules.SCHEDULE_KEYS),
        "service": set(surroundings.SERVICE_KEYS),
        "readiness": set(surroundings.READINESS_KEYS),
        "http": set(surroundings.HTTP_KEYS),
        "secret": set(secrets.SOURCES),
        "shared_volume": set(surroundings.VOLUME_KEYS),
        "config": {key for row in STEP_TYPES.values() for key in row.keys},
        **{own.get(name, name): set(row.keys) for name, row in STEP_TYPES.items()},
    }


def test_every_key_of_the_notation_is_described_and_nothing_else_is() -> None:
    known = places()
    described = {tuple(name.split(".", 1)) for name in KEY_HELP}
    assert [pair for pair in described if pair[1] not in known[pair[0]]] == []
    types = {"workflow-step", *STEP_TYPES} - {"workflow"}
    missing = {(place, key) for place, keys in known.items() if place not in {*types, "config"} for key in keys}
    assert missing - described == set()


def test_the_schema_in_the_documents_is_the_one_that_is_made_now() -> None:
    stored = (ROOT / "docs" / "reference" / "workflow.schema.json").read_text()
    assert stored == json.dumps(SCHEMA, indent=2, ensure_ascii=False) + "\n", (
        "run: wfec schema -o docs/reference/workflow.schema.json"
    )
