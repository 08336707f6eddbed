"""Each construct in Python gives the hash of its twin in YAML, and what is said by operators that of its text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypedDict

import pytest

from tests.dsl.build import in_workflow
from wfe_dsl import nodes
from wfe_dsl.builder import (
    Defaults,
    Input,
    Output,
    Retry,
    Workflow,
    attempt,
    choose,
    data,
    document,
    error,
    expression,
    filter_,
    functions,
    host,
    index,
    map_,
    outcome,
    run,
    task,
    template,
    text,
    value,
)
from wfe_dsl.compiler import compile_document
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.variables import Variables
from wfe_dsl.yaml_front import load_yaml_text

INPUTS = {"n": int, "name": str, "tags": list[str], "flag": bool, "note": str | None}
INPUTS_YAML = "inputs: {n: integer, name: string, tags: list<string>, flag: bool, note: 'string?'}"

Build = Callable[[Workflow], object]
CASES: list[Any] = []


def twin(yaml: str) -> Callable[[Build], Build]:
    """Make a function that adds steps a case: they are those of the YAML."""

    def add(build: Build) -> Build:
        CASES.append(pytest.param(build, yaml, id=build.__name__))
        return build

    return add


def hashes(tree: nodes.Document) -> list[str]:
    """Return the hashes of a tree's programs; of one that can't be compiled yet, its structure."""
    diagnostics = Diagnostics()
    compiled = compile_document(tree, diagnostics)
    assert [(one.code, one.message) for one in diagnostics.found if one.severity == "error"] == []
    return [one.hash for one in compiled] or [repr(_by_key(nodes.structure(tree.workflows)))]


def _by_key(tree: Any) -> Any:
    """Return a structure with the entries of maps by name: their order means nothing."""
    if not isinstance(tree, tuple):
        return tree
    inner = tuple(_by_key(item) for item in tree)
    return ("MapExpression", tuple(sorted(inner[1], key=repr))) if inner[:1] == ("MapExpression",) else inner


def from_yaml(steps: str, keys: str = INPUTS_YAML) -> list[str]:
    diagnostics = Diagnostics()
    tree = load_yaml_text(in_workflow(steps, keys), Variables(), diagnostics)
    assert diagnostics.found == []
    assert tree is not None
    return hashes(tree)


def demo(**options: Any) -> Workflow:
    return Workflow("demo", 1, **{"inputs": INPUTS, **options})


# Tasks


@twin("- {name: a, config: {run: make, env: {A: '${{ inputs.n }}', B: null}, working_dir: src, shell: [bash, -e, -c]}}")
def shell(wf: Workflow) -> None:
    wf.shell("a", "make", env={"A": wf.inputs.n, "B": None}, working_dir="src", shell=["bash", "-e", "-c"])


@twin(
    "- {name: a, type: deno, config: {script: 'output(\"x\", 1)', permissions: {net: [example.com], run: true},"
    " memory: 256MiB}, timeout: 5s}"
)
def deno(wf: Workflow) -> None:
    granted = {"net": ["example.com"], "run": True}
    wf.deno("a", 'output("x", 1)', permissions=granted, memory="256MiB", timeout=timedelta(seconds=5))


@twin(
    "- {name: a, type: container, config: {image: 'debian:12', run: make, volumes: [{source: ., target: /src}], cpu: 2}}"
)
def container(wf: Workflow) -> None:
    wf.container("a", "debian:12", run="make", volumes=[{"source": ".", "target": "/src"}], cpu=2)


@twin("- {name: a, type: cargo-build, config: {release: true, features: [x]}, on_crash: fail}")
def a_type_without_a_method(wf: Workflow) -> None:
    wf.task("a", "cargo-build", config={"release": True, "features": ["x"]}, on_crash="fail")


@twin(
    "- {name: a, config: {run: make}, outputs: [{name: image, type: string}, {name: size, path: report.size},"
    " {name: log}]}\n"
    "- {name: b, config: {run: 'echo ${{ steps.a.output.image }}'}, inputs: {x: steps.a.output.image, y: [1, 2]}}"
)
def outputs_and_inputs(wf: Workflow) -> None:
    a = wf.shell("a", "make", outputs={"image": str, "size": Output(path="report.size"), "log": None})
    wf.shell("b", f"echo {a.output.image}", inputs={"x": a.output.image, "y": [1, 2]})


@twin(
    "- {name: a, config: {run: make}, when: inputs.flag, timeout: 5m, total_timeout: 1h, continue_on_failure: true,"
    " retry: {attempts: 4, interval: 200ms, backoff: 2, on: [timeout, 75]}, error_behavior: suspend}\n"
    "- {name: b, config: {run: make}, retry: 3}"
)
def common_keys(wf: Workflow) -> None:
    again = Retry(4, interval="200ms", backoff=2, on=["timeout", 75])
    wf.shell(
        "a",
        "make",
        when=wf.inputs.flag,
        timeout="5m",
        total_timeout=timedelta(hours=1),
        continue_on_failure=True,
        retry=again,
        error_behavior="suspend",
    )
    wf.shell("b", "make", retry=3)


@twin(
    "- name: a\n  config: {run: make}\n  on_success: {name: s, config: {run: echo}}\n"
    "  on_failure: [{name: f, config: {run: 'echo ${{ error.message }} ${{ outcome }} ${{ attempt }}'}}]\n"
    "  on_error: {name: e, config: {run: echo}}\n  on_abort: {name: o, config: {run: echo}}\n"
    "  ensure: [{name: n, config: {run: echo}}, {name: m, config: {run: echo}}]"
)
def hooks(wf: Workflow) -> None:
    a = wf.shell("a", "make")
    with a.on_success():
        wf.shell("s", "echo")
    with a.on_failure():
        wf.shell("f", f"echo {error.message} {outcome} {attempt}")
    with a.on_error():
        wf.shell("e", "echo")
    with a.on_abort():
        wf.shell("o", "echo")
    with a.ensure():
        wf.shell("n", "echo")
        wf.shell("m", "echo")


# Functions of Python


class Report(TypedDict):
    size: int
    notes: list[str] | None


@dataclass
class Image:
    digest: str
    layers: int = 1


def measure(name: str, n: int, scale: float = 1.0) -> Report:
    return {"size": round(n * scale), "notes": [name]}


def pull(image: str) -> Image:
    return Image(image)


@task(timeout="1m")
def count(tags: list[str]) -> int:
    return len(tags)


@twin(
    f"- {{name: measured, type: python, config: {{call: '{__name__}:measure'}}, inputs: {{name: inputs.name, n: inputs.n}},"
    " outputs: [{name: size, type: integer}, {name: notes, type: 'list<string>?'}]}\n"
    f"- {{name: pull, type: python, config: {{call: '{__name__}:pull', isolate: true}}, inputs: {{image: inputs.name}},"
    " outputs: [{name: digest, type: string}, {name: layers, type: integer}]}\n"
    f"- {{name: count, type: python, config: {{call: '{__name__}:count'}}, inputs: {{tags: inputs.tags}}, timeout: 1m,"
    " outputs: [{name: result, type: integer}]}\n"
    "- {name: half, type: python, config: {call: half}, inputs: {n: steps.measured.output.size},"
    " outputs: [{name: result, type: number}]}\n"
    "- {name: mean, type: python, config: {call: 'statistics:mean'}, inputs: {data: '[1, 2]'}}"
)
@pytest.mark.acceptance("BLD-04")
def functions_of_python(wf: Workflow) -> None:
    measured = wf.python("measured", measure)
    wf.step(name="pull", isolate=True, inputs={"image": wf.inputs.name})(pull)
    wf.step(count)

    @task(registered="half")
    def half(n: int) -> float:
        return n / 2

    wf.python("half", half, inputs={"n": measured.output.size})
    wf.python("mean", "statistics:mean", inputs={"data": "[1, 2]"})


# Blocks


@twin(
    "- parallel: {limit: 2, fail_fast: cancel, steps: [{name: a, config: {run: make}}, {name: b, config: {run: make}}]}\n"
    "  name: both\n"
    "- sequence: [{name: c, config: {run: make}}, {name: d, config: {run: make}}]\n  timeout: 1m\n"
    "- {name: e, config: {run: make}, when: steps.both.status == 'succeeded'}"
)
def parallel_and_sequence(wf: Workflow) -> None:
    with wf.parallel(limit=2, fail_fast=True, name="both") as both:
        wf.shell("a", "make")
        wf.shell("b", "make")
    with wf.sequence(timeout="1m"):
        wf.shell("c", "make")
        wf.shell("d", "make")
    wf.shell("e", "make", when=both.status == "succeeded")


@twin(
    "- if: inputs.n > 3\n  then: [{name: a, config: {run: make}}, {name: b, config: {run: make}}]\n"
    "  else:\n    - if: inputs.flag\n      then: [{name: c, config: {run: make}}]\n"
    "      else: [{name: d, config: {run: make}}]\n"
    "- if: inputs.flag\n  then: [{name: e, config: {run: make}}]"
)
def if_elif_else(wf: Workflow) -> None:
    with wf.if_(wf.inputs.n > 3):
        wf.shell("a", "make")
        wf.shell("b", "make")
    with wf.elif_("inputs.flag"):
        wf.shell("c", "make")
    with wf.else_():
        wf.shell("d", "make")
    with wf.if_(wf.inputs.flag):
        wf.shell("e", "make")


@twin(
    "- switch: inputs.name\n  cases:\n    live: [{name: a, config: {run: make}}]\n    '5': [{name: b, config: {run: make}}]\n"
    "  default: [{name: c, config: {run: make}}]\n"
    "- switch: inputs.n\n  cases:\n    5: [{name: d, config: {run: make}}]\n    -1: [{name: e, config: {run: make}}]"
)
def switch(wf: Workflow) -> None:
    with wf.switch(wf.inputs.name) as choice:
        with choice.case("live"):
            wf.shell("a", "make")
        with choice.case("5"):
            wf.shell("b", "make")
        with choice.default():
            wf.shell("c", "make")
    with wf.switch("inputs.n") as choice:
        with choice.case(5):
            wf.shell("d", "make")
        with choice.case(-1):
            wf.shell("e", "make")


@twin(
    "- set: {count: '0', list: [a, '${{ inputs.n }}']}\n"
    "- while: vars.count < inputs.n\n  max_iterations: 9\n  do:\n"
    "    - {name: a, config: {run: make}}\n    - set: {count: vars.count + 1}\n"
    "- until: vars.count == 0\n  do: [{set: {count: vars.count - 1}}]"
)
def loops(wf: Workflow) -> None:
    wf.set({"count": 0, "list": ["a", wf.inputs.n]})
    with wf.while_(wf.vars.count < wf.inputs.n, max_iterations=9):
        wf.shell("a", "make")
        wf.set({"count": wf.vars.count + 1})
    with wf.until(wf.vars.count == 0):
        wf.set({"count": wf.vars.count - 1})


@twin(
    "- for_each: inputs.tags\n  as: tag\n  limit: 4\n  fail_fast: stop\n  collect: {hosts: outputs.host}\n  do:\n"
    "    - {name: a, config: {run: 'echo ${{ tag }} ${{ index }}'}, outputs: [{name: host, type: string}]}\n"
    "    - parallel: [{name: b, config: {run: make}}, {name: c, config: {run: make}}]\n"
    "- for_each: [x, y]\n  do: [{name: d, config: {run: 'echo ${{ item }}'}}]\n"
    "- matrix: {os: [debian, alpine], python: '[11, 12]'}\n  collect: all\n  do:\n"
    "    - {name: e, config: {run: 'echo ${{ matrix.os }}'}}"
)
def iterations(wf: Workflow) -> None:
    with wf.for_each(wf.inputs.tags, as_="tag", limit=4, fail_fast="stop", collect={"hosts": "outputs.host"}) as tag:
        wf.shell("a", f"echo {tag} {index}", outputs={"host": str})
        with wf.parallel():
            wf.shell("b", "make")
            wf.shell("c", "make")
    with wf.for_each(["x", "y"]) as item:
        wf.shell("d", f"echo {item}")
    with wf.matrix({"os": ["debian", "alpine"], "python": [11, 12]}, collect="all") as pick:
        wf.shell("e", f"echo {pick.os}")


@twin(
    "- race: [{name: a, config: {run: make}}, {name: b, config: {run: make}}]\n"
    "- saga:\n    - name: charge\n      config: {run: pay}\n      compensate: [{name: refund, config: {run: repay}}]\n"
    "      compensate_on_failure: true\n    - {name: ship, config: {run: ship}}"
)
def race_and_saga(wf: Workflow) -> None:
    with wf.race():
        wf.shell("a", "make")
        wf.shell("b", "make")
    with wf.saga():
        charge = wf.shell("charge", "pay")
        with charge.compensate_with(on_failure=True):
            wf.shell("refund", "repay")
        wf.shell("ship", "ship")


@twin(
    "- {name: paid, wait: {event: paid, key: '${{ run.id }}', since: now, timeout: 1d,"
    " on_timeout: [{name: late, config: {run: make}}]}}\n"
    "- approve: {title: 'Ship ${{ inputs.name }}?', options: [go, stop], reject: [stop], assignees: [ops], timeout: 2h}\n"
    "  timeout: 3h\n"
    "- publish: {event: built, key: k, data: {n: '${{ inputs.n }}'}}"
)
def signals(wf: Workflow) -> None:
    paid = wf.wait_for("paid", key=run.id, since="now", timeout="1d", name="paid")
    with paid.on_timeout():
        wf.shell("late", "make")
    wf.approve(
        f"Ship {wf.inputs.name}?",
        options=["go", "stop"],
        reject=["stop"],
        assignees=["ops"],
        timeout="2h",
        step_timeout="3h",
    )
    wf.publish("built", key="k", data={"n": wf.inputs.n})


@twin(
    "- sleep: 30s\n- sleep_until: inputs.name\n- if: inputs.flag\n  then: [{return: {}}]\n"
    "- {fail: 'no ${{ inputs.name }}', when: host.has('docker'), name: stop}"
)
def small_ones(wf: Workflow) -> None:
    wf.sleep("30s")
    wf.sleep_until(wf.inputs.name)
    with wf.if_(wf.inputs.flag):
        wf.return_()
    wf.fail(f"no {wf.inputs.name}", when=host.has("docker"), name="stop")


@twin(
    "- {name: a, config: {run: make}, when: {all: [{field: n, gt: 3}, {field: note, equals: 'v${{ inputs.name }}'}]}}\n"
    "- {name: b, config: {run: make}, when: {field: inputs.note, is_null: true}}"
)
def structured_conditions(wf: Workflow) -> None:
    known = (data("n") != None) & (data("n") > 3)  # noqa: E711 - `is not` can not be overloaded
    wf.shell("a", "make", when=known & (data("note") == template("v", wf.inputs.name)))
    wf.shell("b", "make", when={"field": "inputs.note", "is_null": True})


@twin('- {name: a, config: {run: "set -e\\n  make\\necho done\\n", env: {A: \'${{ "(" }}\'}}}')
def texts(wf: Workflow) -> None:
    script = text("""
        set -e
          make
        echo done
    """)
    wf.shell("a", script, env={"A": value("(")})


@pytest.mark.acceptance("BLD-01", "BLD-02", "PRG-01")
@pytest.mark.parametrize(("build", "yaml"), CASES)
def test_a_construct_in_python_has_the_hash_of_its_twin_in_yaml(build: Build, yaml: str) -> None:
    wf = demo()
    build(wf)
    assert hashes(wf.build()) == from_yaml(yaml)


STEP = "- {name: a, config: {run: make}, outputs: [{name: image, type: string}]}"

KEYS: list[tuple[dict[str, Any], str]] = [
    ({"name": "Deploy it", "description": "all of it", "timeout": "1h"}, "name: Deploy it\ntimeout: 60m"),
    ({"inputs": {}}, "inputs: {}"),
    (
        {"inputs": {"env": Input(str, default="test", enum=["test", "live"], description="where")}},
        "inputs: {env: {type: string, default: test, enum: [test, live]}}",
    ),
    (
        {"inputs": {"env": Literal["a", "b"], "r": "{a: string}"}},
        "inputs: {env: {type: string, enum: [a, b]}, r: '{a: string}'}",
    ),
    ({"inputs": Image}, "inputs: {digest: string, layers: {type: integer, default: 1}}"),
    (
        {"inputs": {"r": Report, "m": dict[str, float]}},
        "inputs: {r: '{size: integer, notes: list<string>?}', m: map<number>}",
    ),
    ({"inputs": {"note": Input("string?", default=None)}}, "inputs: {note: {type: 'string?', default: null}}"),
    ({"outputs": {"image": str}}, "outputs: {image: string}"),
    (
        {"defaults": Defaults(timeout="5m", retry=Retry(3, jitter=True), env={"A": "x"}, shell="bash")},
        "defaults: {timeout: 5m, retry: {attempts: 3, jitter: true}, env: {A: x}, shell: bash}",
    ),
    ({"error_behavior": {"type": "retry", "max_retries": 2}}, "error_behavior: {type: retry, max_retries: 2}"),
    ({"durability": "group(20ms)", "requires": ["docker"]}, "durability: group(20ms)\nrequires: [docker]"),
]


@pytest.mark.acceptance("BLD-01")
@pytest.mark.parametrize(("options", "yaml"), KEYS, ids=[yaml[:30] for _, yaml in KEYS])
def test_a_key_of_a_workflow_in_python_has_the_hash_of_its_twin_in_yaml(options: dict[str, Any], yaml: str) -> None:
    wf = Workflow("demo", 1, **options)
    wf.shell("a", "make", outputs={"image": str})
    assert hashes(wf.build()) == from_yaml(STEP, yaml)


def test_hooks_of_a_workflow_have_the_hash_of_their_twins_in_yaml() -> None:
    wf = Workflow("demo", 1)
    with wf.on_failure():
        wf.shell("tell", f"echo {error.message}")
    wf.shell("a", "make", outputs={"image": str})
    with wf.ensure():
        wf.shell("clean", "rm -rf out")
    keys = (
        "on_failure: {name: tell, config: {run: 'echo ${{ error.message }}'}}\n"
        "ensure: [{name: clean, config: {run: rm -rf out}}]"
    )
    assert hashes(wf.build()) == from_yaml(STEP, keys)


def test_a_child_that_is_given_as_an_object_is_included_and_pinned() -> None:
    child = Workflow("child", 2, inputs={"n": int})
    child.shell("work", "make")
    wf = demo()
    wf.call("work", child, inputs={"n": wf.inputs.n})
    tree = document(wf)
    assert (len(tree.workflows), tree.own) == (2, 1)
    yaml = in_workflow(
        "- {name: work, type: workflow, config: {workflow: child, version: 2}, inputs: {n: inputs.n}}", INPUTS_YAML
    )
    second = "  - id: child\n    version: 2\n    inputs: {n: integer}\n    steps: [{name: work, config: {run: make}}]\n"
    both = "workflows:\n  - " + "\n  ".join(yaml.partition("\n")[2].strip().splitlines()) + "\n" + second
    diagnostics = Diagnostics()
    twins = load_yaml_text(both, Variables(), diagnostics)
    assert twins is not None, diagnostics.found
    assert hashes(tree) == hashes(twins)


wf = demo()
OPERATORS: list[tuple[Any, str]] = [
    ((wf.inputs.n + 1 > 3) & ~wf.inputs.tags.contains("beta"), "inputs.n + 1 > 3 && !(inputs.tags contains 'beta')"),
    ((wf.inputs.n - 1 <= 3) | (wf.inputs.n * 2 != 4), "inputs.n - 1 <= 3 || inputs.n * 2 != 4"),
    (1 + wf.inputs.n % 2 >= 10 - wf.inputs.n, "1 + inputs.n % 2 >= 10 - inputs.n"),
    (-wf.inputs.n < wf.inputs.n / 2, "-inputs.n < inputs.n / 2"),
    (wf.inputs.note.or_else("x") == "x", "(inputs.note ?? 'x') == 'x'"),
    (wf.inputs.name.in_(["a", "b"]), "inputs.name in ['a', 'b']"),
    (value("a").in_(wf.inputs.tags), "'a' in inputs.tags"),
    (choose(wf.inputs.flag, wf.inputs.n, 0) == 1, "(inputs.flag ? inputs.n : 0) == 1"),
    (functions.len(functions.split(wf.inputs.name, ",")) > 2, "len(split(inputs.name, ',')) > 2"),
    (functions.len(functions.split(wf.inputs.name)) > 2, "len(split(inputs.name)) > 2"),
    (functions.max(wf.inputs.n, 3) == 3, "max(inputs.n, 3) == 3"),
    (functions.first(map_(wf.inputs.tags, lambda tag: tag + "!")) == "a!", "first(map(inputs.tags, tag => tag + '!')) == 'a!'"),
    (functions.len(filter_(wf.inputs.tags, lambda tag: tag == "a")) > 0, "len(filter(inputs.tags, tag => tag == 'a')) > 0"),
    (wf.inputs["name"] == "x", "inputs.name == 'x'"),
    (wf.inputs.tags[0] == "x", "inputs.tags[0] == 'x'"),
    (expression("inputs.n > 3") & wf.inputs.flag, "inputs.n > 3 && inputs.flag"),
    (value({"a": wf.inputs.n})["a"] == 1, "{a: inputs.n}.a == 1"),
    (host.has("docker"), "host.has('docker')"),
    (run.name == "x", "run.name == 'x'"),
]  # fmt: skip


@pytest.mark.acceptance("BLD-05")
@pytest.mark.parametrize(("operators", "written"), OPERATORS, ids=[written for _, written in OPERATORS])
def test_operators_give_the_code_of_their_text(operators: Any, written: str) -> None:
    first, second = demo(), demo()
    first.shell("a", "make", when=operators)
    second.shell("a", "make", when=written)
    assert hashes(first.build()) == hashes(second.build())
    quoted = written.replace('"', '\\"')
    assert hashes(first.build()) == from_yaml(f'- {{name: a, config: {{run: make}}, when: "{quoted}"}}')
