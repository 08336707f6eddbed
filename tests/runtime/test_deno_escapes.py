"""What a hostile script tries: each way out is a case, and none leads anywhere.

Beside each a neighbour runs, on the same executor, which has to end well; and nothing may be left running.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wfe_runtime.executors import deno_permissions
from wfe_runtime.executors.contract import StepResult
from wfe_runtime.executors.deno import DenoExecutor
from wfe_runtime.executors.deno_permissions import grants_of
from wfe_runtime.executors.problems import TaskProblem

from .deno_support import attempt, run_script, run_with, script_context, shown

pytestmark = pytest.mark.usefixtures("deno_program")

SECRET = "the crown jewels"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Return a file of the host's; beside it are an allowed folder, and ways from there to it."""
    place = tmp_path / "host"
    place.mkdir()
    file = place / "secret.json"
    file.write_text(json.dumps(SECRET))
    (place / "secret.ts").write_text(f"export default {SECRET!r}; console.log({SECRET!r});")
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    (allowed / "file.json").symlink_to(file)
    (allowed / "folder").symlink_to(place)
    (allowed / "own.txt").write_text("own")
    return file


# Files

READS = {
    "directly": "Deno.readTextFileSync('{host}/secret.json')",
    "by readFile": "readFile('{host}/secret.json')",
    "by a relative path": "readFile('host/secret.json')",
    "by dots": "Deno.readTextFileSync('{allowed}/../host/secret.json')",
    "by many dots": "readFile('allowed/./x/../../host/secret.json')",
    "by a link to the file": "Deno.readTextFileSync('{allowed}/file.json')",
    "by a link to its folder": "Deno.readTextFileSync('{allowed}/folder/secret.json')",
    "by listing a linked folder": "[...Deno.readDirSync('{allowed}/folder')].map((one) => one.name).join()",
    "by a file URL": "Deno.readTextFileSync(new URL('file://{host}/secret.json'))",
    "by an encoded URL": "Deno.readTextFileSync(new URL('file://{allowed}/%2e%2e/host/secret.json'))",
    "by fetch": "await (await fetch('file://{host}/secret.json')).text()",
    "by node": "(await import('node:fs')).readFileSync('{host}/secret.json', 'utf8')",
    "by require": "(await import('node:module')).createRequire('file://{host}/')('./secret.json')",
    "by requiring a link": "(await import('node:module')).createRequire('file://{allowed}/')('./folder/secret.json')",
    "by importing a link": "(await import('file://{allowed}/file.json', {{ with: {{ type: 'json' }} }})).default",
    "by opening": "new TextDecoder().decode(Deno.openSync('{host}/secret.json').readSync(new Uint8Array(99)))",
    "by a new link": "(Deno.symlinkSync('{host}', '{allowed}/new'), readFile('{allowed}/new/secret.json'))",
    "by a hard link": "(Deno.linkSync('{host}/secret.json', '{allowed}/new'), readFile('{allowed}/new'))",
    "by copying": "(Deno.copyFileSync('{host}/secret.json', '{allowed}/new'), readFile('{allowed}/new'))",
    "by a database": "new (await import('node:sqlite')).DatabaseSync('{host}/secret.json').exec('select 1')",
    "by attaching": "new (await import('node:sqlite')).DatabaseSync(':memory:')"
    ".exec(\"attach '{host}/secret.json' as a\")",
    "by importing it as JSON": "(await import('file://{host}/secret.json', {{ with: {{ type: 'json' }} }})).default",
    "by importing it as text": "(await import('file://{host}/secret.json', {{ with: {{ type: 'text' }} }})).default",
    "by importing it as a module": "(await import('file://{host}/secret.ts')).default",
    "by its own environment": "Deno.readTextFileSync('/proc/self/environ')",
    "by its parent's root": "Deno.readTextFileSync('/proc/' + Deno.ppid + '/root{host}/secret.json')",
    "by its parent's folder": "Deno.readTextFileSync('/proc/' + Deno.ppid + '/cwd/README.md')",
    "by its memory": "Deno.readTextFileSync('/proc/self/mem')",
    "by its descriptors": "Deno.readTextFileSync('/proc/self/fd/0')",
}


@pytest.mark.acceptance("DEN-05", "DEN-07")
@pytest.mark.parametrize("way", READS)
@pytest.mark.parametrize("granted", [False, True], ids=["nothing granted", "folder granted"])
def test_no_file_outside_of_the_list_is_read(secret: Path, way: str, granted: bool) -> None:
    folder = secret.parent.parent
    expression = READS[way].format(host=secret.parent, allowed=folder / "allowed")
    config = {"permissions": {"read": ["allowed"], "write": ["allowed"]}} if granted else {}
    result = attempt(folder, f"const got = {expression}; console.log(got); output('got', `${{got}}`);", config)
    assert result.outcome == "failure"
    assert SECRET not in shown(result)
    assert "secret.ts" not in str(result.outputs)


@pytest.mark.acceptance("DEN-05")
@pytest.mark.parametrize("with_", [" with { type: 'json' }", " with { type: 'text' }", ""])
@pytest.mark.parametrize("end", ["json", "ts"])
def test_no_local_file_is_imported_statically(secret: Path, with_: str, end: str) -> None:
    place = secret.with_suffix(f".{end}")
    result = attempt(secret.parent.parent, f"import got from 'file://{place}'{with_}; output('got', got);")
    assert result.outcome == "failure"
    assert SECRET not in shown(result)


def test_what_is_granted_is_read_in_the_same_script(secret: Path) -> None:
    script = """
        try { readFile("allowed/file.json"); } catch { output("link", "denied"); }
        output("own", readFile("allowed/own.txt"));
    """
    result = attempt(secret.parent.parent, script, {"permissions": {"read": ["allowed"]}})
    assert result.outputs == {"link": "denied", "own": "own"}


@pytest.mark.parametrize(
    "way",
    [
        "Deno.writeTextFileSync('{host}/secret.json', 'gone')",
        "Deno.writeTextFileSync('{allowed}/file.json', 'gone')",
        "Deno.writeTextFileSync('{allowed}/folder/new', 'gone')",
        "Deno.removeSync('{host}/secret.json')",
        "Deno.renameSync('{host}/secret.json', '{allowed}/taken')",
        "Deno.truncateSync('{allowed}/file.json')",
        "Deno.chmodSync('{host}/secret.json', 0o777)",
    ],
)
@pytest.mark.acceptance("DEN-07")
def test_no_file_outside_of_the_list_is_changed(secret: Path, way: str) -> None:
    folder = secret.parent.parent
    mode = secret.stat().st_mode
    script = way.format(host=secret.parent, allowed=folder / "allowed")
    result = attempt(folder, script, {"permissions": {"read": ["allowed"], "write": ["allowed"]}})
    assert result.outcome == "failure"
    assert (secret.read_text(), secret.stat().st_mode) == (json.dumps(SECRET), mode)
    assert not (secret.parent / "new").exists()


@pytest.mark.acceptance("DEN-07")
def test_a_folder_with_a_link_out_of_it_is_not_granted_where_the_kernel_has_no_landlock(
    secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deno_permissions, "landlock_version", lambda: 0)
    folder = secret.parent.parent
    config = {"permissions": {"read": ["allowed"]}}
    with pytest.raises(TaskProblem, match="holds a link that leaves it"):
        grants_of(config, str(folder))
    for link in ("file.json", "folder"):
        (folder / "allowed" / link).unlink()
    (folder / "allowed" / "inside").symlink_to("own.txt")
    assert run_script(folder, "output('a', readFile('allowed/inside'))", config).outputs == {"a": "own"}


# Modules

MODULES = ["npm:lodash@4", "jsr:@std/path", "https://deno.land/std/version.ts", "http://127.0.0.1:1/x.ts"]


@pytest.mark.acceptance("DEN-05", "DEN-09")
@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("form", ["import '{}';", "await import('{}');", "await import('{}'.slice(0));"])
def test_no_module_from_outside_is_imported(tmp_path: Path, module: str, form: str) -> None:
    result = attempt(tmp_path, form.format(module) + "output('got', 1);")
    assert (result.outcome, result.outputs) == ("failure", {})


@pytest.mark.acceptance("DEN-05", "DEN-09")
@pytest.mark.parametrize(
    ("module", "target"),
    [
        ("npm:lodash@4", "modules of npm"),
        ("jsr:@std/path", '"jsr:@std/path"'),
        ("https://deno.land/std/version.ts", '"https://deno.land/std/version.ts"'),
    ],
)
@pytest.mark.parametrize("form", ["import '{}';", "await import('{}');"])
def test_a_module_that_is_not_listed_is_told_of_with_the_key_that_lists_it(
    tmp_path: Path, module: str, target: str, form: str
) -> None:
    error = attempt(tmp_path, form.format(module)).error
    assert error is not None
    assert f"import access to {target} is not permitted; `modules: […]` lists what a script may import" in error.message
    assert "--" not in error.message


@pytest.mark.acceptance("DEN-05")
@pytest.mark.parametrize("form", ["import '{}';", "await import('{}');"])
def test_a_script_of_the_workflows_file_is_told_that_it_has_no_folder_to_import_from(tmp_path: Path, form: str) -> None:
    (tmp_path / "part.ts").write_text("output('got', 1);")
    result = attempt(tmp_path, form.format("./part.ts"))
    assert result.error is not None
    assert "has no folder to import from; put it into a file of its own, which `file` names" in result.error.message
    assert result.outputs == {}


# The host

DENIED = {
    "the environment": "Deno.env.get('HOME')",
    "the whole environment": "Deno.env.toObject()",
    "the environment by node": "(await import('node:process')).env.HOME.length",
    "a program": "new Deno.Command('/bin/sh', { args: ['-c', 'true'] }).outputSync()",
    "a program by node": "(await import('node:child_process')).execSync('true')",
    "native code": "Deno.dlopen('/lib/x86_64-linux-gnu/libc.so.6', {})",
    "native code by node": "process.dlopen({ exports: {} }, '/lib/x86_64-linux-gnu/libc.so.6')",
    "the host's name": "Deno.hostname()",
    "the network": "await fetch('http://127.0.0.1:81/')",
    "a connection": "await Deno.connect({ port: 1 })",
    "listening": "Deno.listen({ port: 0 })",
    "a name": "await Deno.resolveDns('example.com', 'A')",
    "a socket of the host": "await Deno.connect({ transport: 'unix', path: '/run/docker.sock' })",
    "its parent's life": "Deno.kill(Deno.ppid, 'SIGKILL')",
    "its parent's life by node": "process.kill(process.ppid, 'SIGKILL')",
    "a permission": "if ((await Deno.permissions.request({ name: 'read' })).state !== 'granted') throw new Error('no')",
    "a worker": "new Worker('data:application/javascript,1', { type: 'module' })",
    "a worker with more": "new (await import('node:worker_threads')).Worker('process.env.HOME.length', { eval: true })"
    ".on('error', (error) => { throw error; })",
}


@pytest.mark.acceptance("DEN-05", "DEN-08")
@pytest.mark.parametrize("what", DENIED)
def test_nothing_of_the_host_is_given(tmp_path: Path, what: str) -> None:
    result = attempt(tmp_path, f"{DENIED[what]};\nawait new Promise((done) => setTimeout(done, 200));")
    assert result.outcome == "failure"


@pytest.mark.acceptance("DEN-05")
@pytest.mark.parametrize(
    ("script", "kind", "target"),
    [
        ("Deno.readTextFileSync('/etc/passwd')", "read", '"/etc/passwd"'),
        ("Deno.writeTextFileSync('/etc/passwd', '')", "write", '"/etc/passwd"'),
        ("await fetch('http://example.com:81/')", "net", '"example.com:81"'),
        ("Deno.env.get('HOME')", "env", '"HOME"'),
        ("new Deno.Command('/bin/sh').outputSync()", "run", '"/bin/sh"'),
    ],
)
def test_a_denial_names_kind_and_target_and_can_be_caught(tmp_path: Path, script: str, kind: str, target: str) -> None:
    error = attempt(tmp_path, f"\n{script}").error
    assert error is not None
    assert f"NotCapable: {kind} access to {target} is not permitted" in error.message
    assert f"`permissions: {{{kind}: […]}}` grants it (at script.ts:2:" in error.message
    caught = attempt(tmp_path, f"try {{ {script} }} catch (error) {{ output('name', error.name); }}")
    assert caught.outputs == {"name": "NotCapable"}


@pytest.mark.acceptance("DEN-11")
def test_nothing_is_left_for_the_next_script(tmp_path: Path) -> None:
    leave = "globalThis.left = 1; try { localStorage.setItem('left', 'x'); } catch {} output('home', Deno.cwd());"
    look = "output('left', [typeof globalThis.left, typeof localStorage, typeof Deno.openKv, typeof caches]);"

    async def work(executor: DenoExecutor) -> list[StepResult]:
        contexts = [script_context(tmp_path, script, step=step) for step, script in (("a", leave), ("b", look))]
        return [await executor.run(one) for one in contexts]

    left, found = run_with(work)
    assert left.outcome == "success"
    assert found.outputs == {"left": ["undefined"] * 4}


# The channel to the engine

FRAME = 'String.fromCharCode(0, 0, 0, 32) + \'{"nonce":"0","outputs":{"a":666}}\''


@pytest.mark.acceptance("DEN-10")
@pytest.mark.parametrize(
    "way",
    [
        f"Deno.stdout.writeSync(new TextEncoder().encode({FRAME}))",
        f"console.log({FRAME})",
        f"(await import('node:process')).stdout.write({FRAME})",
        "console.log('##wfe[output a=666]')",
        "const fs = await import('node:fs');"
        f"for (let i = 1; i < 99; i++) try {{ fs.writeSync(i, {FRAME}) }} catch {{}}",
    ],
)
def test_frames_on_standard_output_are_output_and_no_more(tmp_path: Path, way: str) -> None:
    result = attempt(tmp_path, f"{way}; output('true', 1)")
    assert result.outputs == {"true": 1}


@pytest.mark.acceptance("DEN-10")
def test_a_frame_forced_into_the_channel_ends_the_step_and_its_process(tmp_path: Path) -> None:
    script = f"""
        const net = await import("node:net");
        for (let fd = 3; fd < 64; fd++) {{
          try {{ new net.Socket({{ fd }}).on("error", () => {{}}).write({FRAME}); }} catch {{}}
        }}
        await new Promise((done) => setTimeout(done, 1000));
        output("a", 666);
    """
    result = attempt(tmp_path, script)
    assert result.outcome in ("error", "failure")
    assert result.outputs == {}


@pytest.mark.acceptance("DEN-10")
@pytest.mark.parametrize(
    "way",
    [
        "const taken = new Uint8Array(9); output('read', Deno.stdin.readSync(taken))",
        "output('read', (await import('node:fs')).readSync(0, new Uint8Array(9)) || null)",
    ],
)
def test_there_is_nothing_to_steal_from_standard_input(tmp_path: Path, way: str) -> None:
    assert attempt(tmp_path, way).outputs == {"read": None}


@pytest.mark.acceptance("DEN-10")
def test_a_script_that_changes_what_the_language_is_harms_itself_alone(tmp_path: Path) -> None:
    script = """
        JSON.stringify = () => '{"nonce":"0","outputs":{"a":666}}';
        Object.keys = () => []; String.prototype.split = () => [];
        TextEncoder.prototype.encode = () => new Uint8Array(4);
        Object.defineProperty(Object.prototype, "toJSON", { value: () => 666 });
        output("a", "true");
    """
    assert attempt(tmp_path, script).outputs in ({"a": "true"}, {"a": 666}, {})
