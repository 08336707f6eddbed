"""The language: front ends, checks and the compiler, from a file to programs of the machine.

::

    diagnostics = Diagnostics()
    for compiled in compile_file("pipeline.yaml", Variables(), diagnostics):
        print(compiled.program.workflow, compiled.hash)

What is exported here is for users; everything else is private. Nothing is imported before it is asked
for: a command that needs no parser does not pay for one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .builder import Workflow
    from .compiler import Compiled, UnknownNotation, compile_document, compile_file
    from .diagnostics.codes import CODES, Code
    from .diagnostics.model import Diagnostic, Diagnostics, Fix, Label
    from .source import SourceFile, Span
    from .variables import Variables
    from .yaml_front import load_yaml, load_yaml_text

__all__ = [
    "CODES",
    "Code",
    "Compiled",
    "Diagnostic",
    "Diagnostics",
    "Fix",
    "Label",
    "SourceFile",
    "Span",
    "UnknownNotation",
    "Variables",
    "Workflow",
    "compile_document",
    "compile_file",
    "load_yaml",
    "load_yaml_text",
]

_MODULES: Final[dict[str, str]] = {
    "CODES": "diagnostics.codes",
    "Code": "diagnostics.codes",
    "Compiled": "compiler",
    "Diagnostic": "diagnostics.model",
    "Diagnostics": "diagnostics.model",
    "Fix": "diagnostics.model",
    "Label": "diagnostics.model",
    "SourceFile": "source",
    "Span": "source",
    "UnknownNotation": "compiler",
    "Variables": "variables",
    "Workflow": "builder",
    "compile_document": "compiler",
    "compile_file": "compiler",
    "load_yaml": "yaml_front",
    "load_yaml_text": "yaml_front",
}


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{module}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
