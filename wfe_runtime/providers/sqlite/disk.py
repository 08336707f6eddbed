"""How long the disk takes, lately, to make a transaction durable, and so whether the event loop may wait for that.

This file owns that judgement. It knows nothing of threads and SQL. The rules:

* The middle one of the last three looks counts, so that a single slow transaction (one that moves the write-ahead log
  to the file, say) says nothing.
* A look by the thread counts only where it says that the disk is quick: a thread waits for the interpreter as well,
  and can't tell the one from the other.
* A disk that is slow is looked at again by the loop after so many transactions that its waiting hardly weighs.
"""

from __future__ import annotations

from collections import deque

__all__ = ["QUICK_S", "Disk"]

QUICK_S = 0.001  # as long as a step of Python may take
WRITE_S = 0.00001  # of what a commit writes: a page or two, into the system's memory
FEW = 4  # commits, in which time there would be little else to do
AGAIN = 16  # transactions to the next look, for each QUICK_S that the disk takes


class Disk:
    """What is known of the disk under a store."""

    def __init__(self) -> None:
        self._looks = deque([2 * QUICK_S] * 3, 3)
        self.seconds = 2 * QUICK_S  # nothing is known yet: the thread finds out
        self._pause = AGAIN

    def is_quick(self, commits: int) -> bool:
        """Say whether the end of a transaction with so many commits is not worth a hop to the thread."""
        return self.seconds < (QUICK_S if commits <= FEW else QUICK_S / 2)

    def may_be_waited_for(self, commits: int) -> bool:
        """Say whether the next transaction, with so many commits, may be ended on the loop. Asked once for each."""
        if self.is_quick(commits):
            return True
        self._pause -= 1
        if self._pause > 0:
            return False
        self._pause = int(AGAIN * self.seconds / QUICK_S)
        return True

    def note(self, seconds: float, commits: int, on_loop: bool) -> None:
        """Take in how long the end of a transaction with so many commits has taken."""
        seconds -= WRITE_S * commits
        if on_loop or seconds < QUICK_S:
            self._looks.append(seconds)
            self.seconds = sorted(self._looks)[1]
