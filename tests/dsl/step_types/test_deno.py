"""The step type `deno`: a script, or a file that holds one, and what it is permitted."""

from __future__ import annotations

import pytest

from tests.dsl.build import compile_text

from .support import config_of, everywhere, mistakes, written


@everywhere
@pytest.mark.parametrize(
    ("config", "found"), [("{script: 'x'}", []), ("{file: report.ts}", ["WFE0556"])], ids=["script", "absent file"]
)
def test_the_least_valid_forms_pass(config: str, found: list[str]) -> None:
    assert mistakes("deno", config) == found


@everywhere
@pytest.mark.parametrize(
    "config",
    [
        "{script: x, permissions: {net: [example.com], read: [.], write: [out], env: [HOME], run: true, import: true}}",
        "{script: x, permissions: {run: [git, make], import: [jsr.io]}}",
        "{script: x, permissions: {run: false, dynamic_import: false}}",
        "{script: x, modules: ['npm:lodash@4', 'jsr:@std/path'], env: {A: b}, memory: 256MiB, timeout: 30s}",
    ],
)
def test_every_key_is_taken(config: str) -> None:
    assert mistakes("deno", config) == []


@everywhere
@pytest.mark.parametrize(
    ("config", "code"),
    [
        ("", "WFE0102"),
        ("{}", "WFE0503"),
        ("{permissions: {}}", "WFE0503"),
        ("{script: x, file: y}", "WFE0504"),
        ("{script: [x]}", "WFE0103"),
        ("{run: x}", "WFE0101"),
        ("{script: x, permissions: {ffi: true}}", "WFE0101"),
        ("{script: x, ffi: true}", "WFE0101"),
        ("{script: x, permissions: {net: true}}", "WFE0103"),
        ("{script: x, permissions: {read: true}}", "WFE0103"),
        ("{script: x, permissions: {write: .}}", "WFE0103"),
        ("{script: x, permissions: {env: true}}", "WFE0103"),
        ("{script: x, permissions: {run: git}}", "WFE0103"),
        ("{script: x, permissions: {nett: [a]}}", "WFE0101"),
        ("{script: x, permissions: [net]}", "WFE0103"),
        ("{script: x, permissions: {import: true, dynamic_import: true}}", "WFE0504"),
        ("{script: x, modules: lodash}", "WFE0103"),
        ("{script: x, env: [A]}", "WFE0103"),
        ("{script: x, memory: lots}", "WFE0506"),
        ("{script: x, timeout: 1 hour}", "WFE0115"),
        ("{script: 'output(((region)))'}", "WFE0031"),
    ],
)
def test_a_mistake_is_one_error(config: str, code: str) -> None:
    assert mistakes("deno", config) == [code]


def test_native_code_is_refused_by_name() -> None:
    (found,) = compile_text(written("deno", "{script: x, permissions: {ffi: true}}"))[1]
    assert found.help == "native code can't be permitted"


def test_dynamic_import_is_the_older_spelling_of_import() -> None:
    assert config_of("deno", "{script: x, permissions: {dynamic_import: true, run: [git]}}") == (
        '{script: "x", permissions: {import: true, run: ["git"]}}'
    )


@pytest.mark.parametrize("memory", ["256MiB", "1GiB", "512m", "2g", "64k", "1048576", "1.5GiB"])
def test_a_size_of_memory_is_kept_as_it_is_written(memory: str) -> None:
    assert config_of("deno", f"{{script: x, memory: {memory}}}") == f'{{script: "x", memory: "{memory}"}}'


def test_nothing_but_variables_is_put_into_a_script() -> None:
    assert config_of("deno", "{script: 'const a = `${b}`; c = ${{ d }};'}") == (
        '{script: "const a = `${b}`; c = ${{ d }};"}'
    )
