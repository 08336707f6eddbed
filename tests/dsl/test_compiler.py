"""The compiler as a whole: the same program from the same meaning, files and their scripts, identities."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dsl import build
from tests.dsl.build import compile_text, compile_tree, in_workflow
from wfe_dsl import nodes
from wfe_dsl.compiler import Compiled, UnknownNotation, compile_file
from wfe_dsl.diagnostics.model import Diagnostic, Diagnostics
from wfe_dsl.variables import Variables
from wfe_vm.program import decode_program, encode_program, hash_of
from wfe_vm.verify import verify

PIPELINE = """
workflow:
  id: demo
  version: 3
  name: A demo
  description: of something
  inputs:
    region: {type: string, default: eu, enum: [eu, us], description: where}
    count: integer
  outputs: {image: string, sum: integer}
  defaults: {retry: {attempts: 3, interval: 2s}, env: {A: one, B: two}}
  steps:
    - name: build
      when: inputs.count > 1 and inputs.region == "eu"
      timeout: 5m
      config:
        run: |
          make ${{ inputs.region }}
        env: {C: three, D: four}
      outputs: [{name: image, type: string}, {name: size, type: integer}]
      on_failure: {name: tell, config: {run: echo failed}}
    - set: {sum: inputs.count * 2, other: inputs.count}
    - name: both
      parallel:
        limit: 2
        steps:
          - {name: one, config: {run: echo one}}
          - {name: two, config: {run: echo two}}
"""

REORDERED = """
# The same, otherwise written.
workflow:
  steps:
    -   config:
            env:
              "D": four
              C: 'three'
            run: "make ${{inputs.region}}\\n"
        name: build       # the first
        on_failure:
          - config:
              run: echo failed
            name: tell
        outputs:
          - {type: string, name: image}
          - type: integer
            name: size
        timeout: 300s
        when: (inputs.count > 1) && inputs.region == 'eu'
    -   set:
            other: ${{ inputs.count }}
            sum: inputs.count*2
    -   parallel:
            steps:
                - {config: {run: echo one}, name: one, type: shell}
                - {config: {run: echo two}, name: two}
            limit: 2
        name: both
  outputs: {sum: integer, image: string}
  inputs:
    count: {type: integer}
    region: {enum: [eu, us], default: eu, type: string}
  defaults: {env: {B: two, A: one}, retry: {interval: 2000, attempts: 3}}
  version: 3
  id: demo
"""


def one(text: str) -> Compiled:
    programs, found = compile_text(text)
    assert [problem for problem in found if problem.severity == "error"] == []
    return programs[0]


@pytest.mark.acceptance("PRG-02")
def test_writing_the_same_otherwise_gives_the_same_program() -> None:
    first, second = one(PIPELINE), one(REORDERED)
    assert first.bytes == second.bytes
    assert first.hash == second.hash


@pytest.mark.acceptance("PRG-02")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("make ${{", "make all ${{"),
        ("inputs.count > 1", "inputs.count > 2"),
        ("timeout: 5m", "timeout: 6m"),
        ("attempts: 3", "attempts: 4"),
        ("name: build", "name: compile"),
        ("D: four", "D: five"),
        ("limit: 2", "limit: 1"),
        ("default: eu", "default: us"),
        ("on_failure", "on_error"),
        ("name: size, type: integer", "name: size, type: number"),
        ("version: 3", "version: 4"),
        ("id: demo", "id: other"),
    ],
)
def test_another_meaning_is_another_program(old: str, new: str) -> None:
    assert old in PIPELINE
    assert one(PIPELINE.replace(old, new)).hash != one(PIPELINE).hash


@pytest.mark.acceptance("PRG-02")
def test_names_and_descriptions_for_people_are_no_part_of_a_program() -> None:
    changed = PIPELINE.replace("A demo", "Another").replace("of something", "of nothing").replace("where", "elsewhere")
    assert one(changed).hash == one(PIPELINE).hash


@pytest.mark.acceptance("PRG-01")
def test_a_tree_made_by_hand_is_the_same_program_as_a_file() -> None:
    parallel = nodes.Parallel(span=build.span(), steps=(build.shell("one", "echo ${{ inputs.a }}"),), limit=2)
    tree = build.workflow(
        build.step("both", parallel, when=build.expression("inputs.a == 'x'")),
        build.step(None, build.assign(n="1 + 1")),
        build.shell("last", outputs={"image": "string"}),
        inputs=build.declared(a="string"),
        outputs=build.declared(image="string", n="integer"),
    )
    text = in_workflow(
        """
- name: both
  when: inputs.a == 'x'
  parallel: {limit: 2, steps: [{name: one, config: {run: 'echo ${{ inputs.a }}'}}]}
- set: {n: 1 + 1}
- {name: last, config: {run: 'true'}, outputs: [{name: image, type: string}]}
""",
        "inputs: {a: string}\noutputs: {image: string, n: integer}",
    )
    (by_hand,), found = compile_tree(tree)
    assert found == []
    assert by_hand.bytes == one(text).bytes


@pytest.mark.acceptance("PRG-03")
def test_another_process_folder_and_hash_seed_give_the_same_bytes(tmp_path: Path) -> None:
    script = (
        "import sys; from wfe_dsl import compile_file, Diagnostics, Variables; "
        "sys.stdout.write(''.join(c.bytes.hex() for c in compile_file(sys.argv[1], Variables(), Diagnostics())))"
    )
    root = Path(__file__).resolve().parents[2]
    found = set()
    for number, seed in enumerate(("0", "1", "77")):
        folder = tmp_path / f"folder-{number}"
        folder.mkdir()
        (folder / f"file-{number}.yaml").write_text(PIPELINE)
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
        done = subprocess.run(
            [sys.executable, "-c", script, f"file-{number}.yaml"],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        found.add(done.stdout)
    assert found == {one(PIPELINE).bytes.hex()}


def test_a_program_is_its_bytes_and_its_bytes_are_its_hash() -> None:
    program = one(PIPELINE)
    assert decode_program(program.bytes) == program.program
    assert encode_program(program.program) == program.bytes
    assert hash_of(program.bytes) == program.hash
    assert verify(program.program) == []


def test_a_workflow_given_twice_is_an_error_with_both_places() -> None:
    first = build.workflow(build.shell("a"))
    second = build.workflow(build.shell("b"))
    programs, found = compile_tree(first, second)
    assert programs == []
    assert [problem.code for problem in found] == ["WFE0109"]


def test_two_versions_of_one_id_are_two_programs() -> None:
    programs, found = compile_tree(build.workflow(build.shell("a")), build.workflow(build.shell("a"), version=2))
    assert found == []
    assert [program.program.version for program in programs] == [1, 2]


def test_with_an_error_in_one_workflow_there_is_no_program_of_any() -> None:
    broken = build.workflow(build.step(None, build.assign(a="inputs.b")), id="broken", inputs=build.declared(c="any"))
    programs, found = compile_tree(build.workflow(build.shell("a")), broken)
    assert programs == []
    assert [problem.code for problem in found] == ["WFE0206"]


# Files


def compile_path(path: Path) -> tuple[list[Compiled], list[Diagnostic]]:
    diagnostics = Diagnostics()
    return compile_file(str(path), Variables(), diagnostics), diagnostics.found


def test_a_script_that_exists_is_part_of_the_program(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts" / "go.sh"
    script.write_text("echo one\n")
    path = tmp_path / "a.yaml"
    path.write_text(in_workflow("- {name: go, type: shell, config: {file: scripts/go.sh}}"))
    (program,), found = compile_path(path)
    assert found == []
    assert {"file": "scripts/go.sh", "file_text": "echo one\n"} in program.program.constants
    script.write_text("echo two\n")
    assert compile_path(path)[0][0].hash != program.hash


def test_a_script_is_looked_for_beside_the_file_that_names_it(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "go.sh").write_text("echo inner\n")
    (inner / "b.yaml").write_text(in_workflow("- {name: go, type: shell, config: {file: go.sh}}").replace("demo", "b"))
    path = tmp_path / "a.yaml"
    path.write_text("include: [inner/b.yaml]\n" + in_workflow("- {name: call, type: workflow, config: {workflow: b}}"))
    programs, found = compile_path(path)
    assert found == []
    assert [(program.program.workflow, program.own) for program in programs] == [("demo", True), ("b", False)]
    assert {"file": "go.sh", "file_text": "echo inner\n"} in programs[1].program.constants


def test_a_script_that_does_not_exist_is_a_warning_and_read_later(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(in_workflow("- {name: go, type: shell, config: {file: go.sh}}"))
    (program,), found = compile_path(path)
    assert [(problem.code, problem.severity) for problem in found] == [("WFE0556", "warning")]
    assert {"file": "go.sh"} in program.program.constants


def test_a_script_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "go.sh").write_bytes(b"echo \xff\n")
    path = tmp_path / "a.yaml"
    path.write_text(in_workflow("- {name: go, type: shell, config: {file: go.sh}}"))
    programs, found = compile_path(path)
    assert programs == []
    assert [problem.code for problem in found] == ["WFE0557"]


def test_a_suffix_chooses_the_front_end(tmp_path: Path) -> None:
    for name in ("a.yaml", "a.yml", "a.YAML"):
        path = tmp_path / name
        path.write_text(PIPELINE)
        assert compile_path(path)[0][0].hash == one(PIPELINE).hash
    with pytest.raises(UnknownNotation, match=r"did you mean `\.yaml`"):
        compile_path(tmp_path / "a.yamll")
    with pytest.raises(UnknownNotation, match="has no suffix"):
        compile_path(tmp_path / "a")


def test_a_long_file_with_many_outputs_makes_a_program_of_its_own_length() -> None:
    """Lists of what a task sees are shared: otherwise the program would grow with the square of its steps."""
    line = "- {{name: s{0}, config: {{run: 'echo {0}'}}, outputs: [{{name: o{0}}}]}}\n"

    def size(count: int, before: str = "", indent: str = "") -> int:
        steps = "".join(indent + line.format(number) for number in range(count))
        return len(one(in_workflow(before + steps)).bytes)

    assert size(400) < 2.2 * size(200)
    assert size(400, "- parallel:\n", "    ") < 2.2 * size(200, "- parallel:\n", "    ")
