"""A deno step that is executed again and again in its warm process: its script becomes a function there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wfe_runtime.executors.contract import StepResult
from wfe_runtime.executors.deno import DenoExecutor

from .deno_support import run_with, script_context

pytestmark = pytest.mark.usefixtures("deno_program")

PASSES = 4


def passes(folder: Path, script: str, *given: dict[str, Any], **changes: Any) -> list[StepResult]:
    """Run a script with each of these inputs, one after another, in one process as long as all goes well."""

    async def work(executor: DenoExecutor) -> list[StepResult]:
        return [await executor.run(script_context(folder, script, inputs=inputs, **changes)) for inputs in given]

    results: list[StepResult] = run_with(work)
    return results


FORMS = {
    "variables": "let n = inputs().n; function next() { return ++n; } output('next', next());",
    "a class that counts": "class Count { static made = 0; made = ++Count.made; }\n"
    "output('next', inputs().n + new Count().made);",
    "TypeScript": "enum Step { One = 1 }\ninterface Given { n: number }\nconst given: Given = inputs() as Given;\n"
    "output('next', given.n + Step.One satisfies number);",
    "waiting": "const one = await Promise.resolve(1); output('next', inputs().n + one);",
    "something left to come": "setTimeout(() => output('next', inputs().n + 1), 5);",
    "a comment at its end": "output('next', inputs().n + 1) // and that is all",
    "a comment that ends with a backslash": "output('next', inputs().n + 1) // \\",
    "a regular expression first": "/a/.test('a') && output('next', inputs().n + 1)",
    "an export": "export const next = inputs().n + 1; output('next', next);",
    "the empty export": "output('next', inputs().n + 1); export {};",
    "a namespace": "namespace Given { export const one = 1 }\noutput('next', inputs().n + Given.one);",
    "an import": "import { join } from 'node:path'; output('next', inputs().n + join('a', 'b').length - 2);",
    "an import when it runs": "const { join } = await import('node:path');\n"
    "output('next', inputs().n + join('a', 'b').length - 2);",
    "strictness": "output('next', this === undefined ? inputs().n + 1 : 0);",
    "a for that waits": "for await (const one of [1]) output('next', inputs().n + one);",
}


@pytest.mark.acceptance("DEN-01")
@pytest.mark.parametrize("script", FORMS.values(), ids=FORMS)
def test_every_pass_of_a_step_means_the_same(tmp_path: Path, script: str) -> None:
    script += "\n;globalThis.pids ??= 0; output('earlier', globalThis.pids++)" if "//" not in script else ""
    results = passes(tmp_path, script, *({"n": number} for number in range(PASSES)))
    assert [result.error for result in results] == [None] * PASSES
    assert [result.outputs["next"] for result in results] == [number + 1 for number in range(PASSES)]
    if "//" not in script:  # all of them in one process
        assert [result.outputs["earlier"] for result in results] == list(range(PASSES))


@pytest.mark.parametrize(
    "script",
    [
        "const given = inputs(); if (given.fail) throw new Error('no');",
        "\n  function check(given) {\n    if (given.fail) throw new TypeError('no');\n  }\n  check(inputs());",
        "const given: { fail: boolean } = inputs(); (() => { if (given.fail) throw new Error('no'); })()",
        "await null; (() => { if (inputs().fail) null.x; })();",
    ],
)
def test_a_throw_is_told_alike_in_every_pass(tmp_path: Path, script: str) -> None:
    well, failing = {"fail": False}, {"fail": True}
    first = passes(tmp_path, script, failing)[0]
    later = passes(tmp_path, script, *[well] * PASSES, failing)[-1]
    assert first.error is not None
    assert later.error is not None
    assert later.error.message == first.error.message
    assert "(at script.ts:" in later.error.message
    places = ("file", "line", "column", "stack", "exception")
    assert [later.error.details[key] for key in places] == [first.error.details[key] for key in places]


def test_what_will_never_come_is_a_throw_in_a_later_pass_too(tmp_path: Path) -> None:
    script = "if (inputs().fail) await new Promise(() => {});"
    *_, last = passes(tmp_path, script, *[{"fail": False}] * PASSES, {"fail": True})
    assert last.error is not None
    assert last.error.kind == "throw"
    assert last.error.message == "the script waits for something that will never come"


def test_a_script_that_leaves_is_told_at_its_line_in_a_later_pass_too(tmp_path: Path) -> None:
    script = "if (inputs().fail) Deno.exit(3);"
    *_, last = passes(tmp_path, script, *[{"fail": False}] * PASSES, {"fail": True})
    assert last.error is not None
    assert last.error.message == "the script ended its process with code 3 (at script.ts:1:25)"


def test_what_only_begins_as_a_whole_script_is_refused_in_every_pass(tmp_path: Path) -> None:
    results = passes(tmp_path, "}; output('next', 1); {", *[{}] * PASSES)
    assert [result.outcome for result in results] == ["failure"] * PASSES
    results = passes(tmp_path, "output('next', 1); return;", *[{}] * PASSES)
    assert [result.outcome for result in results] == ["failure"] * PASSES
