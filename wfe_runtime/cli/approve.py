"""Answer an approval that a run waits for. Who answered and when is kept with the run.

RUN/STEP names the step where a run asks several things at once. Of two answers the first stands. The run
goes on in the process that has it, or with `wfec resume`.
"""

from __future__ import annotations

import argparse
import time

from ..approvals import answer_approval
from ..engine import load_run_state
from ..errors import NotFound
from ..programs import ProgramCache
from ..providers.contracts import Store
from ..providers.rows import RunRow
from .exits import FAILED, SUCCEEDED
from .options import add_store_option, settings_of
from .output import print_error, print_line
from .stores import find_run, open_for_change, require_store, run_loop, store_flag
from .taking import user_name
from .texts import harmless, to_json

__all__ = ["add_arguments", "execute"]

EXAMPLES = """
wfec approve deploy-42 --option approve
wfec approve deploy-42/ask --option reject
exit codes: 0 the answer stands; 1 another one came first; 2 that is no option; 4 nothing is asked
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN[/STEP]", help="the run, and the step that asks where there are several")
    parser.add_argument("--option", metavar="O", required=True, help="the answer: one of the approval's options")
    add_store_option(parser)
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object: run, name, step, changed, option, by"
    )


def execute(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    require_store(settings, arguments.run)

    async def work() -> int:
        async with open_for_change(settings) as store:
            row, step = await _find(store, arguments.run)
            stored = await store.load_state(row.id)
            if stored is None:
                raise NotFound(f"no run has the id {row.id}")
            program = (await ProgramCache(store).load(row.program)).program
            state, _, _ = load_run_state(stored)
            now = time.time_ns() // 1_000_000
            answer = await answer_approval(store, stored.run, state, program, arguments.option, user_name(), now, step)
            present = await store.get_run(row.id)
        if arguments.json:
            print_line(
                to_json(
                    {
                        "run": row.id,
                        "name": row.name,
                        "step": answer.step,
                        "changed": answer.accepted,
                        "option": answer.option,
                        "by": answer.by,
                    }
                )
            )
        elif answer.accepted:
            print_line(harmless(f"answered {answer.option} to {row.name}/{answer.step}, as {answer.by}"))
            if present is not None and not present.owner:
                print_line(harmless(f"go on with: wfec resume {row.name}{store_flag(settings)}"))
        else:
            first = f"{answer.by} answered {answer.option} before"
            print_error(harmless(f"wfec: nothing changed for {row.name}/{answer.step}: {first}"))
        return SUCCEEDED if answer.accepted else FAILED

    return run_loop(work())


async def _find(store: Store, reference: str) -> tuple[RunRow, str]:
    """Return the run, and the step after the first ``/`` that follows the run's name; empty where none is named."""
    run, _, step = reference.partition("/")
    return await find_run(store, run), step
