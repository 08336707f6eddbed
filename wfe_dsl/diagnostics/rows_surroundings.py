"""Rows of the catalogue: what is known when (0430 to 0433), schedules (0455 to 0457), modules of scripts (0470),
services, volumes and artifacts (0520 to 0523).

Each row is what ``codes.Code`` takes: code, severity, title, why, an example that is wrong and one that is right.
"""

from __future__ import annotations

from typing import Final

from .rows_names import Row, steps_example, workflow_example

__all__ = ["EARLY_ROWS", "MODULE_ROWS", "SCHEDULE_ROWS", "SERVICE_ROWS"]

_STEPS: Final = "\nsteps:\n  - {name: build, config: {run: make}}"


def _database(more: str, reads: str = "") -> str:
    """Return a workflow with a service that has these keys besides its image, and a step that reads something."""
    step = f"{{run: echo ready, env: {{VALUE: '${{{{ {reads} }}}}'}}}}" if reads else "{run: make}"
    return workflow_example(
        "inputs: {region: string}\nservices:\n  database:\n    image: postgres:17\n"
        + "".join(f"    {line}\n" for line in more.split("\n"))
        + f"steps:\n  - {{name: build, config: {step}}}"
    )


def _listed(field: str) -> str:
    """Return a workflow with a step whose condition looks at a field."""
    return workflow_example(
        "inputs: {region: string}\nsteps:\n"
        "  - {name: tag, config: {run: make tag}, outputs: [{name: tag_created}]}\n"
        f"  - {{name: release, when: {{field: {field}, equals: true}}, config: {{run: make release}}}}"
    )


def _scheduled(entry: str, inputs: str = "") -> str:
    """Return a workflow with this entry in its schedule."""
    declared = f"inputs: {inputs}\n" if inputs else ""
    return workflow_example(f"{declared}schedule:\n  - {entry}{_STEPS}")


SCHEDULE_ROWS: Final[tuple[Row, ...]] = (
    (
        "WFE0455",
        "error",
        "Not a cron expression",
        "A time at which runs start has five fields: minute, hour, day of month, month, day of week. One that no day "
        "fits would never start anything.",
        _scheduled("{cron: '30 6 * *'}"),
        _scheduled("{cron: '30 6 * * mon-fri'}"),
    ),
    (
        "WFE0456",
        "error",
        "An unknown time zone",
        "Time zones have the names of the tz database: an area and a city, or `UTC`.",
        _scheduled("{cron: '30 6 * * *', timezone: Europe/Berln}"),
        _scheduled("{cron: '30 6 * * *', timezone: Europe/Berlin}"),
    ),
    (
        "WFE0457",
        "error",
        "An input that a scheduled run has nothing for",
        "Nobody is there to give inputs to a run that is started by its schedule: each needs a default, or an optional "
        "type.",
        _scheduled("{cron: '0 3 * * *'}", "{region: string}"),
        _scheduled("{cron: '0 3 * * *'}", "{region: {type: string, default: eu}}"),
    ),
)

MODULE_ROWS: Final[tuple[Row, ...]] = (
    (
        "WFE0470",
        "warning",
        "A module that a script imports can't be read",
        "The local modules that the script of a deno step imports are part of the program, as the script is. Without "
        "one of them the script can't be run.",
        "",
        "",
    ),
)

EARLY_ROWS: Final[tuple[Row, ...]] = (
    (
        "WFE0430",
        "error",
        "Known only later",
        "A concurrency group decides whether the run may start, and a service starts before the first step: neither "
        "can read what a step gives.",
        workflow_example(
            "inputs: {region: string}\nconcurrency: 'deploy-${{ steps.build.output.tag }}'\nsteps:\n"
            "  - {name: build, config: {run: make}, outputs: [{name: tag}]}"
        ),
        workflow_example(
            "inputs: {region: string}\nconcurrency: 'deploy-${{ inputs.region }}'\nsteps:\n"
            "  - {name: build, config: {run: make}, outputs: [{name: tag}]}"
        ),
    ),
    (
        "WFE0431",
        "error",
        "An unknown service",
        "A path that begins with `services` names a service of this workflow; it has a `host` and `ports`.",
        _database("ports: [5432]", "services.databse.host"),
        _database("ports: [5432]", "services.database.host"),
    ),
    (
        "WFE0432",
        "error",
        "A condition on what nothing gives",
        "The field is no declared input and no step lists it as an output, so it is always null and the condition "
        "always says the same.",
        _listed("tag_creatd"),
        _listed("tag_created"),
    ),
    (
        "WFE0433",
        "warning",
        "A condition that never holds",
        "An input that is declared without a `?` is never null, and nothing has two values at once.",
        workflow_example(
            "inputs: {region: string}\nsteps:\n"
            "  - {name: build, when: {field: inputs.region, is_null: true}, config: {run: make}}"
        ),
        workflow_example(
            "inputs: {region: string?}\nsteps:\n"
            "  - {name: build, when: {field: inputs.region, is_null: true}, config: {run: make}}"
        ),
    ),
)

SERVICE_ROWS: Final[tuple[Row, ...]] = (
    (
        "WFE0520",
        "error",
        "A service without exactly one probe",
        "A probe tells whether the service is ready: a command, a port or a path, by `exec`, `tcp` or `http`.",
        _database("ports: [5432]\nreadiness: {tcp: 5432, exec: [pg_isready]}"),
        _database("ports: [5432]\nreadiness: {exec: [pg_isready]}"),
    ),
    (
        "WFE0521",
        "warning",
        "A probe of a port that the service does not list",
        "Only the ports that are listed can be reached, so the service would never count as ready.",
        _database("ports: [5432]\nreadiness: {tcp: 5433}"),
        _database("ports: [5432]\nreadiness: {tcp: 5432}"),
    ),
    (
        "WFE0522",
        "error",
        "A relative path in a container",
        "A shared volume is put into every container at one place, which is told by a path from the root.",
        workflow_example("shared_volume: {mount_path: work}" + _STEPS),
        workflow_example("shared_volume: {mount_path: /work}" + _STEPS),
    ),
    (
        "WFE0523",
        "warning",
        "Artifacts that nothing mounts",
        "The `inputs` of a `config` mount what other steps made into a container. A shell step runs on the host, "
        "where nothing is mounted.",
        steps_example("- {name: build, type: shell, config: {run: make, inputs: {source: /src}}}"),
        steps_example("- {name: build, type: shell, config: {run: make, working_dir: /src}}"),
    ),
)
