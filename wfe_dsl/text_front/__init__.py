"""The text language: from ``.wfe`` files to the tree of ``wfe_dsl.nodes``, and back.

``tokens`` cuts a text, ``cursor`` walks along it and finds its way after a mistake; ``workflows``, ``steps``,
``modifiers`` and ``values`` make the plain tree that the same file would be in YAML, and the builders of that
front end make nodes of it: a rule about keys and values stands in one place. ``printer`` writes a tree,
with a module beside it for each of the parser's; ``formatter`` lays a text out anew. The language is that of
``grammars/workflow.lark``; tests hold the parser to it.
"""

from __future__ import annotations

from .comments import read_comments
from .documents import load_source, load_text
from .formatter import format_text
from .printer import print_document

__all__ = ["format_text", "load_source", "load_text", "print_document", "read_comments"]
