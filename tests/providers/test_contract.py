"""The contract of stores is whole: there is nothing that a store does of which no clause says how."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

from tests.providers import contract
from wfe_runtime.providers.contracts import Store


def test_every_method_of_a_store_is_called_in_a_clause() -> None:
    methods = {name for name, value in vars(Store).items() if inspect.isfunction(value) and not name.startswith("_")}
    sources = [path.read_text() for path in Path(contract.__file__).parent.glob("*.py")]
    called = {
        node.func.attr
        for source in sources
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert len(methods) > 40
    assert methods <= called, methods - called
