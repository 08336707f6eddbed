"""A file written in another notation compiles to the same programs, at every hop and back, comments included."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dsl.files import ROOT, SOUND
from wfe_dsl import nodes
from wfe_dsl.comments import Comments
from wfe_dsl.compiler import compile_document
from wfe_dsl.data_keys import without_data_keys
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.rewriting import NOTATIONS, Moved, Place, convert, format_file
from wfe_dsl.variables import Variables
from wfe_dsl.yaml_front import load_yaml_text

BROKEN = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in sorted((ROOT / "tests/data/broken").rglob("*.yaml"))
    if "unresolved-variable" not in path.name  # which need not be known to write a file again
}
VARIABLES = Variables([("limits.time", "10s"), ("host", "here")])


def place(folder: Path, name: str, notation: str) -> Place:
    stem = Path(name).stem.replace(".", "-")
    file = f"{stem}{NOTATIONS[notation].suffixes[0]}"
    return Place(file, str(folder / file))


def hop(folder: Path, name: str, text: str, source: str, to: str) -> str:
    diagnostics = Diagnostics()
    result = convert(text, place(folder, name, source), to, place(folder, name, to), VARIABLES, diagnostics)
    assert result is not None, [(one.code, one.message) for one in diagnostics.found]
    return result


def hashes(text: str) -> list[str]:
    diagnostics = Diagnostics()
    document = load_yaml_text(text, VARIABLES, diagnostics, name="a.yaml")
    assert document is not None
    return [one.hash for one in compile_document(document, diagnostics)]


def told(comments: Comments) -> list[str]:
    texts = [*sum(comments.before.values(), ()), *comments.beside.values(), *comments.end]
    return sorted(text.strip() for text in texts if text.strip())


def comments_of(text: str, notation: str) -> list[str]:
    reader = NOTATIONS[notation].comments
    assert reader is not None
    return told(reader(text))


@pytest.mark.acceptance("TXT-02", "CLI-10")
@pytest.mark.parametrize("name", SOUND)
def test_every_notation_has_the_same_programs_and_the_way_back_leads_to_the_beginning(
    name: str, tmp_path: Path
) -> None:
    first = hop(tmp_path, name, SOUND[name], "yaml", "yaml")
    text = hop(tmp_path, name, first, "yaml", "wfe")
    python = hop(tmp_path, name, text, "wfe", "python")
    last = hop(tmp_path, name, python, "python", "yaml")
    wanted = sorted(hashes(SOUND[name]))
    assert sorted(hashes(last)) == wanted
    assert sorted(hashes(first)) == wanted


@pytest.mark.acceptance("CLI-10")
@pytest.mark.parametrize("name", SOUND)
def test_comments_are_kept_between_yaml_and_text(name: str, tmp_path: Path) -> None:
    wanted = comments_of(SOUND[name], "yaml")
    text = hop(tmp_path, name, SOUND[name], "yaml", "wfe")
    assert comments_of(text, "wfe") == wanted
    assert comments_of(hop(tmp_path, name, text, "wfe", "yaml"), "yaml") == wanted


@pytest.mark.acceptance("TXT-03", "CLI-11")
@pytest.mark.parametrize("name", SOUND)
def test_the_text_that_is_written_is_in_its_canonical_style(name: str, tmp_path: Path) -> None:
    text = hop(tmp_path, name, SOUND[name], "yaml", "wfe")
    there = place(tmp_path, name, "wfe")
    once = format_file(text, there, VARIABLES, Diagnostics())
    assert once is not None
    assert format_file(once, there, VARIABLES, Diagnostics()) == once
    assert comments_of(once, "wfe") == comments_of(text, "wfe")


@pytest.mark.acceptance("CLI-11")
@pytest.mark.parametrize("name", BROKEN)
def test_a_file_with_errors_is_neither_laid_out_nor_converted(name: str, tmp_path: Path) -> None:
    source = place(tmp_path, name, "yaml")
    diagnostics = Diagnostics()
    assert format_file(BROKEN[name], source, Variables(), diagnostics) is None
    assert diagnostics.has_errors
    assert convert(BROKEN[name], source, "wfe", place(tmp_path, name, "wfe"), Variables(), Diagnostics()) is None


VARIED = """\
workflow:
  id: varied
  version: 1
  inputs: {name: string}
  steps:
    - name: show
      timeout: ((limits.time | 30s))
      when: ((count | 3)) > 2 && inputs.name != '((who | me)) ((other))'
      config:
        env: {A: ((env)), B: 'a \\((b)) ((name | "x | y")) ${{ inputs.name + ((tail)) }}', C: $((1 + 1))}
        run: echo $((1 + 2)) ((host | localhost)) ((unknown)) \\((shell))
"""


@pytest.mark.acceptance("CLI-10")
def test_variables_without_a_value_stay_where_none_is_needed(tmp_path: Path) -> None:
    text = hop(tmp_path, "varied", VARIED, "yaml", "yaml")
    assert "timeout: 10s" in text
    assert "when: ((count | 3)) > 2 && inputs.name != '((who | me)) ((other))'" in text
    assert "A: ((env))" in text
    assert "${{ inputs.name + ((tail)) }}" in text
    assert "run: echo $((1 + 2)) ((host | localhost)) ((unknown)) \\((shell))" in text
    assert hop(tmp_path, "varied", hop(tmp_path, "varied", text, "yaml", "wfe"), "wfe", "yaml") == text


def test_a_place_that_has_to_be_known_and_is_not_is_an_error_with_its_cure(tmp_path: Path) -> None:
    text = VARIED.replace("((limits.time | 30s))", "((limit))")
    diagnostics = Diagnostics()
    assert (
        convert(text, place(tmp_path, "a", "yaml"), "wfe", place(tmp_path, "a", "wfe"), Variables(), diagnostics)
        is None
    )
    [found] = diagnostics.found
    assert (found.code, found.span.line) == ("WFE0030", 7)
    assert "--var limit=" in found.help


def test_python_has_no_variables_so_each_needs_a_value(tmp_path: Path) -> None:
    text = VARIED.replace(" ((unknown))", "")
    source, target = place(tmp_path, "a", "yaml"), place(tmp_path, "a", "python")
    diagnostics = Diagnostics()
    assert convert(text, source, "python", target, Variables(), diagnostics) is None
    assert {one.code for one in diagnostics.found} == {"WFE0030"}
    given = Variables([("other", "you"), ("env", "x"), ("tail", "y"), ("host", "here")])
    result = convert(text, source, "python", target, given, diagnostics)
    assert result is not None
    assert "((" not in result.replace("\\((", "").replace("$((", "")


def test_a_script_that_would_not_be_found_from_the_new_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "make.sh").write_text("make\n")
    text = "workflow: {id: a, version: 1, steps: [{name: a, type: shell, config: {file: make.sh}}]}\n"
    source = place(tmp_path, "a", "yaml")
    assert convert(text, source, "wfe", place(tmp_path, "b", "wfe"), Variables(), Diagnostics()) is not None
    with pytest.raises(Moved):
        convert(text, source, "wfe", place(tmp_path / "there", "b", "wfe"), Variables(), Diagnostics())


KEYED = """\
workflow:
  id: keyed
  version: 1
  inputs: {i: any}
  steps:
    - {name: a, config: {run: x}, outputs: [{name: o}, {name: shadow}]}
    - name: b
      config: {run: x}
      when:
        all:
          - {field: o, equals: 1}
          - {field: .a.o.x.0, gt: 2}
          - {field: a.status, equals: success}
          - {not: {field: i, contains: 3}}
      inputs: [{name: p, path: a.stdout}, {name: q, path: i.x}, {name: inputs}]
    - name: l
      for_each: '[1]'
      do:
        - {name: c, config: {run: x}, outputs: [{name: o}]}
        - {name: e, config: {run: z}, when: {field: o.x, equals: 2}}
"""


def test_data_keys_written_out_are_the_same_program() -> None:
    diagnostics = Diagnostics()
    document = load_yaml_text(KEYED, Variables(), diagnostics, name="keyed.yaml")
    assert document is not None
    written = without_data_keys(document)
    assert "DataKey" not in repr(nodes.structure(written))
    [before], [after] = compile_document(document, diagnostics), compile_document(written, diagnostics)
    assert before.bytes == after.bytes
