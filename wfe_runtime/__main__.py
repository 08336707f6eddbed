"""``python -m wfe_runtime``: the command ``wfec`` where no script of that name is installed."""

from __future__ import annotations

from .cli.main import main

if __name__ == "__main__":
    main()
