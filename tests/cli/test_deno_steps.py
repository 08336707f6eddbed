"""Deno steps through the command: chains with shell steps, deadlines, a host without Deno, an engine that is killed."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from tests.runtime.shell_support import is_alive, run_on, until
from wfe_runtime import facts
from wfe_runtime.executors import deno as deno_module

from .conftest import Wfec, read_output, spawn
from .files import write

pytestmark = pytest.mark.usefixtures("deno_program")

CHAIN = """
workflow:
  id: chain
  version: 1
  inputs: {names: list<string>}
  outputs: {report: string, total: integer}
  steps:
    - name: count
      config: {run: 'echo "##wfe[output factor=3]"'}
      outputs: [{name: factor, type: integer}]
    - name: work
      type: deno
      config:
        script: |
          const { names, factor } = inputs();
          const total: number = names.length * factor;
          output("total", total);
          Wfe.setOutput("words", { first: names[0], all: names.join(" ") });
      outputs:
        - {name: total, type: integer}
        - {name: words, type: "{first: string, all: string}"}
    - name: say
      config: {run: 'echo "##wfe[output report=$TOTAL $WORDS]"'}
      outputs: [{name: report, type: string}]
"""


@pytest.mark.acceptance("DEN-02")
def test_data_goes_in_and_out_through_a_chain_of_shell_and_deno(folder: Path, wfec: Wfec) -> None:
    write(folder, name="chain.yaml", text=CHAIN)
    result = wfec("run", "chain.yaml", "--json", "-i", 'names=["a b", "c"]')
    assert result.code == 0, result
    assert result.lines[-1]["outputs"] == {"total": 6, "report": '6 {"all":"a b c","first":"a b"}'}


def one_step(script: str, more: str = "") -> str:
    return (
        "workflow:\n  id: one\n  version: 1\n  steps:\n    - name: work\n      type: deno\n"
        f"      config: {{script: '{script}'}}\n{more}"
    )


@pytest.mark.acceptance("DEN-04")
@pytest.mark.parametrize(
    "script",
    [
        "while (true);",
        "setInterval(() => {}, 1000)",
        "const again = () => Promise.resolve().then(again); again()",
        '/^(a+)+$/.test("a".repeat(60) + "b")',
        'await fetch("http://127.0.0.1:PORT/")',
    ],
)
def test_a_deadline_ends_a_script_as_timed_out_and_leaves_nothing_of_it(folder: Path, wfec: Wfec, script: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and never answers
        port = str(silent.getsockname()[1])
        text = one_step(f"log(Deno.pid); {script}", "      timeout: 1s\n").replace("PORT", port)
        permitted = f'{{permissions: {{net: ["127.0.0.1:{port}"]}}, script:'
        write(folder, name="one.yaml", text=text.replace("{script:", permitted))
        lines = wfec("run", "one.yaml", "--json").lines
    last = lines[-1]
    assert last["status"] == "failed"
    assert last["error"]["kind"] == "timeout"
    assert "timed out" in last["error"]["message"]
    [process] = [int(line["text"]) for line in lines if line["type"] == "step.output"]
    assert not is_alive(process)


@pytest.mark.acceptance("DEN-01")
def test_a_file_is_embedded_so_that_a_compiled_program_needs_none(folder: Path, wfec: Wfec) -> None:
    write(
        folder,
        name="say.ts",
        text="const word: string = 'from the file';\noutput('said', word);\nif (inputs().fail) throw 1;",
    )
    text = one_step("x", "      outputs: [{name: said, type: string}]\n").replace("script: 'x'", "file: say.ts")
    write(
        folder,
        name="one.yaml",
        text=text.replace("  steps:", "  inputs: {fail: bool}\n  outputs: {said: string}\n  steps:"),
    )
    assert wfec("compile", "one.yaml", "-o", "one.wfc").code == 0
    (folder / "say.ts").unlink()
    result = wfec("run", "one.wfc", "--json", "-i", "fail=false")
    assert result.lines[-1]["outputs"] == {"said": "from the file"}
    assert wfec("run", "one.wfc", "--json", "-i", "fail=true").lines[-1]["error"]["message"] == "thrown: 1"


@pytest.mark.acceptance("DEN-12")
def test_without_deno_a_run_is_refused_by_name_before_it_starts(
    folder: Path, wfec: Wfec, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (deno_module, facts):
        monkeypatch.setattr(module, "find_deno", lambda: None)
    write(folder, name="one.yaml", text=one_step("output(1)"))
    result = wfec("run", "one.yaml")
    assert result.code == 5
    assert "Deno, which deno steps need: install wfe[deno]" in result.err
    assert wfec("list", "-o", "ids").out == ""


@pytest.mark.acceptance("DEN-12")
def test_a_step_can_be_skipped_where_deno_is_not_here(
    folder: Path, wfec: Wfec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "find_deno", lambda: None)
    write(folder, name="one.yaml", text=one_step("throw 1", '      when: host.has("deno")\n'))
    assert wfec("run", "one.yaml").code == 0


@pytest.mark.parametrize("script", ["while (true);", "await new Promise((done) => setTimeout(done, 1e9))"])
def test_an_engine_that_is_killed_leaves_no_deno_behind(folder: Path, script: str) -> None:
    write(folder, name="one.yaml", text=one_step(f"log(Deno.pid); {script}"))
    engine = spawn(folder, "run", "one.yaml", "--json")
    try:
        line = read_output(engine)[-1]
        process = int(line["text"].split()[0])
        assert is_alive(process)
    finally:
        engine.send_signal(signal.SIGKILL)
        engine.communicate()
    run_on("asyncio", until(lambda: not is_alive(process)))


@pytest.mark.acceptance("DEN-01")
def test_an_error_of_a_script_in_the_file_is_told_at_its_line_there(folder: Path, wfec: Wfec) -> None:
    write(
        folder,
        name="inner.yaml",
        text="workflow:\n  id: inner\n  version: 1\n  steps:\n    - name: work\n      type: deno\n      config:\n"
        "        script: |\n          const one: number = 1;\n          if (one) throw new Error('no');\n",
    )
    result = wfec("run", "inner.yaml")
    assert "work: Error: no (at script.ts:2:16)" in result.err + result.out
    assert f"  at {folder / 'inner.yaml'}:10:26" in result.err + result.out or "  at inner.yaml:10:26" in result.err
    outer = "include: [inner.yaml]\nworkflow:\n  id: outer\n  version: 1\n  steps:\n"
    write(folder, name="outer.yaml", text=f"{outer}    - {{name: call, type: workflow, config: {{workflow: inner}}}}\n")
    result = wfec("run", "outer.yaml")
    assert "inner.yaml:10:26" in result.err + result.out
