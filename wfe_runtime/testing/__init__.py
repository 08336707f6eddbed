"""What users test their workflows with: an engine whose time jumps, whose steps can be mocked, and that can crash.

``plugin`` holds the fixtures, and alone imports pytest: the rest works under any test runner. What is exported is
loaded when it is first used, since every session of pytest loads the plugin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .clock import JumpingClock
    from .crash import Crashed
    from .engine import EngineUnderTest
    from .history import History, StepAttempt
    from .mocks import Mock

__all__ = ["Crashed", "EngineUnderTest", "History", "JumpingClock", "Mock", "StepAttempt"]

_LAZY = {
    "Crashed": "crash",
    "EngineUnderTest": "engine",
    "History": "history",
    "JumpingClock": "clock",
    "Mock": "mocks",
    "StepAttempt": "history",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_LAZY[name]}", __name__), name)
