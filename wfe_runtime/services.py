"""The services of runs: containers beside the steps, from before the first task to the run's end.

Owns when they are started, where they can be reached, and that they are gone afterwards. How a container is made
is the ``container_cli``'s, how a service is asked ``service_probes``'s.

Rules:

1. Addresses are chosen before the run begins and are part of its state; the services are started when its first task
   is about to run, once, and every task waits until all of them are ready.
2. A service that does not come up is the error of the task that waited for it, naming the probe. Tasks in hooks run
   all the same: somebody has to be told.
3. Services end with the run, with this engine, and when the run is let go of. What a killed process left of a run is
   removed before the next one starts its own, which are at the same addresses, and when the run ends without any.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final

from wfe_vm.commands import EndRun
from wfe_vm.events import Started
from wfe_vm.machine import Machine
from wfe_vm.program import INPUTS_SLOT, NO_PC, Program, Service
from wfe_vm.state import State

from .executors.container_cli import ContainerCli, find_cli, uncancelled
from .executors.container_options import check_image, cpu_option, memory_options
from .executors.environment import as_text, variable_name
from .executors.launch import Launcher
from .executors.problems import TaskProblem
from .service_probes import probe_of, wait_until_ready

__all__ = ["Services", "addresses_in", "service_variables"]

HOST: Final = "127.0.0.1"
CONTAINER: Final = "container"
"""The type of the steps that are run in a container."""

Addresses = Mapping[str, Any]
"""``{service: {"host": …, "ports": […]}}``, the ports in the order in which the service lists its own."""


class Services:
    """The services of the runs at hand."""

    def __init__(self, troubled: Callable[[str], None]) -> None:
        """``troubled`` is told what no run ends by, as an engine without a bridge."""
        self._troubled = troubled
        self._launcher = Launcher()
        self._cli: ContainerCli | None = None
        self._has_bridge: bool | None = None
        self._starting: dict[str, asyncio.Task[None]] = {}
        self._containers: dict[str, list[str]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    async def choose(self, program: Program) -> dict[str, Any]:
        """Return where the services of a new run will be: ports of this host that are free now.

        Raises TaskProblem where there is no container engine, or it doesn't answer.
        """
        if not program.services:
            return {}
        found: dict[str, Any] = {}
        for service in program.services:
            ports = service.ports
            if await self._network_of(service) == "bridge":
                ports = tuple(_free_ports(len(service.ports)))
            found[service.name] = {"host": HOST, "ports": list(ports)}
        return found

    def as_declared(self, program: Program) -> dict[str, Any]:
        """Return the addresses that services would have on this host's own network."""
        return {service.name: {"host": HOST, "ports": list(service.ports)} for service in program.services}

    async def ready(self, run: str, name: str, program: Program, state: State) -> None:
        """Return once all services of a run are ready; they are started if they have not been.

        Raises TaskProblem (``executor``) that names the service and the probe.
        """
        task = self._starting.get(run)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._start_all(run, name, program, state))
            self._starting[run] = task
        # Shielded: a task of the run that is stopped must not stop what the others wait for.
        await asyncio.shield(task)

    def end(self, run: str) -> None:
        """Have the services of a run removed that this engine has started; ``close`` waits for that."""
        task = self._starting.pop(run, None)
        if task is not None:
            self._see_to(self._end(run, task))

    def end_run(self, run: str, program: Program, fence: int) -> None:
        """Have the services of a run removed that has ended, whichever process has started them.

        With them go containers of its steps that a killed process has left: one had the run before, by its ``fence``.
        """
        if run in self._starting:
            self.end(run)
        elif program.services or (fence > 1 and any(step.type == CONTAINER for step in program.steps)):
            self._see_to(self._clear(run))

    def _see_to(self, ending: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(ending)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """Remove all services of this engine."""
        for run in list(self._starting):
            self.end(run)
        while self._ending:
            await uncancelled(_all_done(list(self._ending)))
        self._launcher.close()

    # Starting

    async def _command(self) -> ContainerCli:
        if self._cli is None:
            self._cli = ContainerCli(find_cli(None, os.environ.get("PATH", os.defpath)), self._launcher)
        return self._cli

    async def _network_of(self, service: Service) -> str:
        """Return the network that a service gets: the host's own where the engine has no bridge."""
        if service.network == "host":
            return "host"
        cli = await self._command()
        if self._has_bridge is None:
            self._has_bridge = await cli.has_bridge()
            if not self._has_bridge:
                self._troubled(
                    f"the container engine behind {cli.name} has no bridge: services are on the host's network"
                )
        return "bridge" if self._has_bridge else "host"

    async def _start_all(self, run: str, name: str, program: Program, state: State) -> None:
        cli = await self._command()
        await cli.reap()
        await cli.reap_run(run)  # of a process that was killed since
        environments = _environments(run, name, program, state)
        addresses = addresses_in(program, state)
        containers = self._containers[run] = []
        async with asyncio.TaskGroup() as group:
            results = [
                group.create_task(self._start(cli, run, service, environments, addresses, containers))
                for service in program.services
            ]
        problems = [problem for result in results if (problem := result.result()) is not None]
        if problems:
            raise problems[0]

    async def _start(
        self,
        cli: ContainerCli,
        run: str,
        service: Service,
        environments: Mapping[str, Any],
        addresses: Addresses,
        containers: list[str],
    ) -> TaskProblem | None:
        """Start one service and wait until it is ready; returns why it is not."""
        try:
            container = f"wfe-{run}-{service.name}-{os.urandom(3).hex()}"
            containers.append(container)
            host, ports = _address_of(service, addresses)
            options = await self._options(cli, run, service, container, ports)
            variables = _variables(environments.get(service.name) or {})
            own = {name: value for name, value in variables.items() if name not in cli.environment}
            options += [f"--env={name}" for name in own]
            # The image's own user and folder: a service is an image as its makers meant it.
            words = [*service.command[1:], *service.args]
            image = check_image(service.image)
            rest = [f"--env={name}={value.decode()}" for name, value in variables.items() if name not in own]
            made = await cli.call(("create", *options, *rest, image, *words), own, limit_s=0)
            if made.code == 0:
                made = await cli.call(("start", container))
            if made.code != 0:
                raise await cli.refusal(f"the service {service.name} can't be started", made)
            probe, title, ready = probe_of(service, cli, container, host, ports)

            async def still_there() -> str:
                return await _ended(cli, container)

            problem = await wait_until_ready(probe, ready, still_there)
        except TaskProblem as error:
            return error
        if not problem:
            return None
        message = f"the service {service.name} is not ready, by its probe {title}: {problem}"
        printed = await cli.call(("logs", "--tail=5", container))
        last = (printed.stdout.decode("utf-8", "replace") + printed.stderr).strip()
        return TaskProblem(
            "executor", f"{message}\nit printed last:\n{last}" if last else message, service=service.name
        )

    async def _options(
        self, cli: ContainerCli, run: str, service: Service, container: str, ports: Mapping[int, int]
    ) -> list[str]:
        network = await self._network_of(service)
        published = [f"--publish={HOST}:{mine}:{own}" for own, mine in ports.items()] if network == "bridge" else []
        return [
            f"--name={container}",
            f"--hostname={service.name}" if network == "bridge" else f"--network={network}",
            "--pull=missing",
            *published,
            *cli.labels(run, ""),
            *memory_options(service.memory),
            *cpu_option(service.cpu),
            *([f"--entrypoint={service.command[0]}"] if service.command else []),
        ]

    # Ending

    async def _end(self, run: str, starting: asyncio.Task[None]) -> None:
        starting.cancel()
        await asyncio.wait([starting])
        if not starting.cancelled():
            starting.exception()  # told by the tasks that waited for it
        containers = self._containers.pop(run, [])
        if containers and self._cli is not None:
            try:
                await self._cli.remove(*containers)
            except TaskProblem as problem:
                self._troubled(f"services of the run {run} may be left: {problem.message}")

    async def _clear(self, run: str) -> None:
        """Remove what a process that was killed left of a run that this engine has started no service of."""
        try:
            cli = await self._command()
        except TaskProblem:
            return  # then none was started on this host
        try:
            await cli.reap_run(run)
        except TaskProblem as problem:
            self._troubled(f"services of the run {run} may be left: {problem.message}")


def addresses_in(program: Program, state: State) -> Addresses:
    """Return the addresses of a run's services, as its state has them."""
    slot = program.services_slot
    found = state.scopes[0][slot] if slot != NO_PC and 0 in state.scopes else None
    return found if isinstance(found, dict) else {}


def service_variables(addresses: Addresses) -> dict[str, str]:
    """Return the variables that tell a step where services are: ``SVC_<NAME>_HOST`` and ``SVC_<NAME>_PORT``."""
    variables: dict[str, str] = {}
    for name, address in addresses.items():
        prefix = variable_name(f"svc_{name}") or ""
        variables[f"{prefix}_HOST"] = str(address["host"])
        if address["ports"]:
            variables[f"{prefix}_PORT"] = str(address["ports"][0])
    return variables


def _address_of(service: Service, addresses: Addresses) -> tuple[str, dict[int, int]]:
    """Return the host of a service and the host's port for each of its own."""
    address = addresses.get(service.name) or {"host": HOST, "ports": list(service.ports)}
    return address["host"], dict(zip(service.ports, address["ports"], strict=True))


def _environments(run: str, name: str, program: Program, state: State) -> Mapping[str, Any]:
    """Return the environments of the services, by name: what the program's preparation gives for the run's inputs."""
    preparation = program.preparation
    if preparation is None:
        return {}
    machine = Machine(preparation)
    inputs = state.scopes[0][INPUTS_SLOT]
    commands = machine.advance(machine.new_state(run, name, ""), Started(state.time, inputs)).commands
    for command in commands:
        if isinstance(command, EndRun):
            if command.error is not None:
                raise TaskProblem("type", f"the environment of a service can't be worked out: {command.error.message}")
            found = command.outputs.get("services")
            return found if isinstance(found, dict) else {}
    return {}


def _variables(environment: Mapping[str, Any]) -> dict[str, bytes]:
    return {
        name: as_text(value).encode("utf-8", "surrogatepass")
        for name, value in environment.items()
        if value is not None
    }


async def _ended(cli: ContainerCli, container: str) -> str:
    """Return how a container has ended; an empty text while it runs."""
    found = await cli.inspect(container)
    state = (found or {}).get("State", {})
    if found is None or state.get("Running", True):
        return ""
    return f"it ended with code {state.get('ExitCode')}"


async def _all_done(tasks: Sequence[asyncio.Task[None]]) -> None:
    await asyncio.wait(tasks)


def _free_ports(count: int) -> list[int]:
    """Return ports that nothing listens on now; all are held until the last was chosen."""
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()
