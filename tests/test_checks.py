"""No test passes because what it defines is never run."""

from __future__ import annotations

import ast
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
Function = ast.FunctionDef | ast.AsyncFunctionDef


def forgotten(source: str) -> list[str]:
    """Return the functions that are defined in a test and named nowhere in it; a decorated one is used by that."""
    return [
        f"{test.name}: {inner.name}"
        for test in ast.walk(ast.parse(source))
        if isinstance(test, Function) and test.name.startswith("test_")
        for inner in test.body
        if isinstance(inner, Function) and not inner.decorator_list
        if not any(isinstance(node, ast.Name) and node.id == inner.name for node in ast.walk(test))
    ]


def test_what_a_test_defines_is_used_in_it() -> None:
    found = {str(path): forgotten(path.read_text()) for path in FOLDER.rglob("*.py")}
    assert len(found) > 100
    assert {path: names for path, names in found.items() if names} == {}


def test_a_check_that_is_never_run_is_seen() -> None:
    test = "def test_a():\n    async def main(): ...\n    RUN\n"
    assert forgotten(test.replace("RUN", "pass")) == ["test_a: main"]
    assert forgotten(test.replace("RUN", "asyncio.run(main())")) == []
