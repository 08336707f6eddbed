"""The YAML front end: from files to the tree of ``wfe_dsl.nodes``.

``reader`` makes a plain tree with spans of a text; ``documents`` follows includes; ``workflows``, ``steps`` and
the modules below them turn maps into nodes. It knows the notation and nothing of what names refer to.
Every mistake is a diagnostic; the front end goes on after each, and says each once.
"""

from __future__ import annotations

from .documents import Read, load_yaml, load_yaml_text, read_file

__all__ = ["Read", "load_yaml", "load_yaml_text", "read_file"]
