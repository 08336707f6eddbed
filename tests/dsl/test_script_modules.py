"""The local modules of scripts: found, named, and part of the program."""

from __future__ import annotations

from pathlib import Path

import pytest

from wfe_dsl.compiler import compile_file
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.script_modules import MAX_MODULES, find_modules
from wfe_dsl.variables import Variables


@pytest.mark.parametrize(
    "line",
    [
        "import './a.ts'",
        'import a from "./a.ts";',
        "  import a, { type B, c as d } from './a.ts'",
        "import {\n  b,\n  c,\n} from './a.ts'",
        "import * as a from './sub/../a.ts'",
        "import type { A } from './a.ts'",
        "export * from './a.ts'",
        "export { a } from './a.ts'",
        "import a from './a.ts' with { type: 'text' }",
    ],
)
def test_every_form_of_a_static_import_is_found(line: str) -> None:
    read: list[str] = []
    find_modules("/w/main.ts", f"const x = 1;\n{line}\n", lambda path: read.append(path))
    assert read == ["/w/a.ts"]


@pytest.mark.parametrize(
    "line",
    [
        "const a = await import('./a.ts')",
        "import a from 'npm:a'",
        "import a from '/etc/a.ts'",
        "const text = 'from ./a.ts'",
        "export const a = './a.ts'",
        "importing('./a.ts')",
    ],
)
def test_nothing_else_is_taken_for_one(line: str) -> None:
    assert find_modules("/w/main.ts", line, lambda _: "").files == {}


def test_modules_of_modules_are_found_once_and_named_from_their_common_folder() -> None:
    files = {
        "/w/lib/a.ts": "import '../main.ts'; \nimport './b.ts'; \nimport '../../common/c.json' with { type: 'json' };",
        "/w/lib/b.ts": "import './a.ts'",
        "/common/c.json": "import './no-code.ts'",
    }
    found = find_modules("/w/main.ts", "import './lib/a.ts'\nimport './absent.ts'", files.get)
    assert found.name == "w/main.ts"
    assert found.files == {
        "w/lib/a.ts": files["/w/lib/a.ts"],
        "w/lib/b.ts": "import './a.ts'",
        "common/c.json": files["/common/c.json"],
    }
    assert found.unread == [("./absent.ts", "main.ts")]


def test_their_number_is_bounded() -> None:
    found = find_modules("/w/0.ts", "import './1.ts'", lambda path: f"import './{int(Path(path).stem) + 1}.ts'")
    assert len(found.files) == MAX_MODULES
    assert found.unread == [(f"./{MAX_MODULES + 1}.ts", f"{MAX_MODULES}.ts")]


def test_they_are_part_of_the_program(tmp_path: Path) -> None:
    (tmp_path / "main.ts").write_text("import { one } from './one.ts';\n")
    (tmp_path / "one.ts").write_text("export const one = 1;\n")
    path = tmp_path / "a.yaml"
    path.write_text("workflow: {id: a, version: 1, steps: [{name: s, type: deno, config: {file: main.ts}}]}")
    diagnostics = Diagnostics()
    (program,) = compile_file(str(path), Variables(), diagnostics)
    assert diagnostics.found == []
    assert {
        "file": "main.ts",
        "file_text": "import { one } from './one.ts';\n",
        "file_name": "main.ts",
        "file_modules": {"one.ts": "export const one = 1;\n"},
    } in program.program.constants
    (tmp_path / "one.ts").write_text("export const one = 2;\n")
    assert compile_file(str(path), Variables(), Diagnostics())[0].hash != program.hash
