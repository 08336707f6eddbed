"""What lies around a workflow's steps: ``concurrency``, ``services``, ``shared_volume``.

All of it but the group and the environments is known when the workflow is compiled.
"""

from __future__ import annotations

from typing import Any, Final

from .. import nodes
from .configs import read_value
from .context import Context, placeholder
from .step_types import MAP, MEMORY, Key
from .tree import Entry, Mapping, Node, Scalar, words_in

__all__ = ["build_concurrency", "build_services", "build_shared_volume"]

CONCURRENCY_KEYS: Final = ("group", "limit", "on_full")
ON_FULL: Final = ("queue", "replace", "cancel_running", "reject")
SERVICE_KEYS: Final = (
    "image",
    "ports",
    "env",
    "command",
    "args",
    "memory",
    "cpu",
    "network",
    "readiness",
)
NETWORKS: Final = ("bridge", "host")
PROBES: Final = ("exec", "tcp", "http")
PROBE_FIELDS: Final = frozenset({"command", "tcp_port", "http_port"})
READINESS_KEYS: Final = (*PROBES, "interval", "timeout", "retries")
HTTP_KEYS: Final = ("port", "path")
VOLUME_KEYS: Final = ("mount_path", "size")
MAX_LIMIT: Final = 1_000_000
LAST_PORT: Final = 65_535
COMMAND_HELP: Final = "the program and its arguments, as in `[redis-server, --save, '']`"
SERVICES_HELP: Final = "names and services, as in `database: {image: 'postgres:17', ports: [5432]}`"
PROBE_HELP: Final = "as in `tcp: 5432`, `http: {port: 8080, path: /ready}` or `exec: [pg_isready]`"


def build_concurrency(context: Context, node: Node) -> nodes.Concurrency | None:
    """Return which runs share a slot; a text alone is the group."""
    if isinstance(node, Scalar) and node.value is not None:
        return nodes.Concurrency(span=node.span, group=_group(context, node))
    mapping = context.as_map(node, "`concurrency`", "a group, or a map with `group`, `limit` and `on_full`")
    if mapping is None:
        return None
    guesses = context.check_keys(mapping, CONCURRENCY_KEYS, "`concurrency`")
    if not context.require(mapping, "group", "`concurrency`", guesses, "as in `group: deploy-${{ inputs.region }}`"):
        return None
    limit, on_full = mapping.get("limit"), mapping.get("on_full")
    return nodes.Concurrency(
        span=mapping.span,
        group=_group(context, mapping.entries["group"].value),
        limit=1 if limit is None else context.integer(limit, "`limit`", 1, MAX_LIMIT) or 1,
        on_full="queue" if on_full is None else context.choice(on_full, "`on_full`", ON_FULL) or "queue",
    )


def _group(context: Context, node: Node) -> nodes.Expression:
    help = "write a text, as in `deploy` or `deploy-${{ inputs.region }}`"
    if not isinstance(node, Scalar) or node.value is None or node.text == "":
        context.wrong(node, "the group", "a text that isn't empty", help)
        return placeholder(node.span)
    return context.text(node) if isinstance(node.value, str) else nodes.Literal(span=node.span, value=node.text)


def build_services(context: Context, node: Node) -> tuple[nodes.Service, ...]:
    """Return the containers that run beside the steps."""
    mapping = context.as_map(node, "`services`", SERVICES_HELP)
    if mapping is None:
        context.unread.add("WFE0431")
        return ()
    found = (_service(context, entry) for entry in mapping.entries.values())
    return tuple(service for service in found if service is not None)


def _service(context: Context, entry: Entry) -> nodes.Service | None:
    what = f"the service `{entry.key}`"
    context.check_name(entry.key, entry.key_span, "the name of a service")
    mapping = context.as_map(entry.value, what, "as in `{image: 'postgres:17', ports: [5432]}`")
    if mapping is None:
        context.unread.update(("WFE0431", *words_in(entry.value)))
        return None
    guesses = context.check_keys(mapping, SERVICE_KEYS, what)
    image: str | None = None
    if context.require(mapping, "image", what, guesses, "as in `image: postgres:17`"):
        image = context.string(mapping.entries["image"].value, "`image`")
    ports = mapping.get("ports")
    network = mapping.get("network")
    readiness = mapping.get("readiness")
    published = () if ports is None else _ports(context, ports)
    chosen = "bridge" if network is None else context.choice(network, "`network`", NETWORKS) or "bridge"
    reachable = published if chosen == "bridge" else ()
    return nodes.Service(
        span=mapping.span,
        name=entry.key,
        name_span=entry.key_span,
        image=image or "",
        ports=published,
        env=_environment(context, mapping),
        command=_texts(context, mapping, "command"),
        args=_texts(context, mapping, "args"),
        memory=_literal(context, mapping, "memory", MEMORY),
        cpu=_literal(context, mapping, "cpu", Key("number")),
        network=chosen,
        readiness=None if readiness is None else _readiness(context, readiness, reachable),
    )


def _ports(context: Context, node: Node) -> tuple[int, ...]:
    listing = context.as_list(node, "`ports`", "as in `ports: [5432]`")
    found = [] if listing is None else [_port(context, item) for item in listing.items]
    return tuple(dict.fromkeys(port for port in found if port is not None))


def _port(context: Context, node: Node) -> int | None:
    if isinstance(node, Scalar) and isinstance(node.value, str) and ":" in node.text:
        help = f"list the port in the container alone, as in `{node.text.rpartition(':')[2]}`: the host chooses its own"
        context.wrong(node, "a port", "an integer", help)
        return None
    return context.integer(node, "a port", 1, LAST_PORT)


def _environment(context: Context, mapping: Mapping) -> nodes.MapExpression | None:
    entry = mapping.entries.get("env")
    inner = None if entry is None else context.as_map(entry.value, "`env`", "names and their values")
    if entry is None or inner is None:
        return None
    found = read_value(context, MAP, Entry("env", entry.key_span, inner), "`env`")
    return found if isinstance(found, nodes.MapExpression) else None


def _texts(context: Context, mapping: Mapping, key: str) -> tuple[str, ...]:
    node = mapping.get(key)
    listing = None if node is None else context.as_list(node, f"`{key}`", COMMAND_HELP)
    if listing is None:
        return ()
    if not listing.items and key == "exec":
        context.wrong(listing, f"`{key}`", "a program and its arguments", COMMAND_HELP)
    found = [context.string(item, f"an item of `{key}`") for item in listing.items]
    return tuple(text for text in found if text is not None)


def _literal(context: Context, mapping: Mapping, key: str, row: Key) -> str:
    """Return a size or number, as it is written."""
    entry = mapping.entries.get(key)
    if entry is None:
        return ""
    known = context.known(entry.value)
    found = read_value(context, row, Entry(key, entry.key_span, known), f"`{key}`")
    return str(found.value) if isinstance(found, nodes.Literal) else ""


def _readiness(context: Context, node: Node, ports: tuple[int, ...]) -> nodes.Readiness | None:
    mapping = context.as_map(node, "`readiness`", PROBE_HELP)
    if mapping is None:
        return None
    guesses = context.check_keys(mapping, READINESS_KEYS, "`readiness`")
    probes = [key for key in mapping.entries if key in PROBES]
    if len(probes) > 1:
        entry = mapping.entries[probes[1]]
        message = f"a service is asked in one way whether it is ready, not by `{probes[0]}` and `{probes[1]}`"
        context.report("WFE0520", message, entry.key_span, "keep one of them")
        return None
    if not probes:
        if not guesses & set(PROBES):
            message = "`readiness` needs one of `exec`, `tcp` and `http`"
            context.report("WFE0520", message, mapping.span, PROBE_HELP)
        return None
    fields: dict[str, Any] = _probe(context, mapping, probes[0], ports)
    for key, field in (("interval", "interval_ms"), ("timeout", "timeout_ms")):
        given = mapping.get(key)
        length = None if given is None else context.duration(given, f"`{key}`", least=1)
        if length is not None:
            fields[field] = length
    retries = mapping.get("retries")
    count = None if retries is None else context.integer(retries, "`retries`", 1, MAX_LIMIT)
    if count is not None:
        fields["retries"] = count
    return nodes.Readiness(span=mapping.span, **fields) if fields.keys() & PROBE_FIELDS else None


def _probe(context: Context, mapping: Mapping, key: str, ports: tuple[int, ...]) -> dict[str, Any]:
    node = mapping.entries[key].value
    if key == "exec":
        command = _texts(context, mapping, key)
        return {"command": command} if command else {}
    if key == "tcp":
        port = _probed_port(context, node, ports)
        return {"tcp_port": port} if port else {}
    http = context.as_map(node, "`http`", "as in `http: {port: 8080, path: /ready}`")
    if http is None:
        return {}
    guesses = context.check_keys(http, HTTP_KEYS, "`http`")
    if not context.require(http, "port", "`http`", guesses, "as in `port: 8080`"):
        return {}
    port = _probed_port(context, http.entries["port"].value, ports)
    path = http.get("path")
    written = None if path is None else context.string(path, "`path`", "as in `path: /ready`")
    found: dict[str, Any] = {"http_port": port} if port else {}
    return found if written is None else {**found, "http_path": "/" + written.removeprefix("/")}


def _probed_port(context: Context, node: Node, ports: tuple[int, ...]) -> int | None:
    port = context.integer(node, "the port", 1, LAST_PORT)
    if port is not None and ports and port not in ports:
        known = ", ".join(map(str, ports))
        message = f"the service does not list the port {port}, so nothing can ask there"
        context.report("WFE0521", message, node.span, f"its `ports` are {known}")
    return port


def build_shared_volume(context: Context, node: Node) -> nodes.SharedVolume | None:
    """Return the folder that the containers of a run share."""
    mapping = context.as_map(node, "`shared_volume`", "as in `{mount_path: /workspace, size: 1GiB}`")
    if mapping is None:
        return None
    context.check_keys(mapping, VOLUME_KEYS, "`shared_volume`")
    given = mapping.get("mount_path")
    path = None if given is None else context.string(given, "`mount_path`", "as in `mount_path: /workspace`")
    if given is not None and path is not None and not path.startswith("/"):
        message = f"`{path}` is no place in a container: the path has to be absolute"
        context.report("WFE0522", message, given.span, f"write `/{path.removeprefix('./')}`")
    size = _literal(context, mapping, "size", MEMORY)
    return nodes.SharedVolume(span=mapping.span, mount_path=path or "/workspace", size=size)
