"""The deno executor, with real processes: what scripts are given, what they give, how they end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wfe_runtime.executors.contract import StepResult
from wfe_runtime.executors.deno import DenoExecutor
from wfe_runtime.executors.deno_permissions import grants_of
from wfe_runtime.executors.problems import TaskProblem

from .deno_support import run_script, run_with, script_context
from .shell_support import MemoryLog

pytestmark = pytest.mark.usefixtures("deno_program")


def message_of(result: StepResult) -> str:
    assert result.error is not None
    return result.error.message


# What a script is given and gives


@pytest.mark.acceptance("DEN-01")
def test_outputs_of_every_type_arrive_typed(tmp_path: Path) -> None:
    script = """
        interface Point { x: number }
        enum Level { Low = 1, High }
        const point: Point = await Promise.resolve({ x: Level.High });
        output("number", 42); output("fraction", 2.5); output("text", "Zoë \\u{1F600}"); output("yes", true);
        output("nothing", null); output("list", [1, "a", [null]]); output("map", { point, left_out: undefined });
        output("when", new Date(0));
    """
    assert run_script(tmp_path, script).outputs == {
        "number": 42,
        "fraction": 2.5,
        "text": "Zoë \U0001f600",
        "yes": True,
        "nothing": None,
        "list": [1, "a", [None]],
        "map": {"point": {"x": 2}},
        "when": "1970-01-01T00:00:00.000Z",
    }


@pytest.mark.acceptance("DEN-01")
def test_an_empty_script_is_a_success_without_outputs(tmp_path: Path) -> None:
    assert run_script(tmp_path, "") == StepResult("success", {}, None, "")


@pytest.mark.acceptance("DEN-01")
@pytest.mark.parametrize(("name", "text"), [("a.ts", "output('n', 1 as number)"), ("a.js", "output('n', 1)")])
def test_a_file_is_read_from_the_runs_folder_if_it_was_not_embedded(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    absent = {"script": None, "file": name}
    assert run_script(tmp_path, "", absent).outputs == {"n": 1}
    assert run_script(tmp_path, "", absent | {"file_text": "output('n', 2)"}).outputs == {"n": 2}
    (tmp_path / name).unlink()
    assert message_of(run_script(tmp_path, "", absent)) == f"the script {tmp_path / name} does not exist"


@pytest.mark.acceptance("DEN-02")
def test_both_spellings_do_the_same(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("content")
    script = """
        output("plain", [inputs(), readFile("note.txt")]);
        Wfe.setOutput("named", [Wfe.getData(), Wfe.readFile("note.txt")]);
        output("inside", [Wfe.getData("deep.list.1"), Wfe.getData("deep.absent") ?? null]);
        log("one", { two: 2 }); Wfe.log("three");
    """
    log = MemoryLog()
    given = {"data": {"a": 1, "b": 2}, "inputs": {"b": 3, "deep": {"list": [5, 6]}}, "log": log}
    result = run_script(tmp_path, script, {"permissions": {"read": ["note.txt"]}}, **given)
    both = [{"a": 1, "b": 3, "deep": {"list": [5, 6]}}, "content"]
    assert result.outputs == {"plain": both, "named": both, "inside": [6, None]}
    assert log.text("stdout") == result.stdout == "one { two: 2 }\nthree\n"


def test_what_is_printed_is_in_the_log_by_its_stream(tmp_path: Path) -> None:
    log = MemoryLog(limit=1000)
    script = "console.log('x'.repeat(500000)); console.error('oops'); log('end')"
    result = run_script(tmp_path, script, log=log)
    assert len(log.text("stdout")) == 500005
    assert log.text("stderr") == "oops\n"
    assert result.stdout is not None
    assert (len(result.stdout), result.stdout[-4:]) == (65536, "end\n")
    assert log.drains > 0


def test_an_output_is_what_it_was_when_it_was_given_and_the_last_of_a_name_wins(tmp_path: Path) -> None:
    script = "const list = [1]; output('a', list); list.push(2); output('b', 1); output('b', list)"
    assert run_script(tmp_path, script).outputs == {"a": [1], "b": [1, 2]}


def test_a_script_has_ended_when_nothing_is_pending_any_more(tmp_path: Path) -> None:
    script = """
        async function main() { await new Promise((done) => setTimeout(done, 5)); output("late", 1); }
        main();
    """
    assert run_script(tmp_path, script).outputs == {"late": 1}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("10n", "the value is a BigInt, which JSON can't carry; give Number(value) or String(value)"),
        ("undefined", "the value is undefined, which JSON can't carry"),
        ("() => 1", "the value is a function, which JSON can't carry"),
        ("Symbol()", "the value is a symbol, which JSON can't carry"),
        ("{ a: [1, NaN] }", "the value at a[1] is NaN, which JSON has no number for"),
        ("[-Infinity]", "the value at [0] is -Infinity, which JSON has no number for"),
        ("[, 1]", "the value at [0] is undefined, which JSON can't carry"),
        ("new Map()", "the value is a Map, which JSON can't carry; give an array or an object of plain values"),
        ("{ x: new Uint8Array(2) }", "the value at x is a Uint8Array, which JSON can't carry; give an array or"),
        ("globalThis.loop = { loop: { get again() { return loop; } } }", "the value at loop.again holds itself"),
        ("new Date(NaN)", "the value is a date that is none"),
    ],
)
def test_what_json_cant_carry_is_an_error_at_its_line(tmp_path: Path, value: str, told: str) -> None:
    result = run_script(tmp_path, f"output('before', 1);\noutput('x', {value})")
    assert (result.outcome, result.outputs) == ("failure", {})
    assert f"TypeError: output x: {told}" in message_of(result)
    assert "script.ts:2:1" in message_of(result)


def test_outputs_beyond_the_limit_are_an_error(tmp_path: Path) -> None:
    result = run_script(tmp_path, "output('x', 'y'.repeat(17 << 20))")
    assert result.error is not None
    assert (result.outcome, result.error.kind) == ("error", "limit")
    assert "the outputs are more than 16777216 bytes" in result.error.message


def test_a_value_from_outside_never_is_code(tmp_path: Path) -> None:
    value = "'); Deno.exit(9); ('`${1}\u2028</script>"
    assert run_script(tmp_path, "output('same', inputs().value)", inputs={"value": value}).outputs == {"same": value}


# Ends


@pytest.mark.acceptance("DEN-03")
@pytest.mark.parametrize(
    ("script", "kind", "told"),
    [
        ("type A = string;\n\nfunction f(): never { throw new RangeError('boom') }\nf()", "throw", ":3:29"),
        ("\nthrow 'a text'", "throw", "thrown: a text"),
        ("\nPromise.reject(new Error('floating'))", "throw", "Error: floating (at script.ts:2:16)"),
        ("setTimeout(() => {\n throw new Error('later') }, 1)", "throw", "Error: later (at script.ts:2:8)"),
        ("const a: number = 1;\nconst b = ;", "throw", "script.ts:2:11"),
        ("\n\n  Deno.exit(3)", "exit", "the script ended its process with code 3 (at script.ts:3:8)"),
        ("\nDeno.exit()", "exit", "with code 0 (at script.ts:2:6); a script ends by reaching its end"),
        ("\nawait new Promise(() => {})", "throw", "the script waits for something that will never come"),
        ("Deno.kill(Deno.pid, 'SIGKILL')", "signal", "the script's process was ended by signal 9"),
    ],
)
def test_a_failure_has_message_and_line_and_keeps_no_output(tmp_path: Path, script: str, kind: str, told: str) -> None:
    result = run_script(tmp_path, f"output('before', 1);{script}")
    assert result.error is not None
    assert (result.outcome, result.outputs, result.error.kind) == ("failure", {}, kind)
    assert told in result.error.message
    assert (result.error.step, result.error.attempt) == ("fan[3]/build", 2)
    assert "file://" not in result.error.message + str(result.error.details)
    assert "blob:" not in result.error.message + str(result.error.details) + str(result.error.stderr)


@pytest.mark.acceptance("DEN-03")
def test_a_files_own_name_stands_in_its_errors(tmp_path: Path) -> None:
    (tmp_path / "notify.ts").write_text("\nthrow new Error('no')")
    error = run_script(tmp_path, "", {"script": None, "file": "notify.ts"}).error
    assert error is not None
    assert error.message == "Error: no (at notify.ts:2:7)"
    assert (error.details["file"], error.details["line"], error.details["column"]) == ("notify.ts", 2, 7)
    assert error.details["stack"] == "Error: no\n    at notify.ts:2:7"


# Grants


@pytest.mark.acceptance("DEN-08")
def test_the_environment_holds_what_is_named_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_OF_ENGINE", "secret")
    monkeypatch.setenv("WANTED", "from the engine")
    script = """
        for (const name of ["WANTED", "OWN", "TOKEN_OF_ENGINE", "PATH", "HOME"]) {
          try { output(name, Deno.env.get(name) ?? null); } catch (e) { output(name, e.name); }
        }
    """
    config = {"permissions": {"env": ["WANTED"]}, "env": {"OWN": "its own"}}
    assert run_script(tmp_path, script, config).outputs == {
        "WANTED": "from the engine",
        "OWN": "its own",
        "TOKEN_OF_ENGINE": "NotCapable",
        "PATH": "NotCapable",
        "HOME": "NotCapable",
    }


def test_where_services_are_is_told_by_the_variables_that_are_listed(tmp_path: Path) -> None:
    services = {"SVC_DB_HOST": "127.0.0.1", "SVC_DB_PORT": "5432", "SVC_WEB_HOST": "127.0.0.1"}
    script = """
        for (const name of ["SVC_DB_HOST", "SVC_DB_PORT", "SVC_WEB_HOST"]) {
          try { output(name, Deno.env.get(name) ?? null); } catch (e) { output(name, e.name); }
        }
    """

    def seen(*listed: str, **env: str) -> list[str]:
        config = {"permissions": {"env": list(listed)}, "env": env}
        outputs = run_script(tmp_path, script, config, services=services).outputs
        return [outputs[name] for name in services]

    assert seen("SVC_DB_PORT") == ["NotCapable", "5432", "NotCapable"]
    assert seen("SVC_*") == list(services.values())
    assert seen("SVC_DB_*", SVC_DB_HOST="db.example") == ["db.example", "5432", "NotCapable"]
    assert seen() == ["NotCapable"] * 3


@pytest.mark.parametrize("name", ["DENO_V8_FLAGS", "LD_PRELOAD", "NODE_OPTIONS"])
def test_a_variable_that_would_change_deno_itself_is_refused(tmp_path: Path, name: str) -> None:
    result = run_script(tmp_path, "", {"env": {name: "x"}})
    assert message_of(result) == f"the variable {name} would change Deno itself, so a deno step can't have it"


@pytest.mark.acceptance("DEN-07")
def test_reading_and_writing_is_permitted_where_it_is_listed(tmp_path: Path) -> None:
    (tmp_path / "in out").mkdir()
    (tmp_path / "in out" / "a").write_text("A")
    script = """
        Deno.mkdirSync("made/deep", { recursive: true });
        Deno.writeTextFileSync("made/deep/b", readFile("in out/a") + "B");
        output("b", Deno.readTextFileSync("made/deep/b"));
    """
    result = run_script(tmp_path, script, {"permissions": {"read": ["in out"], "write": ["made"]}})
    assert result.outputs == {"b": "AB"}
    assert (tmp_path / "made" / "deep" / "b").read_text() == "AB"


def test_a_listed_program_may_be_run_and_no_other(tmp_path: Path) -> None:
    script = """
        const run = (name) => new Deno.Command(name, { args: ["hi"] }).outputSync().stdout;
        const text = (name) => new TextDecoder().decode(run(name));
        output("listed", text("echo"));
        try { text("cat"); } catch (e) { output("other", e.name); }
    """
    result = run_script(tmp_path, script, {"permissions": {"run": ["echo"]}})
    assert result.outputs == {"listed": "hi\n", "other": "NotCapable"}


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"permissions": {"net": ["a.example,b.example"]}}, "`net` of a deno step can't hold"),
        ({"permissions": {"net": ["unix:/run/docker.sock"]}}, "`net` of a deno step can't hold"),
        ({"permissions": {"net": [""]}}, "`net` of a deno step can't hold"),
        ({"permissions": {"net": True}}, "`net` of a deno step is a list of texts"),
        ({"permissions": {"env": ["A,B"]}}, "`env` of a deno step can't hold"),
        ({"permissions": {"read": [""]}}, "`read` of a deno step can't hold"),
        ({"permissions": {"run": ["a,b"]}}, "`run` of a deno step can't hold"),
        ({"permissions": {"import": ["https://x"]}}, "`import` of a deno step can't hold"),
        ({"permissions": {"read": ["data,/etc"]}}, "Deno can't be given a path with a comma in it"),
        ({"permissions": {"write": ["no/such/folder"]}}, "does not exist; make it before"),
        ({"permissions": "all"}, "`permissions` of a deno step is a map"),
        ({"modules": ["./local.ts"]}, "`modules` of a deno step can't hold"),
        ({"memory": "lots"}, "`memory` of a deno step is a size like 256MiB"),
        ({"memory": "1k"}, "a deno step needs at least 16MiB of memory"),
        ({"env": ["A"]}, "`env` of a deno step is a map"),
        ({"env": {"A=B": "x"}}, "env has the name 'A=B'"),
    ],
)
def test_a_grant_that_is_none_is_refused(tmp_path: Path, config: dict[str, Any], told: str) -> None:
    with pytest.raises(TaskProblem, match=f"^.*{told.replace('(', '.')}"):
        grants_of(config, str(tmp_path))


@pytest.mark.parametrize(
    ("text", "bytes"),
    [
        ("256MiB", 256 << 20),
        ("1GiB", 1 << 30),
        ("64m", 64 << 20),
        ("1.5g", 3 << 29),
        ("100MB", 10**8),
        ("33554432", 1 << 25),
    ],
)
def test_a_size_of_memory_is_read_by_its_unit(text: str, bytes: int) -> None:
    assert grants_of({"memory": text}, "/").memory == bytes


def test_an_empty_list_grants_nothing() -> None:
    empty = {"permissions": {"net": [], "read": [], "write": [], "env": [], "run": [], "import": []}, "modules": []}
    assert grants_of(empty, "/") == grants_of({}, "/")


# Without Deno


@pytest.mark.acceptance("DEN-12")
def test_a_host_without_deno_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("deno", "deno_pool"):
        monkeypatch.setattr(f"wfe_runtime.executors.{module}.find_deno", lambda: None)
    lack = DenoExecutor().missing({})
    assert lack == "Deno, which deno steps need: install wfe[deno], or put `deno` on PATH"
    assert message_of(run_script(tmp_path, "")) == "Deno is not here; install wfe[deno], or put `deno` on PATH"


# One after the other


@pytest.mark.acceptance("DEN-11")
def test_two_steps_share_no_globals_storage_or_process(tmp_path: Path) -> None:
    script = """
        output("pid", Deno.pid);
        output("found", [typeof globalThis.left, typeof localStorage, typeof sessionStorage, typeof caches]);
        globalThis.left = 1;
    """

    async def work(executor: DenoExecutor) -> list[StepResult]:
        steps = ["first", "second", "loop[0]/third", "loop[1]/third"]
        return [await executor.run(script_context(tmp_path, script, step=step)) for step in steps]

    first, second, third, again = run_with(work, ahead=2)
    assert len({result.outputs["pid"] for result in (first, second, third)}) == 3
    for result in (first, second, third):
        assert result.outputs["found"] == ["undefined"] * 4
    # A pass of the same step finds its process warm, and its module evaluated anew.
    assert again.outputs["pid"] == third.outputs["pid"]


def test_a_process_serves_no_other_run_script_or_grant(tmp_path: Path) -> None:
    async def work(executor: DenoExecutor) -> list[int]:
        changes: list[dict[str, Any]] = [
            {},
            {"run": "other"},
            {"config": {"permissions": {"env": ["A"]}}},
            {"config": {"memory": "64MiB"}},
            {"script": "output('pid', Deno.pid) "},
            {},
        ]
        pids = []
        for change in changes:
            given = {"script": "output('pid', Deno.pid)", "config": None, **change}
            result = await executor.run(script_context(tmp_path, **given))
            pids.append(result.outputs["pid"])
        return pids

    *others, last = run_with(work, ahead=1)
    assert len(set(others)) == len(others)
    assert last == others[0]


def test_a_process_whose_script_failed_is_not_used_again(tmp_path: Path) -> None:
    script = "console.log(Deno.pid); if (inputs().fail) throw new Error('no')"

    async def work(executor: DenoExecutor) -> list[str | None]:
        given = [{"fail": True}, {"fail": False}, {"fail": False}]
        return [(await executor.run(script_context(tmp_path, script, inputs=one))).stdout for one in given]

    first, second, third = run_with(work)
    assert first != second == third


def test_a_throw_in_a_warm_process_is_at_its_line_too(tmp_path: Path) -> None:
    script = "\nif (inputs().pass === 2) throw new Error('no');"

    async def work(executor: DenoExecutor) -> list[StepResult]:
        return [await executor.run(script_context(tmp_path, script, inputs={"pass": number})) for number in range(3)]

    assert message_of(run_with(work)[2]) == "Error: no (at script.ts:2:32)"


# Modules beside a script

BESIDE = {
    "script": None,
    "file": "job/main.ts",
    "file_name": "job/main x.ts",
    "file_text": "import { twice } from '../lib/twice.ts';\nimport data from './data.json' with { type: 'json' };\n"
    "output('four', twice(data.two as number)); if (inputs().fail) twice(-1);",
    "file_modules": {
        "lib/twice.ts": "export function twice(n: number): number {\n  if (n < 0) throw new Error('negative');\n"
        "  return 2 * n;\n}\n",
        "job/data.json": '{"two": 2}',
    },
}


@pytest.mark.acceptance("DEN-01")
def test_a_script_imports_the_modules_that_were_embedded_with_it(tmp_path: Path) -> None:
    async def work(executor: DenoExecutor) -> list[StepResult]:
        given = [{}, {}, {"fail": True}]
        return [await executor.run(script_context(tmp_path, "", BESIDE, inputs=inputs)) for inputs in given]

    first, second, failed = run_with(work)
    assert first.outputs == second.outputs == {"four": 4}
    assert failed.error is not None
    assert failed.error.message == "Error: negative (at lib/twice.ts:2:20)"
    assert "job/main x.ts:3:" in failed.error.details["stack"]
    assert "file://" not in str(failed.error)


@pytest.mark.parametrize("name", ["../out.ts", "/etc/out.ts", "a/../../out.ts", "a\0b"])
def test_no_module_is_written_anywhere_else(tmp_path: Path, name: str) -> None:
    told = message_of(run_script(tmp_path, "", BESIDE | {"file_modules": {name: ""}}))
    assert told.startswith("a module of a script can't be called ")
    told = message_of(run_script(tmp_path, "", BESIDE | {"file_name": name}))
    assert told.startswith("a module of a script can't be called ")
