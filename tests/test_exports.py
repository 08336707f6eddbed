"""What a package says it exports is there, in order, and nothing that users need is left to chance."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from pathlib import Path

import pytest

PUBLIC = ("wfe_vm", "wfe_dsl", "wfe_runtime")


def packages() -> list[str]:
    """Return the public packages and those inside them."""
    found = []
    for name in PUBLIC:
        found.append(name)
        package = importlib.import_module(name)
        inner = pkgutil.walk_packages(package.__path__, f"{name}.")
        found += [module.name for module in inner if module.ispkg]
    return found


@pytest.mark.parametrize("name", packages())
def test_a_package_exports_what_it_lists_in_order(name: str) -> None:
    package = importlib.import_module(name)
    exported = getattr(package, "__all__", [])
    assert list(exported) == sorted(set(exported))
    assert [entry for entry in exported if not hasattr(package, entry)] == []


@pytest.mark.parametrize("name", packages())
def test_a_package_with_code_says_what_it_exports(name: str) -> None:
    path = importlib.import_module(name).__file__
    assert path is not None
    statements = [node for node in ast.parse(Path(path).read_text()).body if not isinstance(node, ast.Expr)]
    assigned = [target for node in statements if isinstance(node, ast.Assign | ast.AnnAssign)
                for target in (node.targets if isinstance(node, ast.Assign) else [node.target])]  # fmt: skip
    names = [target.id for target in assigned if isinstance(target, ast.Name)]
    assert not statements or "__all__" in names


@pytest.mark.parametrize("name", PUBLIC)
def test_each_public_package_exports_something(name: str) -> None:
    assert importlib.import_module(name).__all__
