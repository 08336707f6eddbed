"""Where runs are kept: a store is chosen by the scheme of its URL.

This file owns the table of schemes. It imports a provider only when its scheme is asked for, and never
gives another provider than the one asked for: a misspelt URL is an error, not a store in memory.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, cast

from wfe_runtime.errors import StoreError
from wfe_runtime.providers.contracts import Store

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["open_store"]

BUILT_IN = {
    "memory": "wfe_runtime.providers.memory:open_memory",
    "sqlite": "wfe_runtime.providers.sqlite:open_sqlite",
}
EXAMPLES = "sqlite:///runs.db is a file in this folder, sqlite:////var/wfe/runs.db one elsewhere; memory: is none"

Factory = Callable[[str], Store]


def open_store(url: str) -> Store:
    """Return the store that a URL names, not opened yet: ``await store.open()`` does that.

    Schemes are built in or come from installed ``wfe.providers`` entry points, each a function from the
    URL to a Store. Raises StoreError ``url`` for an unknown scheme, with the ones that are near, and for
    a URL that its provider can't read.
    """
    matched = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", url)
    if matched is None:
        raise StoreError("url", f"{url!r} is not the URL of a store: it has no scheme", EXAMPLES)
    scheme = matched[1].lower()
    if scheme in BUILT_IN:
        module, _, name = BUILT_IN[scheme].partition(":")
        return cast(Factory, getattr(import_module(module), name))(url)
    installed = _installed()
    if scheme in installed:
        try:
            factory = cast(Factory, installed[scheme].load())
        except ImportError as error:
            raise StoreError(
                "url", f"the provider of {scheme}: stores can't be loaded: {error}", "install what it needs"
            ) from error
        return factory(url)
    known = sorted({*BUILT_IN, *installed})
    near = difflib.get_close_matches(scheme, known, n=2, cutoff=0.5)
    raise StoreError(
        "url",
        f"no store is known for {scheme}: in {url!r}; there are {', '.join(known)}",
        f"did you mean {' or '.join(f'{name}:' for name in near)}? {EXAMPLES}" if near else EXAMPLES,
    )


def _installed() -> dict[str, EntryPoint]:
    # Imported here: it takes longer than all else in this package, and the common schemes don't need it.
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group="wfe.providers")}
