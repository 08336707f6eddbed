"""The workflow files of this repository, by a name each: examples, blocks of the documents, the catalogue's."""

from __future__ import annotations

import re
from pathlib import Path

from wfe_dsl.diagnostics.codes import ROWS

__all__ = ["LANGUAGE", "ROOT", "SOUND", "TEXT_SOURCES", "YAML_FILES"]

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TEXT_BLOCK = re.compile(r"^````?wfe\n(.*?)^````?$", re.MULTILINE | re.DOTALL)
TEXTS_OF_TESTS = re.compile(r'"""\n(workflows?:.*?)"""', re.DOTALL)

YAML_FILES = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in (*sorted((ROOT / "examples").glob("*.yaml")), ROOT / "workflows.yaml")
}
"""Those that lie in the tree as files, by their path."""

_IN_PAGES = {
    f"docs/{page.name}-{number}.yaml": text
    for page in PAGES
    for number, text in enumerate(BLOCK.findall(page.read_text()))
    if re.search(r"^workflows?:", text, re.MULTILINE) and "(has mistakes)" not in text
}
_IN_TESTS = {
    f"tests/{path.stem}-{number}.yaml": text
    for path in sorted((ROOT / "tests" / "cli").glob("files.py"))
    for number, text in enumerate(TEXTS_OF_TESTS.findall(path.read_text()))
}
SOUND = {
    **YAML_FILES,
    **_IN_PAGES,
    **_IN_TESTS,
    **{f"{row.code}.yaml": row.right for row in ROWS if re.search(r"^workflows?:", row.right, re.MULTILINE)},
}
"""Files without an error, and the texts of such."""

LANGUAGE = {path.stem: path for path in sorted((ROOT / "tests" / "data" / "language").glob("*.yaml"))}
"""The files that show the language, a construct after the other."""

TEXT_SOURCES = {
    **{
        str(path.relative_to(ROOT)): path.read_text()
        for folder in ("examples", "tests/data")
        for path in sorted((ROOT / folder).rglob("*.wfe"))
    },
    **{
        f"docs/{page.name}-{number}.wfe": text
        for page in PAGES
        for number, text in enumerate(TEXT_BLOCK.findall(page.read_text()))
        if text.startswith("workflow ")
    },
    **{f"{row.code}.wfe": row.right for row in ROWS if row.right.startswith("workflow ")},
}
"""Files of the text language; those under ``broken_text`` have mistakes, most of them in their notation."""
