"""Loads a file of the text language with all that it includes."""

from __future__ import annotations

from collections.abc import Collection

from .. import nodes
from ..diagnostics.model import Diagnostics
from ..variables import Variables
from ..yaml_front.documents import Read, load_yaml, load_yaml_text, read_file

__all__ = ["load_source", "load_text"]


def load_text(
    path: str,
    variables: Variables,
    diagnostics: Diagnostics,
    read: Read = read_file,
    step_types: Collection[str] = (),
) -> nodes.Document | None:
    """Return the tree of a ``.wfe`` file and of what it includes; its mistakes go to ``diagnostics``.

    ``path`` is as the user wrote it. ``step_types`` are the installed ones beyond those built in. None where
    nothing of it could be read; with errors in ``diagnostics`` the tree is fit for further checks only.
    """
    # Which notation a file has is told by its suffix, at every include.
    return load_yaml(path, variables, diagnostics, read, step_types)


def load_source(
    text: str,
    variables: Variables,
    diagnostics: Diagnostics,
    name: str = "text.wfe",
    path: str = "",
    read: Read = read_file,
    step_types: Collection[str] = (),
) -> nodes.Document | None:
    """As ``load_text``, of a text in memory. ``path`` is what its includes are relative to."""
    return load_yaml_text(text, variables, diagnostics, name, path, read, step_types)
