"""What lies around a run's steps: its concurrency group, its services, its shared volume.

This file owns their rows in the program, and the workflow that computes what has to be known before
the first step. It knows nothing of instructions: that workflow is compiled as any other is.

Rule: what is computed so depends on the inputs and on the run itself, as ``check_surroundings.py`` holds.
"""

from __future__ import annotations

from typing import Final

from wfe_vm import program as vm

from . import nodes

__all__ = ["PREPARED", "concurrency_row", "preparation_of", "schedule_rows", "service_rows", "shared_volume_row"]

PREPARED: Final = {"group": "string", "services": "map<any>"}
"""What a preparation may give, and its type."""


def preparation_of(workflow: nodes.Workflow) -> nodes.Workflow | None:
    """Return the workflow that gives the group and the services' environments; None where there is nothing to give.

    It takes the same inputs and has one step, a `return`.
    """
    entries: list[tuple[str, nodes.Expression]] = []
    if workflow.concurrency is not None:
        entries.append(("group", _as_text(workflow.concurrency.group)))
    environments = tuple(
        (service.name, service.name_span, service.env) for service in workflow.services if service.env is not None
    )
    if environments:
        entries.append(("services", nodes.MapExpression(span=workflow.span, entries=environments)))
    if not entries:
        return None
    span = workflow.span
    body = nodes.Return(span=span, entries=tuple((name, span, value) for name, value in entries))
    return nodes.Workflow(
        span=span,
        id=workflow.id,
        id_span=workflow.id_span,
        version=workflow.version,
        steps=(nodes.Step(span=span, name="prepare", name_span=span, body=body),),
        inputs=workflow.inputs,
        outputs=tuple(
            nodes.InputDeclaration(span=span, name=name, type=nodes.TypeText(span=span, text=PREPARED[name]))
            for name, _ in entries
        ),
    )


def concurrency_row(workflow: nodes.Workflow) -> vm.Concurrency | None:
    """Return the row of a workflow's concurrency group."""
    found = workflow.concurrency
    return None if found is None else vm.Concurrency(found.limit, found.on_full)


def service_rows(workflow: nodes.Workflow) -> tuple[vm.Service, ...]:
    """Return the rows of a workflow's services by name."""
    return tuple(map(_service_row, sorted(workflow.services, key=lambda service: service.name)))


def schedule_rows(workflow: nodes.Workflow) -> tuple[vm.Schedule, ...]:
    """Return the rows of the times at which runs start."""
    return tuple(vm.Schedule(one.cron, one.timezone, one.missed) for one in workflow.schedule)


def shared_volume_row(workflow: nodes.Workflow) -> vm.SharedVolume | None:
    """Return the row of a workflow's shared volume."""
    found = workflow.shared_volume
    return None if found is None else vm.SharedVolume(found.mount_path, found.size)


def _service_row(service: nodes.Service) -> vm.Service:
    probe = service.readiness
    return vm.Service(
        name=service.name,
        image=service.image,
        ports=service.ports,
        command=service.command,
        args=service.args,
        memory=service.memory,
        cpu=service.cpu,
        network=service.network,
        readiness=None
        if probe is None
        else vm.Readiness(
            command=probe.command,
            tcp_port=probe.tcp_port,
            http_port=probe.http_port,
            http_path=probe.http_path,
            interval_ms=probe.interval_ms,
            timeout_ms=probe.timeout_ms,
            retries=probe.retries,
        ),
    )


def _as_text(expression: nodes.Expression) -> nodes.Expression:
    """Return an expression whose value is a text: that of a number, where a group is just one."""
    if isinstance(expression, nodes.Text | nodes.Literal):
        return expression
    return nodes.Text(span=expression.span, parts=(expression,))
