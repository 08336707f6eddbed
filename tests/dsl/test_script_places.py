"""The places of scripts that are written in a workflow file: a line of the script is found in the file again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wfe_dsl.compiler import Compiled, compile_file
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.variables import Variables

YAML = "workflow:\n  id: demo\n  version: 1\n  steps:\n    - name: work\n      type: deno\n      config:\n        "
TEXT = "workflow demo version 1 {\n  step work = deno {\n    script "

# BOOM is what has to be found.
PLACED = {
    "a block": ("a.yaml", YAML + "script: |\n          let a;\n\n          if (a) {\n            BOOM\n          }\n"),
    "the first line of a block": ("a.yaml", YAML + "script: |-\n          BOOM;\n          let a;\n"),
    "a block that begins with a blank line": ("a.yaml", YAML + "script: |\n\n          let a;\n          BOOM;\n"),
    "a block with an indented first line": ("a.yaml", YAML + "script: |2\n             let a;\n          BOOM;\n"),
    "a block of one line": ("a.yaml", YAML + "script: |\n          BOOM;\n"),
    "a block with wide letters": ("a.yaml", YAML + "script: |\n          let a = 'é こ';\n          let é; BOOM;\n"),
    "between quotes": ("a.yaml", YAML + 'script: "let a; BOOM"\n'),
    "without quotes": ("a.yaml", YAML + "script: let a; BOOM\n"),
    "a flow map": ("a.yaml", YAML.rstrip() + " {script: 'let a; BOOM', memory: 64MiB}\n"),
    "a hook": (
        "a.yaml",
        YAML + "script: let a\n      on_failure:\n        name: tell\n        type: deno\n        config:\n"
        "          script: |\n            let a;\n            BOOM;\n",
    ),
    "an anchor": (
        "a.yaml",
        "_code: &code |\n  let a;\n  BOOM;\n" + YAML + "script: *code\n",
    ),
    "a raw block": ("a.wfe", TEXT + "```\n      let a;\n\n      if (a) {\n        BOOM\n      }\n    ```\n  }\n}\n"),
    "a raw block on one line": ("a.wfe", TEXT + "```let a; BOOM```\n  }\n}\n"),
    "a string": ("a.wfe", TEXT + '"let a; BOOM"\n  }\n}\n'),
}

NOT_PLACED = {
    "a folded block": ("a.yaml", YAML + "script: >\n          let a;\n          BOOM;\n"),
    "escapes": ("a.yaml", YAML + 'script: "let a;\\nBOOM;"\n'),
    "a string with escapes": ("a.wfe", TEXT + '"let a;\\nBOOM;"\n  }\n}\n'),
    "a variable": ("a.yaml", YAML + "script: |\n          let a = ((value));\n          BOOM;\n"),
}


def compiled(folder: Path, name: str, text: str, end: str = "\n") -> Compiled:
    path = folder / name
    path.write_bytes(text.replace("\n", end).encode())
    diagnostics = Diagnostics()
    [one] = compile_file(str(path), Variables([("value", "1")]), diagnostics)
    assert [found for found in diagnostics.found if found.severity == "error"] == []
    return one


def scripts_of(value: Any) -> list[str]:
    """Return the texts with the word to be found, of a program's constants."""
    if isinstance(value, str):
        return [value] if "BOOM" in value else []
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [text for one in inside for text in scripts_of(one)]


def place_in(text: str) -> tuple[int, int]:
    before = text[: text.index("BOOM")]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


@pytest.mark.acceptance("DIA-03")
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize(("name", "text"), PLACED.values(), ids=PLACED)
def test_a_line_of_a_script_is_found_in_the_file(tmp_path: Path, name: str, text: str, end: str) -> None:
    one = compiled(tmp_path, name, text, end)
    [script] = scripts_of(one.program.constants)
    step = max(owner for owner, *_ in one.source_map.scripts)
    assert one.source_map.script_position(step, *place_in(script)) == (0, *place_in(text))


@pytest.mark.parametrize(("name", "text"), NOT_PLACED.values(), ids=NOT_PLACED)
def test_a_script_whose_lines_are_not_the_files_has_no_place_in_it(tmp_path: Path, name: str, text: str) -> None:
    one = compiled(tmp_path, name, text)
    assert scripts_of(one.program.constants) != []
    assert one.source_map.scripts == ()
    assert one.source_map.script_position(1, 1, 1) is None
