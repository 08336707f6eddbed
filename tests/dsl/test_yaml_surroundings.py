"""Concurrency groups, services and the shared volume: how they are read, checked and compiled."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dsl.build import codes, compile_text, compiled, in_workflow, only
from wfe_dsl import nodes
from wfe_vm.commands import EndRun
from wfe_vm.events import Started
from wfe_vm.machine import Machine
from wfe_vm.program import NO_PC, Concurrency, Program, Readiness, Service, SharedVolume

from .yaml_support import show, workflow_of, wrap

STEP = "- {name: build, config: {run: make}}"
DATABASE = "services: {database: {image: 'postgres:17', ports: [5432]%s}}"


def reads(path: str) -> str:
    return f"- {{name: build, config: {{run: make, env: {{VALUE: '${{{{ {path} }}}}'}}}}}}"


def prepared(program: Program, inputs: dict[str, Any]) -> dict[str, Any]:
    """Return what a program's preparation gives for these inputs."""
    assert program.preparation is not None
    machine = Machine(program.preparation)
    advance = machine.advance(machine.new_state("r1", "demo-7", ""), Started(1000, inputs))
    (end,) = advance.commands
    assert isinstance(end, EndRun)
    assert end.status == "succeeded"
    return end.outputs


# Concurrency


def test_a_group_may_be_a_text_or_a_map_and_its_defaults_are_one_run_at_a_time_in_a_queue() -> None:
    for written in ("concurrency: deploy", "concurrency: {group: deploy}"):
        found = workflow_of(wrap(STEP, written)).concurrency
        assert found is not None
        assert (show(found.group), found.limit, found.on_full) == ('"deploy"', 1, "queue")


@pytest.mark.parametrize("on_full", ["queue", "replace", "cancel_running", "reject"])
def test_every_answer_to_a_full_group_is_kept(on_full: str) -> None:
    program = compiled(STEP, f"concurrency: {{group: deploy, limit: 3, on_full: {on_full}}}").program
    assert program.concurrency == Concurrency(3, on_full)


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("deploy", "deploy"),
        ("5", "5"),
        ("'deploy-${{ inputs.region }}'", "deploy-eu"),
        ("'${{ inputs.count }}'", "7"),
        ("'${{ inputs.note }}'", ""),
        ("'${{ inputs.note ?? upper(inputs.region) }}'", "EU"),
        ("'${{ run.workflow }}/((region))'", "demo/eu"),
    ],
)
def test_a_group_is_computed_of_the_inputs_alone(group: str, expected: str) -> None:
    keys = f"inputs: {{region: string, count: integer, note: string?}}\nconcurrency: {{group: {group}}}"
    program = compiled(STEP, keys).program
    assert prepared(program, {"region": "eu", "count": 7, "note": None}) == {"group": expected}


@pytest.mark.parametrize(
    ("group", "code"),
    [
        ("'${{ steps.build.status }}'", "WFE0430"),
        ("'${{ outputs.tag }}'", "WFE0430"),
        ("'${{ vars.tag }}'", "WFE0430"),
        ("'${{ run.id }}'", "WFE0430"),
        ("'${{ inputs.regoin }}'", "WFE0206"),
        ("'${{ inputs.tags }}'", "WFE0312"),
        ("'${{ inputs.region - 1 }}'", "WFE0312"),
    ],
)
def test_a_group_that_cannot_be_known_in_time_is_an_error(group: str, code: str) -> None:
    found = only(STEP, f"inputs: {{region: string, tags: list<string>}}\nconcurrency: {group}")
    assert found.code == code
    assert found.help


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("", "WFE0103"),
        ("[deploy]", "WFE0103"),
        ("''", "WFE0103"),
        ("{}", "WFE0102"),
        ("{limit: 2}", "WFE0102"),
        ("{group: }", "WFE0103"),
        ("{group: [a]}", "WFE0103"),
        ("{group: a, limit: 0}", "WFE0116"),
        ("{group: a, limit: '${{ inputs.n }}'}", "WFE0031"),
        ("{group: a, on_full: wait}", "WFE0117"),
        ("{group: a, onfull: queue}", "WFE0101"),
        ("{grup: a}", "WFE0101"),
    ],
)
def test_a_mistake_in_a_concurrency_is_one_error(written: str, code: str) -> None:
    assert codes(STEP, f"inputs: {{n: integer}}\nconcurrency: {written}") == [code]


# Services


def test_every_key_of_a_service_is_kept() -> None:
    program = compiled(
        STEP,
        """\
inputs: {region: string}
services:
  web:
    image: registry.example.com/web:1.10
    ports: [8080, 9090]
    command: [serve]
    args: [--port, 8080]
    memory: 512MiB
    cpu: 500m
    network: host
    env: {REGION: '${{ inputs.region }}', RUN: '${{ run.name }}', LEVEL: 3, NONE: null}
    readiness: {http: {port: 8080, path: ready}, interval: 1s, timeout: 10s, retries: 30}
  cache: {image: 'redis:7', ports: [6379]}""",
    ).program
    assert program.services == (
        Service("cache", "redis:7", (6379,)),
        Service(
            "web",
            "registry.example.com/web:1.10",
            (8080, 9090),
            ("serve",),
            ("--port", "8080"),
            "512MiB",
            "500m",
            "host",
            Readiness(http_port=8080, http_path="/ready", interval_ms=1000, timeout_ms=10_000, retries=30),
        ),
    )
    environment = prepared(program, {"region": "eu"})["services"]
    assert environment == {"web": {"REGION": "eu", "RUN": "demo-7", "LEVEL": "3", "NONE": None}}


@pytest.mark.acceptance("YML-22")
@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        ("exec: [pg_isready, -q]", Readiness(command=("pg_isready", "-q"))),
        ("tcp: 5432", Readiness(tcp_port=5432)),
        ("http: {port: 5432}", Readiness(http_port=5432)),
        ("http: {port: 5432, path: /up}", Readiness(http_port=5432, http_path="/up")),
    ],
)
def test_a_probe_is_a_command_a_port_or_a_path_every_5_s_at_most_12_times_for_60_s(
    probe: str, expected: Readiness
) -> None:
    program = compiled(STEP, DATABASE % f", readiness: {{{probe}}}").program
    assert program.services[0].readiness == expected
    assert (expected.interval_ms, expected.timeout_ms, expected.retries) == (5000, 60_000, 12)


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("{ports: [1]}", ["WFE0102"]),
        ("{imgae: x}", ["WFE0101"]),
        ("{image: }", ["WFE0103"]),
        ("postgres", ["WFE0103"]),
        ("{image: x, ports: 80}", ["WFE0103"]),
        ("{image: x, ports: [0]}", ["WFE0116"]),
        ("{image: x, ports: [65536]}", ["WFE0116"]),
        ("{image: x, ports: ['80:80']}", ["WFE0103"]),
        ("{image: x, env: [A]}", ["WFE0103"]),
        ("{image: x, env: {A: [1]}}", ["WFE0103"]),
        ("{image: x, command: serve}", ["WFE0103"]),
        ("{image: x, memory: plenty}", ["WFE0506"]),
        ("{image: x, cpu: many}", ["WFE0103"]),
        ("{image: x, network: none}", ["WFE0117"]),
        ("{image: x, readiness: {}}", ["WFE0520"]),
        ("{image: x, readiness: {interval: 1s}}", ["WFE0520"]),
        ("{image: x, readiness: {tcp: 1, exec: [a]}}", ["WFE0520"]),
        ("{image: x, readiness: {tpc: 1}}", ["WFE0101"]),
        ("{image: x, readiness: {tcp: x}}", ["WFE0103"]),
        ("{image: x, readiness: {exec: []}}", ["WFE0103"]),
        ("{image: x, readiness: {exec: pg_isready}}", ["WFE0103"]),
        ("{image: x, readiness: {http: 80}}", ["WFE0103"]),
        ("{image: x, readiness: {http: {path: /}}}", ["WFE0102"]),
        ("{image: x, readiness: {tcp: 1, interval: soon}}", ["WFE0115"]),
        ("{image: x, readiness: {tcp: 1, retries: 0}}", ["WFE0116"]),
        ("{image: x, ports: [80], readiness: {tcp: 81}}", ["WFE0521"]),
        ("{image: x, ports: [80], readiness: {http: {port: 81}}}", ["WFE0521"]),
        ("{image: x, network: host, ports: [80], readiness: {tcp: 81}}", []),
        ("{image: x, env: {A: '${{ steps.build.status }}'}}", ["WFE0430"]),
        ("{image: x, env: {A: '${{ inputs.zzz }}'}}", ["WFE0206"]),
        ("{image: '${{ inputs.x }}'}", ["WFE0031"]),
    ],
)
def test_a_mistake_in_a_service_is_one_diagnostic(service: str, expected: list[str]) -> None:
    found = compile_text(in_workflow(STEP, f"inputs: {{x: string}}\nservices: {{one: {service}}}"))[1]
    assert [one.code for one in found] == expected
    assert all(one.help for one in found)


def test_the_host_and_the_ports_of_a_service_are_known_by_its_name_and_have_types() -> None:
    keys = DATABASE % ""
    assert codes(reads("services.database.host"), keys) == []
    assert codes(reads("services.database.ports[0] + 1"), keys) == []
    assert codes(reads("services.database.host + 1"), keys) == ["WFE0312"]
    assert codes("- {name: t, when: {field: services.database.host, equals: x}, config: {run: make}}", keys) == []


@pytest.mark.parametrize(
    ("path", "code", "help"),
    [
        ("services.databse.host", "WFE0431", "did you mean `database`?"),
        ("services.queue.host", "WFE0431", "it declares database; declare it under `services:`"),
        ("services.database.hots", "WFE0317", "did you mean `host`?"),
        ("services", "WFE0212", None),
    ],
)
def test_a_service_that_is_not_there_is_an_error_with_a_cure(path: str, code: str, help: str | None) -> None:
    found = only(reads(path), DATABASE % "")
    assert found.code == code
    assert help is None or found.help == help


def test_what_uses_a_service_that_could_not_be_read_is_not_blamed() -> None:
    assert codes(reads("services.database.host"), "services: [database]") == ["WFE0103"]
    assert codes(reads("services.database.host"), "services: {database: postgres}") == ["WFE0103"]


def test_what_the_run_knows_of_its_services_has_a_slot_where_there_are_any() -> None:
    without = compiled(STEP).program
    with_services = compiled(STEP, DATABASE % "").program
    assert without.services_slot == NO_PC
    assert with_services.scope_sizes[0] == without.scope_sizes[0] + 1
    assert with_services.services_slot not in {step.slot for step in with_services.steps}


# The shared volume


@pytest.mark.acceptance("YML-22")
def test_a_shared_volume_is_at_workspace_unless_it_says_otherwise() -> None:
    assert compiled(STEP, "shared_volume: {}").program.shared_volume == SharedVolume("/workspace")
    written = compiled(STEP, "shared_volume: {mount_path: /src, size: 2GiB}").program.shared_volume
    assert written == SharedVolume("/src", "2GiB")


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("/workspace", "WFE0103"),
        ("", "WFE0103"),
        ("{mount: /a}", "WFE0101"),
        ("{mount_path: work}", "WFE0522"),
        ("{size: big}", "WFE0506"),
    ],
)
def test_a_mistake_in_a_shared_volume_is_one_error(written: str, code: str) -> None:
    assert codes(STEP, f"shared_volume: {written}") == [code]


# Programs


def test_what_lies_around_the_steps_is_part_of_a_programs_identity_and_its_order_is_not() -> None:
    first = "services:\n  a: {image: x, env: {P: 1, Q: 2}}\n  b: {image: y}\nconcurrency: {group: g, limit: 2}"
    other = "concurrency: {limit: 2, group: g}\nservices:\n  b: {image: y}\n  a: {env: {Q: 2, P: 1}, image: x}"
    assert compiled(STEP, first).hash == compiled(STEP, other).hash
    assert compiled(STEP, first).hash != compiled(STEP, first.replace("limit: 2", "limit: 3")).hash
    assert compiled(STEP, first).hash != compiled(STEP, first.replace("group: g", "group: h")).hash
    assert compiled(STEP, first).hash != compiled(STEP, first.replace("Q: 2", "Q: 3")).hash


def test_a_workflow_that_computes_nothing_before_its_steps_has_no_preparation() -> None:
    assert compiled(STEP, "services: {a: {image: x}}").program.preparation is None
    assert compiled(STEP).program.preparation is None


def test_the_step_type_activity_takes_a_name_and_inputs() -> None:
    step = workflow_of(
        wrap(
            "- {name: charge, type: activity, config: {activity: charge-card, timeout: 5m}, inputs: {sum: inputs.sum}}"
        )
    ).steps[0]
    assert isinstance(step.body, nodes.Task)
    assert (step.body.type, show(step.body.config), step.timeout_ms) == (
        "activity",
        '{activity: "charge-card"}',
        300_000,
    )
    assert [(name, show(value)) for name, _, value in step.inputs or ()] == [("sum", "inputs.sum")]
