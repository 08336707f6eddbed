"""The small numbers of a run's life: what pointers wait for, where frames are, how attempts end.

They are stored in states, so a number keeps its meaning for ever. ``_phases.pxd`` is generated from
this file: the compiled machine needs them as C integers.
"""

from __future__ import annotations

from typing import Final

# What a pointer waits for.
READY: Final = 0
WAIT_STEP: Final = 1
WAIT_CHILD: Final = 2
WAIT_TIMER: Final = 3
WAIT_FORK: Final = 4
PARKED: Final = 5
GONE: Final = 6  # it has ended; never stored
WAIT_EVENT: Final = 7
WAIT_ANSWER: Final = 8  # to an approval
WAIT_UNDO: Final = 10  # its saga's compensations
DECIDING: Final = 11  # whether it has won its race; never stored

# How an attempt ended.
SUCCESS: Final = 1
FAILURE: Final = 2
ERROR: Final = 3
ABORT: Final = 4
SKIPPED: Final = 5

# Where a frame is.
GUARDING: Final = 0
BODY: Final = 1
DELAY: Final = 2
HOOK: Final = 3
ENSURE: Final = 4
UNDOING: Final = 5  # from HOOK on the body is over, and what follows is let finish

# Why frames are being left.
STAYING: Final = 0
RETURNING: Final = 1
ABORTING: Final = 2

# What a failure takes along on its way up, in a frame's ``marks``.
WANTS_UNDO: Final = 1  # a step asked for the run to be undone
UNDONE: Final = 2  # something was undone for it
STARTS_OVER: Final = 4  # of the undone frame itself: nothing of it is left to go on from

# Under which number a for_each keeps its list beside what its iterations collect.
ITEMS_INDEX: Final = -1
