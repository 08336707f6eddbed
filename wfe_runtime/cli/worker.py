"""Serve a store: take up the runs that nobody has, and start those whose schedule has come, until it is told to stop.

With FILEs their workflows are registered first: their schedules hold from now on. SIGTERM or SIGINT: running steps
are stopped, all is kept, and the runs are let go of, so that another worker goes on at once; twice: it ends at once.
"""

from __future__ import annotations

import argparse
import asyncio
import time

from wfe_vm.state import Delta

from ..engine import Engine
from ..errors import MissingError
from ..providers import open_store
from ..providers.rows import RunRow
from ..serving import Server
from ..settings import Settings
from .definitions import kept_programs, load
from .documents import variable_sources
from .exits import SUCCEEDED
from .options import add_definition_options, add_store_option, settings_of
from .output import print_error, print_line
from .registering import add_replace_option, register
from .run import current_folder
from .signals import Interrupts
from .stores import keeps_runs, run_loop
from .texts import harmless, to_json

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec worker
wfec worker nightly.yaml reports.yaml --store sqlite:////var/wfe/runs.db
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", metavar="FILE", nargs="*", help="workflow files to be registered: their schedules are to hold"
    )
    add_replace_option(parser)
    add_definition_options(parser)
    add_store_option(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object for each run that begins or ends")


def execute(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    if not keeps_runs(settings.store):
        raise MissingError(f"the store {settings.store} holds no runs of others", "name a file by --store")
    cache = kept_programs(settings, arguments.no_cache)
    sources = variable_sources(arguments.var, arguments.vars_file)
    files = [load(file, sources, cache) for file in arguments.files]
    folder = current_folder()
    reporter = _Reporter(arguments.json)

    async def work() -> int:
        store = open_store(settings.store)
        engine = Engine(store, listener=reporter, step_limit=settings.host_steps or None)
        stopped = asyncio.Event()
        interrupts = Interrupts(lambda name: _stop(name, stopped), lambda: None)
        try:
            with interrupts.taken():
                async with engine:
                    for programs in files:
                        await register(engine, programs, folder, arguments.replace)
                    reporter.ready(settings)
                    await _serve(Server(engine), stopped)
        finally:
            await store.close()
        return SUCCEEDED

    return run_loop(work())


async def _serve(server: Server, stopped: asyncio.Event) -> None:
    """Serve until told to stop. Raises what stopped the engine."""
    serving = asyncio.ensure_future(server.serve())
    stopping = asyncio.ensure_future(stopped.wait())
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
    finally:
        stopping.cancel()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


def _stop(name: str, stopped: asyncio.Event) -> None:
    print_error(f"wfec: {name}: letting go of the runs; once more ends this at once")
    stopped.set()


class _Reporter:
    """Says of each run that it begins, is suspended or ends."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json

    def ready(self, settings: Settings) -> None:
        self._say("worker.ready", f"serving {settings.store}", store=settings.store)

    def advanced(self, run: RunRow, delta: Delta) -> None:
        if delta.end is not None:
            self._say("run.ended", f"run {run.name} {delta.end[0]}", run=run.id, name=run.name, status=delta.end[0])
        elif delta.sequence == 1:
            self._say("run.started", f"run {run.name} begins", run=run.id, name=run.name, workflow=run.workflow)

    def printed(self, run: RunRow, step: str, attempt: int, stream: str, text: str) -> None: ...

    def troubled(self, message: str) -> None:
        print_error(f"wfec: {harmless(message)}")

    def _say(self, type: str, text: str, **fields: str) -> None:
        if self._as_json:
            print_line(to_json({"type": type, "time": time.time_ns() // 1_000_000, **fields}))
        else:
            print_line(harmless(text))
