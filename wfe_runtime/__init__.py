"""The engine: advances runs durably, and runs their steps.

Everything here is loaded when it is first used, so that importing the package costs next to nothing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .engine import Engine
    from .errors import InputError, MissingError, NameTaken, NotFound, StoreError, WfeError
    from .executors import ExecutorRegistry
    from .executors.python import PythonExecutor
    from .executors.python_call import CallContext
    from .providers import open_store
    from .result import RunResult

__all__ = [
    "CallContext",
    "Engine",
    "ExecutorRegistry",
    "InputError",
    "MissingError",
    "NameTaken",
    "NotFound",
    "PythonExecutor",
    "RunResult",
    "StoreError",
    "WfeError",
    "open_store",
]

_LAZY = {
    "CallContext": "executors.python_call",
    "Engine": "engine",
    "ExecutorRegistry": "executors",
    "InputError": "errors",
    "MissingError": "errors",
    "NameTaken": "errors",
    "NotFound": "errors",
    "PythonExecutor": "executors.python",
    "RunResult": "result",
    "StoreError": "errors",
    "WfeError": "errors",
    "open_store": "providers",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_LAZY[name]}", __name__), name)
