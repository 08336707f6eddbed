"""The direction of imports, as the linter sees it and as Python does."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
IMPURE = {
    "asyncio", "logging", "os", "random", "secrets", "select", "selectors", "signal", "socket", "sqlite3", "ssl",
    "subprocess", "tempfile", "threading", "time", "uuid",
}  # fmt: skip
MACHINE_SOURCES = sorted((ROOT / "wfe_vm").glob("*.py"))


def nodes_of(source: str) -> list[ast.AST]:
    return list(ast.walk(ast.parse(source)))


def imported_modules(nodes: list[ast.AST]) -> set[str]:
    """Return the first names of all that a source of these nodes imports, at any depth of it."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(str(node.module).partition(".")[0])
    return found


def test_every_import_goes_downwards() -> None:
    command = [sys.executable, "-c", "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.acceptance("MCH-02")
@pytest.mark.parametrize("path", MACHINE_SOURCES, ids=lambda path: path.stem)
def test_the_machine_imports_no_clock_no_dice_and_no_io(path: Path) -> None:
    assert not imported_modules(nodes_of(path.read_text())) & IMPURE


@pytest.mark.parametrize(
    "source",
    ["import os.path", "from time import time", "def f():\n    import random", "import json, socket"],
)
def test_an_impure_import_is_seen_wherever_it_stands(source: str) -> None:
    assert imported_modules(nodes_of(source)) & IMPURE


@pytest.mark.parametrize(
    "module",
    [
        "wfe_runtime",
        "wfe_runtime.engine",
        "wfe_runtime.library.engine",
        "wfe_runtime.providers",
        "wfe_runtime.executors.shell",
    ],
)
def test_a_host_that_runs_stored_programs_loads_no_parser(module: str) -> None:
    command = [sys.executable, "-X", "importtime", "-c", f"import {module}"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    loaded = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines() if line.startswith("import time:")}
    assert module in loaded
    assert not {name for name in loaded if re.match(r"(lark|yaml|wfe_dsl)(\.|$)", name)}


def modules_after(statement: str) -> set[str]:
    """Return the first names of all modules that a statement loads in an interpreter of its own."""
    code = f"import sys; {statement}; print(*sys.modules, file=sys.__stderr__)"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return {name.partition(".")[0] for name in result.stderr.splitlines()[-1].split()}


HEAVY = {
    "asyncio",
    "asyncpg",
    "lark",
    "msgspec",
    "opensearchpy",
    "redis",
    "rich",
    "sqlite3",
    "uvloop",
    "wfe_dsl",
    "yaml",
}


@pytest.mark.parametrize(
    "statement",
    [
        "import wfe_runtime",
        "from wfe_runtime.cli.main import run; run(['--help'])",
        "from wfe_runtime.cli.main import run; run(['help'])",
    ],
)
def test_the_package_and_its_help_load_nothing_heavy(statement: str) -> None:
    assert "wfe_runtime" in modules_after(statement)
    assert not modules_after(statement) & HEAVY


SOURCES = sorted(path for package in ("wfe_vm", "wfe_dsl", "wfe_runtime") for path in (ROOT / package).rglob("*.py"))
UNSAFE_MODULES = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "dbm", "ctypes"}
UNSAFE_CALLS = {"eval", "exec", "compile", "__import__"}
UNSAFE_YAML = {"load", "load_all", "full_load", "unsafe_load", "Loader", "UnsafeLoader", "FullLoader", "Constructor"}
PERMITTED = {
    # A workflow that is written in Python is Python: whoever names the file runs it.
    "wfe_dsl/builder/loading.py": {"compile", "exec"},
    # With the loader that makes nothing but texts, lists and maps.
    "wfe_dsl/diagnostics/notations.py": {"yaml.load"},
    # Calls of the kernel that Python has no functions for.
    "wfe_runtime/executors/confinement.py": {"ctypes"},
    "wfe_runtime/executors/sandbox_launcher.py": {"ctypes"},
}


def unsafe_uses(source: str) -> set[str]:
    """Return what a source uses that can make code or objects of data: modules, builtins, YAML that constructs."""
    nodes = nodes_of(source)
    found = imported_modules(nodes) & UNSAFE_MODULES
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in UNSAFE_CALLS:
            found.add(node.func.id)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "yaml":
            found |= {f"yaml.{node.attr}"} if node.attr in UNSAFE_YAML else set()
        if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] == "yaml":
            found |= {f"yaml.{name.name}" for name in node.names if name.name in UNSAFE_YAML}
        if isinstance(node, ast.keyword) and node.arg == "shell" and getattr(node.value, "value", None) is True:
            found.add("shell=True")
    return found


@pytest.mark.acceptance("SEC-01")
def test_nothing_makes_code_or_objects_of_data() -> None:
    found = {str(path.relative_to(ROOT)): unsafe_uses(path.read_text()) for path in SOURCES}
    assert {path: uses for path, uses in found.items() if uses} == PERMITTED
    assert "yaml.load(written, yaml.BaseLoader)" in (ROOT / "wfe_dsl/diagnostics/notations.py").read_text()


@pytest.mark.parametrize(
    ("source", "uses"),
    [
        ("import pickle", {"pickle"}),
        ("def f():\n    from marshal import loads", {"marshal"}),
        ("eval(text)", {"eval"}),
        ("yaml.unsafe_load(text)", {"yaml.unsafe_load"}),
        ("from yaml import FullLoader", {"yaml.FullLoader"}),
        ("subprocess.run(text, shell=True)", {"shell=True"}),
        ("re.compile(text); yaml.safe_load(text); subprocess.run(text, shell=False)", set()),
    ],
)
def test_an_unsafe_use_is_seen_wherever_it_stands(source: str, uses: set[str]) -> None:
    assert unsafe_uses(source) == uses


@pytest.mark.acceptance("SEC-01")
def test_an_engine_that_runs_stored_programs_loads_nothing_that_unpickles() -> None:
    loaded = modules_after("import wfe_runtime.engine, wfe_runtime.providers.sqlite, wfe_runtime.executors.shell")
    assert "msgspec" in loaded
    assert not loaded & {"pickle", "shelve", "dill", "cloudpickle", "dbm", "multiprocessing"}
