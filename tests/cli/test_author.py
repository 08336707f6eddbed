"""``check``, ``compile`` and ``disasm``: they read, and write nothing but what they were asked to."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from .conftest import ROOT, Wfec
from .files import CHAIN, FAMILY, GREETING, write

WRONG = "workflow: {id: w, version: 1, steps: [{name: a, config: {run: echo}, timeuot: 5s}]}\n"
WARNED = (
    "workflow: {id: w, version: 1, steps: [{name: a, config: {run: 'true'}, "
    "error_behavior: {type: retry, max_retries: 0}}]}\n"
)


@pytest.mark.acceptance("CLI-08")
def test_check_exits_by_what_it_found_and_writes_nothing(folder: Path, wfec: Wfec) -> None:
    write(folder, GREETING)
    write(folder, WRONG, "wrong.yaml")
    write(folder, WARNED, "warned.yml")
    before = sorted(os.walk(folder))
    assert wfec("check", "file.yaml").code == 0
    assert wfec("check", "warned.yml").code == 0
    assert wfec("check", "warned.yml", "--strict").code == 3
    assert wfec("check", "wrong.yaml").code == 3
    assert wfec("check", "file.yaml", "wrong.yaml").code == 3
    assert wfec("check", ".").code == 3
    assert wfec("check", "nowhere.yaml").code == 4
    assert wfec("check", "file.yaml", "nowhere").code == 4
    assert sorted(os.walk(folder)) == before


@pytest.mark.acceptance("CLI-08", "DIA-07")
def test_the_json_form_is_the_contracts_list(folder: Path, wfec: Wfec) -> None:
    write(folder, WRONG)
    [found] = wfec("check", "file.yaml", "--format", "json").json
    assert set(found) == {
        "code", "severity", "file", "line", "column", "end_line", "end_column", "message", "help", "fix",
    }  # fmt: skip
    assert (found["severity"], found["file"], found["line"]) == ("error", "file.yaml", 1)
    column = WRONG.index("timeuot") + 1
    assert (found["column"], found["end_column"]) == (column, column + len("timeuot"))
    assert "timeout" in found["help"]
    write(folder, GREETING)
    assert wfec("check", "file.yaml", "--format", "json").json == []


@pytest.mark.acceptance("CLI-08")
def test_the_other_forms_name_file_and_line_too(folder: Path, wfec: Wfec) -> None:
    write(folder, WRONG)
    [run] = json.loads(wfec("check", "file.yaml", "--format", "sarif").out)["runs"]
    [result] = run["results"]
    location = result["locations"][0]["physicalLocation"]
    assert (location["artifactLocation"]["uri"], location["region"]["startLine"]) == ("file.yaml", 1)
    assert wfec("check", "file.yaml", "--format", "github").out.startswith("::error file=file.yaml,line=1,")
    text = wfec("check", "file.yaml").out
    assert "--> file.yaml:1:" in text
    assert "1 error" in text


def test_a_folder_means_the_yaml_files_below_it_hidden_ones_apart(folder: Path, wfec: Wfec) -> None:
    for name in ("a.yaml", "deep/er/b.yml", ".hidden/c.yaml", "d.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write(folder, WRONG, name)
    os.mkfifo(folder / "pipe.yaml")  # nobody writes to it: reading would wait without end
    (folder / "folder.yaml").mkdir()
    found = wfec("check", ".", "--format", "json").json
    assert sorted(item["file"] for item in found) == ["a.yaml", "deep/er/b.yml"]


@pytest.mark.parametrize("target", ["nowhere.yaml", "link.yaml"])
def test_a_link_that_leads_nowhere_is_told_of_as_such(folder: Path, wfec: Wfec, target: str) -> None:
    (folder / "link.yaml").symlink_to(target)
    for verb in ("run", "check", "fmt"):
        result = wfec(verb, "link.yaml")
        assert (result.code, result.err) == (4, "wfec: link.yaml is a link that leads to no file\n")
    assert [item["code"] for item in wfec("check", ".", "--format", "json").json] == ["WFE0001"]


def test_a_mistake_in_a_file_that_two_others_include_is_told_once(folder: Path, wfec: Wfec) -> None:
    write(folder, WRONG, "shared.yaml")
    for name in ("one", "two"):
        text = f"workflow: {{id: {name}, version: 1, steps: [{{name: a, config: {{run: echo}}}}]}}\n"
        text += "include: [shared.yaml]\n"
        write(folder, text, f"{name}.yaml")
    assert len(wfec("check", ".", "--format", "json").json) == 1


@pytest.mark.acceptance("CLI-09")
def test_compiling_gives_the_same_bytes_in_every_folder(
    folder: Path, wfec: Wfec, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = []
    for name in ("here", "there"):
        (folder / name).mkdir()
        monkeypatch.chdir(folder / name)
        write(folder / name, FAMILY)
        assert wfec("compile", "file.yaml", "-o", "out.wfc").code == 0
        assert wfec("compile", "file.yaml", "-o", "again.wfc").code == 0
        results += [(folder / name / file).read_bytes() for file in ("out.wfc", "again.wfc")]
        assert sorted(os.listdir()) == ["again.wfc", "file.yaml", "out.wfc"]
    assert len(set(results)) == 1


@pytest.mark.acceptance("CLI-09")
def test_hash_prints_id_version_and_hash_and_nothing_else(folder: Path, wfec: Wfec) -> None:
    lines = wfec("compile", write(folder, FAMILY), "--hash").out.splitlines()
    assert [line.split(" ")[:2] for line in lines] == [["main", "1"], ["child", "1"]]
    assert all(len(line.split(" ")[2]) == 64 for line in lines)
    assert wfec("compile", "file.yaml", "--hash", "-o", "out.wfc").out.splitlines() == lines
    assert wfec("compile", "file.yaml", "--hash").out.splitlines() == lines


def test_a_file_that_cannot_be_written_is_an_error_and_leaves_no_rest(folder: Path, wfec: Wfec) -> None:
    result = wfec("compile", write(folder, CHAIN), "-o", "nowhere/out.wfc")
    assert result.code == 5
    assert "nowhere/out.wfc" in result.err
    assert os.listdir() == ["file.yaml"]


@pytest.mark.acceptance("CLI-23")
def test_disasm_lists_steps_and_code_of_source_and_compiled_files_alike(folder: Path, wfec: Wfec) -> None:
    wfec("compile", write(folder, FAMILY), "-o", "out.wfc")
    text = wfec("disasm", "file.yaml").out
    assert "workflow main version 1" in text
    assert "workflow child version 1" in text
    assert wfec("disasm", "out.wfc").out == text
    [program] = wfec("disasm", "file.yaml", "child", "--json").json
    assert (program["workflow"], [step["kind"] for step in program["steps"][:2]]) == ("child", ["run", "for_each"])
    assert wfec("disasm", "file.yaml", "chidl").code == 4
    assert sorted(os.listdir()) == ["file.yaml", "out.wfc"]


@pytest.mark.acceptance("CLI-01")
@pytest.mark.parametrize("argv", [("compile", "--hash"), ("disasm",)])
def test_a_file_with_mistakes_is_3_for_the_other_verbs_too(folder: Path, wfec: Wfec, argv: tuple[str, ...]) -> None:
    result = wfec(argv[0], write(folder, WRONG), *argv[1:])
    assert (result.code, result.out) == (3, "")
    assert "file.yaml:1:" in result.err


@pytest.mark.acceptance("CLI-08", "DIA-05")
def test_check_blames_each_broken_file_of_the_corpus_once_at_its_line_with_a_cause_and_a_cure(wfec: Wfec) -> None:
    corpus = sorted((ROOT / "tests" / "data" / "broken").rglob("*.yaml"))
    assert len(corpus) >= 40
    result = wfec("check", *map(str, corpus), "--format", "json")
    assert result.code == 3
    errors = [found for found in result.json if found["severity"] == "error"]
    expected = [path.read_text().split("\n", 1)[0].removeprefix("# expect: ").split() for path in corpus]
    named = sorted((found["file"], found["code"], str(found["line"])) for found in errors)
    assert named == sorted((str(path), code, line) for path, (code, line) in zip(corpus, expected, strict=True))
    assert all(found["message"] and found["help"] for found in errors)
