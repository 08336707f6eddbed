"""What a step finds in its environment, by the function that builds it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wfe_runtime.executors.environment import Environment, build_environment, inherited_environment, variable_name
from wfe_runtime.executors.problems import TaskProblem
from wfe_runtime.executors.scratch import Scratch


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    made = Scratch(str(tmp_path))
    yield made
    made.close()


def build(scratch: Scratch, data: dict[str, Any] | None = None, **layers: Any) -> Environment:
    """Build an environment of some layers; the others are empty."""
    own, inputs = layers.get("own", {}), layers.get("inputs")
    inherited = inherited_environment()
    return build_environment(
        inherited, own, data or {}, inputs, layers.get("env", {}), layers.get("expressions", {}), scratch
    )


def content_of(environment: Environment, name: str) -> bytes:
    return Path(os.fsdecode(environment.variables[name])).read_bytes()


@pytest.mark.acceptance("SHL-07")
def test_only_a_few_names_of_the_engines_environment_reach_a_step(
    scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        monkeypatch.delenv(name)
    kept = {"PATH": "/bin", "HOME": "/home/ann", "LANG": "C.UTF-8", "LC_TIME": "de_DE", "TMPDIR": "/tmp/x", "TZ": "UTC"}
    for name, value in (kept | {"API_TOKEN": "s3cret", "LD_PRELOAD": "/evil.so", "PYTHONPATH": "/own"}).items():
        monkeypatch.setenv(name, value)
    assert build(scratch).variables == {name: value.encode() for name, value in kept.items()}


def test_a_path_is_set_even_where_the_engine_has_none(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PATH")
    assert b"/usr/bin" in build(scratch).variables["PATH"].split(b":")


@pytest.mark.acceptance("SHL-07")
def test_env_wins_over_all_and_may_set_or_unset_any_name(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "C")
    env = {"PATH": "/opt", "LD_PRELOAD": "/opt/own.so", "REGION": "env", "LANG": None, "COUNT": 3, "LIST": ["a", 1]}
    found = build(scratch, {"region": "data"}, inputs={"region": "input"}, env=env).variables
    assert "LANG" not in found
    assert {name: found[name] for name in ("PATH", "LD_PRELOAD", "REGION", "COUNT", "LIST")} == {
        "PATH": b"/opt",
        "LD_PRELOAD": b"/opt/own.so",
        "REGION": b"env",
        "COUNT": b"3",
        "LIST": b'["a",1]',
    }


@pytest.mark.acceptance("SHL-08")
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is\n", "as it is\n"),
        ("", ""),
        (5, "5"),
        (2.5, "2.5"),
        (True, "true"),
        ([1, "a", None], '[1,"a",null]'),
        ({"b": 1, "a": {"c": []}}, '{"a":{"c":[]},"b":1}'),
        ("Grüße 🎉", "Grüße 🎉"),
    ],
)
def test_a_text_is_exported_as_it_is_and_all_else_as_json(scratch: Scratch, value: Any, text: str) -> None:
    assert build(scratch, {"value": value}).variables["VALUE"].decode() == text


@pytest.mark.acceptance("SHL-08")
@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("region", "REGION"),
        ("image-tag", "IMAGE_TAG"),
        ("a.b", "A_B"),
        ("2fast", "_2FAST"),
        ("größe", "GR_SSE"),
        ("straße", "STRASSE"),
        ("with space\n", "WITH_SPACE_"),
        ("日本", "__"),
    ],
)
def test_a_key_becomes_a_valid_name_in_upper_case(key: str, name: str) -> None:
    assert variable_name(key) == name


@pytest.mark.acceptance("SHL-09")
@pytest.mark.parametrize(
    "key",
    [
        *("path", "ld_preload", "LD_LIBRARY_PATH", "dyld_x", "home", "shell", "user", "logname", "term", "ifs"),
        *("bash_env", "env", "pythonpath", "pythonstartup", "node_options", "git_x", "git-ssh-command", "lc_all"),
        *("wfe_output", "WFE_RUN_ID", "\u017fhell", "prompt-command", "perl5lib", "rubyopt", "http_proxy", "-", ""),
        *("bash_func_ls", "shellopts", "bashopts", "glibc_tunables", "editor"),
    ],
)
def test_run_data_never_sets_a_name_that_changes_what_programs_are_or_load(scratch: Scratch, key: str) -> None:
    before = build(scratch).variables
    assert variable_name(key) is None
    assert build(scratch, {key: "evil"}, inputs={key: "evil"}).variables == before


@pytest.mark.acceptance("SHL-08")
def test_of_two_keys_for_one_name_the_later_by_code_point_wins_with_a_warning(scratch: Scratch) -> None:
    built = build(scratch, {"image_tag": "underscore", "image-tag": "dash", "IMAGE.TAG": "dot"})
    assert built.variables["IMAGE_TAG"] == b"underscore"
    assert len(built.warnings) == 2
    assert all("IMAGE_TAG" in warning for warning in built.warnings)
    assert build(scratch, {"image-tag": "dash", "image_tag": None}).variables["IMAGE_TAG"] == b"dash"


def test_a_steps_inputs_win_over_run_data_and_null_unsets(scratch: Scratch) -> None:
    built = build(scratch, {"image_tag": "data", "gone": "data", "none": None}, inputs={"image-tag": "i", "gone": None})
    assert built.variables["IMAGE_TAG"] == b"i"
    assert "GONE" not in built.variables
    assert "NONE" not in built.variables
    assert built.warnings == []


def test_expressions_are_exported_last_as_text_or_json_and_null_is_unset(scratch: Scratch) -> None:
    expressions = {"WFE_EXPR_1": "a b", "WFE_EXPR_2": {"k": [1]}, "WFE_EXPR_3": None, "WFE_EXPR_4": True}
    found = build(scratch, expressions=expressions, env={"WFE_EXPR_1": "x", "WFE_EXPR_3": "x"}).variables
    assert (found["WFE_EXPR_1"], found["WFE_EXPR_2"], found["WFE_EXPR_4"]) == (b"a b", b'{"k":[1]}', b"true")
    assert "WFE_EXPR_3" not in found


@pytest.mark.acceptance("SHL-10")
@pytest.mark.parametrize("layer", ["data", "inputs", "env"])
def test_a_value_over_the_limit_of_a_variable_is_a_file_with_its_whole_content(scratch: Scratch, layer: str) -> None:
    value = ["x" * 200_000]
    built = build(scratch, **{layer: {"BIG": value}})
    assert "BIG" not in built.variables
    assert json.loads(content_of(built, "BIG_FILE")) == value
    assert len(built.files) == 1
    scratch.remove(built.files)
    assert not os.path.exists(built.variables["BIG_FILE"])


@pytest.mark.acceptance("SHL-10", "SEC-08")
def test_the_limit_of_a_variable_is_exactly_linuxs(scratch: Scratch) -> None:
    room = 128 * 1024 - len("V=") - 1
    assert len(build(scratch, {"v": "x" * room}).variables["V"]) == room
    assert "V_FILE" in build(scratch, {"v": "x" * (room + 1)}).variables


@pytest.mark.acceptance("SHL-11")
def test_a_value_with_a_nul_is_a_file(scratch: Scratch) -> None:
    built = build(scratch, {"odd": "a\0b"})
    assert "ODD" not in built.variables
    assert content_of(built, "ODD_FILE") == b"a\0b"


@pytest.mark.acceptance("SHL-11", "SEC-08")
@pytest.mark.parametrize("value", ["a\0b", "x" * 200_000])
def test_an_expression_that_no_variable_can_hold_is_a_limit_error_that_names_it(scratch: Scratch, value: str) -> None:
    with pytest.raises(TaskProblem, match="WFE_EXPR_2") as caught:
        build(scratch, expressions={"WFE_EXPR_1": "fine", "WFE_EXPR_2": value})
    assert caught.value.kind == "limit"


def test_the_largest_values_go_to_files_first_when_the_sum_is_too_large(scratch: Scratch) -> None:
    half = os.sysconf("SC_ARG_MAX") // 2
    count = half // 100_000 + 2
    built = build(scratch, {"small": "s"} | {f"part_{number:04}": "x" * 100_000 for number in range(count)})
    files = [name for name in built.variables if name.endswith("_FILE")]
    assert 0 < len(files) < count
    assert built.variables["SMALL"] == b"s"
    assert sum(len(name) + len(value) + 10 for name, value in built.variables.items()) <= half + len(files) * 200


def test_expressions_that_are_too_large_together_are_a_limit_error(scratch: Scratch) -> None:
    count = os.sysconf("SC_ARG_MAX") // 100_000 + 1
    with pytest.raises(TaskProblem) as caught:
        build(scratch, expressions={f"WFE_EXPR_{number}": "x" * 100_000 for number in range(count)})
    assert caught.value.kind == "limit"


def test_the_name_of_a_file_never_hides_env_and_a_hidden_value_is_told(scratch: Scratch) -> None:
    big = "x" * 200_000
    built = build(scratch, {"big": big}, env={"BIG_FILE": "mine"})
    assert built.variables["BIG_FILE"] == b"mine"
    assert any("BIG_FILE" in warning for warning in built.warnings)
    built = build(scratch, {"big": big, "big_file": "data"})
    assert content_of(built, "BIG_FILE") == big.encode()
    assert any("BIG_FILE" in warning for warning in built.warnings)


@pytest.mark.parametrize("name", ["", "A=B", "A\0"])
def test_a_name_that_can_not_be_one_is_an_error(scratch: Scratch, name: str) -> None:
    with pytest.raises(TaskProblem, match="env has the name"):
        build(scratch, env={name: "x"})


def test_no_file_is_left_when_building_fails(scratch: Scratch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = scratch.write

    def fail_at_second(name: str, content: bytes) -> str:
        if name.startswith("2-"):
            raise TaskProblem("executor", "disk full")
        return write(name, content)

    monkeypatch.setattr(scratch, "write", fail_at_second)
    with pytest.raises(TaskProblem, match="disk full"):
        build(scratch, {"a": "x" * 200_000, "b": "x" * 200_000})
    (folder,) = tmp_path.iterdir()
    assert [file.name for file in folder.iterdir() if not file.name.startswith(".")] == []
