"""How long does it take to read a file of the text language, next to the same workflow in YAML?

The floor is the YAML front end on the same steps. Both make the same tree, which is compared before a time counts.
The ratio says what the notation costs, and a line of 100,000 has to cost what one of 1,000 does, whatever most of them
hold. Counted is the time of the processor. ``python -m benchmarks.bench_text``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from wfe_dsl import nodes
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.text_front import load_source
from wfe_dsl.variables import Variables
from wfe_dsl.yaml_front import load_yaml_text

from .documents import PAIRS
from .measure import Contender, compete, options, report

Load = Callable[[str, Variables, Diagnostics], nodes.Document | None]


def loaded(load: Load, text: str) -> nodes.Document | None:
    """Load a text; None where it has mistakes."""
    diagnostics = Diagnostics()
    document = load(text, Variables(), diagnostics)
    return None if diagnostics.found else document


def is_same(wanted: object, document: object) -> bool:
    """Whether a document has the workflows that are wanted."""
    return isinstance(document, nodes.Document) and nodes.structure(document.workflows) == wanted


def main() -> None:
    chosen = options(__doc__ or "", rounds=5)
    for name, pair in PAIRS.items():
        for wanted in (1000, 100_000):
            text, yaml = pair(wanted)
            lines = text.count("\n")
            first = loaded(load_yaml_text, yaml)
            assert first is not None
            check = partial(is_same, nodes.structure(first.workflows))
            contenders = [
                Contender("YAML", lines, partial(loaded, load_yaml_text, yaml), check, time.process_time),
                Contender("text language", lines, partial(loaded, load_source, text), check, time.process_time),
            ]
            compete(contenders, chosen.rounds * (10 if wanted < 10_000 else 1))
            report(f"loading {lines:,} lines, {name}", contenders, "line", chosen.json)


if __name__ == "__main__":
    main()
