"""The engine: advances runs durably, and runs their steps. ``Engine`` is what a program embeds.

Everything here is loaded when it is first used, so that importing the package costs next to nothing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .approvals import Answer
    from .errors import (
        DefinitionError,
        InputError,
        MissingError,
        NameTaken,
        NotCompleted,
        NotFound,
        RunFailed,
        StoreError,
        WfeError,
    )
    from .executors import ExecutorRegistry
    from .executors.contract import StepContext, StepResult
    from .executors.python import PythonExecutor
    from .executors.python_call import CallContext, StepStopped
    from .library.activities import Activities, Activity
    from .library.engine import Engine
    from .library.events import LifecycleEvent, Subscription
    from .library.handles import RunHandle
    from .library.lookup import RunInfo
    from .library.middleware import RunCall, RunMiddleware, RunNext, StepMiddleware, StepNext
    from .providers import open_store
    from .providers.contracts import Store, Transaction
    from .providers.rows import Published, Registration
    from .result import RunResult

__all__ = [
    "Activities",
    "Activity",
    "Answer",
    "CallContext",
    "DefinitionError",
    "Engine",
    "ExecutorRegistry",
    "InputError",
    "LifecycleEvent",
    "MissingError",
    "NameTaken",
    "NotCompleted",
    "NotFound",
    "Published",
    "PythonExecutor",
    "Registration",
    "RunCall",
    "RunFailed",
    "RunHandle",
    "RunInfo",
    "RunMiddleware",
    "RunNext",
    "RunResult",
    "StepContext",
    "StepMiddleware",
    "StepNext",
    "StepResult",
    "StepStopped",
    "Store",
    "StoreError",
    "Subscription",
    "Transaction",
    "WfeError",
    "open_store",
]

_LAZY = {
    "Activities": "library.activities",
    "Activity": "library.activities",
    "Answer": "approvals",
    "CallContext": "executors.python_call",
    "DefinitionError": "errors",
    "Engine": "library.engine",
    "ExecutorRegistry": "executors",
    "InputError": "errors",
    "LifecycleEvent": "library.events",
    "MissingError": "errors",
    "NameTaken": "errors",
    "NotCompleted": "errors",
    "NotFound": "errors",
    "Published": "providers.contracts",
    "PythonExecutor": "executors.python",
    "Registration": "providers.contracts",
    "RunCall": "library.middleware",
    "RunFailed": "errors",
    "RunHandle": "library.handles",
    "RunInfo": "library.lookup",
    "RunMiddleware": "library.middleware",
    "RunNext": "library.middleware",
    "RunResult": "result",
    "StepContext": "executors.contract",
    "StepMiddleware": "library.middleware",
    "StepNext": "library.middleware",
    "StepResult": "executors.contract",
    "StepStopped": "executors.python_call",
    "Store": "providers.contracts",
    "StoreError": "errors",
    "Subscription": "library.events",
    "Transaction": "providers.contracts",
    "WfeError": "errors",
    "open_store": "providers",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_LAZY[name]}", __name__), name)
