"""Checks the names of variables in an `env`, of tasks and of services.

This file owns the rule of which names a variable may have. A dot or a dash is allowed: there are programs in
containers that read such variables, although no shell can.
"""

from __future__ import annotations

import re
from typing import Final

from . import nodes
from .diagnostics.model import Diagnostics

__all__ = ["check_environment"]

_NAME: Final = re.compile(r"[^\s=\x00-\x1f\x7f0-9][^\s=\x00-\x1f\x7f]*")
_NO_PART: Final = re.compile(r"[^A-Za-z0-9_]+")


def check_environment(env: nodes.Expression | None, diagnostics: Diagnostics) -> None:
    """Report each name that no variable can have, or that every shell drops."""
    if not isinstance(env, nodes.MapExpression):
        return
    for name, span, _ in env.entries:
        if _NAME.fullmatch(name) is None:
            proposal = _NO_PART.sub("_", name).strip("_")
            proposal = f"_{proposal}" if proposal[:1].isdigit() else proposal
            help = "it begins with a letter or `_`, and has neither blanks nor `=`"
            diagnostics.add(
                "WFE0113",
                f"`{name}` can't be the name of a variable in `env`"
                if name
                else "a variable in `env` has an empty name",
                span,
                f"{help}, as in `{proposal}`" if proposal else help,
            )
