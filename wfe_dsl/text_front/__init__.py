"""The text language: from ``.wfe`` files to the tree of ``wfe_dsl.nodes``, and back.

``tokens`` cuts a text, ``cursor`` walks along it and finds its way after a mistake; ``workflows``, ``steps``,
``modifiers`` and ``values`` make the plain tree that the same file would be in YAML, and the builders of that
front end make nodes of it: a rule about keys and values stands in one place. The reference of the notation is
``grammars/workflow.lark``, to which tests hold this parser.
"""

from __future__ import annotations

from .documents import load_source, load_text
from .printer import print_document

__all__ = ["load_source", "load_text", "print_document"]
