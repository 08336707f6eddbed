"""The command ``wfec``. Users run it; nothing here is for import but ``main.run`` and ``main.main``."""

from __future__ import annotations

__all__: list[str] = []
