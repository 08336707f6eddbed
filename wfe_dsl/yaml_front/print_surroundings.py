"""What a run of a workflow stands in, as YAML: its group, services, shared volume, secrets."""

from __future__ import annotations

from .. import nodes
from ..expression_printer import print_text
from .layout import Item, Series, Table, Value
from .print_values import item, written_config, written_duration, written_literal
from .step_types import MAP

__all__ = ["written_surroundings"]


def written_surroundings(workflow: nodes.Workflow) -> list[Item]:
    """Return the entries of a workflow that say what its runs stand in."""
    items: list[Item] = []
    group = workflow.concurrency
    if group is not None:
        entries = [item("group", print_text(group.group), group.group.span)]
        if group.limit != 1:
            entries.append(item("limit", group.limit))
        if group.on_full != "queue":
            entries.append(item("on_full", group.on_full))
        items.append(item("concurrency", Table(entries, flow=True), group.span))
    if workflow.services:
        services = [item(service.name, _service(service), service.name_span) for service in workflow.services]
        items.append(item("services", Table(services)))
    volume = workflow.shared_volume
    if volume is not None:
        entries = []
        if volume.mount_path != "/workspace":
            entries.append(item("mount_path", written_literal(volume.mount_path, volume)))
        if volume.size:
            entries.append(item("size", written_literal(volume.size, volume)))
        items.append(item("shared_volume", Table(entries, flow=True), volume.span))
    if workflow.secrets:
        secrets = [item(secret.name, _secret(secret), secret.name_span) for secret in workflow.secrets]
        items.append(item("secrets", Table(secrets)))
    if workflow.schedule:
        items.append(item("schedule", Series([Item(_schedule(one)) for one in workflow.schedule])))
    return items


def _schedule(schedule: nodes.Schedule) -> Table:
    entries = [item("cron", written_literal(schedule.cron, schedule), schedule.cron_span)]
    if schedule.timezone != "UTC":
        entries.append(item("timezone", written_literal(schedule.timezone, schedule)))
    if schedule.missed != "once":
        entries.append(item("missed", schedule.missed))
    return Table(entries, flow=True)


def _secret(secret: nodes.Secret) -> Table:
    if secret.command:
        return Table([item("command", _listed(secret.command, secret))], flow=True)
    key = "env" if secret.env else "file"
    return Table([item(key, written_literal(getattr(secret, key), secret))], flow=True)


def _service(service: nodes.Service) -> Table:
    items = [item("image", written_literal(service.image, service))]
    if service.ports:
        items.append(item("ports", _listed(service.ports, service)))
    if service.env is not None:
        entries = (("env", service.env.span, service.env),)
        items += written_config(nodes.MapExpression(span=service.span, entries=entries), {"env": MAP}).items
    for key in ("command", "args"):
        if getattr(service, key):
            items.append(item(key, _listed(getattr(service, key), service)))
    for key in ("memory", "cpu"):
        if getattr(service, key):
            items.append(item(key, written_literal(getattr(service, key), service)))
    if service.network != "bridge":
        items.append(item("network", service.network))
    if service.readiness is not None:
        items.append(item("readiness", _readiness(service.readiness), service.readiness.span))
    return Table(items, flow=True)


def _readiness(readiness: nodes.Readiness) -> Table:
    items: list[Item] = []
    if readiness.command:
        items.append(item("exec", _listed(readiness.command, readiness)))
    if readiness.tcp_port:
        items.append(item("tcp", readiness.tcp_port))
    if readiness.http_port:
        entries = [item("port", readiness.http_port)]
        if readiness.http_path != "/":
            entries.append(item("path", written_literal(readiness.http_path, readiness)))
        items.append(item("http", Table(entries, flow=True)))
    if readiness.interval_ms != 5000:
        items.append(item("interval", written_duration(readiness.interval_ms)))
    if readiness.timeout_ms != 60_000:
        items.append(item("timeout", written_duration(readiness.timeout_ms)))
    if readiness.retries != 12:
        items.append(item("retries", readiness.retries))
    return Table(items, flow=True)


def _listed(values: tuple[object, ...], node: nodes.Node) -> Value:
    return Series([Item(written_literal(value, node)) for value in values], flow=True)
