"""The process that is killed: an engine whose run books rows in transactions that end its steps.

``python -m tests.crash.transaction_child URL``, with WFE_FAULT in its environment. Run again, it finishes the run.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Final

from wfe_runtime import Engine, Transaction

STEPS: Final = 3
STEP: Final = """
    - name: book-{n}
      type: python
      config: {{call: book}}
      inputs: {{n: "{n}"}}"""
TEXT: Final = f"""
workflow:
  id: books
  version: 1
  steps:{"".join(STEP.format(n=n) for n in range(STEPS))}
"""


def book(transaction: Transaction, n: int) -> None:
    """Book a number; twice is not refused, so that it would be seen."""
    transaction.execute("CREATE TABLE IF NOT EXISTS bookings (n INTEGER)")
    transaction.execute("INSERT INTO bookings VALUES (?)", (n,))


async def main(url: str) -> None:
    """Start the run, or go on with it, to its end."""
    async with Engine(url, transactions=[book], workflows=[TEXT]) as engine:
        print((await (await engine.start("books", key="once")).result()).status)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
